/*
 * The way in: from a piece off the wire to a message that waits to be polled, and from the poll to
 * the report that frees it at the sender.
 */
#include "common/serial.h"
#include "lib/session/parts.h"

#define REPORT_DELAY                                                                               \
    (500 * BL_MILLISECOND) /* a report waits so long for a datagram that leaves anyway */

static void deliver(struct bl_session *session, struct bl_message *message) {
    bl_inbox_push(&session->inbox, message);
    if (message->kind == BL_MESSAGE_RECEIVED) {
        session->messages_in++;
        session->bytes_in += message->size - (message->topical ? BL_TOPIC_SIZE : 0);
    }
    bl_session_mark_ready(session);
}

/** The message is in the packet that brought it, or in a block that was put together from several.
 */
static void fill(struct bl_message *message, const struct bl_piece *piece,
                 struct bl_packet *packet) {
    message->channel = piece->channel;
    message->sequence = piece->sequence;
    message->topical = piece->topical;
    message->data = piece->data;
    message->size = piece->size;
    message->packet = packet;
}

static void fail_stream(struct bl_session *session, enum bl_receive_verdict verdict) {
    static const struct belay_reason overload = {.code = BELAY_REASON_OVERLOAD, .come_back = true};
    switch (verdict) {
    case BL_RECEIVE_DUPLICATE:
        bl_drop(session->shared, BELAY_DROP_DUPLICATE);
        break;
    case BL_RECEIVE_BROKEN:
        bl_session_break(session, "a reliable message out of order");
        break;
    case BL_RECEIVE_OVERDRAWN:
        bl_session_break(session, "data beyond the credit");
        break;
    case BL_RECEIVE_NO_MEMORY: /* a stream with a hole is of no use */
        bl_drop(session->shared, BELAY_DROP_MEMORY);
        bl_session_close(session, &overload, 0);
        break;
    case BL_RECEIVE_WHOLE:
    case BL_RECEIVE_PART:
        break;
    }
}

/** What a piece adds to what waits: a large message counts whole from its first segment on. */
static size_t cost_of(const struct bl_receive_stream *stream, const struct bl_piece *piece) {
    if (piece->type != BL_FRAME_SEGMENT) {
        return piece->size;
    }
    return stream->block == NULL && piece->total <= BELAY_MESSAGE_MAX ? piece->total : 0;
}

/** @return whether the message took the packet */
static bool take_reliable(struct bl_session *session, const struct bl_piece *piece,
                          struct bl_packet *packet) {
    struct bl_shared *shared = session->shared;
    struct bl_receive_stream *stream = &session->channels[piece->channel].receive;
    struct bl_message *message = bl_message_create(shared);
    enum bl_receive_verdict verdict = BL_RECEIVE_NO_MEMORY;
    uint8_t *block = NULL;
    size_t cost = cost_of(stream, piece);
    if (message != NULL && bl_room_fits(session, cost)) {
        verdict = bl_receive_stream_take(stream, shared->memory, &session->credit, piece, &block);
    }
    if (verdict == BL_RECEIVE_WHOLE || verdict == BL_RECEIVE_PART) {
        bl_room_take(session, cost);
    }
    if (verdict != BL_RECEIVE_WHOLE) {
        bl_message_free(shared, message);
        fail_stream(session, verdict);
        return false;
    }
    fill(message, piece, block == NULL ? packet : NULL);
    if (block != NULL) {
        message->data = message->block = block;
        message->size = message->block_size = piece->total;
    } else if (piece->type == BL_FRAME_SKIP) {
        message->kind = BL_MESSAGE_SKIPPED;
    }
    if (message->topical && message->size < BL_TOPIC_SIZE && piece->type != BL_FRAME_SKIP) {
        message->kind = BL_MESSAGE_SKIPPED;
        bl_session_break(session, "a topic that is cut short");
    } else if (message->kind == BL_MESSAGE_RECEIVED &&
               piece->channel == bl_request_channel(shared)) {
        bl_requests_take(session, message);
    }
    deliver(session, message);
    return block == NULL;
}

static bool take_unreliable(struct bl_session *session, const struct bl_piece *piece,
                            struct bl_packet *packet) {
    static const enum belay_drop causes[] = {
        [BL_UNRELIABLE_STALE] = BELAY_DROP_STALE,
        [BL_UNRELIABLE_BROKEN] = BELAY_DROP_FRAME,
        [BL_UNRELIABLE_NO_MEMORY] = BELAY_DROP_MEMORY,
    };
    struct bl_shared *shared = session->shared;
    struct bl_inbox *inbox = &session->inbox;
    struct bl_assembled assembled;
    enum bl_unreliable_verdict verdict =
        bl_unreliable_take(&session->channels[piece->channel].unreliable, shared->memory, piece,
                           &assembled, &shared->stats->dropped[BELAY_DROP_STALE]);
    if (verdict == BL_UNRELIABLE_PART) {
        return false;
    }
    if (verdict != BL_UNRELIABLE_WHOLE) {
        bl_drop(shared, causes[verdict]);
        return false;
    }
    size_t size = assembled.block != NULL ? assembled.size : piece->size;
    if (piece->topical && size < BL_TOPIC_SIZE) {
        bl_free(shared->memory, assembled.block, assembled.block_size);
        bl_drop(shared, BELAY_DROP_FRAME);
        return false;
    }
    bool full = inbox->unread_count >= BL_UNREAD_MAX ||
                inbox->unread_bytes + size > BL_UNREAD_BYTES_MAX || !bl_room_fits(session, size);
    struct bl_message *message = full ? NULL : bl_message_create(shared);
    if (message == NULL) {
        bl_free(shared->memory, assembled.block, assembled.block_size);
        bl_drop(shared, full ? BELAY_DROP_UNREAD : BELAY_DROP_MEMORY);
        return false;
    }
    fill(message, piece, assembled.block == NULL ? packet : NULL);
    if (assembled.block != NULL) {
        message->data = message->block = assembled.block;
        message->block_size = assembled.block_size;
        message->size = assembled.size;
    }
    inbox->unread_count++;
    inbox->unread_bytes += message->size;
    bl_room_take(session, message->size);
    deliver(session, message);
    return assembled.block == NULL;
}

