/* The server's gate for those who come back: whose ticket is believed, what they and the session
 * hear of each other, and what becomes of an attempt that nobody finishes. */
#include "tests/secure/gate_fixture.h"

#define CREDENTIAL_AT 64
#define SIZE_AT       62
#define BODY_AT       (CREDENTIAL_AT + BL_TICKET_SIZE)
#define KEY_AT        30
#define GAME_AT       6
#define NONCE_AT      14

static struct bl_ticket ticket;
static uint8_t sealed[BL_TICKET_SIZE];

static void start(void) {
    open_gate();
    ticket = fresh_ticket();
    bl_ticket_seal(sealed, &ticket, &host.ticket_keys, &host.random);
}

static struct bl_resume attempt_number(uint64_t number) {
    return (struct bl_resume){
        .attempt = number,
        .positions = {.count = 2, .channels = {{0, 10, 20, 9, 30}, {5, 11, 0, 11, 31}}}};
}

/** The owner of the ticket, with what it says. */
static void come_back(struct caller *caller, uint64_t number) {
    const struct bl_resume request = attempt_number(number);
    come_with_sealed_ticket(caller, sealed, &ticket.resume_key, &request);
}

/** What it says is sealed for the OPEN as it has become. */
static void seal_again(struct caller *caller, uint64_t number) {
    const struct bl_resume request = attempt_number(number);
    size_t size = bl_resume_write(caller->dial.open + BODY_AT, &request);
    bl_resume_seal(&caller->dial.credentials, caller->dial.open, size);
    prove_again(caller);
}

static void must_be_untouched(void) {
    ck_assert_uint_eq(host.resume_count, 0);
    ck_assert_uint_eq(host.abandoned_count, 0);
    ck_assert_uint_eq(host.bindings.pending_count, 0);
}

/* What is worth nothing: a hint, for nobody has proven anything, and the session hears nothing. */

static void must_be_worthless(const struct caller *caller) {
    must_get(caller, HINTED, BELAY_REASON_STATE_LOST, BELAY_DROP_TICKET);
    must_be_untouched();
}

START_TEST(a_ticket_with_any_byte_altered_is_worth_nothing) {
    struct caller caller;
    const struct bl_resume request = attempt_number(1);
    for (size_t at = 0; at < sizeof sealed; at++) {
        sealed[at] ^= (uint8_t)(1U << at % 8);
        come_with_sealed_ticket(&caller, sealed, &ticket.resume_key, &request);
        must_be_worthless(&caller);
        sealed[at] ^= (uint8_t)(1U << at % 8);
    }
    come_back(&caller, 1);
    must_be_admitted(&caller);
}
END_TEST

START_TEST(a_ticket_of_another_server_is_worth_nothing) {
    struct bl_token_keys others = host.ticket_keys;
    struct caller caller;
    const struct bl_resume request = attempt_number(1);
    for (unsigned i = 0; i < 2; i++) {
        others.keys[0].secret.bytes[3] ^= 1;
        others.keys[0].id = TICKET_ID + i; /* one that this server has, and one that it has not */
        bl_ticket_seal(sealed, &ticket, &others, &host.random);
        come_with_sealed_ticket(&caller, sealed, &ticket.resume_key, &request);
        must_be_worthless(&caller);
    }
}
END_TEST

/** A key of tokens is another one than a key of tickets, whoever holds it. */
START_TEST(a_ticket_under_the_key_of_tokens_is_worth_nothing) {
    struct caller caller;
    const struct bl_resume request = attempt_number(1);
    bl_ticket_seal(sealed, &ticket, &host.keys, &host.random);
    come_with_sealed_ticket(&caller, sealed, &ticket.resume_key, &request);
    must_be_worthless(&caller);
}
END_TEST

START_TEST(a_ticket_with_nothing_behind_it_or_with_too_much_is_worth_nothing) {
    const size_t least = BL_TICKET_SIZE + BL_AEAD_SIZE + 1;
    const size_t most = BL_TICKET_SIZE + BL_AEAD_SIZE + BL_RESUME_SIZE_MAX;
    struct caller caller;
    come_back(&caller, 1);
    for (size_t size = 0; size <= BL_OPEN_CREDENTIAL_MAX; size++) {
        if (size < least || size > most) {
            caller.dial.open[SIZE_AT] = (uint8_t)(size >> 8);
            caller.dial.open[SIZE_AT + 1] = (uint8_t)size;
            prove_again(&caller);
            must_be_worthless(&caller);
        }
    }
}
END_TEST

