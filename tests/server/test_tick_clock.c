/* The server's ticks, against the definition: tick n is due n / hz seconds after the first. */
#include "server/tick_clock.h"

#include "common/random.h"
#include "tests/support/test.h"
#include <belay/limits.h>

#define START      (INT64_C(123456789) * BL_MILLISECOND + 7)
#define NEVER_WRAP 1000

static struct bl_tick_clock ticks;

static const struct rate {
    uint16_t hz;
    int64_t seconds;
} rates[] = {
    {60, 2 * 3600}, {BELAY_TICK_HZ_MAX, 3600}, {1, 3600}, {7, 900}, {59, 900}, {144, 900},
};

/** Runs all that is due at one moment; returns how many that was, and the last. */
static uint32_t run_due(bl_time now, uint32_t *last) {
    uint32_t count = 0;
    while (bl_tick_clock_next(&ticks, now, last)) {
        count++;
    }
    return count;
}

START_TEST(every_tick_of_hours_comes_at_its_nanosecond_and_no_sooner) {
    const uint16_t hz = rates[_i].hz;
    const int64_t count = rates[_i].seconds * hz;
    uint32_t tick;
    bl_tick_clock_start(&ticks, hz, NEVER_WRAP, START);
    ck_assert_int_eq(bl_tick_clock_due(&ticks), START);
    for (int64_t n = 0; n < count; n++) {
        bl_time due = bl_tick_clock_due(&ticks);
        /* The first nanosecond at which n steps have passed. */
        bool exact = (due - START) * hz >= n * BL_SECOND && (due - START - 1) * hz < n * BL_SECOND;
        if (!exact || bl_tick_clock_next(&ticks, due - 1, &tick) ||
            !bl_tick_clock_next(&ticks, due, &tick) || tick != NEVER_WRAP + n ||
            ticks.lateness != 0) {
            ck_abort_msg("tick %lld at %u Hz", (long long)n, hz);
        }
    }
    ck_assert_uint_eq(ticks.run_count, (uint64_t)count);
    ck_assert_uint_eq(ticks.left_out_count, 0);
}
END_TEST

START_TEST(any_pace_of_the_caller_runs_the_same_ticks) {
    struct bl_random random;
    bl_random_init_seeded(&random, 1);
    bl_tick_clock_start(&ticks, 60, 1, START);
    bl_time now = START;
    uint32_t expected = 1, tick;
    while (now < START + 600 * BL_SECOND) {
        while (bl_tick_clock_next(&ticks, now, &tick)) {
            ck_assert_uint_eq(tick, expected++);
            ck_assert_int_eq(ticks.lateness, now - bl_tick_clock_time_of(&ticks, tick));
        }
        ck_assert_uint_eq(expected - 1, 1 + (uint32_t)((now - START) * 60 / BL_SECOND));
        now += (bl_duration)bl_random_below(&random, 60 * BL_MILLISECOND);
    }
    ck_assert_uint_eq(ticks.left_out_count, 0);
}
END_TEST

static const struct bound {
    uint16_t hz, catch_up;
} bounds[] = {
    {1, 1}, {2, 1}, {7, 1}, {8, 2}, {30, 7}, {60, 15}, {64, 16}, {68, 16}, {BELAY_TICK_HZ_MAX, 16},
};

/* G8. */
START_TEST(no_more_than_a_quarter_of_a_second_is_caught_up_with) {
    const struct bound *row = &bounds[_i];
    uint32_t last = 0;
    bl_tick_clock_start(&ticks, row->hz, 0, START);
    ck_assert_uint_eq(run_due(START, &last), 1);
    bl_time stall = bl_tick_clock_time_of(&ticks, row->catch_up);
    ck_assert_uint_eq(run_due(stall, &last), row->catch_up);
    ck_assert_uint_eq(ticks.left_out_count, 0);
    stall = bl_tick_clock_time_of(&ticks, last + row->catch_up + 1); /* one more than that */
    ck_assert_uint_eq(run_due(stall, &last), row->catch_up);
    ck_assert_uint_eq(ticks.left_out_count, 1);
    ck_assert_uint_eq(ticks.run_count, 2 * row->catch_up + 1);
}
END_TEST

START_TEST(after_a_stall_the_numbers_keep_to_real_time) {
    uint32_t last = 0, tick = 0;
    bl_tick_clock_start(&ticks, 60, 0, START);
    ck_assert_uint_eq(run_due(START, &last), 1);
    ck_assert(bl_tick_clock_next(&ticks, START + 2 * BL_SECOND, &tick));
    ck_assert_uint_eq(tick, 120 - 15 + 1);
    ck_assert_int_eq(ticks.lateness, 2 * BL_SECOND - (bl_tick_clock_time_of(&ticks, tick) - START));
    ck_assert_uint_eq(run_due(START + 2 * BL_SECOND, &last), 14);
    ck_assert_uint_eq(last, 120);
    ck_assert_uint_eq(ticks.left_out_count, 105);
    ck_assert_int_eq(bl_tick_clock_due(&ticks), START + 2 * BL_SECOND + 16666667);
}
END_TEST

START_TEST(the_oldest_tick_that_may_be_run_is_the_next_to_come) {
    uint32_t tick;
    bl_tick_clock_start(&ticks, 60, 0, START);
    for (bl_time now = START; now < START + 40 * BL_SECOND; now += now / 50 % (3 * BL_SECOND)) {
        struct bl_tick_time time = bl_tick_clock_read(&ticks, now);
        uint32_t oldest = bl_tick_time_oldest(&time);
        ck_assert_uint_eq(time.ran, ticks.ran);
        ck_assert_uint_eq(bl_tick_clock_next(&ticks, now, &tick), time.due != time.ran);
        ck_assert(time.due == time.ran || tick == oldest);
    }
    ck_assert_uint_gt(ticks.left_out_count, 0);
}
END_TEST

