/* The server's gate: who gets a binding, who a refusal, who silence. In which order it judges, and
 * what that costs, is in test_gate_order.c; memory and keys are in test_gate_memory.c. */
#include "tests/secure/gate_fixture.h"

#define SEED      UINT64_C(0x67617465)
#define COOKIE_AT BL_OPEN_FIXED_SIZE
#define PROOF_AT  BL_OPEN_PROVEN_SIZE
#define KEY_AT    30
#define SUITES_AT 5
#define GAME_AT   6
#define NONCE_AT  14
#define TOKEN_AT  64
#define UNCOUNTED BELAY_DROP_COUNT

static void must_be_as_before(uint32_t pending_count, size_t used) {
    ck_assert_uint_eq(host.bindings.pending_count, pending_count);
    ck_assert_uint_eq(host.memory.used, used);
}

/* Who gets in. */

START_TEST(a_token_lets_in_at_once) {
    const struct bl_token token = fresh_token();
    struct caller caller;
    come_with(&caller, &token);
    const struct reply reply = knock(&caller);
    must_be(&reply, ADMITTED, 0);
    const struct bl_binding *binding = binding_of(&caller, &reply);
    ck_assert_int_eq(binding->state, BL_BINDING_PENDING);
    ck_assert(bl_address_equal(&binding->path.used.remote, &caller.from));
    const struct bl_identity *identity = &binding->newcomer->identity;
    ck_assert(identity->has_token);
    ck_assert_mem_eq(identity->id, token.id, sizeof token.id);
    ck_assert_mem_eq(identity->user_id, token.user_id, sizeof token.user_id);
    ck_assert_uint_eq(identity->data_size, 3);
    ck_assert_mem_eq(identity->data, "red", 3);
}
END_TEST

START_TEST(the_servers_key_lets_in_who_comes_again_with_its_cookie) {
    static const uint8_t nobody[16];
    struct caller caller;
    come_by_key(&caller);
    struct reply reply = knock(&caller);
    must_be(&reply, AGAIN, 0);
    ck_assert_uint_eq(host.bindings.pending_count, 0);
    const struct bl_datagram datagram = {
        .address = host.address, .data = reply.bytes, .size = reply.size};
    ck_assert(bl_dial_retry(&caller.dial, &datagram, NOW));
    reply = knock(&caller);
    must_be(&reply, ADMITTED, 0);
    const struct bl_identity *identity = &binding_of(&caller, &reply)->newcomer->identity;
    ck_assert(!identity->has_token);
    ck_assert_mem_eq(identity->id, caller.dial.nonce, BL_NONCE_SIZE);
    ck_assert_mem_eq(identity->user_id, nobody, sizeof nobody);
    ck_assert_uint_eq(identity->data_size, 0);
}
END_TEST

START_TEST(a_retry_names_the_way_and_the_servers_key_where_it_is_of_use) {
    static const uint8_t no_key[BL_PUBLIC_SIZE];
    struct caller by_key, by_token;
    struct bl_retry retry;
    come_by_key(&by_key);
    struct reply reply = knock(&by_key);
    ck_assert(bl_retry_read(&retry, reply.bytes, reply.size));
    ck_assert_int_eq(retry.way, BL_WAY_KEY);
    ck_assert_mem_eq(retry.key, host.admission.key.public, BL_PUBLIC_SIZE);
    ck_assert_mem_eq(retry.nonce, by_key.dial.nonce, BL_NONCE_SIZE);
    come_with_fresh_token(&by_token);
    make_busy();
    reply = knock(&by_token);
    ck_assert(bl_retry_read(&retry, reply.bytes, reply.size));
    ck_assert_int_eq(retry.way, BL_WAY_TOKEN);
    ck_assert_mem_eq(retry.key, no_key, BL_PUBLIC_SIZE);
}
END_TEST

START_TEST(the_best_suite_of_both_is_used) {
    struct caller caller;
    come_with_fresh_token(&caller);
    struct reply reply = knock(&caller);
    ck_assert_int_eq(binding_of(&caller, &reply)->protection.suite,
                     bl_suite_choose(bl_suites(), bl_suites()));
    come_with_fresh_token(&caller);
    caller.dial.open[SUITES_AT] = 1;
    prove_again(&caller);
    reply = knock(&caller);
    ck_assert_int_eq(binding_of(&caller, &reply)->protection.suite, BL_SUITE_CHACHA20);
}
END_TEST

START_TEST(an_ephemeral_key_serves_for_a_second_and_a_server_nonce_once) {
    struct bl_accept accepts[3];
    const bl_time times[3] = {NOW, NOW + BL_EPHEMERAL_LIFE - 1, NOW + BL_EPHEMERAL_LIFE};
    for (size_t i = 0; i < 3; i++) {
        struct caller caller;
        come_with_fresh_token(&caller);
        host.at.now = times[i];
        const struct reply reply = knock(&caller);
        binding_of(&caller, &reply);
        ck_assert(bl_accept_read(&accepts[i], reply.bytes, reply.size));
    }
    ck_assert_mem_eq(accepts[0].key, accepts[1].key, BL_PUBLIC_SIZE);
    ck_assert_mem_ne(accepts[0].server_nonce, accepts[1].server_nonce, BL_NONCE_SIZE);
    ck_assert_mem_ne(accepts[1].key, accepts[2].key, BL_PUBLIC_SIZE);
}
END_TEST

