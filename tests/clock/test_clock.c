#define _GNU_SOURCE
#include "lib/clock/clock.h"
#include "tests/support/test.h"
#include <time.h>

static bl_time system_time(clockid_t clock) {
    struct timespec time;
    ck_assert_int_eq(clock_gettime(clock, &time), 0);
    return (bl_time)time.tv_sec * 1000000000 + time.tv_nsec;
}

START_TEST(monotonic_time_never_goes_back_and_does_go_on) {
    bl_time first = bl_clock_monotonic();
    bl_time last = first;
    for (int i = 0; i < 100000; i++) {
        bl_time now = bl_clock_monotonic();
        if (now < last) {
            ck_abort_msg("back by %lld ns", (long long)(last - now));
        }
        last = now;
    }
    ck_assert_int_gt(last, first);
}
END_TEST

START_TEST(monotonic_time_includes_suspension) {
    bl_time before = system_time(CLOCK_BOOTTIME);
    bl_time now = bl_clock_monotonic();
    ck_assert_int_ge(now, before);
    ck_assert_int_le(now, system_time(CLOCK_BOOTTIME));
}
END_TEST

START_TEST(wall_time_is_the_systems) {
    bl_time before = system_time(CLOCK_REALTIME);
    bl_time now = bl_clock_wall();
    ck_assert_int_ge(now, before);
    ck_assert_int_le(now, system_time(CLOCK_REALTIME));
}
END_TEST

static const struct conversion {
    bl_duration duration;
    uint32_t ms;
} conversions[] = {
    {INT64_MIN, 0},
    {-1, 0},
    {0, 0},
    {999999, 0},
    {1000000, 1},
    {1999999, 1},
    {UINT32_MAX * BL_MILLISECOND, UINT32_MAX},
    {(UINT32_MAX + INT64_C(1)) * BL_MILLISECOND, UINT32_MAX},
    {INT64_MAX, UINT32_MAX},
};

START_TEST(durations_become_whole_milliseconds_within_their_range) {
    ck_assert_uint_eq(bl_to_ms(conversions[_i].duration), conversions[_i].ms);
}
END_TEST

START_TEST(milliseconds_survive_the_way_there_and_back) {
    static const uint32_t some[] = {0, 1, 250, 60000, UINT32_MAX};
    for (size_t i = 0; i < COUNT_OF(some); i++) {
        ck_assert_uint_eq(bl_to_ms(bl_from_ms(some[i])), some[i]);
    }
    ck_assert_int_eq(bl_from_ms(2), 2 * BL_MILLISECOND);
}
END_TEST

START_TEST(never_is_later_than_any_other_time) {
    ck_assert_int_eq(bl_earlier(BL_TIME_NEVER, 5), 5);
    ck_assert_int_eq(bl_earlier(5, BL_TIME_NEVER), 5);
    ck_assert_int_eq(bl_earlier(4, 5), 4);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, monotonic_time_never_goes_back_and_does_go_on);
    tcase_add_test(tests, monotonic_time_includes_suspension);
    tcase_add_test(tests, wall_time_is_the_systems);
    tcase_add_loop_test(tests, durations_become_whole_milliseconds_within_their_range, 0,
                        COUNT_OF(conversions));
    tcase_add_test(tests, milliseconds_survive_the_way_there_and_back);
    tcase_add_test(tests, never_is_later_than_any_other_time);
}

TEST_MAIN("clock/clock", add_tests)
