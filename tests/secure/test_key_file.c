/* A server's key file: made once, by one of many, read for ever, and refused when it is spoilt. */
#define _GNU_SOURCE
#include "lib/secure/key_file.h"

#include "lib/secure/invite.h"
#include "tests/support/folder.h"
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* RFC 7748 6.1: Alice's keys. */
#define D64    "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51dB92C2A"
#define SECRET "x25519-secret " D64
static const uint8_t rfc_public[] = {
    0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e, 0xf7, 0x5a,
    0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a};

static struct bl_random source;

static void begin(void) {
    folder_begin();
    bl_random_init_system(&source);
}

/* Each row is one file, and what is wrong with it. */
static const struct text {
    const char *text, *problem; /* NULL: it is good */
} texts[] = {
    {SECRET "\n", NULL},
    {SECRET, NULL},
    {"# head\r\n\r\n\t x25519-secret\t" D64 " # mine\r\n", NULL},
    {"", "has no key"},
    {"# " SECRET "\n", "has no key"},
    {D64 "\n", "line 1 is not"},
    {"\nx25519-public " D64 "\n", "line 2 is not"},
    {"x25519-secretx " D64 "\n", "line 1 is not"},
    {"00000001 " D64 "\n", "line 1 is not"}, /* a key of tokens */
    {SECRET " 00\n", "line 1 is not"},
    {SECRET "\n" SECRET "\n", "line 2 has a second key"},
    {SECRET "0\n", "line 1 has no key"},
    {SECRET "00\n", "line 1 has no key"},
    {"x25519-secret 77076d0a\n", "line 1 has no key"},
    {"x25519-secret\n" D64 "\n", "line 1 has no key"},
    {"x25519-secret g7076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a\n",
     "line 1 has no key"},
    {"x25519-secret 0000000000000000000000000000000000000000000000000000000000000000\n",
     "line 1 has no key"},
};

START_TEST(a_key_file_is_read_or_what_is_wrong_is_named) {
    const struct text *row = &texts[_i];
    struct bl_key_pair pair, before;
    memset(&pair, 0x55, sizeof pair);
    memset(&before, 0x55, sizeof before);
    enum belay_result result = bl_key_file_parse(&pair, row->text, strlen(row->text), "the-file");
    if (row->problem == NULL) {
        ck_assert_msg(result == BELAY_OK, "%s", belay_error());
        ck_assert_mem_eq(pair.public, rfc_public, sizeof rfc_public);
        ck_assert_uint_eq(pair.secret.bytes[0], 0x77);
        return;
    }
    ck_assert_int_eq(result, BELAY_E_KEY);
    ck_assert_msg(strstr(belay_error(), row->problem) != NULL, "%s", belay_error());
    ck_assert_int_eq(strncmp(belay_error(), "the-file", 8), 0);
    ck_assert_ptr_nonnull(strstr(belay_error(), "; put back a copy"));
    ck_assert_ptr_null(strstr(belay_error(), "7076d")); /* no part of a key */
    ck_assert_mem_eq(&pair, &before, sizeof pair);
}
END_TEST

START_TEST(a_zero_byte_is_no_blank) {
    static const char text[] = "x25519-secret\0" D64 "\n";
    struct bl_key_pair pair;
    ck_assert_int_eq(bl_key_file_parse(&pair, text, sizeof text - 1, "f"), BELAY_E_KEY);
}
END_TEST

static struct bl_key_pair open_file(const char *name) {
    struct bl_key_pair pair = {0};
    enum belay_result result = bl_key_file_open(&pair, folder_file(name), &source);
    ck_assert_msg(result == BELAY_OK, "%s", belay_error());
    return pair;
}

