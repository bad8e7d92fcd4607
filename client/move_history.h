/*
 * What one lane has sent: kept to be sent again until it is acknowledged, and for the game to step
 * through again.
 */
#ifndef BL_CLIENT_MOVE_HISTORY_H
#define BL_CLIENT_MOVE_HISTORY_H

#include "common/memory.h"
#include "lib/wire/move.h"
#include <belay/move.h>

#define BL_HISTORY_TICKS 256 /* a power of two */

struct bl_move_history {
    const struct belay_move_opts *opts;
    uint8_t *inputs; /* BL_HISTORY_TICKS of them, by tick */
    uint8_t *held;   /* likewise: 0 = as sent; else for so long nothing was, and this stands in */
    uint32_t newest; /* of the ticks it holds, once it has begun */
    bool begun;
    uint32_t left;              /* the newest tick that has left */
    bool acknowledged;          /* some MOVE_ACK has come */
    struct bl_move_ack ack;     /* the newest */
    uint64_t used, substituted; /* ticks, as the server has told */
};

/** @param opts  outlives it. @return false: no memory */
bool bl_move_history_init(struct bl_move_history *history, const struct belay_move_opts *opts,
                          struct bl_memory *memory);
/** Zeroed memory is fine. */
void bl_move_history_finish(struct bl_move_history *history, struct bl_memory *memory);
/** A new session. */
void bl_move_history_clear(struct bl_move_history *history);
/** @param tick  later than newest; those between count as missing */
void bl_move_history_add(struct bl_move_history *history, uint32_t tick, const void *data);
/** NULL: it does not hold that one. */
const void *bl_move_history_at(const struct bl_move_history *history, uint32_t tick);
/** What is to be sent now: the newest input, and what is not acknowledged. False: nothing new. */
bool bl_move_history_collect(struct bl_move_history *history, struct bl_moves *out);
/** @return false: it is not newer than the last */
bool bl_move_history_acknowledge(struct bl_move_history *history, const struct bl_move_ack *ack);

#endif