START_TEST(a_ticket_sealed_with_an_older_key_is_believed_and_the_next_is_of_the_newest) {
    struct caller caller;
    struct bl_ticket next;
    host.ticket_keys.keys[1] = host.ticket_keys.keys[0];
    host.ticket_keys.keys[0] = (struct bl_token_key){.id = TICKET_ID + 1, .secret = {{7}}};
    host.ticket_keys.count = 2;
    come_back(&caller, 1);
    const struct reply reply = knock(&caller);
    must_be(&reply, ADMITTED, 0);
    host.ticket_keys.count = 1;
    const struct bl_dialed dialed = dialed_of(&caller, &reply);
    ck_assert(bl_ticket_open(&next, dialed.params.ticket, &host.ticket_keys));
}
END_TEST

/* What is not proven is not answered. */

START_TEST(a_stolen_ticket_without_its_key_is_not_answered) {
    struct bl_secret guess = ticket.resume_key;
    struct caller thief, owner;
    const struct bl_resume request = attempt_number(2);
    guess.bytes[0] ^= 1;
    come_with_sealed_ticket(&thief, sealed, &guess, &request);
    must_get(&thief, SILENCE, 0, BELAY_DROP_PROOF);
    must_be_untouched();
    come_back(&owner, 1);
    must_be_admitted(&owner);
}
END_TEST

/** With positions, and without: so little that zeros would make sense. */
START_TEST(what_is_said_behind_a_ticket_is_believed_as_it_was_sealed_or_not_at_all) {
    const struct bl_resume requests[] = {attempt_number(1), {.attempt = 1}};
    const size_t sizes[] = {10 + 2 * BL_POSITION_SIZE, 10};
    struct caller caller;
    come_with_sealed_ticket(&caller, sealed, &ticket.resume_key, &requests[_i]);
    for (size_t at = 0; at < sizes[_i] + BL_AEAD_SIZE; at++) {
        caller.dial.open[BODY_AT + at] ^= (uint8_t)(1U << at % 8);
        must_get(&caller, SILENCE, 0, BELAY_DROP_PROOF);
        prove_again(&caller); /* by somebody who can do that, and still not seal */
        must_get(&caller, SILENCE, 0, BELAY_DROP_HANDSHAKE);
        caller.dial.open[BODY_AT + at] ^= (uint8_t)(1U << at % 8);
    }
    must_be_untouched();
    prove_again(&caller);
    must_be_admitted(&caller);
}
END_TEST

/** Its own client seals it so, and is no client of ours then. */
START_TEST(what_makes_no_sense_behind_a_ticket_is_dropped) {
    struct caller caller;
    const struct bl_resume request = {.attempt = 1};
    come_with_sealed_ticket(&caller, sealed, &ticket.resume_key, &request);
    memset(caller.dial.open + BODY_AT, 0, 10);
    caller.dial.open[BODY_AT + 8] = 2; /* an epoch of which nobody has heard */
    bl_resume_seal(&caller.dial.credentials, caller.dial.open, 10);
    prove_again(&caller);
    must_get(&caller, SILENCE, 0, BELAY_DROP_HANDSHAKE);
    must_be_untouched();
    caller.dial.open[NONCE_AT] ^= 1; /* the same with sense in it, as another attempt */
    memset(caller.dial.open + BODY_AT, 0, 10);
    bl_resume_seal(&caller.dial.credentials, caller.dial.open, 10);
    prove_again(&caller);
    must_get(&caller, ADMITTED, 0, BELAY_DROP_COUNT);
}
END_TEST

/* What is proven is refused with authority. */

START_TEST(a_ticket_from_another_life_of_the_server_is_refused_with_authority) {
    struct caller caller;
    host.admission.run++;
    come_back(&caller, 1);
    must_get(&caller, DENIED, BELAY_REASON_SERVER_RESTARTED, BELAY_DROP_TICKET);
    must_be_untouched();
    host.admission.run--; /* a restart that hands over takes its name along */
    must_be_admitted(&caller);
}
END_TEST

