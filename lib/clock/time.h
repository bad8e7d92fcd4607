/* Units of time below the public headers: everything is nanoseconds. */
#ifndef BL_CLOCK_TIME_H
#define BL_CLOCK_TIME_H

#include <stdint.h>

/** A point in time: nanoseconds on one network's clock (monotonic or virtual), never negative. */
typedef int64_t bl_time;
/** A distance between two points in time. */
typedef int64_t bl_duration;

#define BL_MICROSECOND INT64_C(1000)
#define BL_MILLISECOND INT64_C(1000000)
#define BL_SECOND      INT64_C(1000000000)
#define BL_TIME_NEVER  INT64_MAX /* a deadline that is not set */

/** A duration that never ends, a hundred years, and that can still be added to a time. */
#define BL_FOREVER (INT64_C(100) * 365 * 24 * 3600 * BL_SECOND)

static inline bl_duration bl_from_ms(uint32_t ms) {
    return (bl_duration)ms * BL_MILLISECOND;
}

/** Whole milliseconds, saturating at the ends of uint32_t. */
static inline uint32_t bl_to_ms(bl_duration duration) {
    if (duration <= 0) {
        return 0;
    }
    int64_t ms = duration / BL_MILLISECOND;
    return ms > (int64_t)UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static inline bl_time bl_earlier(bl_time a, bl_time b) {
    return a < b ? a : b;
}

#endif
