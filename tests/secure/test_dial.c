/* A client's attempt: when it repeats itself, whom it asks, what it believes, and what it keeps. */
#define _GNU_SOURCE /* memmem() */
#include "lib/secure/dial.h"
#include "tests/support/test.h"
#include <string.h>

#define START     (1000 * BL_SECOND)
#define GAME      UINT64_C(0xabcdef)
#define COOKIE_AT BL_OPEN_FIXED_SIZE
#define PROOF_AT  BL_OPEN_PROVEN_SIZE

static struct bl_random random_source;
static struct bl_address server, stranger;
static struct bl_key_pair server_key;
static const struct bl_secret session_secret = {{5, 6, 7}};
static const uint8_t token[200] = {1, 2, 3};
static struct bl_dial dial;
static uint8_t bytes[BL_OPEN_SIZE]; /* what comes, and what leaves */

static struct bl_address address_of(const char *text) {
    struct bl_address address;
    ck_assert_int_eq(bl_address_parse(&address, text, true), BELAY_OK);
    return address;
}

static void start(void) {
    bl_random_init_seeded(&random_source, 3);
    bl_key_pair_make(&server_key, &random_source);
    server = address_of("10.0.0.1:1");
    stranger = address_of("10.0.0.66:1");
}

static struct bl_dial_target by_token(void) {
    return (struct bl_dial_target){.addresses = {server},
                                   .address_count = 1,
                                   .token = token,
                                   .token_size = sizeof token,
                                   .session_secret = session_secret};
}

static struct bl_dial_target by_trust(void) {
    return (struct bl_dial_target){.addresses = {server}, .address_count = 1, .trust = true};
}

static struct bl_dial_target by_key(void) {
    struct bl_dial_target target = by_trust();
    target.trust = false;
    target.has_key = true;
    memcpy(target.server_key, server_key.public, BL_PUBLIC_SIZE);
    return target;
}

static const struct bl_secret resume_key = {{8, 9, 10}};
static const uint8_t ticket[BL_TICKET_SIZE] = {1, 0, 0, 0, 7};

static struct bl_dial_target by_ticket(void) {
    return (struct bl_dial_target){
        .addresses = {server},
        .address_count = 1,
        .by_ticket = true,
        .ticket = {1, 0, 0, 0, 7},
        .resume_key = resume_key,
        .resume = {.attempt = 77,
                   .positions = {.count = 2, .channels = {{0, 1, 2, 3, 4}, {15, 5, 6, 7, 8}}}}};
}

static void dial_by(struct bl_dial_target target) {
    bl_dial_start(&dial, &target, GAME, &random_source, START);
}

static struct bl_credentials credentials_of_server(void) {
    struct bl_credentials credentials;
    if (dial.by_ticket) {
        bl_credentials_of_ticket(&credentials, &resume_key);
    } else if (dial.by_key) {
        ck_assert(bl_credentials_of_key(&credentials, &server_key.secret, dial.ephemeral.public,
                                        server_key.public));
    } else {
        bl_credentials_of_token(&credentials, &session_secret);
    }
    return credentials;
}

/* When and whom it asks. */

START_TEST(the_first_opening_is_due_at_once) {
    dial_by(by_token());
    ck_assert(dial.active);
    ck_assert_int_eq(dial.next_at, START);
}
END_TEST

START_TEST(repeats_come_every_250_ms_for_three_seconds_and_then_every_500) {
    dial_by(by_token());
    for (bl_time at = START; at < START + 10 * BL_SECOND;) {
        ck_assert_int_eq(dial.next_at, at);
        bl_dial_write(&dial, at, bytes);
        at += (at - START < 3 * BL_SECOND ? 250 : 500) * BL_MILLISECOND;
    }
}
END_TEST

START_TEST(addresses_are_asked_in_turn) {
    struct bl_dial_target target = by_token();
    target.address_count = BL_DIAL_ADDRESSES_MAX;
    for (size_t i = 0; i < BL_DIAL_ADDRESSES_MAX; i++) {
        target.addresses[i] = server;
        target.addresses[i].port = (uint16_t)(100 + i);
    }
    dial_by(target);
    for (unsigned i = 0; i < 3 * BL_DIAL_ADDRESSES_MAX; i++) {
        const struct bl_address *to = bl_dial_write(&dial, START + i, bytes);
        ck_assert_uint_eq(to->port, 100 + i % BL_DIAL_ADDRESSES_MAX);
    }
}
END_TEST

START_TEST(with_one_address_or_without_a_ticket_nobody_is_asked_besides) {
    struct bl_dial_target target = by_token();
    dial_by(by_ticket());
    bl_dial_write(&dial, START, bytes);
    ck_assert_ptr_null(bl_dial_also_to(&dial, START));
    target.address_count = 2;
    target.addresses[1] = stranger;
    dial_by(target);
    bl_dial_write(&dial, START, bytes);
    ck_assert_ptr_null(bl_dial_also_to(&dial, START));
}
END_TEST