/** With this piece a message has come, as far as a piece can tell. */
static bool ends_message(const struct bl_piece *piece) {
    switch (piece->type) {
    case BL_FRAME_SEGMENT:
        return piece->total - piece->offset <= piece->size;
    case BL_FRAME_FRAGMENT:
        return piece->index + 1 == piece->count;
    default:
        return piece->type != BL_FRAME_SKIP;
    }
}

void bl_incoming_take(struct bl_session *session, struct bl_packet *packet) {
    const struct bl_shared *shared = session->shared;
    struct bl_piece piece;
    bool reliable_frame, taken = false;
    if (!bl_piece_read(&piece, bl_packet_data(packet), bl_packet_size(packet)) ||
        piece.channel >= shared->stream_count) {
        bl_drop(session->shared, BELAY_DROP_FRAME);
        bl_packet_release(packet);
        return;
    }
    reliable_frame = piece.type == BL_FRAME_MESSAGE || piece.type == BL_FRAME_SEGMENT ||
                     piece.type == BL_FRAME_SKIP;
    if (reliable_frame != (shared->channels[piece.channel].mode == BELAY_RELIABLE)) {
        bl_drop(session->shared, BELAY_DROP_FRAME);
    } else if (session->closing) {
        session->undelivered += /* its application has said goodbye */
            piece.channel < shared->channel_count && ends_message(&piece);
    } else if (reliable_frame) {
        taken = take_reliable(session, &piece, packet);
    } else {
        taken = take_unreliable(session, &piece, packet);
    }
    if (!taken) {
        bl_packet_release(packet);
    }
}

void bl_session_handle(struct bl_session *session, const struct bl_message *message) {
    struct bl_shared *shared = session->shared;
    if (!bl_message_came_in(message)) {
        return;
    }
    bl_room_give(session, message->size);
    if (shared->channels[message->channel].mode != BELAY_RELIABLE) {
        session->inbox.unread_count--;
        session->inbox.unread_bytes -= message->size;
        return;
    }
    struct bl_receive_stream *stream = &session->channels[message->channel].receive;
    if (bl_serial_after(message->sequence, stream->handled)) { /* else a former process sent it */
        stream->handled = message->sequence;
    }
    session->report_channels |= 1U << message->channel;
    if (session->uncredited > 0) {
        session->uncredited--;
    } else {
        session->credit.messages++;
        session->credit.bytes += message->size;
    }
    session->unreported.messages++;
    session->unreported.bytes += message->size;
    if (session->report_by == BL_TIME_NEVER && session->peer != NULL) {
        session->report_by = bl_attended(shared) + REPORT_DELAY;
        bl_session_schedule(session);
    }
    bl_session_mark_pump(session);
}

/** Whether a report should leave now: something leaves anyway, the sender may run dry, or it has
 * waited. */
static bool is_report_due(const struct bl_session *session) {
    const struct bl_shared *shared = session->shared;
    const struct bl_credit_limits *credit = &shared->limits.credit;
    if (session->unreported.messages == 0) {
        return false;
    }
    return session->peer->dirty || session->unreported.messages >= credit->messages / 2U ||
           session->unreported.bytes >= credit->bytes / 2 ||
           bl_attended(shared) >= session->report_by;
}

/** Tells how far the application has come, on every channel that it ever took from. */
static void report(struct bl_session *session, enum bl_delivery delivery) {
    uint8_t frame[2 + 5 * BL_STREAMS_MAX];
    struct bl_handled handled = {0};
    for (uint8_t i = 0; i < session->shared->stream_count; i++) {
        if ((session->report_channels >> i & 1) != 0) {
            handled.channels[handled.count].channel = i;
            handled.channels[handled.count].sequence = session->channels[i].receive.handled;
            handled.count++;
        }
    }
    bl_session_say(session, frame, bl_handled_write(frame, sizeof frame, &handled), delivery);
    session->unreported = (struct bl_credit){0};
    session->report_by = BL_TIME_NEVER;
}

void bl_incoming_report(struct bl_session *session, enum bl_report_cause cause) {
    if (session->peer == NULL || session->report_channels == 0 ||
        (cause == BL_REPORT_IF_DUE && !is_report_due(session))) {
        return;
    }
    report(session, cause == BL_REPORT_LAST ? BL_ORDERED : BL_UNSEQUENCED);
}
