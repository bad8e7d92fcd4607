/* What an application sends and what arrives: exactly once and in order, or whole or not at all. */
#include "tests/support/world.h"
#include <string.h>

/* Everything that a network does but forging, which the secure layer will see to. */
static const struct belay_link awful = {
    .delay_ms = 30, .jitter_ms = 40, .loss = 0.1F, .duplicate = 0.1F, .reorder = 0.05F};
static const struct belay_link bursts = {.delay_ms = 30, .loss = 0.1F, .burst = 8};

static const struct belay_channel three[] = {
    {.name = "events"}, {.name = "chat"}, {.name = "files"}};

/* A14, A25, W-A8: several clients, channels and sizes, both ways at once. */
static void talk_over(const struct belay_link *link, uint64_t seed) {
    static const size_t sizes[3] = {40, 900, 20000};
    struct world *world = world_create(&(struct world_opts){
        .seed = seed,
        .clients = 3,
        .link = *link,
        .server = {.channels = three, .channel_count = COUNT_OF(three)},
        .client = {.channels = three, .channel_count = COUNT_OF(three)},
    });
    world_open(world);
    for (uint32_t i = 0; i < 200; i++) {
        for (unsigned client = 0; client < 3; client++) {
            for (uint8_t channel = 0; channel < (i % 20 == 0 ? 3 : 2); channel++) {
                ledger_must_send(world, UP, client, channel, sizes[channel]);
                ledger_must_send(world, DOWN, client, channel, sizes[channel]);
            }
        }
        world_run(world, 50);
    }
    world_run(world, 5000);
    for (unsigned client = 0; client < 3; client++) {
        for (uint8_t channel = 0; channel < 3; channel++) {
            ledger_check(world, UP, client, channel);
            ledger_check(world, DOWN, client, channel);
        }
        struct belay_session_info info = world_info(world, SERVER, client);
        ck_assert_uint_eq(info.sequence_out, 410);
        ck_assert_uint_eq(info.handled_out, 410);
        ck_assert_uint_eq(info.queued_messages, 0);
        ck_assert_uint_eq(info.queued_bytes, 0);
        ck_assert_uint_eq(info.messages_in, 410);
    }
    ck_assert_uint_eq(world_stats(world, SERVER, 0).queued, 0);
    world_destroy(world);
}

START_TEST(messages_come_exactly_once_and_in_order_over_an_awful_link) {
    talk_over(&awful, (uint64_t)_i + 1); /* the seed is the number of the run */
}
END_TEST

START_TEST(messages_come_exactly_once_and_in_order_through_bursts_of_loss) {
    talk_over(&bursts, (uint64_t)_i + 1);
}
END_TEST

/* A mebibyte is nine hundred segments: with bursts of loss among them it still arrives whole. */
START_TEST(large_messages_cross_a_lossy_link) {
    struct world *world =
        world_create(&(struct world_opts){.seed = 11, .link = _i == 0 ? awful : bursts});
    world_open(world);
    for (int i = 0; i < 2; i++) {
        ledger_must_send(world, UP, 0, 0, BELAY_MESSAGE_MAX);
        ledger_must_send(world, DOWN, 0, 0, BELAY_MESSAGE_MAX - 1);
    }
    world_until(world, ledger_of(world, UP, 0, 0).received == 2, 60000);
    world_until(world, ledger_of(world, DOWN, 0, 0).received == 2, 60000);
    ledger_check(world, UP, 0, 0);
    ledger_check(world, DOWN, 0, 0);
    world_destroy(world);
}
END_TEST

static void note_message(struct world *world, enum world_side side,
                         const struct belay_event *event) {
    struct belay_message_event *noted = world->user;
    if (side == CLIENT && event->type == BELAY_EVENT_MESSAGE) {
        *noted = event->message;
        must(event->message.data != NULL);
    }
}

/* A14: every limit at it and one past it; a message of no bytes is a message, and has its number.
 */
