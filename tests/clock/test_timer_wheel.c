#define _GNU_SOURCE
#include "common/container_of.h"
#include "lib/clock/timer_wheel.h"
#include "tests/support/child.h"
#include "tests/support/test.h"

#define MS  BL_MILLISECOND
#define DAY (INT64_C(86400) * BL_SECOND)

/** What a timer does when it fires, beside taking notes. */
struct alarm {
    struct bl_timer timer;
    char name;
    struct bl_timer *cancels; /* NULL: none */
    struct bl_timer *arms;    /* NULL: none */
    bl_time arms_for;
    int arms_times; /* how often it still does so */
};

static struct bl_timer_wheel wheel;
static char fired[64]; /* names in order of firing */
static size_t fired_count;
static bl_time fired_at; /* the last one */

static void note(struct bl_timer *timer, bl_time now) {
    struct alarm *alarm = BL_CONTAINER_OF(timer, struct alarm, timer);
    ck_assert(!bl_timer_is_armed(timer));
    ck_assert_int_eq(timer->deadline, BL_TIME_NEVER);
    ck_assert_uint_lt(fired_count, sizeof(fired) - 1);
    fired[fired_count++] = alarm->name;
    fired_at = now;
    if (alarm->cancels != NULL) {
        bl_timer_cancel(&wheel, alarm->cancels);
    }
    if (alarm->arms != NULL && alarm->arms_times > 0) {
        alarm->arms_times--;
        bl_timer_arm(&wheel, alarm->arms, alarm->arms_for);
    }
}

static struct alarm a, b, c, d;

static void start_at(bl_time now) {
    struct alarm *const alarms[] = {&a, &b, &c, &d};
    bl_timer_wheel_init(&wheel, now);
    for (size_t i = 0; i < COUNT_OF(alarms); i++) {
        *alarms[i] = (struct alarm){.name = (char)('a' + i)};
        bl_timer_init(&alarms[i]->timer, note);
    }
}

static void forget_fired(void) {
    for (size_t i = 0; i < sizeof(fired); i++) {
        fired[i] = '\0';
    }
    fired_count = 0;
}

static void start(void) {
    start_at(0);
    forget_fired();
}

/** Advances and gives the names of what fired. */
static const char *advance(bl_time now) {
    forget_fired();
    bl_timer_wheel_advance(&wheel, now);
    return fired;
}

static void arm(struct alarm *alarm, bl_time deadline) {
    bl_timer_arm(&wheel, &alarm->timer, deadline);
}

/* Starts and distances on both sides of every level's borders. */
static const bl_time starts[] = {
    0, 1, 999999, 1000 * BL_SECOND, 63 * MS, 64 * MS, 4095 * MS, (INT64_C(1) << 36) * MS - 1,
};
static const bl_duration distances[] = {
    1,
    MS - 1,
    MS,
    MS + 1,
    63 * MS,
    64 * MS,
    65 * MS - 1,
    4095 * MS,
    4096 * MS + 1,
    262143 * MS,
    262144 * MS,
    16777216 * MS - 1,
    30 * DAY,
    (INT64_C(1) << 36) * MS, /* over two years */
    100 * 365 * DAY,
};

START_TEST(a_timer_fires_in_the_first_millisecond_after_its_deadline_and_not_before) {
    bl_time begin = starts[_i];
    for (size_t i = 0; i < COUNT_OF(distances); i++) {
        start_at(begin);
        bl_time deadline = begin + distances[i];
        bl_time due = (deadline + MS - 1) / MS * MS;
        arm(&a, deadline);
        ck_assert_int_eq(a.timer.deadline, deadline);
        ck_assert_str_eq(advance(due - 1), "");
        ck_assert(bl_timer_is_armed(&a.timer));
        ck_assert_str_eq(advance(due), "a");
        ck_assert_int_eq(fired_at, due);
        ck_assert_uint_eq(wheel.count, 0);
    }
}
END_TEST

