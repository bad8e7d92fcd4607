/*
 * A program that uses ENet itself beside us: its hosts run on real sockets and the real clock, as
 * if we were not there, before, while and after ours live in virtual time, on this thread and on
 * others.
 */
#define _GNU_SOURCE
#include "tests/support/test.h"
#include <belay/client.h>
#include <belay/server.h>
#include <belay/sim.h>
#include <enet/enet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MESSAGES 100
#define PATIENCE 60000 /* ms of real time that a busy machine may take for all of them */

static uint64_t real_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the program's own ENet */

struct foreign {
    ENetHost *server, *client;
    ENetPeer *peer; /* the client's */
    bool connected;
    unsigned sent, received;
    bool out_of_order;
};

/** Not ck_assert: this runs on threads as well, where Check must not be called. */
static bool foreign_open(struct foreign *foreign) {
    *foreign = (struct foreign){.sent = 0};
    ENetAddress address = {.port = 0};
    enet_address_set_host(&address, "127.0.0.1");
    foreign->server = enet_host_create(&address, 4, 2, 0, 0);
    foreign->client = enet_host_create(NULL, 1, 2, 0, 0);
    if (foreign->server == NULL || foreign->client == NULL ||
        enet_socket_get_address(foreign->server->socket, &address) != 0 || address.port == 0) {
        return false;
    }
    enet_address_set_host(&address, "127.0.0.1");
    foreign->peer = enet_host_connect(foreign->client, &address, 2, 0);
    return foreign->peer != NULL;
}

static void foreign_close(struct foreign *foreign) {
    if (foreign->client != NULL) {
        enet_host_destroy(foreign->client);
    }
    if (foreign->server != NULL) {
        enet_host_destroy(foreign->server);
    }
}

static void foreign_serve(struct foreign *foreign) {
    ENetEvent event;
    while (enet_host_service(foreign->server, &event, 0) > 0) {
        if (event.type == ENET_EVENT_TYPE_RECEIVE) {
            unsigned number;
            memcpy(&number, event.packet->data, sizeof number);
            foreign->out_of_order |= number != foreign->received++;
            enet_packet_destroy(event.packet);
        }
    }
}

/** One turn of the program's loop; sends a message when it can. */
static void foreign_step(struct foreign *foreign) {
    ENetEvent event;
    while (enet_host_service(foreign->client, &event, 1) > 0) {
        foreign->connected |= event.type == ENET_EVENT_TYPE_CONNECT;
        foreign->connected &= event.type != ENET_EVENT_TYPE_DISCONNECT;
    }
    if (foreign->connected && foreign->sent < MESSAGES) {
        ENetPacket *packet =
            enet_packet_create(&foreign->sent, sizeof foreign->sent, ENET_PACKET_FLAG_RELIABLE);
        foreign->sent += enet_peer_send(foreign->peer, 0, packet) == 0;
    }
    foreign_serve(foreign);
}

static bool foreign_is_done(const struct foreign *foreign) {
    return foreign->received == MESSAGES && !foreign->out_of_order;
}

/* ---- ours */

struct ours {
    struct belay_sim *sim; /* NULL over sockets */
    struct belay_server *server;
    struct belay_client *client;
    bool open;
    unsigned sent, echoed;
    bool out_of_order;
};

static bool ours_open_with(struct ours *ours, const struct belay_hooks *hooks, bool sockets) {
    struct belay_server_opts server = BELAY_SERVER_OPTS_INIT;
    struct belay_client_opts client = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct belay_stats stats = BELAY_STATS_INIT;
    char invite[32];
    *ours = (struct ours){.sim = sockets ? NULL : belay_sim_create(1)};
    server.sim = client.sim = ours->sim;
    server.hooks = client.hooks = hooks;
    server.listen = sockets ? "127.0.0.1:0" : "10.0.0.1:7777";
    if (belay_server_start(&ours->server, &server) != BELAY_OK ||
        belay_server_stats(ours->server, &stats) != BELAY_OK ||
        belay_client_create(&ours->client, &client) != BELAY_OK) {
        return false;
    }
    snprintf(invite, sizeof invite, "%s:%u", sockets ? "127.0.0.1" : "10.0.0.1", stats.port);
    to.invite = invite;
    return belay_client_connect(ours->client, &to) == BELAY_OK;
}

static bool ours_open(struct ours *ours) {
    return ours_open_with(ours, NULL, false);
}

static void ours_close(struct ours *ours) {
    belay_client_destroy(ours->client);
    belay_server_destroy(ours->server);
    belay_sim_destroy(ours->sim);
}

static void ours_serve(struct ours *ours) {
    struct belay_event event;
    belay_server_service(ours->server, 0);
    while (belay_server_poll(ours->server, &event)) {
        if (event.type == BELAY_EVENT_LOGIN) {
            belay_server_accept(ours->server, event.session, NULL, NULL, 0);
        } else if (event.type == BELAY_EVENT_MESSAGE) {
            belay_server_send(ours->server, event.session, 0, event.message.data,
                              event.message.size);
        }
    }
    belay_server_flush(ours->server);
}

/** One turn, @p ms of virtual time later; sends a message when it can. */
static void ours_step(struct ours *ours, uint32_t ms) {
    struct belay_event event;
    if (ours->sim != NULL) {
        belay_sim_advance(ours->sim, ms);
    }
    ours_serve(ours);
    belay_client_service(ours->client, 0);
    while (belay_client_poll(ours->client, &event)) {
        if (event.type == BELAY_EVENT_OPEN || event.type == BELAY_EVENT_CLOSED) {
            ours->open = event.type == BELAY_EVENT_OPEN;
        } else if (event.type == BELAY_EVENT_MESSAGE) {
            unsigned number;
            memcpy(&number, event.message.data, sizeof number);
            ours->out_of_order |= number != ours->echoed++;
        }
    }
    if (ours->open && ours->sent < MESSAGES) {
        ours->sent +=
            belay_client_send(ours->client, 0, &ours->sent, sizeof ours->sent) == BELAY_OK;
    }
    belay_client_flush(ours->client);
}

