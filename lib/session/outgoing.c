/*
 * The way out: from send() through the send buffers to ENet.
 *
 * Three bounds stand between a buffer and ENet: the credit of the other side's application, the
 * delay window of the link, and the span of each channel. Within them, channels of a higher
 * priority go first and equal ones take turns, so that a large message never stands before small
 * ones.
 */
#include "lib/session/parts.h"

#include "common/error.h"
#include <string.h>

#define LOOSE_MAX 1024U /* unreliable packets queued between two flushes */
#define CREDIT_RESERVE                                                                             \
    (64U * 1024U) /* of the credit in bytes, that large messages leave to small ones */
#define REPORT_OVERDUE BL_SECOND /* the other side says what it has handled within half of it */
#define OWN_ALLOWANCE  4096U     /* bytes in flight that a channel may have whatever others do */

static void turn_pressure(struct bl_session *session, bool on) {
    session->pressed = on;
    bl_session_record(
        session, &(struct bl_record){.type = BELAY_EVENT_BACKPRESSURE,
                                     .flag = on,
                                     .numbers = {session->queued_messages, session->queued_bytes}});
}

static void judge_pressure(struct bl_session *session) {
    const struct bl_limits *limits = &session->shared->limits;
    uint64_t messages = session->queued_messages;
    uint64_t bytes = session->queued_bytes;
    bool high = messages * 4 > (uint64_t)limits->send_messages * 3 ||
                bytes * 4 > (uint64_t)limits->send_bytes * 3;
    bool low = messages * 2 <= limits->send_messages && bytes * 2 <= limits->send_bytes;
    if (session->pressed ? low && session->owed == 0 : high) {
        turn_pressure(session, !session->pressed);
    }
}

/** It hears when there is room for what was refused now. */
static void owe(struct bl_session *session, size_t size) {
    struct bl_shared *shared = session->shared;
    if (session->owed == 0) {
        session->owed_next = NULL;
        *(shared->owed_last != NULL ? &shared->owed_last->owed_next : &shared->owed_first) =
            session;
        shared->owed_last = session;
    }
    session->owed = size;
}

void bl_outgoing_forgo(struct bl_session *session) {
    struct bl_shared *shared = session->shared;
    struct bl_session *previous = NULL;
    if (session->owed == 0) {
        return;
    }
    for (struct bl_session *at = shared->owed_first; at != session; at = at->owed_next) {
        previous = at;
    }
    *(previous != NULL ? &previous->owed_next : &shared->owed_first) = session->owed_next;
    if (shared->owed_last == session) {
        shared->owed_last = previous;
    }
    session->owed = 0;
}

bool bl_session_owes(const struct bl_shared *shared) {
    return shared->owed_first != NULL && bl_room_fits(shared->owed_first, shared->owed_first->owed);
}

void bl_session_tell_owed(struct bl_shared *shared) {
    size_t told = 0;
    while (shared->owed_first != NULL &&
           bl_room_fits(shared->owed_first, told + shared->owed_first->owed)) {
        struct bl_session *session = shared->owed_first;
        told += session->owed;
        bl_outgoing_forgo(session);
        judge_pressure(session);
    }
}

/** What could never be queued, however empty the buffers are, is too big. */
static size_t largest_reliable(const struct bl_shared *shared) {
    size_t max = BELAY_MESSAGE_MAX;
    max = max < shared->limits.send_bytes ? max : shared->limits.send_bytes;
    size_t largest = bl_room_largest(&shared->room);
    return max < largest ? max : largest;
}

/** What is wrong with sending to it, before anything is queued. */
static enum belay_result check_session(const struct bl_session *session) {
    if (session->inbox.closed || session->closing) {
        return bl_fail(BELAY_E_GONE, "send: the session is closed");
    }
    if (!session->accepted) {
        return bl_fail(BELAY_E_STATE, "send: wait for the OPEN event");
    }
    return BELAY_OK;
}

enum belay_result bl_check_message(const struct bl_shared *shared, uint8_t channel,
                                   const struct bl_span *data, bool topical) {
    if (channel >= shared->channel_count) {
        return bl_fail(BELAY_E_INVALID, "channel: %u, there are %u", channel,
                       shared->channel_count);
    }
    if (data->data == NULL && data->size > 0) {
        return bl_fail(BELAY_E_INVALID, "data: NULL with a size of %zu", data->size);
    }
    bool reliable = shared->channels[channel].mode == BELAY_RELIABLE;
    size_t max = reliable ? largest_reliable(shared) : BELAY_UNRELIABLE_MAX;
    max -= topical ? BL_TOPIC_SIZE : 0;
    if (data->size > max) {
        return bl_fail(BELAY_E_TOO_BIG, "size: %zu, at most %zu on channel %s", data->size, max,
                       shared->channels[channel].name);
    }
    return BELAY_OK;
}

