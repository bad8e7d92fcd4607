/* Liveness alone, on a clock that the test moves. */
#include "common/random.h"
#include "lib/session/liveness.h"
#include "tests/support/test.h"

#define START      (1000 * BL_SECOND)
#define TICK       ((bl_duration)1)
#define HEARTBEAT  (1 * BL_SECOND)
#define SUSPECT    (1500 * BL_MILLISECOND)
#define LOST       (6 * BL_SECOND)
#define RETRY      (100 * BL_MILLISECOND)
#define STEP_COUNT 200000
#define SEED       UINT64_C(0x6c697665)

static const struct bl_liveness_limits limits = {
    .heartbeat = HEARTBEAT,
    .suspect_after = SUSPECT,
    .lost_after = LOST,
    .retry = RETRY,
};
static struct bl_liveness liveness;
static uint32_t nonce;

static void start(void) {
    nonce = 1;
    bl_liveness_start(&liveness, START);
}

static enum bl_liveness_verdict judge(bl_duration after_start) {
    return bl_liveness_judge(&liveness, &limits, START + after_start);
}

/** Judges, and sends what is asked for. */
static enum bl_liveness_verdict serve(bl_duration after_start) {
    enum bl_liveness_verdict verdict = judge(after_start);
    if (verdict == BL_LIVENESS_PING || verdict == BL_LIVENESS_PROBE) {
        bl_liveness_ping(&liveness, nonce++, START + after_start);
    }
    return verdict;
}

/* W-A12 */
START_TEST(a_peer_that_talks_is_never_pinged) {
    for (bl_duration at = 0; at < 600 * BL_SECOND; at += HEARTBEAT - TICK) {
        ck_assert_int_eq(judge(at), BL_LIVENESS_QUIET);
        ck_assert(!bl_liveness_hear(&liveness, START + at));
        ck_assert_int_eq(judge(at + HEARTBEAT - TICK), BL_LIVENESS_QUIET);
    }
}
END_TEST

/* W-A12 */
START_TEST(a_silent_peer_is_pinged_after_a_heartbeat_and_not_a_tick_before) {
    bl_liveness_hear(&liveness, START + 7 * BL_SECOND);
    ck_assert_int_eq(judge(7 * BL_SECOND + HEARTBEAT - TICK), BL_LIVENESS_QUIET);
    ck_assert_int_eq(judge(7 * BL_SECOND + HEARTBEAT), BL_LIVENESS_PING);
}
END_TEST

/* A8 */
START_TEST(three_heartbeats_of_silence_are_three_pings) {
    struct bl_liveness_limits patient = limits;
    uint32_t ping_count = 0;
    patient.suspect_after = 5 * BL_SECOND;
    for (bl_duration at = 0; at <= 3 * HEARTBEAT; at += BL_MILLISECOND) {
        if (bl_liveness_judge(&liveness, &patient, START + at) == BL_LIVENESS_PING) {
            bl_liveness_ping(&liveness, nonce++, START + at);
            ping_count++;
            ck_assert_int_eq(at, ping_count * HEARTBEAT);
        }
    }
    ck_assert_uint_eq(ping_count, 3);
}
END_TEST

START_TEST(a_silent_peer_is_suspect_at_the_limit_and_not_a_tick_before) {
    serve(HEARTBEAT);
    ck_assert_int_eq(judge(SUSPECT - TICK), BL_LIVENESS_QUIET);
    ck_assert(!liveness.suspect);
    judge(SUSPECT);
    ck_assert(liveness.suspect);
}
END_TEST

/* A9, with a limit of its own in place of two heartbeats */
START_TEST(a_silent_peer_is_lost_at_the_limit_and_not_a_tick_before) {
    bl_liveness_hear(&liveness, START + BL_SECOND);
    ck_assert_int_ne(judge(BL_SECOND + LOST - TICK), BL_LIVENESS_LOST);
    ck_assert_int_eq(judge(BL_SECOND + LOST), BL_LIVENESS_LOST);
}
END_TEST

/* A7: what goes out says nothing about the other side. */
START_TEST(our_own_pings_do_not_keep_a_peer_alive) {
    bl_duration at = 0;
    while (serve(at) != BL_LIVENESS_LOST) {
        at += BL_MILLISECOND;
        ck_assert_int_le(at, LOST);
    }
    ck_assert_int_eq(at, LOST);
}
END_TEST

