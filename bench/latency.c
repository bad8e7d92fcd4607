#include "bench/latency.h"

void bl_latency_add(struct bl_latency *latency, uint64_t ms) {
    uint32_t value = ms < BL_LATENCY_MS_MAX ? (uint32_t)ms : BL_LATENCY_MS_MAX;
    latency->by_ms[value]++;
    latency->count++;
    if (value > latency->max_ms) {
        latency->max_ms = value;
    }
}

uint32_t bl_latency_percentile(const struct bl_latency *latency, double percent) {
    double exact = percent * (double)latency->count / 100.0;
    uint64_t rank = (uint64_t)exact + ((double)(uint64_t)exact < exact);
    uint64_t seen = 0;
    for (uint32_t ms = 0; ms < latency->max_ms; ms++) {
        seen += latency->by_ms[ms];
        if (seen > 0 && seen >= rank) {
            return ms;
        }
    }
    return latency->max_ms;
}
