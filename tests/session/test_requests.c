/*
 * Requests at one end of a session, the other end's frames fed by hand: what is wrong is counted
 * under its cause and touches nothing else, and what it may cost is bounded.
 */
#include "lib/session/record.h"
#include "lib/session/resume.h"
#include "lib/wire/request.h"
#include "tests/session/linked.h"

#define OURS 1U /* the sequence of the request that each test begins with */

static struct lone lone;
static struct bl_session *session;
static uint32_t come; /* the newest that has come on the request channel */

static void retire(void *user, struct bl_session *ended) {
    (void)user;
    bl_session_destroy(ended);
    session = NULL;
}

static void ask(uint64_t cookie) {
    const struct bl_question question = {.type = 7, .deadline_ms = 5000, .cookie = cookie};
    ck_assert_msg(bl_request_ask(session, &question, NULL) == BELAY_OK, "%s", belay_error());
}

static void begin(void) {
    static const uint8_t identity[16] = "requests";
    lone_start(&lone, BL_ROLE_SERVER);
    lone.shared.state_events = false;
    lone.shared.retire = retire;
    lone.shared.accept_gaps = true;
    ck_assert_int_eq(bl_session_create(&session, &lone.shared, identity), BELAY_OK);
    drive(session, BELAY_LOGGED_IN);
    struct belay_event event;
    while (bl_poll(&lone.shared, &event)) {
    }
    come = 0;
    ask(11);
}

static void end(void) {
    bl_session_destroy(session);
    lone_finish(&lone);
}

static void feed_piece(struct bl_piece piece, const void *data) {
    uint8_t frame[BL_FRAME_SIZE_MAX] = {0};
    piece.channel = bl_request_channel(&lone.shared);
    size_t header = bl_piece_write(frame, sizeof frame, &piece);
    if (piece.size > 0) {
        memcpy(frame + header, data, piece.size);
    }
    feed(session, frame, header + piece.size);
}

static void feed_bytes(const void *data, size_t size) {
    feed_piece((struct bl_piece){.type = BL_FRAME_MESSAGE, .sequence = ++come, .size = size}, data);
}

static void feed_head(struct bl_request_head head) {
    uint8_t bytes[BL_REQUEST_HEAD_SIZE];
    feed_bytes(bytes, bl_request_write(bytes, &head));
}

static uint32_t feed_ask(void) {
    feed_head((struct bl_request_head){.kind = BL_REQUEST_ASK, .type = 3, .deadline_ms = 1000});
    return come;
}

static void feed_answer(uint32_t sequence, int32_t code) {
    feed_head(
        (struct bl_request_head){.kind = BL_REQUEST_ANSWER, .sequence = sequence, .code = code});
}

static void feed_cancel(uint32_t sequence) {
    feed_head((struct bl_request_head){.kind = BL_REQUEST_CANCEL, .sequence = sequence});
}

static enum belay_event_type poll_one(struct belay_event *event) {
    bl_poll(&lone.shared, event);
    return event->type;
}

static void ck_assert_reply(uint64_t cookie, int32_t code) {
    struct belay_event event;
    ck_assert_str_eq(belay_event_name(poll_one(&event)), belay_event_name(BELAY_EVENT_REPLY));
    ck_assert_uint_eq(event.reply.cookie, cookie);
    ck_assert_int_eq(event.reply.code, code);
}

static belay_request must_be_asked(void) {
    struct belay_event event;
    ck_assert_str_eq(belay_event_name(poll_one(&event)), belay_event_name(BELAY_EVENT_REQUEST));
    ck_assert_uint_eq(event.request.type, 3);
    return event.request.id;
}

static void ck_assert_nothing_to_poll(void) {
    struct belay_event event;
    ck_assert_str_eq(belay_event_name(poll_one(&event)), belay_event_name(BELAY_EVENT_NONE));
}

static enum belay_result reply(belay_request request, int32_t code) {
    return bl_request_answer(&lone.shared, request, code, &(struct bl_span){0});
}

