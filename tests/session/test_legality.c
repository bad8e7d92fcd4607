/*
 * Every frame in every state and role: what the table says of it, and that a session of flesh and
 * blood does nothing else, above all not end with a broken invariant.
 */
#include "common/random.h"
#include "lib/wire/move.h"
#include "tests/session/linked.h"
#include <stdio.h>

#define SEED UINT64_C(0x6c656761)

/** A state as a session may be in it: RECONNECTING with and without its old link. */
struct situation {
    const char *name;
    enum belay_state state;
    bool linked;
};

static const struct situation situations[] = {
    {"DISCONNECTED", BELAY_DISCONNECTED, false},
    {"TRANSPORT_CONNECTED", BELAY_TRANSPORT_CONNECTED, true},
    {"LOGIN_PENDING", BELAY_LOGIN_PENDING, true},
    {"LOGGED_IN", BELAY_LOGGED_IN, true},
    {"LOGIN_FAILED", BELAY_LOGIN_FAILED, false},
    {"TIMED_OUT", BELAY_TIMED_OUT, false},
    {"RECONNECT_PENDING", BELAY_RECONNECT_PENDING, false},
    {"RECONNECTING", BELAY_RECONNECTING, false},
    {"RECONNECTING with its old link", BELAY_RECONNECTING, true},
};

/* docs/protocol.md, written down a second time: the sizes of each frame, type included. */
static const struct sizes {
    uint8_t type;
    size_t min, max;
} all_sizes[] = {
    {BL_FRAME_HELLO, 28, 1097}, {BL_FRAME_WELCOME, 43, 1067}, {BL_FRAME_REFUSE, 11, 139},
    {BL_FRAME_CLOSE, 11, 139},  {BL_FRAME_ERROR, 3, 3},       {BL_FRAME_PING, 5, 5},
    {BL_FRAME_PONG, 13, 13},    {BL_FRAME_HANDLED, 7, 87},    {BL_FRAME_PAUSE, 5, 5},
    {BL_FRAME_DRAIN, 6, 134},   {BL_FRAME_MESSAGE, 6, 1146},  {BL_FRAME_SEGMENT, 15, 1146},
    {BL_FRAME_SKIP, 6, 6},      {BL_FRAME_DATAGRAM, 6, 1146}, {BL_FRAME_FRAGMENT, 9, 1146},
    {BL_FRAME_MOVES, 11, 1146}, {BL_FRAME_MOVE_ACK, 32, 32},
};

static const struct sizes *sizes_of(uint8_t type) {
    for (size_t i = 0; i < COUNT_OF(all_sizes); i++) {
        if (all_sizes[i].type == type) {
            return &all_sizes[i];
        }
    }
    return NULL;
}

/** Whether a frame of a known type is looked at, by what it is for. */
static bool is_legal(uint8_t type, enum bl_role receiver, enum belay_state state) {
    bool client = receiver == BL_ROLE_CLIENT;
    /* A link that works: RECONNECTING has its old one until the new one is proven. */
    bool up = (state >= BELAY_TRANSPORT_CONNECTED && state <= BELAY_LOGGED_IN) ||
              state == BELAY_RECONNECTING;
    bool accepted = state == BELAY_LOGGED_IN || state == BELAY_RECONNECTING;
    /* What the server says after its WELCOME may overtake it. */
    bool may_be_accepted = accepted || (client && state == BELAY_LOGIN_PENDING);
    switch (type) {
    case BL_FRAME_HELLO: /* the first word on a server's new link */
        return !client && state == BELAY_TRANSPORT_CONNECTED;
    case BL_FRAME_WELCOME:
    case BL_FRAME_REFUSE: /* answer a hello */
        return client && state == BELAY_LOGIN_PENDING;
    case BL_FRAME_CLOSE:
    case BL_FRAME_ERROR:
        return up;
    case BL_FRAME_DRAIN:
        return client && may_be_accepted;
    case BL_FRAME_MESSAGE:
    case BL_FRAME_SEGMENT:
    case BL_FRAME_SKIP:
        return may_be_accepted;
    case BL_FRAME_MOVES:
        return !client && accepted;
    case BL_FRAME_MOVE_ACK:
        return client && accepted;
    default:
        return accepted;
    }
}

