/* How ends of different kinds meet: close, drain, stop and destroy, one in the middle of another.
 */
#include "tests/support/world.h"

/** One client that takes nothing more, and a close() that waits for it in vain. */
static struct world *create_closing(void) {
    struct world *world = world_create(NULL);
    world_open(world);
    world_cut(world, 0);
    ledger_must_send(world, DOWN, 0, 0, 100);
    ck_assert_int_eq(belay_server_close(world->server, world->clients[0].session, NULL), BELAY_OK);
    world_run(world, 100);
    ck_assert(world_info(world, SERVER, 0).closing);
    return world;
}

START_TEST(stop_ends_what_is_still_closing) {
    struct world *world = create_closing();
    belay_server_stop(world->server, 0);
    world_run(world, 10);
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN OPEN CLOSED");
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->reason.code, BELAY_REASON_KICKED);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    world_destroy(world);
}
END_TEST

START_TEST(a_server_may_be_destroyed_while_a_session_is_closing) {
    struct world *world = create_closing();
    world_destroy(world);
}
END_TEST

/* The end of a drain is the end, for who was being closed too. */
START_TEST(the_end_of_a_drain_ends_what_is_still_closing) {
    struct world *world = create_closing();
    ck_assert_int_eq(belay_server_drain(world->server, 500, NULL), BELAY_OK);
    world_run(world, 600);
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN OPEN CLOSED");
    world_destroy(world);
}
END_TEST

/* A client that is destroyed leaves, even if it was still closing in good order. */
START_TEST(a_client_that_is_destroyed_while_closing_says_goodbye) {
    struct world *world = world_create(&(struct world_opts){.link = {.delay_ms = 50}});
    world_open(world);
    ledger_must_send(world, UP, 0, 0, 100);
    belay_client_close(world->clients[0].it, NULL, 1000); /* which does not wait in a simulation */
    ck_assert(world_info(world, CLIENT, 0).closing);
    world_run(world, 20);
    belay_client_destroy(world->clients[0].it);
    world->clients[0].it = NULL;
    world->clients[0].asleep = true;
    world_run(world, 200);
    ck_assert_str_eq(told_events(world, SERVER, 0), "LOGIN OPEN CLOSED");
    ck_assert_uint_eq(told(world, SERVER, 0, BELAY_EVENT_CLOSED)->reason.code, BELAY_REASON_LEFT);
    ck_assert_uint_eq(world->clients[0].messages[UP], 1);
    world_destroy(world);
}
END_TEST

/* What an event has lent may still be looked at while everything ends. */
START_TEST(a_server_may_end_in_the_middle_of_its_events) {
    struct world *world = world_create(NULL);
    struct belay_event event = {0};
    world_open(world);
    world->server_deaf = true;
    for (int i = 0; i < 3; i++) {
        ledger_must_send(world, UP, 0, 0, 3000);
    }
    world_run(world, 50);
    ck_assert_int_eq(belay_server_drain(world->server, 1000, NULL), BELAY_OK);
    while (event.type != BELAY_EVENT_MESSAGE) {
        ck_assert(belay_server_poll(world->server, &event));
    }
    if (_i > 0) {
        belay_server_stop(world->server, 0);
        belay_server_stop(world->server, 0);
    }
    while (_i > 1 && event.type != BELAY_EVENT_CLOSED) {
        ck_assert(belay_server_poll(world->server, &event));
    }
    if (_i > 1) {
        ck_assert_uint_eq(event.closed.undelivered, 2);
        ck_assert_uint_eq(event.closed.reason->code, BELAY_REASON_SERVER_STOPPED);
    }
    if (_i > 2) {
        ck_assert(!belay_server_poll(world->server, &event));
        ck_assert_uint_eq(world_stats(world, SERVER, 0).queued, 0);
    }
    world_destroy(world);
}
END_TEST

/* ---- anything at any time */

#define CROWD 6

/** What the server was told of a session, whose user pointer it is. */
struct life {
    bool opened, closed;
};

struct chaos {
    uint32_t random;
    uint32_t opens, closes;
    unsigned life_count;
    struct life lives[4096];
};

static uint32_t draw(struct chaos *chaos, uint32_t below) {
    chaos->random = chaos->random * 1664525U + 1013904223U;
    return (chaos->random >> 8) % below;
}

/** Whatever comes into a handler's mind, about this session or another. */
static void act(struct world *world, struct chaos *chaos) {
    static char data[20000];
    struct world_client *client = &world->clients[draw(chaos, CROWD)];
    size_t size = draw(chaos, 8) == 0 ? sizeof data : 500;
    switch (draw(chaos, 12)) {
    case 0:
        belay_server_close(world->server, client->session, NULL);
        break;
    case 1:
        belay_client_close(client->it, NULL, draw(chaos, 2) * 200);
        break;
    case 2:
        belay_server_flush(world->server);
        break;
    case 3:
        belay_client_pause(client->it, draw(chaos, 100));
        break;
    case 4:
        client->deaf = draw(chaos, 2) == 0;
        break;
    default:
        for (uint32_t i = draw(chaos, 30); i > 0; i--) {
            belay_server_send(world->server, client->session, (uint8_t)draw(chaos, 2), data,
                              size < 8000 ? size : 8000);
            belay_client_send(client->it, 0, data, size);
        }
        break;
    }
}

