/* A client on real sockets: its waits, and its last words. */
#define _GNU_SOURCE
#include "tests/support/world.h"
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct world *create_open(void) {
    struct world *world = world_create(&(struct world_opts){.sockets = true});
    world_open(world);
    return world;
}

static atomic_bool enough;

/** The server's process, while the client waits in close(). */
static void *serve(void *user) {
    struct world *world = user;
    world->clients[0].asleep = true;
    while (!enough) {
        world_step(world);
    }
    world->clients[0].asleep = false;
    return NULL;
}

/* W-A14: close() lets go out what was sent, though the application has not polled all its events
 * and polls no more. */
START_TEST(close_lets_what_was_sent_go_out) {
    struct world *world =
        world_create(&(struct world_opts){.sockets = true, .client = {.send_messages_max = 400}});
    pthread_t thread;
    world_open(world);
    for (int i = 0; i < 350; i++) { /* over the mark: a BACKPRESSURE event waits */
        ledger_must_send(world, UP, 0, 0, 1000);
    }
    enough = false;
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, world), 0);
    int64_t began = now_ms();
    belay_client_close(world->clients[0].it, NULL, 4000);
    int64_t took = now_ms() - began;
    enough = true;
    pthread_join(thread, NULL);
    world_run(world, 50);
    ledger_check(world, UP, 0, 0);
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->reason.code, BELAY_REASON_LEFT);
    ck_assert_int_lt(took, 3500); /* it does not wait longer than it must */
    world_destroy(world);
}
END_TEST

/* With nobody on the other side close() ends when its time is up. */
START_TEST(close_waits_no_longer_than_it_may) {
    struct world *world = create_open();
    ledger_must_send(world, UP, 0, 0, 1000);
    int64_t began = now_ms();
    belay_client_close(world->clients[0].it, NULL, 100);
    ck_assert_int_ge(now_ms() - began, 99);
    ck_assert_int_lt(now_ms() - began, 2000);
    world_destroy(world);
}
END_TEST

/* A client that is destroyed says goodbye, without waiting. */
START_TEST(destroy_says_goodbye) {
    struct world *world = create_open();
    int64_t began = now_ms();
    belay_client_destroy(world->clients[0].it);
    world->clients[0].it = NULL;
    ck_assert_int_lt(now_ms() - began, 1000);
    world_until(world, told_count(world, SERVER, 0, BELAY_EVENT_CLOSED) == 1, 2000);
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->reason.code, BELAY_REASON_LEFT);
    world_destroy(world);
}
END_TEST

/* A port where nobody listens is silence, not an error of the socket. */
START_TEST(nobody_there_is_unreachable) {
    struct world *world =
        world_create(&(struct world_opts){.sockets = true, .client = {.connect_ms = 700}});
    belay_server_stop(world->server, 0);
    world_connect(world, 0);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) == 1, 3000);
    const struct told *closed = told(world, CLIENT, 0, BELAY_EVENT_CLOSED);
    ck_assert_uint_eq(closed->reason.code, BELAY_REASON_UNREACHABLE);
    ck_assert_int_eq(closed->reason.who, BELAY_WHO_NETWORK);
    ck_assert(closed->reason.come_back);
    world_destroy(world);
}
END_TEST

static void *wake_soon(void *client) {
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    belay_client_wake(client);
    return NULL;
}

START_TEST(another_thread_wakes_a_client_that_waits) {
    struct world *world = world_create(&(struct world_opts){
        .sockets = true, .server = {.heartbeat_ms = BELAY_FOREVER, .lost_ms = BELAY_FOREVER}});
    pthread_t thread;
    world_open(world);
    world_run(world, 600); /* what is owed of the login has gone: only a wake can end a wait */
    int64_t began = now_ms();
    ck_assert_int_eq(pthread_create(&thread, NULL, wake_soon, world->clients[0].it), 0);
    ck_assert_int_eq(belay_client_service(world->clients[0].it, 10000), BELAY_OK);
    ck_assert_int_lt(now_ms() - began, 5000);
    pthread_join(thread, NULL);
    world_destroy(world);
}
END_TEST

START_TEST(a_clients_descriptor_is_readable_when_a_datagram_has_come) {
    struct world *world = create_open();
    struct pollfd entry = {.fd = (int)belay_client_fd(world->clients[0].it), .events = POLLIN};
    ck_assert_int_ge(entry.fd, 0);
    world_run(world, 20);
    ck_assert_int_eq(poll(&entry, 1, 0), 0);
    ck_assert_int_eq(world_say(world, DOWN, 0, 0, "hello"), BELAY_OK);
    belay_server_flush(world->server);
    ck_assert_int_eq(poll(&entry, 1, 5000), 1);
    ck_assert_int_eq(belay_client_service(world->clients[0].it, 0), BELAY_OK);
    ck_assert_int_eq(belay_client_wait_ns(world->clients[0].it), 0);
    world_run(world, 20);
    ck_assert_str_eq(world->clients[0].last_text[DOWN], "hello");
    world_destroy(world);
}
END_TEST

/* 1 MiB, both ways at once, over the kernel's own queues. */
START_TEST(large_messages_cross_real_sockets) {
    struct world *world = create_open();
    for (int i = 0; i < 2; i++) {
        ledger_must_send(world, UP, 0, 0, BELAY_MESSAGE_MAX);
        ledger_must_send(world, DOWN, 0, 0, BELAY_MESSAGE_MAX);
    }
    world_until(world,
                ledger_of(world, UP, 0, 0).received == 2 &&
                    ledger_of(world, DOWN, 0, 0).received == 2,
                20000);
    ledger_check(world, UP, 0, 0);
    ledger_check(world, DOWN, 0, 0);
    world_destroy(world);
}
END_TEST

/* What connect() takes for an address of this machine can be reached, by IPv4 and by IPv6. */
static const char *const loopbacks[] = {"127.0.0.1", "[::1]"};

START_TEST(a_server_on_any_loopback_address_is_reached) {
    char listen[32], invite[32];
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct world *world = world_create(&(struct world_opts){.sockets = true});
    belay_server_destroy(world->server);
    world->server = NULL;
    snprintf(listen, sizeof listen, "%s:0", loopbacks[_i]);
    opts.listen = listen;
    if (belay_server_start(&world->server, &opts) == BELAY_OK) { /* else there is no IPv6 here */
        snprintf(invite, sizeof invite, "%s:%u", loopbacks[_i], world_stats(world, SERVER, 0).port);
        to.invite = invite;
        to.login = "player 0";
        to.login_size = 8;
        world->clients[0].attempts = 1;
        ck_assert_int_eq(belay_client_connect(world->clients[0].it, &to), BELAY_OK);
        world_until(world, world_is_open(world, 0), 5000);
    }
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, close_lets_what_was_sent_go_out);
    tcase_add_test(tests, close_waits_no_longer_than_it_may);
    tcase_add_test(tests, destroy_says_goodbye);
    tcase_add_loop_test(tests, a_server_on_any_loopback_address_is_reached, 0, COUNT_OF(loopbacks));
    tcase_add_test(tests, nobody_there_is_unreachable);
    tcase_add_test(tests, another_thread_wakes_a_client_that_waits);
    tcase_add_test(tests, a_clients_descriptor_is_readable_when_a_datagram_has_come);
    tcase_add_test(tests, large_messages_cross_real_sockets);
}

TEST_MAIN("client sockets", add_tests)
