/* The two clocks of a real process. A simulation has its own (lib/net/sim.c). */
#ifndef BL_CLOCK_CLOCK_H
#define BL_CLOCK_CLOCK_H

#include "lib/clock/time.h"

/**
 * Monotonic, and goes on while the machine is suspended (CLOCK_BOOTTIME), so that a suspension is
 * seen as a stall.
 */
bl_time bl_clock_monotonic(void);
/** Nanoseconds since 1970 in UTC; may jump. For expiry of tokens only. */
bl_time bl_clock_wall(void);

#endif