/** The newest that this side has said on the request channel. */
static struct bl_request_head said(void) {
    const struct bl_send_stream *stream = &bl_request_stream(session)->send;
    struct bl_request_head head;
    ck_assert_uint_gt(stream->messages.count, 0);
    const struct bl_outgoing *message = bl_ring_at(&stream->messages, stream->messages.count - 1);
    struct bl_span bytes = bl_outgoing_part(message, 0);
    ck_assert(bl_request_read(&head, bytes.data, bytes.size));
    return head;
}

static uint32_t said_count(void) {
    return bl_send_stream_newest(&bl_request_stream(session)->send);
}

/** So many were dropped, all of them for this. */
static void ck_assert_dropped(enum belay_drop cause, uint64_t count) {
    for (int i = 0; i < BELAY_DROP_COUNT; i++) {
        ck_assert_msg(lone.stats.dropped[i] == (i == (int)cause ? count : 0), "%d: %s",
                      (int)lone.stats.dropped[i], belay_drop_meaning((enum belay_drop)i));
    }
}

/** Both ways go on, both sides count alike, and what was used is given back. */
static void ck_assert_goes_on(void) {
    feed_answer(OURS, 42);
    ck_assert_reply(11, 42);
    ask(12);
    feed_answer(said_count(), 43);
    ck_assert_reply(12, 43);
    feed_ask();
    ck_assert_int_eq(reply(must_be_asked(), 0), BELAY_OK);
    ck_assert_nothing_to_poll();
    ck_assert_int_eq(session->state, BELAY_LOGGED_IN);
    ck_assert_uint_eq(session->requests.asked.count + session->requests.received.count, 0);
    ck_assert_uint_eq(session->credit.messages, lone.shared.limits.credit.messages);
    ck_assert_uint_eq(session->credit.bytes, lone.shared.limits.credit.bytes);
    ck_assert_uint_eq(session->waiting, session->queued_bytes);
    ck_assert_uint_eq(bl_request_stream(session)->receive.handled, come);
}

/* ---- what is wrong */

#define BYTES(arr) arr, sizeof(arr) - 1

static const struct unreadable {
    const char *bytes;
    size_t size;
} unreadable[] = {
    {BYTES("")},
    {BYTES("\0\0\0\0\1\0\0\0\1")},
    {BYTES("\4\0\0\0\1\0\0\0\1")},
    {BYTES("\2\0\0\0\1\0\0\0")},
    {BYTES("\2\0\0\0\1\377\377\377\377")}, /* DEADLINE */
    {BYTES("\2\0\0\0\1\377\377\377\376")}, /* CANCELLED */
    {BYTES("\2\0\0\0\1\377\377\377\375")}, /* GONE */
    {BYTES("\2\0\0\0\1\200\0\0\0")},
    {BYTES("\3\0\0\0")},
    {BYTES("\3\0\0\0\1\0")},
};

START_TEST(what_cannot_be_read_is_dropped) {
    feed_bytes(unreadable[_i].bytes, unreadable[_i].size);
    ck_assert_dropped(BELAY_DROP_FRAME, 1);
    ck_assert_uint_eq(said_count(), OURS);
    ck_assert_nothing_to_poll();
    ck_assert_goes_on();
}
END_TEST

static const struct unreadable short_asks[] = {
    {BYTES("\1")},
    {BYTES("\1\0\0\0\3\0\0\3")},
    {BYTES("\1\0\0\0\3\0\0\0\0data")}, /* no time at all */
};

START_TEST(a_question_that_cannot_be_read_is_refused) {
    feed_bytes(short_asks[_i].bytes, short_asks[_i].size);
    ck_assert_dropped(BELAY_DROP_FRAME, 1);
    ck_assert_uint_eq(said_count(), OURS + 1);
    ck_assert_uint_eq(said().kind, BL_REQUEST_ANSWER);
    ck_assert_uint_eq(said().sequence, come);
    ck_assert_int_eq(said().code, BELAY_REPLY_REFUSED);
    ck_assert_nothing_to_poll();
    ck_assert_goes_on();
}
END_TEST

START_TEST(an_answer_that_nobody_asked_for_is_dropped) {
    feed_answer(OURS + 1, 0);
    feed_answer(0, 0);
    feed_answer(UINT32_MAX, 0);
    ck_assert_dropped(BELAY_DROP_REQUEST, 3);
    ck_assert_goes_on();
}
END_TEST

