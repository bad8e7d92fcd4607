/*
 * The demo: starts the processes, follows the script, and shows what happens.
 *
 * This process never calls the library: a server and thirty-two bots do, each a process of its own,
 * through networks that lose a twentieth of all datagrams.
 */
#define _POSIX_C_SOURCE 200809L
#include "examples/arena/demo/director.h"
#include "examples/arena/demo/ledger.h"
#include "examples/arena/demo/screen.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#define LIMIT_S 60.0 /* twice what it needs */
#define LOOK_MS 50

static volatile sig_atomic_t interrupted;

static void interrupt(int number) {
    (void)number;
    interrupted = 1;
}

static void handle_signals(void) {
    struct sigaction action = {.sa_handler = interrupt};
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/** False when it was interrupted or nobody watches any more. */
static bool play(struct director *director, struct screen *screen) {
    struct board *board = &director->board;
    double started_at = now_s();
    crew_start_server(director);
    while (!board->failed && !crew_has_ended(director)) {
        poll(NULL, 0, LOOK_MS);
        board->now = now_s() - started_at;
        crew_reap(director);
        board_look(board);
        script_follow(director);
        if (board->now > LIMIT_S) {
            board_say(board, TONE_BAD, "It takes too long: the demo ends here.");
            board->failed = true;
        }
        if (!screen_update(screen, board) || interrupted) {
            return false;
        }
    }
    return true;
}

int main(void) {
    static struct director director;
    struct screen screen;
    handle_signals();
    if (!crew_prepare(&director)) {
        perror("demo");
        return 1;
    }
    tone_choose();
    screen_open(&screen);
    bool played = play(&director, &screen);
    if (played && !director.board.failed) {
        board_say(&director.board, TONE_GOOD, "The server has stopped. All processes have ended.");
    }
    crew_end(&director);
    screen_close(&screen, &director.board);
    if (!played) {
        printf("Interrupted; all processes have been ended.\n");
        return 130;
    }
    return ledger_print(&director.board) ? 0 : 1;
}
