/* A4: what was not agreed at the login is not used, whatever the sides can do. */
#include "tests/session/linked.h"

static struct linked *linked;

/** A server's session whose client offers these features. */
static void log_in(uint32_t features) {
    uint8_t frame[BL_FRAME_SIZE_MAX];
    struct bl_hello hello;
    linked = linked_create(BL_ROLE_SERVER);
    struct bl_session *session = linked->session;
    linked_connect(linked);
    bl_session_bind(session, linked->near_peer);
    size_t size = write_hello(frame, session->shared);
    ck_assert(bl_hello_read(&hello, frame, size));
    hello.features = features;
    size = bl_hello_write(frame, sizeof frame, &hello);
    feed(session, frame, size);
    ck_assert_int_eq(bl_session_accept(session, NULL, 0), BELAY_OK);
    ck_assert_uint_eq(session->features, features & BL_FEATURES_KNOWN);
    linked_run(linked, 5);
}

static const uint32_t offers[] = {0, BL_FEATURE_PAUSE, BL_FEATURE_EXPIRY, BL_FEATURES_KNOWN,
                                  UINT32_MAX};

START_TEST(a_pause_is_announced_to_who_knows_it) {
    log_in(offers[_i]);
    bool knows = (offers[_i] & BL_FEATURE_PAUSE) != 0;
    ck_assert_int_eq(bl_session_pause(linked->session, 1000), knows ? BELAY_OK : BELAY_E_STATE);
    linked_run(linked, 5);
    ck_assert_uint_eq(linked->heard[BL_FRAME_PAUSE], knows);
    linked_destroy(linked);
}
END_TEST

/** Without SKIP a stream cannot have a gap: an expired message then goes out late. */
START_TEST(an_expired_message_is_skipped_for_who_knows_that) {
    log_in(offers[_i]);
    bool knows = (offers[_i] & BL_FEATURE_EXPIRY) != 0;
    linked->near.shared.channels[0].life = BL_MILLISECOND;
    ck_assert_int_eq(bl_session_send(linked->session, 0, "late", 4), BELAY_OK);
    linked_run(linked, 10);
    ck_assert_uint_eq(linked->heard[BL_FRAME_SKIP], knows);
    ck_assert_uint_eq(linked->heard[BL_FRAME_MESSAGE], !knows);
    linked_destroy(linked);
}
END_TEST

/** What overtook a welcome that then did not come has come in all the same, and was not polled. */
START_TEST(what_came_before_a_refusal_is_counted) {
    struct belay_event event = {0};
    linked = linked_create(BL_ROLE_CLIENT);
    linked_connect(linked);
    bl_session_bind(linked->session, linked->near_peer);
    feed_message(linked->session, 1, 10);
    feed_message(linked->session, 2, 10);
    feed_refusal(linked->session);
    while (event.type != BELAY_EVENT_CLOSED) {
        ck_assert(bl_poll(&linked->near.shared, &event));
        ck_assert_int_ne(event.type, BELAY_EVENT_MESSAGE);
    }
    ck_assert_uint_eq(event.closed.undelivered, 2);
    linked_destroy(linked);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_pause_is_announced_to_who_knows_it, 0, COUNT_OF(offers));
    tcase_add_loop_test(tests, an_expired_message_is_skipped_for_who_knows_that, 0,
                        COUNT_OF(offers));
    tcase_add_test(tests, what_came_before_a_refusal_is_counted);
}

TEST_MAIN("session/features", add_tests)
