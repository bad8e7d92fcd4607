/* Inputs come just in time, whatever the network: 200 networks, each with a change for the worse or
 * the better in the middle. */
#include "bench/pace.h"
#include <check.h>
#include <stdio.h>

#define SEEDS 200
#define PARTS 8 /* tests, so that one that fails says where */

static void explain(const struct bl_pace_plan *plan, const char *which,
                    const struct bl_pace_part *part) {
    fprintf(stderr,
            "seed %u, %s the step: %u of %u ticks starved, margin up to %.2f beside its target\n"
            "  pacer-trace --seed %u --loss %u\n",
            (unsigned)plan->seed, which, part->starved, part->ticks, part->off_max,
            (unsigned)plan->seed, plan->loss_percent);
}

static bool is_good(const struct bl_pace_plan *plan, const char *which,
                    const struct bl_pace_part *part, double off_max) {
    bool good = part->ticks > 1000 && part->starved * 1000 < part->ticks && part->off_max < off_max;
    if (!good) {
        explain(plan, which, part);
    }
    return good;
}

static unsigned count_bad(const struct bl_pace_plan *plan, double off_max) {
    struct bl_pace_result result = bl_pace_run(plan, NULL, NULL);
    return !is_good(plan, "before", &result.before, off_max) +
           !is_good(plan, "after", &result.after, off_max);
}

START_TEST(three_seconds_after_the_start_or_a_step_inputs_come_just_in_time) {
    unsigned bad = 0;
    for (unsigned i = 0; i < SEEDS / PARTS; i++) {
        struct bl_pace_plan plan = bl_pace_plan_of(1 + (unsigned)_i * (SEEDS / PARTS) + i);
        bad += count_bad(&plan, 1.0);
    }
    ck_assert_uint_eq(bad, 0);
}
END_TEST

/* A few losses in a row are luck: all seeds together count. */
START_TEST(loss_costs_margin_and_hardly_any_inputs) {
    struct bl_pace_part all = {0};
    for (unsigned seed = 1; seed <= 50; seed++) {
        struct bl_pace_plan plan = bl_pace_plan_of(seed);
        plan.loss_percent = 5;
        struct bl_pace_result result = bl_pace_run(&plan, NULL, NULL);
        all.ticks += result.before.ticks + result.after.ticks;
        all.starved += result.before.starved + result.after.starved;
        ck_assert_msg(result.before.starved + result.after.starved < 7, "seed %u", seed);
    }
    ck_assert_uint_gt(all.ticks, 150000);
    ck_assert_uint_lt(all.starved * 10000, all.ticks);
}
END_TEST

START_TEST(a_network_without_jitter_costs_little_more_than_a_tick) {
    struct bl_pace_plan plan = bl_pace_plan_of(1);
    plan.jitter_ms = 0;
    plan.client_frame_ms = 1;
    plan.server_frames = false;
    struct bl_pace_result result = bl_pace_run(&plan, NULL, NULL);
    ck_assert_double_lt(result.target_mean, 1.5);
    ck_assert_uint_eq(result.before.starved + result.after.starved, 0);
}
END_TEST

START_TEST(inputs_come_in_time_at_every_usual_rate) {
    static const uint16_t rates[] = {20, 30, 60, 100};
    for (unsigned seed = 1; seed <= 10; seed++) {
        struct bl_pace_plan plan = bl_pace_plan_of(seed);
        plan.hz = rates[_i];
        struct bl_pace_result result = bl_pace_run(&plan, NULL, NULL);
        ck_assert_uint_lt(result.before.starved * 1000, result.before.ticks);
        ck_assert_uint_lt(result.after.starved * 1000, result.after.ticks);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("pacer seeds");
    TCase *tests = tcase_create("pacer seeds");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, three_seconds_after_the_start_or_a_step_inputs_come_just_in_time, 0,
                        PARTS);
    tcase_add_test(tests, loss_costs_margin_and_hardly_any_inputs);
    tcase_add_test(tests, a_network_without_jitter_costs_little_more_than_a_tick);
    tcase_add_loop_test(tests, inputs_come_in_time_at_every_usual_rate, 0, 4);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