static enum bl_verdict expected(uint8_t type, size_t size, enum bl_role receiver,
                                enum belay_state state) {
    const struct sizes *sizes = sizes_of(type);
    if (size == 0) {
        return BL_FRAME_MALFORMED;
    }
    if (sizes == NULL && type >= 192) {
        return BL_FRAME_UNSUPPORTED;
    }
    if (sizes == NULL) {
        return type >= 128 ? BL_FRAME_IGNORED : BL_FRAME_UNKNOWN;
    }
    if (size < sizes->min || size > sizes->max) {
        return BL_FRAME_MALFORMED;
    }
    return is_legal(type, receiver, state) ? BL_FRAME_OK : BL_FRAME_ILLEGAL;
}

/* R28, A2, A42 */
START_TEST(every_type_and_size_is_judged_as_expected_in_every_state_and_role) {
    static uint8_t frame[BL_FRAME_SIZE_MAX + 2];
    enum belay_state state = (enum belay_state)(_i / 2);
    enum bl_role role = (enum bl_role)(_i % 2);
    for (int type = 0; type < 256; type++) {
        frame[0] = (uint8_t)type;
        for (size_t size = 0; size <= sizeof frame; size++) {
            enum bl_verdict verdict = bl_frame_judge(frame, size, role, state);
            if (verdict != expected(frame[0], size, role, state)) {
                ck_abort_msg("type %d of %zu bytes for a %s in %s: %d", type, size,
                             role == BL_ROLE_CLIENT ? "client" : "server", belay_state_name(state),
                             (int)verdict);
            }
        }
    }
}
END_TEST

START_TEST(known_types_have_names_and_others_none) {
    static const char *const names[] = {
        "HELLO", "WELCOME", "REFUSE",  "CLOSE", "ERROR",    "PING",     "PONG",  "HANDLED", "PAUSE",
        "DRAIN", "MESSAGE", "SEGMENT", "SKIP",  "DATAGRAM", "FRAGMENT", "MOVES", "MOVE_ACK"};
    for (size_t i = 0; i < COUNT_OF(all_sizes); i++) {
        ck_assert_str_eq(bl_frame_name(all_sizes[i].type), names[i]);
    }
    for (int type = 0; type < 256; type++) {
        ck_assert_int_eq(bl_frame_name((uint8_t)type) == NULL, sizes_of((uint8_t)type) == NULL);
    }
}
END_TEST

static void log_in(struct linked *linked) {
    struct bl_session *session = linked->session;
    if (session->shared->role == BL_ROLE_CLIENT) {
        feed_welcome(session);
    } else {
        ck_assert_int_eq(bl_session_accept(session, NULL, 0), BELAY_OK);
    }
}

/** From a link to LOGIN_PENDING, or to TRANSPORT_CONNECTED, which a client only passes through. */
static void begin_login(struct linked *linked, enum belay_state state) {
    struct bl_session *session = linked->session;
    linked_connect(linked);
    if (session->shared->role == BL_ROLE_SERVER) {
        bl_session_bind(session, linked->near_peer);
        if (state != BELAY_TRANSPORT_CONNECTED) {
            feed_hello(session);
        }
    } else if (state != BELAY_TRANSPORT_CONNECTED) {
        bl_session_bind(session, linked->near_peer);
    } else {
        session->peer = linked->near_peer;
        session->peer->receiver = session;
        bl_session_step(session, BL_INPUT_TRANSPORT_UP);
    }
}

static void end_login(struct linked *linked, const struct situation *situation) {
    struct bl_session *session = linked->session;
    switch (situation->state) {
    case BELAY_LOGIN_FAILED:
        if (session->shared->role == BL_ROLE_CLIENT) {
            feed_refusal(session);
        } else {
            bl_session_close(session, &kick_reason, 0);
        }
        break;
    case BELAY_TIMED_OUT:
        bl_session_lose(session, &lost_reason);
        break;
    case BELAY_LOGGED_IN:
    case BELAY_RECONNECT_PENDING:
    case BELAY_RECONNECTING:
        log_in(linked);
        break;
    default:
        break;
    }
}

static struct linked *set_up(enum bl_role role, const struct situation *situation) {
    struct linked *linked = linked_create(role);
    struct bl_session *session = linked->session;
    if (situation->state != BELAY_DISCONNECTED) {
        begin_login(linked, situation->state);
        end_login(linked, situation);
    }
    if (situation->state >= BELAY_RECONNECT_PENDING && !situation->linked) {
        bl_session_lose(session, &lost_reason);
    }
    if (situation->state == BELAY_RECONNECTING) {
        bl_session_input(session, BL_INPUT_RESUME, NULL);
    }
    ck_assert_str_eq(belay_state_name(session->state), belay_state_name(situation->state));
    ck_assert_int_eq(session->peer != NULL, situation->linked);
    return linked;
}

