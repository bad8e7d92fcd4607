/*
 * The bucket of a value is made of its six highest bits and of how far they were shifted down. The
 * highest of the six is always 1 where anything was shifted, so each power of two has 32 buckets;
 * values below 64 are not shifted and have a bucket each.
 */
#include "common/histogram.h"
#include "common/bits.h"
#include <string.h>

#define MANTISSA_BITS 5 /* below the highest bit: 32 buckets per power of two */

void bl_histogram_init(struct bl_histogram *histogram) {
    memset(histogram, 0, sizeof(*histogram));
}

static unsigned bucket_of(uint64_t value) {
    unsigned highest = bl_bit_highest(value);
    unsigned shift = highest > MANTISSA_BITS ? highest - MANTISSA_BITS : 0;
    return (shift << MANTISSA_BITS) + (unsigned)(value >> shift);
}

/** The largest value of a bucket. The sum wraps to 2^64 - 1 in the last one, as it must. */
static uint64_t bucket_top(unsigned bucket) {
    unsigned shift = bucket < 2u << MANTISSA_BITS ? 0 : (bucket >> MANTISSA_BITS) - 1;
    uint64_t highest_bits = bucket - (shift << MANTISSA_BITS);
    return ((highest_bits + 1) << shift) - 1;
}

void bl_histogram_add(struct bl_histogram *histogram, uint64_t value) {
    if (histogram->count == 0 || value < histogram->min) {
        histogram->min = value;
    }
    if (value > histogram->max) {
        histogram->max = value;
    }
    histogram->count++;
    histogram->sum += value;
    histogram->buckets[bucket_of(value)]++;
}

void bl_histogram_merge(struct bl_histogram *into, const struct bl_histogram *from) {
    if (from->count > 0 && (into->count == 0 || from->min < into->min)) {
        into->min = from->min;
    }
    if (from->max > into->max) {
        into->max = from->max;
    }
    into->count += from->count;
    into->sum += from->sum;
    for (size_t i = 0; i < BL_HISTOGRAM_BUCKETS; i++) {
        into->buckets[i] += from->buckets[i];
    }
}

/** How many of the values, from the smallest, make up @p percent: at least one, rounded up. */
static uint64_t rank_of(const struct bl_histogram *histogram, double percent) {
    /* Multiplied first: 99.9 * 1,000 / 100 is exactly 999 in doubles, 0.999 * 1,000 is not. */
    double exact = percent * (double)histogram->count / 100.0;
    if (!(exact > 1.0)) {
        return 1;
    }
    if (exact >= (double)histogram->count) {
        return histogram->count;
    }
    uint64_t rank = (uint64_t)exact;
    return (double)rank < exact ? rank + 1 : rank;
}

uint64_t bl_histogram_percentile(const struct bl_histogram *histogram, double percent) {
    if (histogram->count == 0) {
        return 0;
    }
    uint64_t rank = rank_of(histogram, percent);
    unsigned bucket = 0;
    for (uint64_t seen = histogram->buckets[0]; seen < rank; seen += histogram->buckets[bucket]) {
        bucket++;
    }
    uint64_t top = bucket_top(bucket);
    return top < histogram->max ? top : histogram->max;
}
