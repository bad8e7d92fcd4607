/* The key schedule: what both sides compute, and what it depends on. */
#include "lib/secure/handshake.h"
#include "tests/support/test.h"
#include <string.h>

static struct bl_random random_source;
static struct bl_key_pair server, client, server_once; /* its own, and the ephemeral ones */
static struct bl_secret session_secret;
static uint8_t open[BL_OPEN_SIZE], accept[BL_ACCEPT_SIZE_MAX];

static void start(void) {
    bl_random_init_seeded(&random_source, 11);
    bl_key_pair_make(&server, &random_source);
    bl_key_pair_make(&client, &random_source);
    bl_key_pair_make(&server_once, &random_source);
    bl_random_bytes(&random_source, session_secret.bytes, sizeof session_secret.bytes);
    bl_random_bytes(&random_source, open, sizeof open);
    bl_random_bytes(&random_source, accept, sizeof accept);
}

static void must_be_the_same(const struct bl_secret *a, const struct bl_secret *b) {
    ck_assert_mem_eq(a->bytes, b->bytes, BL_SECRET_SIZE);
}

static void must_differ(const struct bl_secret *a, const struct bl_secret *b) {
    ck_assert_mem_ne(a->bytes, b->bytes, BL_SECRET_SIZE);
}

static struct bl_traffic_keys keys_of(const struct bl_credentials *credentials,
                                      const struct bl_key_pair *ours, const uint8_t *theirs) {
    struct bl_traffic_keys keys;
    uint8_t hash[BL_HASH_SIZE];
    bl_hash(hash, open, BL_OPEN_FIXED_SIZE);
    const struct bl_exchange exchange = {hash, accept, &ours->secret, theirs};
    ck_assert(bl_traffic_keys_of(&keys, credentials, &exchange));
    return keys;
}

static struct bl_traffic_keys client_keys(const struct bl_credentials *credentials) {
    return keys_of(credentials, &client, server_once.public);
}

static struct bl_credentials by_token(void) {
    struct bl_credentials credentials;
    bl_credentials_of_token(&credentials, &session_secret);
    return credentials;
}

static struct bl_credentials by_ticket(void) {
    struct bl_credentials credentials;
    bl_credentials_of_ticket(&credentials, &session_secret);
    return credentials;
}

static struct bl_credentials by_key(void) {
    struct bl_credentials credentials;
    ck_assert(bl_credentials_of_key(&credentials, &client.secret, server.public, server.public));
    return credentials;
}

START_TEST(both_ends_agree_on_every_key) {
    struct bl_credentials here = by_key(), there;
    ck_assert(bl_credentials_of_key(&there, &server.secret, client.public, server.public));
    must_be_the_same(&here.chain, &there.chain);
    must_be_the_same(&here.proof, &there.proof);
    must_be_the_same(&here.deny, &there.deny);
    struct bl_traffic_keys ours = client_keys(&here);
    struct bl_traffic_keys theirs = keys_of(&there, &server_once, client.public);
    must_be_the_same(&ours.up, &theirs.up);
    must_be_the_same(&ours.down, &theirs.down);
    must_be_the_same(&ours.resume, &theirs.resume);
}
END_TEST

/* The formulas of the page, step by step. */

START_TEST(a_tokens_secret_is_split_as_the_page_says) {
    struct bl_secret wanted[3];
    struct bl_credentials got = by_token();
    bl_hkdf(wanted, 3, &session_secret, "Belay 2 token", 13);
    must_be_the_same(&got.chain, &wanted[0]);
    must_be_the_same(&got.proof, &wanted[1]);
    must_be_the_same(&got.deny, &wanted[2]);
}
END_TEST

START_TEST(a_tickets_resume_key_is_split_as_the_page_says) {
    struct bl_secret wanted[3];
    struct bl_credentials got = by_ticket();
    bl_hkdf(wanted, 3, &session_secret, "Belay 2 resume", 14);
    must_be_the_same(&got.chain, &wanted[0]);
    must_be_the_same(&got.proof, &wanted[1]);
    must_be_the_same(&got.deny, &wanted[2]);
}
END_TEST

