/* Both sides are this version of the library and were given the same channels: who reads checks
 * that first. Still, each length is checked here. */
#include "lib/session/record.h"

#include "common/error.h"
#include "lib/session/parts.h"
#include <string.h>

#define HEAD_SIZE    128U /* of a session, its fixed fields */
#define CHANNEL_SIZE 24U
#define MESSAGE_SIZE 9U

/** The next message that was returned to the application, and that it has not polled. */
static const struct bl_message *next_returned(const struct bl_message *message) {
    while (message != NULL && message->kind != BL_MESSAGE_EXPIRED) {
        message = message->next;
    }
    return message;
}

size_t bl_record_size_max(const struct bl_session *session) {
    size_t size = HEAD_SIZE + (size_t)CHANNEL_SIZE * session->shared->stream_count +
                  (size_t)MESSAGE_SIZE * session->queued_messages + session->queued_bytes;
    const struct bl_message *message = next_returned(session->inbox.first);
    for (; message != NULL; message = next_returned(message->next)) {
        size += MESSAGE_SIZE + message->size;
    }
    return size + bl_requests_record_size(session);
}

static uint32_t life_left(const struct bl_outgoing *message, bl_time now) {
    if (message->expires_at == BL_TIME_NEVER) {
        return BELAY_FOREVER;
    }
    return message->expires_at > now ? bl_to_ms(message->expires_at - now) : 0;
}

static void write_message(struct bl_writer *writer, const struct bl_outgoing *message,
                          bl_time now) {
    uint32_t size = message->expired ? 0 : message->size;
    bl_write_u32(writer, size);
    bl_write_u8(writer, (uint8_t)(message->expired | message->topical << 1));
    bl_write_u32(writer, life_left(message, now));
    for (uint32_t i = 0; size > 0 && i < message->packet_count; i++) {
        struct bl_span part = bl_outgoing_part(message, i);
        bl_write_bytes(writer, part.data, part.size);
    }
}

/**
 * Up to where the client need not send again: its application's messages that were polled, and what
 * it cannot have any more, because another process of it has sent it.
 */
static uint32_t settled(const struct bl_session *session, uint8_t channel) {
    uint32_t former = session->uncredited;
    const struct bl_message *message = session->inbox.first;
    for (; message != NULL; message = message->next) {
        if (!bl_message_is_reliable(session->shared, message)) {
            continue;
        }
        if (former > 0) {
            former--;
        } else if (message->channel == channel) {
            return message->sequence - 1;
        }
    }
    return session->channels[channel].receive.received;
}

static void write_reliable(struct bl_writer *writer, const struct bl_session *session,
                           uint8_t channel) {
    const struct bl_send_stream *send = &session->channels[channel].send;
    bl_time now = session->shared->now;
    bl_write_u32(writer, settled(session, channel));
    bl_write_u32(writer, send->first_sequence);
    bl_write_u32(writer, send->begun);
    bl_write_u32(writer, send->sent);
    bl_write_u32(writer, send->messages.count);
    for (uint32_t i = 0; i < send->messages.count; i++) {
        write_message(writer, bl_ring_at(&send->messages, i), now);
    }
}

static void write_returned(struct bl_writer *writer, const struct bl_session *session) {
    uint32_t count = 0;
    const struct bl_message *first = next_returned(session->inbox.first);
    for (const struct bl_message *at = first; at != NULL; at = next_returned(at->next)) {
        count++;
    }
    bl_write_u32(writer, count);
    for (const struct bl_message *at = first; at != NULL; at = next_returned(at->next)) {
        bl_write_u8(writer, at->channel | (at->topical ? BL_TOPICAL : 0));
        bl_write_u32(writer, at->sequence);
        bl_write_u32(writer, (uint32_t)at->size);
        bl_write_bytes(writer, at->data, at->size);
    }
}

