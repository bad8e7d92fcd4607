/* <belay/token.h>: what a login service calls, and what it is told. */
#define _GNU_SOURCE
#include <belay/token.h>

#include "lib/clock/clock.h"
#include "lib/secure/token.h"
#include "lib/wire/datagram.h"
#include "tests/support/folder.h"

static struct belay_token_opts opts;
static uint8_t token[BELAY_TOKEN_SIZE_MAX];
static size_t size;
static char text[BELAY_TOKEN_TEXT_MAX];

static void begin(void) {
    folder_begin();
    ck_assert_int_eq(belay_key_generate(folder_file("keys")), BELAY_OK);
    static char key_file[512];
    strcpy(key_file, folder_file("keys"));
    opts = (struct belay_token_opts)BELAY_TOKEN_OPTS_INIT;
    opts.key_file = key_file;
    memcpy(opts.user_id, "user", 4);
    memset(token, 0, sizeof token);
    size = sizeof token;
}

static struct bl_token_keys load_keys(void) {
    struct bl_token_keys keys;
    ck_assert_int_eq(bl_token_keys_load(&keys, opts.key_file), BELAY_OK);
    return keys;
}

/** Issues with opts, and opens what comes out. */
static struct bl_token issue(struct bl_token_blob *blob) {
    struct bl_token opened;
    struct bl_token_keys keys = load_keys();
    enum belay_result result = belay_token_issue(&opts, token, &size);
    ck_assert_msg(result == BELAY_OK, "%s", belay_error());
    ck_assert_int_eq(bl_token_blob_read(blob, token, size), BL_TOKEN_VALID);
    ck_assert_int_eq(bl_token_open(&opened, blob->token, blob->token_size, &keys), BL_TOKEN_VALID);
    return opened;
}

static uint64_t wall_ms(void) {
    return (uint64_t)(bl_clock_wall() / BL_MILLISECOND);
}

START_TEST(a_token_says_what_its_options_say) {
    struct bl_token_blob blob;
    opts.audience = "eu-1";
    opts.addresses = "play.example.org:7777, [2001:db8::1]:7778";
    opts.life_s = 30;
    opts.data = "team\0red";
    opts.data_size = 8;
    opts.game = "arena/3";
    uint64_t before = wall_ms();
    struct bl_token opened = issue(&blob);
    ck_assert_str_eq(opened.audience, "eu-1");
    ck_assert_mem_eq(opened.user_id, "user\0\0\0\0\0\0\0\0\0\0\0", 16);
    ck_assert_uint_eq(opened.data_size, 8);
    ck_assert_mem_eq(opened.data, "team\0red", 8);
    ck_assert_uint_eq(opened.head.game, bl_wire_hash("arena/3"));
    ck_assert_uint_eq(opened.rate_class, 0);
    ck_assert_uint_ge(opened.head.not_before_ms, before);
    ck_assert_uint_le(opened.head.not_before_ms, wall_ms());
    ck_assert_uint_eq(opened.head.expiry_ms, opened.head.not_before_ms + 30000);
    ck_assert(bl_equal(&blob.secret, &opened.secret, sizeof opened.secret));
    ck_assert_uint_eq(blob.place_count, 2);
    ck_assert_str_eq(blob.places[0], "play.example.org:7777");
    ck_assert_str_eq(blob.places[1], "[2001:db8::1]:7778");
}
END_TEST

START_TEST(a_key_file_and_a_user_are_enough) {
    struct bl_token_blob blob;
    struct bl_token opened = issue(&blob);
    ck_assert_str_eq(opened.audience, "");
    ck_assert_uint_eq(opened.head.game, 0);
    ck_assert_uint_eq(opened.data_size, 0);
    ck_assert_uint_eq(opened.head.expiry_ms, opened.head.not_before_ms + 60000);
    ck_assert_uint_eq(blob.place_count, 0);
}
END_TEST

START_TEST(no_two_tokens_have_an_id_or_a_secret_in_common) {
    struct bl_token_blob blob;
    struct bl_token first = issue(&blob), second = issue(&blob);
    ck_assert_mem_ne(first.id, second.id, sizeof first.id);
    ck_assert_mem_ne(&first.secret, &second.secret, sizeof first.secret);
}
END_TEST

START_TEST(a_new_key_seals_at_once_and_the_old_ones_still_open) {
    struct bl_token_blob blob;
    struct bl_token opened;
    issue(&blob);
    ck_assert_int_eq(belay_key_add(opts.key_file), BELAY_OK);
    struct bl_token_keys keys = load_keys();
    ck_assert_uint_eq(keys.count, 2);
    ck_assert_int_eq(bl_token_open(&opened, blob.token, blob.token_size, &keys), BL_TOKEN_VALID);
    ck_assert_uint_eq(opened.head.key_id, keys.keys[1].id);
    opened = issue(&blob);
    ck_assert_uint_eq(opened.head.key_id, keys.keys[0].id);
}
END_TEST

