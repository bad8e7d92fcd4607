/* R1, R2, R36, R37, R38: the coordinator of many sessions, without a server, a socket or a peer. */
#include "tests/session/lone.h"

#define MANY 10000

static struct lone lone;
static struct bl_coordinator coordinator;
static belay_session handles[MANY];

static void start(void) {
    lone_start(&lone, BL_ROLE_SERVER);
    bl_coordinator_init(&coordinator, &lone.shared, MANY);
}

static void finish(void) {
    bl_coordinator_finish(&coordinator);
    lone_finish(&lone);
}

static const uint8_t *identity_of(uint32_t number) {
    static uint8_t identity[16];
    memset(identity, 0, sizeof identity);
    memcpy(identity + 3, &number, sizeof number);
    identity[15] = 1;
    return identity;
}

static belay_session resolve(uint32_t number) {
    belay_session handle = bl_coordinator_resolve(&coordinator, identity_of(number));
    ck_assert_uint_ne(handle, 0);
    return handle;
}

static struct bl_session *session_of(belay_session handle) {
    struct bl_session *session = bl_coordinator_get(&coordinator, handle);
    ck_assert_ptr_nonnull(session);
    return session;
}

static struct bl_session *new_in(uint32_t number, enum belay_state state) {
    struct bl_session *session = session_of(resolve(number));
    drive(session, state);
    return session;
}

static void poll_all(void) {
    struct belay_event event;
    while (bl_poll(&lone.shared, &event)) {
    }
}

/* R3 */
START_TEST(an_identity_resolves_to_one_session_and_another_to_another) {
    belay_session a = resolve(1), b = resolve(2);
    ck_assert_uint_ne(a, b);
    ck_assert_uint_eq(resolve(1), a);
    ck_assert_uint_eq(resolve(2), b);
    ck_assert_uint_eq(bl_coordinator_count(&coordinator), 2);
    ck_assert_uint_eq(session_of(a)->handle, a);
}
END_TEST

/* R5 */
START_TEST(a_lookup_finds_what_is_there_and_makes_nothing) {
    belay_session a = resolve(1);
    ck_assert_uint_eq(bl_coordinator_find(&coordinator, identity_of(1)), 0); /* not accepted yet */
    ck_assert_ptr_null(bl_coordinator_get(&coordinator, 0));
    ck_assert_ptr_null(bl_coordinator_get(&coordinator, a + 1));
    ck_assert_uint_eq(bl_coordinator_find(&coordinator, identity_of(2)), 0);
    ck_assert_uint_eq(bl_coordinator_count(&coordinator), 1);
    drive(session_of(a), BELAY_LOGIN_PENDING);
    ck_assert_int_eq(bl_coordinator_accept(&coordinator, a, identity_of(1), NULL, 0), BELAY_OK);
    ck_assert_uint_eq(bl_coordinator_find(&coordinator, identity_of(1)), a);
    bl_coordinator_remove(&coordinator, a);
    ck_assert_uint_eq(bl_coordinator_find(&coordinator, identity_of(1)), 0);
    ck_assert_ptr_null(bl_coordinator_get(&coordinator, a));
}
END_TEST

/* R5, D8 */
START_TEST(a_stale_handle_never_names_another_session) {
    belay_session old = resolve(1);
    bl_coordinator_remove(&coordinator, old);
    for (uint32_t i = 0; i < 100; i++) {
        belay_session young = resolve(1);
        ck_assert_uint_ne(young, old);
        ck_assert_ptr_null(bl_coordinator_get(&coordinator, old));
        bl_coordinator_remove(&coordinator, old); /* harmless */
        ck_assert_int_eq(bl_coordinator_accept(&coordinator, old, NULL, NULL, 0), BELAY_E_GONE);
        ck_assert_uint_eq(bl_coordinator_count(&coordinator), 1);
        old = young;
        bl_coordinator_remove(&coordinator, young);
    }
}
END_TEST

static void remove_none(uint32_t at) {
    (void)at;
}

static void remove_current(uint32_t at) {
    bl_coordinator_remove(&coordinator, handles[at]);
}

static void remove_next(uint32_t at) {
    bl_coordinator_remove(&coordinator, handles[at + 1]);
}

static void remove_previous(uint32_t at) {
    bl_coordinator_remove(&coordinator, at > 0 ? handles[at - 1] : 0);
}