START_TEST(a_message_may_have_any_size_up_to_its_limit) {
    static const size_t sizes[] = {8,
                                   1141,
                                   1140,
                                   1141,
                                   1146,
                                   2276,
                                   8191,
                                   8192,
                                   8193,
                                   65536,
                                   99999,
                                   BELAY_MESSAGE_MAX - 1,
                                   BELAY_MESSAGE_MAX};
    static uint8_t too_big[BELAY_MESSAGE_MAX + 1];
    struct belay_message_event noted = {.size = 99};
    struct world *world = world_create(NULL);
    world->watch = note_message;
    world->user = &noted;
    world_open(world);
    ck_assert_int_eq(world_say(world, DOWN, 0, 0, ""), BELAY_OK);
    world_run(world, 50);
    ck_assert_uint_eq(noted.size, 0);
    ck_assert_uint_eq(noted.sequence, 1);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        ledger_must_send(world, DOWN, 0, 0, sizes[i]);
        world_until(world, ledger_of(world, DOWN, 0, 0).received == i + 1, 5000);
        ck_assert_uint_eq(noted.size, sizes[i]);
        ck_assert_uint_eq(noted.sequence, i + 2);
        ck_assert_uint_eq(noted.channel, 0);
    }
    ledger_check(world, DOWN, 0, 0);
    ck_assert_int_eq(belay_client_send(world->clients[0].it, 0, too_big, sizeof too_big),
                     BELAY_E_TOO_BIG);
    ck_assert_ptr_nonnull(strstr(belay_error(), "1048576"));
    ck_assert_int_eq(belay_client_send(world->clients[0].it, 1, too_big, BELAY_UNRELIABLE_MAX + 1),
                     BELAY_E_TOO_BIG);
    ck_assert_int_eq(belay_client_send(world->clients[0].it, 2, too_big, 1), BELAY_E_INVALID);
    ck_assert_int_eq(belay_client_send(world->clients[0].it, 0, NULL, 1), BELAY_E_INVALID);
    world_destroy(world);
}
END_TEST

/* ENet counts in 16 bits; what we send does not notice. */
START_TEST(a_channel_outlives_65536_messages) {
    static const struct belay_channel channels[] = {{.name = "r"},
                                                    {.name = "u", .mode = BELAY_UNRELIABLE},
                                                    {.name = "s", .mode = BELAY_SEQUENCED}};
    struct world *world = world_create(&(struct world_opts){
        .server = {.channels = channels, .channel_count = 3},
        .client = {.channels = channels, .channel_count = 3},
    });
    uint8_t channel = (uint8_t)_i;
    world_open(world);
    for (int i = 0; i < 70000; i++) {
        ledger_must_send(world, UP, 0, channel, 8);
        if (i % 100 == 0) {
            world_step(world);
        }
    }
    world_run(world, 1000);
    ledger_check(world, UP, 0, channel);
    world_destroy(world);
}
END_TEST

START_TEST(all_16_channels_carry_messages) {
    struct belay_channel channels[BELAY_CHANNELS_MAX];
    char names[BELAY_CHANNELS_MAX][BELAY_CHANNEL_NAME_MAX + 1];
    for (int i = 0; i < BELAY_CHANNELS_MAX; i++) {
        memset(names[i], 'a' + i, BELAY_CHANNEL_NAME_MAX);
        names[i][BELAY_CHANNEL_NAME_MAX] = '\0';
        channels[i] = (struct belay_channel){.name = names[i], .mode = (enum belay_mode)(i % 3)};
    }
    struct world *world = world_create(&(struct world_opts){
        .server = {.channels = channels, .channel_count = BELAY_CHANNELS_MAX},
        .client = {.channels = channels, .channel_count = BELAY_CHANNELS_MAX},
    });
    world_open(world);
    for (uint8_t i = 0; i < BELAY_CHANNELS_MAX; i++) {
        for (int j = 0; j < 5; j++) { /* of the loose ones, 256 KiB may wait to be polled */
            ledger_must_send(world, UP, 0, i, 3000);
            ledger_must_send(world, DOWN, 0, i, 3000);
        }
    }
    world_run(world, 1000);
    for (uint8_t i = 0; i < BELAY_CHANNELS_MAX; i++) {
        ledger_check(world, UP, 0, i);
        ledger_check(world, DOWN, 0, i);
    }
    world_destroy(world);
}
END_TEST

START_TEST(nothing_can_be_sent_before_open) {
    struct world *world = world_create(NULL);
    ck_assert_int_eq(world_say(world, UP, 0, 0, "x"), BELAY_E_STATE);
    world_connect(world, 0);
    ck_assert_int_eq(world_say(world, UP, 0, 0, "x"), BELAY_E_STATE);
    world_until(world, world_is_open(world, 0), 1000);
    ck_assert_int_eq(world_say(world, UP, 0, 0, "x"), BELAY_OK);
    world_destroy(world);
}
END_TEST

/* ---- a large message beside small ones */

#define SMALL_COUNT 60

struct arrivals {
    uint32_t count;
    uint32_t at_ms[SMALL_COUNT];
};

