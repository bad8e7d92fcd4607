/* Tickets: what a server seals for itself, and what it takes back. And the proof of a RESET. */
#include "lib/secure/ticket.h"
#include "tests/support/test.h"
#include <string.h>

static struct bl_random random_source;
static struct bl_token_keys keys;
static struct bl_ticket ticket;
static uint8_t sealed[BL_TICKET_SIZE];

static void start(void) {
    bl_random_init_seeded(&random_source, 5);
    keys = (struct bl_token_keys){.keys = {{.id = 0x01020304}, {.id = 9}}, .count = 2};
    for (unsigned i = 0; i < keys.count; i++) {
        bl_random_bytes(&random_source, keys.keys[i].secret.bytes, BL_SECRET_SIZE);
    }
    ticket = (struct bl_ticket){.run = UINT64_C(0x1122334455667788), .generation = 0xa1a2a3a4};
    bl_random_bytes(&random_source, ticket.name, sizeof ticket.name);
    bl_random_bytes(&random_source, ticket.resume_key.bytes, BL_SECRET_SIZE);
    bl_ticket_seal(sealed, &ticket, &keys, &random_source);
}

static void must_open_with(const struct bl_token_keys *with) {
    struct bl_ticket out;
    memset(&out, 0xa5, sizeof out); /* every field is set */
    ck_assert(bl_ticket_open(&out, sealed, with));
    ck_assert_uint_eq(out.run, ticket.run);
    ck_assert_mem_eq(out.name, ticket.name, sizeof out.name);
    ck_assert_uint_eq(out.generation, ticket.generation);
    ck_assert_mem_eq(&out.resume_key, &ticket.resume_key, sizeof out.resume_key);
}

static bool opens_with(const struct bl_token_keys *with) {
    struct bl_ticket out;
    return bl_ticket_open(&out, sealed, with);
}

START_TEST(a_ticket_comes_back_as_it_was) {
    uint8_t before[BL_TICKET_SIZE];
    memcpy(before, sealed, sizeof before);
    must_open_with(&keys);
    ck_assert_mem_eq(sealed, before, sizeof before);
}
END_TEST

/** The layout, put together by hand: another server of the same keys may be of another build. */
START_TEST(a_ticket_is_sealed_as_the_page_says) {
    static const uint8_t head[] = {1, 1, 2, 3, 4};
    static const uint8_t run[] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
    static const uint8_t generation[] = {0xa1, 0xa2, 0xa3, 0xa4};
    uint8_t body[60 + BL_AEAD_SIZE];
    const struct bl_box box = {
        .key = &keys.keys[0].secret, .nonce = sealed + 5, .head = sealed, .head_size = 29};
    memcpy(body, sealed + 29, sizeof body);
    ck_assert_mem_eq(sealed, head, sizeof head);
    ck_assert(bl_box_open(&box, body, 60));
    ck_assert_mem_eq(body, run, 8);
    ck_assert_mem_eq(body + 8, ticket.name, 16);
    ck_assert_mem_eq(body + 24, generation, 4);
    ck_assert_mem_eq(body + 28, ticket.resume_key.bytes, 32);
}
END_TEST

START_TEST(a_ticket_with_any_bit_altered_is_none) {
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert_msg(!opens_with(&keys), "bit %zu", bit);
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    ck_assert(opens_with(&keys));
}
END_TEST

START_TEST(every_ticket_has_a_nonce_of_its_own) {
    uint8_t again[BL_TICKET_SIZE];
    bl_ticket_seal(again, &ticket, &keys, &random_source);
    ck_assert_mem_ne(again + 5, sealed + 5, BL_BOX_NONCE_SIZE);
    ck_assert_mem_ne(again + 29, sealed + 29, 60);
}
END_TEST

START_TEST(a_ticket_opens_with_the_key_that_sealed_it_wherever_that_stands_now) {
    struct bl_token_keys rotated = {.keys = {{.id = 77}, keys.keys[1], keys.keys[0]}, .count = 3};
    must_open_with(&rotated);
    rotated.count = 2; /* it has been rotated out */
    ck_assert(!opens_with(&rotated));
}
END_TEST

START_TEST(a_ticket_of_another_key_is_none) {
    struct bl_token_keys other = keys;
    other.keys[0].secret.bytes[31] ^= 1;
    ck_assert(!opens_with(&other));
    other = keys;
    other.keys[0].id = 10; /* the key under an id that the ticket does not name */
    ck_assert(!opens_with(&other));
}
END_TEST

