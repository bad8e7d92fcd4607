/*
 * The demo: starts the processes, follows the script, and shows what happens.
 *
 * This process never calls the library: a server and sixteen clients do, each a process of its own
 * that reports through a pipe.
 */
#define _POSIX_C_SOURCE 200809L
#include "examples/demo/director.h"
#include "examples/demo/ledger.h"
#include "examples/demo/screen.h"
#include <poll.h>
#include <signal.h>

#define LIMIT_S 60.0 /* three times what it needs */
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

/** Returns false when there will be no more. */
static bool take_reports(struct director *director) {
    struct pollfd news = {.fd = director->reports[0], .events = POLLIN};
    struct report report;
    bool ended = false;
    poll(&news, 1, LOOK_MS);
    while (report_receive(director->reports[0], &report, &ended)) {
        board_take(&director->board, &report);
    }
    return !ended;
}

/** False when it was interrupted or nobody watches any more. */
static bool play(struct director *director, struct screen *screen) {
    struct board *board = &director->board;
    uint64_t started_at = now_ms();
    bool reports_go_on = true;
    crew_start_server(director);
    while (!board->failed && (reports_go_on || !crew_has_ended(director))) {
        if (reports_go_on) {
            reports_go_on = take_reports(director);
        } else {
            poll(NULL, 0, LOOK_MS);
        }
        board->now = (double)(now_ms() - started_at) / 1000.0;
        crew_reap(director);
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