void bl_record_write(struct bl_writer *writer, const struct bl_session *session) {
    const struct bl_shared *shared = session->shared;
    bl_write_bytes(writer, session->name, sizeof session->name);
    bl_write_bytes(writer, session->identity, sizeof session->identity);
    bl_write_u32(writer, session->generation);
    bl_write_u32(writer, session->attempt_generation);
    bl_write_u64(writer, session->attempt);
    bl_write_u32(writer, session->features);
    bl_write_u32(writer, bl_to_ms(session->heartbeat));
    bl_write_u32(writer, bl_to_ms(session->lost));
    bl_write_u32(writer, bl_to_ms(session->resume_window));
    bl_write_u16(writer, session->peer_credit.messages);
    bl_write_u32(writer, session->peer_credit.bytes);
    bl_write_u16(writer, session->peer_credit.requests);
    bl_write_u32(writer, session->resumes);
    bl_write_u32(writer, session->migrations);
    bl_write_u64(writer, session->messages_in);
    bl_write_u64(writer, session->messages_out);
    bl_write_u64(writer, session->bytes_in);
    bl_write_u64(writer, session->bytes_out);
    for (uint8_t i = 0; i < shared->stream_count; i++) {
        if (shared->channels[i].mode == BELAY_RELIABLE) {
            write_reliable(writer, session, i);
        } else {
            bl_write_u32(writer, session->channels[i].unreliable.sent);
            bl_write_u32(writer, session->channels[i].unreliable.newest);
        }
    }
    write_returned(writer, session);
    bl_requests_write(writer, session);
}

static bool read_message(struct bl_reader *reader, struct bl_session *session,
                         struct bl_send_stream *stream) {
    uint32_t size = bl_read_u32(reader);
    uint8_t flags = bl_read_u8(reader);
    bool expired = (flags & 1) != 0;
    uint32_t life = bl_read_u32(reader);
    const uint8_t *data = bl_read_span(reader, size);
    bl_time expires =
        life == BELAY_FOREVER ? BL_TIME_NEVER : session->shared->now + bl_from_ms(life);
    const struct bl_payload payload = {.data = {data, size}, .topical = (flags & 2) != 0};
    if (reader->failed || size > BELAY_MESSAGE_MAX || (expired && size > 0) || flags > 3 ||
        (payload.topical && !expired && size < BL_TOPIC_SIZE) ||
        (expired ? bl_send_stream_push_skip(stream)
                 : bl_send_stream_push_payload(stream, &payload, expires)) != BELAY_OK) {
        return false;
    }
    session->expired_messages += expired;
    bl_outgoing_count_restored(session, size);
    return true;
}

static bool read_reliable(struct bl_reader *reader, struct bl_session *session, uint8_t number) {
    struct bl_session_channel *channel = &session->channels[number];
    uint32_t handled = bl_read_u32(reader);
    uint32_t first = bl_read_u32(reader);
    uint32_t begun = bl_read_u32(reader);
    uint32_t sent = bl_read_u32(reader);
    uint32_t count = bl_read_u32(reader);
    channel->receive.received = channel->receive.handled = handled;
    session->report_channels |= (uint32_t)(handled != 0) << number;
    bl_send_stream_start_at(&channel->send, first);
    for (uint32_t i = 0; i < count; i++) {
        if (!read_message(reader, session, &channel->send)) {
            return false;
        }
    }
    channel->send.begun = begun;
    channel->send.sent = sent;
    return !reader->failed && sent + 1 - first <= count && begun + 1 - first <= count &&
           begun - sent <= 1;
}

static bool read_channels(struct bl_reader *reader, struct bl_session *session) {
    const struct bl_shared *shared = session->shared;
    for (uint8_t i = 0; i < shared->stream_count; i++) {
        if (shared->channels[i].mode != BELAY_RELIABLE) {
            session->channels[i].unreliable.sent = bl_read_u32(reader);
            session->channels[i].unreliable.newest = bl_read_u32(reader);
        } else if (!read_reliable(reader, session, i)) {
            return false;
        }
    }
    return !reader->failed;
}

