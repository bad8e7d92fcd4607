/*
 * What belay-netem does to datagrams, in virtual time: one is sent per millisecond. The model below
 * is measured in tests/net/test_sim_link.c; here it is what the relay adds. Seeds are fixed.
 */
#include "tests/support/test.h"
#include "tools/netem/link.h"
#include <string.h>

#define SENT_COUNT 2000
#define SIZE       100

static struct netem_fate fates[2][SENT_COUNT];

/** Sends SENT_COUNT datagrams, one each @p interval. */
static void cross(struct netem_fate *out, struct netem_link *link, bl_duration interval) {
    for (size_t i = 0; i < SENT_COUNT; i++) {
        out[i] = netem_link_cross(link, (bl_time)i * interval, SIZE);
    }
}

static struct netem_trouble all_troubles(void) {
    struct netem_trouble trouble = {.path = BELAY_LINK_INIT, .reorder = 0.1F, .hold_ms = 30};
    trouble.path.loss = 0.1F;
    trouble.path.burst = 3;
    trouble.path.duplicate = 0.1F;
    trouble.path.corrupt = 0.1F;
    trouble.path.delay_ms = 20;
    trouble.path.jitter_ms = 10;
    return trouble;
}

static void begin(struct netem_link *link, uint64_t seed, uint64_t flow,
                  enum netem_direction direction) {
    struct netem_trouble trouble = all_troubles();
    netem_link_init(link, seed, flow, direction);
    netem_link_set(link, &trouble);
}

static bool is_same(const struct netem_fate *a, const struct netem_fate *b, bl_duration later) {
    bool same = a->end == b->end && a->copy_count == b->copy_count && a->held_back == b->held_back;
    for (size_t i = 0; i < a->copy_count; i++) {
        same = same && a->copies[i].at + later == b->copies[i].at &&
               a->copies[i].flipped_bit == b->copies[i].flipped_bit;
    }
    return same;
}

/** How many of fates[0] and fates[1] are alike, with the second's intervals longer. */
static size_t count_same(bl_duration longer) {
    size_t count = 0;
    for (size_t i = 0; i < SENT_COUNT; i++) {
        count += is_same(&fates[0][i], &fates[1][i], (bl_duration)i * longer);
    }
    return count;
}

START_TEST(without_trouble_all_comes_out_at_once_and_unchanged) {
    struct netem_link link;
    netem_link_init(&link, 1, 0, NETEM_UP);
    cross(fates[0], &link, BL_MILLISECOND);
    for (size_t i = 0; i < SENT_COUNT; i++) {
        const struct netem_fate *fate = &fates[0][i];
        ck_assert_int_eq(fate->end, NETEM_PASSES);
        ck_assert_uint_eq(fate->copy_count, 1);
        ck_assert(!fate->held_back);
        ck_assert_int_eq(fate->copies[0].at, (bl_time)i * BL_MILLISECOND);
        ck_assert_uint_eq(fate->copies[0].flipped_bit, BL_SIM_NO_BIT);
    }
}
END_TEST

START_TEST(the_same_seed_gives_the_nth_datagram_the_same_luck_whenever_it_comes) {
    struct netem_link link;
    begin(&link, 7, 3, NETEM_DOWN);
    cross(fates[0], &link, BL_MILLISECOND);
    begin(&link, 7, 3, NETEM_DOWN);
    cross(fates[1], &link, 5 * BL_MILLISECOND);
    ck_assert_uint_eq(count_same(4 * BL_MILLISECOND), SENT_COUNT);
}
END_TEST

static const struct stream {
    uint64_t seed, flow;
    enum netem_direction direction;
} streams[] = {
    {8, 3, NETEM_UP},                     /* another seed */
    {7, 4, NETEM_UP},                     /* another client */
    {7, 3, NETEM_DOWN}, {8, 2, NETEM_UP}, /* the sum alone must not decide */
    {9, 2, NETEM_UP},
};

START_TEST(each_seed_flow_and_direction_has_luck_of_its_own) {
    const struct stream *stream = &streams[_i];
    struct netem_link link;
    begin(&link, 7, 3, NETEM_UP);
    cross(fates[0], &link, BL_MILLISECOND);
    begin(&link, stream->seed, stream->flow, stream->direction);
    cross(fates[1], &link, BL_MILLISECOND);
    ck_assert_uint_lt(count_same(0), SENT_COUNT / 4); /* both lost, by chance */
}
END_TEST

START_TEST(one_trouble_more_leaves_the_luck_of_the_others) {
    struct netem_trouble trouble = all_troubles();
    struct netem_link link;
    begin(&link, 7, 0, NETEM_UP);
    cross(fates[0], &link, BL_MILLISECOND);
    trouble.reorder = 0.9F;
    trouble.keep_order = 1;
    netem_link_init(&link, 7, 0, NETEM_UP);
    netem_link_set(&link, &trouble);
    cross(fates[1], &link, BL_MILLISECOND);
    for (size_t i = 0; i < SENT_COUNT; i++) {
        ck_assert_int_eq(fates[0][i].end, fates[1][i].end);
        ck_assert_uint_eq(fates[0][i].copy_count, fates[1][i].copy_count);
        for (size_t copy = 0; copy < fates[0][i].copy_count; copy++) {
            ck_assert_uint_eq(fates[0][i].copies[copy].flipped_bit,
                              fates[1][i].copies[copy].flipped_bit);
        }
    }
}
END_TEST

