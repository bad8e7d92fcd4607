#include "examples/arena/demo/canvas.h"

#include <ctype.h>

static void put(struct canvas *canvas, struct point at, char sign) {
    int x = (int)at.x, y = ((int)at.y + 1) / 2;
    if (x >= 0 && x < ROOM_WIDTH && y >= 0 && y < CANVAS_LINES) {
        canvas->lines[y][x] = sign;
    }
}

static void draw_walls(struct canvas *canvas) {
    for (int y = 0; y < CANVAS_LINES; y++) {
        for (int x = 0; x < ROOM_WIDTH; x++) {
            const struct point upper = {(float)x + 0.5F, (float)y * 2 - 0.5F};
            const struct point lower = {upper.x, upper.y + 1};
            bool is_wall = room_is_wall(upper) || room_is_wall(lower);
            canvas->lines[y][x] = is_wall ? '#' : ' ';
        }
        canvas->lines[y][ROOM_WIDTH] = '\0';
    }
}

void canvas_draw(struct canvas *canvas, const struct board *board) {
    draw_walls(canvas);
    for (int i = 0; i < ARENA_BULLETS_MAX; i++) {
        const struct arena_bullet *bullet = &board->stage->server.bullets[i];
        if (bullet->ticks_left > 0 && !room_is_wall(bullet->at)) {
            put(canvas, bullet->at, '.');
        }
    }
    for (int i = 0; i < CAST_SIZE; i++) {
        const struct arena_player *player = &board_seat(board, i)->player;
        char letter = cast[i].name[0];
        if (player->is_in) {
            put(canvas, player->body.at,
                cast[i].role == ROLE_PLAYS ? letter : (char)toupper((unsigned char)letter));
        }
    }
}
