/*
 * Topics: what is published arrives at every subscriber, exactly once and in order as anything else
 * on its channel, names its topic, and is nobody else's affair. (The audit behind every world keeps
 * the books.)
 */
#include "tests/support/world.h"
#include <stdio.h>

enum { EVENTS, STATE, LOUD, NEWEST };
static const struct belay_channel channels[] = {
    {.name = "events", .mode = BELAY_RELIABLE},
    {.name = "state", .mode = BELAY_SEQUENCED},
    {.name = "loud", .mode = BELAY_RELIABLE, .when_full = BELAY_CLOSE},
    {.name = "newest", .mode = BELAY_RELIABLE, .when_full = BELAY_COALESCE},
};
static const struct belay_link line = {.delay_ms = 50};

#define RED         100
#define BLUE        200
#define CLIENTS_MAX 16

/** What clients got, in order, as "topic:text". */
struct heard {
    struct world *world;
    char text[CLIENTS_MAX][4096];
    uint32_t at_ms[CLIENTS_MAX][1024]; /* of each message */
    uint32_t count[CLIENTS_MAX];
};

static void watch(struct world *world, enum world_side side, const struct belay_event *event) {
    struct heard *heard = world->user;
    if (side != CLIENT || event->type != BELAY_EVENT_MESSAGE) {
        return;
    }
    unsigned i = world->watched;
    char *text = heard->text[i];
    size_t length = strlen(text);
    int size = (int)(event->message.size < 20 ? event->message.size : 20);
    snprintf(text + length, sizeof heard->text[i] - length, "%s%u:%.*s", length > 0 ? " " : "",
             event->message.topic, size, (const char *)event->message.data);
    heard->at_ms[i][heard->count[i]++ % 1024] = world->ms;
}

static struct heard *open_with(struct world_opts opts) {
    struct heard *heard = calloc(1, sizeof *heard);
    ck_assert_ptr_nonnull(heard);
    opts.server.channels = opts.client.channels = channels;
    opts.server.channel_count = opts.client.channel_count = COUNT_OF(channels);
    if (opts.link.delay_ms == 0) {
        opts.link = line;
    }
    heard->world = world_create(&opts);
    heard->world->user = heard;
    heard->world->watch = watch;
    world_open(heard->world);
    world_run(heard->world, 500);
    return heard;
}

static void end(struct heard *heard) {
    world_destroy(heard->world);
    free(heard);
}

static enum belay_result subscribe(struct heard *heard, unsigned client, belay_topic topic) {
    return belay_server_subscribe(heard->world->server, heard->world->clients[client].session,
                                  topic);
}

static void must_subscribe(struct heard *heard, unsigned client, belay_topic topic) {
    ck_assert_msg(subscribe(heard, client, topic) == BELAY_OK, "%s", belay_error());
}

static void publish(struct heard *heard, belay_topic topic, uint8_t channel, const char *text) {
    ck_assert_msg(belay_server_publish(heard->world->server, topic, channel, text, strlen(text)) ==
                      BELAY_OK,
                  "%s", belay_error());
}

static void retain(struct heard *heard, belay_topic topic, const char *text) {
    ck_assert_int_eq(belay_server_retain(heard->world->server, topic, EVENTS, text,
                                         text != NULL ? strlen(text) : 0),
                     BELAY_OK);
}

static struct belay_topic_info topic_info(const struct heard *heard, belay_topic topic) {
    struct belay_topic_info info = BELAY_TOPIC_INFO_INIT;
    ck_assert_int_eq(belay_server_topic_info(heard->world->server, topic, &info), BELAY_OK);
    return info;
}

/* A28, A29 */
START_TEST(subscribers_get_what_is_published_and_nobody_else) {
    struct heard *heard = open_with((struct world_opts){.clients = 3});
    must_subscribe(heard, 0, RED);
    must_subscribe(heard, 1, RED);
    must_subscribe(heard, 1, BLUE);
    publish(heard, RED, (uint8_t)_i, "r");
    publish(heard, BLUE, (uint8_t)_i, "b");
    publish(heard, 300, (uint8_t)_i, "nobody");
    world_run(heard->world, 500);
    ck_assert_str_eq(heard->text[0], "100:r");
    ck_assert_str_eq(heard->text[1], "100:r 200:b");
    ck_assert_str_eq(heard->text[2], "");
    end(heard);
}
END_TEST