START_TEST(what_the_session_has_against_it_is_told_with_authority) {
    static const uint32_t codes[] = {BELAY_REASON_STATE_LOST, BELAY_REASON_REPLACED,
                                     BELAY_REASON_PROTOCOL, BELAY_REASON_GAME + 5};
    struct caller caller;
    size_t used = host.memory.used;
    come_back(&caller, 1);
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        const struct belay_reason reason = {.code = codes[i], .text = "not so"};
        host.unresumable = &reason;
        must_get(&caller, DENIED, codes[i], BELAY_DROP_TICKET);
        ck_assert_uint_eq(host.resume_count, i + 1);
    }
    ck_assert_uint_eq(host.bindings.pending_count, 0);
    ck_assert_uint_eq(host.memory.used, used);
    ck_assert_uint_eq(host.abandoned_count, 0); /* it was never let in */
    host.unresumable = NULL;
    must_be_admitted(&caller);
}
END_TEST

START_TEST(another_game_is_refused_before_the_session_hears_of_it) {
    struct caller caller;
    come_back(&caller, 1);
    caller.dial.open[GAME_AT] ^= 1;
    seal_again(&caller, 1);
    must_get(&caller, DENIED, BELAY_REASON_VERSION, BELAY_DROP_VERSION);
    must_be_untouched();
}
END_TEST

/* Who comes back. */

START_TEST(the_session_hears_what_its_client_says) {
    struct caller caller;
    come_back(&caller, 77);
    must_be_admitted(&caller);
    ck_assert_uint_eq(host.resume_count, 1);
    const struct bl_resumption *heard = &host.resumption;
    ck_assert_mem_eq(heard->name, ticket.name, sizeof heard->name);
    ck_assert_uint_eq(heard->generation, ticket.generation);
    ck_assert_uint_eq(heard->request.attempt, 77);
    ck_assert(!heard->request.new_epoch);
    ck_assert_uint_eq(heard->request.positions.count, 2);
    ck_assert_uint_eq(heard->request.positions.channels[1].channel, 5);
    ck_assert_uint_eq(heard->request.positions.channels[1].newest, 31);
    ck_assert_uint_eq(host.asked_count, 0); /* it needs no place: it has one */
}
END_TEST

START_TEST(a_new_process_may_come_back_too) {
    struct caller caller;
    const struct bl_resume request = {.attempt = 1, .new_epoch = true};
    come_with_sealed_ticket(&caller, sealed, &ticket.resume_key, &request);
    must_be_admitted(&caller);
    ck_assert(host.resumption.request.new_epoch);
}
END_TEST

START_TEST(the_client_hears_what_the_session_says) {
    struct caller caller;
    host.told = (struct bl_positions){.count = 2, .channels = {{0, 1, 2, 3, 4}, {5, 6, 7, 8, 9}}};
    come_back(&caller, 1);
    const struct reply reply = knock(&caller);
    must_be(&reply, ADMITTED, 0);
    const struct bl_dialed dialed = dialed_of(&caller, &reply);
    ck_assert_uint_eq(dialed.params.positions.count, 2);
    const struct bl_position *got = &dialed.params.positions.channels[1];
    ck_assert_uint_eq(got->channel, 5);
    ck_assert_uint_eq(got->received, 6);
    ck_assert_uint_eq(got->filled, 7);
    ck_assert_uint_eq(got->handled, 8);
    ck_assert_uint_eq(got->newest, 9);
}
END_TEST

