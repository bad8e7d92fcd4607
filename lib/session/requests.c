/*
 * A request is in the list of its direction while it is pending; its message is the inbox's, and
 * keeps it for as long as its event may be looked at. It is freed when neither has it.
 *
 * What tells of an end without an answer is made together with the request, so that no end can fail
 * for want of memory. The other side counts what is pending too, so it must hear of each end: what
 * tells it goes out whether or not the send buffer is full. There are never more of these than
 * requests, each of which had to find room.
 */
#include "lib/session/requests.h"

#include "common/assert.h"
#include "common/error.h"
#include "common/serial.h"
#include "lib/session/parts.h"
#include "lib/wire/request.h"

struct bl_request {
    struct bl_request *next; /* of its list */
    belay_request handle;
    uint32_t sequence;
    uint32_t type, deadline_ms;
    uint64_t cookie;
    int32_t code; /* how it ended */
    bl_time deadline;
    bool listed;
    struct bl_session *session; /* while it is listed */
    struct bl_message *message; /* asked: to tell of its end; received: that brought it */
};

void bl_requests_init(struct bl_requests *requests) {
    *requests = (struct bl_requests){.deadline = BL_TIME_NEVER};
}

/* ---- lists */

static void append(struct bl_request_list *list, struct bl_request *request) {
    *(list->last != NULL ? &list->last->next : &list->first) = request;
    list->last = request;
    list->count++;
    request->next = NULL;
    request->listed = true;
}

static struct bl_request *find(const struct bl_request_list *list, uint32_t sequence) {
    struct bl_request *request = list->first;
    while (request != NULL && request->sequence != sequence) {
        request = request->next;
    }
    return request;
}

static void unlist(struct bl_request_list *list, struct bl_request *request) {
    struct bl_request *previous = NULL;
    for (struct bl_request *at = list->first; at != request; at = at->next) {
        previous = at;
    }
    *(previous != NULL ? &previous->next : &list->first) = request->next;
    list->last = list->last == request ? previous : list->last;
    list->count--;
    request->listed = false;
}

/** Frees it if nobody has it any more. */
static void let_go(struct bl_shared *shared, struct bl_request *request) {
    if (!request->listed && request->message == NULL) {
        bl_free(shared->memory, request, sizeof *request);
    }
}

/** Nobody can name it from now on. */
static void unname(struct bl_shared *shared, struct bl_request *request) {
    bl_slot_map_remove(&shared->requests, request->handle);
}

static void judge_deadline(struct bl_session *session) {
    struct bl_requests *requests = &session->requests;
    requests->deadline = BL_TIME_NEVER;
    for (struct bl_request *at = requests->asked.first; at != NULL; at = at->next) {
        requests->deadline = bl_earlier(requests->deadline, at->deadline);
    }
    bl_session_schedule(session);
}

/* ---- asking */

/** A request in no list, with the node that will tell of its end; NULL: no memory. */
static struct bl_request *create(struct bl_session *session, bool asked) {
    struct bl_shared *shared = session->shared;
    struct bl_request *request = bl_allocate(shared->memory, sizeof *request);
    struct bl_message *message = asked && request != NULL ? bl_message_create(shared) : NULL;
    if (request != NULL && (message != NULL || !asked)) {
        request->session = session;
        request->message = message;
        request->deadline = BL_TIME_NEVER;
        request->handle = bl_slot_map_add(&shared->requests, request);
        if (request->handle != 0) {
            return request;
        }
    }
    bl_message_free(shared, message);
    bl_free(shared->memory, request, sizeof *request);
    return NULL;
}

static void destroy(struct bl_shared *shared, struct bl_request *request) {
    unname(shared, request);
    bl_message_free(shared, request->message);
    bl_free(shared->memory, request, sizeof *request);
}

