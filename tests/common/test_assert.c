/* What becomes of a process whose invariant is broken, seen from its parent. */
#define _GNU_SOURCE
#include "common/assert.h"
#include "tests/support/child.h"
#include "tests/support/test.h"

static void claim_what_is_false(void) {
    bool fact = false;
    BELAY_ASSERT(fact);
}

static void claim_what_is_true(void) {
    bool fact = true;
    BELAY_ASSERT(fact);
}

START_TEST(a_broken_invariant_aborts_and_names_itself) {
    char said[1024];
    int status = run_in_child(claim_what_is_false, said, sizeof(said));
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGABRT);
    ck_assert_ptr_nonnull(strstr(said, "test_assert.c"));
    ck_assert_ptr_nonnull(strstr(said, "broken invariant: fact\n"));
}
END_TEST

START_TEST(a_true_fact_changes_nothing) {
    char said[1024];
    int status = run_in_child(claim_what_is_true, said, sizeof(said));
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), EXIT_SUCCESS);
    ck_assert_str_eq(said, "");
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, a_broken_invariant_aborts_and_names_itself);
    tcase_add_test(tests, a_true_fact_changes_nothing);
}

TEST_MAIN("common/assert", add_tests)
