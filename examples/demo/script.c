/* A step waits until it can be, so that a busy machine only makes the demo longer. */
#define _POSIX_C_SOURCE 200809L
#include "examples/demo/director.h"
#include "examples/demo/roles.h"
#include <signal.h>

#define BEFORE_ARRIVAL_S 0.1
#define LAST_TO_ARRIVE   (CAST_SIZE - 2) /* the very last is called by the script */

/* ---- conditions */

static bool at_once(const struct board *board) {
    (void)board;
    return true;
}

static bool the_server_is_up(const struct board *board) {
    return board->port != 0;
}

static bool all_are_in(const struct board *board) {
    return board_count_open(board) >= CAST_SIZE - 2; /* the refused never, the second later */
}

static bool ben_is_suspected(const struct board *board) {
    return board->rows[cast_find(ROLE_CUT_SHORT)].was_suspect;
}

static bool hal_is_suspected(const struct board *board) {
    return board->rows[cast_find(ROLE_STOPPED)].was_suspect;
}

static bool fay_is_down_at_both_ends(const struct board *board) {
    const struct row *row = &board->rows[cast_find(ROLE_CUT_LONG)];
    return row->was_down && row->client_down;
}

static bool jon_is_dead(const struct board *board) {
    return board->rows[cast_find(ROLE_RETURNS)].task.process == PROCESS_ENDED;
}

static bool all_is_settled(const struct board *board) {
    const struct row *rows = board->rows;
    return rows[cast_find(ROLE_KILLED)].session_closed && rows[cast_find(ROLE_CUT_LONG)].resumed &&
           rows[cast_find(ROLE_RETURNS)].resumed && rows[cast_find(ROLE_MOVED)].moved &&
           rows[cast_find(ROLE_REPLACED)].client_closed && rows[cast_find(ROLE_SECOND)].was_opened;
}

/* ---- what is done */

static void tell_network(struct director *director, enum role role, enum order_kind kind,
                         const char *note) {
    const struct order order = {.kind = kind, .who = cast_find(role)};
    director->board.rows[order.who].note = note;
    order_send(director->network_orders[1], &order);
}

static void start_one(struct director *director) {
    struct board *board = &director->board;
    if (board->network.pid == 0) {
        crew_start_network(director);
    }
    crew_start_client(director, board->arrived++);
}

static void count_heads(struct director *director) {
    board_say(&director->board, TONE_GOOD,
              "%d are in. Each sends 20 numbered messages a second and gets 30.", CAST_SIZE - 2);
}

static void kill_kim(struct director *director) {
    int who = cast_find(ROLE_KILLED);
    board_say(&director->board, TONE_STRONG,
              "kim is killed (SIGKILL), for good. The server has to notice by itself.");
    director->board.rows[who].note = "killed (SIGKILL)";
    crew_signal(director, who, SIGKILL);
}

static void cut_fay(struct director *director) {
    board_say(&director->board, TONE_STRONG, "fay's network fails: nothing passes for 9 s.");
    tell_network(director, ROLE_CUT_LONG, ORDER_CUT, "network is cut");
}

static void mend_fay(struct director *director) {
    board_say(&director->board, TONE_STRONG, "fay's network is back, after 9 s.");
    tell_network(director, ROLE_CUT_LONG, ORDER_MEND, "network is back");
}

static void evict_eve(struct director *director) {
    const struct order order = {.kind = ORDER_EVICT, .who = cast_find(ROLE_EVICTED)};
    board_say(&director->board, TONE_STRONG, "The server evicts eve.");
    director->board.rows[order.who].note = EVICTION_TEXT;
    order_send(director->orders[1], &order);
}

static void move_ned(struct director *director) {
    board_say(&director->board, TONE_STRONG, "ned's NAT forgets: ned comes from another port now.");
    tell_network(director, ROLE_MOVED, ORDER_REBIND, "has another port");
}

