/* Order of numbers that wrap: RFC 1982 serial arithmetic, by subtraction, in one place. */
#ifndef BL_COMMON_SERIAL_H
#define BL_COMMON_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

/**
 * How far @p a is ahead of @p b, negative when behind. At a distance of exactly 2^31, where RFC
 * 1982 defines no order, each is behind the other.
 */
static inline int32_t bl_serial_distance(uint32_t a, uint32_t b) {
    return (int32_t)(a - b);
}

static inline bool bl_serial_after(uint32_t a, uint32_t b) {
    return bl_serial_distance(a, b) > 0;
}

static inline int16_t bl_serial16_distance(uint16_t a, uint16_t b) {
    return (int16_t)(uint16_t)(a - b);
}

static inline bool bl_serial16_after(uint16_t a, uint16_t b) {
    return bl_serial16_distance(a, b) > 0;
}

#endif