#define X16  "xxxxxxxxxxxxxxxx"
#define X64  X16 X16 X16 X16
#define X128 X64 X64
#define N128 X16 X16 X16 "." X16 X16 X16 "." X16 "xxxxxxxxxxxxxx" /* a name */

/* Each row is one mistake: what is told of it, and the field that is named. */
static const struct mistake {
    enum belay_result result;
    const char *field;
    struct belay_token_opts opts; /* only what is wrong; the rest is filled in */
} mistakes[] = {
    {BELAY_E_INVALID, "struct_size", {.struct_size = sizeof(struct belay_token_opts) + 1}},
    {BELAY_E_INVALID, "struct_size", {.struct_size = 1}},
    {BELAY_E_INVALID, "life_s", {.life_s = 121}},
    {BELAY_E_INVALID, "data", {.data_size = 1}},
    {BELAY_E_TOO_BIG, "data", {.data = X128 "x", .data_size = 129}},
    {BELAY_E_TOO_BIG, "audience", {.audience = X64 "x"}},
    {BELAY_E_TOO_BIG, "addresses", {.addresses = "a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9"}},
    {BELAY_E_TOO_BIG,
     "addresses",
     {.addresses = N128 ":1," N128 ":1," N128 ":1," N128 ":1," N128 ":1," N128 ":1," N128 ":1"}},
    {BELAY_E_ADDRESS, "addresses", {.addresses = "a:1,nowhere"}},
    {BELAY_E_ADDRESS, "addresses", {.addresses = "a:1,,b:1"}},
    {BELAY_E_ADDRESS, "addresses", {.addresses = "0.0.0.0:1"}},
    {BELAY_E_SYSTEM, "no/such", {.key_file = "/no/such"}},
};

START_TEST(a_mistake_is_named_and_gives_no_token) {
    struct belay_token_opts wrong = mistakes[_i].opts;
    wrong.struct_size = wrong.struct_size != 0 ? wrong.struct_size : sizeof wrong;
    wrong.key_file = wrong.key_file != NULL ? wrong.key_file : opts.key_file;
    memcpy(wrong.user_id, opts.user_id, sizeof wrong.user_id);
    ck_assert_int_eq(belay_token_issue(&wrong, token, &size), mistakes[_i].result);
    ck_assert_msg(strstr(belay_error(), mistakes[_i].field) != NULL, "%s", belay_error());
    ck_assert_uint_eq(size, sizeof token);
    ck_assert_uint_eq(token[0], 0);
}
END_TEST

START_TEST(every_limit_can_be_reached) {
    struct bl_token_blob blob;
    opts.audience = X64;
    opts.data = X128;
    opts.data_size = 128;
    opts.life_s = 120;
    opts.addresses = "a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8";
    struct bl_token opened = issue(&blob);
    ck_assert_uint_eq(blob.place_count, 8);
    ck_assert_uint_eq(opened.head.expiry_ms, opened.head.not_before_ms + 120000);
}
END_TEST

START_TEST(what_is_missing_is_named) {
    ck_assert_int_eq(belay_token_issue(NULL, token, &size), BELAY_E_INVALID);
    ck_assert_int_eq(belay_token_issue(&opts, NULL, &size), BELAY_E_INVALID);
    ck_assert_int_eq(belay_token_issue(&opts, token, NULL), BELAY_E_INVALID);
    opts.user_id[0] = opts.user_id[1] = opts.user_id[2] = opts.user_id[3] = 0;
    ck_assert_int_eq(belay_token_issue(&opts, token, &size), BELAY_E_INVALID);
    ck_assert_ptr_nonnull(strstr(belay_error(), "user_id"));
    opts.user_id[15] = 1;
    opts.key_file = NULL;
    ck_assert_int_eq(belay_token_issue(&opts, token, &size), BELAY_E_INVALID);
    ck_assert_ptr_nonnull(strstr(belay_error(), "key_file"));
    ck_assert_int_eq(belay_key_generate(NULL), BELAY_E_INVALID);
    ck_assert_int_eq(belay_key_add(NULL), BELAY_E_INVALID);
}
END_TEST

START_TEST(memory_that_is_too_small_is_left_alone) {
    ck_assert_int_eq(belay_token_issue(&opts, token, &size), BELAY_OK);
    memset(token, 0, sizeof token);
    size--;
    ck_assert_int_eq(belay_token_issue(&opts, token, &size), BELAY_E_TOO_BIG);
    ck_assert_uint_eq(token[0], 0);
    size++;
    ck_assert_int_eq(belay_token_issue(&opts, token, &size), BELAY_OK);
}
END_TEST

