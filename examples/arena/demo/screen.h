/*
 * What a person sees while the demo runs: on a terminal one picture, drawn again in place; anywhere
 * else the commentary line by line, and once a second how things stand.
 */
#ifndef ARENA_DEMO_SCREEN_H
#define ARENA_DEMO_SCREEN_H

#include "examples/arena/demo/board.h"

struct screen {
    bool live; /* a terminal that is large enough */
    int height;
    int drawn;      /* lines of the picture that stand on the terminal */
    int told;       /* lines of commentary that have been printed */
    double next_at; /* when to draw again */
};

void screen_open(struct screen *screen);
/** Draws if it is time. False when nobody can see it any more. */
bool screen_update(struct screen *screen, const struct board *board);
/** The last picture stays. */
void screen_close(struct screen *screen, const struct board *board);

#endif
