/*
 * A client of the arena, whoever plays: its session, its own player predicted, the others between
 * states, and its books.
 */
#ifndef ARENA_CLIENT_H
#define ARENA_CLIENT_H

#include "examples/arena/record.h"
#include <belay/client.h>

struct arena_client {
    struct belay_client *it;
    struct predict predict;
    struct remote remote;
    char names[ARENA_PLAYERS_MAX][NAME_SIZE]; /* of the players, as far as they are known */
    bool is_open;
    bool is_finishing, has_said_last, is_answered;
    bool has_ended;          /* CLOSED has come */
    int life;                /* 1: it goes on with a former process's session */
    const char *ticket_file; /* NULL: none is kept */
    struct client_record *record;
    /** What the server and others say; NULL: nobody listens. */
    void (*hear)(void *listener, const struct event *event);
    void *listener;
};

struct arena_client_opts {
    const char *server; /* address and port */
    const char *name;
    const char *ticket_file; /* where the ticket is kept for a next process. If there is one
                                already, this is that process. NULL: nowhere */
    float speed;             /* what it takes for ARENA_SPEED; 0 = that */
    struct belay_sim *sim;   /* NULL = the real network */
};

/** Begins to connect. False, with record->fault, when it cannot. */
bool arena_client_open(struct arena_client *client, const struct arena_client_opts *opts,
                       struct client_record *record);
void arena_client_close(struct arena_client *client);
/** Handles what has come, after belay_client_service(). */
void arena_client_events(struct arena_client *client);
/** True for each tick in which the player may act: then arena_client_act(). */
bool arena_client_next_tick(struct arena_client *client, uint32_t *tick);
void arena_client_act(struct arena_client *client, uint32_t tick, const struct arena_input *input);
/** Where the others are now. */
void arena_client_look(struct arena_client *client, struct remote_view *view);
void arena_client_say(struct arena_client *client, const char *text);
/** Leaves once everything that was said has been heard, at both ends. */
void arena_client_finish(struct arena_client *client);
/** Of this client's own player, and the bullets; NULL before the first one. */
const struct state *arena_client_state(const struct arena_client *client);

#endif
