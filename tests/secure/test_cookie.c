/* The cookies of RETRY: what they are bound to, and how long they are good. */
#include "lib/secure/cookie.h"

#include "tests/support/test.h"
#include <string.h>

#define START (5 * BL_SECOND)

static struct bl_random random;
static struct bl_cookies cookies;
static const uint8_t nonce[BL_NONCE_SIZE] = "0123456789abcde";
static struct bl_address address;
static uint8_t cookie[BL_COOKIE_SIZE];

static void start(void) {
    bl_random_init_seeded(&random, 11);
    bl_cookies_init(&cookies, &random, START);
    ck_assert_int_eq(bl_address_parse(&address, "192.0.2.1:7777", false), BELAY_OK);
}

static void finish(void) {
    bl_cookies_wipe(&cookies);
}

static bool is_good(bl_time now) {
    return bl_cookie_check(&cookies, cookie, &address, nonce, now);
}

START_TEST(a_cookie_is_good_where_it_was_made) {
    bl_cookie_make(&cookies, cookie, &address, nonce, START);
    ck_assert(is_good(START));
    ck_assert(is_good(START + BL_SECOND));
}
END_TEST

START_TEST(the_same_question_gets_the_same_cookie) {
    uint8_t again[BL_COOKIE_SIZE];
    bl_cookie_make(&cookies, cookie, &address, nonce, START);
    bl_cookie_make(&cookies, again, &address, nonce, START + BL_COOKIE_TURN - 1);
    ck_assert_mem_eq(cookie, again, sizeof again);
    bl_cookie_make(&cookies, again, &address, nonce, START + BL_COOKIE_TURN);
    ck_assert_mem_ne(cookie, again, sizeof again);
}
END_TEST

/* What a thief would have to change. */
static const struct theft {
    const char *name;
    const char *address;
    const char *nonce;
} thefts[] = {
    {"another host", "192.0.2.2:7777", "0123456789abcde"},
    {"another port", "192.0.2.1:7778", "0123456789abcde"},
    {"a port whose low byte is the same", "192.0.2.1:8033", "0123456789abcde"},
    {"IPv6", "[2001:db8::1]:7777", "0123456789abcde"},
    {"IPv6 with the bytes of the IPv4 address", "[::c000:201]:7777", "0123456789abcde"},
    {"the first byte of the nonce", "192.0.2.1:7777", "x123456789abcde"},
    {"the last byte of the nonce", "192.0.2.1:7777", "0123456789abcdx"},
};

START_TEST(a_cookie_is_good_for_one_address_and_nonce) {
    const struct theft *theft = &thefts[_i];
    struct bl_address other;
    bl_cookie_make(&cookies, cookie, &address, nonce, START);
    ck_assert_int_eq(bl_address_parse(&other, theft->address, false), BELAY_OK);
    ck_assert_msg(!bl_cookie_check(&cookies, cookie, &other, (const uint8_t *)theft->nonce, START),
                  "%s", theft->name);
}
END_TEST

