/* What a lane of a client keeps of its inputs, and what of them leaves with each datagram. */
#include "client/move_history.h"

#include "tests/support/test.h"
#include <string.h>

#define SIZE 4

static struct bl_memory memory;
static struct belay_move_opts opts;
static struct bl_move_history history;
static struct bl_moves sent;

static void start(void) {
    bl_memory_init(&memory, NULL, 0);
    opts = (struct belay_move_opts){
        .size = SIZE, .tick_hz = 60, .lanes = 1, .hold_ticks = BELAY_HOLD_TICKS_DEFAULT};
    history = (struct bl_move_history){0};
    ck_assert(bl_move_history_init(&history, &opts, &memory));
}

static void finish(void) {
    bl_move_history_finish(&history, &memory);
    ck_assert_uint_eq(memory.used, 0);
}

/** An input that tells its tick. */
static void add(uint32_t tick) {
    bl_move_history_add(&history, tick, &tick);
}

static void add_all(uint32_t from, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        add(from + i);
    }
}

static bool holds(uint32_t tick) {
    return bl_move_history_at(&history, tick) != NULL;
}

static uint32_t value_at(uint32_t tick) {
    uint32_t value;
    ck_assert(holds(tick));
    memcpy(&value, bl_move_history_at(&history, tick), SIZE);
    return value;
}

static bool acknowledge(uint32_t consumed, uint32_t waiting) {
    return bl_move_history_acknowledge(
        &history, &(struct bl_move_ack){.consumed = consumed, .waiting = waiting});
}

/** What leaves now: bit i: the input of age i. */
static uint16_t collect(void) {
    sent = (struct bl_moves){0};
    ck_assert(bl_move_history_collect(&history, &sent));
    return sent.present;
}

static const uint32_t beginnings[] = {
    0, 1, 1000, UINT32_C(1) << 31, UINT32_MAX - 300, UINT32_MAX - 3, UINT32_MAX};

START_TEST(nothing_is_held_and_nothing_leaves_before_the_first_input) {
    ck_assert(!holds(0) && !holds(1) && !holds(UINT32_MAX));
    ck_assert(!bl_move_history_collect(&history, &sent));
    ck_assert(acknowledge(7, 0)); /* the server's ticks are known before */
    ck_assert(!holds(7) && !holds(8));
    ck_assert(!bl_move_history_collect(&history, &sent));
}
END_TEST

START_TEST(the_newest_256_inputs_are_held) {
    uint32_t first = beginnings[_i];
    for (uint32_t i = 0; i < 3 * BL_HISTORY_TICKS; i++) {
        uint32_t oldest = i - BL_HISTORY_TICKS + 1;
        add(first + i);
        ck_assert_uint_eq(value_at(first + i), first + i);
        ck_assert_uint_eq(value_at(first + oldest), i < BL_HISTORY_TICKS - 1 ? 0 : first + oldest);
        ck_assert(!holds(first + oldest - 1));
        ck_assert(!holds(first + i + 1));
    }
}
END_TEST

/* At 2^31 from any of them too. */
/* So a state of that time can be stepped to now. */
START_TEST(ticks_before_the_first_input_hold_zeros_and_do_not_leave) {
    uint32_t first = beginnings[_i];
    opts.when_missing = BELAY_MISSING_HOLD;
    add(first + 1);
    for (uint32_t i = 0; i < BL_HISTORY_TICKS - 1; i++) {
        ck_assert_uint_eq(value_at(first - i), 0);
    }
    ck_assert_uint_eq(collect(), 1);
    ck_assert_uint_eq(sent.also_new, 0);
}
END_TEST

START_TEST(no_other_tick_is_taken_for_one_that_is_held) {
    uint32_t first = beginnings[_i];
    add_all(first, BL_HISTORY_TICKS);
    for (uint32_t i = 0; i < 32; i++) {
        uint32_t distance = UINT32_C(1) << i;
        bool inside = distance < BL_HISTORY_TICKS;
        ck_assert(holds(first + distance) == inside);
        ck_assert(!holds(first - distance));
        ck_assert(!holds(first + BL_HISTORY_TICKS - 1 + distance));
    }
}
END_TEST

