#include "common/log.h"
#include "tests/support/test.h"
#include <stdio.h>
#include <string.h>

/** The last line heard. */
static struct heard {
    int level;
    uint64_t session;
    char line[1000];
    int count;
} heard;

static void hear(int level, uint64_t session, const char *line, void *user) {
    struct heard *to = user;
    to->level = level;
    to->session = session;
    snprintf(to->line, sizeof(to->line), "%s", line);
    to->count++;
}

static const struct belay_hooks hooks = {.log = hear, .hook_user = &heard};

static void forget(void) {
    heard = (struct heard){0};
}

START_TEST(a_line_arrives_with_its_level_and_session) {
    bl_log(&hooks, BELAY_LOG_WARNING, UINT64_C(0x100000002), "took %d ms of %s", 12, "60");
    ck_assert_int_eq(heard.level, BELAY_LOG_WARNING);
    ck_assert_uint_eq(heard.session, UINT64_C(0x100000002));
    ck_assert_str_eq(heard.line, "took 12 ms of 60");
    ck_assert_int_eq(heard.count, 1);
}
END_TEST

START_TEST(a_long_line_is_cut_at_255_bytes) {
    char text[600];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    bl_log(&hooks, BELAY_LOG_INFO, 0, "%s", text);
    text[255] = '\0';
    ck_assert_str_eq(heard.line, text);
}
END_TEST

START_TEST(a_stranger_cannot_forge_a_second_line) {
    bl_log(&hooks, BELAY_LOG_INFO, 0, "left: %s", "bye\nadmin logged in\033[0m");
    ck_assert_str_eq(heard.line, "left: bye?admin logged in?[0m");
    ck_assert_int_eq(heard.count, 1);
}
END_TEST

START_TEST(nobody_has_to_listen) {
    bl_log(NULL, BELAY_LOG_ERROR, 0, "unheard");
    bl_log(&(struct belay_hooks){.hook_user = &heard}, BELAY_LOG_ERROR, 0, "unheard");
    ck_assert_int_eq(heard.count, 0);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, forget, NULL);
    tcase_add_test(tests, a_line_arrives_with_its_level_and_session);
    tcase_add_test(tests, a_long_line_is_cut_at_255_bytes);
    tcase_add_test(tests, a_stranger_cannot_forge_a_second_line);
    tcase_add_test(tests, nobody_has_to_listen);
}

TEST_MAIN("common/log", add_tests)