static void note_small(struct world *world, enum world_side side, const struct belay_event *event) {
    struct arrivals *arrivals = world->user;
    if (side == SERVER && event->type == BELAY_EVENT_MESSAGE && event->message.channel == 1) {
        must(arrivals->count < SMALL_COUNT);
        arrivals->at_ms[arrivals->count++] = world->ms;
    }
}

/** 60 small messages, one every 50 ms, with or without @p big bytes on another channel. */
static struct arrivals small_beside(size_t big, const struct belay_link *link, uint32_t *big_ms) {
    struct arrivals arrivals = {0};
    struct world *world = world_create(&(struct world_opts){
        .link = *link,
        .server = {.channels = three, .channel_count = 3},
        .client = {.channels = three, .channel_count = 3},
    });
    world->watch = note_small;
    world->user = &arrivals;
    world_open(world);
    world_run(world, 1000 - world->ms);
    if (big > 0) {
        ledger_must_send(world, UP, 0, 2, big);
    }
    for (int i = 0; i < SMALL_COUNT; i++) {
        ledger_must_send(world, UP, 0, 1, 64);
        world_run(world, 50);
    }
    world_until(world, ledger_of(world, UP, 0, 2).received == (big > 0), 20000);
    *big_ms = world->ms - 1000;
    world_run(world, 1000);
    ledger_check(world, UP, 0, 1);
    ledger_check(world, UP, 0, 2);
    world_destroy(world);
    return arrivals;
}

/* Section 3, stream: a bulk transfer does not delay other channels by more than a flush. */
START_TEST(small_messages_do_not_wait_for_a_large_one) {
    const struct belay_link link = {.delay_ms = 20};
    uint32_t ms;
    struct arrivals alone = small_beside(0, &link, &ms);
    struct arrivals beside = small_beside(BELAY_MESSAGE_MAX, &link, &ms);
    for (int i = 0; i < SMALL_COUNT; i++) {
        ck_assert_msg(beside.at_ms[i] <= alone.at_ms[i] + WORLD_STEP_MS,
                      "message %d came at %u ms instead of %u ms", i, beside.at_ms[i],
                      alone.at_ms[i]);
    }
}
END_TEST

/* Section 9, the narrow link: the large one gets its share, the small ones stay quick. */
START_TEST(a_narrow_link_is_shared) {
    const struct belay_link link = {.delay_ms = 20, .rate_kbit = 1000, .queue_ms = 200};
    uint32_t big_ms, worst = 0;
    struct arrivals beside = small_beside(BELAY_MESSAGE_MAX, &link, &big_ms);
    for (int i = 0; i < SMALL_COUNT; i++) {
        uint32_t took = beside.at_ms[i] - (1000 + 50 * (uint32_t)i);
        worst = took > worst ? took : worst;
    }
    ck_assert_msg(worst <= 300, "a small message took %u ms", worst);
    ck_assert_msg(big_ms <= 10500, "1 MiB took %u ms, which is less than 80 %% of the link",
                  big_ms);
}
END_TEST

/* ---- priority */

struct order {
    uint32_t low_before_last_high, lows, highs;
};

static void note_order(struct world *world, enum world_side side, const struct belay_event *event) {
    struct order *order = world->user;
    if (side != SERVER || event->type != BELAY_EVENT_MESSAGE) {
        return;
    }
    if (event->message.channel == 1) {
        order->highs++;
        order->low_before_last_high = order->lows;
    } else {
        order->lows++;
    }
}

START_TEST(a_higher_priority_goes_first) {
    static const struct belay_channel channels[] = {{.name = "low"},
                                                    {.name = "high", .priority = 9}};
    struct order order = {0};
    struct world *world = world_create(&(struct world_opts){
        .link = {.delay_ms = 20, .rate_kbit = 1000},
        .server = {.channels = channels, .channel_count = 2},
        .client = {.channels = channels, .channel_count = 2},
    });
    world->watch = note_order;
    world->user = &order;
    world_open(world);
    for (int i = 0; i < 200; i++) {
        ledger_must_send(world, UP, 0, 0, 1000);
    }
    for (int i = 0; i < 50; i++) {
        ledger_must_send(world, UP, 0, 1, 1000);
    }
    world_run(world, 5000);
    ck_assert_uint_eq(order.highs, 50);
    ck_assert_uint_eq(order.lows, 200);
    /* nothing had been handed over: of the low ones only what each channel may always have */
    ck_assert_uint_le(order.low_before_last_high, 10 + 2 * 4);
    world_destroy(world);
}
END_TEST

/* ---- life_ms */

