/* What a session makes of liveness, over a real link whose far end says only what the test says. */
#include "tests/session/linked.h"

static struct linked *linked;
static uint32_t nonces[1024];
static uint32_t nonce_count;

static void hear(struct linked *from, const uint8_t *frame, size_t size) {
    (void)from;
    if (frame[0] == BL_FRAME_PING && nonce_count < COUNT_OF(nonces)) {
        ck_assert(bl_ping_read(&nonces[nonce_count++], frame, size));
    }
}

/** A server's session that is logged in; its client has gone quiet. */
static void start(void) {
    nonce_count = 0;
    linked = linked_create(BL_ROLE_SERVER);
    linked->hear = hear;
    linked_connect(linked);
    bl_session_bind(linked->session, linked->near_peer);
    feed_hello(linked->session);
    linked_run(linked, 10);
}

static void log_in(void) {
    ck_assert_int_eq(bl_session_accept(linked->session, NULL, 0), BELAY_OK);
    linked_run(linked, 10); /* the far end's ENet acknowledges, which is the last sign of life */
}

/** From now on nothing of what the far end says arrives, its ENet's acknowledgements included. */
static void fall_silent(void) {
    struct belay_link link = BELAY_LINK_INIT;
    link.cut_up = true;
    linked_link(linked, &link);
}

static void finish(void) {
    linked_destroy(linked);
}

static void say_pong(uint32_t nonce) {
    uint8_t frame[16];
    const struct bl_pong pong = {.nonce = nonce, .time_us = 1};
    linked_say(linked, frame, bl_pong_write(frame, sizeof frame, &pong));
}

/* A8 */
START_TEST(nonces_are_distinct_and_never_zero) {
    log_in();
    fall_silent();
    linked->session->lost = BL_FOREVER;
    linked_run(linked, 60000); /* one a time-out, once it is suspect */
    ck_assert_uint_gt(nonce_count, 100);
    for (uint32_t i = 0; i < nonce_count; i++) {
        ck_assert_uint_ne(nonces[i], 0);
        for (uint32_t j = 0; j < i; j++) {
            ck_assert_uint_ne(nonces[i], nonces[j]);
        }
    }
}
END_TEST

/* A11 */
START_TEST(before_the_login_nobody_is_pinged) {
    linked_run(linked, 4900);
    ck_assert_int_eq(linked->session->state, BELAY_LOGIN_PENDING);
    ck_assert_uint_eq(linked->heard[BL_FRAME_PING], 0);
}
END_TEST

/* A53 */
START_TEST(after_the_end_nobody_is_pinged) {
    log_in();
    bl_session_close(linked->session, &kick_reason, 0);
    linked_run(linked, 20000);
    ck_assert_uint_eq(linked->heard[BL_FRAME_PING], 0);
    ck_assert_uint_eq(linked->heard[BL_FRAME_CLOSE], 1);
}
END_TEST

/* A12 */
START_TEST(heartbeats_use_no_sequence_and_wait_in_no_buffer) {
    struct belay_session_info info;
    log_in();
    fall_silent();
    linked->session->lost = BL_FOREVER;
    linked_run(linked, 30000);
    ck_assert_uint_gt(nonce_count, 100);
    bl_session_info(linked->session, &info);
    ck_assert_uint_eq(info.sequence_out, 0);
    ck_assert_uint_eq(info.queued_messages, 0);
    ck_assert_uint_eq(info.messages_out, 0);
    ck_assert_uint_eq(info.bytes_out, 0);
}
END_TEST

/* A10: what counts is the datagram, what measures is the nonce. */
START_TEST(an_answer_with_another_nonce_is_no_sample) {
    log_in();
    linked_run(linked, 1200);
    ck_assert_uint_eq(nonce_count, 1);
    struct bl_rtt before = linked->session->peer->rtt;
    say_pong(nonces[0] ^ 4);
    linked_run(linked, 5);
    ck_assert_uint_eq(linked->session->offset.count, 0);
    ck_assert_int_eq(linked->session->peer->rtt.smoothed, before.smoothed);
    say_pong(nonces[0]);
    linked_run(linked, 5);
    ck_assert_uint_eq(linked->session->offset.count, 1);
    ck_assert_int_ne(linked->session->peer->rtt.smoothed, before.smoothed);
    say_pong(nonces[0]);
    linked_run(linked, 5);
    ck_assert_uint_eq(linked->session->offset.count, 1);
}
END_TEST

