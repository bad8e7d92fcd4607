/*
 * Book-keeping: each end of each session counts what it sends and what it gets, by number. The
 * ledger at the end lays the two books beside each other.
 */
#ifndef DEMO_BOOKS_H
#define DEMO_BOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBERS_MAX 8192 /* more than a run of the demo can need */

/** Of one stream of numbers. Without a fault the newest is also how many there were. */
struct tally {
    uint32_t distinct;
    uint32_t twice;
    uint32_t disordered; /* came after a higher number */
    uint32_t newest;
};

struct account {
    uint32_t sent;       /* reliable, numbered from 1 */
    struct tally got;    /* reliable */
    struct tally echoed; /* at a client: of its own messages, those that came back */
    uint32_t loose_sent; /* unreliable */
    struct tally loose_got;
    uint32_t damaged; /* of any kind: not as they were written */
};

struct books {
    struct account account;
    bool got_seen[NUMBERS_MAX], echoed_seen[NUMBERS_MAX], loose_seen[NUMBERS_MAX];
};

/** Enters what came in. Returns the kind of message (enum message_kind), or -1 if it is damaged. */
int books_take(struct books *books, bool reliable, const void *data, size_t size, uint32_t *number);

#endif