START_TEST(an_opening_says_who_asks_and_for_what) {
    struct bl_open open;
    dial_by(by_token());
    ck_assert(bl_address_equal(bl_dial_write(&dial, START, bytes), &server));
    ck_assert(bl_open_read(&open, bytes, sizeof bytes));
    ck_assert_uint_eq(open.version, BL_WIRE_VERSION);
    ck_assert_int_eq(open.way, BL_WAY_TOKEN);
    ck_assert_uint_eq(open.suites, bl_suites());
    ck_assert_uint_eq(open.game, GAME);
    ck_assert_mem_eq(open.nonce, dial.nonce, BL_NONCE_SIZE);
    ck_assert_mem_eq(open.key, dial.ephemeral.public, BL_PUBLIC_SIZE);
    ck_assert_uint_eq(open.credential_size, sizeof token);
    ck_assert_mem_eq(open.credential, token, sizeof token);
    dial_by(by_key());
    bl_dial_write(&dial, START, bytes);
    ck_assert(bl_open_read(&open, bytes, sizeof bytes));
    ck_assert_int_eq(open.way, BL_WAY_KEY);
    ck_assert_uint_eq(open.credential_size, 0);
}
END_TEST

START_TEST(a_ticket_is_shown_with_how_far_the_client_has_come) {
    struct bl_open open;
    struct bl_resume said;
    uint8_t body[BL_RESUME_SIZE_MAX];
    dial_by(by_ticket());
    bl_dial_write(&dial, START, bytes);
    ck_assert(bl_open_read(&open, bytes, sizeof bytes));
    ck_assert_int_eq(open.way, BL_WAY_RESUME);
    ck_assert_uint_eq(open.game, GAME);
    ck_assert_mem_eq(open.credential, ticket, BL_TICKET_SIZE);
    size_t size = open.credential_size - BL_TICKET_SIZE - BL_AEAD_SIZE;
    ck_assert_uint_eq(size, 10 + 2 * BL_POSITION_SIZE);
    struct bl_credentials credentials = credentials_of_server();
    ck_assert(bl_resume_open(&credentials, bytes, body, size));
    ck_assert(bl_resume_read(&said, body, size));
    ck_assert_uint_eq(said.attempt, 77);
    ck_assert(!said.new_epoch);
    ck_assert_uint_eq(said.positions.count, 2);
    ck_assert_uint_eq(said.positions.channels[1].channel, 15);
    ck_assert_uint_eq(said.positions.channels[1].newest, 8);
}
END_TEST

START_TEST(a_token_or_ticket_is_proven_from_the_first_opening_on_and_a_key_after_a_cookie) {
    static const uint8_t zeros[BL_OPEN_SIZE - COOKIE_AT];
    uint8_t proof[BL_PROOF_SIZE];
    for (int i = 0; i < 2; i++) {
        dial_by(i == 0 ? by_token() : by_ticket());
        bl_dial_write(&dial, START, bytes);
        struct bl_credentials credentials = credentials_of_server();
        bl_open_proof(proof, &credentials, bytes);
        ck_assert_mem_eq(bytes + PROOF_AT, proof, sizeof proof);
        ck_assert_mem_eq(bytes + COOKIE_AT, zeros, BL_COOKIE_SIZE);
    }
    dial_by(by_key());
    bl_dial_write(&dial, START, bytes);
    ck_assert_mem_eq(bytes + COOKIE_AT, zeros, sizeof zeros);
}
END_TEST

START_TEST(each_attempt_has_a_nonce_and_a_key_of_its_own) {
    dial_by(by_token());
    struct bl_dial first = dial;
    dial_by(by_token());
    ck_assert_mem_ne(first.nonce, dial.nonce, BL_NONCE_SIZE);
    ck_assert_mem_ne(first.ephemeral.public, dial.ephemeral.public, BL_PUBLIC_SIZE);
    dial_by(by_ticket());
    first = dial;
    dial_by(by_ticket()); /* and what is said with a ticket has another key too */
    ck_assert_mem_ne(first.open + 64 + BL_TICKET_SIZE, dial.open + 64 + BL_TICKET_SIZE, 10);
}
END_TEST

/* RETRY. */

