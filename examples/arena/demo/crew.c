/* Every process is a fork that runs a server or a bot. None outlives the director. */
#define _GNU_SOURCE
#include "examples/arena/bot.h"
#include "examples/arena/demo/director.h"
#include "examples/arena/demo/fast_clock.h"
#include "examples/arena/server_run.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#define FAST 1.5

bool crew_prepare(struct director *director) {
    void *memory =
        mmap(NULL, sizeof(struct stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char folder[] = "/tmp/belay-demo-XXXXXX";
    if (memory == MAP_FAILED || mkdtemp(folder) == NULL) {
        return false;
    }
    director->board.stage = memory;
    snprintf(director->folder, sizeof director->folder, "%s", folder);
    snprintf(director->ticket, sizeof director->ticket, "%s/ticket", folder);
    return true;
}

static void fail(struct director *director, const char *text) {
    board_say(&director->board, TONE_BAD, "%s", text);
    director->board.failed = true;
}

/** A child forgets the director's habits, and leaves with it. */
static void become_child(void) {
    signal(SIGINT, SIG_IGN); /* Ctrl-C is for the director, who ends its children */
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
}

/** As fork(), but a failure ends the demo. */
static bool fork_child(struct director *director, struct task *task) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        become_child();
        return true;
    }
    if (pid < 0) {
        fail(director, "fork: no process could be started");
    }
    task->pid = pid;
    task->process = pid > 0 ? PROCESS_RUNS : PROCESS_NONE;
    return false;
}

static int serve(struct server_record *record) {
    static struct arena_server server;
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    opts.listen = "127.0.0.1:0"; /* the system picks a port */
    if (!arena_server_open(&server, &opts, record)) {
        return 1;
    }
    server_run(&server);
    return 0;
}

void crew_start_server(struct director *director) {
    if (fork_child(director, &director->board.server)) {
        exit(serve(&director->board.stage->server));
    }
}

void crew_start_relays(struct director *director) {
    char server[32];
    struct relay_trouble trouble = {LOSS_PERCENT, DELAY_MS, JITTER_MS, 1};
    snprintf(server, sizeof server, "127.0.0.1:%u", director->board.stage->server.port);
    bool started = relay_start(&director->relay, server, &trouble);
    trouble.seed++;
    if (!started || !relay_start(&director->cut_relay, server, &trouble)) {
        fail(director, "belay-netem could not be started");
    }
}

static int play(const struct director *director, int who) {
    enum role role = cast[who].role;
    const struct relay *relay = role == ROLE_CUT ? &director->cut_relay : &director->relay;
    char address[32];
    const struct bot_opts opts = {
        .client = {.server = address,
                   .name = cast[who].name,
                   .ticket_file = role == ROLE_RETURNS ? director->ticket : NULL},
        .seed = (uint64_t)who,
    };
    snprintf(address, sizeof address, "127.0.0.1:%u", relay->port);
    if (role == ROLE_CHEATS) {
        fast_clock_start(FAST);
    }
    return bot_run(&opts, board_client(&director->board, who));
}

void crew_start_bot(struct director *director, int who) {
    if (fork_child(director, &director->board.rows[who].task)) {
        exit(play(director, who));
    }
}

void crew_signal(const struct task *task, int number) {
    if (task->process == PROCESS_RUNS) {
        kill(task->pid, number);
    }
}

static void reap(struct task *task) {
    int status;
    if (task->process == PROCESS_RUNS && waitpid(task->pid, &status, WNOHANG) == task->pid) {
        task->process = PROCESS_ENDED;
        task->wait_status = status;
    }
}

void crew_reap(struct director *director) {
    struct board *board = &director->board;
    reap(&board->server);
    for (int i = 0; i < CAST_SIZE; i++) {
        reap(&board->rows[i].task);
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
    relay_end(&director->relay);
    relay_end(&director->cut_relay);
    unlink(director->ticket);
    rmdir(director->folder);
}
