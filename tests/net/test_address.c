/* Text to address and back, hostile text included. */
#define _GNU_SOURCE
#include "common/random.h"
#include "lib/net/address.h"
#include "tests/net/net_support.h"
#include "tests/support/test.h"
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#define V4(a, b, c, d)                                                                             \
    { [10] = 0xFF, [11] = 0xFF, [12] = (a), [13] = (b), [14] = (c), [15] = (d) }

/* `again` is the text that the address formats to. */
static const struct good {
    const char *text;
    struct bl_address address;
    const char *again;
} goods[] = {
    {"192.0.2.1:7777", {V4(192, 0, 2, 1), 0, 7777}, "192.0.2.1:7777"},
    {"0.0.0.0:0", {V4(0, 0, 0, 0), 0, 0}, "0.0.0.0:0"},
    {"255.255.255.255:65535", {V4(255, 255, 255, 255), 0, 65535}, "255.255.255.255:65535"},
    {"localhost:1", {V4(127, 0, 0, 1), 0, 1}, "127.0.0.1:1"},
    {"127.0.0.1:00080", {V4(127, 0, 0, 1), 0, 80}, "127.0.0.1:80"},
    {"[::]:0", {{0}, 0, 0}, "[::]:0"},
    {"[::1]:7777", {{[15] = 1}, 0, 7777}, "[::1]:7777"},
    {"[2001:DB8::1]:7777", {{0x20, 0x01, 0x0D, 0xB8, [15] = 1}, 0, 7777}, "[2001:db8::1]:7777"},
    {"[2001:db8:0:0:0:0:0:1]:1", {{0x20, 0x01, 0x0D, 0xB8, [15] = 1}, 0, 1}, "[2001:db8::1]:1"},
    {"[::ffff:192.0.2.1]:7", {V4(192, 0, 2, 1), 0, 7}, "192.0.2.1:7"},
    {"[::ffff:c000:201]:7", {V4(192, 0, 2, 1), 0, 7}, "192.0.2.1:7"},
    {"[fe80::1%3]:7", {{0xFE, 0x80, [15] = 1}, 3, 7}, "[fe80::1%3]:7"},
    {"[fe80::1%0]:7", {{0xFE, 0x80, [15] = 1}, 0, 7}, "[fe80::1]:7"},
    {"[febf::1%4294967295]:7", {{0xFE, 0xBF, [15] = 1}, 4294967295, 7}, "[febf::1%4294967295]:7"},
    {"[fe80::1]:7", {{0xFE, 0x80, [15] = 1}, 0, 7}, "[fe80::1]:7"},
};

START_TEST(a_good_address_is_read_and_written) {
    const struct good *good = &goods[_i];
    for (int wildcard = 0; wildcard <= 1; wildcard++) {
        struct bl_address address;
        memset(&address, 0xEE, sizeof(address));
        ck_assert_msg(bl_address_parse(&address, good->text, wildcard) == BELAY_OK, "%s",
                      belay_error());
        ck_assert_msg(bl_address_equal(&address, &good->address), "%s", good->text);
        char text[BL_ADDRESS_TEXT_SIZE];
        bl_address_format(&address, text, sizeof(text));
        ck_assert_str_eq(text, good->again);
    }
}
END_TEST

static const char *const bads[] = {
    "",
    " ",
    "7777",
    "192.0.2.1",
    "192.0.2.1:",
    "192.0.2.1:65536",
    "192.0.2.1:4294967296",
    "192.0.2.1:18446744073709551616",
    "192.0.2.1:99999999999999999999999999999999",
    "192.0.2.1:-1",
    "192.0.2.1:+1",
    "192.0.2.1: 1",
    "192.0.2.1:1 ",
    "192.0.2.1:1\n",
    "192.0.2.1:0x1F",
    "192.0.2.1:7777:",
    "192.0.2.1:7777/x",
    " 192.0.2.1:7777",
    "192.0.2.1 :7777",
    "192.0.2:7777",
    "192.0.2.1.1:7777",
    "192.0.2.256:7777",
    "192.0.2.01:7777",
    "0x7f.0.0.1:7777",
    "3221225985:7777",
    "192.0.2.1\xC2\xA0:7777",
    "belay.example:7777",
    "Localhost:7777",
    "localhost.:7777",
    "::1:7777",
    "2001:db8::1:7777",
    "[::1]",
    "[::1]7777",
    "[::1:7777",
    "::1]:7777",
    "[]:7777",
    "[[::1]]:7777",
    "[::1] :7777",
    "[ ::1]:7777",
    "[:::1]:7777",
    "[1::2::3]:7777",
    "[12345::]:7777",
    "[1:2:3:4:5:6:7]:7777",
    "[1:2:3:4:5:6:7:8:9]:7777",
    "[192.0.2.1]:7777",
    "[localhost]:7777",
    "[*]:7777",
    "[::1%1]:7777",
    "[::ffff:192.0.2.1%1]:7777",
    "[fec0::1%1]:7777",
    "[fe80::1%]:7777",
    "[fe80::1%4294967296]:7777",
    "[fe80::1%-1]:7777",
    "[fe80::1%no such interface]:7777",
    "[fe80::1%1%1]:7777",
    "[%1]:7777",
    "**:7777",
    "*.0.0.1:7777",
    "%s%n%s%n:7777",
    "%s:%n",
    "\x1B[31m127.0.0.1:7777",
    "\xFF\xFE:7777",
};

