/*
 * The operating system's clocks: the one file of this folder with a platform in it.
 *
 * CLOCK_MONOTONIC stands still while a laptop sleeps, and a session would wake up believing that
 * no time has passed; hence CLOCK_BOOTTIME wherever there is one.
 */
#define _GNU_SOURCE
#include "lib/clock/clock.h"
#include "common/assert.h"
#include <time.h>

#ifdef CLOCK_BOOTTIME
#define CLOCK_THAT_GOES_ON CLOCK_BOOTTIME
#else
#define CLOCK_THAT_GOES_ON CLOCK_MONOTONIC /* on macOS it goes on by itself */
#endif

static bl_time read_clock(clockid_t clock) {
    struct timespec time;
    int status = clock_gettime(clock, &time);
    BELAY_ASSERT(status == 0); /* fails only for a clock that the system does not have */
    return (bl_time)time.tv_sec * BL_SECOND + (bl_time)time.tv_nsec;
}

bl_time bl_clock_monotonic(void) {
    return read_clock(CLOCK_THAT_GOES_ON);
}

bl_time bl_clock_wall(void) {
    return read_clock(CLOCK_REALTIME);
}
