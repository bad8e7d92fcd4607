/*
 * A session's record: what was written is read, all of it, and whatever else is refused or makes a
 * session that can be lived with. (The hash around all records refuses it before that.)
 */
#include "lib/session/record.h"

#include "lib/session/resume.h"
#include "tests/session/lone.h"

#define RECORD_MAX  (1U << 16)
#define ALTERATIONS 100000U
#define SESSIONS    4

enum { CHAT, MOVES, STATE };
static const struct belay_channel channels[] = {
    {.name = "chat", .life_ms = 5000},
    {.name = "moves", .mode = BELAY_SEQUENCED},
    {.name = "state"},
};

/** The old process and the next one. */
static struct side {
    struct lone lone;
    struct bl_coordinator coordinator;
} old, next;

static uint8_t record[RECORD_MAX], again[RECORD_MAX];

static void begin_side(struct side *side) {
    lone_start(&side->lone, BL_ROLE_SERVER);
    side->lone.shared.state_events = false;
    ck_assert_int_eq(bl_shared_set_channels(&side->lone.shared, channels, COUNT_OF(channels)),
                     BELAY_OK);
    bl_coordinator_init(&side->coordinator, &side->lone.shared, SESSIONS);
}

static void end_side(struct side *side) {
    bl_coordinator_finish(&side->coordinator);
    lone_finish(&side->lone);
}

static void begin(void) {
    begin_side(&old);
    begin_side(&next);
}

static void end(void) {
    end_side(&old);
    end_side(&next);
}

/** A session of the old process that is logged in. */
static struct bl_session *log_in(uint8_t number) {
    const uint8_t name[16] = {'n', number};
    uint8_t hello[BL_FRAME_SIZE_MAX];
    struct bl_coordinator *coordinator = &old.coordinator;
    belay_session handle = bl_coordinator_resolve(coordinator, name);
    struct bl_session *session = bl_coordinator_get(coordinator, handle);
    ck_assert(bl_coordinator_name(coordinator, session, name));
    bl_session_bind(session, NULL);
    feed(session, hello, write_hello(hello, session->shared));
    ck_assert_int_eq(
        bl_coordinator_accept(coordinator, handle, (const uint8_t[16]){number}, NULL, 0), BELAY_OK);
    return session;
}

static void say(struct bl_session *session, uint8_t channel, size_t size) {
    static uint8_t data[BELAY_MESSAGE_MAX];
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(size + i * 7);
    }
    ck_assert_int_eq(bl_session_send(session, channel, data, size), BELAY_OK);
}

static void ask(struct bl_session *session) {
    const struct bl_question question = {
        .type = 28, .data = {"what", 4}, .deadline_ms = BELAY_FOREVER, .cookie = 0x2300000023};
    ck_assert_int_eq(bl_request_ask(session, &question, NULL), BELAY_OK);
}

/** Of every kind of thing that a record has, something, and no two numbers alike. */
static struct bl_session *fill_session(void) {
    struct bl_session *session = log_in(1);
    struct bl_session_channel *at = session->channels;
    session->generation = 11;
    session->attempt_generation = 12;
    session->attempt = 0x1300000013;
    session->features = BL_FEATURE_EXPIRY | BL_FEATURE_REQUESTS;
    session->heartbeat = bl_from_ms(1401);
    session->lost = bl_from_ms(1501);
    session->resume_window = bl_from_ms(1601);
    session->peer_credit.messages = 17;
    session->peer_credit.bytes = 180000;
    session->peer_credit.requests = 16;
    session->resumes = 19;
    session->migrations = 20;
    session->messages_in = 0x2100000021;
    session->bytes_in = 0x2200000022;
    bl_send_stream_start_at(&at[CHAT].send, 0xfffffffe); /* and over the edge */
    bl_send_stream_start_at(&at[STATE].send, 24);
    at[CHAT].receive.received = at[CHAT].receive.handled = 25;
    at[STATE].receive.received = at[STATE].receive.handled = 0xfffffffd;
    at[MOVES].unreliable.sent = 26;
    at[MOVES].unreliable.newest = 27;
    say(session, CHAT, 0);
    say(session, CHAT, 30);
    say(session, CHAT, 5000);
    say(session, STATE, 200);
    ck_assert_int_eq(bl_send_stream_push_skip(&at[STATE].send), BELAY_OK);
    session->queued_messages++;
    session->expired_messages++;
    at[CHAT].send.begun = at[CHAT].send.sent = 0xffffffff;
    ask(session);
    return session;
}

