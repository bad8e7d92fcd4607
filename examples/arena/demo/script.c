/* A step waits until it can be, so that a busy machine only makes the demo longer. */
#define _POSIX_C_SOURCE 200809L
#include "examples/arena/demo/director.h"
#include <signal.h>

#define BEFORE_ARRIVAL_S 0.05

/* ---- conditions */

static bool at_once(const struct board *board) {
    (void)board;
    return true;
}

static bool all_are_in(const struct board *board) {
    return board_totals(board).in == CAST_SIZE;
}

static bool jon_is_dead(const struct board *board) {
    return board->rows[cast_find(ROLE_RETURNS)].task.process == PROCESS_ENDED;
}

static bool all_is_settled(const struct board *board) {
    int fay = cast_find(ROLE_CUT), jon = cast_find(ROLE_RETURNS);
    return board_seat(board, fay)->session.resumes > 0 &&
           board_client(board, fay)->session.resumes > 0 &&
           board_seat(board, jon)->session.resumes > 0;
}

/* ---- what is done */

static void count_heads(struct director *director) {
    board_say(&director->board, TONE_GOOD, "All %d are in: 60 inputs a second up, 20 states down.",
              CAST_SIZE);
}

static void cut_fay(struct director *director) {
    board_say(&director->board, TONE_STRONG, "fay's network fails: nothing passes for %d s.",
              RELAY_CUT_S);
    director->board.rows[cast_find(ROLE_CUT)].note = "network was cut";
    relay_cut(&director->cut_relay);
}

static void accuse_mal(struct director *director) {
    int mal = cast_find(ROLE_CHEATS);
    board_say(&director->board, TONE_STRONG,
              "mal's clock runs 1.5 times too fast. Inputs refused so far: %u.",
              board_seat(&director->board, mal)->session.info.moves_refused);
}

static void kill_jon(struct director *director) {
    struct row *row = &director->board.rows[cast_find(ROLE_RETURNS)];
    board_say(&director->board, TONE_STRONG, "jon is killed (SIGKILL), in the middle of all.");
    row->note = "killed (SIGKILL)";
    crew_signal(&row->task, SIGKILL);
}

static void revive_jon(struct director *director) {
    struct row *row = &director->board.rows[cast_find(ROLE_RETURNS)];
    board_say(&director->board, TONE_STRONG,
              "jon is started again, with the ticket that the old process had saved.");
    row->note = "a new process";
    row->former_status = row->task.wait_status;
    row->life++;
    row->by_client = (struct told){0};
    crew_start_bot(director, cast_find(ROLE_RETURNS));
}

static void drain(struct director *director) {
    board_say(&director->board, TONE_STRONG,
              "The server drains: no newcomers, and everybody may finish.");
    crew_signal(&director->board.server, SIGTERM);
}

/** In this order, each so long after the one before it, and when it can be. */
static const struct step {
    double after;
    bool (*can)(const struct board *board);
    void (*act)(struct director *director);
} script[] = {
    {0.0, all_are_in, count_heads}, {1.5, at_once, cut_fay},        {3.0, at_once, accuse_mal},
    {1.5, at_once, kill_jon},       {2.0, jon_is_dead, revive_jon}, {9.0, all_is_settled, drain},
};

void script_follow(struct director *director) {
    struct board *board = &director->board;
    double now = board->now;
    bool is_open = board->stage->server.port != 0;
    if (board->arrived < CAST_SIZE && is_open && now >= director->step_at + BEFORE_ARRIVAL_S) {
        if (board->arrived == 0) {
            crew_start_relays(director);
            board_say(board, TONE_PLAIN, "The server is up. Bots come in one after the other.");
        }
        crew_start_bot(director, board->arrived++);
        director->step_at = now;
    }
    if (board->arrived < CAST_SIZE || director->step == sizeof script / sizeof script[0]) {
        return;
    }
    const struct step *step = &script[director->step];
    if (now >= director->step_at + step->after && step->can(board)) {
        step->act(director);
        director->step++;
        director->step_at = now;
    }
}