static bool hears_retry_at(bl_time now, const struct bl_address *from, uint8_t cookie,
                           const uint8_t *key) {
    struct bl_retry retry = {.way = dial.by_ticket ? BL_WAY_RESUME
                                    : dial.by_key  ? BL_WAY_KEY
                                                   : BL_WAY_TOKEN};
    memset(retry.cookie, cookie, sizeof retry.cookie);
    memcpy(retry.nonce, dial.nonce, sizeof retry.nonce);
    memcpy(retry.key, key, BL_PUBLIC_SIZE);
    const struct bl_datagram datagram = {
        .address = *from, .data = bytes, .size = bl_retry_write(bytes, &retry)};
    return bl_dial_retry(&dial, &datagram, now);
}

static bool hears_retry_from(const struct bl_address *from, uint8_t cookie, const uint8_t *key) {
    return hears_retry_at(START + BL_MILLISECOND, from, cookie, key);
}

static bool hears_retry(uint8_t cookie, const uint8_t *key) {
    return hears_retry_from(&server, cookie, key);
}

/** Whether the next OPEN brings this cookie, proven; the rest must be as it was. */
static bool is_sent_back(uint8_t cookie) {
    struct bl_dial before = dial;
    uint8_t out[BL_OPEN_SIZE], wanted[BL_COOKIE_SIZE], proof[BL_PROOF_SIZE], hash[BL_HASH_SIZE];
    struct bl_credentials credentials = credentials_of_server();
    bl_dial_write(&dial, dial.next_at, out);
    dial = before;
    memset(wanted, cookie, sizeof wanted);
    bl_open_proof(proof, &credentials, out);
    bl_hash(hash, out, BL_OPEN_FIXED_SIZE);
    ck_assert_mem_eq(hash, dial.open_hash, sizeof hash);
    return memcmp(out + COOKIE_AT, wanted, sizeof wanted) == 0 &&
           memcmp(out + PROOF_AT, proof, sizeof proof) == 0;
}

static struct bl_dial_target (*const ways[])(void) = {by_token, by_key, by_trust, by_ticket};

START_TEST(a_cookie_is_sent_back_at_once_and_proven) {
    dial_by(ways[_i]());
    bl_dial_write(&dial, START, bytes);
    ck_assert(hears_retry(7, server_key.public));
    ck_assert_int_eq(dial.next_at, START + BL_MILLISECOND);
    ck_assert(is_sent_back(7));
    bl_dial_write(&dial, dial.next_at, bytes);
    bl_time next_at = dial.next_at;
    ck_assert(!hears_retry(8, server_key.public)); /* a newer one, and nobody is hurried so often */
    ck_assert_int_eq(dial.next_at, next_at);
    ck_assert(is_sent_back(8));
}
END_TEST

START_TEST(a_cookie_that_was_sent_back_already_hurries_nobody) {
    dial_by(by_key());
    ck_assert(hears_retry(7, server_key.public));
    bl_dial_write(&dial, START + BL_MILLISECOND, bytes);
    ck_assert(!hears_retry(7, server_key.public));
    ck_assert_int_eq(dial.next_at, START + BL_MILLISECOND + BL_DIAL_REPEAT_FAST);
}
END_TEST

START_TEST(a_cookie_goes_to_the_address_that_gave_it) {
    struct bl_dial_target target = by_key();
    struct bl_address other = address_of("[2001:db8::1]:1");
    target.address_count = 3;
    target.addresses[1] = other;
    target.addresses[2] = stranger;
    dial_by(target);
    ck_assert(hears_retry_from(&other, 7, server_key.public));
    for (int i = 0; i < 4; i++) {
        ck_assert(bl_address_equal(bl_dial_write(&dial, START, bytes), &other));
    }
    target = by_key();
    bl_dial_also(&dial, &target);
    ck_assert(bl_address_equal(bl_dial_write(&dial, START, bytes), &other));
}
END_TEST

/* The session is most likely where it was; but it is not to be waited for there alone. */
START_TEST(with_a_ticket_the_first_address_is_asked_each_time_and_the_others_in_turn_besides) {
    struct bl_dial_target target = by_ticket();
    target.address_count = 4;
    for (size_t i = 0; i < 4; i++) {
        target.addresses[i] = server;
        target.addresses[i].port = (uint16_t)(100 + i);
    }
    dial_by(target);
    for (unsigned i = 0; i < 9; i++) {
        bl_time now = dial.next_at;
        ck_assert_uint_eq(bl_dial_write(&dial, now, bytes)->port, 100);
        ck_assert_uint_eq(bl_dial_also_to(&dial, now)->port, 101 + i % 3);
    }
    ck_assert(hears_retry_from(&target.addresses[2], 7, server_key.public));
    ck_assert_uint_eq(bl_dial_write(&dial, START + BL_MILLISECOND, bytes)->port, 102);
    ck_assert_ptr_null(bl_dial_also_to(&dial, START + BL_MILLISECOND)); /* its cookie is its own */
}
END_TEST