START_TEST(the_second_answer_is_dropped) {
    ask(12);
    feed_answer(OURS + 1, 1);
    feed_answer(OURS + 1, 2);
    ck_assert_dropped(BELAY_DROP_REQUEST, 1);
    ck_assert_reply(12, 1);
    ck_assert_goes_on();
}
END_TEST

START_TEST(an_answer_to_what_was_cancelled_is_dropped) {
    belay_request request;
    const struct bl_question question = {.type = 7, .cookie = 12};
    ck_assert_int_eq(bl_request_ask(session, &question, &request), BELAY_OK);
    ck_assert_int_eq(bl_request_cancel(&lone.shared, request), BELAY_OK);
    feed_answer(OURS + 1, 1);
    ck_assert_dropped(BELAY_DROP_REQUEST, 1);
    ck_assert_reply(12, BELAY_REPLY_CANCELLED);
    ck_assert_goes_on();
}
END_TEST

START_TEST(a_cancellation_of_what_is_not_pending_is_dropped) {
    feed_cancel(99);
    feed_cancel(OURS); /* that is ours: only we cancel it */
    uint32_t sequence = feed_ask();
    ck_assert_int_eq(reply(must_be_asked(), 0), BELAY_OK);
    feed_cancel(sequence);
    ck_assert_dropped(BELAY_DROP_REQUEST, 3);
    ck_assert_goes_on();
}
END_TEST

START_TEST(one_more_than_may_be_pending_ends_the_session) {
    lone.shared.limits.credit.requests = 3;
    feed_ask();
    feed_cancel(feed_ask()); /* leaves its place */
    feed_ask();
    feed_ask();
    ck_assert_int_eq(session->state, BELAY_LOGGED_IN);
    feed_ask();
    ck_assert_uint_eq(session->reason.code, BELAY_REASON_PROTOCOL);
    ck_assert_reply(11, BELAY_REPLY_GONE); /* and none of the others is shown */
    struct belay_event event;
    ck_assert_int_eq(poll_one(&event), BELAY_EVENT_CLOSED);
    ck_assert_nothing_to_poll();
}
END_TEST

START_TEST(nothing_of_an_expired_message_is_a_request) {
    feed_piece((struct bl_piece){.type = BL_FRAME_SKIP, .sequence = ++come}, NULL);
    ck_assert_nothing_to_poll();
    ck_assert_goes_on();
    ck_assert_dropped(BELAY_DROP_FRAME, 0);
}
END_TEST

START_TEST(a_question_may_come_in_segments) {
    static uint8_t whole[2000] = {BL_REQUEST_ASK, [4] = 3, [8] = 1, [1999] = 77};
    for (size_t at = 0; at < sizeof whole; at += BL_SEGMENT_DATA_MAX) {
        size_t left = sizeof whole - at;
        feed_piece(
            (struct bl_piece){.type = BL_FRAME_SEGMENT,
                              .sequence = come + 1,
                              .total = sizeof whole,
                              .offset = (uint32_t)at,
                              .size = left < BL_SEGMENT_DATA_MAX ? left : BL_SEGMENT_DATA_MAX},
            whole + at);
    }
    come++;
    struct belay_event event;
    ck_assert_int_eq(poll_one(&event), BELAY_EVENT_REQUEST);
    ck_assert_uint_eq(event.request.size, sizeof whole - BL_REQUEST_HEAD_SIZE);
    ck_assert_uint_eq(((const uint8_t *)event.request.data)[event.request.size - 1], 77);
    ck_assert_int_eq(reply(event.request.id, 0), BELAY_OK);
    ck_assert_goes_on();
}
END_TEST