START_TEST(an_older_program_knows_less_of_the_options) {
    opts.game = "newer";
    opts.struct_size = offsetof(struct belay_token_opts, game);
    struct bl_token_blob blob;
    struct bl_token opened = issue(&blob);
    ck_assert_uint_eq(opened.head.game, 0);
}
END_TEST

/* ---- inspect */

static enum belay_result inspect(const void *data, size_t data_size, bool with_keys) {
    memset(text, '#', sizeof text);
    return belay_token_inspect(data, data_size, with_keys ? opts.key_file : NULL, text,
                               sizeof text);
}

static void ck_assert_shows(const char *what) {
    ck_assert_msg(strstr(text, what) != NULL, "\"%s\" is not in\n%s", what, text);
}

static void ck_assert_hides(const uint8_t *secret, size_t secret_size) {
    char digits[2 * BL_SECRET_SIZE + 1];
    for (size_t i = 0; i < secret_size; i++) {
        snprintf(digits + 2 * i, 3, "%02x", secret[i]);
    }
    digits[16] = '\0'; /* not even a part of it */
    ck_assert_ptr_null(strstr(text, digits));
}

START_TEST(a_token_is_shown_without_its_secrets) {
    struct bl_token_blob blob;
    struct bl_token_keys keys = load_keys();
    opts.audience = "eu-1";
    opts.addresses = "play.example.org:7777";
    opts.data = "team=red";
    opts.data_size = 8;
    opts.game = "arena/3";
    issue(&blob);
    ck_assert_int_eq(inspect(token, size, true), BELAY_OK);
    ck_assert_shows("play.example.org:7777\n");
    ck_assert_shows("user id: 75736572000000000000000000000000\n");
    ck_assert_shows("audience: \"eu-1\"\n");
    ck_assert_shows("data: \"team=red\"\n");
    ck_assert_shows("\nvalid\n");
    ck_assert_hides(blob.secret.bytes, BL_SECRET_SIZE);
    ck_assert_hides(keys.keys[0].secret.bytes, BL_SECRET_SIZE);
    char line[64];
    snprintf(line, sizeof line, "key id: %08x\n", (unsigned)keys.keys[0].id);
    ck_assert_shows(line);
    snprintf(line, sizeof line, "game: %016llx", (unsigned long long)bl_wire_hash("arena/3"));
    ck_assert_shows(line);

    ck_assert_int_eq(inspect(blob.token, blob.token_size, true), BELAY_OK); /* bare */
    ck_assert_shows("audience: \"eu-1\"\n");
    ck_assert_int_eq(inspect(token, size, false), BELAY_OK);
    ck_assert_shows("sealed");
    ck_assert_shows("as far as can be seen");
    ck_assert_ptr_null(strstr(text, "eu-1"));
}
END_TEST

START_TEST(data_that_is_no_text_is_shown_in_digits) {
    struct bl_token_blob blob;
    opts.data = "\x1b[2J";
    opts.data_size = 4;
    opts.audience = "a\x1b[2J";
    issue(&blob);
    ck_assert_int_eq(inspect(token, size, true), BELAY_OK);
    ck_assert_shows("1b5b324a");
    ck_assert_shows("audience: \"a?[2J\"");
    ck_assert_ptr_null(strchr(text, '\x1b'));
}
END_TEST

/** Seals a bare token that is valid from @p start_ms on, for 60 s. */
static size_t seal_at(uint64_t start_ms) {
    struct bl_random random;
    struct bl_token_keys keys = load_keys();
    const struct bl_token plain = {
        .head = {.not_before_ms = start_ms, .expiry_ms = start_ms + 60000}};
    bl_random_init_seeded(&random, 1);
    return bl_token_seal(token, &plain, &keys.keys[0], &random);
}