static void remove_all(uint32_t at) {
    (void)at;
    for (uint32_t i = 0; i < 100; i++) {
        bl_coordinator_remove(&coordinator, handles[i]);
    }
}

static const struct enumeration {
    void (*visit)(uint32_t at);
    uint32_t seen_count, left_count;
} enumerations[] = {
    {remove_none, 100, 100},   {remove_current, 100, 0}, {remove_next, 50, 50},
    {remove_previous, 100, 1}, {remove_all, 1, 0},
};

/* R6 */
START_TEST(an_enumeration_may_remove_any_session) {
    const struct enumeration *row = &enumerations[_i];
    uint8_t seen[100] = {0};
    uint32_t seen_count = 0;
    memset(handles, 0, sizeof handles);
    for (uint32_t i = 0; i < 100; i++) {
        handles[i] = new_in(i, (enum belay_state)(i % BELAY_STATE_COUNT))->handle;
    }
    for (belay_session at = 0; (at = bl_coordinator_next(&coordinator, at)) != 0;) {
        uint32_t number = 0;
        while (handles[number] != at) {
            ck_assert_uint_lt(++number, 100);
        }
        ck_assert_uint_eq(seen[number]++, 0);
        seen_count++;
        row->visit(number);
    }
    ck_assert_uint_eq(seen_count, row->seen_count);
    ck_assert_uint_eq(bl_coordinator_count(&coordinator), row->left_count);
}
END_TEST

/* R6 */
START_TEST(an_empty_enumeration_and_one_of_one_end) {
    ck_assert_uint_eq(bl_coordinator_next(&coordinator, 0), 0);
    belay_session only = resolve(1);
    ck_assert_uint_eq(bl_coordinator_next(&coordinator, 0), only);
    ck_assert_uint_eq(bl_coordinator_next(&coordinator, only), 0);
}
END_TEST

/* R29 */
START_TEST(ten_thousand_sessions_come_and_go) {
    for (uint32_t i = 0; i < MANY; i++) {
        handles[i] = new_in(i, (enum belay_state)(i % BELAY_STATE_COUNT))->handle;
    }
    ck_assert_uint_eq(bl_coordinator_count(&coordinator), MANY);
    ck_assert_uint_eq(bl_coordinator_resolve(&coordinator, identity_of(MANY)), 0); /* no room */
    for (uint32_t i = 0; i < MANY; i += 3) {
        bl_coordinator_remove(&coordinator, handles[i]);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        struct bl_session *session = bl_coordinator_get(&coordinator, handles[i]);
        ck_assert_int_eq(session == NULL, i % 3 == 0);
        if (session != NULL) {
            ck_assert_mem_eq(session->identity, identity_of(i), 16);
        }
    }
    lone_advance(&lone, 61 * BL_SECOND); /* every deadline there is */
    poll_all();
    uint32_t left_count = 0; /* what never had a link has no deadline */
    for (belay_session at = 0; (at = bl_coordinator_next(&coordinator, at)) != 0;) {
        enum belay_state state = session_of(at)->state;
        ck_assert(state == BELAY_DISCONNECTED || state == BELAY_LOGGED_IN);
        left_count++;
    }
    ck_assert_uint_gt(left_count, 0);
    ck_assert_uint_eq(left_count, bl_coordinator_count(&coordinator));
}
END_TEST

/* R29 */
START_TEST(evaluating_costs_what_is_due_and_not_how_many_there_are) {
    uint64_t costs[2];
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t count = i == 0 ? 10 : MANY;
        for (uint32_t number = bl_coordinator_count(&coordinator); number < count; number++) {
            new_in(number, BELAY_RECONNECT_PENDING); /* which has a deadline, a minute away */
        }
        uint64_t before = lone.wheel.visited_count;
        for (int ms = 0; ms < 1000; ms++) {
            lone_advance(&lone, BL_MILLISECOND);
        }
        costs[i] = lone.wheel.visited_count - before;
    }
    ck_assert_uint_eq(lone.wheel.count, MANY);
    ck_assert_uint_eq(costs[0], costs[1]);
}
END_TEST

