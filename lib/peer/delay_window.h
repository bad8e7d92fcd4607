/*
 * How much a peer may have in flight, by delay: after LEDBAT (RFC 6817).
 *
 * ENet's own throttle is pinned, because it drops and starves; this stands in its place. The window
 * grows while the queueing delay (the least of the last samples over the least ever seen) is below
 * its target and shrinks above, so that a bulk transfer fills a slow link and leaves its queue
 * short for the small messages beside it.
 */
#ifndef BL_PEER_DELAY_WINDOW_H
#define BL_PEER_DELAY_WINDOW_H

#include "lib/clock/time.h"
#include <stdbool.h>
#include <stddef.h>

#define BL_DELAY_SAMPLES 8
#define BL_DELAY_TARGET  (50 * BL_MILLISECOND)

struct bl_delay_window {
    double bytes;     /* the window */
    bl_duration base; /* least sample of the binding's life; a shorter memory would creep up on its
                         own queue */
    bl_duration recent[BL_DELAY_SAMPLES];
    unsigned sample_count;
    bool steady; /* the first growth is over */
};

void bl_delay_window_init(struct bl_delay_window *window);
/** One acknowledgement's round trip. */
void bl_delay_window_sample(struct bl_delay_window *window, bl_duration round_trip);
/** @p bytes of what was in flight were acknowledged. */
void bl_delay_window_acknowledge(struct bl_delay_window *window, size_t bytes);
/** Bytes that may be in flight. */
size_t bl_delay_window_size(const struct bl_delay_window *window);

#endif
