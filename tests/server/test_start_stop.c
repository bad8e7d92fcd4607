/* A server's beginning and end on real sockets, and the ways to wait for it. */
#define _GNU_SOURCE
#include "tests/support/world.h"
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

static struct world *create_open(unsigned clients) {
    struct world *world = world_create(&(struct world_opts){.sockets = true, .clients = clients});
    world_open(world);
    return world;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* R16, R18, W-R7: stop tells everybody, CLOSED can be polled after it, twice is harmless. */
START_TEST(stop_tells_everybody_and_leaves_nothing) {
    struct world *world = create_open(8);
    belay_server_stop(world->server, 1000);
    belay_server_stop(world->server, 1000);
    ck_assert_int_eq(belay_server_service(world->server, 0), BELAY_E_STATE);
    for (unsigned i = 0; i < 8; i++) {
        world_until(world, told_count(world, CLIENT, i, BELAY_EVENT_CLOSED) == 1, 1000);
        const struct told *closed = told(world, CLIENT, i, BELAY_EVENT_CLOSED);
        ck_assert_uint_eq(closed->reason.code, BELAY_REASON_SERVER_STOPPED);
        ck_assert(closed->reason.come_back);
        ck_assert_str_eq(told_events(world, SERVER, i), "LOGIN OPEN CLOSED");
    }
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    world_destroy(world);
}
END_TEST

/* R18: the port is free at once, even with clients that are still there. */
START_TEST(the_port_can_be_bound_again_at_once) {
    struct world *world = create_open(2);
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    opts.listen = world->address;
    for (int i = 0; i < 20; i++) {
        belay_server_destroy(world->server);
        ck_assert_msg(belay_server_start(&world->server, &opts) == BELAY_OK, "%s", belay_error());
    }
    for (unsigned i = 0; i < 2; i++) {
        world_until(world, told_count(world, CLIENT, i, BELAY_EVENT_CLOSED) == 1, 1000);
        world_connect(world, i);
        world_until(world, world_is_open(world, i), 2000);
    }
    world_destroy(world);
}
END_TEST

START_TEST(a_stopped_server_gives_its_port_back_before_it_is_destroyed) {
    struct world *world = create_open(1);
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *next;
    opts.listen = world->address;
    belay_server_stop(world->server, 100);
    ck_assert_msg(belay_server_start(&next, &opts) == BELAY_OK, "%s", belay_error());
    belay_server_destroy(next);
    world_destroy(world);
}
END_TEST

/** Serves the clients until each has ended: what their own processes would do. */
static void *serve_clients(void *user) {
    struct world *world = user;
    int64_t end = now_ms() + 5000;
    bool server_asleep = world->server_asleep;
    world->server_asleep = true;
    for (unsigned ended = 0; ended < world->client_count && now_ms() < end;) {
        world_step(world);
        ended = 0;
        for (unsigned i = 0; i < world->client_count; i++) {
            ended += told_count(world, CLIENT, i, BELAY_EVENT_CLOSED);
        }
    }
    world->server_asleep = server_asleep;
    return NULL;
}

/* What was sent before stop() goes out, to each client, though one is done long before another
 * and nobody polls meanwhile. */
START_TEST(stop_lets_what_was_sent_go_out) {
    struct world *world = create_open(3);
    ledger_must_send(world, DOWN, 0, 0, 100);
    ledger_must_send(world, DOWN, 1, 0, 300000);
    for (int i = 0; i < 200; i++) {
        ledger_must_send(world, DOWN, 2, 0, 1000);
    }
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, serve_clients, world), 0);
    belay_server_stop(world->server, 3000);
    pthread_join(thread, NULL);
    world_run(world, 50);
    for (unsigned i = 0; i < 3; i++) {
        ledger_check(world, DOWN, i, 0);
        ck_assert_uint_eq(told(world, CLIENT, i, BELAY_EVENT_CLOSED)->reason.code,
                          BELAY_REASON_SERVER_STOPPED);
    }
    world_destroy(world);
}
END_TEST

/* ---- waiting */

/** Nothing but a wake can end a wait here. */
static struct world *create_quiet(void) {
    struct world *world = world_create(&(struct world_opts){
        .sockets = true, .server = {.heartbeat_ms = BELAY_FOREVER, .lost_ms = BELAY_FOREVER}});
    world_open(world);
    world_run(world, 600); /* what is owed of the login has gone */
    return world;
}

static void *wake_soon(void *server) {
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    belay_server_wake(server);
    return NULL;
}

/* D7: wake() is the one call of another thread; it ends a service() that waits. */
START_TEST(another_thread_wakes_a_service_that_waits) {
    struct world *world = create_quiet();
    pthread_t thread;
    int64_t began = now_ms();
    ck_assert_int_eq(pthread_create(&thread, NULL, wake_soon, world->server), 0);
    ck_assert_int_eq(belay_server_service(world->server, 10000), BELAY_OK);
    ck_assert_int_lt(now_ms() - began, 5000);
    pthread_join(thread, NULL);
    world_destroy(world);
}
END_TEST

START_TEST(a_wake_before_the_wait_is_not_lost) {
    struct world *world = create_quiet();
    int64_t began = now_ms();
    belay_server_wake(world->server);
    ck_assert_int_eq(belay_server_service(world->server, 10000), BELAY_OK);
    ck_assert_int_lt(now_ms() - began, 5000);
    world_destroy(world);
}
END_TEST

