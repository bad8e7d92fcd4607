/* The server's gate: who gets a binding, who a refusal, who silence, and at what cost. */
#include "common/random.h"
#include "lib/secure/gate.h"
#include "tests/support/test.h"
#include <string.h>

#define NOW  (1000 * BL_SECOND)
#define GAME UINT64_C(0x1122334455667788)
#define SEED UINT64_C(0x67617465)

static struct bl_memory memory;
static struct bl_timer_wheel wheel;
static struct bl_random random_source;
static struct bl_bindings table;
static struct bl_gate gate;
static const struct belay_reason *turned_away; /* what admit() says */
static uint32_t asked_count;
static struct bl_address home, elsewhere;
static uint8_t answer[BL_OPEN_SIZE];
static size_t answer_size;

static const struct belay_reason *admit(void *user) {
    ck_assert_ptr_eq(user, &gate);
    asked_count++;
    return turned_away;
}

static void start(void) {
    bl_memory_init(&memory, NULL, 0);
    bl_timer_wheel_init(&wheel, NOW);
    bl_random_init_seeded(&random_source, 7);
    bl_bindings_init(&table, &memory, &wheel, &random_source);
    gate = (struct bl_gate){
        .bindings = &table, .game = GAME, .pending_max = 3, .admit = admit, .user = &gate};
    turned_away = NULL;
    asked_count = 0;
    ck_assert_int_eq(bl_address_parse(&home, "10.0.0.9:9", true), BELAY_OK);
    ck_assert_int_eq(bl_address_parse(&elsewhere, "10.0.0.9:10", true), BELAY_OK);
}

static void finish(void) {
    bl_bindings_finish(&table);
    ck_assert_uint_eq(memory.used, 0);
}

static struct bl_open open_of(uint32_t number) {
    struct bl_open open = {.version = BL_WIRE_VERSION, .game = GAME};
    memcpy(open.nonce, &number, sizeof number);
    return open;
}

static enum bl_gate_result knock(const struct bl_open *open, const struct bl_address *from,
                                 bl_time now) {
    uint8_t data[BL_OPEN_SIZE];
    struct bl_datagram datagram = {.address = *from, .data = data};
    datagram.size = bl_open_write(data, open);
    enum bl_gate_result result = bl_gate_open(&gate, &datagram, now, answer, &answer_size);
    ck_assert_uint_le(answer_size, datagram.size); /* no amplification, whatever it says */
    return result;
}

static uint32_t accepted_tag(const struct bl_open *open) {
    struct bl_accept accept;
    ck_assert(bl_accept_read(&accept, answer, answer_size));
    ck_assert_mem_eq(accept.nonce, open->nonce, sizeof accept.nonce);
    ck_assert_uint_eq(accept.attempt, open->attempt);
    return accept.tag;
}

static void must_be_denied(const struct bl_open *open, enum belay_reason_code code,
                           const char *text) {
    struct bl_deny deny;
    ck_assert(bl_deny_read(&deny, answer, answer_size));
    ck_assert_mem_eq(deny.nonce, open->nonce, sizeof deny.nonce);
    ck_assert_uint_eq(deny.attempt, open->attempt);
    ck_assert_uint_eq(deny.code, code);
    ck_assert_uint_gt(deny.text_size, 0);
    ck_assert_msg(text == NULL || (deny.text_size == strlen(text) &&
                                   memcmp(deny.text, text, deny.text_size) == 0),
                  "%.*s", (int)deny.text_size, (const char *)deny.text);
}

START_TEST(a_newcomer_gets_a_binding) {
    struct bl_open open = open_of(1);
    open.attempt = 9;
    ck_assert_int_eq(knock(&open, &home, NOW), BL_GATE_ACCEPTED);
    struct bl_binding *binding = bl_bindings_by_tag(&table, accepted_tag(&open));
    ck_assert_ptr_nonnull(binding);
    ck_assert_int_eq(binding->state, BL_BINDING_PENDING);
    ck_assert_int_eq(binding->accepted_at, NOW);
    ck_assert(bl_address_equal(&binding->address, &home));
}
END_TEST

