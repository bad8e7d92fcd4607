/* The clients of a crowd, woken by one epoll descriptor over all of theirs. */
#define _GNU_SOURCE
#include "bench/crowd.h"

#include <belay/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define TURN_MS    10
#define PER_TURN   20 /* that begin to connect in one turn, so that the server is not flooded */
#define SWEEP      5  /* turns between looks at everybody's timers */
#define EVENTS_MAX 64

static _Noreturn void give_up(const char *what) {
    fprintf(stderr, "crowd: %s: %s\n", what, belay_error());
    _exit(1);
}

static struct belay_client *start_client(uint16_t port) {
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct belay_client *client;
    char invite[32];
    snprintf(invite, sizeof invite, "127.0.0.1:%u", port);
    to.invite = invite;
    opts.connect_ms = BL_CROWD_LOGIN_MS;
    opts.channels = bl_crowd_channels;
    opts.channel_count = BL_CROWD_CHANNELS;
    if (belay_client_create(&client, &opts) != BELAY_OK ||
        belay_client_connect(client, &to) != BELAY_OK) {
        give_up("client");
    }
    return client;
}

static void serve(struct belay_client *client, _Atomic uint64_t *delivered) {
    struct belay_event event;
    belay_client_service(client, 0);
    while (belay_client_poll(client, &event)) {
        *delivered += event.type == BELAY_EVENT_MESSAGE;
        if (event.type == BELAY_EVENT_CLOSED) {
            fprintf(stderr, "crowd: a client was lost: %s\n", event.closed.reason->text);
            _exit(1);
        }
    }
    belay_client_flush(client);
}

static void serve_readable(int poller, _Atomic uint64_t *delivered) {
    struct epoll_event ready[EVENTS_MAX];
    int count = epoll_wait(poller, ready, EVENTS_MAX, TURN_MS);
    for (int i = 0; i < count; i++) {
        serve(ready[i].data.ptr, delivered);
    }
}

static void serve_due(struct belay_client *const *clients, uint32_t count,
                      _Atomic uint64_t *delivered) {
    for (uint32_t i = 0; i < count; i++) {
        if (belay_client_wait_ns(clients[i]) == 0) {
            serve(clients[i], delivered);
        }
    }
}

_Noreturn void bl_crowd_clients(uint32_t count, uint16_t port, _Atomic uint64_t *delivered) {
    struct belay_client **clients = calloc(count, sizeof *clients);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    if (clients == NULL || poller < 0) {
        give_up("no memory or no epoll");
    }
    uint32_t started = 0;
    for (uint32_t turn = 0;; turn++) {
        for (int i = 0; i < PER_TURN && started < count; i++) {
            struct belay_client *client = start_client(port);
            struct epoll_event want = {.events = EPOLLIN, .data.ptr = client};
            if (epoll_ctl(poller, EPOLL_CTL_ADD, (int)belay_client_fd(client), &want) != 0) {
                give_up("epoll");
            }
            clients[started++] = client;
        }
        serve_readable(poller, delivered);
        if (turn % SWEEP == 0) {
            serve_due(clients, started, delivered);
        }
    }
}