static enum belay_result check_question(const struct bl_session *session,
                                        const struct bl_question *question) {
    const struct bl_requests *requests = &session->requests;
    if (session->inbox.closed || session->closing) {
        return bl_fail(BELAY_E_GONE, "request: the session is closed");
    }
    if (!session->accepted) {
        return bl_fail(BELAY_E_STATE, "request: wait for the OPEN event");
    }
    if ((session->features & BL_FEATURE_REQUESTS) == 0 || session->peer_credit.requests == 0) {
        return bl_fail(BELAY_E_STATE, "request: the other side's version knows no requests");
    }
    if (question->data.data == NULL && question->data.size > 0) {
        return bl_fail(BELAY_E_INVALID, "data: NULL with a size of %zu", question->data.size);
    }
    if (requests->asked.count >= session->peer_credit.requests ||
        requests->asked.count >= BELAY_REQUESTS_MAX) { /* whatever the other side claims */
        return bl_fail(BELAY_E_WOULD_BLOCK,
                       "request: %u wait for an answer already; go on at the next REPLY event",
                       requests->asked.count);
    }
    return BELAY_OK;
}

static uint32_t deadline_of(uint32_t ms) {
    return ms != 0 ? ms : BELAY_REQUEST_MS_DEFAULT;
}

/** @param data  the application's; NULL: ours alone, which must find room */
static enum belay_result say(struct bl_session *session, const struct bl_request_head *head,
                             const struct bl_span *data) {
    uint8_t bytes[BL_REQUEST_HEAD_SIZE];
    struct bl_payload payload = {.head = {bytes, bl_request_write(bytes, head)}};
    if (data != NULL) {
        payload.data = *data;
    }
    return bl_outgoing_queue_request(session, &payload, data == NULL);
}

enum belay_result bl_request_ask(struct bl_session *session, const struct bl_question *question,
                                 belay_request *out) {
    struct bl_shared *shared = session->shared;
    enum belay_result result = check_question(session, question);
    if (result != BELAY_OK) {
        return result;
    }
    struct bl_request *request = create(session, true);
    if (request == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for a request");
    }
    const struct bl_request_head head = {.kind = BL_REQUEST_ASK,
                                         .type = question->type,
                                         .deadline_ms = deadline_of(question->deadline_ms)};
    result = say(session, &head, &question->data);
    if (result != BELAY_OK) {
        destroy(shared, request);
        return result;
    }
    request->sequence = bl_send_stream_newest(&bl_request_stream(session)->send);
    request->cookie = question->cookie;
    if (head.deadline_ms != BELAY_FOREVER) {
        request->deadline = bl_attended(shared) + bl_from_ms(head.deadline_ms);
    }
    append(&session->requests.asked, request);
    judge_deadline(session);
    if (out != NULL) {
        *out = request->handle;
    }
    return BELAY_OK;
}

/* ---- how a request of ours ends */

/** Puts its end where poll() finds it. @param message NULL: nothing has come that tells it */
static void tell_end(struct bl_session *session, struct bl_request *request, int32_t code,
                     struct bl_message *message) {
    struct bl_shared *shared = session->shared;
    request->code = code;
    unname(shared, request);
    if (message != NULL) { /* which goes its way through the inbox with all others */
        bl_message_free(shared, request->message);
        request->message = message;
        message->kind = BL_MESSAGE_REPLY;
        message->request = request;
        return;
    }
    request->message->kind = BL_MESSAGE_ENDED;
    request->message->channel = bl_request_channel(shared);
    request->message->request = request;
    bl_inbox_push(&session->inbox, request->message);
    bl_session_mark_ready(session);
}

/** The other side could not be told of an end: from now on the two would count differently. */
static void fail_to_say(struct bl_session *session) {
    static const struct belay_reason overload = {.code = BELAY_REASON_OVERLOAD, .come_back = true};
    bl_session_close(session, &overload, 0);
}

/** Ends one that the other side may still be busy with. */
static void give_up(struct bl_session *session, struct bl_request *request, int32_t code) {
    const struct bl_request_head head = {.kind = BL_REQUEST_CANCEL, .sequence = request->sequence};
    unlist(&session->requests.asked, request);
    tell_end(session, request, code, NULL);
    judge_deadline(session);
    if (say(session, &head, NULL) != BELAY_OK) {
        fail_to_say(session);
    }
}

static struct bl_request *find_late(const struct bl_session *session, bl_time now) {
    struct bl_request *request = session->requests.asked.first;
    while (request != NULL && now < request->deadline) {
        request = request->next;
    }
    return request;
}

void bl_requests_evaluate(struct bl_session *session, bl_time now) {
    struct bl_request *late;
    while ((late = find_late(session, now)) != NULL) {
        give_up(session, late, BELAY_REPLY_DEADLINE);
    }
}

