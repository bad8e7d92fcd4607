/*
 * The loop that client and server share: network, clock, endpoint, timers, and the queue of events.
 *
 * One round is: take in what has arrived, run what is due, hand over what sessions want to say,
 * send. What is sent waits for the application while it has something to poll, so that an
 * acknowledgement and the answer to what it acknowledges leave in one datagram.
 */
#ifndef BL_SESSION_LOOP_H
#define BL_SESSION_LOOP_H

#include "lib/session/session.h"
#include <belay/sim.h>
#include <stdatomic.h>

/** A stall is a round that comes so much later than the loop had asked for. */
#define BL_STALL_MIN (250 * BL_MILLISECOND)

struct bl_loop {
    struct bl_memory memory;
    struct bl_timer_wheel wheel;
    struct bl_net *net;
    struct bl_endpoint *endpoint;
    struct bl_endpoint_ops ops;
    struct bl_shared shared;
    struct belay_stats stats;
    bl_time (*tick_due)(const void *user); /* when the application's next tick is */
    void *user;
    bl_time due;       /* when the owner was told to come back */
    bl_time served;    /* at the end of the last service(): ticks are given out as of then */
    bool expects_tick; /* the application does: service() waits no longer than for the next one */
    atomic_bool woken; /* by another thread: the service() that runs, or else the next, returns */
    bool more_arrived; /* the last round did not take in everything */
};

struct bl_loop_opts {
    const struct bl_endpoint_ops *ops; /* bound, admit, denied; the rest is the loop's own */
    bl_time (*tick_due)(const void *user);
    void *user;
    const char *game;
    uint16_t peer_max;
    const struct bl_admission *admission; /* a server's, which outlives the loop; else NULL */
};

/**
 * Opens the endpoint over @p net, which is the loop's from here on. memory is set by now, and so
 * are shared's role, channels and limits.
 */
enum belay_result bl_loop_start(struct bl_loop *loop, struct bl_net *net,
                                const struct bl_loop_opts *opts);
/** Closes network and endpoint; sessions have ended by now, but can still be polled. */
void bl_loop_close(struct bl_loop *loop);
/** Closes, and frees what is left. Sessions are gone by now. Zeroed memory is fine. */
void bl_loop_finish(struct bl_loop *loop);

/** Sends what is queued, then works and waits for up to @p wait_ms until there is something to
 * poll. */
void bl_loop_service(struct bl_loop *loop, uint32_t wait_ms);
/** The application asks for a tick. @return the time as of which it may be due */
bl_time bl_loop_expect_tick(struct bl_loop *loop);
/** Any thread. */
void bl_loop_wake(struct bl_loop *loop);
void bl_loop_flush(struct bl_loop *loop);
bool bl_loop_has_events(const struct bl_loop *loop);
/** Nanoseconds until bl_loop_service() is due: 0 now, -1 never. */
int64_t bl_loop_wait_ns(const struct bl_loop *loop);
/** Reads the clock, and notices a stall before anybody sets a deadline by it. */
void bl_loop_look_at_clock(struct bl_loop *loop);
/**
 * One round of work on the way out, while nobody polls: waits, works, sends. False when @p until is
 * reached, or at once in a simulation, where time does not pass by waiting.
 */
bool bl_loop_work_on(struct bl_loop *loop, bl_time until);
/** Rounds until no released peer has anything left to say, or until @p until; one in a simulation.
 */
void bl_loop_say_goodbye(struct bl_loop *loop, bl_time until);
/** Copies the counters. */
void bl_loop_stats(const struct bl_loop *loop, struct belay_stats *stats);

#endif