START_TEST(the_first_run_makes_the_key_that_every_run_has) {
    struct stat status;
    char text[4096] = "", public_half[BL_KEY_TEXT_SIZE];
    umask(0);
    struct bl_key_pair first = open_file("key");
    struct bl_key_pair second = open_file("key");
    ck_assert_mem_eq(&first, &second, sizeof first);
    struct bl_key_pair complete = first;
    bl_key_pair_complete(&complete);
    ck_assert_mem_eq(complete.public, first.public, sizeof first.public);
    ck_assert_int_eq(stat(folder_file("key"), &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
    ck_assert_uint_eq(status.st_nlink, 1);
    ck_assert_uint_eq(folder_count(), 1);

    ck_assert_int_gt(folder_read("key", text, sizeof text - 1), 0);
    ck_assert_int_eq(text[0], '#');
    bl_key_text(public_half, first.public);
    ck_assert_ptr_nonnull(strstr(text, public_half));

    struct bl_key_pair other = open_file("other");
    ck_assert_mem_ne(other.secret.bytes, first.secret.bytes, sizeof other.secret);
}
END_TEST

/** Opens the key file of a race at the same time as others; gives its public half to the parent. */
static void race(int start, int answer) {
    struct bl_key_pair pair;
    char go;
    bl_random_init_system(&source);
    ssize_t got = read(start, &go, 1); /* the end of the pipe: everybody's at once */
    if (got == 0 && bl_key_file_open(&pair, folder_file("key"), &source) == BELAY_OK) {
        got = write(answer, pair.public, sizeof pair.public);
    }
    _exit(0);
}

START_TEST(of_many_that_make_it_at_once_all_have_the_same_key) {
    enum { RUNNERS = 8, ROUNDS = 20 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        int start[2], answer[2];
        uint8_t first[BL_PUBLIC_SIZE], next[BL_PUBLIC_SIZE];
        ck_assert_int_eq(pipe(start), 0);
        ck_assert_int_eq(pipe(answer), 0);
        for (unsigned i = 0; i < RUNNERS; i++) {
            if (fork() == 0) {
                close(start[1]);
                race(start[0], answer[1]);
            }
        }
        close(start[1]);
        close(start[0]);
        close(answer[1]);
        ck_assert_int_eq(read(answer[0], first, sizeof first), sizeof first);
        for (unsigned i = 1; i < RUNNERS; i++) {
            ck_assert_int_eq(read(answer[0], next, sizeof next), sizeof next);
            ck_assert_mem_eq(next, first, sizeof next);
        }
        close(answer[0]);
        while (wait(NULL) > 0) {
        }
        ck_assert_uint_eq(folder_count(), 1);
        unlink(folder_file("key"));
    }
}
END_TEST

START_TEST(a_key_that_others_may_read_is_refused) {
    static const struct {
        unsigned mode;
        bool good;
    } rows[] = {{0600, true},  {0400, true},  {0640, false}, {0604, false},
                {0620, false}, {0610, false}, {0644, false}, {0777, false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bl_key_pair pair;
        folder_write("key", SECRET, strlen(SECRET));
        ck_assert_int_eq(chmod(folder_file("key"), rows[i].mode), 0);
        ck_assert_int_eq(bl_key_file_open(&pair, folder_file("key"), &source),
                         rows[i].good ? BELAY_OK : BELAY_E_KEY);
        ck_assert_int_eq(unlink(folder_file("key")), 0);
    }
    ck_assert_ptr_nonnull(strstr(belay_error(), "/key"));
    ck_assert_ptr_nonnull(strstr(belay_error(), "chmod 600"));
}
END_TEST

START_TEST(what_is_spoilt_is_never_replaced) {
    struct bl_key_pair pair;
    char text[16] = "";
    folder_write("key", "spoilt", 6);
    ck_assert_int_eq(chmod(folder_file("key"), 0600), 0);
    ck_assert_int_eq(bl_key_file_open(&pair, folder_file("key"), &source), BELAY_E_KEY);
    ck_assert_ptr_nonnull(strstr(belay_error(), "/key"));
    ck_assert_int_eq(folder_read("key", text, sizeof text), 6);
    ck_assert_str_eq(text, "spoilt");

    folder_write("empty", "", 0);
    ck_assert_int_eq(chmod(folder_file("empty"), 0600), 0);
    ck_assert_int_eq(bl_key_file_open(&pair, folder_file("empty"), &source), BELAY_E_KEY);
}
END_TEST

START_TEST(what_cannot_be_a_key_file_is_named) {
    struct bl_key_pair pair;
    char zeros[4097] = "";
    char deep[5000];
    memset(deep, 'a', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    folder_write("large", zeros, sizeof zeros);
    ck_assert_int_eq(chmod(folder_file("large"), 0600), 0);
    ck_assert_int_eq(mkdir(folder_file("folder"), 0700), 0);
    ck_assert_int_eq(symlink("nowhere", folder_file("link")), 0);
    ck_assert_int_eq(bl_key_file_open(&pair, folder_file("large"), &source), BELAY_E_TOO_BIG);
    ck_assert_int_eq(bl_key_file_open(&pair, folder_file("folder"), &source), BELAY_E_SYSTEM);
    ck_assert_int_eq(bl_key_file_open(&pair, folder_file("none/key"), &source), BELAY_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(belay_error(), "/none/key"));
    ck_assert_int_eq(bl_key_file_open(&pair, folder_file("link"), &source), BELAY_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(belay_error(), "/link"));
    ck_assert_int_eq(bl_key_file_open(&pair, deep, &source), BELAY_E_SYSTEM);
    ck_assert_int_eq(bl_key_file_open(&pair, "", &source), BELAY_E_SYSTEM);
    ck_assert_uint_eq(folder_count(), 3); /* nothing was left behind */
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, begin, folder_end);
    tcase_add_loop_test(tests, a_key_file_is_read_or_what_is_wrong_is_named, 0, COUNT_OF(texts));
    tcase_add_test(tests, a_zero_byte_is_no_blank);
    tcase_add_test(tests, the_first_run_makes_the_key_that_every_run_has);
    tcase_add_test(tests, of_many_that_make_it_at_once_all_have_the_same_key);
    tcase_add_test(tests, a_key_that_others_may_read_is_refused);
    tcase_add_test(tests, what_is_spoilt_is_never_replaced);
    tcase_add_test(tests, what_cannot_be_a_key_file_is_named);
}
TEST_MAIN("secure/key_file", add_tests)