/* Repeats. */

START_TEST(a_repeat_is_answered_byte_for_byte_and_changes_nothing) {
    struct caller caller;
    come_with_fresh_token(&caller);
    const struct reply first = knock(&caller);
    const struct bl_binding *binding = binding_of(&caller, &first);
    ck_assert_int_eq(binding->newcomer->accepted_at, NOW);
    size_t used = host.memory.used;
    for (int i = 1; i <= 10; i++) {
        host.at.now = NOW + i * 250 * BL_MILLISECOND; /* another ephemeral key by now */
        const struct reply again = knock(&caller);
        ck_assert_uint_eq(again.size, first.size);
        ck_assert_mem_eq(again.bytes, first.bytes, first.size);
    }
    ck_assert_int_eq(binding->newcomer->accepted_at, BL_TIME_NEVER); /* Karn's rule */
    ck_assert_uint_eq(host.asked_count, 1);
    host.turned_away = &(struct belay_reason){.code = BELAY_REASON_FULL};
    must_be_admitted(&caller); /* it is in already */
    take_cookie(&caller);      /* other last bytes, the same first ones */
    must_be_admitted(&caller);
    must_be_as_before(1, used);
}
END_TEST

START_TEST(a_repeat_from_another_address_needs_a_cookie) {
    struct caller caller;
    come_with_fresh_token(&caller);
    const struct reply first = knock(&caller);
    caller.from = address_of("192.0.2.9:10");
    must_get(&caller, AGAIN, 0, BELAY_DROP_COUNT);
    take_cookie(&caller);
    const struct reply again = knock(&caller);
    must_be(&again, ADMITTED, 0);
    ck_assert_mem_eq(again.bytes, first.bytes, first.size);
}
END_TEST

/* A server has several addresses, and a client of several may ask at each. */
START_TEST(what_follows_leaves_from_where_the_last_answer_did) {
    struct caller caller;
    come_with_fresh_token(&caller);
    host.asked_at = address_of("203.0.113.1:0");
    const struct reply reply = knock(&caller);
    const struct bl_binding *binding = binding_of(&caller, &reply);
    ck_assert(bl_address_equal(&binding->path.used.local, &host.asked_at));
    host.asked_at = address_of("203.0.113.2:0");
    const struct reply again = knock(&caller);
    must_be(&again, ADMITTED, 0);
    ck_assert(bl_address_equal(&binding->path.used.local, &host.asked_at));
}
END_TEST

START_TEST(a_repeat_of_a_handshake_that_is_over_is_dropped) {
    struct caller caller;
    come_with_fresh_token(&caller);
    const struct reply reply = knock(&caller);
    struct bl_binding *binding = binding_of(&caller, &reply);
    bl_binding_bind(binding, &caller);
    bl_binding_forget_newcomer(binding);
    must_get(&caller, SILENCE, 0, BELAY_DROP_HANDSHAKE);
    bl_binding_end(binding, NOW + BL_SECOND);
    must_get(&caller, SILENCE, 0, BELAY_DROP_HANDSHAKE);
}
END_TEST

START_TEST(a_nonce_that_comes_with_other_bytes_is_dropped) {
    const struct bl_token token = fresh_token();
    struct caller caller, other;
    come_with(&caller, &token);
    const struct reply first = knock(&caller);
    come_with(&other, &token); /* another ephemeral key, sealed with another nonce */
    memcpy(other.dial.open + NONCE_AT, caller.dial.nonce, BL_NONCE_SIZE);
    prove_again(&other);
    must_get(&other, SILENCE, 0, BELAY_DROP_HANDSHAKE);
    const struct reply again = knock(&caller);
    ck_assert_mem_eq(again.bytes, first.bytes, first.size);
}
END_TEST

START_TEST(a_token_that_comes_under_another_nonce_is_refused_as_used) {
    const struct bl_token token = fresh_token();
    struct caller caller, other;
    come_with(&caller, &token);
    must_be_admitted(&caller);
    come_with(&other, &token);
    must_get(&other, DENIED, BELAY_REASON_TOKEN_USED, BELAY_DROP_USED);
    ck_assert_uint_eq(host.bindings.pending_count, 1);
}
END_TEST

/* Cookies. */

START_TEST(by_key_nobody_gets_in_without_a_cookie) {
    struct caller caller;
    come_by_key(&caller);
    for (int i = 0; i < 100; i++) {
        must_get(&caller, AGAIN, 0, UNCOUNTED); /* as everybody must at first */
    }
    prove_again(&caller); /* a proof makes up for no cookie */
    must_get(&caller, AGAIN, 0, UNCOUNTED);
    must_be_as_before(0, host.memory.used);
}
END_TEST