/** What the counters must say of a frame that is not looked at. */
static void check_dropped(const struct linked *linked, const struct belay_stats *before,
                          uint8_t type, enum bl_verdict verdict) {
    const struct belay_stats *now = &linked->near.stats;
    const struct bl_session *session = linked->session;
    enum belay_drop cause = verdict == BL_FRAME_MALFORMED ? BELAY_DROP_FRAME
                            : verdict == BL_FRAME_ILLEGAL ? BELAY_DROP_STATE
                                                          : BELAY_DROP_UNKNOWN;
    bool answered =
        (verdict == BL_FRAME_ILLEGAL && type == BL_FRAME_HELLO) ||
        ((verdict == BL_FRAME_UNKNOWN || verdict == BL_FRAME_UNSUPPORTED) && session->accepted);
    for (int i = 0; i < BELAY_DROP_COUNT; i++) {
        ck_assert_uint_eq(now->dropped[i] - before->dropped[i], i == (int)cause);
    }
    ck_assert_uint_eq(now->errors_out - before->errors_out, answered);
    ck_assert_uint_eq(now->errors_in, before->errors_in);
}

/** Feeds one frame and looks at what it did; true when the session is not as it was. */
static bool try_frame(struct linked *linked, const struct situation *situation,
                      const uint8_t *frame, size_t size) {
    struct belay_event event;
    struct belay_stats before = linked->near.stats;
    enum bl_role role = linked->near.shared.role;
    enum bl_verdict verdict = expected(frame[0], size, role, situation->state);
    if (verdict == BL_FRAME_OK && (frame[0] == BL_FRAME_MOVES || frame[0] == BL_FRAME_MOVE_ACK)) {
        verdict = BL_FRAME_ILLEGAL; /* by the table they are, but this session has no movement */
    }
    uint64_t messages_in = linked->session->messages_in;
    feed(linked->session, frame, size);
    struct bl_session *session = linked->session;
    if (verdict != BL_FRAME_OK) {
        check_dropped(linked, &before, frame[0], verdict);
        ck_assert_int_eq(session->state, situation->state);
        ck_assert_uint_eq(session->messages_in, messages_in);
    } else {
        ck_assert_uint_eq(linked->near.stats.dropped[BELAY_DROP_STATE],
                          before.dropped[BELAY_DROP_STATE]);
        ck_assert_uint_eq(linked->near.stats.dropped[BELAY_DROP_UNKNOWN],
                          before.dropped[BELAY_DROP_UNKNOWN]);
    }
    bool changed =
        session->state != situation->state || (session->peer != NULL) != situation->linked;
    while (linked->session != NULL && bl_poll(&linked->near.shared, &event)) {
    }
    return changed || linked->session == NULL;
}

static void fill(uint8_t *frame, size_t size, int way, struct bl_random *random) {
    bl_random_bytes(random, frame, size);
    if (way == 0 || way == 1) {
        memset(frame, way == 0 ? 0x00 : 0xff, size);
    }
    for (size_t i = 0; way == 2 && i < size; i++) {
        frame[i] %= 4; /* small numbers, which pass for counts, lengths and channels */
    }
}