static size_t write_it(uint8_t *out, const struct bl_session *session) {
    size_t size = bl_record_size_max(session);
    ck_assert_uint_le(size, RECORD_MAX);
    struct bl_writer writer = bl_writer_of(out, size);
    bl_record_write(&writer, session);
    ck_assert(!writer.failed);
    return bl_writer_size(&writer);
}

static enum belay_result read_it(const uint8_t *data, size_t size, size_t *left) {
    struct bl_reader reader = bl_reader_of(data, size);
    enum belay_result result = bl_record_read(&reader, &next.coordinator);
    *left = bl_reader_left(&reader);
    return result;
}

static struct bl_session *hand_over(const struct bl_session *session) {
    size_t left;
    size_t size = write_it(record, session);
    ck_assert_msg(read_it(record, size, &left) == BELAY_OK, "%s", belay_error());
    ck_assert_uint_eq(left, 0);
    return bl_coordinator_by_name(&next.coordinator, session->name);
}

/* ---- what is kept */

static void ck_assert_same_stream(const struct bl_send_stream *was,
                                  const struct bl_send_stream *is) {
    ck_assert_uint_eq(is->first_sequence, was->first_sequence);
    ck_assert_uint_eq(is->begun, was->begun);
    ck_assert_uint_eq(is->sent, was->sent);
    ck_assert_uint_eq(is->messages.count, was->messages.count);
    ck_assert_uint_eq(is->handed_messages + is->handed_packets + is->flight.count, 0);
    for (uint32_t i = 0; i < was->messages.count; i++) {
        const struct bl_outgoing *theirs = bl_ring_at(&was->messages, i);
        const struct bl_outgoing *ours = bl_ring_at(&is->messages, i);
        ck_assert_uint_eq(ours->sequence, theirs->sequence);
        ck_assert_uint_eq(ours->size, theirs->size);
        ck_assert_uint_eq(ours->packet_count, theirs->packet_count);
        ck_assert_int_eq(ours->expires_at, theirs->expires_at);
        ck_assert(ours->expired == theirs->expired);
        for (uint32_t k = 0; k < ours->packet_count; k++) {
            struct bl_span part = bl_outgoing_part(ours, k);
            ck_assert_uint_eq(part.size, bl_outgoing_part(theirs, k).size);
            ck_assert_mem_eq(part.data, bl_outgoing_part(theirs, k).data, part.size);
        }
    }
}

static void ck_assert_same_channels(const struct bl_session *was, const struct bl_session *is) {
    for (uint8_t i = 0; i < COUNT_OF(channels); i++) {
        const struct bl_session_channel *theirs = &was->channels[i];
        const struct bl_session_channel *ours = &is->channels[i];
        if (channels[i].mode == BELAY_RELIABLE) {
            ck_assert_same_stream(&theirs->send, &ours->send);
            ck_assert_uint_eq(ours->receive.handled, theirs->receive.handled);
            ck_assert_uint_eq(ours->receive.received, theirs->receive.received);
        } else {
            ck_assert_uint_eq(ours->unreliable.sent, theirs->unreliable.sent);
            ck_assert_uint_eq(ours->unreliable.newest, theirs->unreliable.newest);
        }
    }
}

