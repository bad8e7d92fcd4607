/*
 * In which order the gate judges, and what a judgement costs: the dear checks are for those who
 * have passed the cheap ones.
 *
 * The linker leads the calls that are dear through counters here (see meson.build).
 */
#include "tests/secure/gate_fixture.h"

#define VERSION_AT 3
#define KEY_AT     30
#define TOKEN_AT   64

static unsigned exchange_count, opened_count; /* X25519s, tokens opened */

bool __real_bl_dh(struct bl_secret *out, const struct bl_secret *secret, const uint8_t *public);
bool __wrap_bl_dh(struct bl_secret *out, const struct bl_secret *secret, const uint8_t *public);
enum bl_token_verdict __real_bl_token_open(struct bl_token *out, const void *data, size_t size,
                                           const struct bl_token_keys *keys);
enum bl_token_verdict __wrap_bl_token_open(struct bl_token *out, const void *data, size_t size,
                                           const struct bl_token_keys *keys);

bool __wrap_bl_dh(struct bl_secret *out, const struct bl_secret *secret, const uint8_t *public) {
    exchange_count++;
    return __real_bl_dh(out, secret, public);
}

enum bl_token_verdict __wrap_bl_token_open(struct bl_token *out, const void *data, size_t size,
                                           const struct bl_token_keys *keys) {
    opened_count++;
    return __real_bl_token_open(out, data, size, keys);
}

/* One for each check, in the order of the page. */
enum fault {
    FAULT_VERSION,
    FAULT_TOKEN_FORM,
    FAULT_COOKIE,
    FAULT_RATE,
    FAULT_TOKEN,
    FAULT_PROOF,
    FAULT_NONCE,
    FAULT_EXPIRED,
    FAULT_AUDIENCE,
    FAULT_GAME,
    FAULT_FULL,
    FAULT_USED,
    FAULT_KEY,
    FAULT_COUNT, /* nothing is wrong */
};

static const struct outcome {
    enum verdict verdict;
    uint32_t code;
    unsigned cause;
} outcomes[FAULT_COUNT + 1] = {
    [FAULT_VERSION] = {HINTED, BELAY_REASON_VERSION, BELAY_DROP_VERSION},
    [FAULT_TOKEN_FORM] = {HINTED, BELAY_REASON_TOKEN_BAD, BELAY_DROP_TOKEN},
    [FAULT_COOKIE] = {AGAIN, 0, BELAY_DROP_COOKIE},
    [FAULT_RATE] = {SILENCE, 0, BELAY_DROP_RATE},
    [FAULT_TOKEN] = {HINTED, BELAY_REASON_TOKEN_BAD, BELAY_DROP_TOKEN},
    [FAULT_PROOF] = {SILENCE, 0, BELAY_DROP_PROOF},
    [FAULT_NONCE] = {SILENCE, 0, BELAY_DROP_HANDSHAKE},
    [FAULT_EXPIRED] = {DENIED, BELAY_REASON_TOKEN_EXPIRED, BELAY_DROP_EXPIRED},
    [FAULT_AUDIENCE] = {DENIED, BELAY_REASON_WRONG_SERVER, BELAY_DROP_AUDIENCE},
    [FAULT_GAME] = {DENIED, BELAY_REASON_VERSION, BELAY_DROP_VERSION},
    [FAULT_FULL] = {DENIED, BELAY_REASON_FULL, BELAY_DROP_REFUSED},
    [FAULT_USED] = {DENIED, BELAY_REASON_TOKEN_USED, BELAY_DROP_USED},
    [FAULT_KEY] = {SILENCE, 0, BELAY_DROP_HANDSHAKE},
    [FAULT_COUNT] = {ADMITTED, 0, BELAY_DROP_COUNT},
};

#define ALL_FAULTS ((1U << FAULT_COUNT) - 1)
/* Those that somebody without a token may have. */
#define FAULTS_BY_KEY                                                                              \
    (1U << FAULT_VERSION | 1U << FAULT_COOKIE | 1U << FAULT_RATE | 1U << FAULT_PROOF |             \
     1U << FAULT_NONCE | 1U << FAULT_GAME | 1U << FAULT_FULL)

static bool has(unsigned faults, enum fault fault) {
    return (faults >> fault & 1U) != 0;
}

static enum fault first_of(unsigned faults) {
    enum fault fault = (enum fault)0;
    while (fault < FAULT_COUNT && !has(faults, fault)) {
        fault++;
    }
    return fault;
}

static void come_with_token(struct caller *caller, unsigned faults) {
    struct bl_token token = fresh_token();
    if (has(faults, FAULT_USED)) {
        bl_replay_cache_use(&host.gate.used, token.id, WALL_MS + 60000, WALL_MS);
    }
    if (has(faults, FAULT_EXPIRED)) {
        token.head.expiry_ms = WALL_MS;
    }
    if (has(faults, FAULT_AUDIENCE)) {
        memcpy(token.audience, "eu-2", 5);
    }
    come_with(caller, &token);
    make_busy(); /* so that it needs a cookie */
}