/* R29 */
START_TEST(one_that_is_due_among_many_costs_as_much_as_alone) {
    uint64_t costs[2];
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t count = i == 0 ? 1 : MANY - 1;
        for (uint32_t number = bl_coordinator_count(&coordinator); number < count; number++) {
            new_in(number, BELAY_RECONNECT_PENDING);
        }
        struct bl_session *due = new_in(MANY + i, BELAY_TIMED_OUT);
        uint64_t before = lone.wheel.visited_count;
        lone_advance(&lone, BL_REST);
        ck_assert_int_eq(due->state, BELAY_DISCONNECTED);
        costs[i] = lone.wheel.visited_count - before;
        bl_coordinator_remove(&coordinator, due->handle);
    }
    ck_assert_uint_le(costs[1], costs[0] + 2 * BL_TIMER_LEVELS);
}
END_TEST

static struct belay_session_info info_of(const struct bl_session *session) {
    struct belay_session_info info;
    bl_session_info(session, &info);
    return info;
}

/** Field by field: what lies between two fields is anybody's guess. */
static bool is_same(const struct belay_session_info *a, const struct belay_session_info *b) {
    return a->session == b->session && a->state == b->state && a->user == b->user &&
           memcmp(a->user_id, b->user_id, sizeof a->user_id) == 0 &&
           strcmp(a->address, b->address) == 0 && a->rtt_ms == b->rtt_ms &&
           a->idle_ms == b->idle_ms && a->idle_out_ms == b->idle_out_ms &&
           a->bytes_in == b->bytes_in && a->bytes_out == b->bytes_out &&
           a->messages_in == b->messages_in && a->messages_out == b->messages_out &&
           a->queued_messages == b->queued_messages && a->queued_bytes == b->queued_bytes &&
           a->sequence_out == b->sequence_out && a->handled_out == b->handled_out &&
           a->features == b->features && a->resume_window_ms == b->resume_window_ms &&
           a->dialing == b->dialing && a->closing == b->closing && a->suspect == b->suspect;
}

/* R4 */
START_TEST(one_session_passes_through_every_state_and_no_other_notices) {
    struct belay_session_info before[BELAY_STATE_COUNT];
    struct bl_session *others[BELAY_STATE_COUNT];
    for (int i = 0; i < BELAY_STATE_COUNT; i++) {
        others[i] = new_in((uint32_t)i, (enum belay_state)i);
        before[i] = info_of(others[i]);
    }
    for (int state = 0; state < BELAY_STATE_COUNT; state++) {
        struct bl_session *moving = new_in(99, (enum belay_state)state);
        for (int i = 0; i < BELAY_STATE_COUNT; i++) {
            struct belay_session_info now = info_of(others[i]);
            ck_assert_msg(is_same(&now, &before[i]), "%s changed when one was %s",
                          belay_state_name(before[i].state), belay_state_name(moving->state));
        }
        bl_coordinator_remove(&coordinator, moving->handle); /* R14 */
    }
    ck_assert_uint_eq(bl_coordinator_count(&coordinator), BELAY_STATE_COUNT);
}
END_TEST

static void feed_close(struct bl_session *session) {
    uint8_t frame[16];
    const struct bl_reason_frame close = {.code = BELAY_REASON_LEFT, .text = frame};
    feed(session, frame, bl_reason_write(frame, sizeof frame, BL_FRAME_CLOSE, &close));
}

static void lose(struct bl_session *session) {
    bl_session_lose(session, &lost_reason);
}

static void accept(struct bl_session *session) {
    ck_assert_int_eq(bl_coordinator_accept(&coordinator, session->handle, NULL, NULL, 0), BELAY_OK);
}

static void kick(struct bl_session *session) {
    bl_session_close(session, &kick_reason, 0);
}

static void lose_for_good(struct bl_session *session) {
    session->resume_window = 0; /* its own policy, and nobody else's */
    bl_session_lose(session, &lost_reason);
}

static void expire(struct bl_session *session) {
    bl_session_input(session, BL_INPUT_EXPIRED, &lost_reason);
}

static void fall_back(struct bl_session *session) {
    bl_session_input(session, BL_INPUT_ATTEMPT_FAILED, NULL);
}

static void resume(struct bl_session *session) {
    bl_session_input(session, BL_INPUT_RESUME, NULL);
}

static void rebind(struct bl_session *session) {
    bl_session_step(session, BL_INPUT_REBOUND);
}