START_TEST(following_next_leads_to_every_deadline_without_overshoot) {
    bl_time begin = starts[_i];
    for (size_t i = 0; i < COUNT_OF(distances); i++) {
        start_at(begin);
        bl_time deadline = begin + distances[i];
        bl_time due = (deadline + MS - 1) / MS * MS;
        arm(&a, deadline);
        bl_time now = begin;
        for (int steps = 1; bl_timer_is_armed(&a.timer); steps++) {
            bl_time next = bl_timer_wheel_next(&wheel);
            ck_assert_int_gt(next, now);
            ck_assert_int_le(next, due);
            ck_assert_int_le(steps, BL_TIMER_LEVELS);
            advance(now = next);
        }
        ck_assert_int_eq(now, due);
        ck_assert_int_eq(bl_timer_wheel_next(&wheel), BL_TIME_NEVER);
    }
}
END_TEST

START_TEST(the_last_deadlines_that_time_can_name_do_not_fire_early) {
    arm(&a, BL_TIME_NEVER - 1);
    arm(&b, BL_TIME_NEVER / MS * MS);
    ck_assert_str_eq(advance(BL_TIME_NEVER / MS * MS - 1), "");
    ck_assert_int_eq(bl_timer_wheel_next(&wheel), BL_TIME_NEVER / MS * MS);
    ck_assert_str_eq(advance(BL_TIME_NEVER / MS * MS), "b");
    ck_assert_int_eq(bl_timer_wheel_next(&wheel), BL_TIME_NEVER);
    ck_assert_str_eq(advance(BL_TIME_NEVER - 2), "");
    bl_timer_cancel(&wheel, &a.timer);
    ck_assert_uint_eq(wheel.count, 0);
}
END_TEST

START_TEST(timers_fire_in_order_of_deadline) {
    arm(&a, 90 * DAY);
    arm(&b, 70 * MS);
    arm(&c, 5000 * MS);
    arm(&d, 3 * MS);
    ck_assert_str_eq(advance(100 * DAY), "dbca");
}
END_TEST

START_TEST(timers_of_one_millisecond_fire_in_the_order_of_arming) {
    /* Armed from far, from near and from within the last 64 ms: on three levels at first. */
    bl_time deadline = 100000 * MS;
    arm(&c, deadline);
    advance(95000 * MS);
    arm(&a, deadline - 1);
    advance(deadline - 10 * MS);
    arm(&d, deadline);
    arm(&b, deadline - MS + 1);
    ck_assert_str_eq(advance(deadline), "cadb");
}
END_TEST

START_TEST(arming_again_moves_a_timer_behind_its_equals) {
    arm(&a, 5 * MS);
    arm(&b, 5 * MS);
    arm(&a, 5 * MS);
    ck_assert_uint_eq(wheel.count, 2);
    ck_assert_str_eq(advance(5 * MS), "ba");
    arm(&a, 10 * MS);
    arm(&a, 2000 * MS);
    ck_assert_int_eq(a.timer.deadline, 2000 * MS);
    ck_assert_str_eq(advance(1999 * MS), "");
    ck_assert_str_eq(advance(2000 * MS), "a");
}
END_TEST

START_TEST(a_cancelled_timer_neither_fires_nor_wakes) {
    static const bl_time deadlines[] = {0, MS, 70 * MS, DAY, 900 * DAY};
    for (size_t i = 0; i < COUNT_OF(deadlines); i++) {
        start_at(0);
        arm(&a, deadlines[i]);
        ck_assert(bl_timer_is_armed(&a.timer));
        bl_timer_cancel(&wheel, &a.timer);
        ck_assert(!bl_timer_is_armed(&a.timer));
        ck_assert_int_eq(a.timer.deadline, BL_TIME_NEVER);
        ck_assert_int_eq(bl_timer_wheel_next(&wheel), BL_TIME_NEVER);
        ck_assert_str_eq(advance(1000 * DAY), "");
    }
}
END_TEST

