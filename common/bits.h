/* Positions of bits, in standard C so that every compiler has them. */
#ifndef BL_COMMON_BITS_H
#define BL_COMMON_BITS_H

#include <stdint.h>

/** Index of the highest bit set, by halving the range six times; 0 when none is. */
static inline unsigned bl_bit_highest(uint64_t value) {
    unsigned bit = 0;
    for (unsigned step = 32; step > 0; step /= 2) {
        if (value >> step != 0) {
            value >>= step;
            bit += step;
        }
    }
    return bit;
}

/** Index of the lowest bit set; 0 when none is. */
static inline unsigned bl_bit_lowest(uint64_t value) {
    return bl_bit_highest(value & (~value + 1));
}

#endif
