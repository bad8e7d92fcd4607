/*
 * The director: its processes and its script. What it does to the others is what happens to real
 * ones: a signal, a network that fails, time.
 */
#ifndef ARENA_DEMO_DIRECTOR_H
#define ARENA_DEMO_DIRECTOR_H

#include "examples/arena/demo/board.h"
#include "examples/arena/relay.h"

#define LOSS_PERCENT 5
#define DELAY_MS     15
#define JITTER_MS    10

struct director {
    struct board board;
    struct relay relay;     /* that most clients play through */
    struct relay cut_relay; /* and who is cut off */
    char folder[32];        /* for the ticket; empty: not made yet */
    char ticket[48];
    size_t step;    /* of the script */
    double step_at; /* when the last one was done */
};

/* crew.c: the processes. */

/** Makes what they share. Returns false, with errno, when that cannot be had. */
bool crew_prepare(struct director *director);
void crew_start_server(struct director *director);
/** As soon as the server's port is known. */
void crew_start_relays(struct director *director);
void crew_start_bot(struct director *director, int who);
/** Sends a signal. */
void crew_signal(const struct task *task, int number);
/** Notes who has ended. */
void crew_reap(struct director *director);
bool crew_has_ended(const struct director *director);
/** Ends whoever still runs; only processes that were started here and not yet reaped. */
void crew_end(struct director *director);

/* script.c: what happens, and when. */

/** Does the next step of the script, when its time has come. */
void script_follow(struct director *director);

#endif