START_TEST(cancelling_one_leaves_its_neighbours) {
    arm(&a, 100 * MS);
    arm(&b, 100 * MS);
    arm(&c, 100 * MS);
    bl_timer_cancel(&wheel, &b.timer);
    ck_assert_str_eq(advance(100 * MS), "ac");
}
END_TEST

START_TEST(cancelling_an_idle_timer_is_harmless) {
    struct bl_timer zeroed = {0};
    ck_assert(!bl_timer_is_armed(&zeroed));
    bl_timer_cancel(&wheel, &zeroed);
    bl_timer_cancel(&wheel, &a.timer);
    arm(&a, MS);
    advance(MS);
    bl_timer_cancel(&wheel, &a.timer);
    ck_assert_uint_eq(wheel.count, 0);
}
END_TEST

START_TEST(arming_for_never_cancels) {
    arm(&a, MS);
    arm(&a, BL_TIME_NEVER);
    ck_assert(!bl_timer_is_armed(&a.timer));
    ck_assert_str_eq(advance(DAY), "");
}
END_TEST

START_TEST(a_deadline_in_the_past_fires_in_the_next_advance_even_at_the_same_time) {
    advance(1000 * MS);
    arm(&a, 1000 * MS);
    arm(&b, 1);
    arm(&c, -5);
    arm(&d, 1001 * MS);
    ck_assert_int_eq(bl_timer_wheel_next(&wheel), 1000 * MS);
    ck_assert_str_eq(advance(1000 * MS), "abc");
    ck_assert_str_eq(advance(1000 * MS), "");
    ck_assert_str_eq(advance(1001 * MS), "d");
}
END_TEST

START_TEST(overdue_timers_fire_before_those_that_come_due) {
    advance(1000 * MS);
    arm(&a, 1001 * MS);
    arm(&b, 900 * MS);
    ck_assert_str_eq(advance(1001 * MS), "ba");
}
END_TEST

/* What callbacks do to a, b, c and d, all armed in this order for the same millisecond. */

START_TEST(a_callback_may_cancel_later_timers_of_its_slot) {
    bl_time deadline = _i == 0 ? 50 * MS : 0; /* in a slot; overdue */
    arm(&a, deadline);
    arm(&b, deadline);
    arm(&c, deadline);
    a.cancels = &b.timer;
    ck_assert_str_eq(advance(50 * MS), "ac");
    arm(&a, 100 * MS - (_i == 0 ? 0 : DAY));
    arm(&b, 100 * MS - (_i == 0 ? 0 : DAY));
    ck_assert_str_eq(advance(100 * MS), "a");
    ck_assert_uint_eq(wheel.count, 0);
    ck_assert_int_eq(bl_timer_wheel_next(&wheel), BL_TIME_NEVER);
}
END_TEST

START_TEST(a_callback_may_cancel_itself_and_earlier_timers) {
    arm(&a, 50 * MS);
    arm(&b, 50 * MS);
    arm(&c, 50 * MS);
    b.cancels = &a.timer;
    c.cancels = &c.timer;
    ck_assert_str_eq(advance(50 * MS), "abc");
    ck_assert_uint_eq(wheel.count, 0);
}
END_TEST

START_TEST(a_callback_may_put_off_a_timer_that_is_due) {
    arm(&a, 50 * MS);
    arm(&b, 50 * MS);
    arm(&c, 50 * MS);
    a.arms = &b.timer;
    a.arms_for = 60 * MS;
    a.arms_times = 1;
    ck_assert_str_eq(advance(50 * MS), "ac");
    ck_assert_str_eq(advance(60 * MS), "b");
}
END_TEST

START_TEST(a_callback_may_cancel_what_is_due_later_in_the_same_advance) {
    arm(&a, 50 * MS);
    arm(&b, 51 * MS);
    arm(&c, 9000 * MS);
    arm(&d, 9001 * MS);
    a.cancels = &b.timer;
    d.cancels = &c.timer;
    ck_assert_str_eq(advance(DAY), "acd");
}
END_TEST