static void count_queued(struct bl_session *session, uint32_t messages, size_t bytes,
                         size_t gone_bytes) {
    session->queued_messages += messages;
    session->queued_bytes = (uint32_t)(session->queued_bytes + bytes - gone_bytes);
    bl_room_give(session, gone_bytes);
    bl_room_take(session, bytes);
    bl_session_mark_pump(session);
    judge_pressure(session);
}

static bool fits(const struct bl_session *session, uint32_t messages, size_t size) {
    const struct bl_limits *limits = &session->shared->limits;
    return session->queued_messages + messages <= limits->send_messages &&
           session->queued_bytes + size <= limits->send_bytes && bl_room_fits(session, size);
}

/** Whoever is refused is owed the event that says when to go on. */
static enum belay_result would_block(struct bl_session *session, size_t size) {
    if (!bl_room_fits(session, size)) {
        owe(session, size);
    }
    if (!session->pressed) {
        turn_pressure(session, true);
    }
    return bl_fail(BELAY_E_WOULD_BLOCK,
                   "send: %u messages and %u bytes wait; go on at the BACKPRESSURE event",
                   session->queued_messages, session->queued_bytes);
}

/** The newest takes the place of what waits and begins alike. */
static enum belay_result coalesce(struct bl_session *session, struct bl_send_stream *stream,
                                  const struct bl_payload *payload, bl_time expires) {
    struct bl_outgoing *found = bl_send_stream_find(stream, payload);
    size_t size = bl_payload_size(payload);
    if (found == NULL || (size > found->size && !fits(session, 0, size - found->size))) {
        return would_block(session, size);
    }
    uint32_t gone = found->size;
    enum belay_result result = bl_send_stream_replace(stream, found, payload, expires);
    if (result == BELAY_OK) {
        count_queued(session, 0, size, gone);
    }
    return result;
}

/** The buffer is full: what the channel's policy says. */
static enum belay_result send_when_full(struct bl_session *session, uint8_t number,
                                        const struct bl_payload *payload, bl_time expires) {
    static const struct belay_reason backlog = {.code = BELAY_REASON_BACKLOG, .come_back = true};
    switch (session->shared->channels[number].when_full) {
    case BELAY_CLOSE:
        bl_session_close(session, &backlog, 0);
        return bl_fail(BELAY_E_GONE, "send: the buffer was full, so the session was closed, as its "
                                     "channel's when_full says");
    case BELAY_COALESCE:
        return coalesce(session, &session->channels[number].send, payload, expires);
    case BELAY_BLOCK:
        break;
    }
    return would_block(session, bl_payload_size(payload));
}

static enum belay_result queue_reliable(struct bl_session *session, uint8_t number,
                                        const struct bl_payload *payload) {
    const struct bl_shared *shared = session->shared;
    size_t size = bl_payload_size(payload);
    bl_duration life = shared->channels[number].life;
    bl_time expires = life == 0 ? BL_TIME_NEVER : shared->now + life;
    if (!fits(session, 1, size)) {
        return send_when_full(session, number, payload, expires);
    }
    enum belay_result result =
        bl_send_stream_push_payload(&session->channels[number].send, payload, expires);
    if (result == BELAY_OK) {
        count_queued(session, 1, size, 0);
    }
    return result;
}

enum belay_result bl_outgoing_queue_request(struct bl_session *session,
                                            const struct bl_payload *payload, bool must) {
    struct bl_send_stream *stream = &bl_request_stream(session)->send;
    size_t size = payload->head.size + payload->data.size;
    size_t max = largest_reliable(session->shared);
    if (!must && size > max) {
        return bl_fail(BELAY_E_TOO_BIG, "size: %zu, at most %zu", payload->data.size,
                       max > payload->head.size ? max - payload->head.size : 0);
    }
    if (!must && !fits(session, 1, size)) {
        return would_block(session, size);
    }
    enum belay_result result = bl_send_stream_push_payload(stream, payload, BL_TIME_NEVER);
    if (result == BELAY_OK) {
        count_queued(session, 1, size, 0);
    }
    return result;
}