START_TEST(every_field_is_read_as_it_was_written) {
    const struct bl_session *was = fill_session();
    const struct bl_session *is = hand_over(was);
    ck_assert_mem_eq(is->name, was->name, sizeof was->name);
    ck_assert_mem_eq(is->identity, was->identity, sizeof was->identity);
    ck_assert_uint_eq(is->generation, was->generation);
    ck_assert_uint_eq(is->attempt_generation, was->attempt_generation);
    ck_assert_uint_eq(is->attempt, was->attempt);
    ck_assert_uint_eq(is->features, was->features);
    ck_assert_int_eq(is->heartbeat, was->heartbeat);
    ck_assert_int_eq(is->lost, was->lost);
    ck_assert_int_eq(is->resume_window, was->resume_window);
    ck_assert_uint_eq(is->peer_credit.messages, was->peer_credit.messages);
    ck_assert_uint_eq(is->peer_credit.bytes, was->peer_credit.bytes);
    ck_assert_uint_eq(is->peer_credit.requests, was->peer_credit.requests);
    ck_assert_uint_eq(is->requests.asked.count, was->requests.asked.count);
    ck_assert_uint_eq(is->resumes, was->resumes);
    ck_assert_uint_eq(is->migrations, was->migrations);
    ck_assert_uint_eq(is->messages_in, was->messages_in);
    ck_assert_uint_eq(is->messages_out, was->messages_out);
    ck_assert_uint_eq(is->bytes_in, was->bytes_in);
    ck_assert_uint_eq(is->bytes_out, was->bytes_out);
    ck_assert_uint_eq(is->queued_messages, was->queued_messages);
    ck_assert_uint_eq(is->queued_bytes, was->queued_bytes);
    ck_assert_uint_eq(is->expired_messages, was->expired_messages);
    ck_assert_uint_eq(is->waiting, was->waiting);
    ck_assert_uint_eq(next.lone.shared.room.used, old.lone.shared.room.used);
    ck_assert_same_channels(was, is);
    ck_assert_same_stream(&bl_request_stream(was)->send, &bl_request_stream(is)->send);
}
END_TEST

START_TEST(it_is_written_again_in_the_same_bytes) {
    size_t size = write_it(record, fill_session());
    size_t left;
    ck_assert_int_eq(read_it(record, size, &left), BELAY_OK);
    const struct bl_session *is = bl_coordinator_by_name(&next.coordinator, record);
    ck_assert_uint_eq(write_it(again, is), size);
    ck_assert_mem_eq(again, record, size);
}
END_TEST

START_TEST(it_is_held_and_found_and_tells_open_first) {
    struct belay_event event;
    const struct bl_session *is = hand_over(fill_session());
    ck_assert(bl_session_is_held(is));
    ck_assert(bl_session_is_kept(is));
    ck_assert_int_eq(is->state, BELAY_RECONNECT_PENDING);
    ck_assert_uint_eq(bl_coordinator_find(&next.coordinator, (const uint8_t[16]){1}), is->handle);
    ck_assert_uint_eq(bl_coordinator_pending_count(&next.coordinator), 0);
    ck_assert(bl_poll(&next.lone.shared, &event));
    ck_assert_int_eq(event.type, BELAY_EVENT_OPEN);
    ck_assert_uint_eq(event.open.user_id[0], 1);
    ck_assert(!bl_poll(&next.lone.shared, &event));
}
END_TEST

START_TEST(who_is_not_resumed_has_timed_out_after_the_window) {
    struct belay_event event;
    const struct bl_session *is = hand_over(fill_session());
    lone_advance(&next.lone, is->resume_window - BL_MILLISECOND);
    ck_assert(bl_poll(&next.lone.shared, &event));
    ck_assert(!bl_poll(&next.lone.shared, &event));
    lone_advance(&next.lone, 2 * BL_MILLISECOND);
    ck_assert(bl_poll(&next.lone.shared, &event));
    ck_assert_int_eq(event.type, BELAY_EVENT_REPLY);
    ck_assert_int_eq(event.reply.code, BELAY_REPLY_GONE);
    ck_assert_uint_eq(event.reply.cookie, 0x2300000023);
    ck_assert(bl_poll(&next.lone.shared, &event));
    ck_assert_int_eq(event.type, BELAY_EVENT_CLOSED);
    ck_assert_uint_eq(event.closed.reason->code, BELAY_REASON_TIMEOUT);
    ck_assert(event.closed.reason->come_back);
    ck_assert(!bl_poll(&next.lone.shared, &event));
}
END_TEST

START_TEST(a_messages_life_goes_on) {
    struct bl_session *was = fill_session();
    old.lone.shared.now += 1700 * BL_MILLISECOND;
    const struct bl_session *is = hand_over(was);
    const struct bl_outgoing *message = bl_ring_at(&is->channels[CHAT].send.messages, 0);
    ck_assert_int_eq(message->expires_at - next.lone.shared.now, 3300 * BL_MILLISECOND);
    bl_coordinator_remove(&next.coordinator, is->handle);
    old.lone.shared.now += 10 * BL_SECOND;
    is = hand_over(was);
    message = bl_ring_at(&is->channels[CHAT].send.messages, 0);
    ck_assert_int_eq(message->expires_at, next.lone.shared.now);
}
END_TEST

