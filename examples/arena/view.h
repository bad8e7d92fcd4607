/* What the player sees: the room, and below it how the connection is. Drawn with ncurses. */
#ifndef ARENA_VIEW_H
#define ARENA_VIEW_H

#include "examples/arena/client.h"

#define VIEW_LINES     2 /* of news */
#define VIEW_LINE_SIZE 64

struct view {
    char notice[VIEW_LINE_SIZE];           /* about the connection */
    char news[VIEW_LINES][VIEW_LINE_SIZE]; /* of the players; the newest is the last */
};

/** Takes the terminal. */
void view_open(void);
/** And gives it back. */
void view_close(void);
/** Adds a line of news. */
void view_say(struct view *view, const char *text);
/** Draws everything anew. */
void view_draw(const struct view *view, struct arena_client *client);

#endif