enum belay_result bl_request_cancel(struct bl_shared *shared, belay_request handle) {
    struct bl_request *request = bl_slot_map_get(&shared->requests, handle);
    if (request == NULL || find(&request->session->requests.asked, request->sequence) != request) {
        return bl_fail(BELAY_E_GONE, "request: this handle names none that waits for an answer");
    }
    give_up(request->session, request, BELAY_REPLY_CANCELLED);
    return BELAY_OK;
}

/* ---- answering */

/** It is not pending any more, and nobody can name it. */
static void settle(struct bl_session *session, struct bl_request *request) {
    unname(session->shared, request);
    unlist(&session->requests.received, request);
    let_go(session->shared, request);
}

enum belay_result bl_request_answer(struct bl_shared *shared, belay_request handle, int32_t code,
                                    const struct bl_span *data) {
    struct bl_request *request = bl_slot_map_get(&shared->requests, handle);
    if (request == NULL ||
        find(&request->session->requests.received, request->sequence) != request) {
        return bl_fail(BELAY_E_GONE, "request: this handle names none that can be answered: it was "
                                     "answered or cancelled, or its session has ended");
    }
    if (code < 0) {
        return bl_fail(BELAY_E_INVALID, "code: %d, those below 0 are Belay's own", (int)code);
    }
    if (data->data == NULL && data->size > 0) {
        return bl_fail(BELAY_E_INVALID, "data: NULL with a size of %zu", data->size);
    }
    const struct bl_request_head head = {
        .kind = BL_REQUEST_ANSWER, .sequence = request->sequence, .code = code};
    enum belay_result result = say(request->session, &head, data);
    if (result == BELAY_OK) {
        settle(request->session, request);
    }
    return result;
}

/** Answers without the application. Who asks so has not been counted, so nothing bounds how often:
 * there must be room. */
static void refuse(struct bl_session *session, uint32_t sequence) {
    const struct bl_request_head head = {
        .kind = BL_REQUEST_ANSWER, .sequence = sequence, .code = BELAY_REPLY_REFUSED};
    if (say(session, &head, &(struct bl_span){0}) != BELAY_OK) {
        fail_to_say(session);
    }
}

/* ---- what comes in */

static void take_ask(struct bl_session *session, struct bl_message *message,
                     const struct bl_request_head *head) {
    struct bl_requests *requests = &session->requests;
    if (requests->received.count >= session->shared->limits.credit.requests) {
        bl_session_break(session, "more requests than may be pending");
        return;
    }
    struct bl_request *request = create(session, false);
    if (request == NULL) {
        bl_drop(session->shared, BELAY_DROP_MEMORY);
        refuse(session, message->sequence);
        return;
    }
    request->sequence = message->sequence;
    request->type = head->type;
    request->deadline_ms = head->deadline_ms;
    request->message = message;
    message->kind = BL_MESSAGE_REQUEST;
    message->request = request;
    append(&requests->received, request);
}

static void take_answer(struct bl_session *session, struct bl_message *message,
                        const struct bl_request_head *head) {
    struct bl_request *request = find(&session->requests.asked, head->sequence);
    if (request == NULL) { /* it has ended here, and a CANCEL is under way */
        bl_drop(session->shared, BELAY_DROP_REQUEST);
        return;
    }
    unlist(&session->requests.asked, request);
    tell_end(session, request, head->code, message);
    judge_deadline(session);
}

static void take_cancel(struct bl_session *session, const struct bl_request_head *head) {
    struct bl_request *request = find(&session->requests.received, head->sequence);
    if (request == NULL) { /* its answer is under way */
        bl_drop(session->shared, BELAY_DROP_REQUEST);
        return;
    }
    if (request->message != NULL) { /* not polled yet, or looked at now */
        request->message->kind = BL_MESSAGE_SKIPPED;
    }
    settle(session, request);
}