static void cut_ben(struct director *director) {
    board_say(&director->board, TONE_STRONG, "ben's network fails: nothing passes for 3 s.");
    tell_network(director, ROLE_CUT_SHORT, ORDER_CUT, "network is cut");
}

static void mend_ben(struct director *director) {
    board_say(&director->board, TONE_STRONG, "ben's network is back, after 3 s.");
    tell_network(director, ROLE_CUT_SHORT, ORDER_MEND, "network is back");
}

static void stop_hal(struct director *director) {
    int who = cast_find(ROLE_STOPPED);
    board_say(&director->board, TONE_STRONG,
              "hal is stopped (SIGSTOP). See its queue: what is for it waits.");
    director->board.rows[who].note = "stopped (SIGSTOP)";
    crew_signal(director, who, SIGSTOP);
}

static void continue_hal(struct director *director) {
    int who = cast_find(ROLE_STOPPED);
    board_say(&director->board, TONE_STRONG, "hal goes on (SIGCONT), 3 s later.");
    director->board.rows[who].note = "goes on (SIGCONT)";
    crew_signal(director, who, SIGCONT);
}

static void mute_jon(struct director *director) {
    board_say(&director->board, TONE_STRONG, "jon's uplink fails: it hears, and is not heard.");
    tell_network(director, ROLE_RETURNS, ORDER_CUT_UP, "is not heard");
}

static void kill_jon(struct director *director) {
    int who = cast_find(ROLE_RETURNS);
    board_say(&director->board, TONE_STRONG, "And now jon is killed (SIGKILL), half a second on.");
    director->board.rows[who].note = "killed (SIGKILL)";
    crew_signal(director, who, SIGKILL);
}

static void revive_jon(struct director *director) {
    struct row *row = &director->board.rows[cast_find(ROLE_RETURNS)];
    board_say(&director->board, TONE_STRONG,
              "jon is started again, with the ticket that the old process had saved.");
    tell_network(director, ROLE_RETURNS, ORDER_MEND, "a new process");
    row->former_status = row->task.wait_status;
    row->life++;
    crew_start_client(director, cast_find(ROLE_RETURNS));
}

static void call_second_oda(struct director *director) {
    board_say(&director->board, TONE_STRONG, "oda logs in again, from another process: oda2.");
    director->board.rows[cast_find(ROLE_REPLACED)].note = "logged in elsewhere";
    crew_start_client(director, cast_find(ROLE_SECOND));
    crew_is_complete(director);
}

static void drain(struct director *director) {
    const struct order order = {.kind = ORDER_DRAIN};
    order_send(director->orders[1], &order);
}

/** In this order, each so long after the one before it, and when it can be. */
static const struct step {
    double after;
    bool (*can)(const struct board *board);
    void (*act)(struct director *director);
} script[] = {
    {0.0, all_are_in, count_heads},
    {1.0, at_once, kill_kim},
    {0.5, at_once, cut_fay},
    {0.8, at_once, evict_eve},
    {0.8, at_once, move_ned},
    {0.8, at_once, cut_ben},
    {0.8, at_once, stop_hal},
    {0.8, at_once, mute_jon},
    {0.5, at_once, kill_jon},
    {0.9, ben_is_suspected, mend_ben},
    {0.8, hal_is_suspected, continue_hal},
    {0.6, jon_is_dead, revive_jon},
    {0.8, at_once, call_second_oda},
    {1.2, fay_is_down_at_both_ends, mend_fay},
    {4.0, all_is_settled, drain},
};

void script_follow(struct director *director) {
    double now = director->board.now;
    bool all_called = director->board.arrived > LAST_TO_ARRIVE;
    if (!all_called && the_server_is_up(&director->board) &&
        now >= director->step_at + BEFORE_ARRIVAL_S) {
        start_one(director);
        director->step_at = now;
    }
    if (!all_called || director->step == sizeof script / sizeof script[0]) {
        return;
    }
    const struct step *step = &script[director->step];
    if (now >= director->step_at + step->after && step->can(&director->board)) {
        step->act(director);
        director->step++;
        director->step_at = now;
    }
}
