/* Key files: what is one and what is not, how keys come and go, and a server that looks again. */
#define _GNU_SOURCE
#include "lib/secure/token_keys.h"

#include "tests/support/folder.h"
#include <fcntl.h>
#include <sys/stat.h>

#define D64     "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define KEY(id) id " " D64 "\n"

static struct bl_random source;
static char log_lines[8][256];
static unsigned log_count;

/* Each row is one file: how many keys it has, or which line is wrong and why. */
static const struct text {
    const char *text;
    unsigned count;
    const char *problem; /* NULL: it is good */
} texts[] = {
    {KEY("00000001"), 1, NULL},
    {"00000001 " D64, 1, NULL},             /* no newline at the end */
    {"\t00000001\t " D64 " \r\n", 1, NULL}, /* made on Windows */
    {"# head\n\n  # more\n" KEY("DeadBeef") "0000000a " D64 " # why\n", 2, NULL},
    {KEY("00000001") KEY("00000002") KEY("00000003") KEY("ffffffff"), 4, NULL},
    {KEY("1"), 0, "line 1 is no key"},
    {KEY("00000000"), 0, "line 1 is no key"},
    {"\n" KEY("0000001"), 0, "line 2 is no key"},
    {KEY("000000011"), 0, "line 1 is no key"},
    {KEY("0000000g"), 0, "line 1 is no key"},
    {"00000001" D64 "\n", 0, "line 1 is no key"},
    {"00000001\n" D64 "\n", 0, "line 1 is no key"},
    {"00000001 # " D64 "\n", 0, "line 1 is no key"},
    {"00000001 " D64 "# " D64 "\n", 0, "line 1 is no key"}, /* no comment: within a word */
    {"00000001 " D64 "00\n", 0, "line 1 is no key"},
    {"00000001 " D64 "0\n", 0, "line 1 is no key"},
    {"00000001 " D64 " 00\n", 0, "line 1 is no key"},
    {"00000001 0011\n", 0, "line 1 is no key"},
    {KEY("00000001") KEY("00000002") KEY("00000001"), 0, "line 3 has the id of a key above"},
    {KEY("00000001") KEY("00000002") KEY("00000003") KEY("00000004") "#\n" KEY("00000005"), 0,
     "line 6 is the fifth key"},
    {"", 0, "has no key"},
    {"# nothing\n\n", 0, "has no key"},
};

START_TEST(a_key_file_is_read_or_its_first_wrong_line_named) {
    const struct text *row = &texts[_i];
    struct bl_token_keys keys = {.count = 99};
    enum belay_result result = bl_token_keys_parse(&keys, row->text, strlen(row->text), "the-file");
    if (row->problem == NULL) {
        ck_assert_msg(result == BELAY_OK, "%s", belay_error());
        ck_assert_uint_eq(keys.count, row->count);
        return;
    }
    ck_assert_int_eq(result, BELAY_E_KEY);
    ck_assert_msg(strstr(belay_error(), row->problem) != NULL, "%s", belay_error());
    ck_assert_ptr_nonnull(strstr(belay_error(), "the-file"));
    ck_assert_ptr_null(strstr(belay_error(), "0011")); /* no part of a key */
    ck_assert_uint_eq(keys.count, 99);
}
END_TEST

START_TEST(a_zero_byte_is_no_blank) {
    static const char text[] = "00000001\0" D64 "\n";
    struct bl_token_keys keys;
    ck_assert_int_eq(bl_token_keys_parse(&keys, text, sizeof text - 1, "f"), BELAY_E_KEY);
}
END_TEST

