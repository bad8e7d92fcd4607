/* What topics hold: what is published is kept once, however many it goes to; and when memory runs
 * out, at whichever allocation, one thing is not done and nothing else suffers. */
#include "tests/support/world.h"

enum { EVENTS, STATE };
static const struct belay_channel channels[] = {
    {.name = "events", .mode = BELAY_RELIABLE},
    {.name = "state", .mode = BELAY_SEQUENCED},
};

#define RED     100
#define CLIENTS 20
#define MORE    100 /* bytes of the second message beyond the first: no more packets */

static const uint8_t data[64 * 1024 + MORE];

static enum belay_result do_publish(struct world *world, uint8_t channel, size_t size) {
    return belay_server_publish(world->server, RED, channel, data, size);
}

static enum belay_result do_publish_to_all(struct world *world, uint8_t channel, size_t size) {
    return belay_server_publish(world->server, BELAY_TOPIC_ALL, channel, data, size);
}

static enum belay_result do_retain(struct world *world, uint8_t channel, size_t size) {
    return belay_server_retain(world->server, RED, channel, data, size);
}

static enum belay_result do_send(struct world *world, uint8_t channel, size_t size) {
    enum belay_result result = BELAY_OK;
    for (unsigned i = 0; i < CLIENTS && result == BELAY_OK; i++) {
        result = belay_server_send(world->server, world->clients[i].session, channel, data, size);
    }
    return result;
}

static struct world *open_world(unsigned clients) {
    struct world *world =
        world_create(&(struct world_opts){.clients = clients,
                                          .server = {.channels = channels, .channel_count = 2},
                                          .client = {.channels = channels, .channel_count = 2},
                                          .link = {.delay_ms = 10}});
    world_open(world);
    world_run(world, 500);
    return world;
}

/** Bytes that one message of everybody takes: before it leaves, and while it is under way. */
struct taken {
    size_t queued, in_flight;
};

static struct taken measure(enum belay_result (*say)(struct world *, uint8_t, size_t),
                            uint8_t channel, size_t size) {
    struct world *world = open_world(CLIENTS);
    struct taken taken;
    for (unsigned i = 0; i < CLIENTS; i++) {
        ck_assert_int_eq(belay_server_subscribe(world->server, world->clients[i].session, RED),
                         BELAY_OK);
        world_cut(world, i);
    }
    size_t before = world_memory.live;
    ck_assert_int_eq(say(world, channel, size), BELAY_OK);
    taken.queued = world_memory.live - before;
    belay_server_flush(world->server);
    taken.in_flight = world_memory.live - before;
    world_destroy(world);
    return taken;
}

/* Two messages that differ by their size alone show what of the memory is the message's. */
START_TEST(what_is_published_is_kept_once_for_all) {
    static const struct {
        enum belay_result (*say)(struct world *world, uint8_t channel, size_t size);
        uint8_t channel;
        size_t size;
        size_t queued, in_flight; /* copies */
    } cases[] = {
        {do_publish, EVENTS, 900, 1, 1},
        {do_publish, EVENTS, 60000, 1, 1},
        {do_publish, STATE, 900, 1, 0},
        {do_publish, STATE, 1400, 1, 0}, /* two fragments */
        {do_publish_to_all, EVENTS, 900, 1, 1},
        {do_publish_to_all, STATE, 900, 1, 0},
        {do_retain, EVENTS, 900, 1, 1},
        {do_retain, EVENTS, 60000, 1, 1},
        {do_retain, STATE, 900, 1, 1},
        {do_send, EVENTS, 900, CLIENTS, CLIENTS}, /* it would show */
        {do_send, STATE, 900, CLIENTS, 0},
    };
    struct taken less = measure(cases[_i].say, cases[_i].channel, cases[_i].size);
    struct taken more = measure(cases[_i].say, cases[_i].channel, cases[_i].size + MORE);
    ck_assert_uint_eq(more.queued - less.queued, cases[_i].queued * MORE);
    ck_assert_uint_eq(more.in_flight - less.in_flight, cases[_i].in_flight * MORE);
}
END_TEST

/** What a client got, in order, a letter each. */
static char heard[3][16];

static void listen(struct world *world, enum world_side side, const struct belay_event *event) {
    if (side == CLIENT && event->type == BELAY_EVENT_MESSAGE) {
        char *text = heard[world->watched];
        size_t length = strlen(text);
        must(length + 1 < sizeof heard[0] && event->message.size == 1);
        text[length] = *(const char *)event->message.data;
    }
}

static enum belay_result one_of_two(enum belay_result result) {
    ck_assert_msg(result == BELAY_OK || result == BELAY_E_NO_MEMORY, "%s", belay_error());
    return result;
}

static struct belay_topic_info red(const struct world *world) {
    struct belay_topic_info info = BELAY_TOPIC_INFO_INIT;
    ck_assert_int_eq(belay_server_topic_info(world->server, RED, &info), BELAY_OK);
    return info;
}

/** Everything that topics allocate for, with one allocation failing. Who is subscribed is written
 * into @p subscribed. @return how many allocations there were */