/* What happens to one of two sessions, and what is told about it. */
static const struct happening {
    const char *name;
    enum belay_state begin;
    void (*happen)(struct bl_session *session);
    enum belay_state end;
    enum belay_event_type told;
} happenings[] = {
    {"a hello", BELAY_TRANSPORT_CONNECTED, feed_hello, BELAY_LOGIN_PENDING, BELAY_EVENT_LOGIN},
    {"an accept", BELAY_LOGIN_PENDING, accept, BELAY_LOGGED_IN, BELAY_EVENT_OPEN},
    {"a refusal", BELAY_LOGIN_PENDING, kick, BELAY_LOGIN_FAILED, BELAY_EVENT_CLOSED},
    {"a link lost before the login", BELAY_LOGIN_PENDING, lose, BELAY_TIMED_OUT,
     BELAY_EVENT_CLOSED},
    {"a link lost", BELAY_LOGGED_IN, lose, BELAY_RECONNECT_PENDING, BELAY_EVENT_DOWN},
    {"a link lost for good", BELAY_LOGGED_IN, lose_for_good, BELAY_TIMED_OUT, BELAY_EVENT_CLOSED},
    {"a client that leaves", BELAY_LOGGED_IN, feed_close, BELAY_DISCONNECTED, BELAY_EVENT_CLOSED},
    {"an eviction", BELAY_LOGGED_IN, kick, BELAY_DISCONNECTED, BELAY_EVENT_CLOSED},
    {"an eviction of one that is held", BELAY_RECONNECT_PENDING, kick, BELAY_DISCONNECTED,
     BELAY_EVENT_CLOSED},
    {"the end of the window", BELAY_RECONNECT_PENDING, expire, BELAY_DISCONNECTED,
     BELAY_EVENT_CLOSED},
    {"a resume", BELAY_RECONNECT_PENDING, resume, BELAY_RECONNECTING, BELAY_EVENT_STATE},
    {"a resume that fails", BELAY_RECONNECTING, fall_back, BELAY_RECONNECT_PENDING,
     BELAY_EVENT_STATE},
    {"a resume that is proven", BELAY_RECONNECTING, rebind, BELAY_LOGGED_IN, BELAY_EVENT_STATE},
};

/* R7, R15, R21, R25, R31 */
START_TEST(what_happens_to_one_session_is_told_of_it_alone) {
    const struct happening *row = &happenings[_i];
    struct bl_session *target = new_in(1, row->begin);
    struct bl_session *other = new_in(2, row->begin);
    poll_all();
    struct belay_session_info before = info_of(other);
    row->happen(target);
    ck_assert_msg(target->state == row->end, "%s: %s", row->name, belay_state_name(target->state));
    struct belay_session_info now = info_of(other);
    ck_assert(is_same(&now, &before));
    struct belay_event event;
    bool told = false;
    enum belay_state from = row->begin;
    while (bl_poll(&lone.shared, &event)) {
        ck_assert_msg(event.session == target->handle, "%s", row->name);
        told = told || event.type == row->told;
        if (event.type == BELAY_EVENT_STATE) {
            ck_assert_int_eq(event.state.from, from);
            ck_assert_uint_eq(event.state.time_ms, 1000000);
            ck_assert_ptr_nonnull(event.state.reason->text);
            from = event.state.to;
        }
        if (event.type == BELAY_EVENT_CLOSED) {
            ck_assert_int_eq(event.closed.info->state, row->end);
        }
    }
    ck_assert_msg(told, "%s", row->name);
    ck_assert_int_eq(from, row->end);
}
END_TEST

/* R9 */
START_TEST(a_lost_link_shows_as_timed_out_before_it_is_waited_for) {
    static const enum belay_state path[] = {BELAY_TIMED_OUT, BELAY_RECONNECT_PENDING};
    struct belay_event event;
    struct bl_session *session = new_in(1, BELAY_LOGGED_IN);
    poll_all();
    lose(session);
    for (size_t i = 0; i < COUNT_OF(path); i++) {
        ck_assert(bl_poll(&lone.shared, &event));
        ck_assert_int_eq(event.type, BELAY_EVENT_STATE);
        ck_assert_int_eq(event.state.to, path[i]);
        ck_assert_uint_eq(event.state.reason->code, BELAY_REASON_TIMEOUT);
    }
    ck_assert(bl_poll(&lone.shared, &event));
    ck_assert_int_eq(event.type, BELAY_EVENT_DOWN);
    ck_assert_uint_eq(event.down.window_ms, BELAY_RESUME_WINDOW_MS_DEFAULT);
    ck_assert(!bl_poll(&lone.shared, &event));
}
END_TEST

