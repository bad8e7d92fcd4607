/*
 * The baseline of `goal idle`: stock ENet on its own sockets, with peers that say nothing.
 *
 * usage: raw-idle PEERS WAIT_MS SETTLE_MS MEASURE_MS. Prints the server's CPU in nanoseconds and
 * its datagrams, in and out.
 */
#define _GNU_SOURCE
#include <enet/enet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHANNELS   2
#define LOGIN_MS   30000
#define TURN_MS    10
#define PER_TURN   20 /* that begin to connect in one turn */
#define SWEEP      5  /* turns between looks at everybody's timers */
#define EVENTS_MAX 64

static uint64_t now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static _Noreturn void give_up(const char *what) {
    fprintf(stderr, "raw-idle: %s\n", what);
    _exit(1);
}

static ENetHost *start_client(const ENetAddress *server) {
    ENetHost *host = enet_host_create(NULL, 1, CHANNELS, 0, 0);
    if (host == NULL || enet_host_connect(host, server, CHANNELS, 0) == NULL) {
        give_up("cannot make a client; raise the limit of open files");
    }
    return host;
}

static void serve_client(ENetHost *host) {
    ENetEvent event;
    while (enet_host_service(host, &event, 0) > 0) {
        if (event.type == ENET_EVENT_TYPE_DISCONNECT) {
            give_up("a peer was lost");
        }
    }
}

static _Noreturn void be_clients(const ENetAddress *server, uint32_t count) {
    ENetHost **hosts = calloc(count, sizeof *hosts);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    if (hosts == NULL || poller < 0) {
        give_up("no memory or no epoll");
    }
    uint32_t started = 0;
    for (uint32_t turn = 0;; turn++) {
        for (int i = 0; i < PER_TURN && started < count; i++) {
            ENetHost *host = start_client(server);
            struct epoll_event want = {.events = EPOLLIN, .data.ptr = host};
            if (epoll_ctl(poller, EPOLL_CTL_ADD, host->socket, &want) != 0) {
                give_up("epoll");
            }
            hosts[started++] = host;
        }
        struct epoll_event ready[EVENTS_MAX];
        int ready_count = epoll_wait(poller, ready, EVENTS_MAX, TURN_MS);
        for (int i = 0; i < ready_count; i++) {
            serve_client(ready[i].data.ptr);
        }
        for (uint32_t i = 0; turn % SWEEP == 0 && i < started; i++) {
            serve_client(hosts[i]);
        }
    }
}

/** Serves until the clock says so, or until @p wanted peers are there; returns how many are. */
static uint32_t serve(ENetHost *host, uint32_t wait_ms, uint32_t ms, uint32_t wanted) {
    ENetEvent event;
    uint64_t until = now_ns(CLOCK_MONOTONIC) + (uint64_t)ms * 1000000U;
    while (now_ns(CLOCK_MONOTONIC) < until && host->connectedPeers != wanted) {
        while (enet_host_service(host, &event, wait_ms) > 0) {
            if (event.type == ENET_EVENT_TYPE_DISCONNECT) {
                give_up("the server lost a peer");
            }
        }
    }
    return (uint32_t)host->connectedPeers;
}

/** A child that ends with us. */
static pid_t start_clients(const ENetHost *server, uint32_t count) {
    ENetAddress address;
    if (enet_socket_get_address(server->socket, &address) != 0) {
        give_up("no port");
    }
    pid_t child = fork();
    if (child < 0) {
        give_up("cannot fork");
    }
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        be_clients(&address, count);
    }
    return child;
}

int main(int argument_count, char **arguments) {
    ENetAddress local = {.host = ENET_HOST_TO_NET_32(INADDR_LOOPBACK)};
    struct rlimit limit;
    if (argument_count != 5 || enet_initialize() != 0) {
        fprintf(stderr, "usage: raw-idle PEERS WAIT_MS SETTLE_MS MEASURE_MS\n");
        return 2;
    }
    uint32_t numbers[4];
    for (int i = 0; i < 4; i++) {
        numbers[i] = (uint32_t)strtoul(arguments[i + 1], NULL, 10);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    ENetHost *host = enet_host_create(&local, numbers[0], CHANNELS, 0, 0);
    if (host == NULL) {
        give_up("cannot make a server");
    }
    pid_t clients = start_clients(host, numbers[0]);
    bool all = serve(host, numbers[1], LOGIN_MS, numbers[0]) == numbers[0];
    serve(host, numbers[1], numbers[2], UINT32_MAX);
    uint64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t datagrams = (uint64_t)host->totalReceivedPackets + host->totalSentPackets;
    serve(host, numbers[1], numbers[3], UINT32_MAX);
    cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    datagrams = (uint64_t)host->totalReceivedPackets + host->totalSentPackets - datagrams;
    printf("%llu %llu\n", (unsigned long long)cpu, (unsigned long long)datagrams);
    kill(clients, SIGKILL);
    waitpid(clients, NULL, 0);
    return all && host->connectedPeers == numbers[0] ? 0 : 1;
}