START_TEST(a_suspect_gets_one_reliable_ping_and_then_one_a_retry) {
    uint32_t probe_count = 0, ping_count = 0;
    for (bl_duration at = SUSPECT; at < LOST; at += BL_MILLISECOND) {
        enum bl_liveness_verdict verdict = serve(at);
        probe_count += verdict == BL_LIVENESS_PROBE;
        ping_count += verdict == BL_LIVENESS_PING;
        ck_assert_msg(probe_count > 0 || ping_count == 0, "the probe comes first");
    }
    ck_assert_uint_eq(probe_count, 1);
    ck_assert_uint_eq(ping_count, (LOST - SUSPECT) / RETRY - 1);
}
END_TEST

START_TEST(each_silence_has_its_own_reliable_ping) {
    for (bl_duration begin = 0; begin < 10 * LOST; begin += LOST) {
        ck_assert_int_eq(serve(begin + SUSPECT), BL_LIVENESS_PROBE);
        ck_assert(bl_liveness_hear(&liveness, START + begin + LOST));
    }
}
END_TEST

START_TEST(a_suspect_that_is_heard_is_one_no_longer) {
    serve(SUSPECT);
    ck_assert(bl_liveness_hear(&liveness, START + SUSPECT + TICK));
    ck_assert(!liveness.suspect);
    ck_assert(!bl_liveness_hear(&liveness, START + SUSPECT + TICK));
    ck_assert_int_eq(judge(SUSPECT + TICK + HEARTBEAT - TICK), BL_LIVENESS_QUIET);
}
END_TEST

/* A10, W-A12 */
START_TEST(an_answer_gives_the_round_trip_of_its_own_ping) {
    bl_liveness_ping(&liveness, 11, START);
    bl_liveness_ping(&liveness, 12, START + 100);
    bl_liveness_ping(&liveness, 13, START + 200);
    ck_assert_int_eq(bl_liveness_pong(&liveness, 12, START + 1000), 900);
    ck_assert_int_eq(bl_liveness_pong(&liveness, 11, START + 1000), 1000);
    ck_assert_int_eq(bl_liveness_pong(&liveness, 13, START + 1200), 1000);
}
END_TEST

/* A10 */
START_TEST(an_answer_to_no_ping_gives_nothing_and_takes_nothing) {
    bl_liveness_ping(&liveness, 11, START);
    struct bl_liveness before = liveness;
    ck_assert_int_eq(bl_liveness_pong(&liveness, 12, START + 1), -1);
    ck_assert_int_eq(bl_liveness_pong(&liveness, 0, START + 1), -1); /* the mark of a free place */
    ck_assert_mem_eq(&liveness, &before, sizeof before);
    ck_assert_int_eq(bl_liveness_pong(&liveness, 11, START + 5), 5);
    ck_assert_int_eq(bl_liveness_pong(&liveness, 11, START + 6), -1); /* a repeat */
}
END_TEST

START_TEST(only_the_last_pings_are_remembered) {
    for (uint32_t i = 1; i <= BL_PINGS_REMEMBERED + 1; i++) {
        bl_liveness_ping(&liveness, i, START + i);
    }
    ck_assert_int_eq(bl_liveness_pong(&liveness, 1, START + 100), -1);
    ck_assert_int_eq(bl_liveness_pong(&liveness, 2, START + 100), 98);
}
END_TEST

START_TEST(pings_are_remembered_past_the_end_of_their_counter) {
    for (uint32_t i = 1; i <= 1000; i++) {
        bl_liveness_ping(&liveness, i, START + i);
        ck_assert_int_eq(bl_liveness_pong(&liveness, i, START + i + 3), 3);
    }
}
END_TEST

START_TEST(silence_during_a_pause_is_none) {
    const bl_duration end = 30 * BL_SECOND;
    bl_liveness_excuse(&liveness, START + end);
    for (bl_duration at = 0; at < end + SUSPECT; at += 10 * BL_MILLISECOND) {
        ck_assert_int_ne(serve(at), BL_LIVENESS_LOST);
        ck_assert(!liveness.suspect);
    }
    serve(end + SUSPECT);
    ck_assert(liveness.suspect);
    ck_assert_int_ne(judge(end + LOST - TICK), BL_LIVENESS_LOST);
    ck_assert_int_eq(judge(end + LOST), BL_LIVENESS_LOST);
}
END_TEST

START_TEST(a_pause_can_be_called_off) {
    bl_liveness_excuse(&liveness, START + 30 * BL_SECOND);
    bl_liveness_excuse(&liveness, START);
    ck_assert_int_eq(judge(LOST), BL_LIVENESS_LOST);
}
END_TEST

