/*
 * Book-keeping: each end of each session enters what it sends and what it gets, by number. The
 * ledger at the end lays the two books beside each other. They lie on a shelf that all processes
 * share, so that the books of one that was killed are complete to the last entry.
 */
#ifndef DEMO_BOOKS_H
#define DEMO_BOOKS_H

#include "examples/demo/cast.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBERS_MAX 8192 /* more than a run of the demo can need */
#define LIVES       2    /* processes that a client may have, one after the other */
/* A client's new process does not know how far the old one came, so it begins beyond what that one
 * can have reached: its first number is 4,097. */
#define LIFE_STEP (NUMBERS_MAX / LIVES)

/** Of one stream of numbers. */
struct tally {
    uint32_t distinct;
    uint32_t twice;
    uint32_t disordered; /* came after a higher number */
    uint32_t newest;
};

struct books {
    uint32_t sent;       /* reliable */
    struct tally got;    /* reliable */
    struct tally echoed; /* at a client: of its own messages, those that came back */
    uint32_t loose_sent; /* unreliable */
    struct tally loose_got;
    uint32_t damaged; /* of any kind: not as they were written */
    bool got_seen[NUMBERS_MAX], echoed_seen[NUMBERS_MAX], loose_seen[NUMBERS_MAX];
};

struct shelf {
    struct books of_client[CAST_SIZE][LIVES];
    struct books of_server[CAST_SIZE];
};

/** Empty books, shared with all processes that will be started. NULL: no memory. */
struct shelf *shelf_open(void);

/** Enters what came in. Returns the kind of message (enum message_kind), or -1 if it is damaged. */
int books_take(struct books *books, bool reliable, const void *data, size_t size, uint32_t *number);

#endif
