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
#include "lib/session/request_parts.h"

void bl_requests_init(struct bl_requests *requests) {
    *requests = (struct bl_requests){.deadline = BL_TIME_NEVER};
}

/* ---- lists */

void bl_request_append(struct bl_request_list *list, struct bl_request *request) {
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

void bl_requests_judge_deadline(struct bl_session *session) {
    struct bl_requests *requests = &session->requests;
    requests->deadline = BL_TIME_NEVER;
    for (struct bl_request *at = requests->asked.first; at != NULL; at = at->next) {
        requests->deadline = bl_earlier(requests->deadline, at->deadline);
    }
    bl_session_schedule(session);
}

/* ---- asking */

struct bl_request *bl_request_create(struct bl_session *session, bool asked) {
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
        return bl_fail(BELAY_E_STATE, "request: the other side takes no requests");
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
    struct bl_request *request = bl_request_create(session, true);
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
    bl_request_append(&session->requests.asked, request);
    bl_requests_judge_deadline(session);
    if (out != NULL) {
        *out = request->handle;
    }
    return BELAY_OK;
}

/* ---- how a request of ours ends */

void bl_request_end(struct bl_session *session, struct bl_request *request, int32_t code,
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
    bl_request_end(session, request, code, NULL);
    bl_requests_judge_deadline(session);
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
    struct bl_request *request = bl_request_create(session, false);
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
    bl_request_append(&requests->received, request);
}

static void take_answer(struct bl_session *session, struct bl_message *message,
                        const struct bl_request_head *head) {
    struct bl_request *request = find(&session->requests.asked, head->sequence);
    if (request == NULL) { /* it has ended here, and a CANCEL is under way */
        bl_drop(session->shared, BELAY_DROP_REQUEST);
        return;
    }
    unlist(&session->requests.asked, request);
    bl_request_end(session, request, head->code, message);
    bl_requests_judge_deadline(session);
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
        bl_request_end(session, at, code, NULL);
    }
    bl_requests_judge_deadline(session);
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
