/* Text files of lines of words, cut up in place: `#` begins a comment where a word could. */
#ifndef BL_SECURE_LINES_H
#define BL_SECURE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Part of a text; no terminator, and any byte may be in it. */
struct bl_slice {
    const char *at, *end;
};

/** Cuts the next line off @p text, without its end; false when there is none left. */
bool bl_slice_line(struct bl_slice *line, struct bl_slice *text);
/** Cuts the next word off @p line; an empty one when only blanks or a comment are left. */
struct bl_slice bl_slice_word(struct bl_slice *line);
size_t bl_slice_size(const struct bl_slice *slice);
/**
 * Reads a word of hexadecimal digits, which may be a secret: in constant time.
 *
 * @return false, and @p out undefined, unless the word has exactly @p size bytes
 */
bool bl_slice_hex(uint8_t *out, size_t size, struct bl_slice word);

#endif
