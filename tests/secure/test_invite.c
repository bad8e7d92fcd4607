/* Invites: every form that is one, every way in which one can be spoilt, and the words for it. */
#include "lib/secure/invite.h"

#include "tests/support/test.h"
#include <stdio.h>
#include <string.h>

#define KEY  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHv8" /* 0 to 30, 255 */
#define L10  "abcdefghi."
#define L50  L10 L10 L10 L10 L10
#define L63  "a23456789b123456789c123456789d123456789e123456789f123456789g123"
#define N253 L50 L50 L50 L50 L50 "abc"

static const struct form {
    const char *text, *host;
    uint16_t port;
    bool has_key;
    const char *written; /* NULL: as the text */
} forms[] = {
    {"127.0.0.1:7777", "127.0.0.1", 7777, false, NULL},
    {"localhost:1", "localhost", 1, false, NULL},
    {"game.example:65535", "game.example", 65535, false, NULL},
    {"belay://game.example:7777", "game.example", 7777, false, "game.example:7777"},
    {"belay://game.example:7777/" KEY, "game.example", 7777, true, NULL},
    {"belay://[2001:db8::1]:7777/" KEY, "2001:db8::1", 7777, true, NULL},
    {"[2001:DB8:0:0::1]:07777", "2001:db8::1", 7777, false, "[2001:db8::1]:7777"},
    {"[::ffff:192.0.2.1]:7", "192.0.2.1", 7, false, "192.0.2.1:7"},
    {"[fe80::1%3]:7", "fe80::1%3", 7, false, NULL},
    {"GAME-2.Example:7", "game-2.example", 7, false, "game-2.example:7"},
    {"my_service:7", "my_service", 7, false, NULL},
    {"4game.3d:7", "4game.3d", 7, false, NULL},
    {"xn--bcher-kva.example:7", "xn--bcher-kva.example", 7, false, NULL},
    {L63 ".example:7", L63 ".example", 7, false, NULL},
    {N253 ":65535", N253, 65535, false, NULL},
    {"belay://" N253 ":65535/" KEY, N253, 65535, true, NULL},
};

START_TEST(an_invite_is_read_and_written) {
    const struct form *form = &forms[_i];
    struct bl_invite invite;
    char text[BL_INVITE_TEXT_SIZE];
    enum belay_result result = bl_invite_parse(&invite, form->text);
    ck_assert_msg(result == BELAY_OK, "%s", belay_error());
    ck_assert_str_eq(invite.host, form->host);
    ck_assert_uint_eq(invite.port, form->port);
    ck_assert_int_eq(invite.has_key, form->has_key);
    for (unsigned i = 0; i < BL_PUBLIC_SIZE; i++) {
        ck_assert_uint_eq(invite.key[i], !form->has_key ? 0 : i == 31 ? 255 : i);
    }
    ck_assert_int_eq(bl_invite_format(&invite, text, sizeof text), BELAY_OK);
    ck_assert_str_eq(text, form->written != NULL ? form->written : form->text);
}
END_TEST

