/*
 * A histogram of 64-bit values with bounded relative error, for latencies and sizes.
 *
 * Log-linear buckets: 32 per power of two, so a percentile is at most 1/32 above the true value;
 * values below 64 are exact. Fixed size, no allocation.
 */
#ifndef BL_COMMON_HISTOGRAM_H
#define BL_COMMON_HISTOGRAM_H

#include <stdint.h>

#define BL_HISTOGRAM_BUCKETS (60 * 32) /* 64 for the values below 64, 32 for each higher bit */

struct bl_histogram {
    uint64_t count, sum, min, max; /* exact; all 0 while empty, so zeroed memory is an empty one */
    uint64_t buckets[BL_HISTOGRAM_BUCKETS];
};

void bl_histogram_init(struct bl_histogram *histogram);
void bl_histogram_add(struct bl_histogram *histogram, uint64_t value);
void bl_histogram_merge(struct bl_histogram *into, const struct bl_histogram *from);
/**
 * The value that @p percent (0..100) of the values do not exceed, rounded up to the end of its
 * bucket but never above max; 0 when empty.
 */
uint64_t bl_histogram_percentile(const struct bl_histogram *histogram, double percent);

#endif
