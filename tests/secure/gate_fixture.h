/* A gate, and those who knock at it: what the tests of the gate start from. */
#ifndef BL_TESTS_SECURE_GATE_FIXTURE_H
#define BL_TESTS_SECURE_GATE_FIXTURE_H

#include "lib/secure/dial.h"
#include "lib/secure/gate.h"
#include "tests/support/test.h"
#include <string.h>

#define NOW        (1000 * BL_SECOND)
#define WALL       (INT64_C(1700000000) * BL_SECOND)
#define WALL_MS    ((uint64_t)(WALL / BL_MILLISECOND))
#define STARTED_MS (WALL_MS - 10000)
#define GAME       UINT64_C(0x1122334455667788)
#define KEY_ID     7
#define TICKET_ID  3
#define RUN        UINT64_C(0xcafe0001)

/** What stands behind the gate; `at` is the time at which it is knocked. */
struct gatehouse {
    struct bl_memory memory;
    struct bl_timer_wheel wheel;
    struct bl_random random;
    struct bl_bindings bindings;
    struct belay_stats stats;
    struct bl_token_keys keys, ticket_keys;
    struct bl_admission admission;
    struct bl_gate gate;
    struct bl_moment at;
    struct bl_address address;
    struct bl_address asked_at;             /* to which of its addresses an OPEN comes */
    const struct belay_reason *turned_away; /* what admit() says */
    uint32_t asked_count;
    const struct belay_reason *unresumable; /* what resume() says ... */
    struct bl_positions told;               /* ... and tells else */
    struct bl_resumption resumption, abandoned;
    uint32_t resume_count, abandoned_count;
};
static struct gatehouse host;

/** Who knocks: a client's attempt, whose OPEN a test may alter. */
struct caller {
    struct bl_address from;
    struct bl_dial dial;
};

enum verdict {
    SILENCE,
    AGAIN, /* RETRY */
    ADMITTED,
    HINTED, /* a DENY without authenticator */
    DENIED, /* one with it */
};

struct reply {
    enum verdict verdict;
    uint32_t code; /* of a DENY */
    size_t size;
    uint8_t bytes[BL_OPEN_SIZE];
};

static inline const struct belay_reason *admit(void *user) {
    ck_assert_ptr_eq(user, &host);
    host.asked_count++;
    return host.turned_away;
}

static inline const struct belay_reason *resume(void *user, struct bl_resumption *resumption) {
    ck_assert_ptr_eq(user, &host);
    host.resume_count++;
    resumption->told = host.told;
    host.resumption = *resumption;
    return host.unresumable;
}

static inline void abandoned(void *user, const struct bl_resumption *resumption) {
    ck_assert_ptr_eq(user, &host);
    host.abandoned_count++;
    host.abandoned = *resumption;
}

static inline struct bl_address address_of(const char *text) {
    struct bl_address address;
    ck_assert_int_eq(bl_address_parse(&address, text, true), BELAY_OK);
    return address;
}

static inline enum belay_result open_gate_with(const struct belay_hooks *hooks) {
    host = (struct gatehouse){.at = {NOW, WALL - 10 * BL_SECOND}};
    host.address = address_of("10.0.0.1:1");
    bl_memory_init(&host.memory, hooks, 0);
    bl_timer_wheel_init(&host.wheel, NOW);
    bl_random_init_seeded(&host.random, 7);
    bl_bindings_init(&host.bindings, &host.memory, &host.wheel, &host.random, true);
    host.keys = (struct bl_token_keys){.keys = {{.id = KEY_ID}}, .count = 1};
    host.ticket_keys = (struct bl_token_keys){.keys = {{.id = TICKET_ID}}, .count = 1};
    host.bindings.abandoned = abandoned;
    host.bindings.user = &host;
    bl_random_bytes(&host.random, host.keys.keys[0].secret.bytes, BL_SECRET_SIZE);
    bl_random_bytes(&host.random, host.ticket_keys.keys[0].secret.bytes, BL_SECRET_SIZE);
    host.admission = (struct bl_admission){.by_token = true,
                                           .by_key = true,
                                           .name = "eu-1",
                                           .token_keys = &host.keys,
                                           .ticket_keys = &host.ticket_keys,
                                           .run = RUN,
                                           .rate = BELAY_FOREVER};
    bl_key_pair_make(&host.admission.key, &host.random);
    const struct bl_gate_opts opts = {.bindings = &host.bindings,
                                      .memory = &host.memory,
                                      .random = &host.random,
                                      .stats = &host.stats,
                                      .admission = &host.admission,
                                      .game = GAME,
                                      .pending_max = 1000,
                                      .admit = admit,
                                      .resume = resume,
                                      .user = &host};
    enum belay_result result = bl_gate_init(&host.gate, &opts, &host.at);
    host.at.wall = WALL;
    return result;
}