/* Each row is what is no invite, and a part of the words that say why. */
static const struct wrong {
    const char *text;
    enum belay_result result;
    const char *problem;
} wrongs[] = {
    {"", BELAY_E_ADDRESS, "\"\" has no port"},
    {"belay://", BELAY_E_ADDRESS, "has no port"},
    {"127.0.0.1", BELAY_E_ADDRESS, "\"127.0.0.1\" has no port"},
    {"[::1]", BELAY_E_ADDRESS, "has no port"},
    {"game.example:", BELAY_E_ADDRESS, "is no port"},
    {"game.example:+7", BELAY_E_ADDRESS, "\"+7\" is no port"},
    {"game.example:7 ", BELAY_E_ADDRESS, "\"7 \" is no port"},
    {"game.example:65536", BELAY_E_ADDRESS, "65536"},
    {"game.example:000001", BELAY_E_ADDRESS, "is no port"},
    {"game.example:0", BELAY_E_INVALID, "port 0"},
    {":7777", BELAY_E_INVALID, "no host"},
    {"*:7777", BELAY_E_INVALID, "no host"},
    {"0.0.0.0:7777", BELAY_E_INVALID, "listens"},
    {"[::]:7777", BELAY_E_INVALID, "listens"},
    {"2001:db8::1:7777", BELAY_E_ADDRESS, "brackets"},
    {"::1", BELAY_E_ADDRESS, "brackets"},
    {"[2001:db8::g]:7", BELAY_E_ADDRESS, "no numeric address"},
    {"[127.0.0.1]:7", BELAY_E_ADDRESS, "no numeric address"},
    {"[game.example]:7", BELAY_E_ADDRESS, "no numeric address"},
    {"[::1:7", BELAY_E_ADDRESS, "no numeric address"},
    {"::1]:7", BELAY_E_ADDRESS, "brackets"},
    {"1.2.3:7", BELAY_E_ADDRESS, "no numeric address"}, /* 1.2.0.3, if the system were asked */
    {"16909060:7", BELAY_E_ADDRESS, "no numeric address"},
    {"256.0.0.1:7", BELAY_E_ADDRESS, "no numeric address"},
    {"game.1:7", BELAY_E_ADDRESS, "no numeric address"},
    {"game..example:7", BELAY_E_ADDRESS, "empty part"},
    {".example:7", BELAY_E_ADDRESS, "empty part"},
    {"game.example.:7", BELAY_E_ADDRESS, "empty part"},
    {"-game.example:7", BELAY_E_ADDRESS, "hyphen"},
    {"game-.example:7", BELAY_E_ADDRESS, "hyphen"},
    {"b\xC3\xBC"
     "cher.example:7",
     BELAY_E_ADDRESS, "xn--"},
    {" game.example:7", BELAY_E_ADDRESS, "no host name has"},
    {"friend@game.example:7", BELAY_E_ADDRESS, "no host name has"},
    {L63 "4.example:7", BELAY_E_ADDRESS, "63"},
    {N253 "d:7", BELAY_E_ADDRESS, "too long"},
    {N253 L50 L50 "d:7", BELAY_E_ADDRESS, "too long"},
    {N253 N253 N253, BELAY_E_ADDRESS, "too long"},
    {"http://game.example:7/", BELAY_E_ADDRESS, "belay://"},
    {"game.example:7/" KEY, BELAY_E_ADDRESS, "belay://"},
    {"BELAY://game.example:7/" KEY, BELAY_E_ADDRESS, "belay://"},
    {"belay://belay://game.example:7", BELAY_E_ADDRESS, "is no port"},
    {"belay://game.example:7/", BELAY_E_KEY, "has 0 characters"},
    {"belay://game.example:7/AAEC", BELAY_E_KEY, "has 4 characters"},
    {"belay://game.example:7/" KEY "=", BELAY_E_KEY, "has 44 characters"},
    {"belay://game.example:7/" KEY "\n", BELAY_E_KEY, "nothing behind it"},
    {"belay://game.example:7/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH/8", BELAY_E_KEY, "altered"},
    {"belay://game.example:7/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH+8", BELAY_E_KEY, "altered"},
    {"belay://game.example:7/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHv=", BELAY_E_KEY, "altered"},
    {"belay://game.example:7/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHv9", BELAY_E_KEY, "altered"},
};

START_TEST(what_is_no_invite_is_told_why) {
    const struct wrong *wrong = &wrongs[_i];
    struct bl_invite invite, before;
    memset(&invite, 0x55, sizeof invite);
    memset(&before, 0x55, sizeof before);
    ck_assert_int_eq(bl_invite_parse(&invite, wrong->text), wrong->result);
    ck_assert_msg(strstr(belay_error(), wrong->problem) != NULL, "\"%s\": %s", wrong->text,
                  belay_error());
    ck_assert_int_eq(strncmp(belay_error(), "invite: ", 8), 0);
    ck_assert_ptr_null(strstr(belay_error(), "AAEC")); /* it might be a secret, pasted by mistake */
    ck_assert_mem_eq(&invite, &before, sizeof invite);
}
END_TEST

START_TEST(no_part_of_an_invite_with_a_key_loses_only_the_key) {
    static const char whole[] = "belay://game.example:7777/" KEY;
    const size_t bare = strlen("belay://game.example:7777");
    for (size_t size = bare + 1; size < strlen(whole); size++) {
        char part[sizeof whole];
        struct bl_invite invite;
        snprintf(part, sizeof part, "%.*s", (int)size, whole);
        ck_assert_int_eq(bl_invite_parse(&invite, part), BELAY_E_KEY);
    }
}
END_TEST

