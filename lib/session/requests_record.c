/*
 * Requests of a session that goes on in the next process of a server. What that process has to
 * answer it has never seen, so what was shown and not answered is answered with LOST; what was not
 * shown comes again.
 */
#include "lib/session/parts.h"
#include "lib/session/request_parts.h"

#define ASKED_SIZE    20U /* sequence, cookie, time left, code */
#define RECEIVED_SIZE 4U

/** The next one of ours that poll() has not told: ended, or answered. */
static const struct bl_message *next_untold(const struct bl_message *message) {
    while (message != NULL && message->kind != BL_MESSAGE_ENDED &&
           message->kind != BL_MESSAGE_REPLY) {
        message = message->next;
    }
    return message;
}

static uint32_t count_untold(const struct bl_session *session) {
    uint32_t count = 0;
    const struct bl_message *at = next_untold(session->inbox.first);
    for (; at != NULL; at = next_untold(at->next)) {
        count++;
    }
    return count;
}

size_t bl_requests_record_size(const struct bl_session *session) {
    const struct bl_requests *requests = &session->requests;
    return 8 + (size_t)ASKED_SIZE * (requests->asked.count + count_untold(session)) +
           (size_t)RECEIVED_SIZE * requests->received.count;
}

/** @param code  0: it is pending */
static void write_asked(struct bl_writer *writer, const struct bl_request *request, bl_time now,
                        int32_t code) {
    uint32_t left = BELAY_FOREVER;
    if (request->deadline != BL_TIME_NEVER) {
        left = request->deadline > now ? bl_to_ms(request->deadline - now) : 0;
    }
    bl_write_u32(writer, request->sequence);
    bl_write_u64(writer, request->cookie);
    bl_write_u32(writer, left);
    bl_write_u32(writer, (uint32_t)code);
}

/** Whether the process of the client that sent it is another one than now. */
static bool is_former(const struct bl_session *session, const struct bl_message *message) {
    uint32_t before = 0;
    for (const struct bl_message *at = session->inbox.first; at != message; at = at->next) {
        before += bl_message_is_reliable(session->shared, at);
    }
    return before < session->uncredited;
}

/** An answer that was not polled is sent again, if who sent it is still there. */
static int32_t untold_code(const struct bl_session *session, const struct bl_message *message) {
    if (message->kind == BL_MESSAGE_ENDED) {
        return message->request->code;
    }
    return is_former(session, message) ? BELAY_REPLY_LOST : 0;
}

/** It has been shown, and not answered. */
static bool is_owed(const struct bl_session *session, const struct bl_request *request) {
    return request->message == NULL || session->shared->polled.message == request->message;
}

static void write_owed(struct bl_writer *writer, const struct bl_session *session) {
    const struct bl_request *first = session->requests.received.first;
    uint32_t count = 0;
    for (const struct bl_request *at = first; at != NULL; at = at->next) {
        count += is_owed(session, at);
    }
    bl_write_u32(writer, count);
    for (const struct bl_request *at = first; at != NULL; at = at->next) {
        if (is_owed(session, at)) {
            bl_write_u32(writer, at->sequence);
        }
    }
}

void bl_requests_write(struct bl_writer *writer, const struct bl_session *session) {
    const struct bl_requests *requests = &session->requests;
    bl_time now = bl_attended(session->shared);
    bl_write_u32(writer, requests->asked.count + count_untold(session));
    const struct bl_message *untold = next_untold(session->inbox.first);
    for (; untold != NULL; untold = next_untold(untold->next)) {
        write_asked(writer, untold->request, now, untold_code(session, untold));
    }
    for (const struct bl_request *at = requests->asked.first; at != NULL; at = at->next) {
        write_asked(writer, at, now, 0);
    }
    write_owed(writer, session);
}

static bool read_asked(struct bl_reader *reader, struct bl_session *session) {
    uint32_t sequence = bl_read_u32(reader);
    uint64_t cookie = bl_read_u64(reader);
    uint32_t left = bl_read_u32(reader);
    int32_t code = (int32_t)bl_read_u32(reader);
    struct bl_request *request =
        reader->failed || code > 0 ? NULL : bl_request_create(session, true);
    if (request == NULL) {
        return false;
    }
    request->sequence = sequence;
    request->cookie = cookie;
    if (left != BELAY_FOREVER) {
        request->deadline = bl_attended(session->shared) + bl_from_ms(left);
    }
    if (code == 0) {
        bl_request_append(&session->requests.asked, request);
    } else {
        bl_request_end(session, request, code, NULL);
    }
    return true;
}

/** Like what the old process had queued: no event tells of it, as OPEN is not told yet. */
static bool queue_lost(struct bl_session *session, uint32_t sequence) {
    const struct bl_request_head head = {
        .kind = BL_REQUEST_ANSWER, .sequence = sequence, .code = BELAY_REPLY_LOST};
    uint8_t bytes[BL_REQUEST_HEAD_SIZE];
    size_t size = bl_request_write(bytes, &head);
    struct bl_send_stream *stream = &bl_request_stream(session)->send;
    if (bl_send_stream_push(stream, bytes, size, BL_TIME_NEVER) != BELAY_OK) {
        return false;
    }
    bl_outgoing_count_restored(session, size);
    return true;
}

bool bl_requests_read(struct bl_reader *reader, struct bl_session *session) {
    uint32_t asked = bl_read_u32(reader);
    for (uint32_t i = 0; i < asked; i++) {
        if (!read_asked(reader, session)) {
            return false;
        }
    }
    uint32_t owed = bl_read_u32(reader);
    for (uint32_t i = 0; i < owed; i++) {
        uint32_t sequence = bl_read_u32(reader);
        if (reader->failed || !queue_lost(session, sequence)) {
            return false;
        }
    }
    bl_requests_judge_deadline(session);
    return !reader->failed;
}
