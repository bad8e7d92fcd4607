/* The delay window: grows while the link's queue is short, shrinks while it is long (RFC 6817). */
#include "lib/peer/delay_window.h"
#include "lib/wire/frame.h"
#include "tests/support/test.h"

#define MS      BL_MILLISECOND
#define SEGMENT ((size_t)BL_FRAME_SIZE_MAX)

static struct bl_delay_window window;

static void start(void) {
    bl_delay_window_init(&window);
}

/** One segment's acknowledgement after this round trip. */
static void acknowledge(bl_duration round_trip) {
    bl_delay_window_sample(&window, round_trip);
    bl_delay_window_acknowledge(&window, SEGMENT);
}

START_TEST(a_new_window_holds_four_segments) {
    ck_assert_uint_eq(bl_delay_window_size(&window), 4 * SEGMENT);
}
END_TEST

START_TEST(without_a_sample_nothing_is_learned) {
    bl_delay_window_acknowledge(&window, 100 * SEGMENT);
    ck_assert_uint_eq(bl_delay_window_size(&window), 4 * SEGMENT);
}
END_TEST

START_TEST(an_acknowledgement_of_nothing_changes_nothing) {
    bl_delay_window_sample(&window, 50 * MS);
    bl_delay_window_acknowledge(&window, 0);
    ck_assert_uint_eq(bl_delay_window_size(&window), 4 * SEGMENT);
}
END_TEST

START_TEST(the_first_growth_is_a_segment_a_segment) {
    for (size_t i = 1; i <= 100; i++) {
        acknowledge(50 * MS);
        ck_assert_uint_eq(bl_delay_window_size(&window), (4 + i) * SEGMENT);
    }
}
END_TEST

START_TEST(the_first_growth_ends_at_half_the_target) {
    acknowledge(50 * MS); /* the least ever seen */
    for (int i = 0; i < BL_DELAY_SAMPLES; i++) {
        acknowledge(75 * MS - 1);
    }
    ck_assert(!window.steady);
    size_t before = bl_delay_window_size(&window);
    ck_assert_uint_eq(before, (5 + BL_DELAY_SAMPLES) * SEGMENT);
    for (int i = 0; i < BL_DELAY_SAMPLES; i++) { /* until the last short one is forgotten */
        bl_delay_window_sample(&window, 75 * MS);
    }
    bl_delay_window_acknowledge(&window, SEGMENT);
    ck_assert(window.steady);
    /* off target by half of it: half a segment per window of segments */
    double wanted = (double)before + 0.5 * (double)SEGMENT * (double)SEGMENT / (double)before;
    ck_assert_double_eq_tol(window.bytes, wanted, 1e-6);
}
END_TEST

START_TEST(once_over_the_first_growth_does_not_come_back) {
    acknowledge(50 * MS);
    for (int i = 0; i < 200; i++) {
        acknowledge(250 * MS);
    }
    ck_assert_uint_eq(bl_delay_window_size(&window), 2 * SEGMENT);
    for (int i = 0; i < BL_DELAY_SAMPLES; i++) {
        acknowledge(50 * MS);
    }
    /* A whole segment per window, not per segment. */
    ck_assert_uint_lt(bl_delay_window_size(&window), 6 * SEGMENT);
    ck_assert_uint_gt(bl_delay_window_size(&window), 2 * SEGMENT);
}
END_TEST

START_TEST(one_late_sample_among_short_ones_is_no_queue) {
    for (int i = 0; i < 1000; i++) {
        acknowledge(i % BL_DELAY_SAMPLES == 0 ? 50 * MS : 400 * MS);
    }
    ck_assert(!window.steady);
}
END_TEST

/* The queueing delay, and whether the window moves up, down or not at all once it is steady. */
static const struct balance {
    bl_duration delay;
    int direction;
} balances[] = {
    {0, 1},
    {BL_DELAY_TARGET / 2, 1},
    {BL_DELAY_TARGET - MS, 1},
    {BL_DELAY_TARGET, 0},
    {BL_DELAY_TARGET + MS, -1},
    {2 * BL_DELAY_TARGET, -1},
    {100 * BL_DELAY_TARGET, -1},
};

static void make_steady(size_t segments) {
    bl_delay_window_sample(&window, 50 * MS);
    window.bytes = (double)(segments * SEGMENT);
    window.steady = true;
}

START_TEST(the_window_moves_towards_the_target_delay) {
    const struct balance *row = &balances[_i];
    make_steady(50);
    for (int i = 0; i < BL_DELAY_SAMPLES; i++) {
        bl_delay_window_sample(&window, 50 * MS + row->delay);
    }
    double before = window.bytes;
    bl_delay_window_acknowledge(&window, SEGMENT);
    ck_assert_int_eq((window.bytes > before) - (window.bytes < before), row->direction);
    /* Never faster than one segment per window, either way. */
    ck_assert_double_le(window.bytes - before, (double)SEGMENT / 50 + 1e-6);
    ck_assert_double_ge(window.bytes - before, -(double)SEGMENT / 50 - 1e-6);
}
END_TEST

START_TEST(the_window_never_falls_below_two_segments) {
    make_steady(4);
    for (int i = 0; i < 10000; i++) {
        acknowledge(5 * BL_SECOND);
    }
    ck_assert_uint_eq(bl_delay_window_size(&window), 2 * SEGMENT);
}
END_TEST

START_TEST(the_window_never_grows_beyond_512_segments) {
    for (int i = 0; i < 2000; i++) {
        acknowledge(10 * MS);
    }
    ck_assert_uint_eq(bl_delay_window_size(&window), 512 * SEGMENT);
}
END_TEST

/** A link of 1,000 segments a second with 20 ms each way, whose queue the window alone bounds. */
START_TEST(a_bulk_transfer_settles_at_the_target_delay) {
    const bl_duration base = 40 * MS, per_segment = MS;
    for (int i = 0; i < 20000; i++) {
        double in_flight = window.bytes / (double)SEGMENT;
        double needed = (double)base / (double)per_segment; /* segments that fill the pipe */
        double queued = in_flight > needed ? in_flight - needed : 0;
        acknowledge(base + (bl_duration)(queued * (double)per_segment));
    }
    double queueing = window.bytes / (double)SEGMENT * (double)per_segment - (double)base;
    ck_assert_double_eq_tol(queueing / (double)MS, (double)BL_DELAY_TARGET / (double)MS, 5);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, NULL);
    tcase_add_test(tests, a_new_window_holds_four_segments);
    tcase_add_test(tests, without_a_sample_nothing_is_learned);
    tcase_add_test(tests, an_acknowledgement_of_nothing_changes_nothing);
    tcase_add_test(tests, the_first_growth_is_a_segment_a_segment);
    tcase_add_test(tests, the_first_growth_ends_at_half_the_target);
    tcase_add_test(tests, once_over_the_first_growth_does_not_come_back);
    tcase_add_test(tests, one_late_sample_among_short_ones_is_no_queue);
    tcase_add_loop_test(tests, the_window_moves_towards_the_target_delay, 0, COUNT_OF(balances));
    tcase_add_test(tests, the_window_never_falls_below_two_segments);
    tcase_add_test(tests, the_window_never_grows_beyond_512_segments);
    tcase_add_test(tests, a_bulk_transfer_settles_at_the_target_delay);
}

TEST_MAIN("session/delay_window", add_tests)