/* The two travel on different channels of ENet. */
START_TEST(a_question_may_overtake_the_welcome) {
    struct belay_event event;
    struct bl_session *server = session;
    struct linked *linked = linked_create(BL_ROLE_CLIENT);
    struct bl_shared *shared = &linked->near.shared;
    shared->state_events = false;
    linked_connect(linked);
    session = linked->session;
    bl_session_bind(session, linked->near_peer);
    feed_cancel(feed_ask());
    feed_bytes("\1", 1);
    feed_answer(1, 0);
    feed_ask();
    ck_assert(!bl_poll(shared, &event));
    feed_welcome(session);
    ck_assert(bl_poll(shared, &event) && event.type == BELAY_EVENT_OPEN);
    while (bl_poll(shared, &event) && event.type == BELAY_EVENT_TICKET) {
    }
    ck_assert_int_eq(event.type, BELAY_EVENT_REQUEST);
    ck_assert_int_eq(bl_request_answer(shared, event.request.id, 0, &(struct bl_span){0}),
                     BELAY_OK);
    ck_assert_uint_eq(said().sequence, come);
    ck_assert_uint_eq(said_count(), 2); /* and the one that could not be read was refused */
    ck_assert(!bl_poll(shared, &event));
    session = server;
    linked_destroy(linked);
}
END_TEST

/* ---- what it may cost */

/* Each is answered, but not beyond the send buffer of who never handles the answers. */
START_TEST(a_flood_of_unreadable_questions_ends_the_session) {
    struct belay_event event;
    bool closed = false;
    for (uint32_t i = 0; i < 10 * BELAY_SEND_MESSAGES_DEFAULT && !closed; i++) {
        feed_bytes("\1", 1);
        ck_assert_uint_le(session->queued_messages, BELAY_SEND_MESSAGES_DEFAULT);
        while (!closed && bl_poll(&lone.shared, &event)) {
            closed = event.type == BELAY_EVENT_CLOSED;
        }
    }
    ck_assert(closed);
    ck_assert_uint_eq(event.closed.reason->code, BELAY_REASON_OVERLOAD);
}
END_TEST

START_TEST(no_more_wait_than_we_ever_allow_whatever_the_other_side_claims) {
    const struct bl_question question = {.type = 7};
    session->peer_credit.requests = UINT16_MAX;
    lone.shared.limits.send_messages = UINT16_MAX;
    while (session->requests.asked.count < BELAY_REQUESTS_MAX) {
        ask(0);
    }
    ck_assert_int_eq(bl_request_ask(session, &question, NULL), BELAY_E_WOULD_BLOCK);
}
END_TEST

/* Our own word needs no room, however small the send buffer. */
START_TEST(a_buffer_too_small_for_any_request_takes_none_and_still_ends_them) {
    const struct bl_question question = {.type = 7};
    struct belay_event event;
    lone.shared.limits.send_bytes = 3;
    ck_assert_int_eq(bl_request_ask(session, &question, NULL), BELAY_E_TOO_BIG);
    ck_assert_ptr_nonnull(strstr(belay_error(), "at most 0"));
    lone_advance(&lone, 6 * BL_SECOND);
    ck_assert_int_eq(poll_one(&event), BELAY_EVENT_BACKPRESSURE);
    ck_assert_reply(11, BELAY_REPLY_DEADLINE);
    ck_assert_uint_eq(said().kind, BL_REQUEST_CANCEL);
    ck_assert_uint_eq(said().sequence, OURS);
}
END_TEST

/* ---- while an event is lent */

START_TEST(a_request_that_is_looked_at_may_be_cancelled_meanwhile) {
    struct belay_event event;
    uint8_t ask_with_data[] = "\1\0\0\0\3\0\0\0\1look";
    feed_bytes(ask_with_data, sizeof ask_with_data - 1);
    ck_assert_int_eq(poll_one(&event), BELAY_EVENT_REQUEST);
    feed_cancel(come);
    ck_assert_mem_eq(event.request.data, "look", 4);
    ck_assert_int_eq(reply(event.request.id, 0), BELAY_E_GONE);
    ck_assert_mem_eq(event.request.data, "look", 4);
    ck_assert_nothing_to_poll();
    ck_assert_goes_on();
}
END_TEST

