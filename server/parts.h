/* What the files of the server share. */
#ifndef BL_SERVER_PARTS_H
#define BL_SERVER_PARTS_H

#include "lib/session/coordinator.h"
#include "lib/session/loop.h"
#include "server/admission.h"
#include "server/discovery.h"
#include "server/moves.h"
#include "server/topics.h"
#include <belay/server.h>

struct belay_server {
    struct bl_loop loop;
    struct bl_coordinator coordinator;
    uint64_t game; /* hash of its name */
    uint32_t session_max, login_max;
    bool draining, stopped;
    struct bl_timer drain_timer;
    struct bl_server_admission admission;
    struct bl_query_desk desk;
    struct bl_server_moves moves;
    struct bl_topics topics;
    struct belay_reason ending; /* lent to the gate: how the session ended that is asked for */
};

/* hand_over.c: what a server takes over from the process before it. */

struct bl_take_over {
    intptr_t link; /* -1: none */
    uint8_t *data; /* secrets among it */
    size_t size;
    struct bl_reader reader; /* of the data: what has not been taken yet */
    intptr_t socket;         /* -1: taken */
};

/**
 * Receives it all, and checks that it is whole, and of the same game and channels.
 *
 * @param out  to end with bl_take_over_end(), on failure too
 * @return BELAY_OK, BELAY_E_GONE (nobody hands over there), BELAY_E_KEY, BELAY_E_INVALID,
 *         BELAY_E_TOO_BIG, BELAY_E_NO_MEMORY, BELAY_E_SYSTEM
 */
enum belay_result bl_take_over_begin(struct bl_take_over *out, struct belay_server *server,
                                     const struct belay_server_opts *opts);
/** Takes the keys: instead of those that the options would have made or read. */
enum belay_result bl_take_over_keys(struct bl_take_over *taken,
                                    struct bl_server_admission *admission);
/** Takes the sessions, says so, and waits until the other process is silent. */
enum belay_result bl_take_over_sessions(struct bl_take_over *taken, struct belay_server *server);
void bl_take_over_end(struct bl_take_over *taken, struct bl_memory *memory);

#endif