START_TEST(keys_are_found_by_id_in_the_order_of_the_file) {
    static const char text[] = KEY("0000000a") KEY("DeadBeef");
    static const uint8_t secret[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                     0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    struct bl_token_keys keys;
    ck_assert_int_eq(bl_token_keys_parse(&keys, text, sizeof text - 1, "f"), BELAY_OK);
    ck_assert_uint_eq(keys.keys[0].id, 10);
    ck_assert_ptr_eq(bl_token_keys_find(&keys, 0xdeadbeef), &keys.keys[1]);
    ck_assert_ptr_null(bl_token_keys_find(&keys, 11));
    ck_assert_ptr_null(bl_token_keys_find(&keys, 0));
    ck_assert_mem_eq(keys.keys[0].secret.bytes, secret, 16);
    ck_assert_mem_eq(keys.keys[0].secret.bytes + 16, secret, 16);
}
END_TEST

static struct bl_token_keys load(void) {
    struct bl_token_keys keys = {0};
    enum belay_result result = bl_token_keys_load(&keys, folder_file("keys"));
    ck_assert_msg(result == BELAY_OK, "%s", belay_error());
    return keys;
}

START_TEST(a_generated_file_has_one_key_and_is_its_owners) {
    struct stat status;
    umask(0);
    ck_assert_int_eq(bl_token_keys_generate(folder_file("keys"), &source), BELAY_OK);
    struct bl_token_keys keys = load();
    ck_assert_uint_eq(keys.count, 1);
    ck_assert_int_eq(stat(folder_file("keys"), &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);

    ck_assert_int_eq(bl_token_keys_generate(folder_file("keys"), &source), BELAY_E_STATE);
    struct bl_token_keys after = load();
    ck_assert_mem_eq(&keys, &after, sizeof keys);
}
END_TEST

START_TEST(a_file_that_others_may_read_is_refused) {
    struct bl_token_keys keys;
    ck_assert_int_eq(bl_token_keys_generate(folder_file("keys"), &source), BELAY_OK);
    ck_assert_int_eq(chmod(folder_file("keys"), 0640), 0);
    ck_assert_int_eq(bl_token_keys_load(&keys, folder_file("keys")), BELAY_E_KEY);
    ck_assert_ptr_nonnull(strstr(belay_error(), "/keys"));
    ck_assert_ptr_nonnull(strstr(belay_error(), "chmod 600"));
    ck_assert_int_eq(bl_token_keys_add(folder_file("keys"), &source), BELAY_E_KEY);
    ck_assert_int_eq(chmod(folder_file("keys"), 0400), 0);
    ck_assert_int_eq(bl_token_keys_load(&keys, folder_file("keys")), BELAY_OK);
}
END_TEST

START_TEST(a_new_key_comes_first_and_the_oldest_of_four_goes) {
    ck_assert_int_eq(bl_token_keys_generate(folder_file("keys"), &source), BELAY_OK);
    for (unsigned round = 1; round <= 6; round++) {
        struct bl_token_keys before = load();
        ck_assert_int_eq(bl_token_keys_add(folder_file("keys"), &source), BELAY_OK);
        struct bl_token_keys after = load();
        unsigned kept = before.count < 4 ? before.count : 3;
        ck_assert_uint_eq(after.count, kept + 1);
        ck_assert_mem_eq(&after.keys[1], &before.keys[0], kept * sizeof before.keys[0]);
        ck_assert_ptr_null(bl_token_keys_find(&before, after.keys[0].id));
    }
}
END_TEST

START_TEST(adding_keeps_the_comments) {
    static const char text[] = "# ours\n" KEY("00000001") "# end";
    char after[1024] = "";
    folder_write("keys", text, sizeof text - 1);
    ck_assert_int_eq(bl_token_keys_add(folder_file("keys"), &source), BELAY_OK);
    long size = folder_read("keys", after, sizeof after - 1);
    ck_assert_int_eq(size, (long)(sizeof text + 8 + 1 + 64 + 1));
    ck_assert_int_eq(strncmp(after, "# ours\n", 7), 0);
    ck_assert_ptr_nonnull(strstr(after, "\n" KEY("00000001") "# end\n"));
}
END_TEST

START_TEST(a_file_to_which_no_key_can_be_added_stays_as_it_is) {
    char text[4096], after[4096];
    memset(text, '#', sizeof text);
    memcpy(text, KEY("00000001"), 74);
    folder_write("keys", text, sizeof text);
    ck_assert_int_eq(bl_token_keys_add(folder_file("keys"), &source), BELAY_E_TOO_BIG);
    ck_assert_int_eq(folder_read("keys", after, sizeof after), sizeof after);
    ck_assert_mem_eq(after, text, sizeof text);

    folder_write("keys", "nonsense", 8);
    ck_assert_int_eq(bl_token_keys_add(folder_file("keys"), &source), BELAY_E_KEY);
    ck_assert_int_eq(folder_read("keys", after, sizeof after), 8);
    ck_assert_int_eq(bl_token_keys_add(folder_file("none"), &source), BELAY_E_SYSTEM);
    ck_assert_uint_eq(folder_count(), 2); /* and the server's */
}
END_TEST

START_TEST(a_file_of_any_length_is_refused_past_its_limit) {
    static char text[4097];
    struct bl_token_keys keys;
    memset(text, '#', sizeof text);
    memcpy(text, KEY("00000001"), 74);
    folder_write("keys", text, 4096);
    ck_assert_int_eq(bl_token_keys_load(&keys, folder_file("keys")), BELAY_OK);
    folder_write("keys", text, 4097);
    ck_assert_int_eq(bl_token_keys_load(&keys, folder_file("keys")), BELAY_E_TOO_BIG);
}
END_TEST

/* ---- a server that looks again */

static struct bl_memory memory;
static struct bl_token_key_file file;
static bl_time now;

static void keep_line(int level, uint64_t session, const char *line, void *user) {
    (void)level, (void)session, (void)user;
    ck_assert_uint_lt(log_count, COUNT_OF(log_lines));
    snprintf(log_lines[log_count++], sizeof log_lines[0], "%s", line);
}

static void put(const char *text) {
    /* Another file each time, as an atomic replacement is, whatever the clock's grain. */
    ck_assert_int_eq(bl_file_replace(folder_file("served"), text, strlen(text)), BELAY_OK);
}

static void begin(void) {
    const struct belay_hooks hooks = {.log = keep_line};
    folder_begin();
    umask(077); /* what is written here is a secret */
    bl_random_init_seeded(&source, 11);
    log_count = 0;
    now = 50 * BL_SECOND;
    put(KEY("00000001"));
    bl_memory_init(&memory, &hooks, 0);
    ck_assert_int_eq(bl_token_key_file_init(&file, &memory, folder_file("served")), BELAY_OK);
}

static void end(void) {
    bl_token_key_file_finish(&file);
    bl_token_key_file_finish(&file); /* twice is harmless */
    ck_assert_uint_eq(memory.used, 0);
    folder_end();
}

/** The id of the newest key in use, a period later. */
static uint32_t newest_later(void) {
    now += BL_TOKEN_KEYS_PERIOD;
    bl_token_key_file_refresh(&file, now);
    return file.keys.keys[0].id;
}

START_TEST(a_changed_file_is_used_after_a_period) {
    ck_assert_uint_eq(newest_later(), 1);
    put(KEY("00000002") KEY("00000001"));
    bl_token_key_file_refresh(&file, now + BL_TOKEN_KEYS_PERIOD - 1);
    ck_assert_uint_eq(file.keys.keys[0].id, 1);
    ck_assert_uint_eq(newest_later(), 2);
    ck_assert_uint_eq(file.keys.count, 2);
    ck_assert_uint_eq(log_count, 1);
    ck_assert_ptr_nonnull(strstr(log_lines[0], "00000002"));
    ck_assert_uint_eq(newest_later(), 2);
    ck_assert_uint_eq(log_count, 1); /* nothing has changed since */
}
END_TEST

START_TEST(a_broken_file_changes_nothing_and_is_told_once) {
    put(KEY("nonsense"));
    ck_assert_uint_eq(newest_later(), 1);
    ck_assert_uint_eq(newest_later(), 1);
    ck_assert_uint_eq(log_count, 1);
    ck_assert_ptr_nonnull(strstr(log_lines[0], "line 1"));
    ck_assert_ptr_null(strstr(log_lines[0], "0011"));

    put("broken in another way\n");
    ck_assert_uint_eq(newest_later(), 1);
    ck_assert_uint_eq(newest_later(), 1);
    ck_assert_uint_eq(log_count, 2);

    put(KEY("00000003"));
    ck_assert_uint_eq(newest_later(), 3);
}
END_TEST

START_TEST(a_file_that_others_may_read_changes_nothing_until_it_is_closed_to_them) {
    put(KEY("00000002"));
    ck_assert_int_eq(chmod(folder_file("served"), 0644), 0);
    ck_assert_uint_eq(newest_later(), 1);
    ck_assert_uint_eq(log_count, 1);
    ck_assert_ptr_nonnull(strstr(log_lines[0], "chmod 600"));
    ck_assert_int_eq(chmod(folder_file("served"), 0600), 0);
    ck_assert_uint_eq(newest_later(), 2);
}
END_TEST

START_TEST(without_a_file_there_is_nothing_to_look_at) {
    struct bl_token_key_file none = {0};
    bl_token_key_file_refresh(&none, now);
    ck_assert_int_eq(none.look_at, 0);
    bl_token_key_file_finish(&none);
}
END_TEST

START_TEST(a_missing_file_changes_nothing_and_is_told_once) {
    unlink(folder_file("served"));
    ck_assert_uint_eq(newest_later(), 1);
    ck_assert_uint_eq(newest_later(), 1);
    ck_assert_uint_eq(log_count, 1);
    put(KEY("00000002"));
    ck_assert_uint_eq(newest_later(), 2);
}
END_TEST

START_TEST(what_was_broken_is_tried_again_even_if_it_looks_the_same) {
    const struct timespec times[2] = {{1000, 0}, {1000, 0}};
    put(KEY("nonsense"));
    ck_assert_int_eq(utimensat(AT_FDCWD, folder_file("served"), times, 0), 0);
    ck_assert_uint_eq(newest_later(), 1);
    folder_write("served", KEY("00000002"), 74);
    ck_assert_int_eq(utimensat(AT_FDCWD, folder_file("served"), times, 0), 0);
    ck_assert_uint_eq(newest_later(), 2);
}
END_TEST

START_TEST(a_server_does_not_start_with_a_broken_file) {
    struct bl_token_key_file other;
    put("broken\n");
    size_t used = memory.used;
    ck_assert_int_eq(bl_token_key_file_init(&other, &memory, folder_file("served")), BELAY_E_KEY);
    ck_assert_int_eq(bl_token_key_file_init(&other, &memory, folder_file("none")), BELAY_E_SYSTEM);
    put(KEY("00000001"));
    memory.used_max = used;
    ck_assert_int_eq(bl_token_key_file_init(&other, &memory, folder_file("served")),
                     BELAY_E_NO_MEMORY);
    ck_assert_uint_eq(other.keys.count, 0); /* wiped */
    ck_assert_uint_eq(memory.used, used);
    bl_token_key_file_finish(&other);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_loop_test(tests, a_key_file_is_read_or_its_first_wrong_line_named, 0,
                        COUNT_OF(texts));
    tcase_add_test(tests, a_zero_byte_is_no_blank);
    tcase_add_test(tests, keys_are_found_by_id_in_the_order_of_the_file);
    tcase_add_test(tests, a_generated_file_has_one_key_and_is_its_owners);
    tcase_add_test(tests, a_file_that_others_may_read_is_refused);
    tcase_add_test(tests, a_new_key_comes_first_and_the_oldest_of_four_goes);
    tcase_add_test(tests, adding_keeps_the_comments);
    tcase_add_test(tests, a_file_to_which_no_key_can_be_added_stays_as_it_is);
    tcase_add_test(tests, a_file_of_any_length_is_refused_past_its_limit);
    tcase_add_test(tests, a_changed_file_is_used_after_a_period);
    tcase_add_test(tests, a_broken_file_changes_nothing_and_is_told_once);
    tcase_add_test(tests, a_file_that_others_may_read_changes_nothing_until_it_is_closed_to_them);
    tcase_add_test(tests, without_a_file_there_is_nothing_to_look_at);
    tcase_add_test(tests, a_missing_file_changes_nothing_and_is_told_once);
    tcase_add_test(tests, what_was_broken_is_tried_again_even_if_it_looks_the_same);
    tcase_add_test(tests, a_server_does_not_start_with_a_broken_file);
}
TEST_MAIN("secure/token_keys", add_tests)