static bool ours_is_done(const struct ours *ours) {
    return ours->echoed == MESSAGES && !ours->out_of_order;
}

/** Both on one thread, in turn, until both have said everything. */
static bool run_both(struct foreign *foreign, struct ours *ours) {
    uint64_t until = real_ms() + PATIENCE;
    while (!(foreign_is_done(foreign) && ours_is_done(ours)) && real_ms() < until) {
        foreign_step(foreign);
        ours_step(ours, 5);
    }
    return foreign_is_done(foreign) && ours_is_done(ours);
}

/* ---- tests */

/* The loop test's number: ours in virtual time, and over sockets. */
START_TEST(a_program_with_enet_of_its_own_is_left_alone) {
    struct foreign foreign;
    struct ours ours;
    ck_assert_int_eq(enet_initialize(), 0);
    ck_assert(foreign_open(&foreign));
    ck_assert_msg(ours_open_with(&ours, NULL, _i == 1), "%s", belay_error());
    ck_assert_msg(run_both(&foreign, &ours), "%u of its messages, %u of ours", foreign.received,
                  ours.echoed);
    foreign_close(&foreign);
    enet_deinitialize();
    ours_close(&ours);
}
END_TEST

START_TEST(its_clock_is_the_real_one_while_ours_is_hours_ahead) {
    struct ours ours;
    ck_assert(ours_open(&ours));
    uint64_t before = real_ms();
    enet_uint32 enet_before = enet_time_get();
    for (int i = 0; i < 3600; i++) {
        ours_step(&ours, 1000);
        uint64_t passed = real_ms() - before;
        enet_uint32 enet_passed = enet_time_get() - enet_before;
        if (enet_passed > passed + 2000 || enet_passed + 2000 < passed) {
            ck_abort_msg("ENet's clock has moved by %u ms in %u ms", enet_passed, (unsigned)passed);
        }
    }
    ck_assert(ours_is_done(&ours));
    ours_close(&ours);
}
END_TEST

/* A host that ENet made before us, and one that it frees after us. */
START_TEST(its_hosts_may_outlive_ours) {
    struct foreign foreign;
    struct ours ours;
    ck_assert(foreign_open(&foreign));
    for (int i = 0; i < 3; i++) {
        ck_assert(ours_open(&ours));
        for (int j = 0; j < 20; j++) {
            ours_step(&ours, 5);
            foreign_step(&foreign);
        }
        enet_deinitialize();
        ck_assert_int_eq(enet_initialize(), 0);
        ours_close(&ours);
    }
    for (uint64_t until = real_ms() + PATIENCE; !foreign_is_done(&foreign) && real_ms() < until;) {
        foreign_step(&foreign);
    }
    ck_assert_uint_eq(foreign.received, MESSAGES);
    foreign_close(&foreign);
}
END_TEST

/** What a thread has to show. */
struct outcome {
    bool done;
};

static atomic_int talking; /* threads with ENet that have not finished */

/** A clock that shows for a moment what another thread's virtual one does has jumped. */
static bool clock_is_steady(void) {
    uint64_t before = real_ms();
    enet_uint32 first = enet_time_get();
    for (int i = 0; i < 1000; i++) {
        if (enet_time_get() - first > real_ms() - before + 2000) {
            return false;
        }
    }
    return true;
}

static void *live_with_enet(void *data) {
    struct outcome *outcome = data;
    struct foreign foreign;
    bool steady = true;
    bool opened = foreign_open(&foreign);
    for (uint64_t until = real_ms() + PATIENCE;
         opened && !foreign_is_done(&foreign) && real_ms() < until;) {
        foreign_step(&foreign);
        steady &= clock_is_steady();
    }
    outcome->done = opened && steady && foreign_is_done(&foreign);
    foreign_close(&foreign);
    atomic_fetch_sub(&talking, 1);
    return NULL;
}

static bool live_once(void) {
    struct ours ours;
    bool opened = ours_open(&ours);
    for (int i = 0; opened && i < 1000 && !ours_is_done(&ours); i++) {
        ours_step(&ours, 5);
    }
    bool done = opened && ours_is_done(&ours);
    ours_close(&ours);
    return done;
}

/** From start to end again and again, as long as there is ENet to be disturbed. */
static void *live_with_ours(void *data) {
    struct outcome *outcome = data;
    outcome->done = true;
    do {
        outcome->done &= live_once();
    } while (atomic_load(&talking) > 0);
    return NULL;
}

START_TEST(threads_with_enet_and_threads_with_ours_do_not_meet) {
    void *(*const lives[])(void *) = {live_with_enet, live_with_ours, live_with_enet,
                                      live_with_ours};
    pthread_t threads[COUNT_OF(lives)];
    struct outcome outcomes[COUNT_OF(lives)];
    atomic_store(&talking, 2);
    for (size_t i = 0; i < COUNT_OF(lives); i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, lives[i], &outcomes[i]), 0);
    }
    for (size_t i = 0; i < COUNT_OF(lives); i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_msg(outcomes[i].done, "thread %zu", i);
    }
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_program_with_enet_of_its_own_is_left_alone, 0, 2);
    tcase_add_test(tests, its_clock_is_the_real_one_while_ours_is_hours_ahead);
    tcase_add_test(tests, its_hosts_may_outlive_ours);
    tcase_add_test(tests, threads_with_enet_and_threads_with_ours_do_not_meet);
}

TEST_MAIN("peer foreign", add_tests)