START_TEST(a_token_that_is_not_valid_is_shown_with_its_reason) {
    static const struct {
        int64_t start_s; /* from now */
        const char *reason;
    } rows[] = {{-3600, "expired"}, {3600, "not yet valid"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t bare = seal_at((uint64_t)((int64_t)wall_ms() + rows[i].start_s * 1000));
        ck_assert_int_eq(inspect(token, bare, true), BELAY_E_KEY);
        ck_assert_shows("user id: 0000");
        ck_assert_shows("not valid: ");
        ck_assert_shows(rows[i].reason);
        ck_assert_ptr_nonnull(strstr(belay_error(), rows[i].reason));
        ck_assert_int_eq(inspect(token, bare, false), BELAY_E_KEY);
        ck_assert_shows(rows[i].reason);
    }
}
END_TEST

START_TEST(a_token_that_was_damaged_is_shown_with_what_is_wrong) {
    struct bl_token_blob blob;
    opts.addresses = "play.example.org:7777";
    issue(&blob);
    ck_assert_int_eq(inspect(token, size - 1, true), BELAY_E_KEY);
    ck_assert_shows("not valid: truncated");
    ck_assert_int_eq(inspect(blob.token, 100, true), BELAY_E_KEY);
    ck_assert_shows("not valid: truncated");
    ck_assert_int_eq(inspect("", 0, true), BELAY_E_KEY);
    ck_assert_shows("not valid: truncated");
    ck_assert_int_eq(inspect("<html>", 6, true), BELAY_E_KEY);
    ck_assert_shows("no token at all");
    token[10 + 60] ^= 1; /* of what is sealed */
    ck_assert_int_eq(inspect(token, size, true), BELAY_E_KEY);
    ck_assert_shows("not valid: altered");
    token[10 + 60] ^= 1;
    token[10 + blob.token_size] ^= 1; /* of the secret beside it */
    ck_assert_int_eq(inspect(token, size, true), BELAY_E_KEY);
    ck_assert_shows("not the token's");
    token[10 + blob.token_size] ^= 1;
    ck_assert_int_eq(inspect(token, size, true), BELAY_OK);

    unlink(opts.key_file);
    ck_assert_int_eq(inspect(token, size, true), BELAY_E_SYSTEM);
    ck_assert_shows("not inspected");
    ck_assert_int_eq(belay_key_generate(opts.key_file), BELAY_OK);
    ck_assert_int_eq(inspect(token, size, true), BELAY_E_KEY);
    ck_assert_shows("a key that the key file does not have");
}
END_TEST

static const struct date {
    uint64_t ms;
    const char *text;
} dates[] = {
    {0, "not before: 1970-01-01T00:00:00.000Z\n"},
    {951782400000, "not before: 2000-02-29T00:00:00.000Z\n"},
    {1735689599999, "not before: 2024-12-31T23:59:59.999Z\n"},
    {4107542399999, "not before: 2100-02-28T23:59:59.999Z\n"},
    {4107542400000, "not before: 2100-03-01T00:00:00.000Z\n"},
    {UINT64_MAX - 60000, "Z\n"},
};

START_TEST(times_are_shown_as_dates) {
    size_t bare = seal_at(dates[_i].ms);
    inspect(token, bare, false);
    ck_assert_shows(dates[_i].text);
}
END_TEST

START_TEST(text_is_cut_to_its_memory) {
    struct bl_token_blob blob;
    issue(&blob);
    ck_assert_int_eq(inspect(token, size, true), BELAY_OK);
    size_t whole = strlen(text);
    for (size_t room = 1; room <= whole + 1; room++) {
        char *narrow = malloc(room);
        ck_assert_int_eq(belay_token_inspect(token, size, opts.key_file, narrow, room), BELAY_OK);
        ck_assert_uint_eq(strlen(narrow), room - 1);
        free(narrow);
    }
    ck_assert_int_eq(belay_token_inspect(token, size, NULL, text, 0), BELAY_E_INVALID);
    ck_assert_int_eq(belay_token_inspect(token, size, NULL, NULL, 9), BELAY_E_INVALID);
    ck_assert_int_eq(belay_token_inspect(NULL, size, NULL, text, 9), BELAY_E_INVALID);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, begin, folder_end);
    tcase_add_test(tests, a_token_says_what_its_options_say);
    tcase_add_test(tests, a_key_file_and_a_user_are_enough);
    tcase_add_test(tests, no_two_tokens_have_an_id_or_a_secret_in_common);
    tcase_add_test(tests, a_new_key_seals_at_once_and_the_old_ones_still_open);
    tcase_add_loop_test(tests, a_mistake_is_named_and_gives_no_token, 0, COUNT_OF(mistakes));
    tcase_add_test(tests, every_limit_can_be_reached);
    tcase_add_test(tests, what_is_missing_is_named);
    tcase_add_test(tests, memory_that_is_too_small_is_left_alone);
    tcase_add_test(tests, an_older_program_knows_less_of_the_options);
    tcase_add_test(tests, a_token_is_shown_without_its_secrets);
    tcase_add_test(tests, data_that_is_no_text_is_shown_in_digits);
    tcase_add_test(tests, a_token_that_is_not_valid_is_shown_with_its_reason);
    tcase_add_test(tests, a_token_that_was_damaged_is_shown_with_what_is_wrong);
    tcase_add_loop_test(tests, times_are_shown_as_dates, 0, COUNT_OF(dates));
    tcase_add_test(tests, text_is_cut_to_its_memory);
}
TEST_MAIN("secure/token_api", add_tests)