/* Whoever has seen the OPEN can forge a RETRY from any of the addresses: from one where nobody is,
 * it holds the client up for a moment, and no longer. */
START_TEST(a_cookie_from_where_nobody_is_does_not_end_the_attempt) {
    struct bl_dial_target target = ways[_i]();
    struct bl_address nobody = address_of("[2001:db8::1]:1");
    bl_time now = START + BL_MILLISECOND;
    target.address_count = 2;
    target.addresses[1] = nobody;
    dial_by(target);
    ck_assert(hears_retry_from(&nobody, 7, server_key.public));
    ck_assert(bl_address_equal(bl_dial_write(&dial, now, bytes), &nobody));
    ck_assert(!hears_retry(8, server_key.public)); /* one server is asked at a time */
    bool asked = false;
    for (; !asked && now < START + 2 * BL_SECOND; now = dial.next_at) {
        asked = bl_address_equal(bl_dial_write(&dial, now, bytes), &server);
    }
    ck_assert(asked);
    ck_assert(hears_retry_at(now, &server, 8, server_key.public));
    ck_assert(is_sent_back(8));
    ck_assert(bl_address_equal(bl_dial_write(&dial, now, bytes), &server));
}
END_TEST

START_TEST(addresses_that_are_found_later_are_asked_too) {
    struct bl_dial_target target = by_key();
    dial_by(target);
    bl_dial_write(&dial, START, bytes);
    target.address_count = 2;
    target.addresses[1] = address_of("[2001:db8::1]:1");
    bl_dial_also(&dial, &target);
    ck_assert(bl_address_equal(bl_dial_write(&dial, START, bytes), &target.addresses[1]));
    ck_assert(hears_retry_from(&target.addresses[1], 7, server_key.public));
}
END_TEST

START_TEST(a_retry_with_a_foreign_key_is_a_hint) {
    static const uint8_t foreign[BL_PUBLIC_SIZE] = {9};
    dial_by(by_key());
    ck_assert(!hears_retry(7, foreign));
    ck_assert(dial.active);
    ck_assert_uint_eq(dial.hint, BELAY_REASON_SERVER_KEY_CHANGED);
    ck_assert_mem_eq(dial.server_key, server_key.public, BL_PUBLIC_SIZE);
    ck_assert(!is_sent_back(7));
    ck_assert(hears_retry(8, server_key.public)); /* from the true one, later */
    ck_assert(is_sent_back(8));
}
END_TEST

START_TEST(a_key_is_taken_on_trust_only_where_that_is_allowed) {
    struct bl_dial_target target = by_trust();
    target.trust = false;
    dial_by(target);
    ck_assert(!hears_retry(7, server_key.public));
    ck_assert(!dial.has_key);
    dial_by(by_trust());
    ck_assert(hears_retry(7, server_key.public));
    ck_assert_mem_eq(dial.server_key, server_key.public, BL_PUBLIC_SIZE);
}
END_TEST

START_TEST(a_key_that_was_taken_on_trust_is_kept) {
    static const uint8_t foreign[BL_PUBLIC_SIZE] = {9};
    dial_by(by_trust());
    ck_assert(hears_retry(7, server_key.public));
    ck_assert(!hears_retry(8, foreign));
    ck_assert_uint_eq(dial.hint, BELAY_REASON_SERVER_KEY_CHANGED);
    ck_assert_mem_eq(dial.server_key, server_key.public, BL_PUBLIC_SIZE);
    ck_assert(is_sent_back(7));
}
END_TEST

START_TEST(a_key_that_is_none_is_not_taken_and_the_next_one_is) {
    static const uint8_t none[BL_PUBLIC_SIZE];
    dial_by(by_trust());
    ck_assert(!hears_retry(7, none));
    ck_assert(!dial.has_key);
    ck_assert(hears_retry(8, server_key.public));
    ck_assert(is_sent_back(8));
}
END_TEST

/* ACCEPT. */

