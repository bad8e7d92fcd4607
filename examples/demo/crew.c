/* Every process is a fork that runs one of the roles. None outlives the director. */
#define _GNU_SOURCE
#include "examples/demo/director.h"
#include "examples/demo/roles.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

static bool open_pipe(int ends[2]) {
    return pipe(ends) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

bool crew_prepare(struct director *director) {
    director->saved = tmpfile();
    director->board.shelf = shelf_open();
    return director->saved != NULL && director->board.shelf != NULL &&
           open_pipe(director->reports) && open_pipe(director->orders) &&
           open_pipe(director->network_orders);
}

static void fail(struct director *director, const char *text) {
    board_say(&director->board, TONE_BAD, "%s", text);
    director->board.failed = true;
}

/** A child forgets the director's habits, leaves with it, and keeps only its ends of the pipes. */
static void become_child(const struct director *director) {
    signal(SIGINT, SIG_IGN); /* Ctrl-C is for the director, who ends its children */
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    close(director->reports[0]);
    close(director->orders[1]);
    close(director->network_orders[1]);
}

/** As fork(), but a failure ends the demo. */
static pid_t fork_child(struct director *director) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        become_child(director);
    } else if (pid < 0) {
        fail(director, "fork: no process could be started");
    }
    return pid;
}

void crew_start_server(struct director *director) {
    struct board *board = &director->board;
    pid_t pid = fork_child(director);
    if (pid == 0) {
        exit(server_run(director->orders[0], director->reports[1], board->shelf->of_server));
    }
    board->server.pid = pid;
    board->server.process = pid > 0 ? PROCESS_RUNS : PROCESS_NONE;
}

void crew_start_network(struct director *director) {
    struct board *board = &director->board;
    if (!network_open(&director->network, board->port)) {
        fail(director, "the network has no sockets");
        return;
    }
    pid_t pid = fork_child(director);
    if (pid == 0) {
        close(director->reports[1]);
        exit(network_run(&director->network, director->network_orders[0]));
    }
    network_close(&director->network);
    board->network.pid = pid;
    board->network.process = pid > 0 ? PROCESS_RUNS : PROCESS_NONE;
}

void crew_start_client(struct director *director, int who) {
    struct board *board = &director->board;
    struct row *row = &board->rows[who];
    const struct part part = {
        .who = who,
        .life = row->life,
        .port = cast_has_relay(who) ? director->network.relays[who].port : board->port,
        .reports = director->reports[1],
        .saved = cast[who].role == ROLE_RETURNS ? fileno(director->saved) : -1,
        .books = &board->shelf->of_client[who][row->life],
    };
    pid_t pid = fork_child(director);
    if (pid == 0) {
        exit(client_run(&part));
    }
    row->task.pid = pid;
    row->task.process = pid > 0 ? PROCESS_RUNS : PROCESS_NONE;
}

void crew_signal(struct director *director, int who, int number) {
    struct task *task = &director->board.rows[who].task;
    if (task->process == PROCESS_RUNS) {
        kill(task->pid, number);
    }
}

void crew_is_complete(struct director *director) {
    close(director->reports[1]);
}

void crew_reap(struct director *director) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        board_end(&director->board, pid, status);
    }
}

bool crew_has_ended(const struct director *director) {
    const struct board *board = &director->board;
    for (int i = 0; i < CAST_SIZE; i++) {
        if (board->rows[i].task.process != PROCESS_ENDED) {
            return false;
        }
    }
    return board->server.process == PROCESS_ENDED;
}

static void end_task(struct task *task) {
    if (task->process == PROCESS_RUNS) {
        kill(task->pid, SIGKILL);
        waitpid(task->pid, &task->wait_status, 0);
        task->process = PROCESS_ENDED;
    }
}

void crew_end(struct director *director) {
    struct board *board = &director->board;
    for (int i = 0; i < CAST_SIZE; i++) {
        end_task(&board->rows[i].task);
    }
    end_task(&board->server);
    end_task(&board->network);
}