/** @param body  of which the piece's data are a part, or NULL */
static bool say_piece(struct bl_session *session, const struct bl_piece *piece,
                      struct bl_body *body) {
    size_t header = piece->type == BL_FRAME_FRAGMENT ? BL_FRAGMENT_HEADER : BL_MESSAGE_HEADER;
    const struct bl_span part = {piece->data, piece->size};
    struct bl_packet *packet = body != NULL
                                   ? bl_packet_create_around(body, &part, header, BL_UNSEQUENCED)
                                   : bl_packet_create(header + piece->size, BL_UNSEQUENCED);
    if (packet == NULL) {
        return false;
    }
    bl_piece_write(bl_packet_data(packet), header, piece);
    if (body == NULL && piece->size > 0) {
        memcpy(bl_packet_data(packet) + header, piece->data, piece->size);
    }
    bool sent = bl_peer_send(session->peer, 0, packet);
    bl_packet_release(packet);
    return sent;
}

static enum belay_result send_unreliable(struct bl_session *session, uint8_t channel,
                                         const struct bl_payload *payload) {
    const uint8_t *data = payload->body != NULL ? payload->body->bytes : payload->data.data;
    size_t size = bl_payload_size(payload);
    if (session->peer == NULL) {
        return BELAY_OK; /* lost, as on a network */
    }
    if (session->peer->loose_count >= LOOSE_MAX) {
        return bl_fail(BELAY_E_WOULD_BLOCK, "send: %u unreliable packets wait; call flush()",
                       session->peer->loose_count);
    }
    struct bl_piece piece = {.type = BL_FRAME_DATAGRAM,
                             .channel = channel,
                             .topical = payload->topical,
                             .sequence = ++session->channels[channel].unreliable.sent,
                             .data = data,
                             .size = size};
    if (size <= BL_MESSAGE_DATA_MAX) {
        say_piece(session, &piece, payload->body);
        return BELAY_OK;
    }
    piece.type = BL_FRAME_FRAGMENT;
    piece.count = (uint8_t)((size + BL_FRAGMENT_DATA_MAX - 1) / BL_FRAGMENT_DATA_MAX);
    for (; piece.index < piece.count; piece.index++) {
        size_t offset = (size_t)piece.index * BL_FRAGMENT_DATA_MAX;
        piece.data = data + offset;
        piece.size = size - offset < BL_FRAGMENT_DATA_MAX ? size - offset : BL_FRAGMENT_DATA_MAX;
        say_piece(session, &piece, payload->body);
    }
    return BELAY_OK;
}

static enum belay_result send_payload(struct bl_session *session, uint8_t channel,
                                      const struct bl_payload *payload, size_t size) {
    enum belay_result result = session->shared->channels[channel].mode == BELAY_RELIABLE
                                   ? queue_reliable(session, channel, payload)
                                   : send_unreliable(session, channel, payload);
    if (result == BELAY_OK) {
        session->messages_out++;
        session->bytes_out += size;
    }
    return result;
}

enum belay_result bl_session_send(struct bl_session *session, uint8_t channel, const void *data,
                                  size_t size) {
    enum belay_result result = check_session(session);
    if (result == BELAY_OK) {
        result = bl_check_message(session->shared, channel, &(struct bl_span){data, size}, false);
    }
    const struct bl_payload payload = {.data = {data, size}};
    return result == BELAY_OK ? send_payload(session, channel, &payload, size) : result;
}

enum belay_result bl_session_send_body(struct bl_session *session, uint8_t channel,
                                       struct bl_body *body, bool topical) {
    const struct bl_payload payload = {.body = body, .topical = topical};
    enum belay_result result = check_session(session);
    return result == BELAY_OK ? send_payload(session, channel, &payload,
                                             body->size - (topical ? BL_TOPIC_SIZE : 0))
                              : result;
}

/** Gives a message that was not sent in time back to the application. */
static void return_expired(struct bl_session *session, struct bl_send_stream *stream) {
    struct bl_shared *shared = session->shared;
    uint32_t size = bl_send_stream_next(stream)->size;
    struct bl_message *message = bl_message_create(shared);
    uint8_t *data;
    if (message == NULL || !bl_send_stream_skip(stream, &data)) {
        bl_message_free(shared, message);
        return; /* then it is sent late rather than lost without a word */
    }
    message->kind = BL_MESSAGE_EXPIRED;
    message->channel = stream->channel;
    message->sequence = bl_send_stream_next(stream)->sequence;
    message->topical = bl_send_stream_next(stream)->topical;
    message->data = message->block = data;
    message->block_size = size > 0 ? size : 1;
    message->size = size;
    session->expired_messages++;
    bl_inbox_push(&session->inbox, message);
    bl_session_mark_ready(session);
}