START_TEST(everybody_gets_what_is_published_to_all) {
    struct heard *heard = open_with((struct world_opts){.clients = 3});
    must_subscribe(heard, 0, RED);
    publish(heard, BELAY_TOPIC_ALL, (uint8_t)_i, "all");
    world_run(heard->world, 500);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_str_eq(heard->text[i], "0:all");
    }
    end(heard);
}
END_TEST

/* A30: a subscriber's numbers are its own, and have no holes (the audit). */
START_TEST(what_is_published_stands_in_order_with_what_is_sent) {
    struct heard *heard = open_with((struct world_opts){.clients = 2});
    must_subscribe(heard, 0, RED);
    ck_assert_int_eq(world_say(heard->world, DOWN, 0, EVENTS, "one"), BELAY_OK);
    publish(heard, RED, EVENTS, "two");
    ck_assert_int_eq(world_say(heard->world, DOWN, 0, EVENTS, "three"), BELAY_OK);
    publish(heard, BELAY_TOPIC_ALL, EVENTS, "four");
    must_subscribe(heard, 1, RED);
    publish(heard, RED, EVENTS, "five");
    world_run(heard->world, 500);
    ck_assert_str_eq(heard->text[0], "0:one 100:two 0:three 0:four 100:five");
    ck_assert_str_eq(heard->text[1], "0:four 100:five");
    ck_assert_uint_eq(world_info(heard->world, SERVER, 0).sequence_out, 5);
    ck_assert_uint_eq(world_info(heard->world, SERVER, 1).sequence_out, 2);
    end(heard);
}
END_TEST

/* A32 */
START_TEST(a_subscription_is_one_however_often_and_ends_when_told_so) {
    struct heard *heard = open_with((struct world_opts){0});
    belay_session session = heard->world->clients[0].session;
    must_subscribe(heard, 0, RED);
    must_subscribe(heard, 0, RED);
    publish(heard, RED, EVENTS, "once");
    ck_assert_int_eq(belay_server_unsubscribe(heard->world->server, session, RED), BELAY_OK);
    ck_assert_int_eq(belay_server_unsubscribe(heard->world->server, session, RED), BELAY_OK);
    publish(heard, RED, EVENTS, "never");
    world_run(heard->world, 500);
    ck_assert_str_eq(heard->text[0], "100:once");
    ck_assert_uint_eq(topic_info(heard, RED).subscribers, 0);
    end(heard);
}
END_TEST

START_TEST(messages_of_any_size_are_published_whole) {
    static const size_t sizes[] = {0, 1, 1136, 1137, 5000, 8188, 300000};
    struct heard *heard = open_with((struct world_opts){.clients = 2});
    static uint8_t data[300000];
    uint8_t channel = _i == 0 ? EVENTS : STATE;
    must_subscribe(heard, 0, RED);
    must_subscribe(heard, 1, RED);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        if (channel == STATE && sizes[i] > 8188) {
            ck_assert_int_eq(
                belay_server_publish(heard->world->server, RED, channel, data, sizes[i]),
                BELAY_E_TOO_BIG);
            continue;
        }
        memset(data, (int)('a' + i), sizes[i]);
        ck_assert_int_eq(belay_server_publish(heard->world->server, RED, channel, data, sizes[i]),
                         BELAY_OK);
        world_run(heard->world, 3000);
        ck_assert_uint_eq(heard->count[0], i + 1);
        ck_assert_uint_eq(heard->count[1], i + 1);
        ck_assert_uint_eq(world_info(heard->world, CLIENT, 1).bytes_in,
                          world_info(heard->world, SERVER, 1).bytes_out);
    }
    end(heard);
}
END_TEST