static inline void open_gate(void) {
    ck_assert_int_eq(open_gate_with(NULL), BELAY_OK);
}

static inline void close_gate(void) {
    bl_gate_finish(&host.gate);
    bl_bindings_finish(&host.bindings);
    ck_assert_uint_eq(host.memory.used, 0);
    ck_assert_uint_eq(host.wheel.count, 0);
}

/** The gate again, with another rate for each address. */
static inline void open_gate_at_rate(uint32_t rate) {
    struct bl_gate_opts opts = host.gate.opts;
    bl_gate_finish(&host.gate);
    host.admission.rate = rate;
    ck_assert_int_eq(bl_gate_init(&host.gate, &opts, &host.at), BELAY_OK);
    host.gate.started_ms = STARTED_MS;
}

static inline struct bl_token fresh_token(void) {
    struct bl_token token = {
        .head = {.not_before_ms = WALL_MS - 5000, .expiry_ms = WALL_MS + 60000},
        .data_size = 3,
        .data = {'r', 'e', 'd'},
    };
    bl_random_bytes(&host.random, token.user_id, sizeof token.user_id);
    bl_random_bytes(&host.random, token.id, sizeof token.id);
    bl_random_bytes(&host.random, token.secret.bytes, BL_SECRET_SIZE);
    return token;
}

static inline void dial_with(struct caller *caller, struct bl_dial_target *target) {
    caller->from = address_of("192.0.2.9:9");
    target->addresses[0] = host.address;
    target->address_count = 1;
    bl_dial_start(&caller->dial, target, GAME, &host.random, host.at.now);
}

/** A caller that shows @p size bytes as its token, and knows the secret of a true one. */
static inline void come_with_bytes(struct caller *caller, const struct bl_secret *secret,
                                   const uint8_t *bytes, size_t size) {
    struct bl_dial_target target = {
        .token = bytes, .token_size = (uint16_t)size, .session_secret = *secret};
    dial_with(caller, &target);
}

static inline void come_with(struct caller *caller, const struct bl_token *token) {
    uint8_t sealed[BL_TOKEN_SIZE_MAX];
    size_t size = bl_token_seal(sealed, token, &host.keys.keys[0], &host.random);
    come_with_bytes(caller, &token->secret, sealed, size);
}

static inline void come_with_fresh_token(struct caller *caller) {
    const struct bl_token token = fresh_token();
    come_with(caller, &token);
}

/** A ticket of this server for a session of its own. */
static inline struct bl_ticket fresh_ticket(void) {
    struct bl_ticket ticket = {.run = RUN, .generation = 4};
    bl_random_bytes(&host.random, ticket.name, sizeof ticket.name);
    bl_random_bytes(&host.random, ticket.resume_key.bytes, BL_SECRET_SIZE);
    return ticket;
}

/** A caller that shows these bytes as its ticket, and knows the resume key of a true one. */
static inline void come_with_sealed_ticket(struct caller *caller,
                                           const uint8_t sealed[BL_TICKET_SIZE],
                                           const struct bl_secret *resume_key,
                                           const struct bl_resume *request) {
    struct bl_dial_target target = {
        .by_ticket = true, .resume_key = *resume_key, .resume = *request};
    memcpy(target.ticket, sealed, BL_TICKET_SIZE);
    dial_with(caller, &target);
}

static inline void come_with_ticket(struct caller *caller, const struct bl_ticket *ticket,
                                    const struct bl_resume *request) {
    uint8_t sealed[BL_TICKET_SIZE];
    bl_ticket_seal(sealed, ticket, &host.ticket_keys, &host.random);
    come_with_sealed_ticket(caller, sealed, &ticket->resume_key, request);
}

static inline void come_with_fresh_ticket(struct caller *caller) {
    const struct bl_ticket ticket = fresh_ticket();
    come_with_ticket(caller, &ticket, &(struct bl_resume){.attempt = 1});
}

static inline void come_by_key(struct caller *caller) {
    struct bl_dial_target target = {.has_key = true};
    memcpy(target.server_key, host.admission.key.public, BL_PUBLIC_SIZE);
    dial_with(caller, &target);
}

/** Proves the OPEN as it has become. */
static inline void prove_again(struct caller *caller) {
    bl_open_proof(caller->dial.open + BL_OPEN_PROVEN_SIZE, &caller->dial.credentials,
                  caller->dial.open);
    bl_hash(caller->dial.open_hash, caller->dial.open, BL_OPEN_FIXED_SIZE);
}

static inline void take_cookie(struct caller *caller) {
    bl_cookie_make(&host.gate.cookies, caller->dial.open + BL_OPEN_FIXED_SIZE, &caller->from,
                   caller->dial.open + 14, host.at.now);
    prove_again(caller);
}