/* Sound frames, of which many mean something to a session that is logged in. */
static size_t write_sound(uint8_t frame[BL_FRAME_SIZE_MAX], uint8_t type,
                          const struct bl_shared *shared) {
    const struct bl_reason_frame reason = {
        .code = BELAY_REASON_LEFT, .text = (const uint8_t *)"bye", .text_size = 3};
    const struct bl_drain_frame drain = {.deadline_ms = 9, .go_to = (const uint8_t *)""};
    const struct bl_pong pong = {.nonce = 77};
    const struct bl_error_frame error = {.verdict = BL_FRAME_UNKNOWN, .frame = 99};
    const struct bl_handled handled = {.count = 1};
    const struct bl_moves moves = {.newest = 1, .present = 3};
    const struct bl_move_ack move_ack = {.begun = true};
    const struct bl_piece piece = {
        .type = type,
        .channel = type == BL_FRAME_DATAGRAM || type == BL_FRAME_FRAGMENT,
        .sequence = 1,
        .total = 2000,
        .count = 2,
    };
    const size_t size = BL_FRAME_SIZE_MAX;
    memset(frame, 0, size);
    switch (type) {
    case BL_FRAME_HELLO:
        return write_hello(frame, shared);
    case BL_FRAME_REFUSE:
    case BL_FRAME_CLOSE:
        return bl_reason_write(frame, size, type, &reason);
    case BL_FRAME_ERROR:
        return bl_error_write(frame, size, &error);
    case BL_FRAME_PING:
        return bl_ping_write(frame, size, 77);
    case BL_FRAME_PONG:
        return bl_pong_write(frame, size, &pong);
    case BL_FRAME_HANDLED:
        return bl_handled_write(frame, size, &handled);
    case BL_FRAME_PAUSE:
        return bl_pause_write(frame, size, 1000);
    case BL_FRAME_DRAIN:
        return bl_drain_write(frame, size, &drain);
    case BL_FRAME_SKIP:
        return bl_piece_write(frame, size, &piece);
    case BL_FRAME_MESSAGE:
    case BL_FRAME_DATAGRAM:
        return bl_piece_write(frame, size, &piece) + 10;
    case BL_FRAME_SEGMENT:
        return bl_piece_write(frame, size, &piece) + BL_SEGMENT_DATA_MAX;
    case BL_FRAME_FRAGMENT:
        return bl_piece_write(frame, size, &piece) + BL_FRAGMENT_DATA_MAX;
    case BL_FRAME_MOVES:
        return bl_moves_write(frame, size, &moves, 8);
    case BL_FRAME_MOVE_ACK:
        return bl_move_ack_write(frame, size, &move_ack);
    default:
        frame[0] = type;
        return 5;
    }
}

/** All frames of one type, sound and otherwise, each to a session that is as it should be. */
static void try_type(struct linked **linked, const struct situation *situation, uint8_t type,
                     struct bl_random *random) {
    enum bl_role role = (*linked)->near.shared.role;
    const struct sizes *sizes = sizes_of(type);
    const size_t some[] = {1, sizes != NULL ? sizes->min : 5, sizes != NULL ? sizes->max : 100,
                           BL_FRAME_SIZE_MAX};
    for (size_t i = 0; i <= 4 * COUNT_OF(some); i++) {
        uint8_t frame[BL_FRAME_SIZE_MAX];
        size_t size;
        if (i == 0) {
            size = write_sound(frame, type, &(*linked)->near.shared);
        } else {
            size = some[(i - 1) / 4];
            fill(frame, size, (int)(i - 1) % 4, random);
            frame[0] = type;
        }
        if (try_frame(*linked, situation, frame, size)) {
            linked_destroy(*linked);
            *linked = set_up(role, situation);
        }
    }
    linked_run(*linked, 2); /* what it had to say is said */
    if ((*linked)->session == NULL || (*linked)->session->state != situation->state) {
        linked_destroy(*linked);
        *linked = set_up(role, situation);
    }
}

/* A2, A36, A41, A42, R28 */
START_TEST(no_frame_in_any_state_breaks_a_session) {
    const struct situation *situation = &situations[_i / 2];
    enum bl_role role = (enum bl_role)(_i % 2);
    struct bl_random random;
    bl_random_init_seeded(&random, SEED);
    printf("%s, %s, seed 0x%llx\n", role == BL_ROLE_CLIENT ? "client" : "server", situation->name,
           (unsigned long long)SEED);
    struct linked *linked = set_up(role, situation);
    for (int type = 0; type < 256; type++) {
        try_type(&linked, situation, (uint8_t)type, &random);
    }
    feed(linked->session, "", 0); /* not even nothing at all */
    linked_destroy(linked);
}
END_TEST

