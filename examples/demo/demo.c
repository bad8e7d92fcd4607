/*
 * The demo's director: starts the processes, follows the script, and shows what happens.
 *
 * It never calls the library: a server and sixteen clients do, each a process of its own that
 * reports through a pipe. What the director does to them is what happens to real ones: a signal, an
 * order of the administrator, time.
 */
#define _GNU_SOURCE
#include "examples/demo/ledger.h"
#include "examples/demo/roles.h"
#include "examples/demo/screen.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#define ARRIVAL_S 0.1  /* between clients */
#define LIMIT_S   45.0 /* three times what it needs */
#define LOOK_MS   50

struct director {
    struct board board;
    struct screen screen;
    uint64_t started_at;
    int reports[2]; /* a pipe: children write to [1] until all of them have ended */
    int orders[2];  /* a pipe to the server */
    bool reports_ended;
    int started; /* clients */
    double arrival_at;
    size_t step;
    double step_at; /* when the last step of the script was done */
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number) {
    (void)number;
    interrupted = 1;
}

/* ---- processes */

/** A child forgets the director's habits, leaves with it, and keeps only its ends of the pipes. */
static void become_child(const struct director *director, bool is_server) {
    signal(SIGINT, SIG_IGN); /* Ctrl-C is for the director, who ends its children */
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    close(director->reports[0]);
    close(director->orders[1]);
    if (!is_server) {
        close(director->orders[0]);
    }
}

/** Returns the child's process id, in the parent. */
static pid_t start_process(struct director *director, int who) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        bool is_server = who < 0;
        become_child(director, is_server);
        exit(is_server ? server_run(director->orders[0], director->reports[1])
                       : client_run(who, director->board.port, director->reports[1]));
    }
    if (pid < 0) {
        board_say(&director->board, TONE_BAD, "fork: no process could be started");
        director->board.failed = true;
    }
    return pid;
}

static void start_clients(struct director *director) {
    struct board *board = &director->board;
    if (board->port == 0 || director->started == CAST_SIZE || board->now < director->arrival_at) {
        return;
    }
    struct row *row = &board->rows[director->started];
    row->pid = start_process(director, director->started);
    if (row->pid < 0) {
        row->pid = 0;
        return;
    }
    row->process = PROCESS_RUNS;
    director->arrival_at = board->now + ARRIVAL_S;
    if (++director->started == CAST_SIZE) {
        close(director->reports[1]); /* from now on the pipe ends with the children */
        director->reports[1] = -1;
    }
}

static bool everybody_has_ended(const struct board *board) {
    for (int i = 0; i < CAST_SIZE; i++) {
        if (board->rows[i].process != PROCESS_ENDED) {
            return false;
        }
    }
    return board->server_ended;
}

static void reap(struct director *director) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        board_end(&director->board, pid, status);
    }
}

/** Ends whoever still runs; only processes that were started here and not yet reaped. */
static void end_everybody(struct director *director) {
    struct board *board = &director->board;
    for (int i = 0; i < CAST_SIZE; i++) {
        struct row *row = &board->rows[i];
        if (row->process == PROCESS_RUNS || row->process == PROCESS_STOPPED) {
            kill(row->pid, SIGKILL);
            waitpid(row->pid, &row->wait_status, 0);
            row->process = PROCESS_ENDED;
        }
    }
    if (board->server_pid > 0 && !board->server_ended) {
        kill(board->server_pid, SIGKILL);
        waitpid(board->server_pid, &board->server_status, 0);
        board->server_ended = true;
    }
}

/* ---- the script */

static bool everybody_is_in(const struct board *board) {
    return board_count_open(board) >= CAST_SIZE - 1;
}

static bool nothing_to_wait_for(const struct board *board) {
    (void)board;
    return true;
}

static bool the_killed_has_timed_out(const struct board *board) {
    return board->rows[cast_find(ROLE_KILLED)].session_closed;
}

static void count_heads(struct director *director) {
    board_say(&director->board, TONE_GOOD,
              "%d are in. Each sends 20 numbered messages a second and gets 30.", CAST_SIZE - 1);
}