START_TEST(a_servers_key_is_split_as_the_page_says) {
    uint8_t name[11 + BL_PUBLIC_SIZE] = "Belay 2 key";
    struct bl_secret salt, shared, wanted[3];
    struct bl_credentials got = by_key();
    memcpy(name + 11, server.public, BL_PUBLIC_SIZE);
    bl_hash(salt.bytes, name, sizeof name);
    ck_assert(bl_dh(&shared, &client.secret, server.public));
    bl_hkdf(wanted, 3, &salt, shared.bytes, sizeof shared.bytes);
    must_be_the_same(&got.chain, &wanted[0]);
    must_be_the_same(&got.proof, &wanted[1]);
    must_be_the_same(&got.deny, &wanted[2]);
}
END_TEST

START_TEST(the_traffic_keys_are_those_of_the_page) {
    struct bl_credentials credentials = by_token();
    struct bl_traffic_keys got = client_keys(&credentials);
    uint8_t seen[BL_HASH_SIZE + BL_ACCEPT_HEAD_SIZE], input[BL_SECRET_SIZE + BL_HASH_SIZE];
    struct bl_secret shared, wanted[3];
    bl_hash(seen, open, 1152);
    memcpy(seen + BL_HASH_SIZE, accept, 67);
    ck_assert(bl_dh(&shared, &client.secret, server_once.public));
    memcpy(input, shared.bytes, BL_SECRET_SIZE);
    bl_hash(input + BL_SECRET_SIZE, seen, sizeof seen);
    bl_hkdf(wanted, 3, &credentials.chain, input, sizeof input);
    must_be_the_same(&got.up, &wanted[0]);
    must_be_the_same(&got.down, &wanted[1]);
    must_be_the_same(&got.resume, &wanted[2]);
}
END_TEST

START_TEST(proofs_are_those_of_the_page) {
    struct bl_credentials credentials = by_token();
    uint8_t got[BL_PROOF_SIZE], wanted[BL_MAC_SIZE];
    bl_open_proof(got, &credentials, open);
    bl_mac(wanted, &credentials.proof, open, 1168);
    ck_assert_mem_eq(got, wanted, sizeof got);
    bl_deny_proof(got, &credentials, accept, 40);
    bl_mac(wanted, &credentials.deny, accept, 40);
    ck_assert_mem_eq(got, wanted, sizeof got);
}
END_TEST

/* What a client adds to its ticket. */

#define BODY_AT   (BL_OPEN_HEAD_SIZE + BL_TICKET_SIZE)
#define BODY_SIZE 40

START_TEST(what_is_added_to_a_ticket_is_sealed_as_the_page_says) {
    uint8_t input[19 + BL_NONCE_SIZE] = "Belay 2 resume body", wanted[BODY_SIZE + BL_AEAD_SIZE];
    struct bl_credentials credentials = by_ticket();
    struct bl_secret key;
    memcpy(input + 19, open + 14, BL_NONCE_SIZE);
    memcpy(wanted, open + BODY_AT, BODY_SIZE);
    bl_mac(key.bytes, &credentials.chain, input, sizeof input);
    const struct bl_aead aead = {
        .suite = BL_SUITE_CHACHA20, .key = &key, .head = open, .head_size = 64 + 105};
    bl_aead_seal(&aead, wanted, BODY_SIZE);
    bl_resume_seal(&credentials, open, BODY_SIZE);
    ck_assert_mem_eq(open + BODY_AT, wanted, sizeof wanted);
}
END_TEST

START_TEST(what_is_added_to_a_ticket_opens_and_leaves_the_opening_as_it_was) {
    uint8_t body[BODY_SIZE], sealed[BL_OPEN_SIZE], out[BODY_SIZE];
    struct bl_credentials credentials = by_ticket();
    memcpy(body, open + BODY_AT, sizeof body);
    bl_resume_seal(&credentials, open, BODY_SIZE);
    memcpy(sealed, open, sizeof sealed);
    ck_assert(bl_resume_open(&credentials, open, out, BODY_SIZE));
    ck_assert_mem_eq(out, body, sizeof body);
    ck_assert_mem_eq(open, sealed, sizeof sealed); /* a repeat must find it so */
}
END_TEST

