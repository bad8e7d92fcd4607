/* What every Check test starts from: one suite per file, one main(). */
#ifndef BL_TESTS_SUPPORT_TEST_H
#define BL_TESTS_SUPPORT_TEST_H

#include <check.h>
#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/** The end of a test file: `add_tests(TCase *)` adds its tests. A test may take a minute under
 * valgrind. */
#define TEST_MAIN(name, add_tests)                                                                 \
    int main(void) {                                                                               \
        Suite *suite = suite_create(name);                                                         \
        TCase *tests = tcase_create(name);                                                         \
        tcase_set_timeout(tests, 300);                                                             \
        add_tests(tests);                                                                          \
        suite_add_tcase(suite, tests);                                                             \
        SRunner *runner = srunner_create(suite);                                                   \
        srunner_run_all(runner, CK_ENV);                                                           \
        int failed = srunner_ntests_failed(runner);                                                \
        srunner_free(runner);                                                                      \
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;                                          \
    }

#endif
