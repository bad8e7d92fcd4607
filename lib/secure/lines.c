/* A file may come from Windows: a carriage return is a blank. A zero byte is no blank. */
#include "lib/secure/lines.h"

#include <sodium.h>
#include <string.h>

bool bl_slice_line(struct bl_slice *line, struct bl_slice *text) {
    if (text->at == text->end) {
        return false;
    }
    const char *stop = memchr(text->at, '\n', bl_slice_size(text));
    *line = (struct bl_slice){text->at, stop != NULL ? stop : text->end};
    text->at = stop != NULL ? stop + 1 : text->end;
    return true;
}

static bool is_blank(char sign) {
    return sign == ' ' || sign == '\t' || sign == '\r';
}

struct bl_slice bl_slice_word(struct bl_slice *line) {
    while (line->at < line->end && is_blank(*line->at)) {
        line->at++;
    }
    struct bl_slice word = {line->at, line->at};
    if (line->at < line->end && *line->at == '#') {
        return word;
    }
    while (word.end < line->end && !is_blank(*word.end)) {
        word.end++;
    }
    line->at = word.end;
    return word;
}

size_t bl_slice_size(const struct bl_slice *slice) {
    return (size_t)(slice->end - slice->at);
}

bool bl_slice_hex(uint8_t *out, size_t size, struct bl_slice word) {
    size_t got = 0;
    return sodium_hex2bin(out, size, word.at, bl_slice_size(&word), NULL, &got, NULL) == 0 &&
           got == size;
}