START_TEST(tick_numbers_wrap) {
    uint32_t tick;
    bl_tick_clock_start(&ticks, 60, UINT32_MAX - 99, START);
    for (uint32_t n = 0; n < 200; n++) {
        bl_time due = bl_tick_clock_due(&ticks);
        ck_assert_int_eq(due, START + (bl_duration)(n * BL_SECOND + 59) / 60);
        ck_assert(!bl_tick_clock_next(&ticks, due - 1, &tick));
        ck_assert(bl_tick_clock_next(&ticks, due, &tick));
        ck_assert_uint_eq(tick, UINT32_MAX - 99 + n);
    }
    bl_tick_clock_start(&ticks, 60, UINT32_MAX - 9, START);
    ck_assert(bl_tick_clock_next(&ticks, START, &tick));
    ck_assert(bl_tick_clock_next(&ticks, START + BL_SECOND, &tick)); /* a stall across it */
    ck_assert_uint_eq(tick, UINT32_MAX - 9 + 60 - 15 + 1);
}
END_TEST

START_TEST(years_are_as_exact_as_the_first_second) {
    /* More ticks than numbers, by stalls of 100 days, of which the last 15 ticks are run. */
    const bl_duration stall = INT64_C(100) * 86400 * BL_SECOND;
    uint32_t last = 0;
    bl_tick_clock_start(&ticks, 240, 5, START);
    for (int64_t i = 0; i < 20; i++) {
        run_due(START + i * stall, &last);
        ck_assert_uint_eq(last, (uint32_t)(5 + i * (stall / BL_SECOND) * 240));
        ck_assert_int_eq(ticks.lateness, 0);
        ck_assert_int_eq(bl_tick_clock_time_of(&ticks, last), START + i * stall);
        ck_assert_int_eq(bl_tick_clock_due(&ticks), START + i * stall + 4166667);
    }
}
END_TEST

START_TEST(reading_tells_what_is_due_and_how_far_the_next_is) {
    uint32_t tick;
    bl_tick_clock_start(&ticks, 50, 10, START);
    struct bl_tick_time time = bl_tick_clock_read(&ticks, START - 1);
    ck_assert_uint_eq(time.due, 9);
    ck_assert_uint_eq(time.fraction, 0);
    for (bl_duration passed = 0; passed < BL_SECOND; passed += 12345) {
        time = bl_tick_clock_read(&ticks, START + passed);
        ck_assert_uint_eq(time.ran, 9);
        ck_assert_uint_eq(time.due, 10 + passed / (20 * BL_MILLISECOND));
        ck_assert_uint_eq(time.fraction,
                          passed % (20 * BL_MILLISECOND) * 256 / (20 * BL_MILLISECOND));
        ck_assert_uint_eq(time.catch_up, 12);
    }
    ck_assert(bl_tick_clock_next(&ticks, START, &tick));
    ck_assert_uint_eq(bl_tick_clock_read(&ticks, START).ran, 10);
}
END_TEST

START_TEST(time_that_goes_back_takes_nothing_back) {
    uint32_t last;
    bl_tick_clock_start(&ticks, 60, 0, START);
    run_due(START, &last);
    run_due(START + 10500 * BL_MILLISECOND, &last);
    for (bl_duration passed = 0; passed <= 10500 * BL_MILLISECOND; passed += BL_MILLISECOND) {
        struct bl_tick_time time = bl_tick_clock_read(&ticks, START + passed);
        ck_assert_uint_eq(time.due, 630);
        ck_assert(!bl_tick_clock_next(&ticks, START + passed, &last));
    }
}
END_TEST

START_TEST(past_and_coming_ticks_have_their_time) {
    uint32_t last;
    bl_tick_clock_start(&ticks, 60, 7, START);
    run_due(START + 5 * BL_SECOND, &last); /* so that the first second is behind */
    for (int64_t n = -600; n < 600; n++) {
        bl_duration after = bl_tick_clock_time_of(&ticks, (uint32_t)(7 + n)) - START;
        ck_assert(after * 60 >= n * BL_SECOND && (after - 1) * 60 < n * BL_SECOND);
    }
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, every_tick_of_hours_comes_at_its_nanosecond_and_no_sooner, 0,
                        COUNT_OF(rates));
    tcase_add_test(tests, any_pace_of_the_caller_runs_the_same_ticks);
    tcase_add_loop_test(tests, no_more_than_a_quarter_of_a_second_is_caught_up_with, 0,
                        COUNT_OF(bounds));
    tcase_add_test(tests, after_a_stall_the_numbers_keep_to_real_time);
    tcase_add_test(tests, the_oldest_tick_that_may_be_run_is_the_next_to_come);
    tcase_add_test(tests, tick_numbers_wrap);
    tcase_add_test(tests, years_are_as_exact_as_the_first_second);
    tcase_add_test(tests, reading_tells_what_is_due_and_how_far_the_next_is);
    tcase_add_test(tests, time_that_goes_back_takes_nothing_back);
    tcase_add_test(tests, past_and_coming_ticks_have_their_time);
}
TEST_MAIN("server/tick_clock", add_tests)
