/*
 * The arena's server: sixty ticks a second, each with one input of every player; twenty states a
 * second to each, and what has happened as reliable events.
 */
#ifndef ARENA_SERVER_H
#define ARENA_SERVER_H

#include "examples/arena/record.h"
#include <belay/server.h>

/** What the server keeps of one player; event.user points to it. Its place is the player's number.
 */
struct seat {
    belay_session session;
    bool is_taken; /* until CLOSED */
    bool is_open;
    bool has_finished; /* has got the last event */
    bool is_running;   /* last_tick is one */
    uint32_t last_tick;
    struct seat_record *record;
};

struct arena_server {
    struct belay_server *it;
    struct arena arena;
    struct seat seats[ARENA_PLAYERS_MAX];
    struct server_record *record;
};

/** Listens. False, with record->fault, when it cannot. */
bool arena_server_open(struct arena_server *server, const struct belay_server_opts *opts,
                       struct server_record *record);
void arena_server_close(struct arena_server *server, uint32_t flush_ms);
/** What a pass of the main loop does after belay_server_service(). */
void arena_server_frame(struct arena_server *server);
void arena_server_drain(struct arena_server *server, uint32_t deadline_ms);

#endif