START_TEST(what_is_added_to_a_ticket_is_of_its_opening_and_no_other) {
    uint8_t out[BL_RESUME_SIZE_MAX];
    struct bl_credentials credentials = by_ticket(), other = credentials;
    bl_resume_seal(&credentials, open, BODY_SIZE);
    for (size_t i = 0; i < BODY_AT + BODY_SIZE + BL_AEAD_SIZE; i++) {
        open[i] ^= (uint8_t)(1U << i % 8);
        ck_assert_msg(!bl_resume_open(&credentials, open, out, BODY_SIZE), "byte %zu", i);
        open[i] ^= (uint8_t)(1U << i % 8);
    }
    for (size_t size = 0; size <= BL_RESUME_SIZE_MAX; size++) {
        ck_assert(bl_resume_open(&credentials, open, out, size) == (size == BODY_SIZE));
    }
    other.chain.bytes[7] ^= 1;
    ck_assert(!bl_resume_open(&other, open, out, BODY_SIZE));
}
END_TEST

START_TEST(more_than_a_client_can_have_to_add_is_not_looked_at) {
    uint8_t out[BL_RESUME_SIZE_MAX + 1];
    struct bl_credentials credentials = by_ticket();
    bl_resume_seal(&credentials, open, BL_RESUME_SIZE_MAX + 1);
    ck_assert(!bl_resume_open(&credentials, open, out, BL_RESUME_SIZE_MAX + 1));
}
END_TEST

/* What the keys depend on. */

static void must_change_all(const struct bl_traffic_keys *before,
                            const struct bl_credentials *credentials) {
    struct bl_traffic_keys after = client_keys(credentials);
    must_differ(&before->up, &after.up);
    must_differ(&before->down, &after.down);
    must_differ(&before->resume, &after.resume);
}

START_TEST(every_byte_of_the_transcript_changes_every_key) {
    struct bl_credentials credentials = by_token();
    struct bl_traffic_keys before = client_keys(&credentials);
    for (size_t i = 0; i < BL_OPEN_FIXED_SIZE; i++) {
        open[i] ^= (uint8_t)(1U << i % 8);
        must_change_all(&before, &credentials);
        open[i] ^= (uint8_t)(1U << i % 8);
    }
    for (size_t i = 0; i < BL_ACCEPT_HEAD_SIZE; i++) {
        accept[i] ^= (uint8_t)(1U << i % 8);
        must_change_all(&before, &credentials);
        accept[i] ^= (uint8_t)(1U << i % 8);
    }
}
END_TEST

START_TEST(what_a_repeat_may_change_changes_no_key) {
    struct bl_credentials credentials = by_token();
    struct bl_traffic_keys before = client_keys(&credentials);
    memset(open + BL_OPEN_FIXED_SIZE, 0, BL_OPEN_SIZE - BL_OPEN_FIXED_SIZE);
    memset(accept + BL_ACCEPT_HEAD_SIZE, 0, sizeof accept - BL_ACCEPT_HEAD_SIZE);
    struct bl_traffic_keys after = client_keys(&credentials);
    must_be_the_same(&before.up, &after.up);
    must_be_the_same(&before.down, &after.down);
    must_be_the_same(&before.resume, &after.resume);
}
END_TEST

START_TEST(the_credential_and_both_ephemeral_keys_change_the_keys) {
    struct bl_credentials credentials = by_token(), other;
    struct bl_traffic_keys before = client_keys(&credentials), after;
    other = credentials;
    other.chain.bytes[0] ^= 1;
    must_change_all(&before, &other);
    after = keys_of(&credentials, &server, server_once.public);
    must_differ(&before.up, &after.up);
    after = keys_of(&credentials, &client, server.public);
    must_differ(&before.up, &after.up);
}
END_TEST

START_TEST(every_byte_before_it_changes_a_proof) {
    struct bl_credentials credentials = by_token();
    uint8_t before[BL_PROOF_SIZE], after[BL_PROOF_SIZE];
    bl_open_proof(before, &credentials, open);
    for (size_t i = 0; i < BL_OPEN_PROVEN_SIZE; i++) {
        open[i] ^= (uint8_t)(1U << i % 8);
        bl_open_proof(after, &credentials, open);
        ck_assert_mem_ne(before, after, sizeof before);
        open[i] ^= (uint8_t)(1U << i % 8);
    }
}
END_TEST

START_TEST(another_server_key_makes_other_credentials) {
    struct bl_credentials before = by_key(), after;
    /* The same exchange under another name: as if somebody passed the server's key off as his. */
    ck_assert(bl_credentials_of_key(&after, &client.secret, server.public, server_once.public));
    must_differ(&before.chain, &after.chain);
    must_differ(&before.proof, &after.proof);
    must_differ(&before.deny, &after.deny);
}
END_TEST