/** As somebody with these credentials writes it, at `bytes`. */
static struct bl_datagram accept_under(const struct bl_credentials *credentials,
                                       const struct bl_dial *asked, enum bl_suite suite) {
    static const struct bl_accept_params params = {
        .tag = 0xcafe,
        .spare_tag = 0xbeef,
        .reset_token = "a reset token...",
        .spare_reset_token = "another of them.",
        .ticket = "the next ticket",
        .positions = {.count = 2, .channels = {{0, 11, 12, 13, 14}, {15, 15, 16, 17, 18}}}};
    struct bl_accept accept = {.suite = (uint8_t)suite};
    struct bl_key_pair ephemeral;
    struct bl_traffic_keys keys;
    bl_key_pair_make(&ephemeral, &random_source);
    memcpy(accept.nonce, asked->nonce, sizeof accept.nonce);
    memcpy(accept.key, ephemeral.public, sizeof accept.key);
    bl_accept_write(bytes, &accept);
    const struct bl_exchange exchange = {asked->open_hash, bytes, &ephemeral.secret,
                                         asked->ephemeral.public};
    ck_assert(bl_traffic_keys_of(&keys, credentials, &exchange));
    const struct bl_aead aead = {suite, &keys.down, 0, bytes, BL_ACCEPT_HEAD_SIZE};
    size_t size = bl_accept_params_write(bytes + BL_ACCEPT_HEAD_SIZE, &params);
    bl_aead_seal(&aead, bytes + BL_ACCEPT_HEAD_SIZE, size);
    return (struct bl_datagram){
        .address = server, .data = bytes, .size = BL_ACCEPT_HEAD_SIZE + size + BL_AEAD_SIZE};
}

static struct bl_datagram accept_for(const struct bl_dial *asked, enum bl_suite suite) {
    const struct bl_credentials credentials = credentials_of_server();
    return accept_under(&credentials, asked, suite);
}

static bool takes(const struct bl_datagram *datagram, struct bl_dialed *out) {
    return bl_dial_accepted(&dial, datagram, START + 40 * BL_MILLISECOND, out);
}

START_TEST(an_accept_brings_what_the_next_resume_needs) {
    struct bl_dialed dialed;
    struct bl_accept_params *params = &dialed.params;
    struct bl_secret keys[3];
    dial_by(ways[_i]());
    hears_retry(7, server_key.public);
    const struct bl_datagram datagram = accept_for(&dial, BL_SUITE_CHACHA20);
    ck_assert(takes(&datagram, &dialed));
    ck_assert_mem_eq(params->ticket, "the next ticket", 16);
    ck_assert_mem_eq(params->reset_token, "a reset token...", BL_RESET_TOKEN_SIZE);
    ck_assert_mem_eq(params->spare_reset_token, "another of them.", BL_RESET_TOKEN_SIZE);
    ck_assert_uint_eq(params->positions.count, 2);
    ck_assert_uint_eq(params->positions.channels[0].received, 11);
    ck_assert_uint_eq(params->positions.channels[1].channel, 15);
    ck_assert_uint_eq(params->positions.channels[1].newest, 18);
    keys[0] = dialed.keys.up;
    keys[1] = dialed.keys.down;
    keys[2] = resume_key; /* of the ticket that was shown */
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        ck_assert_mem_ne(&dialed.keys.resume, &keys[i], BL_SECRET_SIZE);
    }
}
END_TEST

START_TEST(an_accept_brings_suite_keys_and_tags) {
    for (int suite = 0; suite < BL_SUITE_COUNT; suite++) {
        if ((bl_suites() & 1U << suite) != 0) {
            struct bl_dialed dialed;
            dial_by(by_token());
            const struct bl_datagram datagram = accept_for(&dial, (enum bl_suite)suite);
            ck_assert(takes(&datagram, &dialed));
            ck_assert_int_eq(dialed.suite, suite);
            ck_assert_uint_eq(dialed.params.tag, 0xcafe);
            ck_assert_uint_eq(dialed.params.spare_tag, 0xbeef);
            ck_assert_mem_ne(&dialed.keys.up, &dialed.keys.down, BL_SECRET_SIZE);
        }
    }
}
END_TEST

START_TEST(an_accept_with_any_bit_altered_or_of_any_other_length_is_none) {
    struct bl_dialed dialed;
    uint8_t whole[sizeof bytes];
    dial_by(by_token());
    struct bl_datagram datagram = accept_for(&dial, BL_SUITE_CHACHA20);
    size_t size = datagram.size;
    memcpy(whole, bytes, sizeof whole);
    for (size_t bit = 8; bit < 8 * size; bit++) { /* its kind has led it here */
        memcpy(bytes, whole, sizeof whole);
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert_msg(!takes(&datagram, &dialed), "bit %zu", bit);
    }
    for (datagram.size = 0; datagram.size <= sizeof bytes; datagram.size++) {
        memcpy(bytes, whole, sizeof whole);
        ck_assert(takes(&datagram, &dialed) == (datagram.size == size));
    }
}
END_TEST

START_TEST(an_accept_that_fails_gives_no_keys_out) {
    struct bl_dialed dialed;
    struct bl_traffic_keys none = {0};
    dial_by(by_token());
    const struct bl_datagram datagram = accept_for(&dial, BL_SUITE_CHACHA20);
    bytes[BL_ACCEPT_HEAD_SIZE] ^= 1;
    memset(&dialed, 0x5a, sizeof dialed);
    ck_assert(!takes(&datagram, &dialed));
    ck_assert_mem_eq(&dialed.keys, &none, sizeof none);
}
END_TEST