static inline bool ends_in_zeros(const struct reply *reply) {
    static const uint8_t nothing[BL_PROOF_SIZE];
    return memcmp(reply->bytes + reply->size - BL_PROOF_SIZE, nothing, BL_PROOF_SIZE) == 0;
}

static inline void judge_deny(const struct caller *caller, struct reply *reply) {
    struct bl_dial dial = caller->dial;
    struct bl_deny deny;
    const struct bl_datagram datagram = {
        .address = host.address, .data = reply->bytes, .size = reply->size};
    bool authentic = bl_dial_denied(&dial, &datagram, &deny);
    ck_assert(authentic || ends_in_zeros(reply));
    ck_assert(bl_deny_read(&deny, reply->bytes, reply->size));
    ck_assert_mem_eq(deny.nonce, caller->dial.open + 14, BL_NONCE_SIZE);
    ck_assert_uint_gt(deny.text_size, 0);
    reply->verdict = authentic ? DENIED : HINTED;
    reply->code = deny.code;
}

/** Sends the caller's OPEN as it is, or what is left of it. */
static inline struct reply knock_sized(const struct caller *caller, size_t size) {
    struct reply reply = {0};
    uint8_t *open = malloc(size + 1); /* of this size: the sanitizer guards its end */
    memcpy(open, caller->dial.open, size);
    const struct bl_datagram datagram = {
        .address = caller->from, .data = open, .size = size, .local = host.asked_at};
    reply.size = bl_gate_open(&host.gate, &datagram, &host.at, reply.bytes);
    free(open);
    ck_assert_uint_le(reply.size, size); /* no answer is larger than its question */
    switch (bl_datagram_kind(reply.bytes, reply.size)) {
    case 0:
        break;
    case BL_DATAGRAM_RETRY:
        reply.verdict = AGAIN;
        break;
    case BL_DATAGRAM_ACCEPT:
        reply.verdict = ADMITTED;
        break;
    case BL_DATAGRAM_DENY:
        judge_deny(caller, &reply);
        break;
    default:
        ck_abort_msg("an answer of kind %u", reply.bytes[0]);
    }
    return reply;
}

static inline struct reply knock(const struct caller *caller) {
    return knock_sized(caller, BL_OPEN_SIZE);
}

static inline void must_be(const struct reply *reply, enum verdict verdict, uint32_t code) {
    ck_assert_int_eq(reply->verdict, verdict);
    ck_assert_uint_eq(reply->code, code);
}

/** Knocks, and is counted under @p cause, or not at all (BELAY_DROP_COUNT). */
static inline void must_get(const struct caller *caller, enum verdict verdict, uint32_t code,
                            unsigned cause) {
    const struct belay_stats before = host.stats;
    const struct reply reply = knock(caller);
    must_be(&reply, verdict, code);
    for (unsigned i = 0; i < BELAY_DROP_COUNT; i++) {
        ck_assert_msg(host.stats.dropped[i] == before.dropped[i] + (i == cause),
                      "counted as %u, not %u", i, cause);
    }
}

static inline void must_be_admitted(const struct caller *caller) {
    must_get(caller, ADMITTED, 0, BELAY_DROP_COUNT);
}

/** Reads an ACCEPT as the client does. */
static inline struct bl_dialed dialed_of(const struct caller *caller, const struct reply *reply) {
    struct bl_dial dial = caller->dial;
    struct bl_dialed dialed;
    uint8_t bytes[BL_OPEN_SIZE];
    memcpy(bytes, reply->bytes, sizeof bytes);
    const struct bl_datagram datagram = {
        .address = host.address, .data = bytes, .size = reply->size};
    ck_assert(bl_dial_accepted(&dial, &datagram, host.at.now, &dialed));
    return dialed;
}

/** The binding that an ACCEPT is of; the keys of both ends agree. */
static inline struct bl_binding *binding_of(const struct caller *caller,
                                            const struct reply *reply) {
    const struct bl_dialed dialed = dialed_of(caller, reply);
    struct bl_binding *binding = bl_bindings_by_tag(&host.bindings, dialed.params.tag);
    ck_assert_ptr_nonnull(binding);
    ck_assert_uint_eq(binding->tag, dialed.params.tag);
    ck_assert_uint_eq(binding->spare_tag, dialed.params.spare_tag);
    ck_assert_int_eq(binding->protection.suite, dialed.suite);
    ck_assert_mem_eq(&binding->protection.send_key, &dialed.keys.down, BL_SECRET_SIZE);
    ck_assert_mem_eq(&binding->protection.now, &dialed.keys.up, BL_SECRET_SIZE);
    return binding;
}

/** Too many have come without a cookie within this second. */
static inline void make_busy(void) {
    static const struct bl_rate unproven = {BL_UNPROVEN_RATE, BL_UNPROVEN_RATE};
    while (bl_bucket_take(&host.gate.unproven, &unproven, 1, host.at.now)) {
    }
}

#endif