static bool read_one_returned(struct bl_reader *reader, struct bl_session *session) {
    struct bl_shared *shared = session->shared;
    uint8_t named = bl_read_u8(reader);
    uint8_t channel = named & (BL_TOPICAL - 1);
    uint32_t sequence = bl_read_u32(reader);
    uint32_t size = bl_read_u32(reader);
    const uint8_t *data = bl_read_span(reader, size);
    bool topical = channel != named;
    if (reader->failed || size > BELAY_MESSAGE_MAX || (topical && size < BL_TOPIC_SIZE) ||
        channel >= shared->stream_count || shared->channels[channel].mode != BELAY_RELIABLE) {
        return false;
    }
    struct bl_message *message = bl_message_create(shared);
    uint8_t *block = bl_allocate(shared->memory, size > 0 ? size : 1);
    if (message == NULL || block == NULL) {
        bl_message_free(shared, message);
        bl_free(shared->memory, block, size > 0 ? size : 1);
        return false;
    }
    memcpy(block, data, size);
    message->kind = BL_MESSAGE_EXPIRED;
    message->channel = channel;
    message->topical = topical;
    message->sequence = sequence;
    message->data = message->block = block;
    message->size = size;
    message->block_size = size > 0 ? size : 1;
    bl_inbox_push(&session->inbox, message);
    return true;
}

static bool read_returned(struct bl_reader *reader, struct bl_session *session) {
    uint32_t count = bl_read_u32(reader);
    for (uint32_t i = 0; i < count; i++) {
        if (!read_one_returned(reader, session)) {
            return false;
        }
    }
    return !reader->failed;
}

static bool read_session(struct bl_reader *reader, struct bl_session *session) {
    session->generation = bl_read_u32(reader);
    session->attempt_generation = bl_read_u32(reader);
    session->attempt = bl_read_u64(reader);
    session->features = bl_read_u32(reader) & session->shared->features;
    session->heartbeat = bl_from_ms(bl_read_u32(reader));
    session->lost = bl_from_ms(bl_read_u32(reader));
    session->resume_window = bl_from_ms(bl_read_u32(reader));
    session->peer_credit.messages = bl_read_u16(reader);
    session->peer_credit.bytes = bl_read_u32(reader);
    session->peer_credit.requests = bl_read_u16(reader);
    session->resumes = bl_read_u32(reader);
    session->migrations = bl_read_u32(reader);
    session->messages_in = bl_read_u64(reader);
    session->messages_out = bl_read_u64(reader);
    session->bytes_in = bl_read_u64(reader);
    session->bytes_out = bl_read_u64(reader);
    return session->heartbeat > 0 && session->lost > 0 && session->resume_window > 0 &&
           read_channels(reader, session) && read_returned(reader, session) &&
           bl_requests_read(reader, session);
}

enum belay_result bl_record_read(struct bl_reader *reader, struct bl_coordinator *coordinator) {
    static const struct belay_reason away = {/* if nobody comes back */
                                             .who = BELAY_WHO_NETWORK,
                                             .code = BELAY_REASON_TIMEOUT,
                                             .come_back = true};
    uint8_t name[BL_SESSION_NAME_SIZE], user_id[16];
    bl_read_copy(reader, name, sizeof name);
    bl_read_copy(reader, user_id, sizeof user_id);
    if (reader->failed) {
        return bl_fail(BELAY_E_KEY, "take_over: the records are cut short");
    }
    struct bl_session *session = bl_coordinator_adopt(coordinator, name, user_id);
    if (session == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "take_over: no room for all sessions; session_max must "
                                          "not be less than before");
    }
    if (!read_session(reader, session)) {
        bl_coordinator_remove(coordinator, session->handle);
        return bl_fail(BELAY_E_KEY, "take_over: a session's record cannot be read");
    }
    if (!bl_session_extend(session)) {
        bl_coordinator_remove(coordinator, session->handle);
        return bl_fail(BELAY_E_NO_MEMORY, "take_over: no memory for a session's moves");
    }
    bl_session_set_reason(session, &away);
    bl_session_hold(session);
    return BELAY_OK;
}
