/* The child's peers are woken by one epoll descriptor over all of theirs, as those of crowd.c. */
#define _GNU_SOURCE
#include "bench/raw_crowd.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOGIN_MS   30000
#define TURN_MS    10
#define PER_TURN   20 /* that begin to connect in one turn */
#define SWEEP      5  /* turns between looks at everybody's timers */
#define EVENTS_MAX 64

uint64_t bl_raw_now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

_Noreturn void bl_raw_give_up(const char *what) {
    fprintf(stderr, "baseline: %s\n", what);
    _exit(1);
}

static ENetHost *start_client(const ENetAddress *server) {
    ENetHost *host = enet_host_create(NULL, 1, BL_RAW_CHANNELS, 0, 0);
    if (host == NULL || enet_host_connect(host, server, BL_RAW_CHANNELS, 0) == NULL) {
        bl_raw_give_up("cannot make a client; raise the limit of open files");
    }
    return host;
}

static void serve_client(ENetHost *host, _Atomic uint64_t *delivered) {
    ENetEvent event;
    while (enet_host_service(host, &event, 0) > 0) {
        if (event.type == ENET_EVENT_TYPE_DISCONNECT) {
            bl_raw_give_up("a peer was lost");
        }
        if (event.type == ENET_EVENT_TYPE_RECEIVE) {
            ++*delivered;
            enet_packet_destroy(event.packet);
        }
    }
}

static _Noreturn void be_clients(const struct bl_raw_crowd *crowd, const ENetAddress *server) {
    ENetHost **hosts = calloc(crowd->peers, sizeof *hosts);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    if (hosts == NULL || poller < 0) {
        bl_raw_give_up("no memory or no epoll");
    }
    uint32_t started = 0;
    for (uint32_t turn = 0;; turn++) {
        for (int i = 0; i < PER_TURN && started < crowd->peers; i++) {
            ENetHost *host = start_client(server);
            struct epoll_event want = {.events = EPOLLIN, .data.ptr = host};
            if (epoll_ctl(poller, EPOLL_CTL_ADD, host->socket, &want) != 0) {
                bl_raw_give_up("epoll");
            }
            hosts[started++] = host;
        }
        struct epoll_event ready[EVENTS_MAX];
        int ready_count = epoll_wait(poller, ready, EVENTS_MAX, TURN_MS);
        for (int i = 0; i < ready_count; i++) {
            serve_client(ready[i].data.ptr, crowd->delivered);
        }
        for (uint32_t i = 0; turn % SWEEP == 0 && i < started; i++) {
            serve_client(hosts[i], crowd->delivered);
        }
    }
}

/** Never throttled, or ENet would leave out part of what is measured when round trips vary. */
static void keep_open(ENetPeer *peer) {
    enet_peer_throttle_configure(peer, ENET_PEER_PACKET_THROTTLE_INTERVAL,
                                 ENET_PEER_PACKET_THROTTLE_SCALE, 0);
}

void bl_raw_crowd_serve(const struct bl_raw_crowd *crowd, uint32_t wait_ms) {
    ENetEvent event;
    while (enet_host_service(crowd->host, &event, wait_ms) > 0) {
        if (event.type == ENET_EVENT_TYPE_DISCONNECT) {
            bl_raw_give_up("the server lost a peer");
        }
        if (event.type == ENET_EVENT_TYPE_CONNECT) {
            keep_open(event.peer);
        }
    }
}

static void start_clients(struct bl_raw_crowd *crowd) {
    ENetAddress address;
    if (enet_socket_get_address(crowd->host->socket, &address) != 0) {
        bl_raw_give_up("no port");
    }
    crowd->clients = fork();
    if (crowd->clients < 0) {
        bl_raw_give_up("cannot fork");
    }
    if (crowd->clients == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a child that ends with us */
        be_clients(crowd, &address);
    }
}

static void allow_many_sockets(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static uint64_t in_ms(uint32_t ms) {
    return bl_raw_now_ns(CLOCK_MONOTONIC) + ms * 1000000ULL;
}

void bl_raw_crowd_open(struct bl_raw_crowd *crowd, uint32_t peers, uint32_t wait_ms,
                       uint32_t settle_ms) {
    const ENetAddress local = {.host = ENET_HOST_TO_NET_32(INADDR_LOOPBACK)};
    *crowd = (struct bl_raw_crowd){.peers = peers};
    allow_many_sockets();
    crowd->delivered = mmap(NULL, sizeof *crowd->delivered, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    crowd->host = enet_host_create(&local, peers, BL_RAW_CHANNELS, 0, 0);
    if (crowd->host == NULL || crowd->delivered == MAP_FAILED) {
        bl_raw_give_up("cannot make a server");
    }
    start_clients(crowd);
    uint64_t until = in_ms(LOGIN_MS);
    while (crowd->host->connectedPeers < peers && bl_raw_now_ns(CLOCK_MONOTONIC) < until) {
        bl_raw_crowd_serve(crowd, wait_ms);
    }
    if (crowd->host->connectedPeers < peers) {
        bl_raw_give_up("not all peers connected");
    }
    until = in_ms(settle_ms);
    while (bl_raw_now_ns(CLOCK_MONOTONIC) < until) {
        bl_raw_crowd_serve(crowd, wait_ms);
    }
}

uint64_t bl_raw_crowd_datagrams(const struct bl_raw_crowd *crowd) {
    return (uint64_t)crowd->host->totalReceivedPackets + crowd->host->totalSentPackets;
}

void bl_raw_crowd_close(struct bl_raw_crowd *crowd) {
    kill(crowd->clients, SIGKILL);
    waitpid(crowd->clients, NULL, 0);
    enet_host_destroy(crowd->host);
    munmap((void *)crowd->delivered, sizeof *crowd->delivered);
}