START_TEST(each_resume_brings_the_next_ticket_of_the_same_session) {
    struct caller caller;
    struct bl_ticket next;
    come_back(&caller, 1);
    const struct reply reply = knock(&caller);
    must_be(&reply, ADMITTED, 0);
    const struct bl_binding *binding = binding_of(&caller, &reply);
    const struct bl_dialed dialed = dialed_of(&caller, &reply);
    ck_assert(bl_ticket_open(&next, dialed.params.ticket, &host.ticket_keys));
    ck_assert_uint_eq(next.run, RUN);
    ck_assert_mem_eq(next.name, ticket.name, sizeof next.name);
    ck_assert_uint_eq(next.generation, ticket.generation + 1);
    ck_assert_mem_eq(&next.resume_key, &dialed.keys.resume, BL_SECRET_SIZE);
    ck_assert_mem_ne(&next.resume_key, &ticket.resume_key, BL_SECRET_SIZE);
    ck_assert_mem_eq(binding->newcomer->name, ticket.name, sizeof ticket.name);
    ck_assert_ptr_nonnull(binding->newcomer->resumption);
    ck_assert_uint_eq(binding->newcomer->resumption->generation, ticket.generation);
    come_with_sealed_ticket(&caller, dialed.params.ticket, &dialed.keys.resume,
                            &(struct bl_resume){.attempt = 2}); /* good at once: see protocol.md */
    must_be_admitted(&caller);
    ck_assert_uint_eq(host.resumption.generation, ticket.generation + 1);
}
END_TEST

START_TEST(a_login_brings_the_first_ticket_of_a_session_of_its_own) {
    struct bl_ticket tickets[2];
    for (int i = 0; i < 2; i++) {
        struct caller caller;
        come_with_fresh_token(&caller);
        const struct reply reply = knock(&caller);
        const struct bl_dialed dialed = dialed_of(&caller, &reply);
        ck_assert_uint_eq(dialed.params.positions.count, 0);
        ck_assert(bl_ticket_open(&tickets[i], dialed.params.ticket, &host.ticket_keys));
        ck_assert_uint_eq(tickets[i].run, RUN);
        ck_assert_uint_eq(tickets[i].generation, 0);
        ck_assert_mem_eq(&tickets[i].resume_key, &dialed.keys.resume, BL_SECRET_SIZE);
        const struct bl_newcomer *newcomer = binding_of(&caller, &reply)->newcomer;
        ck_assert_mem_eq(tickets[i].name, newcomer->name, BL_SESSION_NAME_SIZE);
        ck_assert_ptr_null(newcomer->resumption);
    }
    ck_assert_mem_ne(tickets[0].name, tickets[1].name, BL_SESSION_NAME_SIZE);
}
END_TEST

START_TEST(an_accept_brings_what_proves_a_reset_of_each_tag) {
    uint8_t wanted[BL_RESET_TOKEN_SIZE];
    struct caller caller;
    come_back(&caller, 1);
    const struct reply reply = knock(&caller);
    const struct bl_dialed dialed = dialed_of(&caller, &reply);
    bl_reset_token(wanted, &host.ticket_keys, dialed.params.tag);
    ck_assert_mem_eq(dialed.params.reset_token, wanted, sizeof wanted);
    bl_reset_token(wanted, &host.ticket_keys, dialed.params.spare_tag);
    ck_assert_mem_eq(dialed.params.spare_reset_token, wanted, sizeof wanted);
}
END_TEST

/* Repeats, and newer attempts. */

START_TEST(a_repeat_is_answered_byte_for_byte_and_the_session_hears_it_once) {
    struct caller caller;
    come_back(&caller, 1);
    const struct reply first = knock(&caller);
    must_be(&first, ADMITTED, 0);
    size_t used = host.memory.used;
    host.unresumable = &(struct belay_reason){.code = BELAY_REASON_STATE_LOST};
    for (int i = 1; i <= 10; i++) {
        host.at.now = NOW + i * 250 * BL_MILLISECOND;
        const struct reply again = knock(&caller);
        ck_assert_uint_eq(again.size, first.size);
        ck_assert_mem_eq(again.bytes, first.bytes, first.size);
    }
    ck_assert_uint_eq(host.resume_count, 1);
    ck_assert_uint_eq(host.bindings.pending_count, 1);
    ck_assert_uint_eq(host.memory.used, used);
}
END_TEST