START_TEST(an_accept_of_another_attempt_or_of_somebody_without_the_secret_is_none) {
    struct bl_dialed dialed;
    dial_by(by_token());
    const struct bl_dial before = dial;
    dial_by(by_token());
    struct bl_datagram datagram = accept_for(&before, BL_SUITE_CHACHA20);
    ck_assert(!takes(&datagram, &dialed));
    memcpy(bytes + 3, dial.nonce, BL_NONCE_SIZE);
    ck_assert(!takes(&datagram, &dialed));
    dial_by(by_key());
    server_key.secret.bytes[5] ^= 1; /* an impostor knows only the public half */
    datagram = accept_for(&dial, BL_SUITE_CHACHA20);
    ck_assert(!takes(&datagram, &dialed));
}
END_TEST

START_TEST(an_accept_before_the_servers_key_is_known_is_none) {
    const struct bl_credentials nobody = {0}; /* what the attempt has until then */
    struct bl_dialed dialed;
    dial_by(by_trust());
    struct bl_datagram datagram = accept_for(&dial, BL_SUITE_CHACHA20);
    ck_assert(!takes(&datagram, &dialed));
    datagram = accept_under(&nobody, &dial, BL_SUITE_CHACHA20);
    ck_assert(!takes(&datagram, &dialed));
}
END_TEST

/* Karn's rule (RFC 6298, 3). */

START_TEST(the_round_trip_is_known_when_one_opening_was_under_way) {
    struct bl_dialed dialed;
    dial_by(by_token());
    bl_dial_write(&dial, START + 15 * BL_MILLISECOND, bytes);
    const struct bl_datagram datagram = accept_for(&dial, BL_SUITE_CHACHA20);
    ck_assert(takes(&datagram, &dialed));
    ck_assert_int_eq(dialed.round_trip, 25 * BL_MILLISECOND);
}
END_TEST

START_TEST(the_round_trip_is_not_known_when_it_was_repeated) {
    struct bl_dialed dialed;
    dial_by(by_token());
    bl_dial_write(&dial, START, bytes);
    bl_dial_write(&dial, START + 30 * BL_MILLISECOND, bytes);
    const struct bl_datagram datagram = accept_for(&dial, BL_SUITE_CHACHA20);
    ck_assert(takes(&datagram, &dialed));
    ck_assert_int_eq(dialed.round_trip, -1);
}
END_TEST

START_TEST(the_round_trip_of_an_opening_with_a_cookie_is_its_own) {
    struct bl_dialed dialed;
    dial_by(by_key());
    bl_dial_write(&dial, START, bytes);
    bl_dial_write(&dial, START, bytes);
    ck_assert(hears_retry(7, server_key.public));
    bl_dial_write(&dial, START + 30 * BL_MILLISECOND, bytes);
    const struct bl_datagram datagram = accept_for(&dial, BL_SUITE_CHACHA20);
    ck_assert(takes(&datagram, &dialed));
    ck_assert_int_eq(dialed.round_trip, 10 * BL_MILLISECOND);
}
END_TEST

/* DENY. */

static size_t write_deny(uint32_t code) {
    struct bl_deny deny = {.code = code, .text = (const uint8_t *)"no", .text_size = 2};
    memcpy(deny.nonce, dial.nonce, sizeof deny.nonce);
    size_t size = bl_deny_write(bytes, &deny);
    memset(bytes + size, 0, BL_PROOF_SIZE);
    return size;
}

static bool is_over(size_t proven_size, const struct bl_address *from) {
    struct bl_deny deny;
    const struct bl_datagram datagram = {
        .address = *from, .data = bytes, .size = proven_size + BL_PROOF_SIZE};
    return bl_dial_denied(&dial, &datagram, &deny);
}

START_TEST(a_hint_never_ends_the_attempt_and_the_last_one_is_told) {
    dial_by(ways[_i]());
    ck_assert_uint_eq(dial.hint, 0);
    ck_assert(!is_over(write_deny(BELAY_REASON_VERSION), &server));
    ck_assert_uint_eq(dial.hint, BELAY_REASON_VERSION);
    ck_assert(!is_over(write_deny(BELAY_REASON_STATE_LOST), &server));
    ck_assert_uint_eq(dial.hint, BELAY_REASON_STATE_LOST); /* with a ticket neither */
    ck_assert(!is_over(write_deny(BELAY_REASON_TOKEN_BAD), &server));
    ck_assert_uint_eq(dial.hint, BELAY_REASON_TOKEN_BAD);
    ck_assert(dial.active);
    bl_dial_stop(&dial);
    ck_assert_uint_eq(dial.hint, BELAY_REASON_TOKEN_BAD);
}
END_TEST