/** Makes the house such that the caller meets these faults in it. */
static void prepare_house(const struct caller *caller, unsigned faults) {
    static const struct belay_reason full = {.code = BELAY_REASON_FULL};
    host.turned_away = has(faults, FAULT_FULL) ? &full : NULL;
    while (has(faults, FAULT_RATE) &&
           bl_rate_table_take(&host.gate.proven, &caller->from, host.at.now)) {
    }
    if (has(faults, FAULT_NONCE)) {
        const struct bl_binding_terms terms = {.nonce = caller->dial.nonce,
                                               .pair = {.remote = caller->from}};
        ck_assert_ptr_nonnull(bl_binding_create(&host.bindings, &terms, NOW));
    }
}

static void spoil(struct caller *caller, unsigned faults) {
    uint8_t *open = caller->dial.open;
    open[VERSION_AT] ^= has(faults, FAULT_VERSION);
    open[TOKEN_AT] ^= has(faults, FAULT_TOKEN_FORM);
    open[TOKEN_AT + BL_TOKEN_HEAD_SIZE] ^= has(faults, FAULT_TOKEN);
    open[6] ^= has(faults, FAULT_GAME);
    if (has(faults, FAULT_KEY)) {
        memset(open + KEY_AT, 0, BL_PUBLIC_SIZE);
    }
    take_cookie(caller);
    if (has(faults, FAULT_COOKIE)) {
        open[BL_OPEN_FIXED_SIZE] ^= 1;
        prove_again(caller);
    }
    open[BL_OPEN_PROVEN_SIZE] ^= has(faults, FAULT_PROOF);
}

/** Comes with these faults to a house of its own; the counters are then those of the knock. */
static struct outcome meet(unsigned faults, bool by_key) {
    struct caller caller;
    open_gate();
    open_gate_at_rate(1);
    if (by_key) {
        come_by_key(&caller);
    } else {
        come_with_token(&caller, faults);
    }
    prepare_house(&caller, faults);
    spoil(&caller, faults);
    struct outcome outcome = {.cause = BELAY_DROP_COUNT};
    exchange_count = 0;
    opened_count = 0;
    const struct reply reply = knock(&caller);
    outcome.verdict = reply.verdict;
    outcome.code = reply.code;
    unsigned counted = 0;
    for (unsigned i = 0; i < BELAY_DROP_COUNT; i++) {
        outcome.cause = host.stats.dropped[i] > 0 ? i : outcome.cause;
        counted += (unsigned)host.stats.dropped[i];
    }
    ck_assert_uint_eq(counted, outcome.verdict != ADMITTED);
    return outcome;
}

static void must_decide_first(unsigned faults, bool by_key) {
    const struct outcome *wanted = &outcomes[first_of(faults)];
    struct outcome got = meet(faults, by_key);
    close_gate();
    ck_assert_msg(got.verdict == wanted->verdict && got.code == wanted->code &&
                      got.cause == wanted->cause,
                  "faults %#x: verdict %d, code %u, counted as %u; not %d, %u, %u", faults,
                  got.verdict, got.code, got.cause, wanted->verdict, wanted->code, wanted->cause);
}

START_TEST(whatever_is_wrong_with_a_token_the_first_check_decides) {
    for (unsigned faults = 0; faults <= ALL_FAULTS; faults++) {
        must_decide_first(faults, false);
    }
}
END_TEST

START_TEST(whatever_is_wrong_by_key_the_first_check_decides) {
    for (unsigned faults = 0; faults <= ALL_FAULTS; faults++) {
        if ((faults & ~FAULTS_BY_KEY) == 0) {
            must_decide_first(faults, true);
        }
    }
}
END_TEST

START_TEST(no_token_is_opened_before_cookie_and_rate) {
    for (enum fault fault = (enum fault)0; fault <= FAULT_COUNT; fault++) {
        meet(1U << fault & ALL_FAULTS, false);
        ck_assert_msg(opened_count == (fault >= FAULT_TOKEN), "fault %d", fault);
        close_gate();
    }
}
END_TEST

START_TEST(with_a_token_no_key_is_exchanged_before_all_else_is_right) {
    for (enum fault fault = (enum fault)0; fault <= FAULT_COUNT; fault++) {
        meet(1U << fault & ALL_FAULTS, false);
        ck_assert_msg(exchange_count == (fault >= FAULT_KEY), "fault %d", fault);
        close_gate();
    }
}
END_TEST

START_TEST(by_key_none_is_exchanged_before_cookie_and_rate_and_one_before_the_rest) {
    for (enum fault fault = (enum fault)0; fault <= FAULT_COUNT; fault++) {
        if ((1U << fault & ALL_FAULTS & ~FAULTS_BY_KEY) == 0) {
            unsigned wanted = fault < FAULT_TOKEN ? 0 : 1;
            meet(1U << fault & ALL_FAULTS, true);
            ck_assert_msg(exchange_count == wanted + (fault == FAULT_COUNT), "fault %d", fault);
            close_gate();
        }
    }
}
END_TEST

