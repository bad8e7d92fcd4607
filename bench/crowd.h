/*
 * A crowd: one server in a process of its own and many clients in another, which say nothing, over
 * real UDP on loopback, so that what the server costs can be told apart.
 */
#ifndef BL_BENCH_CROWD_H
#define BL_BENCH_CROWD_H

#include <belay/session.h>
#include <stdbool.h>
#include <stdint.h>

#define BL_CROWD_WAIT_MS     10    /* the longest wait of a server's loop, as in the baseline */
#define BL_CROWD_LOGIN_MS    30000 /* for all to log in */
#define BL_CROWD_PUBLISH_MAX 1024  /* bytes */
#define BL_CROWD_DRAIN_MS    1000  /* after the last of a load, for it to arrive */

/** What the server publishes to a topic of all of them while it is measured. */
struct bl_crowd_load {
    uint8_t channel; /* of bl_crowd_channels */
    uint32_t size;   /* 0 = nothing is published */
    uint32_t every_ms;
};

enum { BL_CROWD_RELIABLE, BL_CROWD_SEQUENCED, BL_CROWD_CHANNELS };
extern const struct belay_channel bl_crowd_channels[BL_CROWD_CHANNELS];

struct bl_crowd_opts {
    uint32_t sessions;
    uint32_t settle_ms;  /* after the last login, for what logins leave behind to go */
    uint32_t measure_ms; /* what cpu_ns and datagrams are of; with a load, and a second more */
    struct bl_crowd_load load;
};

/** All of the server's process. */
struct bl_crowd_figures {
    uint64_t cpu_ns;
    uint64_t datagrams;  /* in and out */
    uint64_t heap_one;   /* in use with a server for one session, which nobody has */
    uint64_t heap_empty; /* with a server for all of them, empty */
    uint64_t heap_full;  /* with all of them logged in and idle; 0 = unknown here */
    uint64_t counted_empty, counted_full; /* as its stats say */
    uint64_t published;
    uint64_t delivered; /* messages that clients' applications have got, all together */
};

/** False, with the reason on standard error, when they did not all log in. */
bool bl_crowd_run(const struct bl_crowd_opts *opts, struct bl_crowd_figures *figures);

/** Has @p count clients log in on @p port and stay until this process is killed. @param delivered
 * counts the messages that they get; shared with who reads it */
_Noreturn void bl_crowd_clients(uint32_t count, uint16_t port, _Atomic uint64_t *delivered);

#endif