/* A31, W-A7: loss, copies and a cut of one subscriber; the others do not notice. */
START_TEST(a_subscriber_in_trouble_is_alone_with_it) {
    uint32_t quiet_ms[2][200];
    for (int trouble = 0; trouble < 2; trouble++) {
        struct heard *heard = open_with((struct world_opts){.clients = 3});
        const struct belay_link bad = {
            .delay_ms = 50, .jitter_ms = 30, .loss = 0.2F, .duplicate = 0.1F};
        for (unsigned i = 0; i < 3; i++) {
            must_subscribe(heard, i, RED);
        }
        if (trouble) {
            world_link(heard->world, 1, &bad);
            heard->world->clients[2].deaf = true;
        }
        for (unsigned i = 0; i < 200; i++) {
            char text[16];
            snprintf(text, sizeof text, "%u", i);
            publish(heard, RED, EVENTS, text);
            if (trouble && i == 50) {
                world_cut(heard->world, 1);
            }
            world_run(heard->world, 50);
        }
        world_run(heard->world, 1000);
        ck_assert_uint_eq(heard->count[0], 200);
        memcpy(quiet_ms[trouble], heard->at_ms[0], sizeof quiet_ms[trouble]);
        world_link(heard->world, 1, &line);
        heard->world->clients[2].deaf = false;
        world_run(heard->world, 10000);
        for (unsigned i = 1; i < 3; i++) { /* and has lost nothing by it */
            ck_assert_uint_eq(heard->count[i], 200);
        }
        ck_assert_uint_eq(topic_info(heard, RED).delivered, 600);
        ck_assert_uint_eq(topic_info(heard, RED).skipped, 0);
        end(heard);
    }
    ck_assert_mem_eq(quiet_ms[0], quiet_ms[1], sizeof quiet_ms[0]);
}
END_TEST

START_TEST(who_has_no_room_is_left_out_or_closed_as_its_channel_says) {
    static const struct {
        uint8_t channel;
        uint64_t skipped;
        bool closed;
    } cases[] = {
        {EVENTS, 3, false},
        {LOUD, 1, true},
        {NEWEST, 0, false},
    };
    struct heard *heard =
        open_with((struct world_opts){.clients = 2, .server = {.send_messages_max = 4}});
    must_subscribe(heard, 0, RED);
    must_subscribe(heard, 1, RED);
    world_cut(heard->world, 0);
    world_run(heard->world, 8000); /* nothing is handed over that could not be replaced */
    for (unsigned i = 0; i < 7; i++) {
        static const char *const texts[] = {"0", "1", "2", "the same 3"};
        publish(heard, RED, cases[_i].channel, texts[i < 3 ? i : 3]);
        world_run(heard->world, 50);
    }
    world_run(heard->world, 500);
    ck_assert_uint_eq(topic_info(heard, RED).skipped, cases[_i].skipped);
    ck_assert_uint_eq(heard->count[1], 7);
    ck_assert_uint_eq(topic_info(heard, RED).subscribers, cases[_i].closed ? 1 : 2);
    end(heard);
}
END_TEST

/* A51, A52 */
START_TEST(a_session_leaves_its_topics_when_it_ends) {
    struct heard *heard = open_with((struct world_opts){.clients = 3});
    struct world *world = heard->world;
    for (belay_topic topic = 1; topic <= 20; topic++) {
        for (unsigned i = 0; i < 3; i++) {
            must_subscribe(heard, i, topic);
        }
    }
    belay_client_close(world->clients[0].it, NULL, 0);
    world_run(world, 500);
    ck_assert_uint_eq(topic_info(heard, 7).subscribers, 2);
    belay_server_close(world->server, world->clients[1].session, NULL);
    ck_assert_int_eq(subscribe(heard, 1, RED), BELAY_E_GONE);
    publish(heard, 7, EVENTS, "seven");
    world_run(world, 500);
    ck_assert_uint_eq(topic_info(heard, 7).subscribers, 1);
    ck_assert_str_eq(heard->text[1], "");
    ck_assert_str_eq(heard->text[2], "7:seven");
    world_connect(world, 0); /* who comes again begins without any */
    world_run(world, 500);
    publish(heard, 7, EVENTS, "again");
    world_run(world, 500);
    ck_assert_str_eq(heard->text[0], "");
    belay_server_stop(world->server, 0);
    ck_assert_uint_eq(topic_info(heard, 7).subscribers, 0);
    end(heard);
}
END_TEST

START_TEST(subscriptions_live_through_a_resume) {
    struct heard *heard = open_with(
        (struct world_opts){.server = {.accept_gaps = true}, .client = {.accept_gaps = true}});
    struct world *world = heard->world;
    must_subscribe(heard, 0, RED);
    world_cut(world, 0);
    world_run(world, 8000);
    publish(heard, RED, EVENTS, "away");
    world_link(world, 0, &line);
    world_run(world, 2000);
    ck_assert_str_eq(heard->text[0], "100:away");
    world_revive(world, 0);
    world_run(world, 2000);
    publish(heard, RED, EVENTS, "anew");
    world_run(world, 500);
    ck_assert_ptr_nonnull(strstr(heard->text[0], "100:anew"));
    end(heard);
}
END_TEST