struct expiry {
    uint32_t returned, first_returned, last_sequence, gap_begin, gap_size;
};

static void note_expiry(struct world *world, enum world_side side,
                        const struct belay_event *event) {
    struct expiry *expiry = world->user;
    if (side == SERVER && event->type == BELAY_EVENT_RETURNED) {
        uint32_t number;
        ck_assert(event->returned.expired);
        ck_assert_uint_eq(event->returned.size, 50);
        ck_assert_uint_eq(event->returned.channel, 0);
        memcpy(&number, (const char *)event->returned.data + 4, sizeof number);
        ck_assert_uint_eq(number, event->returned.sequence); /* numbered alike: all were taken */
        if (expiry->returned++ == 0) {
            expiry->first_returned = event->returned.sequence;
        }
    } else if (side == CLIENT && event->type == BELAY_EVENT_MESSAGE) {
        if (event->message.sequence != expiry->last_sequence + 1) {
            expiry->gap_begin = expiry->last_sequence + 1;
            expiry->gap_size += event->message.sequence - expiry->last_sequence - 1;
        }
        expiry->last_sequence = event->message.sequence;
    }
}

/* What is older than its life_ms is not sent, comes back, and shows as a gap in the sequence. */
START_TEST(an_expired_message_comes_back_and_leaves_a_gap) {
    static const struct belay_channel channels[] = {{.name = "short-lived", .life_ms = 500}};
    struct expiry expiry = {0};
    struct world *world = world_create(&(struct world_opts){
        .link = {.delay_ms = 20},
        .server = {.channels = channels, .channel_count = 1},
        .client = {.channels = channels, .channel_count = 1},
    });
    world->watch = note_expiry;
    world->user = &expiry;
    world_open(world);
    world->clients[0].deaf = true; /* so that only its credit is sent */
    for (int i = 0; i < BELAY_CREDIT_MESSAGES + 40; i++) {
        ledger_must_send(world, DOWN, 0, 0, 50);
    }
    world_run(world, 3000);
    world->clients[0].deaf = false;
    world_run(world, 1000);
    ck_assert_uint_eq(expiry.returned, 40);
    ck_assert_uint_eq(expiry.first_returned, BELAY_CREDIT_MESSAGES + 1);
    for (int i = 0; i < 10; i++) {
        ledger_must_send(world, DOWN, 0, 0, 50);
    }
    world_run(world, 1000);
    ck_assert_uint_eq(expiry.gap_begin, BELAY_CREDIT_MESSAGES + 1);
    ck_assert_uint_eq(expiry.gap_size, 40);
    ck_assert_uint_eq(expiry.last_sequence, BELAY_CREDIT_MESSAGES + 50);
    ck_assert_uint_eq(ledger_of(world, DOWN, 0, 0).received, BELAY_CREDIT_MESSAGES + 10);
    ck_assert_uint_eq(ledger_of(world, DOWN, 0, 0).misordered, 0);
    ck_assert_uint_eq(world_info(world, SERVER, 0).queued_messages, 0);
    world_destroy(world);
}
END_TEST

/* ---- unreliable and sequenced */

static const struct belay_channel loose[] = {{.name = "u", .mode = BELAY_UNRELIABLE},
                                             {.name = "s", .mode = BELAY_SEQUENCED}};

static struct world *create_loose(struct belay_link link, uint64_t seed) {
    struct world *world = world_create(&(struct world_opts){
        .seed = seed,
        .link = link,
        .server = {.channels = loose, .channel_count = 2},
        .client = {.channels = loose, .channel_count = 2},
    });
    world_open(world);
    return world;
}

static struct ledger send_loose(struct world *world, uint8_t channel, size_t size) {
    for (int i = 0; i < 500; i++) {
        ledger_must_send(world, UP, 0, channel, size);
        world_run(world, 20);
    }
    world_run(world, 500);
    struct ledger ledger = ledger_of(world, UP, 0, channel);
    ck_assert_uint_eq(ledger.damaged, 0);
    ck_assert_uint_eq(ledger.duplicated, 0);
    return ledger;
}

/* 8 KiB are 8 datagrams: at 20 % loss one in six messages survives, and every one of them whole. */
START_TEST(a_large_unreliable_message_comes_whole_or_not_at_all) {
    struct world *world = create_loose((struct belay_link){.delay_ms = 20, .loss = 0.2F}, 3);
    struct ledger large = send_loose(world, (uint8_t)_i, BELAY_UNRELIABLE_MAX);
    ck_assert_uint_ge(large.received, 50);
    ck_assert_uint_le(large.received, 130);
    world_destroy(world);
}
END_TEST