START_TEST(a_bad_address_is_refused_and_changes_nothing) {
    for (int wildcard = 0; wildcard <= 1; wildcard++) {
        struct bl_address address;
        struct bl_address before;
        memset(&address, 0xEE, sizeof(address));
        memset(&before, 0xEE, sizeof(before));
        enum belay_result result = bl_address_parse(&address, bads[_i], wildcard);
        ck_assert_msg(result == BELAY_E_ADDRESS, "\"%s\" was accepted", bads[_i]);
        ck_assert_mem_eq(&address, &before, sizeof(address));
        ck_assert_ptr_nonnull(strstr(belay_error(), "192.0.2.1:7777")); /* how to write it */
        ck_assert_ptr_null(strchr(belay_error(), '\x1B'));
    }
}
END_TEST

START_TEST(no_text_is_refused) {
    struct bl_address address;
    ck_assert_int_eq(bl_address_parse(&address, NULL, true), BELAY_E_ADDRESS);
}
END_TEST

START_TEST(wildcards_are_for_listening_only) {
    static const char *const wildcards[] = {"*:7777", ":7777"};
    for (size_t i = 0; i < COUNT_OF(wildcards); i++) {
        struct bl_address address;
        ck_assert_int_eq(bl_address_parse(&address, wildcards[i], false), BELAY_E_ADDRESS);
        ck_assert_int_eq(bl_address_parse(&address, wildcards[i], true), BELAY_OK);
        ck_assert(bl_address_is_any(&address));
        ck_assert(!bl_address_is_ipv4(&address));
        ck_assert_uint_eq(address.port, 7777);
    }
}
END_TEST

START_TEST(a_zone_may_be_named_by_its_interface) {
    char name[IF_NAMESIZE];
    ck_assert_ptr_nonnull(if_indextoname(1, name)); /* loopback, on every machine */
    char text[64];
    snprintf(text, sizeof(text), "[fe80::1%%%s]:7", name);
    struct bl_address address;
    ck_assert_int_eq(bl_address_parse(&address, text, false), BELAY_OK);
    ck_assert_uint_eq(address.scope, 1);
}
END_TEST

START_TEST(a_long_text_is_refused_at_any_length) {
    static const char *const starts[] = {"1", "[", "*", "[fe80::1%", "0.0.0.", "\xC3", ":"};
    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        for (size_t length = 32; length <= 1 << 16; length *= 2) {
            char *text = malloc(length + sizeof("]:7777"));
            memset(text, '1', length);
            memcpy(text, starts[i], strlen(starts[i]));
            strcpy(text + length, "]:7777");
            struct bl_address address;
            ck_assert_int_eq(bl_address_parse(&address, text, true), BELAY_E_ADDRESS);
            free(text);
        }
    }
}
END_TEST

/* Text made of the characters that mean something, so that every branch is met. */
START_TEST(random_text_is_refused_or_formats_to_itself) {
    static const char letters[] = "0123456789abcdef:::...[]%*";
    uint64_t seed = 20240 + (uint64_t)_i;
    struct bl_random random;
    bl_random_init_seeded(&random, seed);
    for (int i = 0; i < 50000; i++) {
        char text[80];
        size_t length = (size_t)bl_random_below(&random, sizeof(text));
        for (size_t at = 0; at < length; at++) {
            text[at] = letters[bl_random_below(&random, sizeof(letters) - 1)];
        }
        text[length] = '\0';
        struct bl_address address;
        if (bl_address_parse(&address, text, true) != BELAY_OK) {
            continue;
        }
        char formatted[BL_ADDRESS_TEXT_SIZE];
        bl_address_format(&address, formatted, sizeof(formatted));
        struct bl_address again;
        ASSERT_QUIETLY(bl_address_parse(&again, formatted, false) == BELAY_OK &&
                           bl_address_equal(&address, &again),
                       "seed %ju: \"%s\" became \"%s\"", (uintmax_t)seed, text, formatted);
    }
}
END_TEST

