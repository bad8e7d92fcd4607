/* The room as characters: half as many lines as units, as a character is twice as high as wide. */
#ifndef ARENA_DEMO_CANVAS_H
#define ARENA_DEMO_CANVAS_H

#include "examples/arena/demo/board.h"

#define CANVAS_LINES ((ROOM_HEIGHT - 2) / 2 + 2) /* the outer walls have a line each */

struct canvas {
    char lines[CANVAS_LINES][ROOM_WIDTH + 1];
};

/** Players are the first letters of their names, great ones for those to whom something happens. */
void canvas_draw(struct canvas *canvas, const struct board *board);

#endif
