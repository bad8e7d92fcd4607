/*
 * The other players, as they are drawn: between two states that have come, a little in the past.
 * belay_client_render_tick() says how far back that is, so that both are usually there.
 */
#ifndef ARENA_REMOTE_H
#define ARENA_REMOTE_H

#include "examples/arena/wire.h"

#define REMOTE_STATES 16 /* that are kept: 0.8 s */

struct remote_stats {
    uint32_t drawn;   /* pictures */
    uint32_t between; /* of which two states in a row were there, */
    uint32_t across;  /* or two with a lost one between them; */
    uint32_t late;    /* the newest state was older, and was shown as it is */
};

struct remote {
    struct state states[REMOTE_STATES]; /* a ring */
    uint32_t count;                     /* that have ever come */
    uint32_t interval;                  /* ticks between states: the least that was seen */
    struct remote_stats stats;
};

/** Where the others are now. */
struct remote_view {
    uint8_t count;
    struct state_other others[ARENA_PLAYERS_MAX];
};

void remote_take(struct remote *remote, const struct state *state);
/** NULL before the first one. */
const struct state *remote_newest(const struct remote *remote);
/** @param tick  of the server, with its fraction */
void remote_draw(struct remote *remote, double tick, struct remote_view *view);

#endif