void bl_requests_take(struct bl_session *session, struct bl_message *message) {
    struct bl_request_head head;
    bool readable = bl_request_read(&head, message->data, message->size);
    bool agreed = !session->accepted || (session->features & BL_FEATURE_REQUESTS) != 0;
    message->kind = BL_MESSAGE_SKIPPED; /* unless one of these makes more of it */
    if (!agreed) {
        bl_drop(session->shared, BELAY_DROP_STATE);
    } else if (!readable) {
        bl_drop(session->shared, BELAY_DROP_FRAME);
        if (head.kind == BL_REQUEST_ASK) {
            refuse(session, message->sequence);
        }
    } else if (head.kind == BL_REQUEST_ASK) {
        take_ask(session, message, &head);
    } else if (head.kind == BL_REQUEST_ANSWER) {
        take_answer(session, message, &head);
    } else {
        take_cancel(session, &head);
    }
}

void bl_request_tell(const struct bl_message *message, struct belay_event *event) {
    const struct bl_request *request = message->request;
    bool came = message->size > BL_REQUEST_HEAD_SIZE;
    const void *data = came ? message->data + BL_REQUEST_HEAD_SIZE : (const uint8_t *)"";
    size_t size = came ? message->size - BL_REQUEST_HEAD_SIZE : 0;
    if (message->kind == BL_MESSAGE_REQUEST) {
        event->type = BELAY_EVENT_REQUEST;
        event->request = (struct belay_request_event){.id = request->handle,
                                                      .type = request->type,
                                                      .data = data,
                                                      .size = size,
                                                      .deadline_ms = request->deadline_ms};
        return;
    }
    event->type = BELAY_EVENT_REPLY;
    event->reply = (struct belay_reply_event){.id = request->handle,
                                              .cookie = request->cookie,
                                              .code = request->code,
                                              .data = data,
                                              .size = size};
}

void bl_request_release(struct bl_shared *shared, struct bl_message *message) {
    struct bl_request *request = message->request;
    message->request = NULL;
    if (request != NULL) {
        request->message = NULL;
        let_go(shared, request);
    }
}

/* ---- ends of all */

/** Those of the other side: nobody can answer them any more. */
static void forget_received(struct bl_session *session) {
    while (session->requests.received.first != NULL) {
        struct bl_request *request = session->requests.received.first;
        if (request->message != NULL && session->shared->polled.message != request->message) {
            request->message->kind = BL_MESSAGE_SKIPPED;
        }
        settle(session, request);
    }
}

/** Those of ours up to a sequence; nobody needs to hear of it. */
static void end_asked(struct bl_session *session, uint32_t up_to, int32_t code) {
    struct bl_request *next;
    for (struct bl_request *at = session->requests.asked.first; at != NULL; at = next) {
        next = at->next;
        if (bl_serial_after(at->sequence, up_to)) {
            continue;
        }
        unlist(&session->requests.asked, at);
        tell_end(session, at, code, NULL);
    }
    judge_deadline(session);
}

void bl_requests_end(struct bl_session *session) {
    uint32_t newest = bl_send_stream_newest(&bl_request_stream(session)->send);
    end_asked(session, newest, BELAY_REPLY_GONE);
    forget_received(session);
}

void bl_requests_forget_process(struct bl_session *session, uint32_t asked) {
    end_asked(session, asked, BELAY_REPLY_LOST);
    forget_received(session);
}

void bl_requests_finish(struct bl_session *session) {
    struct bl_shared *shared = session->shared;
    struct bl_requests *requests = &session->requests;
    while (requests->asked.first != NULL) {
        struct bl_request *request = requests->asked.first;
        unlist(&requests->asked, request);
        destroy(shared, request);
    }
    while (requests->received.first != NULL) {
        settle(session, requests->received.first);
    }
}

/* ---- for the next process of a server */

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
    const struct bl_channel *channels = session->shared->channels;
    uint32_t before = 0;
    for (const struct bl_message *at = session->inbox.first; at != message; at = at->next) {
        before += bl_message_came_in(at) && channels[at->channel].mode == BELAY_RELIABLE;
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
    struct bl_request *request = reader->failed || code > 0 ? NULL : create(session, true);
    if (request == NULL) {
        return false;
    }
    request->sequence = sequence;
    request->cookie = cookie;
    if (left != BELAY_FOREVER) {
        request->deadline = bl_attended(session->shared) + bl_from_ms(left);
    }
    if (code == 0) {
        append(&session->requests.asked, request);
    } else {
        tell_end(session, request, code, NULL);
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
    session->queued_messages++;
    session->queued_bytes += (uint32_t)size;
    bl_room_take(session, size);
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
    judge_deadline(session);
    return !reader->failed;
}