START_TEST(a_pause_that_is_over_excuses_nothing) {
    bl_liveness_excuse(&liveness, START + BL_SECOND);
    bl_liveness_hear(&liveness, START + 10 * BL_SECOND);
    ck_assert_int_ne(judge(10 * BL_SECOND + LOST - TICK), BL_LIVENESS_LOST);
    ck_assert_int_eq(judge(10 * BL_SECOND + LOST), BL_LIVENESS_LOST);
}
END_TEST

START_TEST(a_new_start_forgets_everything) {
    bl_liveness_excuse(&liveness, START + 30 * BL_SECOND);
    bl_liveness_ping(&liveness, 5, START);
    serve(40 * BL_SECOND);
    bl_liveness_start(&liveness, START);
    ck_assert_int_eq(bl_liveness_pong(&liveness, 5, START + 1), -1);
    ck_assert(!liveness.suspect);
    ck_assert_int_eq(judge(LOST), BL_LIVENESS_LOST);
}
END_TEST

/** Whether anything at all is due: something to send, the end, or a new suspicion. */
static bool is_due(bl_time now) {
    struct bl_liveness copy = liveness;
    return bl_liveness_judge(&copy, &limits, now) != BL_LIVENESS_QUIET ||
           copy.suspect != liveness.suspect;
}

/** Who sleeps until the deadline misses nothing and never wakes for nothing. */
START_TEST(the_deadline_is_exactly_when_something_is_due) {
    struct bl_random random;
    bl_time now = START;
    bl_random_init_seeded(&random, SEED);
    for (int step = 0; step < STEP_COUNT; step++) {
        bl_time deadline = bl_liveness_deadline(&liveness, &limits);
        ck_assert_msg(deadline > now, "seed %llx step %d", (unsigned long long)SEED, step);
        ck_assert_msg(!is_due(deadline - TICK) && is_due(deadline), "seed %llx step %d",
                      (unsigned long long)SEED, step);
        switch (bl_random_below(&random, 8)) {
        case 0:
            now += (bl_duration)bl_random_below(&random, (uint64_t)(deadline - now));
            bl_liveness_hear(&liveness, now);
            break;
        case 1:
            bl_liveness_excuse(&liveness, now + (bl_duration)bl_random_below(&random, LOST));
            break;
        default:
            now = deadline;
            if (serve(now - START) == BL_LIVENESS_LOST) {
                bl_liveness_start(&liveness, now);
            }
        }
        while (is_due(now)) { /* an excuse taken back may leave several things due at once */
            if (serve(now - START) == BL_LIVENESS_LOST) {
                bl_liveness_start(&liveness, now);
            }
        }
    }
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, NULL);
    tcase_add_test(tests, a_peer_that_talks_is_never_pinged);
    tcase_add_test(tests, a_silent_peer_is_pinged_after_a_heartbeat_and_not_a_tick_before);
    tcase_add_test(tests, three_heartbeats_of_silence_are_three_pings);
    tcase_add_test(tests, a_silent_peer_is_suspect_at_the_limit_and_not_a_tick_before);
    tcase_add_test(tests, a_silent_peer_is_lost_at_the_limit_and_not_a_tick_before);
    tcase_add_test(tests, our_own_pings_do_not_keep_a_peer_alive);
    tcase_add_test(tests, a_suspect_gets_one_reliable_ping_and_then_one_a_retry);
    tcase_add_test(tests, each_silence_has_its_own_reliable_ping);
    tcase_add_test(tests, a_suspect_that_is_heard_is_one_no_longer);
    tcase_add_test(tests, an_answer_gives_the_round_trip_of_its_own_ping);
    tcase_add_test(tests, an_answer_to_no_ping_gives_nothing_and_takes_nothing);
    tcase_add_test(tests, only_the_last_pings_are_remembered);
    tcase_add_test(tests, pings_are_remembered_past_the_end_of_their_counter);
    tcase_add_test(tests, silence_during_a_pause_is_none);
    tcase_add_test(tests, a_pause_can_be_called_off);
    tcase_add_test(tests, a_pause_that_is_over_excuses_nothing);
    tcase_add_test(tests, a_new_start_forgets_everything);
    tcase_add_test(tests, the_deadline_is_exactly_when_something_is_due);
}

TEST_MAIN("session/liveness", add_tests)