static bool has_credit(const struct bl_session *session, const struct bl_outgoing *message) {
    uint32_t bytes = session->peer_credit.bytes;
    if (message->packet_count > 1 && bytes > BELAY_MESSAGE_MAX + CREDIT_RESERVE) {
        bytes -= CREDIT_RESERVE;
    }
    return session->drawn_messages < session->peer_credit.messages &&
           (uint64_t)session->drawn_bytes + message->size <= bytes;
}

static bool has_window(const struct bl_session *session, const struct bl_send_stream *stream,
                       size_t size) {
    return stream->flight_bytes + size <= OWN_ALLOWANCE ||
           session->flight_bytes + size <= bl_delay_window_size(&session->peer->window);
}

/** Hands one packet of one channel to ENet; false when that channel has none that may go. */
static bool hand_one(struct bl_session *session, struct bl_send_stream *stream) {
    struct bl_outgoing *message = bl_send_stream_next(stream);
    if (message == NULL) {
        return false;
    }
    bool first = stream->handed_packets == 0;
    bool may_expire =
        (session->features & BL_FEATURE_EXPIRY) != 0 && bl_send_stream_may_expire(stream);
    if (may_expire && message->expires_at <= session->shared->now) {
        return_expired(session, stream);
    }
    struct bl_packet *packet = bl_send_stream_next_packet(stream);
    if (packet == NULL || !has_window(session, stream, bl_packet_size(packet))) {
        return false;
    }
    if (first && !has_credit(session, message)) {
        session->starving = true;
        return false;
    }
    if (!bl_peer_send(session->peer, (uint8_t)(stream->channel + 1), packet)) {
        return false;
    }
    if (first) {
        session->drawn_messages++;
        session->drawn_bytes += message->size;
    }
    session->flight_bytes += bl_packet_size(packet);
    bl_send_stream_handed(stream);
    return true;
}

/** Channels of one priority take turns, a packet each, until none of them can go on. */
static void hand_level(struct bl_session *session, const uint8_t *channels, uint8_t count) {
    bool more = true;
    while (more) {
        more = false;
        for (uint8_t i = 0; i < count; i++) {
            more |= hand_one(session, &session->channels[channels[i]].send);
        }
    }
}

/**
 * Reports are not repeated, so the last one may be lost while the other side has nothing more to
 * handle, and is too busy to ping: whoever waits for it asks. Whoever starves asks soon, as TCP
 * does at a closed window (RFC 9293 3.8.6.1). The deadline is not moved by each message: it is left
 * to pass, and looks then.
 */
static void arm_probe(struct bl_session *session) {
    if (session->queued_messages == 0) {
        return;
    }
    bl_duration wait = session->starving ? bl_rtt_timeout(&session->peer->rtt) : REPORT_OVERDUE;
    bl_time probe_by = bl_attended(session->shared) + wait;
    if (probe_by < session->probe_by) {
        session->probe_by = probe_by;
        bl_session_schedule(session);
    }
}

void bl_session_pump(struct bl_session *session) {
    const struct bl_shared *shared = session->shared;
    if (!bl_session_flows(session)) {
        return;
    }
    const uint8_t *order = shared->priority_order;
    session->starving = false;
    for (uint8_t begin = 0, end; begin < shared->reliable_count; begin = end) {
        uint8_t priority = shared->channels[order[begin]].priority;
        end = begin;
        while (end < shared->reliable_count && shared->channels[order[end]].priority == priority) {
            end++;
        }
        hand_level(session, order + begin, (uint8_t)(end - begin));
    }
    bl_incoming_report(session, BL_REPORT_IF_DUE);
    arm_probe(session);
}

static void acknowledged(struct bl_session *session, size_t bytes) {
    session->flight_bytes -= bytes;
    if (session->peer != NULL) {
        bl_delay_window_acknowledge(&session->peer->window, bytes);
    }
}

void bl_outgoing_reap(struct bl_session *session) {
    const struct bl_shared *shared = session->shared;
    for (uint8_t i = 0; i < shared->reliable_count; i++) {
        struct bl_send_stream *stream = &session->channels[shared->priority_order[i]].send;
        if (stream->flight.count > 0) {
            acknowledged(session, bl_send_stream_reap(stream));
        }
    }
}