/** How many come out before the one that was sent before them. */
static size_t count_overtaking(uint32_t keep_order) {
    struct netem_trouble trouble = {.path = BELAY_LINK_INIT, .keep_order = keep_order};
    struct netem_link link;
    size_t count = 0;
    trouble.path.jitter_ms = 20;
    netem_link_init(&link, 5, 0, NETEM_UP);
    netem_link_set(&link, &trouble);
    cross(fates[0], &link, BL_MILLISECOND);
    for (size_t i = 1; i < SENT_COUNT; i++) {
        count += fates[0][i].copies[0].at < fates[0][i - 1].copies[0].at;
    }
    return count;
}

START_TEST(jitter_reorders_unless_told_to_keep_the_order) {
    ck_assert_uint_gt(count_overtaking(0), SENT_COUNT / 4);
    ck_assert_uint_eq(count_overtaking(1), 0);
}
END_TEST

START_TEST(what_is_held_back_is_late_alone) {
    struct netem_trouble trouble = {.path = BELAY_LINK_INIT, .reorder = 0.2F, .hold_ms = 30};
    struct netem_link link;
    size_t held_count = 0;
    trouble.keep_order = (uint32_t)_i;
    netem_link_init(&link, 5, 0, NETEM_UP);
    netem_link_set(&link, &trouble);
    cross(fates[0], &link, BL_MILLISECOND);
    for (size_t i = 0; i < SENT_COUNT; i++) {
        bl_duration taken = fates[0][i].copies[0].at - (bl_time)i * BL_MILLISECOND;
        ck_assert_int_eq(taken, fates[0][i].held_back ? 30 * BL_MILLISECOND : 0);
        held_count += fates[0][i].held_back;
    }
    ck_assert_uint_gt(held_count, SENT_COUNT * 15 / 100);
    ck_assert_uint_lt(held_count, SENT_COUNT * 25 / 100);
}
END_TEST

START_TEST(a_full_rate_queue_is_told_from_a_loss) {
    struct netem_trouble trouble = {.path = BELAY_LINK_INIT};
    struct netem_link link;
    trouble.path.rate_kbit = 8; /* a datagram takes 128 ms */
    trouble.path.queue_ms = 200;
    netem_link_init(&link, 5, 0, NETEM_UP);
    netem_link_set(&link, &trouble);
    ck_assert_int_eq(netem_link_cross(&link, 0, SIZE).end, NETEM_PASSES);
    ck_assert_int_eq(netem_link_cross(&link, 0, SIZE).end, NETEM_PASSES);
    ck_assert_int_eq(netem_link_cross(&link, 0, SIZE).end, NETEM_TAIL_DROPPED);
    ck_assert_int_eq(netem_link_cross(&link, 200 * BL_MILLISECOND, SIZE).copies[0].at,
                     384 * BL_MILLISECOND);

    trouble.path.loss = 1.0F;
    netem_link_set(&link, &trouble);
    ck_assert_int_eq(netem_link_cross(&link, BL_SECOND, SIZE).end, NETEM_LOST);
    trouble.path.loss = 0.99F;
    netem_link_set(&link, &trouble);
    ck_assert_int_eq(netem_link_cross(&link, 10 * BL_SECOND, SIZE).end, NETEM_LOST);
}
END_TEST

START_TEST(losses_come_in_runs_of_the_length_asked) {
    struct netem_trouble trouble = {.path = BELAY_LINK_INIT};
    struct netem_link link;
    size_t lost_count = 0;
    size_t run_count = 0;
    trouble.path.loss = 0.2F;
    trouble.path.burst = 5;
    netem_link_init(&link, 3, 0, NETEM_UP);
    netem_link_set(&link, &trouble);
    cross(fates[0], &link, BL_MILLISECOND);
    for (size_t i = 0; i < SENT_COUNT; i++) {
        bool lost = fates[0][i].end == NETEM_LOST;
        lost_count += lost;
        run_count += lost && (i == 0 || fates[0][i - 1].end != NETEM_LOST);
    }
    ck_assert_uint_gt(lost_count, SENT_COUNT * 15 / 100);
    ck_assert_uint_lt(lost_count, SENT_COUNT * 25 / 100);
    ck_assert_uint_gt(lost_count, 4 * run_count);
    ck_assert_uint_lt(lost_count, 6 * run_count);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, without_trouble_all_comes_out_at_once_and_unchanged);
    tcase_add_test(tests, the_same_seed_gives_the_nth_datagram_the_same_luck_whenever_it_comes);
    tcase_add_loop_test(tests, each_seed_flow_and_direction_has_luck_of_its_own, 0,
                        COUNT_OF(streams));
    tcase_add_test(tests, one_trouble_more_leaves_the_luck_of_the_others);
    tcase_add_test(tests, jitter_reorders_unless_told_to_keep_the_order);
    tcase_add_loop_test(tests, what_is_held_back_is_late_alone, 0, 2);
    tcase_add_test(tests, a_full_rate_queue_is_told_from_a_loss);
    tcase_add_test(tests, losses_come_in_runs_of_the_length_asked);
}

TEST_MAIN("netem link", add_tests)
