#include "examples/arena/game.h"

#include <math.h>

#define TICK_S       (1.0F / ARENA_HZ)
#define GRIP         0.25F /* share of the wanted change of velocity that a tick brings */
#define RELOAD_TICKS 15
#define BULLET_SPEED 18.0F
#define BULLET_TICKS 60

/** No faster across than along: who says (127, 127) gets the length of (127, 0). */
static struct point direction(const struct arena_input *input) {
    struct point wish = {(float)input->x / 127.0F, (float)input->y / 127.0F};
    float square = wish.x * wish.x + wish.y * wish.y;
    if (square > 1) {
        float length = sqrtf(square);
        wish.x /= length;
        wish.y /= length;
    }
    return wish;
}

bool arena_step(struct arena_body *body, const struct arena_input *input, float speed) {
    const struct point wish = direction(input);
    body->velocity.x += (wish.x * speed - body->velocity.x) * GRIP;
    body->velocity.y += (wish.y * speed - body->velocity.y) * GRIP;
    body->at.x += body->velocity.x * TICK_S;
    body->at.y += body->velocity.y * TICK_S;
    room_push_out(&body->at, &body->velocity, ARENA_RADIUS);
    if (body->reload > 0) {
        body->reload--;
        return false;
    }
    if ((input->buttons & ARENA_FIRE) == 0) {
        return false;
    }
    body->reload = RELOAD_TICKS;
    return true;
}

static void put_somewhere(struct arena_player *player, uint8_t who) {
    player->body = (struct arena_body){.at = room_spawn(who + player->life)};
    player->health = ARENA_HEALTH;
}

void arena_enter(struct arena *arena, uint8_t who) {
    arena->players[who] = (struct arena_player){.is_in = true};
    put_somewhere(&arena->players[who], who);
}

void arena_leave(struct arena *arena, uint8_t who) {
    arena->players[who].is_in = false;
}

/** When too many fly already, the gun jams. */
static void fire(struct arena *arena, uint8_t who, float aim) {
    for (size_t i = 0; i < ARENA_BULLETS_MAX; i++) {
        struct arena_bullet *bullet = &arena->bullets[i];
        if (bullet->ticks_left == 0) {
            *bullet = (struct arena_bullet){
                .ticks_left = BULLET_TICKS,
                .shooter = who,
                .at = arena->players[who].body.at,
                .velocity = {cosf(aim) * BULLET_SPEED, sinf(aim) * BULLET_SPEED},
            };
            return;
        }
    }
}

void arena_move(struct arena *arena, uint8_t who, const struct arena_input *input) {
    if (arena_step(&arena->players[who].body, input, ARENA_SPEED)) {
        fire(arena, who, input->aim);
    }
}

static bool is_hit(const struct arena_player *player, const struct arena_bullet *bullet) {
    float x = player->body.at.x - bullet->at.x, y = player->body.at.y - bullet->at.y;
    return player->is_in && !player->is_away && x * x + y * y < ARENA_RADIUS * ARENA_RADIUS;
}

/** Who is in its way; ARENA_PLAYERS_MAX: nobody. */
static uint8_t find_victim(const struct arena *arena, const struct arena_bullet *bullet) {
    uint8_t who = 0;
    while (who < ARENA_PLAYERS_MAX &&
           (who == bullet->shooter || !is_hit(&arena->players[who], bullet))) {
        who++;
    }
    return who;
}

static bool hurt(struct arena *arena, uint8_t shooter, uint8_t who) {
    struct arena_player *victim = &arena->players[who];
    if (--victim->health > 0) {
        return false;
    }
    arena->players[shooter].score++;
    victim->life++;
    put_somewhere(victim, who);
    return true;
}

size_t arena_fly(struct arena *arena, struct arena_hit hits[ARENA_HITS_MAX]) {
    size_t count = 0;
    for (size_t i = 0; i < ARENA_BULLETS_MAX; i++) {
        struct arena_bullet *bullet = &arena->bullets[i];
        if (bullet->ticks_left == 0) {
            continue;
        }
        bullet->ticks_left--;
        bullet->at.x += bullet->velocity.x * TICK_S;
        bullet->at.y += bullet->velocity.y * TICK_S;
        uint8_t victim = find_victim(arena, bullet);
        if (victim < ARENA_PLAYERS_MAX) {
            bool fatal = hurt(arena, bullet->shooter, victim);
            hits[count++] = (struct arena_hit){bullet->shooter, victim, fatal};
        }
        if (victim < ARENA_PLAYERS_MAX || room_is_wall(bullet->at)) {
            bullet->ticks_left = 0;
        }
    }
    return count;
}