static void kill_one(struct director *director) {
    int who = cast_find(ROLE_KILLED);
    board_say(&director->board, TONE_STRONG,
              "%s is killed (SIGKILL). No goodbye: the server has to notice by itself.",
              cast[who].name);
    kill(director->board.rows[who].pid, SIGKILL);
}

static void evict_one(struct director *director) {
    const struct order order = {.kind = ORDER_EVICT, .who = cast_find(ROLE_EVICTED)};
    board_say(&director->board, TONE_STRONG, "The server evicts %s.", cast[order.who].name);
    order_send(director->orders[1], &order);
}

static void stop_one(struct director *director) {
    int who = cast_find(ROLE_STOPPED);
    struct row *row = &director->board.rows[who];
    board_say(&director->board, TONE_STRONG,
              "%s is stopped (SIGSTOP). See its queue: what is for it waits.", cast[who].name);
    row->process = PROCESS_STOPPED;
    kill(row->pid, SIGSTOP);
}

static void continue_one(struct director *director) {
    int who = cast_find(ROLE_STOPPED);
    struct row *row = &director->board.rows[who];
    board_say(&director->board, TONE_STRONG, "%s goes on (SIGCONT), three seconds later.",
              cast[who].name);
    row->process = PROCESS_RUNS;
    kill(row->pid, SIGCONT);
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
    {0.0, everybody_is_in, count_heads},      {3.4, nothing_to_wait_for, kill_one},
    {1.0, nothing_to_wait_for, evict_one},    {1.0, nothing_to_wait_for, stop_one},
    {3.0, nothing_to_wait_for, continue_one}, {5.0, the_killed_has_timed_out, drain},
};

static void follow_script(struct director *director) {
    double now = director->board.now;
    if (director->step == sizeof script / sizeof script[0]) {
        return;
    }
    const struct step *step = &script[director->step];
    if (now >= director->step_at + step->after && step->can(&director->board)) {
        step->act(director);
        director->step++;
        director->step_at = now;
    }
}

/* ---- the stage */

static void take_reports(struct director *director) {
    struct pollfd news = {.fd = director->reports[0], .events = POLLIN};
    struct report report;
    bool ended = false;
    if (director->reports_ended) {
        poll(NULL, 0, LOOK_MS);
        return;
    }
    poll(&news, 1, LOOK_MS);
    while (report_receive(director->reports[0], &report, &ended)) {
        board_take(&director->board, &report);
    }
    director->reports_ended = ended;
}

static bool is_over(const struct director *director) {
    return director->reports_ended && everybody_has_ended(&director->board);
}

static void look_at_clock(struct director *director) {
    director->board.now = (double)(now_ms() - director->started_at) / 1000.0;
}

static bool prepare(struct director *director) {
    struct sigaction action = {.sa_handler = interrupt};
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    director->started_at = now_ms();
    if (pipe(director->reports) < 0 || pipe(director->orders) < 0 ||
        fcntl(director->reports[0], F_SETFL, O_NONBLOCK) < 0 ||
        fcntl(director->orders[0], F_SETFL, O_NONBLOCK) < 0) {
        perror("demo: pipe");
        return false;
    }
    return true;
}

/** False when it was interrupted or nobody watches any more. */
static bool play(struct director *director) {
    struct board *board = &director->board;
    board->server_pid = start_process(director, -1);
    while (!is_over(director) && !board->failed) {
        take_reports(director);
        look_at_clock(director);
        reap(director);
        start_clients(director);
        follow_script(director);
        if (board->now > LIMIT_S) {
            board_say(board, TONE_BAD, "It takes too long: the demo ends here.");
            board->failed = true;
        }
        if (!screen_update(&director->screen, board) || interrupted) {
            return false;
        }
    }
    return true;
}

int main(void) {
    static struct director director;
    if (!prepare(&director)) {
        return 1;
    }
    tone_choose();
    screen_open(&director.screen);
    bool played = play(&director);
    if (played && !director.board.failed) {
        board_say(&director.board, TONE_GOOD, "The server has stopped. All processes have ended.");
    }
    end_everybody(&director);
    screen_close(&director.screen, &director.board);
    if (!played) {
        printf("Interrupted; all processes have been ended.\n");
        return 130;
    }
    return ledger_print(&director.board) ? 0 : 1;
}