/** A datagram of the caller over the binding that its ACCEPT has named. */
static bool is_opened(const struct caller *caller, const struct reply *reply) {
    const struct bl_dialed dialed = dialed_of(caller, reply);
    const struct bl_secret keys[2] = {dialed.keys.up, dialed.keys.down};
    struct bl_protection protection;
    uint8_t datagram[BL_DATA_HEADER_SIZE + 4 + BL_DATA_TAG_SIZE] = {0};
    bl_protection_init(&protection, dialed.suite, keys, host.at.now);
    struct bl_protected out = {
        .header = {.kind = BL_DATAGRAM_DATA, .steered = true, .tag = dialed.params.tag},
        .datagram = datagram,
        .payload_size = 4,
    };
    bl_protection_seal(&protection, &out, host.at.now);
    struct bl_protected in = {.datagram = datagram, .payload_size = 4};
    ck_assert(bl_data_header_read(&in.header, datagram, sizeof datagram));
    struct bl_binding *binding = bl_bindings_by_tag(&host.bindings, in.header.tag);
    return binding != NULL && bl_protection_open(&binding->protection, &in, host.at.now);
}

START_TEST(a_newer_attempt_takes_the_place_of_one_that_is_half_open) {
    struct caller first, second;
    come_back(&first, 1);
    const struct reply older = knock(&first);
    size_t used = host.memory.used;
    come_back(&second, 2);
    const struct reply newer = knock(&second);
    must_be(&newer, ADMITTED, 0);
    ck_assert_uint_eq(host.resume_count, 2);
    ck_assert_uint_eq(host.bindings.pending_count, 1);
    ck_assert_uint_eq(host.bindings.resuming.count, 1);
    ck_assert_uint_eq(host.memory.used, used);
    ck_assert_uint_eq(host.abandoned_count, 0); /* the session is still being resumed */
    ck_assert(!is_opened(&first, &older));      /* its first datagram proves nothing any more */
    ck_assert(is_opened(&second, &newer));
}
END_TEST

START_TEST(attempts_of_two_sessions_stand_side_by_side) {
    struct caller first, second;
    come_back(&first, 1);
    must_be_admitted(&first);
    come_with_fresh_ticket(&second);
    must_be_admitted(&second);
    ck_assert_uint_eq(host.bindings.pending_count, 2);
    ck_assert_uint_eq(host.bindings.resuming.count, 2);
}
END_TEST

/* An attempt of which nothing comes. */

START_TEST(an_attempt_that_nobody_finishes_is_abandoned_once) {
    struct caller caller;
    come_back(&caller, 9);
    must_be_admitted(&caller);
    bl_timer_wheel_advance(&host.wheel, NOW + BL_PENDING_TIMEOUT - BL_MILLISECOND);
    ck_assert_uint_eq(host.abandoned_count, 0);
    bl_timer_wheel_advance(&host.wheel, NOW + BL_PENDING_TIMEOUT);
    ck_assert_uint_eq(host.abandoned_count, 1);
    ck_assert_mem_eq(host.abandoned.name, ticket.name, sizeof ticket.name);
    ck_assert_uint_eq(host.abandoned.request.attempt, 9);
    ck_assert_uint_eq(host.bindings.pending_count, 0);
    ck_assert_uint_eq(host.bindings.resuming.count, 0);
    bl_timer_wheel_advance(&host.wheel, NOW + 4 * BL_PENDING_TIMEOUT);
    ck_assert_uint_eq(host.abandoned_count, 1);
}
END_TEST

START_TEST(of_replaced_attempts_the_last_one_is_abandoned) {
    struct caller caller;
    for (uint64_t number = 1; number <= 3; number++) {
        come_back(&caller, number);
        must_be_admitted(&caller);
    }
    bl_timer_wheel_advance(&host.wheel, NOW + BL_PENDING_TIMEOUT);
    ck_assert_uint_eq(host.abandoned_count, 1);
    ck_assert_uint_eq(host.abandoned.request.attempt, 3);
}
END_TEST

START_TEST(an_attempt_that_is_proven_is_not_abandoned) {
    struct caller caller;
    come_back(&caller, 1);
    const struct reply reply = knock(&caller);
    struct bl_binding *binding = binding_of(&caller, &reply);
    bl_binding_bind(binding, &host);
    bl_binding_forget_newcomer(binding);
    ck_assert_uint_eq(host.bindings.resuming.count, 0);
    bl_timer_wheel_advance(&host.wheel, NOW + 2 * BL_PENDING_TIMEOUT);
    bl_binding_destroy(binding);
    ck_assert_uint_eq(host.abandoned_count, 0);
}
END_TEST