START_TEST(every_bit_of_a_cookie_counts) {
    bl_cookie_make(&cookies, cookie, &address, nonce, START);
    for (unsigned bit = 0; bit < 8 * BL_COOKIE_SIZE; bit++) {
        cookie[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert_msg(!is_good(START), "bit %u", bit);
        cookie[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    ck_assert(is_good(START));
}
END_TEST

/* In nanoseconds of the age of the secret, on a grid of 30 s that begins at init. */
static const struct age {
    bl_duration made, used; /* after START, with other uses only where `between` says so */
    bl_duration between;
    bool good;
} ages[] = {
    {0, BL_COOKIE_TURN, 0, true},
    {0, 2 * BL_COOKIE_TURN - 1, 0, true},
    {0, 2 * BL_COOKIE_TURN - 1, BL_COOKIE_TURN, true},
    {0, 2 * BL_COOKIE_TURN, 0, false},
    {0, 2 * BL_COOKIE_TURN, BL_COOKIE_TURN, false},
    {0, 2 * BL_COOKIE_TURN, BL_COOKIE_TURN + 7 * BL_SECOND, false},
    {0, 100 * BL_COOKIE_TURN, 0, false},
    {BL_COOKIE_TURN - 1, 2 * BL_COOKIE_TURN - 1, 0, true},
    {BL_COOKIE_TURN - 1, 2 * BL_COOKIE_TURN, 0, false},
    {BL_COOKIE_TURN + 1, 3 * BL_COOKIE_TURN - 1, 0, true},
    {BL_COOKIE_TURN + 1, 3 * BL_COOKIE_TURN, 0, false},
    {10 * BL_COOKIE_TURN + 9, 12 * BL_COOKIE_TURN - 1, 0, true},
    {10 * BL_COOKIE_TURN + 9, 12 * BL_COOKIE_TURN, 0, false},
};

START_TEST(a_cookie_is_good_under_its_secret_and_the_next) {
    const struct age *age = &ages[_i];
    uint8_t other[BL_COOKIE_SIZE];
    bl_cookie_make(&cookies, cookie, &address, nonce, START + age->made);
    if (age->between > 0) {
        bl_cookie_make(&cookies, other, &address, nonce, START + age->between);
    }
    ck_assert_int_eq(is_good(START + age->used), age->good);
}
END_TEST

/* Before the first change there is no secret before, and none that could be guessed. */
START_TEST(nothing_is_good_under_a_secret_of_zeros) {
    struct bl_secret zeros = {{0}};
    uint8_t claim[34], mac[BL_MAC_SIZE];
    memcpy(claim, address.ip, 16);
    claim[16] = 7777 >> 8;
    claim[17] = 7777 & 0xff;
    memcpy(claim + 18, nonce, BL_NONCE_SIZE);
    bl_mac(mac, &zeros, claim, sizeof claim);
    memcpy(cookie, mac, sizeof cookie);
    ck_assert(!is_good(START));
    memset(cookie, 0, sizeof cookie); /* what an OPEN without a cookie has there */
    ck_assert(!is_good(START));
}
END_TEST

START_TEST(the_construction_is_that_of_the_protocol) {
    uint8_t claim[34], mac[BL_MAC_SIZE];
    memcpy(claim, address.ip, 16);
    claim[16] = 7777 >> 8;
    claim[17] = 7777 & 0xff;
    memcpy(claim + 18, nonce, BL_NONCE_SIZE);
    bl_mac(mac, &cookies.now, claim, sizeof claim);
    bl_cookie_make(&cookies, cookie, &address, nonce, START);
    ck_assert_mem_eq(cookie, mac, sizeof cookie);
}
END_TEST

START_TEST(another_server_makes_other_cookies) {
    struct bl_cookies others;
    bl_cookies_init(&others, &random, START);
    bl_cookie_make(&others, cookie, &address, nonce, START);
    ck_assert(!is_good(START));
    bl_cookies_wipe(&others);
}
END_TEST

START_TEST(wiped_cookies_leave_no_secret) {
    const struct bl_cookies nothing = {0};
    bl_cookies_wipe(&cookies);
    ck_assert_mem_eq(&cookies.now, &nothing.now, sizeof nothing.now);
    ck_assert_mem_eq(&cookies.before, &nothing.before, sizeof nothing.before);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, a_cookie_is_good_where_it_was_made);
    tcase_add_test(tests, the_same_question_gets_the_same_cookie);
    tcase_add_loop_test(tests, a_cookie_is_good_for_one_address_and_nonce, 0, COUNT_OF(thefts));
    tcase_add_test(tests, every_bit_of_a_cookie_counts);
    tcase_add_loop_test(tests, a_cookie_is_good_under_its_secret_and_the_next, 0, COUNT_OF(ages));
    tcase_add_test(tests, nothing_is_good_under_a_secret_of_zeros);
    tcase_add_test(tests, the_construction_is_that_of_the_protocol);
    tcase_add_test(tests, another_server_makes_other_cookies);
    tcase_add_test(tests, wiped_cookies_leave_no_secret);
}
TEST_MAIN("secure/cookie", add_tests)
