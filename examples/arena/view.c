#include "examples/arena/view.h"

#include <curses.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS_PER_UNIT 2 /* a character is twice as high as wide */
#define VIEW_WIDTH       (ROOM_WIDTH * COLUMNS_PER_UNIT)
#define VIEW_HEIGHT      (ROOM_HEIGHT + 4 + VIEW_LINES)

enum { COLOUR_WALL = 1, COLOUR_SELF, COLOUR_OTHER, COLOUR_BULLET, COLOUR_TROUBLE };

void view_open(void) {
    initscr();
    cbreak();
    noecho();
    curs_set(0);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(25);
    if (has_colors()) {
        start_color();
        use_default_colors();
        init_pair(COLOUR_WALL, COLOR_BLUE, -1);
        init_pair(COLOUR_SELF, COLOR_GREEN, -1);
        init_pair(COLOUR_OTHER, COLOR_YELLOW, -1);
        init_pair(COLOUR_BULLET, COLOR_RED, -1);
        init_pair(COLOUR_TROUBLE, COLOR_RED, -1);
    }
}

void view_close(void) {
    endwin();
}

void view_say(struct view *view, const char *text) {
    memmove(view->news[0], view->news[1], sizeof view->news - sizeof view->news[0]);
    snprintf(view->news[VIEW_LINES - 1], VIEW_LINE_SIZE, "%s", text);
}

static void draw_walls(void) {
    attron(COLOR_PAIR(COLOUR_WALL));
    for (int y = 0; y < ROOM_HEIGHT; y++) {
        for (int x = 0; x < ROOM_WIDTH * COLUMNS_PER_UNIT; x++) {
            const struct point at = {((float)x + 0.5F) / COLUMNS_PER_UNIT, (float)y + 0.5F};
            mvaddch(y, x, room_is_wall(at) ? '#' : ' ');
        }
    }
    attroff(COLOR_PAIR(COLOUR_WALL));
}

static void draw_thing(struct point at, chtype sign) {
    mvaddch((int)at.y, (int)(at.x * COLUMNS_PER_UNIT), sign);
}

/** One's own is shown where it is predicted to be, the others where they were a moment ago. */
static void draw_room(struct arena_client *client) {
    const struct state *state = arena_client_state(client);
    struct remote_view others;
    draw_walls();
    if (state == NULL) {
        return;
    }
    for (int i = 0; i < state->bullet_count; i++) {
        draw_thing(state->bullets[i], (chtype)'*' | COLOR_PAIR(COLOUR_BULLET));
    }
    arena_client_look(client, &others);
    for (int i = 0; i < others.count; i++) {
        const struct state_other *other = &others.others[i];
        if (other->who != state->who) {
            chtype sign = other->is_away ? 'z' : (chtype)('A' + other->who % 26);
            draw_thing(other->at, sign | COLOR_PAIR(COLOUR_OTHER));
        }
    }
    draw_thing(client->predict.body.at, (chtype)'@' | COLOR_PAIR(COLOUR_SELF) | A_BOLD);
}

static const char *session_word(const struct arena_client *client) {
    const struct belay_session_info *info = &client->record->session.info;
    if (client->has_ended) {
        return "closed";
    }
    if (info->state == BELAY_RECONNECT_PENDING || info->state == BELAY_RECONNECTING) {
        return "DOWN, dialling";
    }
    if (!client->is_open) {
        return client->is_finishing ? "leaving" : "connecting";
    }
    return info->suspect ? "suspect" : client->record->session.resumes > 0 ? "RESUMED" : "online";
}

static void draw_status(const struct arena_client *client) {
    const struct belay_session_info *info = &client->record->session.info;
    const struct predict_stats *predict = &client->record->predict;
    const struct state *state = arena_client_state(client);
    bool is_well = client->is_open && !info->suspect && info->state == BELAY_LOGGED_IN;
    mvprintw(ROOM_HEIGHT, 0, "health %u  score %u  rtt %u ms  loss %.1f %%  margin %.1f ticks  ",
             state != NULL ? state->health : 0, state != NULL ? state->score : 0, info->rtt_ms,
             (double)info->loss * 100, (double)info->margin_ticks);
    attron(is_well ? A_BOLD : COLOR_PAIR(COLOUR_TROUBLE));
    printw("%s", session_word(client));
    attroff(is_well ? A_BOLD : COLOR_PAIR(COLOUR_TROUBLE));
    clrtoeol();
    mvprintw(ROOM_HEIGHT + 1, 0, "moves %u, without input %u, corrections %u of %u, the last %.3f",
             info->moves_used, info->moves_substituted, predict->explained + predict->unexplained,
             predict->states, (double)predict->newest);
    clrtoeol();
}

static void draw_line(int line, const char *text) {
    mvaddstr(line, 0, text);
    clrtoeol();
}

static void ask_for_room(void) {
    erase();
    mvprintw(0, 0, "The arena needs %d by %d characters, here are %d by %d. q leaves", VIEW_WIDTH,
             VIEW_HEIGHT, COLS, LINES);
    refresh();
}

void view_draw(const struct view *view, struct arena_client *client) {
    if (COLS < VIEW_WIDTH || LINES < VIEW_HEIGHT) {
        ask_for_room();
        return;
    }
    draw_room(client);
    draw_status(client);
    draw_line(ROOM_HEIGHT + 2, view->notice);
    for (int i = 0; i < VIEW_LINES; i++) {
        draw_line(ROOM_HEIGHT + 3 + i, view->news[i]);
    }
    draw_line(ROOM_HEIGHT + 3 + VIEW_LINES,
              "arrows or WASD run, space fires, c cuts the network, q leaves");
    refresh();
}