START_TEST(no_two_keys_are_the_same) {
    struct bl_credentials token = by_token(), key = by_key(), ticket = by_ticket(), mixed;
    struct bl_traffic_keys traffic = client_keys(&token);
    struct bl_secret shared;
    ck_assert(bl_dh(&shared, &client.secret, server.public));
    bl_credentials_of_token(&mixed, &shared); /* a shared secret under the other way's label */
    const struct bl_secret *all[] = {
        &token.chain, &token.proof,    &token.deny,   &key.chain,    &key.proof,  &key.deny,
        &traffic.up,  &traffic.down,   &mixed.chain,  &mixed.proof,  &mixed.deny, &session_secret,
        &shared,      &traffic.resume, &ticket.chain, &ticket.proof, &ticket.deny};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        for (size_t j = 0; j < i; j++) {
            must_differ(all[i], all[j]);
        }
    }
}
END_TEST

START_TEST(a_proof_and_a_denial_of_the_same_bytes_differ) {
    struct bl_credentials credentials = by_token();
    uint8_t proof[BL_PROOF_SIZE], denial[BL_PROOF_SIZE];
    bl_open_proof(proof, &credentials, open);
    bl_deny_proof(denial, &credentials, open, BL_OPEN_PROVEN_SIZE);
    ck_assert_mem_ne(proof, denial, sizeof proof);
}
END_TEST

/* Public keys that give everybody the same secret (RFC 7748, 6.1): the points of small order on
 * the curve and its twist, and those of them that can be written in a second way. */
static const uint8_t small_order[][BL_PUBLIC_SIZE] = {
    {0},
    {1},
    {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
     0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
     0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
    {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
     0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
     0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

START_TEST(a_key_of_small_order_is_refused) {
    for (unsigned top = 0; top < 2; top++) { /* the highest bit is not looked at */
        uint8_t key[BL_PUBLIC_SIZE];
        struct bl_credentials credentials;
        struct bl_traffic_keys keys;
        memcpy(key, small_order[_i], sizeof key);
        key[31] |= (uint8_t)(top << 7);
        ck_assert(!bl_credentials_of_key(&credentials, &server.secret, key, server.public));
        ck_assert(!bl_credentials_of_key(&credentials, &client.secret, key, key));
        credentials = by_token();
        const struct bl_exchange exchange = {key, accept, &client.secret, key};
        ck_assert(!bl_traffic_keys_of(&keys, &credentials, &exchange));
    }
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, NULL);
    tcase_add_test(tests, both_ends_agree_on_every_key);
    tcase_add_test(tests, a_tokens_secret_is_split_as_the_page_says);
    tcase_add_test(tests, a_tickets_resume_key_is_split_as_the_page_says);
    tcase_add_test(tests, a_servers_key_is_split_as_the_page_says);
    tcase_add_test(tests, the_traffic_keys_are_those_of_the_page);
    tcase_add_test(tests, proofs_are_those_of_the_page);
    tcase_add_test(tests, what_is_added_to_a_ticket_is_sealed_as_the_page_says);
    tcase_add_test(tests, what_is_added_to_a_ticket_opens_and_leaves_the_opening_as_it_was);
    tcase_add_test(tests, what_is_added_to_a_ticket_is_of_its_opening_and_no_other);
    tcase_add_test(tests, more_than_a_client_can_have_to_add_is_not_looked_at);
    tcase_add_test(tests, every_byte_of_the_transcript_changes_every_key);
    tcase_add_test(tests, what_a_repeat_may_change_changes_no_key);
    tcase_add_test(tests, the_credential_and_both_ephemeral_keys_change_the_keys);
    tcase_add_test(tests, every_byte_before_it_changes_a_proof);
    tcase_add_test(tests, another_server_key_makes_other_credentials);
    tcase_add_test(tests, no_two_keys_are_the_same);
    tcase_add_test(tests, a_proof_and_a_denial_of_the_same_bytes_differ);
    tcase_add_loop_test(tests, a_key_of_small_order_is_refused, 0, COUNT_OF(small_order));
}

TEST_MAIN("secure/handshake", add_tests)