START_TEST(a_token_needs_a_cookie_while_too_many_come_at_once) {
    struct caller caller;
    come_with_fresh_token(&caller);
    make_busy();
    must_get(&caller, AGAIN, 0, UNCOUNTED);
    take_cookie(&caller);
    must_be_admitted(&caller);
    come_with_fresh_token(&caller);
    must_get(&caller, AGAIN, 0, UNCOUNTED);
    host.at.now += BL_SECOND;
    must_be_admitted(&caller);
}
END_TEST

START_TEST(a_token_needs_a_cookie_while_many_are_half_done) {
    host.gate.opts.pending_max = 4;
    struct caller caller;
    for (int i = 0; i < 3; i++) {
        come_with_fresh_token(&caller);
        must_be_admitted(&caller);
    }
    come_with_fresh_token(&caller);
    must_get(&caller, AGAIN, 0, UNCOUNTED);
    take_cookie(&caller);
    must_be_admitted(&caller);
}
END_TEST

/** A caller by key whose cookie is good. */
static struct caller with_cookie(void) {
    struct caller caller;
    come_by_key(&caller);
    take_cookie(&caller);
    return caller;
}

START_TEST(an_altered_cookie_is_none) {
    struct caller caller = with_cookie();
    for (size_t bit = 0; bit < 8 * BL_COOKIE_SIZE; bit++) {
        caller.dial.open[COOKIE_AT + bit / 8] ^= (uint8_t)(1U << bit % 8);
        prove_again(&caller);
        must_get(&caller, AGAIN, 0, BELAY_DROP_COOKIE);
        caller.dial.open[COOKIE_AT + bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    prove_again(&caller);
    must_be_admitted(&caller);
}
END_TEST

START_TEST(a_cookie_of_another_address_or_nonce_is_none) {
    static const char *const addresses[] = {"192.0.2.9:10", "192.0.2.10:9", "[2001:db8::9]:9"};
    struct caller caller = with_cookie();
    const struct bl_address home = caller.from;
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        caller.from = address_of(addresses[i]);
        must_get(&caller, AGAIN, 0, BELAY_DROP_COOKIE);
    }
    caller.from = home;
    caller.dial.open[NONCE_AT] ^= 1;
    prove_again(&caller);
    must_get(&caller, AGAIN, 0, BELAY_DROP_COOKIE);
}
END_TEST

START_TEST(an_old_cookie_is_none) {
    struct caller young = with_cookie(), old = with_cookie();
    host.at.now = NOW + BL_COOKIE_TURN;
    must_be_admitted(&young);
    host.at.now = NOW + 2 * BL_COOKIE_TURN;
    must_get(&old, AGAIN, 0, BELAY_DROP_COOKIE);
}
END_TEST

/* Tokens that are worth nothing. Their bearers have proven nothing, so the refusal proves nothing
 * either. */

static void must_be_worthless(const struct caller *caller) {
    must_get(caller, HINTED, BELAY_REASON_TOKEN_BAD, BELAY_DROP_TOKEN);
    ck_assert_uint_eq(host.bindings.pending_count, 0);
}

START_TEST(a_token_with_any_bit_altered_is_worth_nothing) {
    const struct bl_token token = fresh_token();
    uint8_t sealed[BL_TOKEN_SIZE_MAX];
    size_t size = bl_token_seal(sealed, &token, &host.keys.keys[0], &host.random);
    struct caller caller;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
        come_with_bytes(&caller, &token.secret, sealed, size);
        must_be_worthless(&caller);
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    come_with_bytes(&caller, &token.secret, sealed, size);
    must_be_admitted(&caller);
}
END_TEST

START_TEST(a_token_of_any_other_length_is_worth_nothing) {
    const struct bl_token token = fresh_token();
    uint8_t bytes[BL_OPEN_CREDENTIAL_MAX] = {0};
    size_t whole = bl_token_seal(bytes, &token, &host.keys.keys[0], &host.random);
    struct caller caller;
    for (size_t size = 0; size <= sizeof bytes; size++) {
        come_with_bytes(&caller, &token.secret, bytes, size);
        if (size != whole) {
            must_be_worthless(&caller);
        }
    }
    come_with_bytes(&caller, &token.secret, bytes, whole);
    must_be_admitted(&caller);
}
END_TEST

START_TEST(a_forged_token_is_worth_nothing) {
    const struct bl_token token = fresh_token();
    struct bl_token_key forger = {.id = KEY_ID}; /* the id of a key, but not the key */
    uint8_t sealed[BL_TOKEN_SIZE_MAX];
    struct caller caller;
    size_t size = bl_token_seal(sealed, &token, &forger, &host.random);
    come_with_bytes(&caller, &token.secret, sealed, size);
    must_be_worthless(&caller);
    forger = host.keys.keys[0];
    forger.id = KEY_ID + 1; /* the key under an id that is not known */
    size = bl_token_seal(sealed, &token, &forger, &host.random);
    come_with_bytes(&caller, &token.secret, sealed, size);
    must_be_worthless(&caller);
}
END_TEST

START_TEST(a_stolen_token_without_its_secret_is_not_answered) {
    const struct bl_token token = fresh_token();
    const struct bl_secret guess = {{1}};
    uint8_t sealed[BL_TOKEN_SIZE_MAX];
    struct caller thief, owner;
    size_t size = bl_token_seal(sealed, &token, &host.keys.keys[0], &host.random);
    come_with_bytes(&thief, &guess, sealed, size);
    must_get(&thief, SILENCE, 0, BELAY_DROP_PROOF);
    come_with_bytes(&owner, &token.secret, sealed, size);
    must_be_admitted(&owner); /* what the thief did has not used it up */
}
END_TEST

START_TEST(a_client_that_means_another_server_key_is_not_answered) {
    struct bl_dial_target target = {.has_key = true, .server_key = {9}};
    struct caller caller;
    dial_with(&caller, &target);
    take_cookie(&caller);
    must_get(&caller, SILENCE, 0, BELAY_DROP_PROOF);
}
END_TEST

/* Tokens that are authentic, and not good here and now: the refusal is authentic too. */

static const struct judgement {
    const char *name;
    int64_t not_before_ms, expiry_ms; /* from now */
    const char *audience;
    uint64_t game;
    uint32_t code; /* 0: let in */
    enum belay_drop cause;
} judgements[] = {
    {"good", -5000, 60000, "", 0, 0, 0},
    {"for this server and game", -5000, 60000, "eu-1", GAME, 0, 0},
    {"for the longest time", -5000, 115000, "", 0, 0, 0},
    {"in its last millisecond", -5000, 1, "", 0, 0, 0},
    {"expired", -5000, 0, "", 0, BELAY_REASON_TOKEN_EXPIRED, BELAY_DROP_EXPIRED},
    {"long expired", -9000, -8999, "", 0, BELAY_REASON_TOKEN_EXPIRED, BELAY_DROP_EXPIRED},
    {"a little early", 1000, 60000, "", 0, 0, 0},
    {"too early", 1001, 60000, "", 0, BELAY_REASON_CLOCK_SKEW, BELAY_DROP_EARLY},
    {"for another server", -5000, 60000, "eu-2", 0, BELAY_REASON_WRONG_SERVER, BELAY_DROP_AUDIENCE},
    {"for a longer name", -5000, 60000, "eu-11", 0, BELAY_REASON_WRONG_SERVER, BELAY_DROP_AUDIENCE},
    {"for another game", -5000, 60000, "", GAME + 1, BELAY_REASON_VERSION, BELAY_DROP_VERSION},
    {"from just after the start", -8999, 60000, "", 0, 0, 0},
    {"from the start", -9000, 60000, "", 0, BELAY_REASON_TOKEN_USED, BELAY_DROP_USED},
    {"from before the start", -20000, 60000, "", 0, BELAY_REASON_TOKEN_USED, BELAY_DROP_USED},
};

START_TEST(a_token_is_judged_by_its_time_audience_and_game) {
    const struct judgement *judgement = &judgements[_i];
    struct bl_token token = fresh_token();
    struct caller caller;
    token.head.not_before_ms = (uint64_t)((int64_t)WALL_MS + judgement->not_before_ms);
    token.head.expiry_ms = (uint64_t)((int64_t)WALL_MS + judgement->expiry_ms);
    token.head.game = judgement->game;
    memcpy(token.audience, judgement->audience, strlen(judgement->audience));
    come_with(&caller, &token);
    if (judgement->code == 0) {
        must_be_admitted(&caller);
        return;
    }
    size_t used = host.memory.used;
    must_get(&caller, DENIED, judgement->code, judgement->cause);
    must_be_as_before(0, used);
    ck_assert_uint_eq(host.gate.used.count, 0);
    ck_assert_uint_eq(host.asked_count, 0);
}
END_TEST

START_TEST(a_clock_that_goes_back_makes_no_expired_token_fresh) {
    struct bl_token token = fresh_token();
    struct caller caller;
    come_with(&caller, &token);
    must_be_admitted(&caller);
    host.at.wall += 90 * BL_SECOND; /* it has expired, and is evicted by the next */
    token = fresh_token();
    token.head.not_before_ms += 90000;
    token.head.expiry_ms += 90000;
    come_with(&caller, &token);
    must_be_admitted(&caller);
    host.at.wall -= 90 * BL_SECOND;
    come_with_fresh_token(&caller);
    must_get(&caller, DENIED, BELAY_REASON_TOKEN_EXPIRED, BELAY_DROP_EXPIRED);
}
END_TEST

/* The clock was an hour ahead when the server began, and has been put right ten seconds later. */
START_TEST(a_clock_that_was_ahead_at_the_start_keeps_nobody_out) {
    struct bl_token token = fresh_token();
    struct caller caller;
    host.gate.started_ms = WALL_MS + 3600000;
    host.at.now += 10 * BL_SECOND;
    come_with(&caller, &token);
    must_be_admitted(&caller);
    token = fresh_token();
    token.head.not_before_ms = WALL_MS - 9000; /* may have been used before */
    come_with(&caller, &token);
    must_get(&caller, DENIED, BELAY_REASON_TOKEN_USED, BELAY_DROP_USED);
}
END_TEST

START_TEST(a_client_of_another_game_is_refused) {
    struct caller by_token, by_key;
    come_with_fresh_token(&by_token);
    by_token.dial.open[GAME_AT] ^= 1;
    prove_again(&by_token);
    must_get(&by_token, DENIED, BELAY_REASON_VERSION, BELAY_DROP_VERSION);
    ck_assert_uint_eq(host.gate.used.count, 0);
    come_by_key(&by_key);
    by_key.dial.open[GAME_AT] ^= 1;
    take_cookie(&by_key);
    must_get(&by_key, DENIED, BELAY_REASON_VERSION, BELAY_DROP_VERSION);
}
END_TEST

/* Who could get in, but not now. */

START_TEST(whom_the_host_turns_away_hears_its_reason_and_keeps_its_token) {
    struct caller caller;
    struct bl_deny deny;
    host.turned_away = &(struct belay_reason){
        .code = BELAY_REASON_FULL, .come_back = true, .retry_ms = 1234, .text = "come tomorrow"};
    come_with_fresh_token(&caller);
    must_get(&caller, DENIED, BELAY_REASON_FULL, BELAY_DROP_REFUSED);
    const struct reply reply = knock(&caller);
    ck_assert(bl_deny_read(&deny, reply.bytes, reply.size));
    ck_assert(deny.come_back);
    ck_assert_uint_eq(deny.retry_ms, 1234);
    ck_assert_mem_eq(deny.text, "come tomorrow", deny.text_size);
    host.turned_away = &(struct belay_reason){.code = BELAY_REASON_DRAINING};
    must_get(&caller, DENIED, BELAY_REASON_DRAINING, BELAY_DROP_REFUSED);
    host.turned_away = NULL;
    must_be_admitted(&caller);
}
END_TEST

START_TEST(who_comes_by_key_hears_an_authentic_reason_too) {
    struct caller caller = with_cookie();
    host.turned_away = &(struct belay_reason){.code = BELAY_REASON_FULL};
    must_get(&caller, DENIED, BELAY_REASON_FULL, BELAY_DROP_REFUSED);
}
END_TEST

START_TEST(half_open_handshakes_have_a_limit) {
    host.gate.opts.pending_max = 3;
    struct caller callers[4];
    for (size_t i = 0; i < COUNT_OF(callers); i++) {
        come_with_fresh_token(&callers[i]);
        take_cookie(&callers[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        must_be_admitted(&callers[i]);
    }
    must_get(&callers[3], DENIED, BELAY_REASON_OVERLOAD, BELAY_DROP_REFUSED);
    const struct reply reply = knock(&callers[0]); /* one of those inside */
    bl_binding_bind(binding_of(&callers[0], &reply), &host);
    must_be_admitted(&callers[3]);
}
END_TEST

START_TEST(a_full_memory_of_used_tokens_refuses_more_and_uses_none_up) {
    struct caller caller;
    host.gate.used.capacity = 0;
    come_with_fresh_token(&caller);
    must_get(&caller, DENIED, BELAY_REASON_OVERLOAD, BELAY_DROP_REFUSED);
    host.gate.used.capacity = 1;
    must_be_admitted(&caller);
    come_with_fresh_token(&caller);
    must_get(&caller, DENIED, BELAY_REASON_OVERLOAD, BELAY_DROP_REFUSED);
}
END_TEST

START_TEST(a_key_that_is_none_is_dropped_and_uses_no_token_up) {
    struct caller caller, by_key;
    come_with_fresh_token(&caller);
    const struct caller honest = caller;
    memset(caller.dial.open + KEY_AT, 0, BL_PUBLIC_SIZE);
    prove_again(&caller);
    must_get(&caller, SILENCE, 0, BELAY_DROP_HANDSHAKE);
    must_be_admitted(&honest);
    come_by_key(&by_key);
    memset(by_key.dial.open + KEY_AT, 0, BL_PUBLIC_SIZE);
    take_cookie(&by_key);
    must_get(&by_key, SILENCE, 0, BELAY_DROP_PROOF);
}
END_TEST

START_TEST(a_binding_that_nobody_proves_is_forgotten_with_all_it_had) {
    struct caller caller = with_cookie();
    must_be_admitted(&caller);
    bl_timer_wheel_advance(&host.wheel, NOW + BL_PENDING_TIMEOUT);
    must_be_as_before(0, host.memory.used);
    size_t used = host.memory.used; /* the tables keep their size */
    host.at.now = NOW + BL_PENDING_TIMEOUT;
    caller = with_cookie();
    must_be_admitted(&caller);
    bl_timer_wheel_advance(&host.wheel, NOW + 2 * BL_PENDING_TIMEOUT - BL_MILLISECOND);
    ck_assert_uint_eq(host.bindings.pending_count, 1);
    bl_timer_wheel_advance(&host.wheel, NOW + 2 * BL_PENDING_TIMEOUT);
    must_be_as_before(0, used);
}
END_TEST

/* Rates. */

static bool passes(const char *from) {
    struct caller caller;
    come_with_fresh_token(&caller);
    caller.from = address_of(from);
    take_cookie(&caller);
    uint64_t dropped = host.stats.dropped[BELAY_DROP_RATE];
    const struct reply reply = knock(&caller);
    ck_assert_uint_eq(host.stats.dropped[BELAY_DROP_RATE] - dropped, reply.verdict == SILENCE);
    return reply.verdict == ADMITTED;
}

static int count_passes(const char *from) {
    for (int count = 0;; count++) {
        if (!passes(from)) {
            return count;
        }
    }
}

static const struct prefixes {
    const char *same_narrow, *same_wide[4], *other;
} prefixes[] = {
    {"192.0.2.9:7", {"192.0.2.9:9", "192.0.2.10:9", "192.0.2.11:9", "192.0.2.12:9"}, "192.0.3.9:9"},
    {"[2001:db8:0:1:ffff::1]:9",
     {"[2001:db8:0:1::1]:9", "[2001:db8:0:2::1]:9", "[2001:db8:0:3::1]:9", "[2001:db8:0:4::1]:9"},
     "[2001:db8:1:1::1]:9"},
};

START_TEST(each_address_and_each_network_has_a_rate) {
    const struct prefixes *row = &prefixes[_i];
    open_gate_at_rate(1);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(count_passes(row->same_wide[i]), BL_HANDSHAKE_BURST);
    }
    ck_assert(!passes("192.0.2.13:9") || _i == 1);
    ck_assert(!passes("[2001:db8:0:5::1]:9") || _i == 0); /* four addresses' worth */
    host.at.now += BL_SECOND;
    ck_assert(passes(row->same_wide[0]));
    ck_assert(!passes(row->same_narrow));
    ck_assert_int_eq(count_passes(row->other), BL_HANDSHAKE_BURST);
}
END_TEST

START_TEST(who_has_used_up_its_rate_loses_no_token) {
    open_gate_at_rate(1);
    count_passes("192.0.2.9:9");
    struct caller caller;
    come_with_fresh_token(&caller);
    caller.from = address_of("192.0.2.9:9");
    take_cookie(&caller);
    must_get(&caller, SILENCE, 0, BELAY_DROP_RATE);
    host.at.now += BL_SECOND;
    must_be_admitted(&caller);
}
END_TEST

/* A stranger who floods under another's address costs that other a round trip, and no more. */
START_TEST(who_floods_under_anothers_address_does_not_keep_it_out) {
    struct caller caller;
    open_gate_at_rate(1);
    for (unsigned i = 0; i < BL_HANDSHAKE_BURST; i++) {
        come_with_fresh_token(&caller);
        must_be_admitted(&caller);
    }
    come_with_fresh_token(&caller);
    must_get(&caller, AGAIN, 0, BELAY_DROP_COUNT);
    take_cookie(&caller);
    must_be_admitted(&caller);
}
END_TEST

/* Half-open handshakes of long ago make room for a newcomer. */
START_TEST(an_old_half_open_handshake_makes_room) {
    struct caller first, second, third;
    host.gate.opts.pending_max = 2;
    come_with_fresh_token(&first);
    come_with_fresh_token(&second);
    come_with_fresh_token(&third);
    must_be_admitted(&first);
    host.at.now += BL_PENDING_GRACE;
    must_be_admitted(&second);
    take_cookie(&third);
    must_get(&third, DENIED, BELAY_REASON_OVERLOAD, BELAY_DROP_REFUSED);
    host.at.now += BL_MILLISECOND;
    must_be_admitted(&third);
    ck_assert_uint_eq(host.bindings.pending_count, 2);
    ck_assert_ptr_null(bl_bindings_by_nonce(&host.bindings, first.dial.nonce));
    ck_assert_ptr_nonnull(bl_bindings_by_nonce(&host.bindings, second.dial.nonce));
}
END_TEST

START_TEST(a_used_token_takes_nobodys_place) {
    const struct bl_token token = fresh_token();
    struct caller first, second, again;
    host.gate.opts.pending_max = 2;
    come_with(&first, &token);
    come_with_fresh_token(&second);
    come_with(&again, &token);
    must_be_admitted(&first);
    must_be_admitted(&second);
    host.at.now += BL_PENDING_GRACE + BL_MILLISECOND;
    take_cookie(&again);
    must_get(&again, DENIED, BELAY_REASON_OVERLOAD, BELAY_DROP_REFUSED);
    ck_assert_uint_eq(host.bindings.pending_count, 2);
    come_with_fresh_token(&again);
    take_cookie(&again);
    must_be_admitted(&again);
}
END_TEST

/* What is no request of ours. */

START_TEST(another_version_is_told_which_one_the_server_speaks) {
    struct caller caller;
    come_with_fresh_token(&caller);
    caller.dial.open[3] = 7;
    memset(caller.dial.open + TOKEN_AT, 0xff, 100); /* who knows what it means there */
    must_get(&caller, HINTED, BELAY_REASON_VERSION, BELAY_DROP_VERSION);
}
END_TEST

START_TEST(a_way_that_is_closed_is_told_so) {
    struct caller by_token, by_key, by_ticket;
    come_with_fresh_token(&by_token);
    by_ticket = by_token;
    by_ticket.dial.open[4] = BL_WAY_RESUME; /* a token is no ticket */
    come_by_key(&by_key);
    must_get(&by_ticket, HINTED, BELAY_REASON_STATE_LOST, BELAY_DROP_TICKET);
    host.admission.by_token = false;
    must_get(&by_token, HINTED, BELAY_REASON_TOKEN_BAD, BELAY_DROP_REFUSED);
    host.admission.by_token = true;
    host.admission.by_key = false;
    must_get(&by_key, HINTED, BELAY_REASON_TOKEN_BAD, BELAY_DROP_REFUSED);
    host.admission.by_token = false;
    come_with_fresh_ticket(&by_ticket); /* for whoever is in already, no way is closed */
    must_be_admitted(&by_ticket);
}
END_TEST

START_TEST(an_opening_of_any_other_length_is_dropped) {
    struct caller caller;
    come_with_fresh_token(&caller);
    for (size_t size = 0; size < BL_OPEN_SIZE; size++) {
        const struct reply reply = knock_sized(&caller, size);
        must_be(&reply, SILENCE, 0);
    }
    ck_assert_uint_eq(host.stats.dropped[BELAY_DROP_HANDSHAKE], BL_OPEN_SIZE);
    must_be_admitted(&caller);
}
END_TEST

START_TEST(an_opening_with_any_bit_altered_gets_nothing_that_is_authentic) {
    struct caller callers[3];
    come_with_fresh_token(&callers[0]);
    callers[1] = with_cookie();
    come_with_fresh_ticket(&callers[2]);
    size_t used = host.memory.used;
    for (size_t bit = 0; bit < 8 * BL_OPEN_SIZE; bit++) {
        struct caller *caller = &callers[_i];
        if (_i != 1 && bit / 8 >= COOKIE_AT && bit / 8 < PROOF_AT) {
            continue; /* see the next loop */
        }
        caller->dial.open[bit / 8] ^= (uint8_t)(1U << bit % 8);
        host.at.now += BL_MILLISECOND; /* not so fast that cookies are asked for */
        const struct reply reply = knock(caller);
        ck_assert_msg(reply.verdict != ADMITTED && reply.verdict != DENIED, "bit %zu", bit);
        ck_assert_msg(bit / 8 < PROOF_AT || reply.verdict == SILENCE, "bit %zu", bit);
        caller->dial.open[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t at = COOKIE_AT; at < PROOF_AT; at++) { /* not looked at, but proven */
        for (size_t i = 0; i < 3; i += 2) {
            callers[i].dial.open[at] ^= 1;
            must_get(&callers[i], SILENCE, 0, BELAY_DROP_PROOF);
            callers[i].dial.open[at] ^= 1;
        }
    }
    ck_assert_uint_eq(host.resume_count, 0);
    must_be_as_before(0, used);
    must_be_admitted(&callers[_i]);
}
END_TEST

START_TEST(random_openings_get_nothing_and_cost_nothing) {
    struct bl_random random;
    bl_random_init_seeded(&random, SEED);
    size_t used = host.memory.used;
    for (int i = 0; i < 20000; i++) {
        struct caller caller = {.from = host.address};
        bl_random_bytes(&random, caller.dial.open, BL_OPEN_SIZE);
        caller.dial.open[0] = BL_DATAGRAM_OPEN;
        if (i % 2 == 0) {
            static const uint8_t likely[] = {0, BL_WIRE_VERSION};
            memcpy(caller.dial.open + 2, likely, sizeof likely);
            caller.dial.open[4] &= 3;
            caller.dial.open[TOKEN_AT - 2] &= 3;
        }
        const struct reply reply = knock(&caller);
        ck_assert_msg(reply.verdict != ADMITTED && reply.verdict != DENIED, "seed %llx input %d",
                      (unsigned long long)SEED, i);
    }
    must_be_as_before(0, used);
}
END_TEST

START_TEST(the_longest_refusal_is_cut_to_what_a_denial_holds) {
    static const char text[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                               "and more";
    struct caller caller;
    struct bl_deny deny;
    host.turned_away = &(struct belay_reason){.code = BELAY_REASON_BANNED, .text = text};
    come_with_fresh_token(&caller);
    const struct reply reply = knock(&caller);
    must_be(&reply, DENIED, BELAY_REASON_BANNED);
    ck_assert(bl_deny_read(&deny, reply.bytes, reply.size));
    ck_assert_uint_eq(deny.text_size, BELAY_REASON_TEXT_MAX);
    ck_assert_uint_eq(reply.size, BL_DENY_SIZE_MAX);
}
END_TEST

/* knock() looks at each answer of these tests; here are the largest of each kind. */
START_TEST(no_answer_is_larger_than_its_question) {
    ck_assert_uint_lt(BL_RETRY_SIZE, BL_OPEN_SIZE);
    ck_assert_uint_lt(BL_ACCEPT_SIZE_MAX, BL_OPEN_SIZE);
    ck_assert_uint_lt(BL_DENY_SIZE_MAX, BL_OPEN_SIZE);
    struct caller caller;
    come_by_key(&caller);
    struct reply reply = knock(&caller);
    ck_assert_uint_eq(reply.size, BL_RETRY_SIZE);
    take_cookie(&caller);
    reply = knock(&caller);
    ck_assert_uint_eq(reply.size, BL_ACCEPT_SIZE_MAX -
                                      BL_STREAMS_MAX * BL_POSITION_SIZE); /* a login tells none */
    host.told.count = BL_STREAMS_MAX;
    for (uint8_t i = 0; i < BL_STREAMS_MAX; i++) {
        host.told.channels[i].channel = i;
    }
    come_with_fresh_ticket(&caller);
    reply = knock(&caller);
    ck_assert_uint_eq(reply.size, BL_ACCEPT_SIZE_MAX);
}
END_TEST

static void add_answers(TCase *tests) {
    tcase_add_test(tests, a_token_lets_in_at_once);
    tcase_add_test(tests, the_servers_key_lets_in_who_comes_again_with_its_cookie);
    tcase_add_test(tests, a_retry_names_the_way_and_the_servers_key_where_it_is_of_use);
    tcase_add_test(tests, the_best_suite_of_both_is_used);
    tcase_add_test(tests, an_ephemeral_key_serves_for_a_second_and_a_server_nonce_once);
    tcase_add_test(tests, a_repeat_is_answered_byte_for_byte_and_changes_nothing);
    tcase_add_test(tests, a_repeat_from_another_address_needs_a_cookie);
    tcase_add_test(tests, what_follows_leaves_from_where_the_last_answer_did);
    tcase_add_test(tests, a_repeat_of_a_handshake_that_is_over_is_dropped);
    tcase_add_test(tests, a_nonce_that_comes_with_other_bytes_is_dropped);
    tcase_add_test(tests, a_token_that_comes_under_another_nonce_is_refused_as_used);
    tcase_add_test(tests, by_key_nobody_gets_in_without_a_cookie);
    tcase_add_test(tests, a_token_needs_a_cookie_while_too_many_come_at_once);
    tcase_add_test(tests, a_token_needs_a_cookie_while_many_are_half_done);
    tcase_add_test(tests, an_altered_cookie_is_none);
    tcase_add_test(tests, a_cookie_of_another_address_or_nonce_is_none);
    tcase_add_test(tests, an_old_cookie_is_none);
    tcase_add_test(tests, no_answer_is_larger_than_its_question);
}

static void add_refusals(TCase *tests) {
    tcase_add_test(tests, a_token_with_any_bit_altered_is_worth_nothing);
    tcase_add_test(tests, a_token_of_any_other_length_is_worth_nothing);
    tcase_add_test(tests, a_forged_token_is_worth_nothing);
    tcase_add_test(tests, a_stolen_token_without_its_secret_is_not_answered);
    tcase_add_test(tests, a_client_that_means_another_server_key_is_not_answered);
    tcase_add_loop_test(tests, a_token_is_judged_by_its_time_audience_and_game, 0,
                        COUNT_OF(judgements));
    tcase_add_test(tests, a_clock_that_goes_back_makes_no_expired_token_fresh);
    tcase_add_test(tests, a_clock_that_was_ahead_at_the_start_keeps_nobody_out);
    tcase_add_test(tests, a_client_of_another_game_is_refused);
    tcase_add_test(tests, whom_the_host_turns_away_hears_its_reason_and_keeps_its_token);
    tcase_add_test(tests, who_comes_by_key_hears_an_authentic_reason_too);
    tcase_add_test(tests, half_open_handshakes_have_a_limit);
    tcase_add_test(tests, a_full_memory_of_used_tokens_refuses_more_and_uses_none_up);
    tcase_add_test(tests, a_key_that_is_none_is_dropped_and_uses_no_token_up);
    tcase_add_test(tests, a_binding_that_nobody_proves_is_forgotten_with_all_it_had);
    tcase_add_loop_test(tests, each_address_and_each_network_has_a_rate, 0, COUNT_OF(prefixes));
    tcase_add_test(tests, who_has_used_up_its_rate_loses_no_token);
    tcase_add_test(tests, who_floods_under_anothers_address_does_not_keep_it_out);
    tcase_add_test(tests, an_old_half_open_handshake_makes_room);
    tcase_add_test(tests, a_used_token_takes_nobodys_place);
    tcase_add_test(tests, another_version_is_told_which_one_the_server_speaks);
    tcase_add_test(tests, a_way_that_is_closed_is_told_so);
    tcase_add_test(tests, an_opening_of_any_other_length_is_dropped);
    tcase_add_loop_test(tests, an_opening_with_any_bit_altered_gets_nothing_that_is_authentic, 0,
                        3);
    tcase_add_test(tests, random_openings_get_nothing_and_cost_nothing);
    tcase_add_test(tests, the_longest_refusal_is_cut_to_what_a_denial_holds);
}

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, open_gate, close_gate);
    add_answers(tests);
    add_refusals(tests);
}

TEST_MAIN("secure/gate", add_tests)