START_TEST(a_repeat_is_answered_alike_and_changes_nothing) {
    struct bl_open open = open_of(1);
    knock(&open, &home, NOW);
    uint32_t tag = accepted_tag(&open);
    const struct bl_binding *binding = bl_bindings_by_tag(&table, tag);
    ck_assert_int_eq(binding->accepted_at, NOW);
    size_t used = memory.used;
    for (uint8_t attempt = 1; attempt < 100; attempt++) {
        open.attempt = attempt;
        ck_assert_int_eq(knock(&open, &home, NOW + attempt), BL_GATE_ACCEPTED);
        ck_assert_uint_eq(accepted_tag(&open), tag);
        ck_assert_int_eq(binding->accepted_at,
                         BL_TIME_NEVER); /* a first word answers any of them */
    }
    ck_assert_uint_eq(memory.used, used);
    ck_assert_uint_eq(asked_count, 1);
    turned_away = &(struct belay_reason){.code = BELAY_REASON_FULL, .text = "full"};
    ck_assert_int_eq(knock(&open, &home, NOW), BL_GATE_ACCEPTED); /* it is in already */
}
END_TEST

START_TEST(a_copy_from_another_address_is_not_answered) {
    struct bl_open open = open_of(1);
    knock(&open, &home, NOW);
    ck_assert_int_eq(knock(&open, &elsewhere, NOW), BL_GATE_MALFORMED);
    ck_assert_uint_eq(answer_size, 0);
}
END_TEST

START_TEST(a_repeat_of_a_handshake_that_is_over_is_not_answered) {
    struct bl_open open = open_of(1);
    knock(&open, &home, NOW);
    struct bl_binding *binding = bl_bindings_by_tag(&table, accepted_tag(&open));
    bl_binding_bind(binding, &home);
    ck_assert_int_eq(knock(&open, &home, NOW), BL_GATE_ACCEPTED);
    bl_binding_end(binding, NOW + BL_SECOND);
    ck_assert_int_eq(knock(&open, &home, NOW), BL_GATE_MALFORMED);
    ck_assert_uint_eq(answer_size, 0);
}
END_TEST

START_TEST(a_binding_that_nobody_proves_is_forgotten) {
    struct bl_open open = open_of(1);
    knock(&open, &home, NOW);
    bl_timer_wheel_advance(&wheel, NOW + BL_PENDING_TIMEOUT);
    ck_assert_uint_eq(table.pending_count, 0);
    knock(&open, &home, NOW + BL_PENDING_TIMEOUT);
    ck_assert_uint_eq(asked_count, 2); /* a newcomer again */
}
END_TEST

START_TEST(another_version_is_told_which_one_the_server_speaks) {
    struct bl_open open = open_of(1);
    open.version = 7;
    open.game = 0; /* the version decides before what else may differ */
    ck_assert_int_eq(knock(&open, &home, NOW), BL_GATE_REFUSED);
    must_be_denied(&open, BELAY_REASON_VERSION, "protocol version 7, the server speaks 1");
    ck_assert_uint_eq(memory.used, 0);
    ck_assert_uint_eq(asked_count, 0);
}
END_TEST

START_TEST(another_game_is_refused) {
    struct bl_open open = open_of(1);
    open.game = GAME + 1;
    ck_assert_int_eq(knock(&open, &home, NOW), BL_GATE_REFUSED);
    must_be_denied(&open, BELAY_REASON_VERSION, NULL);
    ck_assert_uint_eq(memory.used, 0);
}
END_TEST

START_TEST(a_resume_is_refused_as_state_lost) {
    struct bl_open open = open_of(1);
    open.resume = true;
    ck_assert_int_eq(knock(&open, &home, NOW), BL_GATE_REFUSED);
    must_be_denied(&open, BELAY_REASON_STATE_LOST, NULL);
    ck_assert_uint_eq(memory.used, 0);
}
END_TEST

START_TEST(whom_the_host_turns_away_hears_its_reason) {
    struct bl_open open = open_of(1);
    struct bl_deny deny;
    turned_away = &(struct belay_reason){
        .code = BELAY_REASON_FULL, .come_back = true, .retry_ms = 1234, .text = "come tomorrow"};
    ck_assert_int_eq(knock(&open, &home, NOW), BL_GATE_REFUSED);
    must_be_denied(&open, BELAY_REASON_FULL, "come tomorrow");
    ck_assert(bl_deny_read(&deny, answer, answer_size));
    ck_assert(deny.come_back);
    ck_assert_uint_eq(deny.retry_ms, 1234);
    turned_away = &(struct belay_reason){.code = BELAY_REASON_DRAINING};
    knock(&open, &home, NOW);
    must_be_denied(&open, BELAY_REASON_DRAINING, "the server takes no new sessions");
    ck_assert_uint_eq(memory.used, 0);
}
END_TEST

