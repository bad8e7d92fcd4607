/*
 * The server's ticks: a fixed step, however late the caller comes.
 *
 * Tick n is due n steps after the beginning, in exact arithmetic, so nothing drifts. Who comes late
 * runs what is due, but no more than a few ticks at once: the ticks before those are left out,
 * their numbers with them. So the numbers keep to real time, and clients that keep to it too are as
 * much in time after a stall of the server as before it. Pure: time is an argument.
 */
#ifndef BL_SERVER_TICK_CLOCK_H
#define BL_SERVER_TICK_CLOCK_H

#include "lib/clock/time.h"
#include <stdbool.h>
#include <stdint.h>

struct bl_tick_clock {
    bl_time start; /* when tick `first` was due; both move on by whole seconds */
    uint32_t first;
    uint16_t hz;
    uint16_t catch_up; /* ticks at once, at most */
    uint32_t ran;      /* newest tick that was given out; first - 1 before any */
    uint64_t run_count, left_out_count;
    bl_duration lateness; /* of the newest tick when it was given out */
};

/** Where a server's time is, in ticks. */
struct bl_tick_time {
    uint32_t ran;     /* newest tick that was given out to be run */
    uint32_t due;     /* newest tick whose time has come: ran, or later */
    uint8_t fraction; /* of the way to the next, in 1/256 */
    uint16_t catch_up;
};

/** Tick @p first is due at @p now. */
void bl_tick_clock_start(struct bl_tick_clock *clock, uint16_t hz, uint32_t first, bl_time now);
/** The next tick to run, if one is due. */
bool bl_tick_clock_next(struct bl_tick_clock *clock, bl_time now, uint32_t *tick);
struct bl_tick_time bl_tick_clock_read(const struct bl_tick_clock *clock, bl_time now);
/** When the tick after the newest that was given out is due. */
bl_time bl_tick_clock_due(const struct bl_tick_clock *clock);
/** When a tick is or was due. */
bl_time bl_tick_clock_time_of(const struct bl_tick_clock *clock, uint32_t tick);

/** The oldest tick that may still be run: those before it have been, or are left out. */
static inline uint32_t bl_tick_time_oldest(const struct bl_tick_time *now) {
    uint32_t behind = now->due - now->ran; /* ticks that are due and not run yet */
    return behind > now->catch_up ? now->due - now->catch_up + 1 : now->ran + 1;
}

#endif