/** Of which nobody knows what it means: authentic though it is. */
START_TEST(a_ticket_of_another_version_is_none) {
    uint8_t body[60 + BL_AEAD_SIZE];
    const struct bl_box box = {
        .key = &keys.keys[0].secret, .nonce = sealed + 5, .head = sealed, .head_size = 29};
    memcpy(body, sealed + 29, sizeof body);
    ck_assert(bl_box_open(&box, body, 60));
    for (unsigned version = 0; version <= 3; version++) {
        sealed[0] = (uint8_t)version;
        memcpy(sealed + 29, body, 60);
        bl_box_seal(&box, sealed + 29, 60);
        ck_assert_msg(opens_with(&keys) == (version == 1), "version %u", version);
    }
}
END_TEST

/* The proof of a RESET. */

START_TEST(a_reset_is_proven_as_the_page_says) {
    static const uint8_t input[] = "Belay 2 reset\xca\xfe\xba\xbe";
    uint8_t token[BL_RESET_TOKEN_SIZE], mac[BL_MAC_SIZE];
    bl_reset_token(token, &keys, 0xcafebabe);
    bl_mac(mac, &keys.keys[0].secret, input, sizeof input - 1);
    ck_assert_mem_eq(token, mac, sizeof token);
}
END_TEST

START_TEST(the_proof_of_a_reset_is_of_one_tag_and_one_key) {
    uint8_t tokens[34][BL_RESET_TOKEN_SIZE];
    struct bl_token_keys other = keys;
    bl_reset_token(tokens[0], &keys, 1);
    for (unsigned bit = 0; bit < 32; bit++) {
        bl_reset_token(tokens[1 + bit], &keys, 1U ^ 1U << bit);
    }
    other.keys[0].secret.bytes[0] ^= 1;
    bl_reset_token(tokens[33], &other, 1);
    for (size_t i = 0; i < COUNT_OF(tokens); i++) {
        for (size_t j = 0; j < i; j++) {
            ck_assert_mem_ne(tokens[i], tokens[j], BL_RESET_TOKEN_SIZE);
        }
    }
}
END_TEST

START_TEST(who_starts_again_with_its_key_proves_a_reset_as_before) {
    uint8_t before[BL_RESET_TOKEN_SIZE], after[BL_RESET_TOKEN_SIZE];
    struct bl_token_keys again = {.keys = {keys.keys[0]}, .count = 1};
    bl_reset_token(before, &keys, 1);
    bl_reset_token(after, &again, 1);
    ck_assert_mem_eq(before, after, sizeof before);
}
END_TEST

/* The key that follows from a server's own. */

START_TEST(a_servers_own_key_always_makes_the_same_ticket_key) {
    const struct bl_secret server = {{1, 2, 3}}, other = {{1, 2, 4}};
    struct bl_token_keys first, again, foreign;
    struct bl_secret wanted;
    memset(&first, 0xa5, sizeof first);
    bl_ticket_keys_derive(&first, &server);
    bl_ticket_keys_derive(&again, &server);
    bl_ticket_keys_derive(&foreign, &other);
    bl_hkdf(&wanted, 1, &server, "Belay 2 ticket", 14);
    ck_assert_uint_eq(first.count, 1);
    ck_assert_uint_eq(first.keys[0].id, 1);
    ck_assert_mem_eq(&first.keys[0].secret, &wanted, sizeof wanted);
    ck_assert_mem_eq(&first.keys[0].secret, &again.keys[0].secret, sizeof wanted);
    ck_assert_mem_ne(&first.keys[0].secret, &foreign.keys[0].secret, sizeof wanted);
    bl_ticket_seal(sealed, &ticket, &first, &random_source);
    must_open_with(&again);
    ck_assert(!opens_with(&foreign));
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, NULL);
    tcase_add_test(tests, a_ticket_comes_back_as_it_was);
    tcase_add_test(tests, a_ticket_is_sealed_as_the_page_says);
    tcase_add_test(tests, a_ticket_with_any_bit_altered_is_none);
    tcase_add_test(tests, every_ticket_has_a_nonce_of_its_own);
    tcase_add_test(tests, a_ticket_opens_with_the_key_that_sealed_it_wherever_that_stands_now);
    tcase_add_test(tests, a_ticket_of_another_key_is_none);
    tcase_add_test(tests, a_ticket_of_another_version_is_none);
    tcase_add_test(tests, a_reset_is_proven_as_the_page_says);
    tcase_add_test(tests, the_proof_of_a_reset_is_of_one_tag_and_one_key);
    tcase_add_test(tests, who_starts_again_with_its_key_proves_a_reset_as_before);
    tcase_add_test(tests, a_servers_own_key_always_makes_the_same_ticket_key);
}

TEST_MAIN("secure/ticket", add_tests)
