/* The replay window, against a plain list of what was seen. */
#include "lib/secure/replay_window.h"

#include "common/random.h"
#include "tests/support/test.h"
#include <string.h>

static struct bl_replay_window window;

static void start(void) {
    window = (struct bl_replay_window){0};
}

static bool take(uint64_t number) {
    if (!bl_replay_window_is_fresh(&window, number)) {
        return false;
    }
    bl_replay_window_mark(&window, number);
    return true;
}

START_TEST(a_number_passes_once) {
    ck_assert(take(0));
    ck_assert(!take(0));
    ck_assert(take(1));
    ck_assert(!take(1));
    ck_assert(!take(0));
}
END_TEST

START_TEST(an_overtaken_number_passes_as_far_back_as_the_window) {
    ck_assert(take(5000));
    ck_assert(take(5000 - BL_REPLAY_WINDOW + 1));
    ck_assert(!take(5000 - BL_REPLAY_WINDOW));
    ck_assert(!take(5000 - BL_REPLAY_WINDOW + 1));
    ck_assert(!take(0));
}
END_TEST

START_TEST(a_leap_forgets_what_it_leaves_behind_and_nothing_else) {
    for (uint64_t i = 0; i < 2 * BL_REPLAY_WINDOW; i++) {
        ck_assert(take(i));
    }
    ck_assert(take(1000000));
    for (uint64_t i = 1000000 - BL_REPLAY_WINDOW + 1; i < 1000000; i++) {
        ck_assert(take(i));
    }
}
END_TEST

START_TEST(the_window_agrees_with_a_list_over_random_numbers) {
    enum { RANGE = 8192, STEPS = 200000, SEED = 7 };
    static bool seen[RANGE];
    memset(seen, 0, sizeof seen);
    struct bl_random random;
    bl_random_init_seeded(&random, SEED);
    uint64_t highest = 0;
    bool any = false;
    for (int i = 0; i < STEPS && highest < RANGE - 1; i++) {
        uint64_t below = highest + 4 < RANGE ? highest + 4 : RANGE;
        uint64_t reach = below < 3 * BL_REPLAY_WINDOW / 2 ? below : 3 * BL_REPLAY_WINDOW / 2;
        uint64_t number = below - 1 - bl_random_below(&random, reach);
        bool wanted = !seen[number] && (!any || number + BL_REPLAY_WINDOW > highest);
        ck_assert_msg(take(number) == wanted, "number %u of highest %u, step %d; seed %llx",
                      (unsigned)number, (unsigned)highest, i, (unsigned long long)SEED);
        seen[number] |= wanted;
        any = true;
        highest = number > highest ? number : highest;
    }
}
END_TEST

/* RFC 9000 A.3: the candidate closest to the number that is expected next. */
static const struct completion {
    uint64_t end;
    uint32_t low;
    uint64_t number;
} completions[] = {
    {0, 0, 0},
    {0, 7, 7},
    {0, UINT32_MAX, UINT32_MAX}, /* nothing lies before the first */
    {1000, 10, 10},
    {UINT32_MAX, UINT32_MAX, UINT32_MAX},
    {UINT32_MAX, 0, UINT64_C(1) << 32},
    {UINT64_C(1) << 32, UINT32_MAX, UINT32_MAX},
    {(UINT64_C(1) << 32) + 5, 2, (UINT64_C(1) << 32) + 2},
    {(UINT64_C(5) << 32) + 0x80000000U, 0x7FFFFFFFU, (UINT64_C(5) << 32) + 0x7FFFFFFFU},
    {(UINT64_C(5) << 32) + 0x80000001U, 1, (UINT64_C(6) << 32) + 1},
    {(UINT64_C(5) << 32) + 0x7FFFFFFFU, UINT32_MAX, (UINT64_C(5) << 32) + UINT32_MAX},
    {(UINT64_C(5) << 32) + 0x7FFFFFFEU, UINT32_MAX, (UINT64_C(4) << 32) + UINT32_MAX},
};

START_TEST(a_truncated_number_is_completed_to_the_nearest) {
    const struct completion *row = &completions[_i];
    window.end = row->end;
    ck_assert_uint_eq(bl_replay_window_complete(&window, row->low), row->number);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, NULL);
    tcase_add_test(tests, a_number_passes_once);
    tcase_add_test(tests, an_overtaken_number_passes_as_far_back_as_the_window);
    tcase_add_test(tests, a_leap_forgets_what_it_leaves_behind_and_nothing_else);
    tcase_add_test(tests, the_window_agrees_with_a_list_over_random_numbers);
    tcase_add_loop_test(tests, a_truncated_number_is_completed_to_the_nearest, 0,
                        COUNT_OF(completions));
}
TEST_MAIN("secure/replay_window", add_tests)
