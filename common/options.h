/* Structs that cross the public surface: a caller's may be older, and so smaller, than ours. */
#ifndef BL_COMMON_OPTIONS_H
#define BL_COMMON_OPTIONS_H

#include <belay/result.h>
#include <stddef.h>

/**
 * Copies an options struct of the caller's size over zeroes, so that a program compiled against an
 * older header leaves the newer fields at their defaults.
 *
 * @param in    begins with its size_t struct_size
 * @param init  the name of its INIT macro, for the error
 * @return BELAY_OK, BELAY_E_INVALID
 */
enum belay_result bl_options_copy(void *out, size_t out_size, const void *in, const char *init);

/**
 * Copies @p size bytes to a struct of the caller's size.
 *
 * @param out    begins with its size_t struct_size, which stays as it is
 * @param field  names it in the error
 * @return BELAY_OK, BELAY_E_INVALID
 */
enum belay_result bl_options_give(void *out, const void *value, size_t size, const char *field);

#endif
