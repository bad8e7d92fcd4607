/*
 * poll(): one event at a time, each session in its turn.
 *
 * Before OPEN has been told a client's messages wait, as they may have overtaken the WELCOME. A
 * message is handled, and what it lent is taken back, at the next poll; so is a session whose end
 * was told.
 */
#include "lib/session/parts.h"

#include "common/reason_text.h"
#include <string.h>

/** Takes back what the last poll lent. */
static void give_back(struct bl_shared *shared) {
    struct bl_polled polled = shared->polled;
    shared->polled = (struct bl_polled){0};
    if (polled.message != NULL) {
        if (polled.session != NULL) {
            bl_session_handle(polled.session, polled.message);
        }
        bl_message_free(shared, polled.message);
    }
    bl_free(shared->memory, polled.gaps, polled.gaps_size);
    if (polled.payload && polled.session != NULL) {
        bl_session_forget_payload(polled.session);
    }
    if (polled.closed && polled.session != NULL) {
        shared->retire(shared->user, polled.session);
    }
}

static const struct belay_reason *lend_reason(struct bl_shared *shared,
                                              const struct bl_session *session,
                                              const struct bl_record *record) {
    const struct bl_reason *reason = &session->reason;
    const char *text = record->code == reason->code ? reason->text : bl_reason_text(record->code);
    memcpy(shared->polled_text, text, strlen(text) + 1);
    shared->polled_reason = (struct belay_reason){.who = record->who,
                                                  .code = record->code,
                                                  .come_back = reason->come_back,
                                                  .retry_ms = reason->retry_ms,
                                                  .text = shared->polled_text};
    return &shared->polled_reason;
}

/** What the other side put into HELLO or WELCOME. */
static void lend_payload(struct bl_shared *shared, struct bl_session *session, const void **data,
                         size_t *size) {
    shared->polled.session = session;
    shared->polled.payload = true;
    *data = session->login_data;
    *size = session->login_size;
}

static void lend_claim(const struct bl_session *session, struct belay_login_event *login) {
    const struct bl_identity *claim = session->claim;
    if (claim != NULL && claim->has_token) {
        login->token_data = claim->data;
        login->token_size = claim->data_size;
        login->has_user_id = true;
        memcpy(login->user_id, claim->user_id, sizeof login->user_id);
    }
}

static void lend_gaps(struct bl_shared *shared, struct bl_session *session,
                      struct belay_resumed_event *resumed) {
    shared->polled.gaps = session->gaps;
    shared->polled.gaps_size = session->gap_capacity * sizeof *session->gaps;
    resumed->gaps = session->gaps;
    resumed->gap_count = session->gap_count;
    session->gaps = NULL;
    session->gap_count = session->gap_capacity = 0;
}

static void tell_record(struct bl_shared *shared, struct bl_session *session,
                        const struct bl_record *record, struct belay_event *event) {
    event->type = (enum belay_event_type)record->type;
    switch (event->type) {
    case BELAY_EVENT_LOGIN:
        lend_payload(shared, session, &event->login.data, &event->login.size);
        lend_claim(session, &event->login);
        break;
    case BELAY_EVENT_OPEN:
        memcpy(event->open.user_id, session->identity, sizeof event->open.user_id);
        lend_payload(shared, session, &event->open.data, &event->open.size);
        if (shared->role == BL_ROLE_SERVER) { /* the payload was the client's, told with LOGIN */
            event->open.data = "";
            event->open.size = 0;
        }
        break;
    case BELAY_EVENT_DOWN:
        event->down.reason = lend_reason(shared, session, record);
        event->down.window_ms = record->numbers[0];
        break;
    case BELAY_EVENT_RESUMED:
        event->resumed.down_ms = record->numbers[0];
        lend_gaps(shared, session, &event->resumed);
        break;
    case BELAY_EVENT_LINK:
        event->link.suspect = record->flag;
        event->link.migrated = session->migrated;
        session->migrated = false;
        break;
    case BELAY_EVENT_BACKPRESSURE:
        event->backpressure.on = record->flag;
        event->backpressure.queued_messages = record->numbers[0];
        event->backpressure.queued_bytes = record->numbers[1];
        break;
    case BELAY_EVENT_DRAIN:
        event->drain.deadline_ms = record->numbers[0];
        event->drain.go_to = session->go_to;
        break;
    case BELAY_EVENT_MOVE_REFUSED:
        event->move_refused.verdict = (enum belay_move_verdict)record->from;
        event->move_refused.lane = record->to;
        event->move_refused.tick = record->numbers[0];
        event->move_refused.count = record->numbers[1];
        break;
    case BELAY_EVENT_STATE:
        event->state.from = (enum belay_state)record->from;
        event->state.to = (enum belay_state)record->to;
        event->state.reason = lend_reason(shared, session, record);
        event->state.time_ms = record->time_ms;
        break;
    case BELAY_EVENT_NONE:
    case BELAY_EVENT_MESSAGE:
    case BELAY_EVENT_CLOSED:
    case BELAY_EVENT_RETURNED:
    case BELAY_EVENT_REQUEST:
    case BELAY_EVENT_REPLY:
    case BELAY_EVENT_TICKET: /* the client's runtime has it */
        break;
    }
}

