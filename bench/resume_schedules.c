/* A session goes on whatever becomes of its resume: the first 50,000 schedules, in parts that tell
 * where it fails. */
#include "bench/schedules.h"
#include <check.h>

#define COUNT 50000
#define PARTS 10

START_TEST(a_session_goes_on_whatever_becomes_of_its_resume) {
    uint32_t first = (uint32_t)_i * (COUNT / PARTS);
    ck_assert_uint_eq(bl_schedules_run(first, first + COUNT / PARTS, false), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("resume schedules");
    TCase *tests = tcase_create("resume schedules");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, a_session_goes_on_whatever_becomes_of_its_resume, 0, PARTS);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