/* Deadlines: the state that has one, how long it is, and where it leads. */
static const struct deadline {
    enum belay_state begin;
    bl_duration length;
    enum belay_state end;
} deadlines[] = {
    {BELAY_TRANSPORT_CONNECTED, 5 * BL_SECOND, BELAY_TIMED_OUT},
    {BELAY_LOGIN_PENDING, 5 * BL_SECOND, BELAY_LOGIN_FAILED},
    {BELAY_RECONNECT_PENDING, 60 * BL_SECOND, BELAY_DISCONNECTED},
    {BELAY_RECONNECTING, 60 * BL_SECOND, BELAY_DISCONNECTED},
    {BELAY_TIMED_OUT, BL_SECOND, BELAY_DISCONNECTED},
};

/* R7, R43 */
START_TEST(each_session_has_its_own_deadline) {
    const struct deadline *row = &deadlines[_i];
    struct bl_session *first = new_in(1, row->begin);
    lone_advance(&lone, 300 * BL_MILLISECOND);
    struct bl_session *second = new_in(2, row->begin);
    lone_advance(&lone, row->length - 301 * BL_MILLISECOND);
    ck_assert_int_eq(first->state, row->begin);
    lone_advance(&lone, BL_MILLISECOND);
    ck_assert_int_eq(first->state, row->end);
    ck_assert_int_eq(second->state, row->begin);
    lone_advance(&lone, 299 * BL_MILLISECOND);
    ck_assert_int_eq(second->state, row->begin);
    lone_advance(&lone, BL_MILLISECOND);
    ck_assert_int_eq(second->state, row->end);
    lone_advance(&lone, 3600 * BL_SECOND);
    poll_all();
    ck_assert_uint_eq(bl_coordinator_count(&coordinator), 0);
}
END_TEST

START_TEST(what_a_stall_takes_is_held_against_nobody) {
    const struct deadline *row = &deadlines[_i];
    struct bl_session *session = new_in(1, row->begin);
    lone.shared.stalled += 7 * BL_SECOND; /* as the loop does, after a debugger has let go */
    lone_advance(&lone, 7 * BL_SECOND);
    lone_advance(&lone, row->length - BL_MILLISECOND);
    ck_assert_int_eq(session->state, row->begin);
    /* Armed for the moment when it is due, or it would fire again and again until then. */
    ck_assert_int_eq(session->timer.deadline, lone.shared.now + BL_MILLISECOND);
    lone_advance(&lone, BL_MILLISECOND);
    ck_assert_int_eq(session->state, row->end);
}
END_TEST

START_TEST(an_ended_session_goes_when_its_end_was_polled) {
    struct belay_event event;
    belay_session handle = new_in(1, BELAY_LOGGED_IN)->handle;
    poll_all();
    kick(session_of(handle));
    ck_assert_uint_eq(bl_coordinator_find(&coordinator, identity_of(1)), 0);
    ck_assert_uint_eq(bl_coordinator_next(&coordinator, 0), handle); /* still there to be seen */
    do {
        ck_assert(bl_poll(&lone.shared, &event));
    } while (event.type != BELAY_EVENT_CLOSED);
    ck_assert_uint_eq(event.closed.reason->code, BELAY_REASON_KICKED);
    ck_assert_str_eq(event.closed.reason->text, "for testing");
    ck_assert_ptr_nonnull(bl_coordinator_get(&coordinator, handle));
    ck_assert(!bl_poll(&lone.shared, &event));
    ck_assert_ptr_null(bl_coordinator_get(&coordinator, handle));
}
END_TEST

START_TEST(an_ended_session_gives_its_identity_up_at_once) {
    struct bl_session *old = new_in(1, BELAY_LOGGED_IN);
    belay_session old_handle = old->handle;
    kick(old);
    belay_session young = resolve(1);
    ck_assert_uint_ne(young, old_handle);
    poll_all(); /* the old one goes, and takes nothing of the young one's with it */
    ck_assert_ptr_null(bl_coordinator_get(&coordinator, old_handle));
    ck_assert_uint_eq(resolve(1), young);
}
END_TEST