/* Round trip and heartbeat, and the silence that makes suspicious: max(3 round trips, 1.5 s, 1.5
 * heartbeats). */
static const struct suspicion {
    bl_duration round_trip, heartbeat, suspect_after;
} suspicions[] = {
    {1 * BL_MILLISECOND, 1 * BL_SECOND, 1500 * BL_MILLISECOND},
    {499 * BL_MILLISECOND, 1 * BL_SECOND, 1500 * BL_MILLISECOND},
    {501 * BL_MILLISECOND, 1 * BL_SECOND, 1503 * BL_MILLISECOND},
    {900 * BL_MILLISECOND, 1 * BL_SECOND, 2700 * BL_MILLISECOND},
    {1 * BL_MILLISECOND, 2 * BL_SECOND, 3000 * BL_MILLISECOND},
    {1 * BL_MILLISECOND, 100 * BL_MILLISECOND, 1500 * BL_MILLISECOND},
};

START_TEST(who_is_far_away_is_given_more_time) {
    const struct suspicion *row = &suspicions[_i];
    log_in();
    linked_run(linked, 300); /* until the last acknowledgement of the login */
    struct bl_session *session = linked->session;
    session->heartbeat = row->heartbeat;
    session->lost = BL_FOREVER;
    session->peer->rtt = (struct bl_rtt){.smoothed = row->round_trip};
    bl_session_schedule(session);
    bl_time heard_at = session->liveness.heard_at;
    while (!session->liveness.suspect) {
        linked_run(linked, 1);
        ck_assert_int_eq(session->liveness.heard_at, heard_at);
    }
    bl_duration silence = linked->near.shared.now - heard_at;
    ck_assert_msg(llabs(silence - row->suspect_after) <= BL_MILLISECOND, "%lld ns",
                  (long long)silence);
}
END_TEST

/* R8 */
START_TEST(messages_alone_keep_a_session_alive) {
    log_in();
    for (uint32_t sequence = 1; sequence <= 100; sequence++) {
        struct belay_event event;
        uint8_t frame[16] = {0};
        const struct bl_piece piece = {.type = BL_FRAME_MESSAGE, .sequence = sequence};
        linked_say(linked, frame, bl_piece_write(frame, sizeof frame, &piece));
        linked_run(linked, 500);
        while (bl_poll(&linked->near.shared, &event)) {
        }
    }
    ck_assert_int_eq(linked->session->state, BELAY_LOGGED_IN);
    ck_assert_uint_eq(linked->heard[BL_FRAME_PING], 0);
}
END_TEST

/* R8 */
START_TEST(heartbeats_alone_keep_a_session_alive) {
    log_in();
    uint32_t answered_count = 0;
    for (int i = 0; i < 5000; i++) {
        linked_run(linked, 10);
        for (; answered_count < nonce_count; answered_count++) {
            say_pong(nonces[answered_count]);
        }
    }
    ck_assert_int_eq(linked->session->state, BELAY_LOGGED_IN);
    ck_assert_uint_ge(nonce_count, 48);
    ck_assert_uint_le(nonce_count, 50);
}
END_TEST

/* R8, R9 */
START_TEST(silence_alone_loses_a_session) {
    log_in();
    fall_silent();
    bl_time heard_at = linked->session->liveness.heard_at;
    linked_run(linked, 5900);
    ck_assert_int_eq(linked->session->state, BELAY_LOGGED_IN);
    linked_run(linked, 200);
    ck_assert_int_eq(linked->session->state, BELAY_RECONNECT_PENDING);
    ck_assert_int_gt(linked->near.shared.now - heard_at, 6 * BL_SECOND);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, nonces_are_distinct_and_never_zero);
    tcase_add_test(tests, before_the_login_nobody_is_pinged);
    tcase_add_test(tests, after_the_end_nobody_is_pinged);
    tcase_add_test(tests, heartbeats_use_no_sequence_and_wait_in_no_buffer);
    tcase_add_test(tests, an_answer_with_another_nonce_is_no_sample);
    tcase_add_loop_test(tests, who_is_far_away_is_given_more_time, 0, COUNT_OF(suspicions));
    tcase_add_test(tests, messages_alone_keep_a_session_alive);
    tcase_add_test(tests, heartbeats_alone_keep_a_session_alive);
    tcase_add_test(tests, silence_alone_loses_a_session);
}

TEST_MAIN("session/heartbeat", add_tests)