START_TEST(the_session_may_end_while_its_event_is_looked_at) {
    struct belay_event event;
    uint8_t bytes[] = "\1\0\0\0\3\0\0\0\1look";
    bytes[0] = _i % 2 == 0 ? BL_REQUEST_ASK : BL_REQUEST_ANSWER;
    memcpy(bytes + 1, _i % 2 == 0 ? "\0\0\0\3" : "\0\0\0\1", 4);
    feed_bytes(bytes, sizeof bytes - 1);
    poll_one(&event);
    ck_assert_int_eq(event.type, _i % 2 == 0 ? BELAY_EVENT_REQUEST : BELAY_EVENT_REPLY);
    const void *data = _i % 2 == 0 ? event.request.data : event.reply.data;
    if (_i < 2) {
        bl_session_close(session, &kick_reason, 0);
    } else {
        bl_session_destroy(session);
        session = NULL;
    }
    ck_assert_mem_eq(data, "look", 4);
    ck_assert_int_eq(reply(event.request.id, 0), BELAY_E_GONE);
    ck_assert_int_eq(bl_request_cancel(&lone.shared, event.request.id), BELAY_E_GONE);
    if (_i == 0) {
        ck_assert_reply(11, BELAY_REPLY_GONE);
    }
    if (_i < 2) {
        ck_assert_int_eq(poll_one(&event), BELAY_EVENT_CLOSED);
    }
    ck_assert_nothing_to_poll();
}
END_TEST

/* ---- other processes */

/** Another process of the client takes over; @p meanwhile happens before it is proven. */
static void come_anew(void (*meanwhile)(void)) {
    struct bl_resumption resumption = {.generation = session->generation,
                                       .request = {.new_epoch = true, .attempt = 1}};
    ck_assert_ptr_null(bl_resume_admit(session, &resumption));
    if (meanwhile != NULL) {
        meanwhile();
    }
    bl_resume_bind(session, NULL, &resumption);
    come += BL_EPOCH_STEP;
}

/** Over the old link, which works still. */
static void hand_one_to_the_old_process(void) {
    struct bl_send_stream *stream = &bl_request_stream(session)->send;
    uint8_t frame[16];
    ask(12);
    stream->begun = stream->sent = said_count();
    const struct bl_handled handled = {
        .count = 1, .channels = {{bl_request_channel(&lone.shared), said_count()}}};
    feed(session, frame, bl_handled_write(frame, sizeof frame, &handled));
    ask(13);
}

START_TEST(what_the_old_process_was_asked_last_ends_with_it) {
    struct belay_event event;
    come_anew(hand_one_to_the_old_process);
    ck_assert_int_eq(poll_one(&event), BELAY_EVENT_RESUMED);
    ck_assert_reply(11, BELAY_REPLY_LOST);
    ck_assert_reply(12, BELAY_REPLY_LOST);
    ck_assert_nothing_to_poll();
    ck_assert_uint_eq(session->queued_messages, 1); /* for the new one */
    feed_answer(said_count(), 5);
    ck_assert_reply(13, 5);
}
END_TEST

/* Or the new process, which never sent any of it, would take its own server for a liar. */
START_TEST(what_a_former_process_sent_counts_as_handled) {
    struct bl_positions told;
    struct belay_event event;
    feed_message(session, 1, 10);
    feed_message(session, 2, 10);
    feed_ask();
    ck_assert_int_eq(poll_one(&event), BELAY_EVENT_MESSAGE);
    come_anew(NULL);
    for (int i = 0; i < 2; i++) { /* before the rest was polled, and after */
        bl_resume_positions(session, &told);
        ck_assert_uint_eq(told.count, 2);
        ck_assert_uint_eq(told.channels[0].handled, 2 + BL_EPOCH_STEP);
        ck_assert_uint_eq(told.channels[1].handled, 1 + BL_EPOCH_STEP);
        while (bl_poll(&lone.shared, &event)) {
        }
    }
}
END_TEST

static void ck_assert_read(struct lone *next, struct bl_coordinator *coordinator) {
    static uint8_t record[4096];
    struct bl_writer writer = bl_writer_of(record, sizeof record);
    ck_assert_uint_le(bl_record_size_max(session), sizeof record);
    bl_record_write(&writer, session);
    struct bl_reader reader = bl_reader_of(record, bl_writer_size(&writer));
    lone_start(next, BL_ROLE_SERVER);
    next->shared.state_events = false;
    next->shared.limits.send_messages = 4;
    bl_coordinator_init(coordinator, &next->shared, 1);
    ck_assert_msg(bl_record_read(&reader, coordinator) == BELAY_OK, "%s", belay_error());
    ck_assert_uint_eq(bl_reader_left(&reader), 0);
}