START_TEST(skipped_ticks_hold_what_the_server_will_use) {
    uint32_t first = beginnings[_i];
    uint32_t input = 5;
    add_all(first, 3);
    bl_move_history_add(&history, first + 3, &input);
    add(first + 10);
    for (uint32_t i = 4; i < 10; i++) {
        ck_assert_uint_eq(value_at(first + i), i <= 3 + BELAY_HOLD_TICKS_DEFAULT ? 5 : 0);
    }
    ck_assert_uint_eq(value_at(first + 10), first + 10);
}
END_TEST

static const struct policy {
    enum belay_when_missing when_missing;
    uint8_t hold_ticks;
    uint32_t held; /* of 100 skipped ones */
} policies[] = {
    {BELAY_MISSING_HOLD_THEN_NEUTRAL, 3, 3},
    {BELAY_MISSING_HOLD_THEN_NEUTRAL, 1, 1},
    {BELAY_MISSING_HOLD_THEN_NEUTRAL, 99, 99},
    {BELAY_MISSING_HOLD_THEN_NEUTRAL, 255, 100},
    {BELAY_MISSING_HOLD, 3, 100},
    {BELAY_MISSING_NEUTRAL, 3, 0},
    {BELAY_MISSING_ASK, 3, 0},
};

START_TEST(what_stands_for_a_skipped_tick_follows_the_policy) {
    const struct policy *policy = &policies[_i];
    uint32_t input = 5, held = 0;
    opts.when_missing = (uint8_t)policy->when_missing;
    opts.hold_ticks = policy->hold_ticks;
    bl_move_history_add(&history, 1, &input);
    add(102);
    while (held < 100 && value_at(2 + held) == 5) {
        held++;
    }
    ck_assert_uint_eq(held, policy->held);
    for (uint32_t i = held; i < 100; i++) {
        ck_assert_uint_eq(value_at(2 + i), 0);
    }
}
END_TEST

/* The longest gap that is filled, and one that is longer. */
START_TEST(after_a_gap_that_is_too_long_it_begins_anew) {
    uint32_t first = beginnings[_i];
    add_all(first, 5);
    uint32_t newest = first + 4 + BL_HISTORY_TICKS;
    add(newest);
    ck_assert(holds(newest - BL_HISTORY_TICKS + 1) && !holds(newest - BL_HISTORY_TICKS));
    ck_assert_uint_eq(collect(), 1);
    ck_assert_uint_eq(sent.also_new, BELAY_MOVES_MAX - 1);
    add(newest + BL_HISTORY_TICKS + 1);
    ck_assert(!holds(newest + 1));
    ck_assert_uint_eq(value_at(newest + 2), 0);
    ck_assert_uint_eq(value_at(newest + BL_HISTORY_TICKS), 0);
    opts.when_missing = BELAY_MISSING_HOLD;
    uint32_t last = newest + BL_HISTORY_TICKS + 1;
    ck_assert_uint_eq(value_at(last), last);
    add(last + 3 * BL_HISTORY_TICKS);
    ck_assert_uint_eq(value_at(last + 3 * BL_HISTORY_TICKS - 1), last);
    ck_assert_uint_eq(collect(), 1);
    ck_assert_uint_eq(sent.also_new, 0);
}
END_TEST

START_TEST(each_input_is_repeated_until_it_is_acknowledged) {
    uint32_t first = beginnings[_i];
    add(first);
    ck_assert_uint_eq(collect(), 0x0001);
    add_all(first + 1, 3);
    ck_assert_uint_eq(collect(), 0x000f);
    ck_assert(acknowledge(first + 1, 0));
    add(first + 4);
    ck_assert_uint_eq(collect(), 0x0007);
    ck_assert(acknowledge(first + 2, 0x1)); /* the one after it is there too */
    add(first + 5);
    ck_assert_uint_eq(collect(), 0x0003);
    ck_assert_uint_eq(sent.newest, first + 5);
    for (uint32_t age = 0; age < 2; age++) {
        uint32_t value;
        memcpy(&value, sent.inputs[age], SIZE);
        ck_assert_uint_eq(value, first + 5 - age);
    }
}
END_TEST

START_TEST(no_more_than_sixteen_inputs_leave_at_once) {
    add_all(beginnings[_i], 40);
    ck_assert_uint_eq(collect(), 0xffff);
    ck_assert_uint_eq(sent.newest, beginnings[_i] + 39);
}
END_TEST