START_TEST(what_a_callback_arms_by_now_fires_in_the_same_advance) {
    a.arms = &b.timer;
    a.arms_for = 700 * MS;
    a.arms_times = 1;
    arm(&a, 50 * MS);
    arm(&c, 600 * MS);
    arm(&d, 800 * MS);
    ck_assert_str_eq(advance(1000 * MS), "acbd");
}
END_TEST

START_TEST(a_callback_that_arms_itself_for_the_past_waits_for_the_next_advance) {
    a.arms = &a.timer;
    a.arms_for = 50 * MS;
    a.arms_times = 3;
    arm(&a, 50 * MS);
    ck_assert_str_eq(advance(1000 * MS), "a");
    ck_assert_int_le(bl_timer_wheel_next(&wheel), 1000 * MS);
    ck_assert_str_eq(advance(1000 * MS), "a");
    ck_assert_str_eq(advance(1000 * MS), "a");
    ck_assert_str_eq(advance(1000 * MS), "a");
    ck_assert_str_eq(advance(1000 * MS), "");
}
END_TEST

START_TEST(a_timer_that_fired_can_be_armed_by_another_in_the_same_slot) {
    arm(&a, 50 * MS);
    arm(&b, 50 * MS);
    b.arms = &a.timer;
    b.arms_for = 51 * MS;
    b.arms_times = 1;
    ck_assert_str_eq(advance(51 * MS), "aba");
}
END_TEST

static void free_itself(struct bl_timer *timer, bl_time now) {
    (void)now;
    free(timer);
    fired_count++;
}

START_TEST(a_callback_may_free_its_own_timer) {
    for (int i = 0; i < 3; i++) {
        struct bl_timer *timer = malloc(sizeof(*timer));
        ck_assert_ptr_nonnull(timer);
        bl_timer_init(timer, free_itself);
        bl_timer_arm(&wheel, timer, 50 * MS);
    }
    advance(50 * MS);
    ck_assert_uint_eq(fired_count, 3);
}
END_TEST

/* Costs, counted instead of timed. */

#define MANY 100000

static uint32_t many_fired;

static void count_fired(struct bl_timer *timer, bl_time now) {
    (void)timer;
    (void)now;
    many_fired++;
}

static struct bl_timer many[MANY];

/** Arms @p count timers over the day after tomorrow. */
static void arm_many(size_t count) {
    start_at(0);
    many_fired = 0;
    for (size_t i = 0; i < count; i++) {
        bl_timer_init(&many[i], count_fired);
        bl_timer_arm(&wheel, &many[i], 2 * DAY + (bl_time)i * (DAY / (bl_time)count));
    }
}

static uint64_t visits_of_a_quiet_minute(size_t timer_count) {
    arm_many(timer_count);
    uint64_t before = wheel.visited_count;
    for (bl_time now = 0; now <= 60 * BL_SECOND; now += 5 * MS) {
        bl_timer_wheel_advance(&wheel, now);
    }
    ck_assert_uint_eq(many_fired, 0);
    return wheel.visited_count - before;
}

START_TEST(advancing_with_nothing_due_costs_the_same_with_10_timers_and_with_100_000) {
    uint64_t with_few = visits_of_a_quiet_minute(10);
    ck_assert_uint_gt(with_few, 0);
    ck_assert_uint_le(with_few, 60 * 200 + 1); /* one look per advance */
    ck_assert_uint_eq(visits_of_a_quiet_minute(MANY), with_few);
}
END_TEST

START_TEST(arming_and_cancelling_visit_nothing) {
    arm_many(MANY);
    ck_assert_uint_eq(wheel.visited_count, 0);
    for (size_t i = 0; i < MANY; i++) {
        bl_timer_cancel(&wheel, &many[i]);
    }
    ck_assert_uint_eq(wheel.visited_count, 0);
    ck_assert_uint_eq(wheel.count, 0);
}
END_TEST

START_TEST(empty_years_are_stepped_over) {
    arm(&a, 40 * 365 * DAY + 12345 * MS);
    ck_assert_str_eq(advance(50 * 365 * DAY), "a");
    ck_assert_uint_le(wheel.visited_count, 2 * BL_TIMER_LEVELS);
}
END_TEST