/* R25: whoever hears of one session may remove any. */
START_TEST(a_session_may_be_removed_while_its_event_is_looked_at) {
    struct belay_event event;
    uint32_t event_count = 0;
    for (uint32_t i = 0; i < 20; i++) {
        handles[i] = new_in(i, (enum belay_state)(1 + i % 7))->handle;
    }
    while (bl_poll(&lone.shared, &event)) {
        uint32_t number = 0;
        while (handles[number] != event.session) {
            number++;
        }
        bl_coordinator_remove(&coordinator, handles[(number + event_count % 3) % 20]);
        event_count++;
    }
    ck_assert_uint_gt(event_count, 10);
    for (belay_session at = 0; (at = bl_coordinator_next(&coordinator, at)) != 0;) {
        bl_coordinator_remove(&coordinator, at);
    }
    ck_assert(!bl_poll(&lone.shared, &event));
}
END_TEST

START_TEST(a_removed_session_takes_its_waiting_messages_off_the_books) {
    struct bl_session *session = new_in(1, BELAY_LOGGED_IN);
    ck_assert_int_eq(bl_session_send(session, 0, "out", 3), BELAY_OK);
    feed_message(session, 1, 100);
    feed_message(session, 2, 1000);
    ck_assert_uint_eq(lone.shared.room.used, 1103);
    bl_coordinator_remove(&coordinator, session->handle);
    ck_assert_uint_eq(lone.shared.room.used, 0);
}
END_TEST

START_TEST(a_session_removed_with_a_message_lent_leaves_nothing_on_the_books) {
    struct belay_event event = {0};
    struct bl_session *session = new_in(1, BELAY_LOGGED_IN);
    feed_message(session, 1, 100);
    while (event.type != BELAY_EVENT_MESSAGE) {
        ck_assert(bl_poll(&lone.shared, &event));
    }
    bl_coordinator_remove(&coordinator, session->handle);
    ck_assert(!bl_poll(&lone.shared, &event));
    ck_assert_uint_eq(lone.shared.room.used, 0);
}
END_TEST

/* G12: the identity is what accept() says, and one user has one session. */
START_TEST(accept_names_the_user) {
    struct bl_session *session = new_in(1, BELAY_LOGIN_PENDING);
    ck_assert_int_eq(
        bl_coordinator_accept(&coordinator, session->handle, identity_of(500), "hi", 2), BELAY_OK);
    ck_assert_uint_eq(bl_coordinator_find(&coordinator, identity_of(500)), session->handle);
    ck_assert_uint_eq(bl_coordinator_find(&coordinator, identity_of(1)), 0);
    struct belay_session_info info = info_of(session);
    ck_assert_mem_eq(info.user_id, identity_of(500), 16);
    ck_assert_int_eq(bl_coordinator_accept(&coordinator, session->handle, NULL, NULL, 0),
                     BELAY_E_STATE); /* once */
}
END_TEST

static enum belay_result accept_as_user(const struct bl_session *session, unsigned user) {
    return bl_coordinator_accept(&coordinator, session->handle, identity_of(user), NULL, 0);
}

START_TEST(a_newer_login_of_a_user_takes_the_place_of_the_older_session) {
    struct bl_session *first = new_in(1, BELAY_LOGIN_PENDING);
    struct bl_session *second = new_in(2, BELAY_LOGIN_PENDING);
    struct bl_session *third = new_in(3, BELAY_LOGIN_PENDING);
    ck_assert_int_eq(accept_as_user(first, 500), BELAY_OK);
    ck_assert_int_eq(accept_as_user(second, 500), BELAY_OK);
    ck_assert_uint_eq(first->reason.code, BELAY_REASON_REPLACED);
    ck_assert(!first->reason.come_back);
    ck_assert_int_eq(first->state, BELAY_DISCONNECTED);
    ck_assert_uint_eq(bl_coordinator_find(&coordinator, identity_of(500)), second->handle);
    lose(second); /* one that is held has its user still */
    ck_assert_int_eq(accept_as_user(third, 500), BELAY_OK);
    ck_assert_uint_eq(second->reason.code, BELAY_REASON_REPLACED);
    poll_all();
    ck_assert_uint_eq(bl_coordinator_find(&coordinator, identity_of(500)), third->handle);
    kick(third);
    poll_all();
    ck_assert_uint_eq(bl_coordinator_find(&coordinator, identity_of(500)), 0);
}
END_TEST

