/* The text behind a result: one per thread, as belay_error() returns it. */
#ifndef BL_COMMON_ERROR_H
#define BL_COMMON_ERROR_H

#include <belay/result.h>

#if defined(__GNUC__)
#define BL_PRINTF(format_, first_) __attribute__((format(printf, format_, first_)))
#else
#define BL_PRINTF(format_, first_)
#endif

/**
 * Stores the text of a failure for belay_error(), cleaned (see common/text.h) and cut to 511 bytes.
 * An argument may be belay_error() itself.
 *
 * @return @p result (not BELAY_OK), so that a caller can `return bl_fail(...)`
 */
enum belay_result bl_fail(enum belay_result result, const char *format, ...) BL_PRINTF(2, 3);

#endif
