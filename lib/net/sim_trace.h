/*
 * A running 64-bit hash of what happens in a simulation, in order.
 *
 * Each word is xored into the state, which is then multiplied by an odd number and xored with its
 * own upper half. Every one of these steps is a bijection of the state, so two histories that
 * differ in one word differ from there on; histories that differ in more meet again by a chance of
 * 2^-64. Cheap (one multiplication for 8 bytes) and no defence against anybody: nobody here is
 * hostile.
 */
#ifndef BL_NET_SIM_TRACE_H
#define BL_NET_SIM_TRACE_H

#include <stddef.h>
#include <stdint.h>

static inline void bl_trace_word(uint64_t *trace, uint64_t word) {
    uint64_t state = (*trace ^ word) * UINT64_C(0x9E3779B97F4A7C15); /* 2^64 / golden ratio, odd */
    *trace = state ^ state >> 32;
}

/** The same on every machine: bytes are read in little-endian order whatever the machine's own is.
 */
static inline void bl_trace_bytes(uint64_t *trace, const void *data, size_t size) {
    const uint8_t *bytes = data;
    bl_trace_word(trace, size); /* so that no zero byte at an end is lost in the padding */
    for (; size >= 8; size -= 8, bytes += 8) {
        bl_trace_word(trace, (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 |
                                 (uint64_t)bytes[2] << 16 | (uint64_t)bytes[3] << 24 |
                                 (uint64_t)bytes[4] << 32 | (uint64_t)bytes[5] << 40 |
                                 (uint64_t)bytes[6] << 48 | (uint64_t)bytes[7] << 56);
    }
    uint64_t rest = 0;
    for (size_t i = 0; i < size; i++) {
        rest |= (uint64_t)bytes[i] << 8 * i;
    }
    bl_trace_word(trace, rest);
}

#endif