static const struct part {
    const char *host;
    uint16_t port;
    enum belay_result result;
    const char *written; /* or, if it fails, a part of the words */
} parts[] = {
    {"game.example", 7777, BELAY_OK, "belay://game.example:7777/" KEY},
    {"192.0.2.1", 7777, BELAY_OK, "belay://192.0.2.1:7777/" KEY},
    {"2001:DB8::1", 7777, BELAY_OK, "belay://[2001:db8::1]:7777/" KEY},
    {"[2001:db8::1]", 7777, BELAY_OK, "belay://[2001:db8::1]:7777/" KEY},
    {N253, 65535, BELAY_OK, "belay://" N253 ":65535/" KEY},
    {N253 "d", 65535, BELAY_E_ADDRESS, "too long"},
    {N253 N253, 1, BELAY_E_ADDRESS, "is no host"},
    {"", 1, BELAY_E_INVALID, "no host"},
    {"*", 1, BELAY_E_INVALID, "no host"},
    {"::", 1, BELAY_E_INVALID, "listens"},
    {"game.example", 0, BELAY_E_INVALID, "port 0"},
    {"game.example:7777", 1, BELAY_E_ADDRESS, "no numeric address"},
    {"[::1]:7777", 1, BELAY_E_ADDRESS, "no numeric address"},
    {"belay://game.example", 1, BELAY_E_ADDRESS, "without a port"},
    {"game.example/", 1, BELAY_E_ADDRESS, "without a port"},
};

START_TEST(an_invite_is_made_of_parts_that_are_looked_at) {
    const struct part *part = &parts[_i];
    struct bl_invite key, invite = {.host = "before"};
    char text[BL_INVITE_TEXT_SIZE];
    ck_assert_int_eq(bl_invite_parse(&key, "belay://h:1/" KEY), BELAY_OK);
    enum belay_result result = bl_invite_make(&invite, part->host, part->port, key.key);
    ck_assert_int_eq(result, part->result);
    if (result == BELAY_OK) {
        ck_assert_int_eq(bl_invite_format(&invite, text, sizeof text), BELAY_OK);
        ck_assert_str_eq(text, part->written);
    } else {
        ck_assert_msg(strstr(belay_error(), part->written) != NULL, "%s", belay_error());
        ck_assert_str_eq(invite.host, "before");
    }
}
END_TEST

START_TEST(an_invite_without_a_key_has_none) {
    struct bl_invite invite;
    memset(&invite, 0x55, sizeof invite);
    ck_assert_int_eq(bl_invite_make(&invite, "h", 1, NULL), BELAY_OK);
    ck_assert(!invite.has_key);
    ck_assert_uint_eq(invite.key[0], 0);
}
END_TEST

START_TEST(what_has_no_room_is_not_written_in_part) {
    static const char whole[] = "belay://h:1/" KEY;
    struct bl_invite invite;
    char text[sizeof whole];
    ck_assert_int_eq(bl_invite_parse(&invite, whole), BELAY_OK);
    ck_assert_int_eq(bl_invite_format(&invite, text, sizeof text), BELAY_OK);
    ck_assert_int_eq(bl_invite_format(&invite, text, sizeof text - 1), BELAY_E_TOO_BIG);
    ck_assert_str_eq(text, "");
    ck_assert_ptr_nonnull(strstr(belay_error(), "56 bytes"));
    ck_assert_int_eq(bl_invite_format(&invite, NULL, 0), BELAY_E_TOO_BIG);
}
END_TEST

START_TEST(a_place_is_a_host_and_a_port) {
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"game.example:7", "belay://Game.Example:7/" KEY, true},
        {"[::1]:7", "[0:0::1]:7", true},
        {"game.example:7", "game.example:8", false},
        {"game.example:7", "game.examples:7", false},
        {"localhost:7", "127.0.0.1:7", false}, /* names are not looked up */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bl_invite a, b;
        ck_assert_int_eq(bl_invite_parse(&a, rows[i].a), BELAY_OK);
        ck_assert_int_eq(bl_invite_parse(&b, rows[i].b), BELAY_OK);
        ck_assert_int_eq(bl_invite_same_place(&a, &b), rows[i].same);
    }
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, an_invite_is_read_and_written, 0, COUNT_OF(forms));
    tcase_add_loop_test(tests, what_is_no_invite_is_told_why, 0, COUNT_OF(wrongs));
    tcase_add_test(tests, no_part_of_an_invite_with_a_key_loses_only_the_key);
    tcase_add_loop_test(tests, an_invite_is_made_of_parts_that_are_looked_at, 0, COUNT_OF(parts));
    tcase_add_test(tests, an_invite_without_a_key_has_none);
    tcase_add_test(tests, what_has_no_room_is_not_written_in_part);
    tcase_add_test(tests, a_place_is_a_host_and_a_port);
}
TEST_MAIN("secure/invite", add_tests)