START_TEST(the_last_value_comes_first_to_who_subscribes_later) {
    struct heard *heard = open_with((struct world_opts){.clients = 2});
    must_subscribe(heard, 0, RED);
    retain(heard, RED, "old");
    retain(heard, RED, "value");
    publish(heard, RED, EVENTS, "passing");
    must_subscribe(heard, 1, RED);
    publish(heard, RED, EVENTS, "next");
    world_run(heard->world, 500);
    ck_assert_str_eq(heard->text[0], "100:old 100:value 100:passing 100:next");
    ck_assert_str_eq(heard->text[1], "100:value 100:next");
    ck_assert(topic_info(heard, RED).retains);
    retain(heard, RED, NULL);
    ck_assert(!topic_info(heard, RED).retains);
    retain(heard, BLUE, "kept"); /* without any subscriber */
    must_subscribe(heard, 1, BLUE);
    world_run(heard->world, 500);
    ck_assert_str_eq(heard->text[1], "100:value 100:next 200:kept");
    end(heard);
}
END_TEST

START_TEST(who_has_no_room_for_the_last_value_is_not_subscribed) {
    struct heard *heard = open_with((struct world_opts){.server = {.send_messages_max = 2}});
    retain(heard, RED, "value");
    world_cut(heard->world, 0);
    publish(heard, BELAY_TOPIC_ALL, EVENTS, "1");
    publish(heard, BELAY_TOPIC_ALL, EVENTS, "2");
    ck_assert_int_eq(subscribe(heard, 0, RED), BELAY_E_WOULD_BLOCK);
    ck_assert_uint_eq(topic_info(heard, RED).subscribers, 0);
    ck_assert(topic_info(heard, RED).retains);
    end(heard);
}
END_TEST

START_TEST(what_cannot_be_done_says_why) {
    struct heard *heard = open_with((struct world_opts){0});
    struct belay_server *server = heard->world->server;
    struct belay_topic_info info = {.struct_size = 1};
    ck_assert_int_eq(subscribe(heard, 0, BELAY_TOPIC_ALL), BELAY_E_INVALID);
    ck_assert_int_eq(belay_server_subscribe(server, 0, RED), BELAY_E_GONE);
    ck_assert_int_eq(belay_server_publish(server, RED, COUNT_OF(channels), "", 0), BELAY_E_INVALID);
    ck_assert_int_eq(belay_server_publish(server, RED, EVENTS, NULL, 1), BELAY_E_INVALID);
    ck_assert_int_eq(belay_server_publish(server, RED, STATE, "", BELAY_UNRELIABLE_MAX - 3),
                     BELAY_E_TOO_BIG);
    ck_assert_int_eq(belay_server_retain(server, BELAY_TOPIC_ALL, EVENTS, "", 0), BELAY_E_INVALID);
    ck_assert_int_eq(belay_server_topic_info(server, RED, &info), BELAY_E_INVALID);
    ck_assert_uint_eq(topic_info(heard, RED).subscribers, 0);
    end(heard);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, subscribers_get_what_is_published_and_nobody_else, 0, 4);
    tcase_add_loop_test(tests, everybody_gets_what_is_published_to_all, 0, 4);
    tcase_add_test(tests, what_is_published_stands_in_order_with_what_is_sent);
    tcase_add_test(tests, a_subscription_is_one_however_often_and_ends_when_told_so);
    tcase_add_loop_test(tests, messages_of_any_size_are_published_whole, 0, 2);
    tcase_add_test(tests, a_subscriber_in_trouble_is_alone_with_it);
    tcase_add_loop_test(tests, who_has_no_room_is_left_out_or_closed_as_its_channel_says, 0, 3);
    tcase_add_test(tests, a_session_leaves_its_topics_when_it_ends);
    tcase_add_test(tests, subscriptions_live_through_a_resume);
    tcase_add_test(tests, the_last_value_comes_first_to_who_subscribes_later);
    tcase_add_test(tests, who_has_no_room_for_the_last_value_is_not_subscribed);
    tcase_add_test(tests, what_cannot_be_done_says_why);
}

TEST_MAIN("topics", add_tests)
