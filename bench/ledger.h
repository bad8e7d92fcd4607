/*
 * The load of the `loss` and `simspeed` goals and of their baseline, and the book kept of it.
 *
 * Every client sends one small message at a fixed rate to the server. Each names its sender, its
 * place in the order and the time it was sent, so the book knows what came late, twice, in the
 * wrong order or never.
 */
#ifndef BL_BENCH_LEDGER_H
#define BL_BENCH_LEDGER_H

#include "bench/latency.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BL_LOAD_TICK_MS     5
#define BL_LOAD_CLIENTS     32
#define BL_LOAD_INTERVAL_MS 50
#define BL_LOAD_DELAY_MS    30 /* one way, at least */
#define BL_LOAD_JITTER_MS   40
#define BL_LOAD_CONNECT_MS  30000 /* until everybody is in or has failed */
#define BL_LOAD_DRAIN_MS    60000 /* after the last message, for what is still on its way */

struct bl_load_message {
    uint32_t client;
    uint32_t number; /* from 0 */
    uint64_t sent_ms;
    uint8_t padding[16];
};

/** Sums over all runs of one case. Zeroed memory is an empty one, in which nobody sends. */
struct bl_ledger {
    uint64_t sent, received;
    uint64_t refused;    /* due, but the library did not take it */
    uint64_t missing;    /* sent and never received; known after bl_ledger_close() */
    uint64_t repeated;   /* received again, or after a later one */
    uint64_t misordered; /* passed over by a later one, whether or not it still came */
    uint64_t foreign;    /* nobody sent this */
    struct bl_latency latency;
    uint32_t sessions, sessions_lost; /* these three are for the caller to count */
    uint64_t datagrams;               /* of all ends */
    bool sending;                     /* from open to stop */
    struct {
        uint64_t next_ms;
        uint32_t sent, expected;
    } lines[BL_LOAD_CLIENTS];
};

/** A new run: every client starts at 0. Clients are spread evenly over one interval. */
void bl_ledger_open(struct bl_ledger *ledger, uint64_t now_ms);
/** Whether @p client sends now; then @p message is what. */
bool bl_ledger_next(struct bl_ledger *ledger, uint32_t client, uint64_t now_ms,
                    struct bl_load_message *message);
/** What bl_ledger_next() has just given was not taken for sending. */
void bl_ledger_refuse(struct bl_ledger *ledger, uint32_t client);
void bl_ledger_receive(struct bl_ledger *ledger, const void *data, size_t size, uint64_t now_ms);
/** Nobody sends any more in this run. */
void bl_ledger_stop(struct bl_ledger *ledger);
/** Everything sent in this run has been received, some of it perhaps in a wrong order. */
bool bl_ledger_is_balanced(const struct bl_ledger *ledger);
void bl_ledger_close(struct bl_ledger *ledger);
/** Two lines of column names, and one row under them without its end: the caller may add to it. */
void bl_ledger_print_head(void);
void bl_ledger_print_row(const struct bl_ledger *ledger);
double bl_ledger_datagrams_per_message(const struct bl_ledger *ledger);
/** How many messages exactly-once-in-order is wrong about. */
uint64_t bl_ledger_wrong(const struct bl_ledger *ledger);

#endif
