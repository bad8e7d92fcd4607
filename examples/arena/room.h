/* The room: walls, and what they do to round bodies. */
#ifndef ARENA_ROOM_H
#define ARENA_ROOM_H

#include <stdbool.h>

#define ROOM_WIDTH  38 /* units; a unit is a player's width */
#define ROOM_HEIGHT 18

struct point {
    float x, y;
};

/**
 * Moves a round body out of the walls, and takes from its velocity what leads into them. Corners
 * act as round, so where a body ends depends smoothly on where it was: a client whose prediction is
 * a little off stays a little off.
 */
void room_push_out(struct point *at, struct point *velocity, float radius);
/** For bullets and for drawing. */
bool room_is_wall(struct point at);
/** Where players come in, one after the other. */
struct point room_spawn(unsigned number);

#endif
