/*
 * Small files: read whole or not at all, made for their owner alone and once, replaced in one step,
 * and changed by one process at a time.
 */
#define _GNU_SOURCE
#include "lib/net/file.h"

#include "tests/support/folder.h"
#include <belay/result.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static uint8_t memory[64];

static enum belay_result read_file(const char *name, size_t capacity, size_t *size) {
    struct bl_file_content content = {.data = memory, .capacity = capacity, .size = 999};
    enum belay_result result = bl_file_read(&content, folder_file(name));
    *size = content.size;
    return result;
}

static void ck_assert_says(const char *name) {
    ck_assert_msg(strstr(belay_error(), name) != NULL, "\"%s\" does not name %s", belay_error(),
                  name);
    ck_assert_ptr_nonnull(strchr(belay_error(), ';')); /* behind it: what to do */
}

static unsigned mode_of(const char *name) {
    struct stat status;
    ck_assert_int_eq(stat(folder_file(name), &status), 0);
    return status.st_mode & 07777;
}

START_TEST(a_file_is_read_whole_or_not_at_all) {
    size_t size;
    folder_write("ten", "0123456789", 10);
    ck_assert_int_eq(read_file("ten", 11, &size), BELAY_OK);
    ck_assert_uint_eq(size, 10);
    ck_assert_int_eq(read_file("ten", 10, &size), BELAY_OK);
    ck_assert_uint_eq(size, 10);
    ck_assert_mem_eq(memory, "0123456789", 10);
    ck_assert_int_eq(read_file("ten", 9, &size), BELAY_E_TOO_BIG);
    ck_assert_says("/ten");
}
END_TEST

START_TEST(an_empty_file_has_no_bytes) {
    size_t size;
    folder_write("empty", "", 0);
    ck_assert_int_eq(read_file("empty", sizeof memory, &size), BELAY_OK);
    ck_assert_uint_eq(size, 0);
}
END_TEST

START_TEST(what_is_no_file_is_refused_and_never_waited_for) {
    size_t size;
    ck_assert_int_eq(mkfifo(folder_file("pipe"), 0600), 0);
    ck_assert_int_eq(mkdir(folder_file("folder"), 0700), 0);
    static const char *const names[] = {"pipe", "folder", "missing"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        ck_assert_int_eq(read_file(names[i], sizeof memory, &size), BELAY_E_SYSTEM);
        ck_assert_says(names[i]);
    }
}
END_TEST

START_TEST(a_missing_file_is_not_one_that_cannot_be_looked_at) {
    folder_write("file", "", 0);
    ck_assert_int_eq(symlink("nowhere", folder_file("link")), 0);
    ck_assert(!bl_file_is_missing(folder_file("file")));
    ck_assert(!bl_file_is_missing(folder_file("file/below")));
    ck_assert(bl_file_is_missing(folder_file("none")));
    ck_assert(bl_file_is_missing(folder_file("none/below")));
    ck_assert(bl_file_is_missing(folder_file("link")));
}
END_TEST

static enum belay_result read_secret(const char *name) {
    struct bl_file_content content = {.data = memory, .capacity = sizeof memory};
    return bl_file_read_secret(&content, folder_file(name));
}

START_TEST(a_secret_that_others_may_read_is_refused) {
    size_t size;
    folder_write("key", "secret", 6);
    ck_assert_int_eq(chmod(folder_file("key"), 0600), 0);
    ck_assert_int_eq(read_secret("key"), BELAY_OK);
    ck_assert_mem_eq(memory, "secret", 6);
    for (unsigned bit = 1; bit <= 040; bit <<= 1) {
        ck_assert_int_eq(chmod(folder_file("key"), 0600 | bit), 0);
        ck_assert_int_eq(read_secret("key"), BELAY_E_KEY);
    }
    ck_assert_says("/key");
    ck_assert_ptr_nonnull(strstr(belay_error(), "chmod 600"));
    ck_assert_int_eq(read_file("key", sizeof memory, &size), BELAY_OK); /* no secret of ours */
    ck_assert_int_eq(read_secret("none"), BELAY_E_SYSTEM);
    if (chown(folder_file("key"), 1234, (gid_t)-1) == 0) { /* as the superuser */
        ck_assert_int_eq(read_secret("key"), BELAY_OK);
    }
}
END_TEST

START_TEST(a_new_file_is_its_owners_alone) {
    struct stat status;
    size_t size;
    umask(0);
    ck_assert_int_eq(bl_file_create(folder_file("key"), "secret", 6), BELAY_OK);
    ck_assert_uint_eq(mode_of("key"), 0600);
    ck_assert_int_eq(stat(folder_file("key"), &status), 0);
    ck_assert_uint_eq(status.st_nlink, 1);
    ck_assert_uint_eq(folder_count(), 1);
    ck_assert_int_eq(read_file("key", sizeof memory, &size), BELAY_OK);
    ck_assert_uint_eq(size, 6);
    ck_assert_mem_eq(memory, "secret", 6);
}
END_TEST

