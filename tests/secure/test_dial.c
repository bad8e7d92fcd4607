/* A client's attempt: when it repeats itself, what counts as its answer, how long that took. */
#include "lib/secure/dial.h"
#include "tests/support/test.h"
#include <string.h>

#define START (1000 * BL_SECOND)

static struct bl_random random_source;
static struct bl_dial_target target = {.game = 0xabcdef};
static struct bl_address server, other;
static struct bl_dial dial;

static void start(void) {
    bl_random_init_seeded(&random_source, 3);
    ck_assert_int_eq(bl_address_parse(&server, "10.0.0.1:1", true), BELAY_OK);
    ck_assert_int_eq(bl_address_parse(&other, "10.0.0.2:1", true), BELAY_OK);
    target.address = server;
    target.resume = false;
    bl_dial_start(&dial, &target, &random_source, START);
}

START_TEST(the_first_opening_is_due_at_once) {
    ck_assert(dial.active);
    ck_assert_int_eq(dial.next_at, START);
}
END_TEST

START_TEST(repeats_come_every_250_ms_for_three_seconds_and_then_every_500) {
    uint8_t out[BL_OPEN_SIZE];
    for (bl_time at = START; at < START + 10 * BL_SECOND;) {
        ck_assert_int_eq(dial.next_at, at);
        bl_dial_write(&dial, at, out);
        at += (at - START < 3 * BL_SECOND ? 250 : 500) * BL_MILLISECOND;
    }
}
END_TEST

START_TEST(a_repeat_differs_in_its_attempt_alone) {
    uint8_t first[BL_OPEN_SIZE], repeat[BL_OPEN_SIZE];
    struct bl_open open;
    ck_assert_uint_eq(bl_dial_write(&dial, START, first), BL_OPEN_SIZE);
    ck_assert(bl_open_read(&open, first, sizeof first));
    ck_assert_uint_eq(open.attempt, 0);
    ck_assert_uint_eq(open.version, BL_WIRE_VERSION);
    ck_assert_uint_eq(open.game, 0xabcdef);
    ck_assert(!open.resume);
    for (unsigned i = 1; i < 300; i++) { /* the attempt is a byte, and wraps */
        ck_assert_uint_eq(bl_dial_write(&dial, START + i, repeat), BL_OPEN_SIZE);
        ck_assert_uint_eq(repeat[2], i % 256);
        repeat[2] = 0;
        ck_assert_mem_eq(repeat, first, sizeof first);
    }
}
END_TEST

START_TEST(each_attempt_has_a_nonce_of_its_own) {
    struct bl_dial next;
    target.resume = true;
    bl_dial_start(&next, &target, &random_source, START);
    ck_assert_mem_ne(next.open.nonce, dial.open.nonce, BL_NONCE_SIZE);
    ck_assert(next.open.resume);
}
END_TEST

START_TEST(an_answer_comes_from_the_server_under_the_same_nonce_while_it_is_waited_for) {
    uint8_t nonce[BL_NONCE_SIZE];
    memcpy(nonce, dial.open.nonce, sizeof nonce);
    ck_assert(bl_dial_is_answer(&dial, &server, nonce));
    ck_assert(!bl_dial_is_answer(&dial, &other, nonce));
    for (size_t i = 0; i < sizeof nonce; i++) {
        nonce[i] ^= 1;
        ck_assert(!bl_dial_is_answer(&dial, &server, nonce));
        nonce[i] ^= 1;
    }
    dial.active = false;
    ck_assert(!bl_dial_is_answer(&dial, &server, nonce));
}
END_TEST

START_TEST(the_round_trip_is_that_of_the_repeat_that_was_answered) {
    uint8_t out[BL_OPEN_SIZE];
    for (int i = 0; i < 10; i++) {
        bl_dial_write(&dial, START + i * 250 * BL_MILLISECOND, out);
    }
    bl_time now = START + 2300 * BL_MILLISECOND;
    for (uint8_t i = 0; i < 10; i++) {
        ck_assert_int_eq(bl_dial_round_trip(&dial, i, now), (2300 - 250 * i) * BL_MILLISECOND);
    }
}
END_TEST

START_TEST(a_repeat_that_was_never_sent_has_no_round_trip) {
    uint8_t out[BL_OPEN_SIZE];
    ck_assert_int_eq(bl_dial_round_trip(&dial, 0, START + 5), -1);
    bl_dial_write(&dial, START, out);
    bl_dial_write(&dial, START + 250, out);
    ck_assert_int_eq(bl_dial_round_trip(&dial, 0, START + 300), 300);
    ck_assert_int_eq(bl_dial_round_trip(&dial, 1, START + 300), 50);
    for (int attempt = 2; attempt < 256; attempt++) {
        ck_assert_int_eq(bl_dial_round_trip(&dial, (uint8_t)attempt, START + 300), -1);
    }
}
END_TEST

/** The attempt is a byte: after 256 repeats the same number is another repeat. */
START_TEST(only_the_last_repeats_have_a_round_trip) {
    uint8_t out[BL_OPEN_SIZE];
    for (int sent = 1; sent <= 1000; sent++) {
        bl_dial_write(&dial, START + sent, out);
        uint8_t newest = (uint8_t)(sent - 1);
        bl_time now = START + sent + 10;
        for (int age = 0; age < 256; age++) {
            bl_duration wanted = age < BL_DIAL_REMEMBERED && age < sent ? age + 10 : -1;
            ck_assert_int_eq(bl_dial_round_trip(&dial, (uint8_t)(newest - age), now), wanted);
        }
    }
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, NULL);
    tcase_add_test(tests, the_first_opening_is_due_at_once);
    tcase_add_test(tests, repeats_come_every_250_ms_for_three_seconds_and_then_every_500);
    tcase_add_test(tests, a_repeat_differs_in_its_attempt_alone);
    tcase_add_test(tests, each_attempt_has_a_nonce_of_its_own);
    tcase_add_test(tests,
                   an_answer_comes_from_the_server_under_the_same_nonce_while_it_is_waited_for);
    tcase_add_test(tests, the_round_trip_is_that_of_the_repeat_that_was_answered);
    tcase_add_test(tests, a_repeat_that_was_never_sent_has_no_round_trip);
    tcase_add_test(tests, only_the_last_repeats_have_a_round_trip);
}

TEST_MAIN("secure/dial", add_tests)
