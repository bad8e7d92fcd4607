/*
 * Players for a world: each client samples an input for each of its ticks, and the server runs each
 * tick of each session with one. An input says whose it is and for which tick, so that one which is
 * used for any other is found.
 */
#ifndef BL_TESTS_SUPPORT_PLAYERS_H
#define BL_TESTS_SUPPORT_PLAYERS_H

#include "tests/support/world.h"

#define PLAYERS_TICK_HZ 60

/** What a session's ticks were run with, since the last players_count_anew(). */
struct played {
    uint32_t ticks, used, substituted;
    uint32_t wrong; /* another's input, or one of another tick */
    uint32_t given; /* ticks that next_tick() gave to the client */
    uint32_t longest_substituted;
    uint32_t refused[BELAY_MOVE_VERDICT_COUNT]; /* as MOVE_REFUSED tells */
};

struct players {
    struct world *world;
    uint8_t lanes;
    uint32_t frame_ms;               /* of the clients' games; 0 = every step of the world */
    double speed[WORLD_CLIENTS_MAX]; /* beyond next_tick()'s; 0 = an honest client */
    double ahead[WORLD_CLIENTS_MAX]; /* how far that has brought it */
    uint32_t newest_sent[WORLD_CLIENTS_MAX], newest_used[WORLD_CLIENTS_MAX];
    uint32_t in_a_row[WORLD_CLIENTS_MAX];
    bool sent_any[WORLD_CLIENTS_MAX];
    uint32_t server_tick;
    struct played played[WORLD_CLIENTS_MAX];
};

/** Options of movement as players need them. */
struct belay_move_opts players_move_opts(uint8_t lanes);
/** Takes over world->each_step, watch and user. */
void players_join(struct players *players, struct world *world, uint8_t lanes);
void players_count_anew(struct players *players);

#endif