/* A server that says more than is true gets the newest input all the same. */
START_TEST(the_newest_input_leaves_whatever_is_acknowledged) {
    uint32_t first = beginnings[_i];
    add_all(first, 20);
    ck_assert(acknowledge(first + 1000, UINT32_MAX));
    ck_assert_uint_eq(collect(), 0x0001);
}
END_TEST

START_TEST(each_of_the_32_ticks_that_may_wait_has_its_bit) {
    uint32_t first = beginnings[_i];
    for (uint32_t bit = 0; bit < 32; bit++) {
        uint32_t held = bit + 2 < BELAY_MOVES_MAX ? bit + 2 : BELAY_MOVES_MAX;
        bl_move_history_clear(&history);
        ck_assert(acknowledge(first - 1, UINT32_C(1) << bit));
        add_all(first, bit + 2); /* the tick of that bit, and a newer one */
        ck_assert_uint_eq(collect(), ((UINT32_C(1) << held) - 1) & ~UINT32_C(2));
    }
    bl_move_history_clear(&history);
    ck_assert(acknowledge(first - 1, UINT32_MAX));
    add_all(first, 35);
    ck_assert_uint_eq(collect(), 0x0007); /* those beyond have none */
}
END_TEST

START_TEST(skipped_ticks_do_not_leave) {
    add_all(100, 2);
    collect();
    add(105);
    ck_assert_uint_eq(collect(), 0x0031); /* 105, 101 and 100 */
    ck_assert_uint_eq(sent.also_new, 3);
}
END_TEST

START_TEST(what_has_left_does_not_leave_again_by_itself) {
    uint32_t first = beginnings[_i];
    add(first);
    collect();
    ck_assert(!bl_move_history_collect(&history, &sent));
    acknowledge(first - 1, 0);
    ck_assert(!bl_move_history_collect(&history, &sent));
    add(first + 1);
    ck_assert_uint_eq(collect(), 0x0003);
}
END_TEST

START_TEST(inputs_that_could_not_leave_before_are_told_as_new) {
    uint32_t first = beginnings[_i];
    for (uint32_t count = 1; count <= 40; count++) {
        add_all(first, count);
        first += count;
        collect();
        ck_assert_uint_eq(sent.also_new, count < BELAY_MOVES_MAX ? count - 1 : BELAY_MOVES_MAX - 1);
    }
}
END_TEST

START_TEST(an_acknowledgement_that_is_not_newer_is_rejected) {
    uint32_t consumed = beginnings[_i];
    ck_assert(acknowledge(consumed, 1));
    ck_assert(!acknowledge(consumed, 2));
    ck_assert(!acknowledge(consumed - 1, 2));
    ck_assert(!acknowledge(consumed + (UINT32_C(1) << 31), 2));
    ck_assert_uint_eq(history.ack.waiting, 1);
    ck_assert(acknowledge(consumed + 1, 3));
    ck_assert(acknowledge(consumed + 1 + INT32_MAX, 4));
}
END_TEST

static bool tell(uint32_t consumed, uint32_t fates) {
    return bl_move_history_acknowledge(&history,
                                       &(struct bl_move_ack){.consumed = consumed, .fates = fates});
}

START_TEST(what_became_of_each_tick_is_counted_once) {
    ck_assert(tell(100, 0x39)); /* used, substituted, late */
    ck_assert_uint_eq(history.used, 1);
    ck_assert_uint_eq(history.substituted, 2);
    ck_assert(tell(101, 0xe5)); /* one tick more, used; the others are known */
    ck_assert_uint_eq(history.used, 2);
    ck_assert_uint_eq(history.substituted, 2);
    ck_assert(!tell(101, 0x55555555));
    ck_assert_uint_eq(history.used, 2);
    ck_assert(tell(101 + BL_FATES, 0x55555555));
    ck_assert_uint_eq(history.used, 2 + BL_FATES);
    ck_assert(tell(101 + 1000, 0xaaaaaaaa)); /* as many as it tells of */
    ck_assert_uint_eq(history.substituted, 2 + BL_FATES);
}
END_TEST

