#define _GNU_SOURCE
#include "common/error.h"
#include "tests/support/child.h"
#include "tests/support/test.h"
#include <belay/request.h>
#include <pthread.h>
#include <string.h>

START_TEST(the_text_is_empty_before_the_first_failure) {
    /* Check forks each test, and without forks this one runs first. */
    ck_assert_str_eq(belay_error(), "");
}
END_TEST

START_TEST(a_failure_returns_its_result_and_keeps_its_text) {
    ck_assert_int_eq(bl_fail(BELAY_E_INVALID, "field %s: %d is too much", "lanes", 9),
                     BELAY_E_INVALID);
    ck_assert_str_eq(belay_error(), "field lanes: 9 is too much");
    ck_assert_int_eq(bl_fail(BELAY_E_IN_USE, "port taken"), BELAY_E_IN_USE);
    ck_assert_str_eq(belay_error(), "port taken");
}
END_TEST

START_TEST(a_failure_may_put_words_before_the_one_it_passes_on) {
    bl_fail(BELAY_E_SYSTEM, "no such file");
    bl_fail(BELAY_E_INVALID, "key_file: %s", belay_error());
    ck_assert_str_eq(belay_error(), "key_file: no such file");
}
END_TEST

START_TEST(a_long_text_is_cut_at_511_bytes) {
    char name[2000];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    bl_fail(BELAY_E_INVALID, "%s", name);
    ck_assert_uint_eq(strlen(belay_error()), 511);
    name[511] = '\0';
    ck_assert_str_eq(belay_error(), name);
}
END_TEST

START_TEST(a_text_cannot_control_the_terminal_it_is_printed_on) {
    bl_fail(BELAY_E_ADDRESS, "address \"%s\"", "a\033[2Jb\nc");
    ck_assert_str_eq(belay_error(), "address \"a?[2Jb?c\"");
}
END_TEST

static void *fail_elsewhere(void *before) {
    strcpy(before, belay_error());
    bl_fail(BELAY_E_GONE, "theirs");
    return NULL;
}

START_TEST(each_thread_has_its_own_text) {
    bl_fail(BELAY_E_GONE, "ours");
    char before[16] = "unset";
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, before), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_str_eq(before, "");
    ck_assert_str_eq(belay_error(), "ours");
}
END_TEST

static const struct name {
    enum belay_result result;
    const char *name;
} names[] = {
    {BELAY_OK, "BELAY_OK"},
    {BELAY_E_INVALID, "BELAY_E_INVALID"},
    {BELAY_E_SYSTEM, "BELAY_E_SYSTEM"},
    {(enum belay_result)1, "unknown result"},
    {(enum belay_result) - 1000, "unknown result"},
};

START_TEST(a_result_has_a_name) {
    ck_assert_str_eq(belay_result_name(names[_i].result), names[_i].name);
}
END_TEST

START_TEST(no_two_results_share_a_name_or_lack_one) {
    static const enum belay_result all[] = {
#define RESULT(name, value, meaning) name,
        BELAY_RESULTS(RESULT)
#undef RESULT
    };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        ck_assert_str_ne(belay_result_name(all[i]), "unknown result");
        for (size_t k = 0; k < i; k++) {
            ck_assert_str_ne(belay_result_name(all[i]), belay_result_name(all[k]));
        }
    }
}
END_TEST

static const struct reply {
    int32_t code;
    const char *words; /* of its meaning */
} replies[] = {
    {0, "game's own"},
    {INT32_MAX, "game's own"},
    {BELAY_REPLY_DEADLINE, "in time"},
    {BELAY_REPLY_CANCELLED, "cancelled"},
    {BELAY_REPLY_GONE, "session ended"},
    {BELAY_REPLY_LOST, "process"},
    {BELAY_REPLY_REFUSED, "not done"},
    {-6, "unknown code"},
    {INT32_MIN, "unknown code"},
};

START_TEST(the_code_of_a_reply_has_a_meaning) {
    ck_assert_msg(strstr(belay_reply_meaning(replies[_i].code), replies[_i].words) != NULL, "%s",
                  belay_reply_meaning(replies[_i].code));
}
END_TEST

static void fail_with_success(void) {
    bl_fail(BELAY_OK, "all is well");
}

static void (*const mistakes[])(void) = {
    fail_with_success,
};

START_TEST(a_mistake_of_the_caller_is_asserted) {
    ck_assert(is_asserted(mistakes[_i]));
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, the_text_is_empty_before_the_first_failure);
    tcase_add_test(tests, a_failure_returns_its_result_and_keeps_its_text);
    tcase_add_test(tests, a_failure_may_put_words_before_the_one_it_passes_on);
    tcase_add_test(tests, a_long_text_is_cut_at_511_bytes);
    tcase_add_test(tests, a_text_cannot_control_the_terminal_it_is_printed_on);
    tcase_add_test(tests, each_thread_has_its_own_text);
    tcase_add_loop_test(tests, a_result_has_a_name, 0, COUNT_OF(names));
    tcase_add_test(tests, no_two_results_share_a_name_or_lack_one);
    tcase_add_loop_test(tests, the_code_of_a_reply_has_a_meaning, 0, COUNT_OF(replies));
    tcase_add_loop_test(tests, a_mistake_of_the_caller_is_asserted, 0, COUNT_OF(mistakes));
}

TEST_MAIN("common/error", add_tests)