START_TEST(what_was_not_polled_counts_as_not_received) {
    struct belay_event event;
    struct bl_session *was = log_in(1);
    for (uint32_t i = 1; i <= 4; i++) {
        feed_message(was, i, 10);
    }
    const struct bl_session *is = hand_over(was);
    ck_assert_uint_eq(is->channels[CHAT].receive.received, 0);
    bl_coordinator_remove(&next.coordinator, is->handle);
    while (bl_poll(&old.lone.shared, &event) && event.type != BELAY_EVENT_MESSAGE) {
    }
    ck_assert(bl_poll(&old.lone.shared, &event)); /* the second of them, lent for now */
    is = hand_over(was);
    ck_assert_uint_eq(is->channels[CHAT].receive.received, 2);
    ck_assert_uint_eq(is->channels[CHAT].receive.handled, 2);
}
END_TEST

/* Its next process's numbers begin far behind what the server had polled. */
START_TEST(numbers_that_a_client_has_leapt_over_are_not_waited_for) {
    struct bl_session *was = log_in(1);
    was->channels[CHAT].receive.handled = 7;
    was->channels[CHAT].receive.received = 7 + 65536;
    const struct bl_session *is = hand_over(was);
    ck_assert_uint_eq(is->channels[CHAT].receive.handled, 7 + 65536);
    bl_coordinator_remove(&next.coordinator, is->handle);
    feed_message(was, 7 + 65537, 10);
    is = hand_over(was);
    ck_assert_uint_eq(is->channels[CHAT].receive.received, 7 + 65536);
    ck_assert_uint_eq(is->channels[CHAT].receive.handled, 7 + 65536);
}
END_TEST

START_TEST(what_was_returned_and_not_polled_is_returned) {
    struct belay_event event;
    struct bl_session *was = log_in(1);
    static const uint8_t words[] = "too late";
    for (uint32_t i = 0; i < 2; i++) {
        struct bl_message *message = bl_message_create(&old.lone.shared);
        message->kind = BL_MESSAGE_EXPIRED;
        message->channel = STATE;
        message->sequence = 70 + i;
        message->size = i == 0 ? sizeof words : 0;
        message->block_size = sizeof words;
        message->block = bl_allocate(&old.lone.memory, sizeof words);
        memcpy(message->block, words, sizeof words);
        message->data = message->block;
        bl_inbox_push(&was->inbox, message);
        feed_message(was, i + 1, 10); /* these its client sends again */
    }
    hand_over(was);
    ck_assert(bl_poll(&next.lone.shared, &event));
    ck_assert_int_eq(event.type, BELAY_EVENT_OPEN);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert(bl_poll(&next.lone.shared, &event));
        ck_assert_int_eq(event.type, BELAY_EVENT_RETURNED);
        ck_assert(event.returned.expired);
        ck_assert_uint_eq(event.returned.channel, STATE);
        ck_assert_uint_eq(event.returned.sequence, 70 + i);
        ck_assert_uint_eq(event.returned.size, i == 0 ? sizeof words : 0);
        ck_assert_mem_eq(event.returned.data, words, event.returned.size);
    }
    ck_assert(!bl_poll(&next.lone.shared, &event));
}
END_TEST

START_TEST(sessions_of_one_user_stay_the_users) {
    size_t left;
    old.coordinator.same_user_max = next.coordinator.same_user_max = 2;
    struct bl_session *first = log_in(1);
    struct bl_session *second = log_in(2);
    memcpy(second->identity, first->identity, sizeof first->identity);
    ck_assert_int_eq(read_it(record, write_it(record, first), &left), BELAY_OK);
    ck_assert_int_eq(read_it(record, write_it(record, second), &left), BELAY_OK);
    struct bl_session *newest = bl_coordinator_by_name(&next.coordinator, second->name);
    ck_assert_uint_eq(bl_coordinator_find(&next.coordinator, first->identity), newest->handle);
    ck_assert_ptr_eq(newest->older, bl_coordinator_by_name(&next.coordinator, first->name));
    memcpy(second->identity, (const uint8_t[16]){2}, 16); /* as its coordinator knows it */
}
END_TEST

