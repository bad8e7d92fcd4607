/*
 * Movement on the server: its ticks, and on each session a filter for each lane.
 *
 * Filters hang on sessions and hear of nothing else, so one session's inputs cannot touch
 * another's.
 */
#ifndef BL_SERVER_MOVES_H
#define BL_SERVER_MOVES_H

#include "lib/session/session.h"
#include "server/tick_clock.h"

struct bl_coordinator;

struct bl_server_moves {
    struct bl_shared *shared;
    const struct bl_coordinator *coordinator;
    struct bl_tick_clock clock;
    bool events;         /* MOVE_REFUSED */
    uint32_t told;       /* the tick that was newest when clients were told last */
    uint16_t told_every; /* ticks */
};

/** Hangs filters on all sessions to come. Tick 1 is due at once. */
void bl_server_moves_start(struct bl_server_moves *moves, struct bl_shared *shared,
                           const struct bl_coordinator *coordinator);
/** As in the process before this one: tick @p next is due at @p due. Before there are sessions. */
void bl_server_moves_start_at(struct bl_server_moves *moves, uint32_t next, bl_time due);
/** As belay_server_take_move(), for a session that is open. */
enum belay_result bl_server_moves_use(struct bl_server_moves *moves, struct bl_session *session,
                                      uint8_t lane, uint32_t tick, struct belay_move *move);

#endif