START_TEST(an_unreliable_message_is_never_repeated) {
    struct world *world = create_loose(
        (struct belay_link){.delay_ms = 20, .jitter_ms = 50, .loss = 0.2F, .duplicate = 0.5F}, 4);
    struct ledger ledger = send_loose(world, 0, _i == 0 ? 100 : 3000);
    ck_assert_uint_ge(ledger.received, _i == 0 ? 350 : 180);
    ck_assert_uint_lt(ledger.received, 500);
    world_destroy(world);
}
END_TEST

/* Over the same jittery link an unreliable channel is overtaken, a sequenced one never. */
START_TEST(on_a_sequenced_channel_the_newest_wins) {
    const struct belay_link link = {.delay_ms = 20, .jitter_ms = 100};
    struct world *world = create_loose(link, 5);
    ck_assert_uint_gt(send_loose(world, 0, 100).misordered, 20);
    uint64_t stale = world_stats(world, SERVER, 0).dropped[BELAY_DROP_STALE];
    struct ledger ledger = send_loose(world, 1, 100);
    ck_assert_uint_eq(ledger.misordered, 0);
    ck_assert_uint_lt(ledger.received, 480);
    stale = world_stats(world, SERVER, 0).dropped[BELAY_DROP_STALE] - stale;
    ck_assert_uint_eq(ledger.received + stale, 500);
    ck_assert_uint_eq(ledger.newest, 500);
    world_destroy(world);
}
END_TEST

/* An application that sends without end between two flushes is told so. */
START_TEST(unreliable_messages_wait_for_a_flush_within_bounds) {
    struct world *world = create_loose((struct belay_link){0}, 1);
    enum belay_result result = BELAY_OK;
    int taken = 0;
    while (result == BELAY_OK && taken < 100000) {
        result = world_say(world, UP, 0, 0, "again");
        taken += result == BELAY_OK;
    }
    ck_assert_int_eq(result, BELAY_E_WOULD_BLOCK);
    ck_assert_int_ge(taken, 1000);
    belay_client_flush(world->clients[0].it);
    ck_assert_int_eq(world_say(world, UP, 0, 0, "again"), BELAY_OK);
    world_destroy(world);
}
END_TEST

/* A27, W-A2, W-A3: what is refused has no number, so it leaves no hole. */
START_TEST(a_refused_send_uses_up_no_number) {
    struct belay_message_event noted = {0};
    struct world *world = world_create(&(struct world_opts){.server = {.send_messages_max = 4}});
    world_open(world);
    world->watch = note_message;
    world->user = &noted;
    for (int i = 0; i < 10; i++) {
        enum belay_result result = ledger_send(world, DOWN, 0, 0, 100);
        ck_assert_int_eq(result, i < 4 ? BELAY_OK : BELAY_E_WOULD_BLOCK);
    }
    world_run(world, 1000);
    ledger_must_send(world, DOWN, 0, 0, 100);
    world_run(world, 100);
    ledger_check(world, DOWN, 0, 0);
    ck_assert_uint_eq(noted.sequence, 5);
    world_destroy(world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, messages_come_exactly_once_and_in_order_over_an_awful_link, 0, 4);
    tcase_add_loop_test(tests, messages_come_exactly_once_and_in_order_through_bursts_of_loss, 0,
                        2);
    tcase_add_loop_test(tests, large_messages_cross_a_lossy_link, 0, 2);
    tcase_add_test(tests, a_message_may_have_any_size_up_to_its_limit);
    tcase_add_loop_test(tests, a_channel_outlives_65536_messages, 0, 3);
    tcase_add_test(tests, all_16_channels_carry_messages);
    tcase_add_test(tests, nothing_can_be_sent_before_open);
    tcase_add_test(tests, small_messages_do_not_wait_for_a_large_one);
    tcase_add_test(tests, a_narrow_link_is_shared);
    tcase_add_test(tests, a_higher_priority_goes_first);
    tcase_add_test(tests, an_expired_message_comes_back_and_leaves_a_gap);
    tcase_add_loop_test(tests, a_large_unreliable_message_comes_whole_or_not_at_all, 0, 2);
    tcase_add_loop_test(tests, an_unreliable_message_is_never_repeated, 0, 2);
    tcase_add_test(tests, on_a_sequenced_channel_the_newest_wins);
    tcase_add_test(tests, unreliable_messages_wait_for_a_flush_within_bounds);
    tcase_add_test(tests, a_refused_send_uses_up_no_number);
}

TEST_MAIN("stream", add_tests)