START_TEST(more_sessions_than_there_is_room_for_are_refused) {
    size_t left;
    for (uint8_t i = 1; i <= SESSIONS; i++) {
        hand_over(log_in(i));
    }
    record[0] ^= 0x80; /* one more name */
    ck_assert_int_eq(read_it(record, RECORD_MAX, &left), BELAY_E_NO_MEMORY);
    ck_assert_ptr_nonnull(strstr(belay_error(), "session_max"));
    ck_assert_uint_eq(bl_coordinator_count(&next.coordinator), SESSIONS);
}
END_TEST

/* ---- what is not a record */

START_TEST(a_record_cut_short_anywhere_is_refused_and_leaves_nothing) {
    size_t left;
    size_t size = write_it(record, fill_session());
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = malloc(cut > 0 ? cut : 1); /* so that ASan sees a byte too many */
        memcpy(exact, record, cut);
        ck_assert_msg(read_it(exact, cut, &left) == BELAY_E_KEY, "%zu bytes", cut);
        free(exact);
        ck_assert_uint_eq(bl_coordinator_count(&next.coordinator), 0);
        ck_assert_uint_eq(next.lone.shared.room.used, 0);
    }
}
END_TEST

/** Whatever came of it can be asked, written, resumed and ended. */
static void live_with(struct bl_session *session) {
    struct belay_session_info info;
    struct belay_event event;
    bl_session_info(session, &info);
    write_it(again, session);
    for (uint8_t i = 0; i < COUNT_OF(channels); i++) {
        struct bl_send_stream *send = &session->channels[i].send;
        if (channels[i].mode != BELAY_RELIABLE) {
            continue;
        }
        const struct bl_position all = {
            .channel = i, .handled = bl_send_stream_handled(send), .received = send->sent};
        ck_assert(bl_send_stream_can_resume(send, &all));
        bl_send_stream_resume(send, &all, true);
        bl_send_stream_drawn(send);
    }
    for (int i = 0; i < 8 && bl_poll(&next.lone.shared, &event); i++) {
    }
    bl_coordinator_remove(&next.coordinator, session->handle);
}

START_TEST(an_altered_record_is_refused_or_makes_a_session_to_live_with) {
    size_t size = write_it(record, fill_session());
    uint8_t *altered = malloc(size);
    uint32_t taken = 0;
    for (uint32_t i = 0; i < ALTERATIONS; i++) {
        size_t left;
        memcpy(altered, record, size);
        uint32_t count = 1 + i % 3;
        while (count-- > 0) {
            altered[bl_random_below(&old.lone.random, (uint32_t)size)] =
                (uint8_t)bl_random_below(&old.lone.random, 256);
        }
        enum belay_result result = read_it(altered, size, &left);
        if (result == BELAY_OK) {
            live_with(bl_coordinator_by_name(&next.coordinator, altered));
            taken++;
        } else {
            ck_assert_int_eq(result, BELAY_E_KEY);
        }
        if (bl_coordinator_count(&next.coordinator) + next.lone.wheel.count > 0 ||
            next.lone.shared.room.used > 0) {
            ck_abort_msg("alteration %u left something behind", i);
        }
    }
    free(altered);
    ck_assert_uint_gt(taken, 0);
    ck_assert_uint_lt(taken, ALTERATIONS);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, every_field_is_read_as_it_was_written);
    tcase_add_test(tests, it_is_written_again_in_the_same_bytes);
    tcase_add_test(tests, it_is_held_and_found_and_tells_open_first);
    tcase_add_test(tests, who_is_not_resumed_has_timed_out_after_the_window);
    tcase_add_test(tests, a_messages_life_goes_on);
    tcase_add_test(tests, what_was_not_polled_counts_as_not_received);
    tcase_add_test(tests, numbers_that_a_client_has_leapt_over_are_not_waited_for);
    tcase_add_test(tests, what_was_returned_and_not_polled_is_returned);
    tcase_add_test(tests, sessions_of_one_user_stay_the_users);
    tcase_add_test(tests, more_sessions_than_there_is_room_for_are_refused);
    tcase_add_test(tests, a_record_cut_short_anywhere_is_refused_and_leaves_nothing);
    tcase_add_test(tests, an_altered_record_is_refused_or_makes_a_session_to_live_with);
}

TEST_MAIN("session record", add_tests)
