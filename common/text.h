/* Text that a stranger sent, made safe to print. */
#ifndef BL_COMMON_TEXT_H
#define BL_COMMON_TEXT_H

#include <stddef.h>

/**
 * Copies at most @p size bytes of @p text into @p out (out_size > 0, always terminated):
 * well-formed UTF-8 (RFC 3629) without control characters (C0, DEL, C1); every byte that is not
 * part of it becomes '?'. A character that does not fit whole ends the copy before it.
 */
void bl_text_clean(char *out, size_t out_size, const void *text, size_t size);

/** The length of a string, cut to at most @p max bytes at the start of a character. */
size_t bl_text_length(const char *text, size_t max);

#endif