/** Messages leave the buffer for good. */
static void forget(struct bl_session *session, const struct bl_released *released) {
    session->queued_messages -= released->messages;
    session->queued_bytes -= (uint32_t)released->bytes;
    session->expired_messages -= released->expired;
    bl_room_give(session, released->bytes);
}

/** The other side's application has handled so much; false: that was never sent. */
static bool release(struct bl_session *session, uint8_t channel, uint32_t sequence) {
    struct bl_released released;
    if (!bl_send_stream_release(&session->channels[channel].send, sequence, &released)) {
        return false;
    }
    session->drawn_messages -= released.drawn;
    session->drawn_bytes -= (uint32_t)released.drawn_bytes;
    session->reported |= released.messages > 0;
    forget(session, &released);
    return true;
}

void bl_outgoing_count_restored(struct bl_session *session, size_t size) {
    session->queued_messages++;
    session->queued_bytes += (uint32_t)size;
    bl_room_take(session, size);
}

void bl_outgoing_drop_to(struct bl_session *session, uint8_t channel, uint32_t sequence) {
    struct bl_released released;
    bl_send_stream_drop_to(&session->channels[channel].send, sequence, &released);
    forget(session, &released);
    judge_pressure(session);
}

void bl_outgoing_resume(struct bl_session *session, const struct bl_positions *theirs) {
    for (uint8_t i = 0; i < theirs->count; i++) {
        struct bl_send_stream *stream = &session->channels[theirs->channels[i].channel].send;
        bl_send_stream_resume(stream, &theirs->channels[i],
                              session->shared->role == BL_ROLE_SERVER);
        const struct bl_released drawn = bl_send_stream_drawn(stream);
        session->drawn_messages += drawn.drawn;
        session->drawn_bytes += (uint32_t)drawn.drawn_bytes;
    }
    for (uint8_t i = 0; i < theirs->count; i++) {
        release(session, theirs->channels[i].channel, theirs->channels[i].handled);
    }
    judge_pressure(session);
}

struct bl_message *bl_outgoing_take_back(struct bl_session *session) {
    struct bl_shared *shared = session->shared;
    struct bl_message *message = bl_message_create(shared);
    for (uint8_t i = 0; message != NULL && i < shared->reliable_count; i++) {
        struct bl_send_stream *stream = &session->channels[shared->priority_order[i]].send;
        bool is_ours = stream->channel == bl_request_channel(shared); /* its REPLY tells */
        struct bl_released released = {.messages = !is_ours};
        while (released.messages > 0) {
            uint32_t sequence = stream->first_sequence;
            uint8_t *data = bl_send_stream_take_back(stream, &released);
            forget(session, &released);
            if (data != NULL) {
                message->kind = BL_MESSAGE_RETURNED;
                message->channel = stream->channel;
                message->sequence = sequence;
                message->topical = released.topical;
                message->data = message->block = data;
                message->size = released.bytes;
                message->block_size = released.bytes > 0 ? released.bytes : 1;
                return message;
            }
        }
    }
    bl_message_free(shared, message);
    return NULL;
}

void bl_outgoing_take_handled(struct bl_session *session, const void *data, size_t size) {
    struct bl_shared *shared = session->shared;
    struct bl_handled handled;
    if (!bl_handled_read(&handled, data, size)) {
        bl_drop(shared, BELAY_DROP_FRAME);
        return;
    }
    for (uint8_t i = 0; i < handled.count; i++) {
        uint8_t channel = handled.channels[i].channel;
        if (channel >= shared->stream_count || shared->channels[channel].mode != BELAY_RELIABLE ||
            !release(session, channel, handled.channels[i].sequence)) {
            bl_session_break(session, "it has handled what was never sent");
            return;
        }
    }
    judge_pressure(session);
}

bool bl_outgoing_is_drained(const struct bl_session *session) {
    const struct bl_shared *shared = session->shared;
    for (uint8_t i = 0; i < shared->reliable_count; i++) {
        if (!bl_send_stream_is_drained(&session->channels[shared->priority_order[i]].send)) {
            return false;
        }
    }
    return true;
}

void bl_outgoing_unbind(struct bl_session *session) {
    const struct bl_shared *shared = session->shared;
    for (uint8_t i = 0; i < shared->reliable_count; i++) {
        bl_send_stream_unbind(&session->channels[shared->priority_order[i]].send);
    }
    session->flight_bytes = 0;
    session->drawn_messages = session->drawn_bytes = 0;
}