START_TEST(a_reason_longer_than_a_denial_holds_is_cut) {
    static const char text[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                               "and more";
    struct bl_open open = open_of(1);
    turned_away = &(struct belay_reason){.code = BELAY_REASON_BANNED, .text = text};
    knock(&open, &home, NOW);
    struct bl_deny deny;
    ck_assert(bl_deny_read(&deny, answer, answer_size));
    ck_assert_uint_eq(deny.text_size, BELAY_REASON_TEXT_MAX);
}
END_TEST

START_TEST(half_open_handshakes_have_a_limit) {
    for (uint32_t i = 1; i <= gate.pending_max; i++) {
        struct bl_open open = open_of(i);
        ck_assert_int_eq(knock(&open, &home, NOW), BL_GATE_ACCEPTED);
    }
    struct bl_open open = open_of(99), first = open_of(1);
    ck_assert_int_eq(knock(&open, &home, NOW), BL_GATE_REFUSED);
    must_be_denied(&open, BELAY_REASON_OVERLOAD, NULL);
    ck_assert_int_eq(knock(&first, &home, NOW), BL_GATE_ACCEPTED); /* one of those inside */
    bl_binding_bind(bl_bindings_by_tag(&table, accepted_tag(&first)), &home);
    ck_assert_int_eq(knock(&open, &home, NOW), BL_GATE_ACCEPTED);
}
END_TEST

START_TEST(without_memory_nothing_is_answered_and_a_repeat_may_succeed) {
    struct bl_open open = open_of(1);
    memory.used_max = 1;
    ck_assert_int_eq(knock(&open, &home, NOW), BL_GATE_NO_MEMORY);
    ck_assert_uint_eq(answer_size, 0);
    memory.used_max = 0;
    ck_assert_int_eq(knock(&open, &home, NOW), BL_GATE_ACCEPTED);
}
END_TEST

START_TEST(malformed_openings_cost_nothing_and_get_nothing) {
    struct bl_random random;
    bl_random_init_seeded(&random, SEED);
    for (int i = 0; i < 100000; i++) {
        size_t size = bl_random_below(&random, BL_OPEN_SIZE + 1);
        uint8_t *data = malloc(size + 1);
        bl_random_bytes(&random, data, size);
        data[0] = BL_DATAGRAM_OPEN;
        struct bl_datagram datagram = {.address = home, .data = data, .size = size};
        enum bl_gate_result result = bl_gate_open(&gate, &datagram, NOW, answer, &answer_size);
        ck_assert_msg(size == BL_OPEN_SIZE || result == BL_GATE_MALFORMED, "seed %llx input %d",
                      (unsigned long long)SEED, i);
        ck_assert_msg(answer_size == 0 || result == BL_GATE_REFUSED, "seed %llx input %d",
                      (unsigned long long)SEED, i);
        free(data);
    }
    ck_assert_uint_eq(memory.used, 0);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, a_newcomer_gets_a_binding);
    tcase_add_test(tests, a_repeat_is_answered_alike_and_changes_nothing);
    tcase_add_test(tests, a_copy_from_another_address_is_not_answered);
    tcase_add_test(tests, a_repeat_of_a_handshake_that_is_over_is_not_answered);
    tcase_add_test(tests, a_binding_that_nobody_proves_is_forgotten);
    tcase_add_test(tests, another_version_is_told_which_one_the_server_speaks);
    tcase_add_test(tests, another_game_is_refused);
    tcase_add_test(tests, a_resume_is_refused_as_state_lost);
    tcase_add_test(tests, whom_the_host_turns_away_hears_its_reason);
    tcase_add_test(tests, a_reason_longer_than_a_denial_holds_is_cut);
    tcase_add_test(tests, half_open_handshakes_have_a_limit);
    tcase_add_test(tests, without_memory_nothing_is_answered_and_a_repeat_may_succeed);
    tcase_add_test(tests, malformed_openings_cost_nothing_and_get_nothing);
}

TEST_MAIN("secure/gate", add_tests)