START_TEST(random_addresses_survive_text) {
    uint64_t seed = 777;
    struct bl_random random;
    bl_random_init_seeded(&random, seed);
    for (int i = 0; i < 20000; i++) {
        struct bl_address address = {.port = (uint16_t)bl_random_u64(&random)};
        bl_random_bytes(&random, address.ip, sizeof(address.ip));
        for (size_t at = 0; at < sizeof(address.ip); at++) { /* zeroes make "::" */
            address.ip[at] = bl_random_chance(&random, 0.7) ? 0 : address.ip[at];
        }
        char text[BL_ADDRESS_TEXT_SIZE];
        bl_address_format(&address, text, sizeof(text));
        struct bl_address again;
        ASSERT_QUIETLY(bl_address_parse(&again, text, false) == BELAY_OK &&
                           bl_address_equal(&address, &again),
                       "seed %ju: %s", (uintmax_t)seed, text);
    }
}
END_TEST

START_TEST(text_is_cut_to_its_place_and_terminated) {
    struct bl_address longest = {.scope = UINT32_MAX, .port = UINT16_MAX};
    memset(longest.ip, 0xFE, sizeof(longest.ip));
    char whole[BL_ADDRESS_TEXT_SIZE];
    bl_address_format(&longest, whole, sizeof(whole));
    ck_assert_str_eq(whole, "[fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe%4294967295]:65535");
    for (size_t size = 1; size < sizeof(whole); size++) {
        char text[BL_ADDRESS_TEXT_SIZE];
        memset(text, 'x', sizeof(text));
        bl_address_format(&longest, text, size);
        ck_assert_uint_eq(strlen(text), size - 1 < strlen(whole) ? size - 1 : strlen(whole));
        ck_assert_int_eq(strncmp(text, whole, size - 1), 0);
        ck_assert_int_eq(text[size], 'x');
    }
}
END_TEST

static const struct kind {
    const char *text;
    bool is_ipv4, is_loopback, is_any;
} kinds[] = {
    {"127.0.0.1:1", true, true, false},
    {"127.255.255.255:1", true, true, false},
    {"126.255.255.255:1", true, false, false},
    {"128.0.0.0:1", true, false, false},
    {"0.0.0.0:1", true, false, true},
    {"0.0.0.1:1", true, false, false},
    {"[::]:1", false, false, true},
    {"[::1]:1", false, true, false},
    {"[::2]:1", false, false, false},
    {"[1::1]:1", false, false, false},
    {"[::ffff:127.0.0.1]:1", true, true, false},
    {"[::127.0.0.1]:1", false, false, false},
    {"[7f00::1]:1", false, false, false},
    {"10.0.0.1:1", true, false, false},
};

START_TEST(an_address_is_of_its_kind) {
    const struct kind *kind = &kinds[_i];
    struct bl_address address;
    ck_assert_int_eq(bl_address_parse(&address, kind->text, false), BELAY_OK);
    ck_assert_int_eq(bl_address_is_ipv4(&address), kind->is_ipv4);
    ck_assert_int_eq(bl_address_is_loopback(&address), kind->is_loopback);
    ck_assert_int_eq(bl_address_is_any(&address), kind->is_any);
}
END_TEST

START_TEST(addresses_are_equal_in_every_part_or_not_at_all) {
    const struct bl_address one = {{0xFE, 0x80, [15] = 1}, 3, 7777};
    struct bl_address same = one;
    struct bl_address others[] = {one, one, one, one};
    others[0].port++;
    others[1].scope++;
    others[2].ip[0]++;
    others[3].ip[15]++;
    ck_assert(bl_address_equal(&one, &same));
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        ck_assert(!bl_address_equal(&one, &others[i]));
    }
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_good_address_is_read_and_written, 0, (int)COUNT_OF(goods));
    tcase_add_loop_test(tests, a_bad_address_is_refused_and_changes_nothing, 0,
                        (int)COUNT_OF(bads));
    tcase_add_test(tests, no_text_is_refused);
    tcase_add_test(tests, wildcards_are_for_listening_only);
    tcase_add_test(tests, a_zone_may_be_named_by_its_interface);
    tcase_add_test(tests, a_long_text_is_refused_at_any_length);
    tcase_add_loop_test(tests, random_text_is_refused_or_formats_to_itself, 0, 4);
    tcase_add_test(tests, random_addresses_survive_text);
    tcase_add_test(tests, text_is_cut_to_its_place_and_terminated);
    tcase_add_loop_test(tests, an_address_is_of_its_kind, 0, (int)COUNT_OF(kinds));
    tcase_add_test(tests, addresses_are_equal_in_every_part_or_not_at_all);
}

TEST_MAIN("address", add_tests)