START_TEST(what_cannot_be_made_is_named) {
    char deep[5000];
    memset(deep, 'a', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    ck_assert_int_eq(bl_file_create(folder_file("no/key"), "new", 3), BELAY_E_SYSTEM);
    ck_assert_says("/no/key");
    ck_assert_int_eq(bl_file_create(deep, "new", 3), BELAY_E_SYSTEM);
    ck_assert_says("aaa");
    ck_assert_uint_eq(folder_count(), 0);
}
END_TEST

START_TEST(a_file_that_is_there_is_never_overwritten) {
    size_t size;
    folder_write("key", "old", 3);
    ck_assert_int_eq(bl_file_create(folder_file("key"), "new!", 4), BELAY_E_STATE);
    ck_assert_says("/key");
    ck_assert_int_eq(read_file("key", sizeof memory, &size), BELAY_OK);
    ck_assert_mem_eq(memory, "old", 3);
    ck_assert_int_eq(symlink("nowhere", folder_file("link")), 0);
    ck_assert_int_eq(bl_file_create(folder_file("link"), "new!", 4), BELAY_E_STATE);
    ck_assert_int_eq(access(folder_file("nowhere"), F_OK), -1);
    ck_assert_uint_eq(folder_count(), 2);
}
END_TEST

START_TEST(replacing_is_one_step_for_whoever_reads) {
    char before[4] = "";
    size_t size;
    folder_write("key", "old", 3);
    ck_assert_int_eq(chmod(folder_file("key"), 0644), 0);
    int file = open(folder_file("key"), O_RDONLY);
    ck_assert_int_eq(bl_file_replace(folder_file("key"), "newer", 5), BELAY_OK);
    ck_assert_int_eq(read(file, before, sizeof before), 3); /* not touched: it was not written to */
    ck_assert_str_eq(before, "old");
    close(file);
    ck_assert_int_eq(read_file("key", sizeof memory, &size), BELAY_OK);
    ck_assert_uint_eq(size, 5);
    ck_assert_mem_eq(memory, "newer", 5);
    ck_assert_uint_eq(mode_of("key"), 0600);
    ck_assert_uint_eq(folder_count(), 1);
}
END_TEST

START_TEST(replacing_makes_what_was_not_there) {
    ck_assert_int_eq(bl_file_replace(folder_file("key"), "new", 3), BELAY_OK);
    ck_assert_uint_eq(mode_of("key"), 0600);
    ck_assert_int_eq(bl_file_replace(folder_file("no/key"), "new", 3), BELAY_E_SYSTEM);
    ck_assert_says("/no/key");
}
END_TEST

START_TEST(a_link_goes_on_leading_to_the_file) {
    char target[8] = "";
    folder_write("key", "old", 3);
    ck_assert_int_eq(symlink("key", folder_file("link")), 0);
    ck_assert_int_eq(bl_file_replace(folder_file("link"), "new", 3), BELAY_OK);
    ck_assert_int_eq(readlink(folder_file("link"), target, sizeof target), 3);
    ck_assert_int_eq(folder_read("key", memory, sizeof memory), 3);
    ck_assert_mem_eq(memory, "new", 3);
}
END_TEST

START_TEST(a_replaced_file_keeps_its_owner) {
    struct stat status;
    folder_write("key", "old", 3);
    if (chown(folder_file("key"), 1234, (gid_t)-1) != 0) {
        return; /* only the superuser meets two owners */
    }
    ck_assert_int_eq(bl_file_replace(folder_file("key"), "new", 3), BELAY_OK);
    ck_assert_int_eq(stat(folder_file("key"), &status), 0);
    ck_assert_uint_eq(status.st_uid, 1234);
}
END_TEST

static volatile sig_atomic_t half_written, half_found;

/** In the middle of writing: after the first bytes. */
static void look_for_half(int number) {
    (void)number;
    half_written++;
    half_found += access(folder_file("other"), F_OK) == 0;
}

START_TEST(what_cannot_be_written_is_never_found_and_leaves_nothing_behind) {
    const struct rlimit two_bytes = {2, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
    folder_write("key", "old", 3);
    signal(SIGXFSZ, look_for_half);
    setrlimit(RLIMIT_FSIZE, &two_bytes); /* for Check's own file too: nothing is asserted here */
    enum belay_result created = bl_file_create(folder_file("other"), "newer", 5);
    enum belay_result replaced = bl_file_replace(folder_file("key"), "newer", 5);
    setrlimit(RLIMIT_FSIZE, &all);
    ck_assert_int_eq(created, BELAY_E_SYSTEM);
    ck_assert_int_eq(replaced, BELAY_E_SYSTEM);
    ck_assert_says("/key");
    ck_assert_int_eq(half_written, 2);
    ck_assert_int_eq(half_found, 0);
    ck_assert_uint_eq(folder_count(), 1);
    ck_assert_int_eq(folder_read("key", memory, sizeof memory), 3);
    ck_assert_mem_eq(memory, "old", 3);
}
END_TEST

static struct bl_file_stamp look(void) {
    struct bl_file_stamp stamp;
    bl_file_look(&stamp, folder_file("key"));
    return stamp;
}

START_TEST(a_stamp_shows_every_change) {
    const struct timespec earlier[2] = {{1000, 5}, {1000, 5}};
    const struct timespec later[2] = {{1000, 6}, {1000, 6}};
    folder_write("key", "old", 3);
    ck_assert_int_eq(utimensat(AT_FDCWD, folder_file("key"), earlier, 0), 0);
    struct bl_file_stamp stamp = look();
    struct bl_file_stamp same = look();
    ck_assert(bl_file_stamp_equal(&stamp, &same));

    ck_assert_int_eq(utimensat(AT_FDCWD, folder_file("key"), later, 0), 0);
    struct bl_file_stamp other = look();
    ck_assert(!bl_file_stamp_equal(&stamp, &other));

    folder_write("key", "longer", 6);
    ck_assert_int_eq(utimensat(AT_FDCWD, folder_file("key"), earlier, 0), 0);
    other = look();
    ck_assert(!bl_file_stamp_equal(&stamp, &other));

    ck_assert_int_eq(bl_file_replace(folder_file("key"), "new", 3), BELAY_OK);
    ck_assert_int_eq(utimensat(AT_FDCWD, folder_file("key"), earlier, 0), 0);
    other = look();
    ck_assert(!bl_file_stamp_equal(&stamp, &other));

    const struct bl_file_stamp none = {0};
    ck_assert_int_eq(unlink(folder_file("key")), 0);
    other = look();
    ck_assert(bl_file_stamp_equal(&none, &other));
    ck_assert(!bl_file_look(&other, folder_file("key")));
}
END_TEST

START_TEST(a_lock_is_held_once_and_never_waited_for) {
    intptr_t lock, second = 99;
    ck_assert_int_eq(bl_file_lock(&lock, folder_file("a")), BELAY_OK);
    ck_assert_int_eq(bl_file_lock(&second, folder_file("b")), BELAY_E_STATE);
    ck_assert_ptr_nonnull(strstr(belay_error(), "/b"));
    ck_assert_int_eq(second, 99);
    bl_file_unlock(lock);
    ck_assert_int_eq(bl_file_lock(&second, folder_file("b")), BELAY_OK);
    bl_file_unlock(second);
    ck_assert_uint_eq(folder_count(), 0);
}
END_TEST

START_TEST(without_a_folder_there_is_no_lock_and_no_error) {
    intptr_t lock, second;
    ck_assert_int_eq(bl_file_lock(&lock, folder_file("no/a")), BELAY_OK);
    ck_assert_int_eq(bl_file_lock(&second, folder_file("no/a")), BELAY_OK);
    bl_file_unlock(lock);
    bl_file_unlock(second);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, folder_begin, folder_end);
    tcase_add_test(tests, a_file_is_read_whole_or_not_at_all);
    tcase_add_test(tests, an_empty_file_has_no_bytes);
    tcase_add_test(tests, what_is_no_file_is_refused_and_never_waited_for);
    tcase_add_test(tests, a_missing_file_is_not_one_that_cannot_be_looked_at);
    tcase_add_test(tests, a_secret_that_others_may_read_is_refused);
    tcase_add_test(tests, a_new_file_is_its_owners_alone);
    tcase_add_test(tests, what_cannot_be_made_is_named);
    tcase_add_test(tests, a_file_that_is_there_is_never_overwritten);
    tcase_add_test(tests, replacing_is_one_step_for_whoever_reads);
    tcase_add_test(tests, replacing_makes_what_was_not_there);
    tcase_add_test(tests, a_link_goes_on_leading_to_the_file);
    tcase_add_test(tests, a_replaced_file_keeps_its_owner);
    tcase_add_test(tests, what_cannot_be_written_is_never_found_and_leaves_nothing_behind);
    tcase_add_test(tests, a_stamp_shows_every_change);
    tcase_add_test(tests, a_lock_is_held_once_and_never_waited_for);
    tcase_add_test(tests, without_a_folder_there_is_no_lock_and_no_error);
}
TEST_MAIN("net/file", add_tests)