/* Two clients that both come back as soon as they are replaced. */
START_TEST(taking_over_from_each_other_again_and_again_is_limited) {
    for (unsigned i = 1; i <= BL_TAKEOVERS_MAX + 1; i++) {
        ck_assert_int_eq(accept_as_user(new_in(i, BELAY_LOGIN_PENDING), 500), BELAY_OK);
        lone.shared.now += BL_SECOND;
    }
    belay_session holder = bl_coordinator_find(&coordinator, identity_of(500));
    struct bl_session *another = new_in(100, BELAY_LOGIN_PENDING);
    ck_assert_int_eq(accept_as_user(another, 500), BELAY_E_STATE);
    ck_assert_int_eq(another->state, BELAY_LOGIN_FAILED);
    ck_assert_uint_eq(another->reason.code, BELAY_REASON_OVERLOAD);
    ck_assert(another->reason.come_back);
    ck_assert_uint_eq(another->reason.retry_ms, 27000); /* of 30 s since the first of them */
    ck_assert_uint_eq(bl_coordinator_find(&coordinator, identity_of(500)), holder);
    lone.shared.now += 27 * BL_SECOND;
    ck_assert_int_eq(accept_as_user(new_in(101, BELAY_LOGIN_PENDING), 500), BELAY_OK);
    poll_all();
}
END_TEST

START_TEST(a_user_may_have_so_many_sessions_as_the_policy_allows) {
    struct bl_session *sessions[4];
    coordinator.same_user_max = 3;
    for (unsigned i = 0; i < 4; i++) {
        sessions[i] = new_in(i + 1, BELAY_LOGIN_PENDING);
        ck_assert_int_eq(accept_as_user(sessions[i], 500), i < 3 ? BELAY_OK : BELAY_E_STATE);
    }
    ck_assert_uint_eq(sessions[3]->reason.code, BELAY_REASON_BAD_LOGIN);
    ck_assert_uint_eq(bl_coordinator_find(&coordinator, identity_of(500)), sessions[2]->handle);
    kick(sessions[1]); /* in the middle of the chain, then its head, then the rest of it */
    poll_all();
    ck_assert_int_eq(accept_as_user(new_in(5, BELAY_LOGIN_PENDING), 500), BELAY_OK);
    kick(bl_coordinator_get(&coordinator, bl_coordinator_find(&coordinator, identity_of(500))));
    ck_assert_uint_eq(bl_coordinator_find(&coordinator, identity_of(500)), sessions[2]->handle);
    poll_all();
    kick(sessions[2]);
    ck_assert_uint_eq(bl_coordinator_find(&coordinator, identity_of(500)), sessions[0]->handle);
    kick(sessions[0]);
    poll_all();
    ck_assert_uint_eq(bl_coordinator_find(&coordinator, identity_of(500)), 0);
}
END_TEST

/**
 * Users are named by the application, handshakes by strangers who may choose the same 16 bytes: a
 * newcomer must not be taken for the user, nor keep the user out.
 */
START_TEST(a_handshake_is_never_taken_for_a_user_of_the_same_name) {
    struct bl_session *user = new_in(1, BELAY_LOGIN_PENDING);
    bl_coordinator_accept(&coordinator, user->handle, identity_of(500), NULL, 0);
    ck_assert_uint_ne(resolve(500), user->handle);
}
END_TEST

START_TEST(a_handshake_does_not_keep_a_user_of_the_same_name_out) {
    new_in(500, BELAY_TRANSPORT_CONNECTED);
    struct bl_session *user = new_in(1, BELAY_LOGIN_PENDING);
    ck_assert_int_eq(bl_coordinator_accept(&coordinator, user->handle, identity_of(500), NULL, 0),
                     BELAY_OK);
}
END_TEST

START_TEST(an_accept_that_fails_changes_nothing) {
    static const uint8_t welcome[BELAY_LOGIN_MAX + 1];
    struct bl_session *session = new_in(1, BELAY_LOGIN_PENDING);
    ck_assert_int_eq(bl_coordinator_accept(&coordinator, session->handle, identity_of(500), welcome,
                                           sizeof welcome),
                     BELAY_E_TOO_BIG);
    ck_assert_int_eq(session->state, BELAY_LOGIN_PENDING);
    ck_assert_uint_eq(resolve(1), session->handle);
    ck_assert_mem_eq(session->identity, identity_of(1), 16);
    struct bl_session *other = new_in(2, BELAY_LOGIN_PENDING); /* the name is free */
    ck_assert_int_eq(
        bl_coordinator_accept(&coordinator, other->handle, identity_of(500), welcome, 1), BELAY_OK);
    ck_assert_int_eq(
        bl_coordinator_accept(&coordinator, session->handle, NULL, welcome, BELAY_LOGIN_MAX),
        BELAY_OK);
}
END_TEST

