/*
 * Book-keeping of the reliable events: each end of each session counts what it sends and what it
 * gets, by number. Laid side by side the two books show whether anything was lost or repeated.
 */
#ifndef ARENA_BOOKS_H
#define ARENA_BOOKS_H

#include <stdbool.h>
#include <stdint.h>

/* A client that was killed and comes back with its ticket does not know how far its former process
 * came: its numbers carry which of the two they belong to. */
#define BOOKS_LIVES    2
#define BOOKS_LIFE_BIT 24

/** Of one stream of numbers, which is promised to be in order and whole. */
struct tally {
    uint32_t first, newest; /* 0 = none yet */
    uint32_t count;
    uint32_t missing;  /* between the first and the newest */
    uint32_t repeated; /* not newer than the newest: twice, or out of order */
};

struct books {
    uint32_t sent; /* taken by send() */
    struct tally got[BOOKS_LIVES];
    uint32_t damaged; /* not to be read */
};

/** The number of what is sent next. */
uint32_t books_next(const struct books *books, int life);
/** Enters what came in. */
void books_enter(struct books *books, uint32_t number);

#endif