/** Events of one session come in order, and none after its end. */
static void note(struct chaos *chaos, struct life *life, const struct belay_event *event) {
    must(!life->closed);
    must(life->opened || (event->type != BELAY_EVENT_MESSAGE && event->type != BELAY_EVENT_DOWN));
    must(!life->opened || event->type != BELAY_EVENT_OPEN);
    life->opened |= event->type == BELAY_EVENT_OPEN;
    life->closed = event->type == BELAY_EVENT_CLOSED;
    chaos->opens += event->type == BELAY_EVENT_OPEN;
    chaos->closes += life->closed && life->opened;
}

static void watch_quietly(struct world *world, enum world_side side,
                          const struct belay_event *event) {
    struct chaos *chaos = world->user;
    struct life *life = event->user;
    if (side == SERVER && event->type == BELAY_EVENT_LOGIN) {
        ck_assert_uint_lt(chaos->life_count, COUNT_OF(chaos->lives));
        life = &chaos->lives[chaos->life_count++];
        belay_server_set_user(world->server, event->session, life);
    }
    if (side == SERVER && life != NULL) {
        note(chaos, life, event);
    }
}

static void watch_and_act(struct world *world, enum world_side side,
                          const struct belay_event *event) {
    struct chaos *chaos = world->user;
    watch_quietly(world, side, event);
    if (draw(chaos, 4) == 0) {
        act(world, chaos);
    }
}

/** It may have been closed by now. */
static void accept_if_open(struct world *world, unsigned client, belay_session session) {
    (void)client;
    enum belay_result result = belay_server_accept(world->server, session, NULL, NULL, 0);
    must(result == BELAY_OK || result == BELAY_E_GONE);
}

static void go_on(struct world *world) {
    struct chaos *chaos = world->user;
    for (unsigned i = 0; i < CROWD; i++) {
        world->clients[i].deaf &= draw(chaos, 100) != 0;
        if (world_info(world, CLIENT, i).session == 0) {
            world_connect(world, i);
        }
    }
}

static void end_chaos(struct world *world, struct chaos *chaos) {
    world->watch = watch_quietly;
    world->each_step = NULL;
    for (unsigned i = 0; i < CROWD; i++) {
        world->clients[i].deaf = false;
        belay_client_close(world->clients[i].it, NULL, 0);
    }
    world_run(world, 10000);
    ck_assert_uint_gt(chaos->opens, 50);
    ck_assert_uint_eq(chaos->opens, chaos->closes);
    for (unsigned i = 0; i < CROWD; i++) {
        ck_assert_uint_eq(told_count(world, CLIENT, i, BELAY_EVENT_CLOSED),
                          world->clients[i].attempts);
    }
    ck_assert_uint_eq(world_stats(world, SERVER, 0).sessions, 0);
    ck_assert_uint_eq(world_stats(world, SERVER, 0).queued, 0);
}

START_TEST(handlers_may_call_anything_about_any_session) {
    struct chaos *chaos = calloc(1, sizeof *chaos);
    struct world *world = world_create(&(struct world_opts){
        .seed = 1 + (uint64_t)_i,
        .clients = CROWD,
        .link = {.delay_ms = 10, .jitter_ms = 10, .loss = 0.05F},
        .server = {.send_messages_max = 40,
                   .memory_max = 100000,
                   .lost_ms = 2000,
                   .resume_window_ms = 1000},
        .client = {.send_messages_max = 40, .connect_ms = 3000},
    });
    chaos->random = (uint32_t)_i;
    world->user = chaos;
    world->watch = watch_and_act;
    world->login = accept_if_open;
    world->each_step = go_on;
    world_run(world, 60000);
    end_chaos(world, chaos);
    world_destroy(world);
    free(chaos);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, stop_ends_what_is_still_closing);
    tcase_add_test(tests, a_server_may_be_destroyed_while_a_session_is_closing);
    tcase_add_test(tests, the_end_of_a_drain_ends_what_is_still_closing);
    tcase_add_test(tests, a_client_that_is_destroyed_while_closing_says_goodbye);
    tcase_add_loop_test(tests, a_server_may_end_in_the_middle_of_its_events, 0, 4);
    tcase_add_loop_test(tests, handlers_may_call_anything_about_any_session, 0, 4);
}

TEST_MAIN("server ending", add_tests)