/** A session may come back again while its last resume has just been proven. */
START_TEST(the_next_attempt_leaves_the_binding_that_was_proven_alone) {
    struct caller caller;
    come_back(&caller, 1);
    struct reply reply = knock(&caller);
    struct bl_binding *binding = binding_of(&caller, &reply);
    bl_binding_bind(binding, &host);
    bl_binding_forget_newcomer(binding);
    come_back(&caller, 2);
    reply = knock(&caller);
    must_be(&reply, ADMITTED, 0);
    ck_assert_uint_eq(host.bindings.bound_count, 1);
    ck_assert_uint_eq(host.bindings.pending_count, 1);
}
END_TEST

START_TEST(an_attempt_that_makes_room_for_others_is_abandoned) {
    struct caller caller;
    host.gate.opts.pending_max = 1;
    come_back(&caller, 1);
    must_be_admitted(&caller);
    come_with_fresh_token(&caller);
    take_cookie(&caller);
    host.at.now += BL_PENDING_GRACE + BL_MILLISECOND;
    must_be_admitted(&caller);
    ck_assert_uint_eq(host.abandoned_count, 1);
    ck_assert_mem_eq(host.abandoned.name, ticket.name, sizeof ticket.name);
    ck_assert_uint_eq(host.bindings.resuming.count, 0);
}
END_TEST

START_TEST(an_attempt_with_a_key_that_is_none_is_abandoned) {
    struct caller caller;
    come_back(&caller, 1);
    memset(caller.dial.open + KEY_AT, 0, BL_PUBLIC_SIZE);
    seal_again(&caller, 1);
    must_get(&caller, SILENCE, 0, BELAY_DROP_HANDSHAKE);
    ck_assert_uint_eq(host.resume_count, 1);
    ck_assert_uint_eq(host.abandoned_count, 1);
    ck_assert_uint_eq(host.bindings.pending_count, 0);
}
END_TEST

START_TEST(such_a_key_takes_nothing_from_an_attempt_that_stands) {
    struct caller first, second;
    come_back(&first, 1);
    const struct reply reply = knock(&first);
    come_back(&second, 2);
    memset(second.dial.open + KEY_AT, 0, BL_PUBLIC_SIZE);
    seal_again(&second, 2);
    must_get(&second, SILENCE, 0, BELAY_DROP_HANDSHAKE);
    ck_assert_uint_eq(host.abandoned_count, 0);
    ck_assert(is_opened(&first, &reply));
}
END_TEST

START_TEST(a_server_that_ends_abandons_nothing) {
    struct caller caller;
    come_back(&caller, 1);
    must_be_admitted(&caller);
    bl_bindings_finish(&host.bindings);
    ck_assert_uint_eq(host.abandoned_count, 0); /* there is nobody left to tell */
    bl_bindings_init(&host.bindings, &host.memory, &host.wheel, &host.random, true);
}
END_TEST

/* Crowds. */

START_TEST(a_full_or_draining_server_lets_its_own_back_in) {
    static const uint32_t codes[] = {BELAY_REASON_FULL, BELAY_REASON_DRAINING};
    const struct belay_reason reason = {.code = codes[_i]};
    struct caller newcomer, caller;
    host.turned_away = &reason;
    come_with_fresh_token(&newcomer);
    must_get(&newcomer, DENIED, codes[_i], BELAY_DROP_REFUSED);
    come_back(&caller, 1);
    must_be_admitted(&caller);
}
END_TEST

START_TEST(too_many_half_open_handshakes_make_a_resume_wait) {
    struct caller crowd[2], caller;
    struct bl_deny deny;
    host.gate.opts.pending_max = 2;
    for (size_t i = 0; i < COUNT_OF(crowd); i++) {
        come_with_fresh_token(&crowd[i]);
        must_be_admitted(&crowd[i]);
    }
    come_back(&caller, 1);
    take_cookie(&caller);
    const struct reply reply = knock(&caller);
    must_be(&reply, DENIED, BELAY_REASON_OVERLOAD);
    ck_assert(bl_deny_read(&deny, reply.bytes, reply.size));
    ck_assert(deny.come_back);
    ck_assert_uint_gt(deny.retry_ms, 0);
    ck_assert_uint_eq(host.resume_count, 0);
    host.at.now += BL_PENDING_GRACE + BL_MILLISECOND; /* then the oldest makes room */
    must_be_admitted(&caller);
    ck_assert_uint_eq(host.bindings.pending_count, 2);
    ck_assert_uint_eq(host.resume_count, 1);
}
END_TEST

