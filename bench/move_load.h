/*
 * A crowd of players: each client sends an input for each of its ticks, and the server runs each
 * tick of each session with one. Every input says whose it is and for which tick.
 */
#ifndef BL_BENCH_MOVE_LOAD_H
#define BL_BENCH_MOVE_LOAD_H

#include <belay/sim.h>
#include <stdbool.h>
#include <stdint.h>

#define BL_MOVE_LOAD_HZ 60

struct bl_move_load {
    struct belay_link link;
    uint32_t sessions;
    uint32_t settle_ms, play_ms; /* counted is the second */
};

struct bl_move_tally {
    uint64_t ticks, used;
    uint64_t wrong;   /* run with another session's input, or that of another tick */
    uint64_t refused; /* inputs, as info tells */
    double margin;    /* ticks, of all sessions, at the end */
    uint64_t datagrams;
};

/** Adds one run to the tally; false when it could not be started. */
bool bl_move_load_run(const struct bl_move_load *load, uint64_t seed, struct bl_move_tally *tally);

#endif