/* A service() that waits returns as soon as there is something to poll, and when its time is up. */
START_TEST(service_waits_until_there_is_something) {
    struct world *world = create_open(1);
    world_run(world, 20);
    int64_t began = now_ms();
    ck_assert_int_eq(belay_server_service(world->server, 30), BELAY_OK);
    ck_assert_int_ge(now_ms() - began, 29);
    ck_assert_int_eq(world_say(world, UP, 0, 0, "hello"), BELAY_OK);
    belay_client_flush(world->clients[0].it);
    began = now_ms();
    ck_assert_int_eq(belay_server_service(world->server, 10000), BELAY_OK);
    ck_assert_int_lt(now_ms() - began, 5000);
    struct belay_event event;
    ck_assert(belay_server_poll(world->server, &event));
    ck_assert_int_eq(event.type, BELAY_EVENT_MESSAGE);
    world_destroy(world);
}
END_TEST

/** Waits as a loop of one's own would: on the descriptor, for as long as wait_ns() says. */
static bool wait_for_server(struct world *world, int64_t at_most_ms) {
    struct pollfd entry = {.fd = (int)belay_server_fd(world->server), .events = POLLIN};
    int64_t wait_ns = belay_server_wait_ns(world->server);
    int64_t wait_ms = wait_ns < 0 ? at_most_ms : (wait_ns + 999999) / 1000000;
    wait_ms = wait_ms < at_most_ms ? wait_ms : at_most_ms;
    return poll(&entry, 1, (int)wait_ms) == 1;
}

/* D7: one descriptor for life, readable when there is something to do. */
START_TEST(the_descriptor_is_readable_when_a_datagram_has_come) {
    struct world *world = create_open(1);
    belay_socket fd = belay_server_fd(world->server);
    ck_assert_int_ge(fd, 0);
    world_run(world, 20);
    ck_assert_int_eq(belay_server_service(world->server, 0), BELAY_OK);
    ck_assert(!wait_for_server(world, 0));
    ck_assert_int_eq(world_say(world, UP, 0, 0, "hello"), BELAY_OK);
    belay_client_flush(world->clients[0].it);
    ck_assert(wait_for_server(world, 5000));
    ck_assert_int_eq(belay_server_service(world->server, 0), BELAY_OK);
    ck_assert_int_eq(belay_server_wait_ns(world->server), 0); /* there is something to poll */
    struct belay_event event;
    while (belay_server_poll(world->server, &event)) {
    }
    ck_assert_int_eq(belay_server_fd(world->server), fd);
    belay_server_wake(world->server);
    ck_assert(wait_for_server(world, 5000));
    ck_assert_int_eq(belay_server_service(world->server, 0), BELAY_OK);
    ck_assert(!wait_for_server(world, 0));
    ck_assert_int_ge(belay_client_fd(world->clients[0].it), 0);
    world_destroy(world);
}
END_TEST

/* A13: without sessions nothing is ever due; with one, its heartbeat is. */
START_TEST(wait_ns_tells_when_service_is_due) {
    struct world *world = world_create(&(struct world_opts){.sockets = true});
    ck_assert_int_eq(belay_server_service(world->server, 0), BELAY_OK);
    ck_assert_int_eq(belay_server_wait_ns(world->server), -1);
    world_open(world);
    world_run(world, 700); /* what is owed of the login has gone */
    int64_t wait = belay_server_wait_ns(world->server);
    ck_assert_int_ge(wait, 0);
    ck_assert_int_le(wait, INT64_C(1500) * 1000000);
    world_destroy(world);
}
END_TEST

/** A session lives for seconds on nothing but the descriptor and wait_ns(). */
START_TEST(a_loop_of_ones_own_keeps_sessions_alive) {
    struct world *world = world_create(
        &(struct world_opts){.sockets = true, .server = {.heartbeat_ms = 50, .lost_ms = 400}});
    world_open(world);
    int64_t end = now_ms() + 1500;
    int rounds = 0;
    while (now_ms() < end) {
        wait_for_server(world, 50);
        world_step(world);
        rounds++;
    }
    ck_assert(world_is_open(world, 0));
    ck_assert_int_gt(rounds, 5);
    world_destroy(world);
}
END_TEST

START_TEST(null_is_a_server_that_needs_no_end) {
    belay_server_destroy(NULL);
    belay_client_destroy(NULL);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, stop_tells_everybody_and_leaves_nothing);
    tcase_add_test(tests, the_port_can_be_bound_again_at_once);
    tcase_add_test(tests, a_stopped_server_gives_its_port_back_before_it_is_destroyed);
    tcase_add_test(tests, stop_lets_what_was_sent_go_out);
    tcase_add_test(tests, another_thread_wakes_a_service_that_waits);
    tcase_add_test(tests, a_wake_before_the_wait_is_not_lost);
    tcase_add_test(tests, service_waits_until_there_is_something);
    tcase_add_test(tests, the_descriptor_is_readable_when_a_datagram_has_come);
    tcase_add_test(tests, wait_ns_tells_when_service_is_due);
    tcase_add_test(tests, a_loop_of_ones_own_keeps_sessions_alive);
    tcase_add_test(tests, null_is_a_server_that_needs_no_end);
}

TEST_MAIN("server start and stop", add_tests)
