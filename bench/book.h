/*
 * The book of goals in which both sides of every client's session send: each message has a number
 * of its own on its way, so the book knows what was lost, came twice or came out of order.
 */
#ifndef BL_BENCH_BOOK_H
#define BL_BENCH_BOOK_H

#include "bench/fleet.h"

#define BL_BOOK_CLIENTS      32
#define BL_BOOK_MESSAGE_SIZE 64

enum bl_book_way { BL_BOOK_UP, BL_BOOK_DOWN, BL_BOOK_WAY_COUNT };

/** Sums over all runs. Zeroed memory is an empty one. */
struct bl_book {
    uint64_t sent;
    uint64_t missing; /* sent and never received; known after bl_book_close() */
    uint64_t repeated;
    uint64_t misordered; /* passed over by a later one, whether or not it still came */
    uint64_t refused;    /* not taken for sending */
    struct bl_book_line {
        uint32_t sent, expected;
    } lines[BL_BOOK_CLIENTS][BL_BOOK_WAY_COUNT];
};

/** A new run: everybody's next message is the first. */
void bl_book_open(struct bl_book *book);
/** Sends one message each way between @p client and the server. */
void bl_book_send(struct bl_book *book, struct bl_fleet *fleet, uint32_t client);
/** @return whether it is the one that was due on its way */
bool bl_book_receive(struct bl_book *book, bool at_server, uint32_t client,
                     const struct belay_event *message);
/** Everything sent in this run has been received, some of it perhaps in a wrong order. */
bool bl_book_is_balanced(const struct bl_book *book);
void bl_book_close(struct bl_book *book);

#endif
