/*
 * The game that server and clients share: players run about a room and shoot.
 *
 * A client predicts its own player, so arena_step() must give the same at both ends, to the last
 * bit: it depends on nothing but its arguments, calls nothing but sqrtf(), which IEEE 754 makes
 * exact, and is built without contraction of a * b + c (meson.build). Players pass through each
 * other, and shots do not push: nothing moves a player but its own inputs, unless it dies.
 */
#ifndef ARENA_GAME_H
#define ARENA_GAME_H

#include "examples/arena/room.h"
#include <stddef.h>
#include <stdint.h>

#define ARENA_HZ          60
#define ARENA_PLAYERS_MAX 64
#define ARENA_BULLETS_MAX 128
#define ARENA_HITS_MAX    ARENA_BULLETS_MAX /* in one tick */
#define ARENA_RADIUS      0.5F
#define ARENA_SPEED       6.0F /* units a second */
#define ARENA_HEALTH      3    /* hits that kill */

#define ARENA_FIRE 1 /* buttons */

/** What a player does in one tick. All zeros: nothing. */
struct arena_input {
    int8_t x, y; /* where it wants to run, as far as (127, 0) to the right and (0, 127) down */
    uint8_t buttons;
    float aim; /* where it shoots: radians, from the right over below */
};

/** What its own inputs alone decide, and its client predicts. */
struct arena_body {
    struct point at, velocity;
    uint8_t reload; /* ticks until it may shoot again */
};

/**
 * One tick of one player. True when it fires.
 *
 * @param speed  ARENA_SPEED, but for a client that is to predict wrongly
 */
bool arena_step(struct arena_body *body, const struct arena_input *input, float speed);

/* ---- the server's part */

struct arena_player {
    bool is_in;
    bool is_away; /* its client cannot be reached: it is not shot at */
    struct arena_body body;
    uint8_t health;
    uint8_t life; /* goes up with each death, which puts it elsewhere */
    uint16_t score;
};

struct arena_bullet {
    uint8_t ticks_left; /* 0 = none */
    uint8_t shooter;
    struct point at, velocity;
};

struct arena {
    struct arena_player players[ARENA_PLAYERS_MAX];
    struct arena_bullet bullets[ARENA_BULLETS_MAX];
};

struct arena_hit {
    uint8_t shooter, victim;
    bool fatal;
};

void arena_enter(struct arena *arena, uint8_t who);
void arena_leave(struct arena *arena, uint8_t who);
/** One tick of one player, with its shot. */
void arena_move(struct arena *arena, uint8_t who, const struct arena_input *input);
/** One tick of all bullets. Returns how many have hit. */
size_t arena_fly(struct arena *arena, struct arena_hit hits[ARENA_HITS_MAX]);

#endif