START_TEST(a_ticket_needs_a_cookie_while_too_many_come_at_once) {
    struct caller caller;
    come_back(&caller, 1);
    make_busy();
    must_get(&caller, AGAIN, 0, BELAY_DROP_COUNT);
    must_be_untouched();
    take_cookie(&caller);
    must_be_admitted(&caller);
}
END_TEST

static void add_claims(TCase *tests) {
    tcase_add_test(tests, a_ticket_with_any_byte_altered_is_worth_nothing);
    tcase_add_test(tests, a_ticket_of_another_server_is_worth_nothing);
    tcase_add_test(tests, a_ticket_under_the_key_of_tokens_is_worth_nothing);
    tcase_add_test(tests, a_ticket_with_nothing_behind_it_or_with_too_much_is_worth_nothing);
    tcase_add_test(tests,
                   a_ticket_sealed_with_an_older_key_is_believed_and_the_next_is_of_the_newest);
    tcase_add_test(tests, a_stolen_ticket_without_its_key_is_not_answered);
    tcase_add_loop_test(
        tests, what_is_said_behind_a_ticket_is_believed_as_it_was_sealed_or_not_at_all, 0, 2);
    tcase_add_test(tests, what_makes_no_sense_behind_a_ticket_is_dropped);
    tcase_add_test(tests, a_ticket_from_another_life_of_the_server_is_refused_with_authority);
    tcase_add_test(tests, what_the_session_has_against_it_is_told_with_authority);
    tcase_add_test(tests, another_game_is_refused_before_the_session_hears_of_it);
}

static void add_answers(TCase *tests) {
    tcase_add_test(tests, the_session_hears_what_its_client_says);
    tcase_add_test(tests, a_new_process_may_come_back_too);
    tcase_add_test(tests, the_client_hears_what_the_session_says);
    tcase_add_test(tests, each_resume_brings_the_next_ticket_of_the_same_session);
    tcase_add_test(tests, a_login_brings_the_first_ticket_of_a_session_of_its_own);
    tcase_add_test(tests, an_accept_brings_what_proves_a_reset_of_each_tag);
    tcase_add_test(tests, a_repeat_is_answered_byte_for_byte_and_the_session_hears_it_once);
    tcase_add_test(tests, a_newer_attempt_takes_the_place_of_one_that_is_half_open);
    tcase_add_test(tests, attempts_of_two_sessions_stand_side_by_side);
}

static void add_ends(TCase *tests) {
    tcase_add_test(tests, an_attempt_that_nobody_finishes_is_abandoned_once);
    tcase_add_test(tests, of_replaced_attempts_the_last_one_is_abandoned);
    tcase_add_test(tests, an_attempt_that_is_proven_is_not_abandoned);
    tcase_add_test(tests, the_next_attempt_leaves_the_binding_that_was_proven_alone);
    tcase_add_test(tests, an_attempt_that_makes_room_for_others_is_abandoned);
    tcase_add_test(tests, an_attempt_with_a_key_that_is_none_is_abandoned);
    tcase_add_test(tests, such_a_key_takes_nothing_from_an_attempt_that_stands);
    tcase_add_test(tests, a_server_that_ends_abandons_nothing);
    tcase_add_loop_test(tests, a_full_or_draining_server_lets_its_own_back_in, 0, 2);
    tcase_add_test(tests, too_many_half_open_handshakes_make_a_resume_wait);
    tcase_add_test(tests, a_ticket_needs_a_cookie_while_too_many_come_at_once);
}

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, close_gate);
    add_claims(tests);
    add_answers(tests);
    add_ends(tests);
}

TEST_MAIN("secure/gate_resume", add_tests)