START_TEST(an_authentic_denial_ends_the_attempt) {
    struct bl_deny deny;
    static struct bl_dial_target (*const known[])(void) = {by_token, by_key, by_ticket};
    dial_by(known[_i]());
    struct bl_credentials credentials = credentials_of_server();
    size_t size = write_deny(BELAY_REASON_FULL);
    bl_deny_proof(bytes + size, &credentials, bytes, size);
    const struct bl_datagram datagram = {
        .address = server, .data = bytes, .size = size + BL_PROOF_SIZE};
    ck_assert(bl_dial_denied(&dial, &datagram, &deny));
    ck_assert_uint_eq(deny.code, BELAY_REASON_FULL);
    ck_assert_mem_eq(deny.text, "no", 2);
    ck_assert_uint_eq(dial.hint, 0);
}
END_TEST

/* Servers may share their ticket keys, and a client may know several. */
START_TEST(another_server_that_does_not_know_the_session_ends_nothing) {
    static const struct {
        uint32_t code;
        bool ends;
    } cases[] = {{BELAY_REASON_SERVER_RESTARTED, false},
                 {BELAY_REASON_STATE_LOST, false},
                 {BELAY_REASON_REPLACED, true}};
    struct bl_deny deny;
    struct bl_dial_target target = by_ticket();
    target.addresses[1] = server;
    target.addresses[1].port++;
    target.address_count = 2;
    dial_by(target);
    struct bl_credentials credentials = credentials_of_server();
    size_t size = write_deny(cases[_i].code);
    bl_deny_proof(bytes + size, &credentials, bytes, size);
    struct bl_datagram datagram = {
        .address = target.addresses[1], .data = bytes, .size = size + BL_PROOF_SIZE};
    ck_assert_int_eq(bl_dial_denied(&dial, &datagram, &deny), cases[_i].ends);
    datagram.address = server;
    ck_assert(bl_dial_denied(&dial, &datagram, &deny));
}
END_TEST

START_TEST(a_denial_with_any_bit_altered_ends_nothing_and_hints_nothing) {
    dial_by(by_token());
    struct bl_credentials credentials = credentials_of_server();
    size_t size = write_deny(BELAY_REASON_FULL);
    bl_deny_proof(bytes + size, &credentials, bytes, size);
    for (size_t bit = 8; bit < 8 * (size + BL_PROOF_SIZE); bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert_msg(!is_over(size, &server), "bit %zu", bit);
        ck_assert_uint_eq(dial.hint, 0);
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    ck_assert(is_over(size, &server));
}
END_TEST

/** Whoever has seen the OPEN of a client that knows no key yet could compute it. */
START_TEST(a_denial_under_the_key_of_nobody_ends_nothing) {
    const struct bl_credentials nobody = {0};
    dial_by(by_trust());
    size_t size = write_deny(BELAY_REASON_FULL);
    bl_deny_proof(bytes + size, &nobody, bytes, size);
    ck_assert(!is_over(size, &server));
    ck_assert_uint_eq(dial.hint, 0);
}
END_TEST

/* Who is heard. */

START_TEST(nobody_is_heard_but_who_was_asked_and_saw_the_nonce) {
    struct bl_dialed dialed;
    dial_by(by_trust());
    ck_assert(!hears_retry_from(&stranger, 7, server_key.public));
    ck_assert(!is_over(write_deny(BELAY_REASON_FULL), &stranger));
    ck_assert_uint_eq(dial.hint, 0);
    size_t size = write_deny(BELAY_REASON_FULL);
    bytes[2] ^= 1;
    ck_assert(!is_over(size, &server));
    ck_assert_uint_eq(dial.hint, 0);
    dial_by(by_token());
    struct bl_datagram datagram = accept_for(&dial, BL_SUITE_CHACHA20);
    datagram.address = stranger;
    ck_assert(!takes(&datagram, &dialed));
    datagram.address = server;
    ck_assert(takes(&datagram, &dialed));
}
END_TEST

START_TEST(an_attempt_that_has_ended_hears_nothing) {
    struct bl_dialed dialed;
    dial_by(by_token());
    struct bl_datagram datagram = accept_for(&dial, BL_SUITE_CHACHA20);
    bl_dial_stop(&dial);
    ck_assert(!dial.active);
    ck_assert(!takes(&datagram, &dialed));
    ck_assert(!hears_retry(7, server_key.public));
    ck_assert(!is_over(write_deny(BELAY_REASON_FULL), &server));
    ck_assert_uint_eq(dial.hint, 0);
}
END_TEST

START_TEST(an_attempt_that_has_ended_keeps_no_secret) {
    struct bl_secret secrets[5];
    dial_by(ways[_i]());
    hears_retry(7, server_key.public);
    secrets[0] = dial.credentials.chain;
    secrets[1] = dial.credentials.proof;
    secrets[2] = dial.credentials.deny;
    secrets[3] = dial.ephemeral.secret;
    secrets[4] = dial.by_ticket ? resume_key : session_secret;
    for (size_t i = 0; i < 4; i++) { /* else not finding it means nothing */
        ck_assert_ptr_nonnull(memmem(&dial, sizeof dial, &secrets[i], BL_SECRET_SIZE));
    }
    bl_dial_stop(&dial);
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        ck_assert_ptr_null(memmem(&dial, sizeof dial, &secrets[i], BL_SECRET_SIZE));
    }
    ck_assert(!dial.by_key ||
              memcmp(dial.server_key, server_key.public, BL_PUBLIC_SIZE) == 0); /* to be pinned */
}
END_TEST