/* The frames that move a session when they are sound, and where to; all others leave it. */
static const struct move {
    enum bl_role role;
    enum belay_state from;
    uint8_t type;
    enum belay_state to;
} moves[] = {
    {BL_ROLE_SERVER, BELAY_TRANSPORT_CONNECTED, BL_FRAME_HELLO, BELAY_LOGIN_PENDING},
    {BL_ROLE_SERVER, BELAY_TRANSPORT_CONNECTED, BL_FRAME_CLOSE, BELAY_DISCONNECTED},
    {BL_ROLE_SERVER, BELAY_LOGIN_PENDING, BL_FRAME_CLOSE, BELAY_DISCONNECTED},
    {BL_ROLE_SERVER, BELAY_LOGGED_IN, BL_FRAME_CLOSE, BELAY_DISCONNECTED},
    {BL_ROLE_SERVER, BELAY_RECONNECTING, BL_FRAME_CLOSE, BELAY_DISCONNECTED},
    {BL_ROLE_CLIENT, BELAY_TRANSPORT_CONNECTED, BL_FRAME_CLOSE, BELAY_DISCONNECTED},
    {BL_ROLE_CLIENT, BELAY_LOGIN_PENDING, BL_FRAME_WELCOME, BELAY_LOGGED_IN},
    {BL_ROLE_CLIENT, BELAY_LOGIN_PENDING, BL_FRAME_REFUSE, BELAY_LOGIN_FAILED},
    {BL_ROLE_CLIENT, BELAY_LOGIN_PENDING, BL_FRAME_CLOSE, BELAY_DISCONNECTED},
    {BL_ROLE_CLIENT, BELAY_LOGGED_IN, BL_FRAME_CLOSE, BELAY_DISCONNECTED},
    {BL_ROLE_CLIENT, BELAY_RECONNECTING, BL_FRAME_CLOSE, BELAY_DISCONNECTED},
};

/* R28, R33 */
START_TEST(only_hello_welcome_refuse_and_close_move_a_session) {
    enum bl_role role = (enum bl_role)(_i % 2);
    const struct situation *situation = &situations[_i / 2];
    for (size_t i = 0; i < COUNT_OF(all_sizes); i++) {
        uint8_t frame[BL_FRAME_SIZE_MAX];
        uint8_t type = all_sizes[i].type;
        struct linked *linked = set_up(role, situation);
        struct bl_session *session = linked->session;
        enum belay_state to = situation->state;
        for (size_t j = 0; j < COUNT_OF(moves); j++) {
            if (moves[j].role == role && moves[j].from == to && moves[j].type == type) {
                to = moves[j].to;
                break;
            }
        }
        if (type == BL_FRAME_WELCOME) {
            feed_welcome(session);
        } else {
            feed(session, frame, write_sound(frame, type, session->shared));
        }
        ck_assert_msg(session->state == to, "%s in %s: %s", bl_frame_name(type), situation->name,
                      belay_state_name(session->state));
        linked_destroy(linked);
    }
}
END_TEST

/** Pieces of data: whose channel there is, and of the mode they are made for. */
START_TEST(a_piece_for_the_wrong_channel_is_malformed) {
    static const uint8_t types[] = {BL_FRAME_MESSAGE, BL_FRAME_SEGMENT, BL_FRAME_SKIP,
                                    BL_FRAME_DATAGRAM, BL_FRAME_FRAGMENT};
    enum bl_role role = (enum bl_role)_i;
    struct linked *linked = set_up(role, &situations[3]);
    const uint64_t *dropped = linked->near.stats.dropped;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        bool reliable = types[i] <= BL_FRAME_SKIP;
        for (int channel = 0; channel < 256; channel++) {
            uint8_t frame[BL_FRAME_SIZE_MAX];
            uint64_t before = dropped[BELAY_DROP_FRAME];
            size_t size = write_sound(frame, types[i], linked->session->shared);
            frame[1] = (uint8_t)channel;
            int number = channel & (BL_TOPICAL - 1);
            if (reliable ? number == 0 || number == 2 : number == 1) {
                continue; /* those that it is for; 2 is of requests */
            }
            feed(linked->session, frame, size);
            ck_assert_uint_eq(dropped[BELAY_DROP_FRAME], before + 1);
        }
    }
    ck_assert_int_eq(linked->session->state, BELAY_LOGGED_IN);
    ck_assert_uint_eq(linked->session->messages_in, 0);
    linked_destroy(linked);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, every_type_and_size_is_judged_as_expected_in_every_state_and_role, 0,
                        2 * BELAY_STATE_COUNT);
    tcase_add_test(tests, known_types_have_names_and_others_none);
    tcase_add_loop_test(tests, no_frame_in_any_state_breaks_a_session, 0, 2 * COUNT_OF(situations));
    tcase_add_loop_test(tests, a_piece_for_the_wrong_channel_is_malformed, 0, 2);
    tcase_add_loop_test(tests, only_hello_welcome_refuse_and_close_move_a_session, 0,
                        2 * COUNT_OF(situations));
}

TEST_MAIN("session/legality", add_tests)
