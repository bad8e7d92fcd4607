/*
 * Where the server's ticks are, as seen from here: offset and drift of its clock against ours, from
 * what it says of its ticks, and how unevenly that comes.
 *
 * Nothing of the round trip is in it: the estimate is of what has arrived by now, so it is what
 * remote players are drawn by. Pure: time is an argument.
 */
#ifndef BL_CLIENT_SERVER_CLOCK_H
#define BL_CLIENT_SERVER_CLOCK_H

#include "lib/clock/time.h"
#include <stdbool.h>
#include <stdint.h>

struct bl_server_clock {
    uint16_t hz;
    uint32_t sample_count; /* 0: nothing is known yet */
    bl_time heard_at;      /* of the newest sample */
    uint32_t base;         /* tick of the first sample; all that follows is in ticks since */
    int64_t newest;        /* tick of the newest sample */
    double offset;         /* where the server is at heard_at, smoothed */
    double drift;          /* share by which the server's clock is faster */
    double deviation;      /* of samples from the estimate, on average: the jitter */
    double interval;       /* between samples, on average */
    double rendered;       /* the newest render tick: time is never drawn backwards */
};

void bl_server_clock_init(struct bl_server_clock *clock, uint16_t hz);
/** The server was @p age past the beginning of @p tick when it said so, which has just come. One
 * that is not newer than the last is rejected. */
void bl_server_clock_hear(struct bl_server_clock *clock, bl_time now, uint32_t tick,
                          bl_duration age);
bool bl_server_clock_begun(const struct bl_server_clock *clock);
/** The server's tick as of what comes now, from 0 to below 2^32; 0 before it has begun. */
double bl_server_clock_read(const struct bl_server_clock *clock, bl_time now);
/** Where the server will be when what is sent now comes there: what bl_pacer_begin() wants. */
void bl_server_clock_arrival(const struct bl_server_clock *clock, bl_time now,
                             bl_duration round_trip, uint32_t *tick, double *fraction);
/** The tick to draw remote players at, from 0 to below 2^32: so far back that what is needed has
 * come. Never goes back, unless it is far off; 0 before it has begun. */
double bl_server_clock_render(struct bl_server_clock *clock, bl_time now);

#endif
