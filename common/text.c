/*
 * Strangers choose these bytes: player names, reasons, login data. Printed as they are, they could
 * move a terminal's cursor, forge a log line or make a JSON writer fail. So a character passes only
 * when its encoding is the one valid encoding (an overlong one hides a character from filters).
 */
#include "common/text.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/** The forms of RFC 3629 section 3. */
static const struct form {
    uint8_t lead_mask, lead; /* the first byte matches when (byte & lead_mask) == lead */
    uint8_t size;            /* in bytes */
    uint32_t first;          /* smallest code point that needs this many */
} forms[] = {
    {0x80, 0x00, 1, 0x00},
    {0xE0, 0xC0, 2, 0x80},
    {0xF0, 0xE0, 3, 0x800},
    {0xF8, 0xF0, 4, 0x10000},
};

static bool is_control(uint32_t code) {
    return code < 0x20 || (code >= 0x7F && code <= 0x9F);
}

static bool is_surrogate(uint32_t code) {
    return code >= 0xD800 && code <= 0xDFFF;
}

/** Size of the printable character that starts at @p bytes, or 0 when none does. */
static size_t character_size(const uint8_t *bytes, size_t left) {
    const struct form *form = forms;
    const struct form *end = forms + sizeof(forms) / sizeof(forms[0]);
    while (form < end && (bytes[0] & form->lead_mask) != form->lead) {
        form++;
    }
    if (form == end || form->size > left) {
        return 0;
    }
    uint32_t code = (uint8_t)(bytes[0] & ~form->lead_mask);
    for (size_t i = 1; i < form->size; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            return 0;
        }
        code = code << 6 | (bytes[i] & 0x3F);
    }
    bool valid = code >= form->first && code <= 0x10FFFF && !is_surrogate(code);
    return valid && !is_control(code) ? form->size : 0;
}

void bl_text_clean(char *out, size_t out_size, const void *text, size_t size) {
    const uint8_t *bytes = text;
    size_t written = 0;
    for (size_t at = 0; at < size;) {
        size_t character = character_size(bytes + at, size - at);
        size_t step = character > 0 ? character : 1;
        if (step >= out_size - written) {
            break;
        }
        memcpy(out + written, character > 0 ? (const void *)(bytes + at) : "?", step);
        written += step;
        at += step;
    }
    out[written] = '\0';
}

size_t bl_text_length(const char *text, size_t max) {
    size_t length = 0;
    while (length < max && text[length] != '\0') {
        length++;
    }
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) {
        length--; /* the cut falls inside a character */
    }
    return length;
}
