/*
 * Two children: the server, which measures itself and writes its figures into a pipe, and the
 * clients, which are killed when the figures are there.
 */
#define _GNU_SOURCE
#include "bench/crowd.h"

#include <belay/server.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/** Bytes that this process has from malloc(), ENet's included; 0 where nobody can say. */
static uint64_t heap_in_use(void) {
#ifdef __GLIBC__
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

static struct belay_server *start_server(uint32_t session_max) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *server;
    opts.listen = "127.0.0.1:0";
    opts.session_max = session_max;
    opts.handshake_rate = BELAY_FOREVER; /* all clients have one address */
    if (belay_server_start(&server, &opts) != BELAY_OK) {
        fprintf(stderr, "crowd: server: %s\n", belay_error());
        _exit(1);
    }
    belay_server_service(server, 0);
    return server;
}

static uint64_t heap_of_one(void) {
    struct belay_server *server = start_server(1);
    uint64_t heap = heap_in_use();
    belay_server_destroy(server);
    return heap;
}

/** Serves until the clock says so, or until @p wanted sessions are open; returns how many are. */
static uint32_t serve(struct belay_server *server, uint32_t ms, uint32_t open, uint32_t wanted) {
    struct belay_event event;
    uint64_t until = now_ns(CLOCK_MONOTONIC) + (uint64_t)ms * 1000000U;
    while (now_ns(CLOCK_MONOTONIC) < until && open != wanted) {
        belay_server_service(server, BL_CROWD_WAIT_MS);
        while (belay_server_poll(server, &event)) {
            if (event.type == BELAY_EVENT_LOGIN) {
                belay_server_accept(server, event.session, NULL, NULL, 0);
            }
            open += event.type == BELAY_EVENT_OPEN;
            open -= event.type == BELAY_EVENT_CLOSED || event.type == BELAY_EVENT_DOWN;
        }
    }
    return open;
}

static struct belay_stats stats_of(const struct belay_server *server) {
    struct belay_stats stats = BELAY_STATS_INIT;
    belay_server_stats(server, &stats);
    return stats;
}

static void write_or_die(int pipe, const void *data, size_t size) {
    if (write(pipe, data, size) != (ssize_t)size) {
        _exit(1);
    }
}

static _Noreturn void be_server(const struct bl_crowd_opts *opts, int out) {
    struct bl_crowd_figures figures = {.heap_one = heap_of_one()};
    struct belay_server *server = start_server(opts->sessions);
    struct belay_stats stats = stats_of(server);
    figures.heap_empty = heap_in_use();
    figures.counted_empty = stats.memory;
    write_or_die(out, &stats.port, sizeof stats.port);

    uint32_t open = serve(server, BL_CROWD_LOGIN_MS, 0, opts->sessions);
    if (open == opts->sessions) {
        open = serve(server, opts->settle_ms, open, UINT32_MAX);
    }
    stats = stats_of(server);
    figures.heap_full = heap_in_use();
    figures.counted_full = stats.memory;
    figures.cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    figures.datagrams = stats.datagrams_in + stats.datagrams_out;
    open = serve(server, opts->measure_ms, open, UINT32_MAX);
    figures.cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) - figures.cpu_ns;
    stats = stats_of(server);
    figures.datagrams = stats.datagrams_in + stats.datagrams_out - figures.datagrams;
    if (open != opts->sessions) {
        fprintf(stderr, "crowd: %u of %u sessions are open\n", open, opts->sessions);
        _exit(1);
    }
    write_or_die(out, &figures, sizeof figures);
    _exit(0);
}

/** A child that ends with us, whatever happens. -1 on failure, 0 in the child. */
static pid_t start_child(void) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    return child;
}

static void allow_many_sockets(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void end_child(pid_t child) {
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
}

bool bl_crowd_run(const struct bl_crowd_opts *opts, struct bl_crowd_figures *figures) {
    int ends[2];
    uint16_t port;
    if (pipe(ends) != 0) {
        return false;
    }
    allow_many_sockets();
    pid_t server = start_child();
    if (server == 0) {
        be_server(opts, ends[1]);
    }
    close(ends[1]);
    bool fine = server > 0 && read(ends[0], &port, sizeof port) == (ssize_t)sizeof port;
    pid_t clients = fine ? start_child() : -1;
    if (clients == 0) {
        bl_crowd_clients(opts->sessions, port);
    }
    fine =
        fine && clients > 0 && read(ends[0], figures, sizeof *figures) == (ssize_t)sizeof *figures;
    end_child(clients);
    end_child(server);
    close(ends[0]);
    return fine;
}