static uint64_t go_through(struct world *world, uint8_t channel, uint64_t call, bool *subscribed) {
    uint64_t begin = world_memory.calls;
    world_memory.fail_at = call > 0 ? begin + call : 0;
    for (unsigned i = 0; i < 2; i++) {
        subscribed[i] = one_of_two(belay_server_subscribe(world->server, world->clients[i].session,
                                                          RED)) == BELAY_OK;
    }
    one_of_two(belay_server_publish(world->server, RED, channel, "p", 1));
    bool retained =
        one_of_two(belay_server_retain(world->server, RED, channel, "r", 1)) == BELAY_OK;
    subscribed[2] = one_of_two(belay_server_subscribe(world->server, world->clients[2].session,
                                                      RED)) == BELAY_OK;
    belay_server_flush(world->server);
    uint64_t calls = world_memory.calls - begin;
    world_memory.fail_at = 0;
    ck_assert_int_eq(red(world).retains, retained);
    return calls;
}

/** Once with everything, or without one allocation. @return how many allocations there were */
static uint64_t topics_without(uint64_t call, uint8_t channel) {
    bool subscribed[3];
    struct world *world = open_world(3);
    world->watch = listen;
    memset(heard, 0, sizeof heard);
    uint64_t calls = go_through(world, channel, call, subscribed);
    ck_assert_uint_eq(red(world).subscribers, subscribed[0] + subscribed[1] + subscribed[2]);
    world_run(world, 500);
    ck_assert_int_eq(belay_server_publish(world->server, RED, channel, "n", 1), BELAY_OK);
    world_run(world, 500);
    size_t got = 0;
    for (unsigned i = 0; i < 3; i++) {
        static const char *const whole[] = {"prn", "prn", "rn"};
        ck_assert(world_is_open(world, i));
        size_t length = strlen(heard[i]);
        ck_assert_uint_eq(length > 0 && heard[i][length - 1] == 'n', subscribed[i]);
        ck_assert_uint_le(length, subscribed[i] ? strlen(whole[i]) : 0);
        got += length;
    }
    /* What could not be kept is told, but on an unreliable channel, where it may be lost anyway. */
    const struct belay_topic_info info = red(world);
    uint64_t first = subscribed[0] + subscribed[1];
    ck_assert_uint_eq(info.delivered + info.skipped, info.published * first + subscribed[2]);
    ck_assert_uint_le(info.skipped, 1);
    uint64_t sent = info.delivered + (subscribed[2] && info.retains); /* the latter as it came */
    ck_assert_uint_le(got, sent);
    ck_assert_uint_ge(got, channel == EVENTS || call == 0 ? sent : sent - 1);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(world_say(world, DOWN, i, channel, "m"), BELAY_OK);
        ck_assert_int_eq(belay_server_unsubscribe(world->server, world->clients[i].session, RED),
                         BELAY_OK);
    }
    belay_server_retain(world->server, RED, channel, NULL, 0);
    ck_assert_uint_eq(red(world).published, 0); /* nobody has anything of it any more */
    world_run(world, 500);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(heard[i][strlen(heard[i]) - 1], 'm');
    }
    world_destroy(world);
    return calls;
}

START_TEST(whichever_allocation_of_topics_fails_the_others_do_not_suffer) {
    uint64_t calls = topics_without(0, (uint8_t)_i);
    ck_assert_uint_gt(calls, 10);
    for (uint64_t call = 1; call <= calls; call++) {
        topics_without(call, (uint8_t)_i);
    }
}
END_TEST

static enum belay_result subscribe(struct world *world, bool on) {
    belay_session session = world->clients[0].session;
    return on ? belay_server_subscribe(world->server, session, RED)
              : belay_server_unsubscribe(world->server, session, RED);
}

static enum belay_result retain(struct world *world, bool on) {
    return belay_server_retain(world->server, RED, EVENTS, on ? "r" : NULL, on);
}

START_TEST(what_memory_did_not_suffice_for_leaves_nothing_behind) {
    static const struct {
        enum belay_result (*change)(struct world *world, bool on);
        bool to_a_last_value;
    } cases[] = {{subscribe, false}, {subscribe, true}, {retain, false}};
    struct world *world = open_world(1);
    enum belay_result result = BELAY_E_NO_MEMORY;
    uint64_t call = 0;
    ck_assert_int_eq(retain(world, true), BELAY_OK); /* tables grow once */
    ck_assert_int_eq(subscribe(world, true), BELAY_OK);
    while (result != BELAY_OK) {
        ck_assert_int_eq(subscribe(world, false), BELAY_OK);
        ck_assert_int_eq(retain(world, cases[_i].to_a_last_value), BELAY_OK);
        world_run(world, 1000);
        size_t before = world_memory.live;
        world_memory.fail_at = world_memory.calls + ++call;
        result = one_of_two(cases[_i].change(world, true));
        world_memory.fail_at = 0;
        ck_assert(result == BELAY_OK || red(world).subscribers == 0);
        ck_assert(result == BELAY_OK || world_memory.live == before);
    }
    ck_assert_uint_gt(call, 2);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, what_is_published_is_kept_once_for_all, 0, 11);
    tcase_add_loop_test(tests, whichever_allocation_of_topics_fails_the_others_do_not_suffer, 0, 2);
    tcase_add_loop_test(tests, what_memory_did_not_suffice_for_leaves_nothing_behind, 0, 3);
}

TEST_MAIN("server topics_memory", add_tests)
