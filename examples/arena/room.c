#include "examples/arena/room.h"

#include <math.h>
#include <stddef.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/** Inside the room; a body fits between any two. */
static const struct wall {
    float left, top, right, bottom;
} walls[] = {
    {7, 4, 8, 9},    {8, 4, 13, 5},    {25, 4, 31, 5},  {30, 9, 31, 14},
    {7, 13, 13, 14}, {24, 13, 30, 14}, {17, 8, 21, 10},
};

static const struct point spawns[] = {
    {3, 3}, {35, 15}, {35, 3}, {3, 15}, {19, 3}, {19, 15}, {10.5F, 9}, {27.5F, 9},
};

static float clamp(float value, float least, float most) {
    return value < least ? least : value > most ? most : value;
}

static void push_out_of(const struct wall *wall, struct point *at, struct point *velocity,
                        float radius) {
    const struct point nearest = {clamp(at->x, wall->left, wall->right),
                                  clamp(at->y, wall->top, wall->bottom)};
    const struct point away = {at->x - nearest.x, at->y - nearest.y};
    float square = away.x * away.x + away.y * away.y;
    if (square >= radius * radius || square == 0) {
        return;
    }
    float distance = sqrtf(square);
    const struct point normal = {away.x / distance, away.y / distance};
    at->x = nearest.x + normal.x * radius;
    at->y = nearest.y + normal.y * radius;
    float into = velocity->x * normal.x + velocity->y * normal.y;
    if (into < 0) {
        velocity->x -= normal.x * into;
        velocity->y -= normal.y * into;
    }
}

static void keep_within(float *at, float *velocity, float least, float most) {
    if (*at < least || *at > most) {
        *at = clamp(*at, least, most);
        *velocity = 0;
    }
}

void room_push_out(struct point *at, struct point *velocity, float radius) {
    for (size_t i = 0; i < COUNT_OF(walls); i++) {
        push_out_of(&walls[i], at, velocity, radius);
    }
    keep_within(&at->x, &velocity->x, 1 + radius, ROOM_WIDTH - 1 - radius);
    keep_within(&at->y, &velocity->y, 1 + radius, ROOM_HEIGHT - 1 - radius);
}

bool room_is_wall(struct point at) {
    if (at.x < 1 || at.y < 1 || at.x >= ROOM_WIDTH - 1 || at.y >= ROOM_HEIGHT - 1) {
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(walls); i++) {
        const struct wall *wall = &walls[i];
        if (at.x >= wall->left && at.x < wall->right && at.y >= wall->top && at.y < wall->bottom) {
            return true;
        }
    }
    return false;
}

struct point room_spawn(unsigned number) {
    return spawns[number % COUNT_OF(spawns)];
}