/** Each allocation of a resolve fails once: nothing is left behind, nothing else is touched. */
START_TEST(without_memory_no_session_is_made_and_none_is_lost) {
    uint32_t made = 0;
    for (; made < 12; made++) {
        resolve(made);
    }
    size_t before = lone.memory.used;
    uint32_t failed_count = 0;
    for (size_t limit = before + 1;; limit += 64) {
        lone.memory.used_max = limit;
        belay_session handle = bl_coordinator_resolve(&coordinator, identity_of(777));
        if (handle != 0) {
            break;
        }
        failed_count++;
        ck_assert_uint_eq(bl_coordinator_count(&coordinator), 12);
        ck_assert_ptr_null(bl_hash_map_get(&coordinator.by_handshake, identity_of(777)));
    }
    lone.memory.used_max = 0;
    ck_assert_uint_gt(failed_count, 3);
    for (uint32_t i = 0; i < made; i++) {
        ck_assert_mem_eq(session_of(resolve(i))->identity, identity_of(i), 16);
    }
    ck_assert_uint_eq(bl_coordinator_count(&coordinator), 13);
}
END_TEST

START_TEST(a_coordinator_ends_with_sessions_in_every_state) {
    for (uint32_t i = 0; i < BELAY_STATE_COUNT; i++) {
        struct bl_session *session = new_in(i, (enum belay_state)i);
        if (session->state == BELAY_LOGGED_IN) {
            feed_message(session, 1, 10);
            bl_session_send(session, 0, "x", 1);
            bl_session_send(session, 1, "x", 1);
        }
    }
} /* finish() finds out */
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, an_identity_resolves_to_one_session_and_another_to_another);
    tcase_add_test(tests, a_lookup_finds_what_is_there_and_makes_nothing);
    tcase_add_test(tests, a_stale_handle_never_names_another_session);
    tcase_add_loop_test(tests, an_enumeration_may_remove_any_session, 0, COUNT_OF(enumerations));
    tcase_add_test(tests, an_empty_enumeration_and_one_of_one_end);
    tcase_add_test(tests, ten_thousand_sessions_come_and_go);
    tcase_add_test(tests, evaluating_costs_what_is_due_and_not_how_many_there_are);
    tcase_add_test(tests, one_that_is_due_among_many_costs_as_much_as_alone);
    tcase_add_test(tests, one_session_passes_through_every_state_and_no_other_notices);
    tcase_add_loop_test(tests, what_happens_to_one_session_is_told_of_it_alone, 0,
                        COUNT_OF(happenings));
    tcase_add_test(tests, a_lost_link_shows_as_timed_out_before_it_is_waited_for);
    tcase_add_loop_test(tests, each_session_has_its_own_deadline, 0, COUNT_OF(deadlines));
    tcase_add_loop_test(tests, what_a_stall_takes_is_held_against_nobody, 0, COUNT_OF(deadlines));
    tcase_add_test(tests, an_ended_session_goes_when_its_end_was_polled);
    tcase_add_test(tests, an_ended_session_gives_its_identity_up_at_once);
    tcase_add_test(tests, a_session_may_be_removed_while_its_event_is_looked_at);
    tcase_add_test(tests, a_removed_session_takes_its_waiting_messages_off_the_books);
    tcase_add_test(tests, a_session_removed_with_a_message_lent_leaves_nothing_on_the_books);
    tcase_add_test(tests, accept_names_the_user);
    tcase_add_test(tests, a_newer_login_of_a_user_takes_the_place_of_the_older_session);
    tcase_add_test(tests, taking_over_from_each_other_again_and_again_is_limited);
    tcase_add_test(tests, a_user_may_have_so_many_sessions_as_the_policy_allows);
    tcase_add_test(tests, a_handshake_is_never_taken_for_a_user_of_the_same_name);
    tcase_add_test(tests, a_handshake_does_not_keep_a_user_of_the_same_name_out);
    tcase_add_test(tests, an_accept_that_fails_changes_nothing);
    tcase_add_test(tests, without_memory_no_session_is_made_and_none_is_lost);
    tcase_add_test(tests, a_coordinator_ends_with_sessions_in_every_state);
}

TEST_MAIN("session/coordinator", add_tests)
