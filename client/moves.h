/*
 * Movement on the client: what was sent, when to sample the next input, and where the server's
 * ticks are.
 */
#ifndef BL_CLIENT_MOVES_H
#define BL_CLIENT_MOVES_H

#include "client/move_history.h"
#include "client/pacer.h"
#include "client/server_clock.h"
#include "lib/session/session.h"

struct bl_client_moves {
    struct bl_extension extension;
    struct bl_shared *shared;
    struct bl_pacer pacer;
    struct bl_server_clock clock;
    struct bl_move_history lanes[BELAY_LANES_MAX];
};

/** Hangs itself on the sessions to come. @return BELAY_OK, BELAY_E_NO_MEMORY */
enum belay_result bl_client_moves_start(struct bl_client_moves *moves, struct bl_shared *shared);
/** Zeroed memory is fine. */
void bl_client_moves_finish(struct bl_client_moves *moves);

/* As the public functions of these names. */

/** @param now  of the last service() */
bool bl_client_moves_next(struct bl_client_moves *moves, bl_time now, uint32_t *tick);
enum belay_result bl_client_moves_send(struct bl_client_moves *moves, uint8_t lane, uint32_t tick,
                                       const void *data);
const void *bl_client_moves_at(const struct bl_client_moves *moves, uint8_t lane, uint32_t tick);
double bl_client_moves_render(struct bl_client_moves *moves);
/** When the next tick comes. */
bl_time bl_client_moves_due(const struct bl_client_moves *moves);

#endif