START_TEST(a_timer_is_visited_at_most_once_per_level) {
    arm_many(MANY);
    bl_timer_wheel_advance(&wheel, 4 * DAY);
    ck_assert_uint_eq(many_fired, MANY);
    /* Each timer and, on the way, its slot: two visits per level in the worst case. */
    ck_assert_uint_le(wheel.visited_count, UINT64_C(2) * MANY * BL_TIMER_LEVELS);
}
END_TEST

/* Mistakes of the caller. */

static void go_back_in_time(void) {
    start_at(10 * MS);
    bl_timer_wheel_advance(&wheel, 9 * MS);
}

static void arm_without_a_callback(void) {
    static struct bl_timer zeroed;
    bl_timer_arm(&wheel, &zeroed, MS);
}

static void advance_inside(struct bl_timer *timer, bl_time now) {
    (void)timer;
    bl_timer_wheel_advance(&wheel, now);
}

static void advance_from_a_callback(void) {
    bl_timer_init(&a.timer, advance_inside);
    arm(&a, MS);
    bl_timer_wheel_advance(&wheel, MS);
}

static void (*const mistakes[])(void) = {
    go_back_in_time,
    arm_without_a_callback,
    advance_from_a_callback,
};

START_TEST(a_mistake_of_the_caller_is_asserted) {
    ck_assert(is_asserted(mistakes[_i]));
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, NULL);
    tcase_add_loop_test(tests,
                        a_timer_fires_in_the_first_millisecond_after_its_deadline_and_not_before, 0,
                        COUNT_OF(starts));
    tcase_add_loop_test(tests, following_next_leads_to_every_deadline_without_overshoot, 0,
                        COUNT_OF(starts));
    tcase_add_test(tests, the_last_deadlines_that_time_can_name_do_not_fire_early);
    tcase_add_test(tests, timers_fire_in_order_of_deadline);
    tcase_add_test(tests, timers_of_one_millisecond_fire_in_the_order_of_arming);
    tcase_add_test(tests, arming_again_moves_a_timer_behind_its_equals);
    tcase_add_test(tests, a_cancelled_timer_neither_fires_nor_wakes);
    tcase_add_test(tests, cancelling_one_leaves_its_neighbours);
    tcase_add_test(tests, cancelling_an_idle_timer_is_harmless);
    tcase_add_test(tests, arming_for_never_cancels);
    tcase_add_test(tests, a_deadline_in_the_past_fires_in_the_next_advance_even_at_the_same_time);
    tcase_add_test(tests, overdue_timers_fire_before_those_that_come_due);
    tcase_add_loop_test(tests, a_callback_may_cancel_later_timers_of_its_slot, 0, 2);
    tcase_add_test(tests, a_callback_may_cancel_itself_and_earlier_timers);
    tcase_add_test(tests, a_callback_may_put_off_a_timer_that_is_due);
    tcase_add_test(tests, a_callback_may_cancel_what_is_due_later_in_the_same_advance);
    tcase_add_test(tests, what_a_callback_arms_by_now_fires_in_the_same_advance);
    tcase_add_test(tests, a_callback_that_arms_itself_for_the_past_waits_for_the_next_advance);
    tcase_add_test(tests, a_timer_that_fired_can_be_armed_by_another_in_the_same_slot);
    tcase_add_test(tests, a_callback_may_free_its_own_timer);
    tcase_add_test(tests,
                   advancing_with_nothing_due_costs_the_same_with_10_timers_and_with_100_000);
    tcase_add_test(tests, arming_and_cancelling_visit_nothing);
    tcase_add_test(tests, empty_years_are_stepped_over);
    tcase_add_test(tests, a_timer_is_visited_at_most_once_per_level);
    tcase_add_loop_test(tests, a_mistake_of_the_caller_is_asserted, 0, COUNT_OF(mistakes));
}

TEST_MAIN("clock/timer_wheel", add_tests)
