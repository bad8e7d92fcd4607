/* Latencies, counted by the millisecond, so that a percentile at a bar is exact. */
#ifndef BL_BENCH_LATENCY_H
#define BL_BENCH_LATENCY_H

#include <stdint.h>

#define BL_LATENCY_MS_MAX 131071U /* longer ones count as this */

struct bl_latency {
    uint64_t count;
    uint32_t max_ms;
    uint32_t by_ms[BL_LATENCY_MS_MAX + 1];
};

void bl_latency_add(struct bl_latency *latency, uint64_t ms);
/** The nearest rank: what @p percent of the values do not exceed. 0 when there are none. */
uint32_t bl_latency_percentile(const struct bl_latency *latency, double percent);

#endif