START_TEST(a_new_session_knows_nothing_of_the_last) {
    size_t used = memory.used;
    add_all(1000, 300);
    collect();
    tell(1100, 0x55555555);
    bl_move_history_clear(&history);
    ck_assert_uint_eq(memory.used, used);
    ck_assert(!holds(1299));
    ck_assert(!bl_move_history_collect(&history, &sent));
    ck_assert_uint_eq(history.used + history.substituted, 0);
    ck_assert(acknowledge(3, 0));
    add_all(4, 2);
    ck_assert_uint_eq(collect(), 0x0003);
    ck_assert_uint_eq(sent.newest, 5);
    ck_assert_uint_eq(sent.also_new, 1);
}
END_TEST

static const uint16_t sizes[] = {1, 7, 8, BELAY_MOVE_SIZE_MAX};

START_TEST(inputs_of_any_size_are_kept_whole) {
    uint8_t input[BELAY_MOVE_SIZE_MAX];
    bl_move_history_finish(&history, &memory);
    opts.size = sizes[_i];
    history = (struct bl_move_history){0};
    ck_assert(bl_move_history_init(&history, &opts, &memory));
    for (uint32_t tick = 0; tick < 2 * BL_HISTORY_TICKS; tick++) {
        memset(input, (int)(tick & 0xff), sizeof input);
        bl_move_history_add(&history, tick, input);
    }
    for (uint32_t tick = BL_HISTORY_TICKS; tick < 2 * BL_HISTORY_TICKS; tick++) {
        memset(input, (int)(tick & 0xff), sizeof input);
        ck_assert_mem_eq(bl_move_history_at(&history, tick), input, opts.size);
    }
    collect();
    for (uint32_t age = 0; age < BELAY_MOVES_MAX; age++) {
        memset(input, (int)(2 * BL_HISTORY_TICKS - 1 - age) & 0xff, sizeof input);
        ck_assert_mem_eq(sent.inputs[age], input, opts.size);
    }
}
END_TEST

START_TEST(without_memory_there_is_none_and_what_there_was_is_given_back) {
    size_t whole = memory.used;
    struct bl_move_history other = {0};
    memory.used_max = whole + BL_HISTORY_TICKS * SIZE; /* for the inputs alone */
    ck_assert(!bl_move_history_init(&other, &opts, &memory));
    bl_move_history_finish(&other, &memory);
    ck_assert_uint_eq(memory.used, whole);
    memory.used_max = 0;
}
END_TEST

static void add_tests(TCase *tests) {
    const int count = COUNT_OF(beginnings);
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, nothing_is_held_and_nothing_leaves_before_the_first_input);
    tcase_add_loop_test(tests, the_newest_256_inputs_are_held, 0, count);
    tcase_add_loop_test(tests, ticks_before_the_first_input_hold_zeros_and_do_not_leave, 0, count);
    tcase_add_loop_test(tests, no_other_tick_is_taken_for_one_that_is_held, 0, count);
    tcase_add_loop_test(tests, skipped_ticks_hold_what_the_server_will_use, 0, count);
    tcase_add_loop_test(tests, what_stands_for_a_skipped_tick_follows_the_policy, 0,
                        COUNT_OF(policies));
    tcase_add_loop_test(tests, after_a_gap_that_is_too_long_it_begins_anew, 0, count);
    tcase_add_loop_test(tests, each_input_is_repeated_until_it_is_acknowledged, 0, count);
    tcase_add_loop_test(tests, no_more_than_sixteen_inputs_leave_at_once, 0, count);
    tcase_add_loop_test(tests, the_newest_input_leaves_whatever_is_acknowledged, 0, count);
    tcase_add_loop_test(tests, each_of_the_32_ticks_that_may_wait_has_its_bit, 0, count);
    tcase_add_test(tests, skipped_ticks_do_not_leave);
    tcase_add_loop_test(tests, what_has_left_does_not_leave_again_by_itself, 0, count);
    tcase_add_loop_test(tests, inputs_that_could_not_leave_before_are_told_as_new, 0, count);
    tcase_add_loop_test(tests, an_acknowledgement_that_is_not_newer_is_rejected, 0, count);
    tcase_add_test(tests, what_became_of_each_tick_is_counted_once);
    tcase_add_test(tests, a_new_session_knows_nothing_of_the_last);
    tcase_add_loop_test(tests, inputs_of_any_size_are_kept_whole, 0, COUNT_OF(sizes));
    tcase_add_test(tests, without_memory_there_is_none_and_what_there_was_is_given_back);
}

TEST_MAIN("client/move_history", add_tests)
