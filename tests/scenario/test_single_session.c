/* The simple way to be a client: one session, a handful of calls, four events. */
#include "tests/support/world.h"
#include <string.h>

#define ECHO_COUNT 300

/* A whole client: what it knows of its session. */
struct simple {
    struct belay_client *client;
    bool open;
    uint32_t said, heard, misheard, opens, closes;
};

static void simple_dial(struct simple *simple, const char *address) {
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    to.invite = address;
    must(belay_client_connect(simple->client, &to) == BELAY_OK);
}

/** Its frame: four events, of which one is never told to a client, and the rest is ignored. */
static void simple_frame(struct world *world) {
    struct simple *simple = world->user;
    struct belay_event event;
    must(belay_client_service(simple->client, 0) == BELAY_OK);
    while (belay_client_poll(simple->client, &event)) {
        if (event.type == BELAY_EVENT_OPEN) {
            simple->open = true;
            simple->opens++;
            simple->said = simple->heard = 0;
        } else if (event.type == BELAY_EVENT_MESSAGE) {
            uint32_t number = 0;
            memcpy(&number, event.message.data, sizeof number);
            simple->misheard += number != ++simple->heard;
        } else if (event.type == BELAY_EVENT_CLOSED) {
            simple->open = false;
            simple->closes++;
            if (event.closed.reason->come_back) {
                simple_dial(simple, world->address);
            }
        }
    }
    uint32_t next = simple->said + 1;
    if (simple->open && next <= ECHO_COUNT &&
        belay_client_send(simple->client, 0, &next, sizeof next) == BELAY_OK) {
        simple->said = next;
    }
}

/** The server's game: it says again what it hears. */
static void echo(struct world *world, enum world_side side, const struct belay_event *event) {
    if (side == SERVER && event->type == BELAY_EVENT_MESSAGE) {
        must(belay_server_send(world->server, event->session, 0, event->message.data,
                               event->message.size) == BELAY_OK);
    }
}

static struct world *create(struct simple *simple) {
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    struct world *world = world_create(&(struct world_opts){
        .link = {.delay_ms = 20, .loss = 0.05F}, .server = {.heartbeat_ms = 200, .lost_ms = 2000}});
    opts.sim = world->sim;
    opts.hooks = &world_hooks;
    opts.send_messages_max = 20; /* so that it is told of back-pressure too */
    ck_assert_int_eq(belay_client_create(&simple->client, &opts), BELAY_OK);
    world->user = simple;
    world->watch = echo;
    world->each_step = simple_frame;
    simple_dial(simple, world->address);
    return world;
}

static void cut_for(struct world *world, struct simple *simple, uint32_t ms) {
    struct belay_link link = BELAY_LINK_INIT;
    link.cut_up = link.cut_down = true;
    belay_sim_link(world->sim, simple->client, &link);
    world_run(world, ms);
    link.cut_up = link.cut_down = false;
    belay_sim_link(world->sim, simple->client, &link);
}

/* R19, R30, R44, A43, A45: who handles OPEN, MESSAGE and CLOSED alone is a whole client: what
 * nobody handles is no error, and nothing is lost by it: suspicion, back-pressure, an announced
 * end, the loss of the link. */
START_TEST(a_client_that_handles_three_events_is_whole) {
    struct simple simple = {0};
    struct world *world = create(&simple);
    world_until(world, simple.heard >= 50, 20000);
    cut_for(world, &simple, 1800); /* suspect, and good again */
    ck_assert_int_eq(belay_server_drain(world->server, BELAY_FOREVER, "elsewhere"), BELAY_OK);
    cut_for(world, &simple, 3000); /* its link is lost, and made anew */
    world_until(world, simple.heard == ECHO_COUNT, 30000);
    ck_assert_uint_eq(simple.opens, 1);
    ck_assert_uint_eq(simple.closes, 0);
    ck_assert_uint_eq(simple.misheard, 0);
    belay_client_destroy(simple.client);
    world_destroy(world);
}
END_TEST

/* R9, R19, R44: a session that is over is followed by the next one, on the same object. */
START_TEST(a_client_that_comes_back_when_told_so_plays_on) {
    struct simple simple = {0};
    struct world *world = create(&simple);
    for (uint32_t round = 1; round <= 3; round++) {
        world_until(world, simple.heard == ECHO_COUNT, 30000);
        ck_assert_uint_eq(simple.opens, round);
        belay_server_close(world->server, belay_server_next(world->server, 0),
                           &(struct belay_reason){.code = BELAY_REASON_GAME, .come_back = true});
        world_until(world, simple.open && simple.opens == round + 1, 5000);
        ck_assert_uint_eq(simple.closes, round);
    }
    ck_assert_uint_eq(simple.misheard, 0);
    belay_client_destroy(simple.client);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, a_client_that_handles_three_events_is_whole);
    tcase_add_test(tests, a_client_that_comes_back_when_told_so_plays_on);
}

TEST_MAIN("single session", add_tests)
