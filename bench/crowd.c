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
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TOPIC 1

const struct belay_channel bl_crowd_channels[BL_CROWD_CHANNELS] = {
    [BL_CROWD_RELIABLE] = {.name = "reliable", .mode = BELAY_RELIABLE},
    [BL_CROWD_SEQUENCED] = {.name = "sequenced", .mode = BELAY_SEQUENCED},
};

struct host {
    struct belay_server *server;
    const struct bl_crowd_load *load;
    uint32_t open;   /* sessions */
    uint32_t left;   /* to publish */
    uint64_t due_ns; /* when the next of these is */
};

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
    opts.channels = bl_crowd_channels;
    opts.channel_count = BL_CROWD_CHANNELS;
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

/** Publishes what is due. @return how many milliseconds to wait for what comes next */
static uint32_t publish(struct host *host) {
    static const uint8_t data[BL_CROWD_PUBLISH_MAX] = {1, 2, 3};
    uint64_t now = now_ns(CLOCK_MONOTONIC);
    if (host->left > 0 && now >= host->due_ns) {
        belay_server_publish(host->server, TOPIC, host->load->channel, data, host->load->size);
        belay_server_flush(host->server);
        host->due_ns += host->load->every_ms * 1000000ULL;
        host->left--;
        now = now_ns(CLOCK_MONOTONIC);
    }
    if (host->left == 0 || host->due_ns > now + BL_CROWD_WAIT_MS * 1000000ULL) {
        return BL_CROWD_WAIT_MS;
    }
    return host->due_ns > now ? (uint32_t)((host->due_ns - now + 999999) / 1000000) : 0;
}

static void handle(struct host *host, const struct belay_event *event) {
    if (event->type == BELAY_EVENT_LOGIN) {
        belay_server_accept(host->server, event->session, NULL, NULL, 0);
    } else if (event->type == BELAY_EVENT_OPEN) {
        host->open++;
        if (host->load->size > 0) {
            belay_server_subscribe(host->server, event->session, TOPIC);
        }
    } else if (event->type == BELAY_EVENT_CLOSED || event->type == BELAY_EVENT_DOWN) {
        host->open--;
    }
}

/** Serves until the clock says so, or until @p wanted sessions are open. */
static void serve(struct host *host, uint32_t ms, uint32_t wanted) {
    struct belay_event event;
    uint64_t until = now_ns(CLOCK_MONOTONIC) + (uint64_t)ms * 1000000U;
    while (now_ns(CLOCK_MONOTONIC) < until && host->open != wanted) {
        belay_server_service(host->server, publish(host));
        while (belay_server_poll(host->server, &event)) {
            handle(host, &event);
        }
    }
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

static void measure(struct host *host, uint32_t ms, struct bl_crowd_figures *figures) {
    const struct bl_crowd_load *load = host->load;
    struct belay_stats stats = stats_of(host->server);
    figures->datagrams = stats.datagrams_in + stats.datagrams_out;
    figures->cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    host->due_ns = now_ns(CLOCK_MONOTONIC);
    host->left = load->size > 0 ? ms / load->every_ms : 0;
    figures->published = host->left;
    serve(host, ms + (load->size > 0 ? BL_CROWD_DRAIN_MS : 0), UINT32_MAX);
    figures->published -= host->left;
    figures->cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) - figures->cpu_ns;
    stats = stats_of(host->server);
    figures->datagrams = stats.datagrams_in + stats.datagrams_out - figures->datagrams;
}

static _Noreturn void be_server(const struct bl_crowd_opts *opts, int out) {
    struct bl_crowd_figures figures = {.heap_one = heap_of_one()};
    struct host host = {.server = start_server(opts->sessions), .load = &opts->load};
    struct belay_stats stats = stats_of(host.server);
    figures.heap_empty = heap_in_use();
    figures.counted_empty = stats.memory;
    write_or_die(out, &stats.port, sizeof stats.port);

    serve(&host, BL_CROWD_LOGIN_MS, opts->sessions);
    if (host.open == opts->sessions) {
        serve(&host, opts->settle_ms, UINT32_MAX);
    }
    stats = stats_of(host.server);
    figures.heap_full = heap_in_use();
    figures.counted_full = stats.memory;
    measure(&host, opts->measure_ms, &figures);
    if (host.open != opts->sessions) {
        fprintf(stderr, "crowd: %u of %u sessions are open\n", host.open, opts->sessions);
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

/** Runs both children. @param delivered shared with the clients */
static bool run(const struct bl_crowd_opts *opts, _Atomic uint64_t *delivered,
                struct bl_crowd_figures *figures) {
    int ends[2];
    uint16_t port;
    if (pipe(ends) != 0) {
        return false;
    }
    pid_t server = start_child();
    if (server == 0) {
        be_server(opts, ends[1]);
    }
    close(ends[1]);
    bool fine = server > 0 && read(ends[0], &port, sizeof port) == (ssize_t)sizeof port;
    pid_t clients = fine ? start_child() : -1;
    if (clients == 0) {
        bl_crowd_clients(opts->sessions, port, delivered);
    }
    fine =
        fine && clients > 0 && read(ends[0], figures, sizeof *figures) == (ssize_t)sizeof *figures;
    end_child(clients);
    end_child(server);
    close(ends[0]);
    return fine;
}

bool bl_crowd_run(const struct bl_crowd_opts *opts, struct bl_crowd_figures *figures) {
    _Atomic uint64_t *delivered =
        mmap(NULL, sizeof *delivered, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (delivered == MAP_FAILED) {
        return false;
    }
    allow_many_sockets();
    bool fine = run(opts, delivered, figures);
    figures->delivered = *delivered;
    munmap((void *)delivered, sizeof *delivered);
    return fine;
}