/** What was published to everybody names none. */
static belay_topic topic_of(const struct bl_message *message) {
    struct bl_reader reader = bl_reader_of(message->data, message->size);
    return message->topical ? bl_read_u32(&reader) : BELAY_TOPIC_ALL;
}

static void tell_message(struct bl_shared *shared, struct bl_session *session,
                         struct bl_message *message, struct belay_event *event) {
    size_t head = message->topical ? BL_TOPIC_SIZE : 0;
    size_t size = message->size - head;
    const void *data = size > 0 ? message->data + head : (const uint8_t *)"";
    shared->polled.session = session;
    shared->polled.message = message;
    if (message->kind == BL_MESSAGE_EXPIRED || message->kind == BL_MESSAGE_RETURNED) {
        event->type = BELAY_EVENT_RETURNED;
        event->returned.data = data;
        event->returned.size = size;
        event->returned.topic = topic_of(message);
        event->returned.channel = message->channel;
        event->returned.sequence = message->sequence;
        event->returned.expired = message->kind == BL_MESSAGE_EXPIRED;
        return;
    }
    if (message->request != NULL) {
        bl_request_tell(message, event);
        return;
    }
    event->type = BELAY_EVENT_MESSAGE;
    event->message.data = data;
    event->message.size = size;
    event->message.topic = topic_of(message);
    event->message.channel = message->channel;
    event->message.sequence = message->sequence;
}

static void tell_closed(struct bl_shared *shared, struct bl_session *session,
                        struct belay_event *event) {
    const struct bl_record ending = {.who = session->reason.who, .code = session->reason.code};
    shared->polled.session = session;
    shared->polled.closed = true;
    bl_session_info(session, &shared->polled_info);
    event->type = BELAY_EVENT_CLOSED;
    event->closed.reason = lend_reason(shared, session, &ending);
    event->closed.info = &shared->polled_info;
    event->closed.undelivered = session->undelivered + session->inbox.message_count;
    event->closed.unacked = session->queued_messages - session->expired_messages -
                            bl_request_stream(session)->send.messages.count;
}

/** The other side has forgotten the session, and with it what became of our messages. */
static bool has_lost_memory(const struct bl_session *session) {
    uint32_t code = session->reason.code;
    return session->inbox.closed && session->reason.who != BELAY_WHO_LOCAL &&
           (code == BELAY_REASON_STATE_LOST || code == BELAY_REASON_SERVER_RESTARTED);
}

/** The next message that the application sees; a skipped one is handled in passing. */
static struct bl_message *next_message(struct bl_session *session) {
    struct bl_message *message;
    if (!session->accepted) {
        return NULL;
    }
    while ((message = bl_inbox_pop(&session->inbox)) != NULL &&
           message->kind == BL_MESSAGE_SKIPPED) {
        bl_session_handle(session, message);
        bl_message_free(session->shared, message);
    }
    if (message == NULL && has_lost_memory(session)) {
        message = bl_outgoing_take_back(session);
    }
    return message;
}

static bool tell_next(struct bl_shared *shared, struct bl_session *session,
                      struct belay_event *event) {
    struct bl_record record;
    struct bl_message *message;
    *event = (struct belay_event){.session = session->handle, .user = session->user};
    if (bl_inbox_take_record(&session->inbox, &record)) {
        tell_record(shared, session, &record, event);
    } else if ((message = next_message(session)) != NULL) {
        tell_message(shared, session, message, event);
    } else if (session->inbox.closed) {
        tell_closed(shared, session, event);
    } else {
        return false;
    }
    return true;
}

static struct bl_session *take_ready(struct bl_shared *shared) {
    struct bl_session *session = shared->ready_first;
    if (session != NULL) {
        shared->ready_first = session->ready_next;
        if (shared->ready_first == NULL) {
            shared->ready_last = NULL;
        }
        session->inbox.ready = false;
    }
    return session;
}

bool bl_poll(struct bl_shared *shared, struct belay_event *event) {
    struct bl_session *session;
    give_back(shared);
    while ((session = take_ready(shared)) != NULL) {
        if (!tell_next(shared, session, event)) {
            continue;
        }
        if (event->type != BELAY_EVENT_CLOSED && !bl_inbox_is_empty(&session->inbox)) {
            bl_session_mark_ready(session);
        }
        return true;
    }
    *event = (struct belay_event){.type = BELAY_EVENT_NONE};
    return false;
}