static void add_asking(TCase *tests) {
    tcase_add_test(tests, the_first_opening_is_due_at_once);
    tcase_add_test(tests, repeats_come_every_250_ms_for_three_seconds_and_then_every_500);
    tcase_add_test(tests, addresses_are_asked_in_turn);
    tcase_add_test(
        tests, with_a_ticket_the_first_address_is_asked_each_time_and_the_others_in_turn_besides);
    tcase_add_test(tests, with_one_address_or_without_a_ticket_nobody_is_asked_besides);
    tcase_add_test(tests, an_opening_says_who_asks_and_for_what);
    tcase_add_test(tests, a_ticket_is_shown_with_how_far_the_client_has_come);
    tcase_add_test(tests,
                   a_token_or_ticket_is_proven_from_the_first_opening_on_and_a_key_after_a_cookie);
    tcase_add_test(tests, each_attempt_has_a_nonce_and_a_key_of_its_own);
    tcase_add_loop_test(tests, a_cookie_is_sent_back_at_once_and_proven, 0, COUNT_OF(ways));
    tcase_add_test(tests, a_cookie_that_was_sent_back_already_hurries_nobody);
    tcase_add_test(tests, a_cookie_goes_to_the_address_that_gave_it);
    tcase_add_loop_test(tests, a_cookie_from_where_nobody_is_does_not_end_the_attempt, 0,
                        COUNT_OF(ways));
    tcase_add_test(tests, addresses_that_are_found_later_are_asked_too);
    tcase_add_test(tests, a_retry_with_a_foreign_key_is_a_hint);
    tcase_add_test(tests, a_key_is_taken_on_trust_only_where_that_is_allowed);
    tcase_add_test(tests, a_key_that_was_taken_on_trust_is_kept);
    tcase_add_test(tests, a_key_that_is_none_is_not_taken_and_the_next_one_is);
}

static void add_answers(TCase *tests) {
    tcase_add_test(tests, an_accept_brings_suite_keys_and_tags);
    tcase_add_loop_test(tests, an_accept_brings_what_the_next_resume_needs, 0, COUNT_OF(ways));
    tcase_add_test(tests, an_accept_with_any_bit_altered_or_of_any_other_length_is_none);
    tcase_add_test(tests, an_accept_that_fails_gives_no_keys_out);
    tcase_add_test(tests, an_accept_of_another_attempt_or_of_somebody_without_the_secret_is_none);
    tcase_add_test(tests, an_accept_before_the_servers_key_is_known_is_none);
    tcase_add_test(tests, the_round_trip_is_known_when_one_opening_was_under_way);
    tcase_add_test(tests, the_round_trip_is_not_known_when_it_was_repeated);
    tcase_add_test(tests, the_round_trip_of_an_opening_with_a_cookie_is_its_own);
    tcase_add_loop_test(tests, a_hint_never_ends_the_attempt_and_the_last_one_is_told, 0,
                        COUNT_OF(ways));
    tcase_add_loop_test(tests, an_authentic_denial_ends_the_attempt, 0, 3);
    tcase_add_loop_test(tests, another_server_that_does_not_know_the_session_ends_nothing, 0, 3);
    tcase_add_test(tests, a_denial_with_any_bit_altered_ends_nothing_and_hints_nothing);
    tcase_add_test(tests, a_denial_under_the_key_of_nobody_ends_nothing);
    tcase_add_test(tests, nobody_is_heard_but_who_was_asked_and_saw_the_nonce);
    tcase_add_test(tests, an_attempt_that_has_ended_hears_nothing);
    tcase_add_loop_test(tests, an_attempt_that_has_ended_keeps_no_secret, 0, COUNT_OF(ways));
}

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, NULL);
    add_asking(tests);
    add_answers(tests);
}

TEST_MAIN("secure/dial", add_tests)