START_TEST(an_answer_of_a_process_that_is_gone_is_lost_with_ours) {
    struct bl_coordinator coordinator;
    struct lone next;
    struct belay_event event;
    memcpy(session->name, "name", 4);
    ask(12);
    feed_answer(OURS, 42); /* nobody polls it, and nobody can send it again */
    come_anew(NULL);
    ask(13);
    feed_answer(said_count(), 43); /* this one is */
    ck_assert_read(&next, &coordinator);
    ck_assert(bl_poll(&next.shared, &event) && event.type == BELAY_EVENT_OPEN);
    ck_assert(bl_poll(&next.shared, &event) && event.type == BELAY_EVENT_REPLY);
    ck_assert_uint_eq(event.reply.cookie, 11);
    ck_assert_int_eq(event.reply.code, BELAY_REPLY_LOST);
    ck_assert(bl_poll(&next.shared, &event) && event.type == BELAY_EVENT_REPLY);
    ck_assert_uint_eq(event.reply.cookie, 12);
    ck_assert_int_eq(event.reply.code, BELAY_REPLY_LOST);
    ck_assert(!bl_poll(&next.shared, &event));
    bl_coordinator_finish(&coordinator);
    lone_finish(&next);
}
END_TEST

/* OPEN is the first that the next process is told of it, though its send buffer is full. */
START_TEST(what_is_owed_at_a_hand_over_finds_room) {
    struct bl_coordinator coordinator;
    struct lone next;
    struct belay_event event;
    for (int i = 0; i < 6; i++) {
        feed_ask();
        must_be_asked();
    }
    ck_assert_read(&next, &coordinator);
    struct bl_session *there =
        bl_coordinator_get(&coordinator, bl_coordinator_next(&coordinator, 0));
    ck_assert_ptr_nonnull(there);
    ck_assert_uint_eq(there->queued_messages, 7); /* and what it had asked */
    ck_assert_uint_eq(there->waiting, there->queued_bytes);
    ck_assert(bl_poll(&next.shared, &event));
    ck_assert_str_eq(belay_event_name(event.type), belay_event_name(BELAY_EVENT_OPEN));
    bl_coordinator_finish(&coordinator);
    lone_finish(&next);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_loop_test(tests, what_cannot_be_read_is_dropped, 0, COUNT_OF(unreadable));
    tcase_add_loop_test(tests, a_question_that_cannot_be_read_is_refused, 0, COUNT_OF(short_asks));
    tcase_add_test(tests, an_answer_that_nobody_asked_for_is_dropped);
    tcase_add_test(tests, the_second_answer_is_dropped);
    tcase_add_test(tests, an_answer_to_what_was_cancelled_is_dropped);
    tcase_add_test(tests, a_cancellation_of_what_is_not_pending_is_dropped);
    tcase_add_test(tests, one_more_than_may_be_pending_ends_the_session);
    tcase_add_test(tests, nothing_of_an_expired_message_is_a_request);
    tcase_add_test(tests, a_question_may_come_in_segments);
    tcase_add_test(tests, a_question_may_overtake_the_welcome);
    tcase_add_test(tests, a_flood_of_unreadable_questions_ends_the_session);
    tcase_add_test(tests, no_more_wait_than_we_ever_allow_whatever_the_other_side_claims);
    tcase_add_test(tests, a_buffer_too_small_for_any_request_takes_none_and_still_ends_them);
    tcase_add_test(tests, a_request_that_is_looked_at_may_be_cancelled_meanwhile);
    tcase_add_loop_test(tests, the_session_may_end_while_its_event_is_looked_at, 0, 4);
    tcase_add_test(tests, what_the_old_process_was_asked_last_ends_with_it);
    tcase_add_test(tests, what_a_former_process_sent_counts_as_handled);
    tcase_add_test(tests, an_answer_of_a_process_that_is_gone_is_lost_with_ours);
    tcase_add_test(tests, what_is_owed_at_a_hand_over_finds_room);
}

TEST_MAIN("session/requests", add_tests)