START_TEST(the_host_is_asked_only_about_those_who_have_a_right_to_come) {
    for (enum fault fault = (enum fault)0; fault <= FAULT_COUNT; fault++) {
        meet(1U << fault & ALL_FAULTS, false);
        ck_assert_msg(host.asked_count == (fault >= FAULT_FULL), "fault %d", fault);
        close_gate();
    }
}
END_TEST

START_TEST(nobody_but_who_is_let_in_costs_memory) {
    for (enum fault fault = (enum fault)0; fault < FAULT_COUNT; fault++) {
        if (fault == FAULT_NONCE || fault == FAULT_USED) { /* these are not the first */
            continue;
        }
        meet(1U << fault, false);
        ck_assert_uint_eq(host.bindings.pending_count, 0);
        ck_assert_uint_eq(host.gate.used.count, 0);
        close_gate();
    }
}
END_TEST

/* The same for those who come back. */

static void no_ticket(struct caller *caller) {
    caller->dial.open[TOKEN_AT + 40] ^= 1;
    prove_again(caller);
}

static void no_proof(struct caller *caller) {
    caller->dial.open[BL_OPEN_PROVEN_SIZE] ^= 1;
}

static void no_body(struct caller *caller) {
    caller->dial.open[TOKEN_AT + BL_TICKET_SIZE] ^= 1;
    prove_again(caller);
}

static void other_life(struct caller *caller) {
    (void)caller;
    host.admission.run++;
}

static void crowd(struct caller *caller) {
    (void)caller;
    host.gate.opts.pending_max = 0;
    take_cookie(caller);
}

static void refused(struct caller *caller) {
    static const struct belay_reason lost = {.code = BELAY_REASON_STATE_LOST};
    (void)caller;
    host.unresumable = &lost;
}

static void all_is_well(struct caller *caller) {
    (void)caller;
}

static const struct return_story {
    const char *name;
    void (*spoil)(struct caller *caller);
    enum verdict verdict;
    uint32_t code;
    unsigned cause;
    unsigned asked, exchanged; /* the session, and keys */
} return_stories[] = {
    {"no ticket", no_ticket, HINTED, BELAY_REASON_STATE_LOST, BELAY_DROP_TICKET, 0, 0},
    {"no proof", no_proof, SILENCE, 0, BELAY_DROP_PROOF, 0, 0},
    {"no body", no_body, SILENCE, 0, BELAY_DROP_HANDSHAKE, 0, 0},
    {"another life", other_life, DENIED, BELAY_REASON_SERVER_RESTARTED, BELAY_DROP_TICKET, 0, 0},
    {"a crowd", crowd, DENIED, BELAY_REASON_OVERLOAD, BELAY_DROP_REFUSED, 0, 0},
    {"refused", refused, DENIED, BELAY_REASON_STATE_LOST, BELAY_DROP_TICKET, 1, 0},
    {"all is well", all_is_well, ADMITTED, 0, BELAY_DROP_COUNT, 1, 1},
};

START_TEST(who_comes_back_costs_its_session_a_word_and_then_a_key_exchange) {
    const struct return_story *story = &return_stories[_i];
    struct caller caller;
    open_gate();
    come_with_fresh_ticket(&caller);
    story->spoil(&caller);
    exchange_count = 0;
    must_get(&caller, story->verdict, story->code, story->cause);
    ck_assert_msg(host.resume_count == story->asked, "%s", story->name);
    ck_assert_msg(exchange_count == story->exchanged, "%s", story->name);
    ck_assert_uint_eq(host.asked_count, 0);
    ck_assert_uint_eq(host.bindings.pending_count, story->verdict == ADMITTED);
    close_gate();
}
END_TEST

/** A repeat costs no key exchange either, but by key the one that its proof needs. */
START_TEST(a_repeat_exchanges_no_key) {
    struct caller caller;
    open_gate();
    come_with_fresh_token(&caller);
    must_be_admitted(&caller);
    exchange_count = 0;
    must_be_admitted(&caller);
    ck_assert_uint_eq(exchange_count, 0);
    ck_assert_uint_eq(host.asked_count, 1);
    close_gate();
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, whatever_is_wrong_with_a_token_the_first_check_decides);
    tcase_add_test(tests, whatever_is_wrong_by_key_the_first_check_decides);
    tcase_add_test(tests, no_token_is_opened_before_cookie_and_rate);
    tcase_add_test(tests, with_a_token_no_key_is_exchanged_before_all_else_is_right);
    tcase_add_test(tests, by_key_none_is_exchanged_before_cookie_and_rate_and_one_before_the_rest);
    tcase_add_test(tests, the_host_is_asked_only_about_those_who_have_a_right_to_come);
    tcase_add_test(tests, nobody_but_who_is_let_in_costs_memory);
    tcase_add_loop_test(tests, who_comes_back_costs_its_session_a_word_and_then_a_key_exchange, 0,
                        COUNT_OF(return_stories));
    tcase_add_test(tests, a_repeat_exchanges_no_key);
}

TEST_MAIN("secure/gate_order", add_tests)
