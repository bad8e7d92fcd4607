/*
 * The lifecycle: what the state table decides is carried out here.
 *
 * Whatever ends a session goes through bl_session_end(): the link is given back, CLOSED is queued
 * once, and the session waits for it to be polled. No function here frees the session; that is for
 * bl_poll(), after its end has been told.
 */
#include "lib/session/session.h"

#include "common/assert.h"
#include "common/container_of.h"
#include "common/error.h"
#include "common/log.h"
#include "common/reason_text.h"
#include "common/text.h"
#include "lib/session/parts.h"
#include <string.h>

/* Unsequenced frames of our own between two flushes; who asks more questions gets no more answers.
 */
#define ANSWERS_MAX 64

static void timer_fired(struct bl_timer *timer, bl_time now);

enum belay_result bl_session_create(struct bl_session **out, struct bl_shared *shared,
                                    const uint8_t identity[16]) {
    struct bl_session *session = bl_allocate(shared->memory, sizeof *session);
    size_t channels_size = shared->stream_count * sizeof *session->channels;
    struct bl_session_channel *channels = bl_allocate(shared->memory, channels_size);
    if (session == NULL || channels == NULL) {
        bl_free(shared->memory, session, sizeof *session);
        bl_free(shared->memory, channels, channels_size);
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for a session");
    }
    session->shared = shared;
    session->channels = channels;
    session->heartbeat = shared->limits.heartbeat;
    session->lost = shared->limits.lost;
    session->resume_window = shared->limits.resume_window;
    session->credit.messages = shared->limits.credit.messages;
    session->credit.bytes = shared->limits.credit.bytes;
    session->login_by = session->held_until = session->close_by = BL_TIME_NEVER;
    session->report_by = session->drain_by = session->probe_by = BL_TIME_NEVER;
    session->down_since = BL_TIME_NEVER;
    bl_requests_init(&session->requests);
    memcpy(session->identity, identity, sizeof session->identity);
    bl_timer_init(&session->timer, timer_fired);
    for (uint8_t i = 0; i < shared->stream_count; i++) {
        if (shared->channels[i].mode == BELAY_RELIABLE) {
            bl_send_stream_init(&channels[i].send, shared->memory, i);
        } else {
            channels[i].unreliable.sequenced = shared->channels[i].mode == BELAY_SEQUENCED;
        }
    }
    *out = session;
    return BELAY_OK;
}

static void leave_ready(struct bl_session *session) {
    struct bl_shared *shared = session->shared;
    struct bl_session *previous = NULL;
    for (struct bl_session *at = shared->ready_first; at != session; at = at->ready_next) {
        previous = at;
    }
    if (previous != NULL) {
        previous->ready_next = session->ready_next;
    } else {
        shared->ready_first = session->ready_next;
    }
    if (shared->ready_last == session) {
        shared->ready_last = previous;
    }
}

static void leave_pump(struct bl_session *session) {
    struct bl_session **at = &session->shared->pump_first;
    while (*at != session) {
        at = &(*at)->pump_next;
    }
    *at = session->pump_next;
}

/** Takes the session out of every list of its runtime; the marks tell whether it is in one. */
static void leave_lists(struct bl_session *session) {
    if (session->inbox.ready) {
        leave_ready(session);
    }
    if (session->pumping) {
        leave_pump(session);
    }
    bl_outgoing_forgo(session);
    struct bl_polled *polled = &session->shared->polled;
    if (polled->session == session) {
        polled->session = NULL;
    }
}

static void free_channels(struct bl_session *session) {
    struct bl_shared *shared = session->shared;
    for (uint8_t i = 0; i < shared->stream_count; i++) {
        if (shared->channels[i].mode == BELAY_RELIABLE) {
            bl_send_stream_finish(&session->channels[i].send);
            bl_receive_stream_finish(&session->channels[i].receive, shared->memory);
        } else {
            bl_unreliable_finish(&session->channels[i].unreliable, shared->memory);
        }
    }
    bl_free(shared->memory, session->channels, shared->stream_count * sizeof *session->channels);
}

static void forget_claim(struct bl_session *session) {
    bl_free(session->shared->memory, session->claim, sizeof *session->claim);
    session->claim = NULL;
}

void bl_session_destroy(struct bl_session *session) {
    if (session == NULL) {
        return;
    }
    struct bl_shared *shared = session->shared;
    if (session->peer != NULL) {
        bl_endpoint_release(shared->endpoint, session->peer, 0, BL_TOMBSTONE);
    }
    bl_timer_cancel(shared->wheel, &session->timer);
    if (session->extension != NULL) {
        shared->extension.ops->removed(session->extension);
    }
    leave_lists(session);
    for (struct bl_message *message; (message = bl_inbox_pop(&session->inbox)) != NULL;) {
        bl_message_free(shared, message);
    }
    bl_requests_finish(session);
    bl_room_give(session, session->waiting);
    free_channels(session);
    bl_session_forget_payload(session);
    forget_claim(session);
    bl_free(shared->memory, session->gaps, session->gap_capacity * sizeof *session->gaps);
    bl_free(shared->memory, session, sizeof *session);
}

bool bl_session_has_ended(const struct bl_session *session) {
    return session->inbox.closed;
}

void bl_session_mark_ready(struct bl_session *session) {
    struct bl_shared *shared = session->shared;
    if (session->inbox.ready) {
        return;
    }
    session->inbox.ready = true;
    session->ready_next = NULL;
    if (shared->ready_last != NULL) {
        shared->ready_last->ready_next = session;
    } else {
        shared->ready_first = session;
    }
    shared->ready_last = session;
}

void bl_session_mark_pump(struct bl_session *session) {
    if (!session->pumping) {
        session->pumping = true;
        session->pump_next = session->shared->pump_first;
        session->shared->pump_first = session;
    }
}

void bl_session_record(struct bl_session *session, const struct bl_record *record) {
    bl_inbox_record(&session->inbox, record);
    bl_session_mark_ready(session);
}

void bl_session_set_reason(struct bl_session *session, const struct belay_reason *reason) {
    const char *text = reason->text != NULL ? reason->text : bl_reason_text(reason->code);
    session->reason.who = reason->who;
    session->reason.code = reason->code;
    session->reason.come_back = reason->come_back;
    session->reason.retry_ms = reason->retry_ms;
    bl_text_clean(session->reason.text, sizeof session->reason.text, text,
                  bl_text_length(text, BELAY_REASON_TEXT_MAX));
}

bool bl_session_step(struct bl_session *session, enum bl_input input) {
    struct bl_edge edge = bl_state_edge(session->state, input, session->peer != NULL);
    BELAY_ASSERT(edge.kind == BL_EDGE_GO || edge.kind == BL_EDGE_IGNORE);
    if (edge.kind == BL_EDGE_IGNORE) {
        return false;
    }
    enum belay_state from = session->state;
    session->state = edge.next;
    bl_log(&session->shared->memory->hooks, BELAY_LOG_DEBUG, session->handle, "%s: %s to %s",
           bl_input_name(input), belay_state_name(from), belay_state_name(edge.next));
    if (session->shared->state_events) {
        bl_session_record(session, &(struct bl_record){
                                       .type = BELAY_EVENT_STATE,
                                       .from = (uint8_t)from,
                                       .to = (uint8_t)edge.next,
                                       .who = session->reason.who,
                                       .code = session->reason.code,
                                       .time_ms = (uint64_t)(session->shared->now / BL_MILLISECOND),
                                   });
    }
    return true;
}

bool bl_session_claim(struct bl_session *session, const struct bl_identity *identity) {
    session->claim = bl_allocate(session->shared->memory, sizeof *session->claim);
    if (session->claim != NULL) {
        *session->claim = *identity;
    }
    return session->claim != NULL;
}

bool bl_session_extend(struct bl_session *session) {
    const struct bl_extension_host *host = &session->shared->extension;
    return host->ops == NULL || host->ops->opened(host->user, session);
}

void bl_session_forget_payload(struct bl_session *session) {
    bl_packet_release(session->login_packet);
    session->login_packet = NULL;
    session->login_data = NULL;
    session->login_size = 0;
    if (session->accepted) {
        forget_claim(session);
    }
}

bl_duration bl_session_patience(const struct bl_session *session) {
    if (session->peer == NULL) {
        return 0;
    }
    bl_duration patience = BL_LAST_WORDS * bl_rtt_timeout(&session->peer->rtt);
    return patience < BL_PATIENCE_MAX ? patience : BL_PATIENCE_MAX;
}

/** Takes the peer out; what it had in flight counts as not sent. */
static struct bl_peer *detach(struct bl_session *session) {
    struct bl_peer *peer = session->peer;
    if (peer != NULL) {
        bl_outgoing_reap(session);
        session->resent += peer->resent_count;
        session->rtt_ms = bl_to_ms(peer->rtt.smoothed);
        session->peer = NULL;
    }
    bl_outgoing_unbind(session);
    session->report_by = session->probe_by = BL_TIME_NEVER;
    return peer;
}

/** Gives the peer back. */
static void let_go(struct bl_session *session, bl_duration patience, bl_duration linger) {
    struct bl_peer *peer = detach(session);
    if (peer != NULL) {
        bl_endpoint_release(session->shared->endpoint, peer, patience, linger);
    }
}

void bl_session_cut(struct bl_session *session) {
    struct bl_peer *peer = detach(session);
    if (peer != NULL) {
        bl_endpoint_cut(session->shared->endpoint, peer, BL_TOMBSTONE);
    }
}

void bl_session_end(struct bl_session *session, enum bl_input input, bl_duration patience) {
    if (!bl_session_step(session, input)) {
        return;
    }
    bl_requests_end(session);
    let_go(session, patience, BL_TOMBSTONE);
    session->login_by = session->close_by = BL_TIME_NEVER;
    session->held_until = BL_TIME_NEVER;
    session->closing = false;
    bl_outgoing_forgo(session);
    if (session->state == BELAY_TIMED_OUT) {
        session->held_until = bl_attended(session->shared) + BL_REST;
    }
    bl_session_schedule(session);
    if (!session->inbox.closed) {
        session->inbox.closed = true;
        bl_log(&session->shared->memory->hooks, BELAY_LOG_INFO, session->handle, "closed: %s (%s)",
               belay_reason_name(session->reason.code), session->reason.text);
        bl_session_mark_ready(session);
    }
    if (session->shared->changed != NULL) {
        session->shared->changed(session->shared->user, session);
    }
}

void bl_session_break(struct bl_session *session, const char *text) {
    const struct belay_reason reason = {.code = BELAY_REASON_PROTOCOL, .text = text};
    bl_session_close(session, &reason, 0);
}

bool bl_session_say(struct bl_session *session, const void *frame, size_t size,
                    enum bl_delivery delivery) {
    if (session->peer == NULL ||
        (delivery == BL_UNSEQUENCED && session->peer->said_count >= ANSWERS_MAX)) {
        return false;
    }
    struct bl_packet *packet = bl_packet_create(size, delivery);
    if (packet == NULL) {
        return false;
    }
    memcpy(bl_packet_data(packet), frame, size);
    session->peer->said_count += delivery == BL_UNSEQUENCED;
    bool sent = bl_peer_send(session->peer, 0, packet);
    bl_packet_release(packet);
    return sent;
}

void bl_session_attach(struct bl_session *session, struct bl_peer *peer) {
    BELAY_ASSERT(session->peer == NULL);
    session->peer = peer;
    if (peer != NULL) {
        peer->receiver = session;
        session->address = *bl_endpoint_address(peer);
    }
    bl_liveness_start(&session->liveness, bl_attended(session->shared));
}

void bl_session_bind(struct bl_session *session, struct bl_peer *peer) {
    struct bl_shared *shared = session->shared;
    bl_session_attach(session, peer);
    bl_session_step(session, BL_INPUT_TRANSPORT_UP);
    if (shared->role == BL_ROLE_SERVER) {
        session->login_by = bl_attended(shared) + shared->limits.login;
    } else if (bl_login_say_hello(session)) {
        bl_session_step(session, BL_INPUT_HELLO);
    } else {
        bl_session_lose(session, &(struct belay_reason){.code = BELAY_REASON_OVERLOAD});
    }
    bl_session_schedule(session);
}

void bl_session_network_changed(struct bl_session *session) {
    if (bl_session_flows(session)) {
        bl_endpoint_network_changed(session->peer);
        bl_heartbeat_ask(session);
    }
}

void bl_session_migrate(struct bl_session *session) {
    session->address = *bl_endpoint_address(session->peer);
    session->migrations++;
    session->migrated = true;
    bl_session_record(
        session, &(struct bl_record){.type = BELAY_EVENT_LINK, .flag = session->liveness.suspect});
}

bool bl_session_flows(const struct bl_session *session) {
    return session->peer != NULL &&
           (session->state == BELAY_LOGGED_IN || session->state == BELAY_RECONNECTING);
}

bool bl_session_is_held(const struct bl_session *session) {
    return session->peer == NULL && session->accepted && !session->inbox.closed;
}

bool bl_session_is_kept(const struct bl_session *session) {
    bool logged_in = session->state == BELAY_LOGGED_IN || session->state == BELAY_RECONNECTING ||
                     session->state == BELAY_RECONNECT_PENDING;
    return logged_in && !session->closing && session->resume_window > 0;
}

/** Without a link, for as long as the window. */
static void begin_to_wait(struct bl_session *session) {
    session->down_since = bl_attended(session->shared);
    session->held_until = session->down_since + session->resume_window;
    bl_session_schedule(session);
}

void bl_session_hold(struct bl_session *session) {
    static const enum bl_input story[] = {BL_INPUT_TRANSPORT_UP, BL_INPUT_HELLO, BL_INPUT_WELCOME,
                                          BL_INPUT_GONE, BL_INPUT_HOLD};
    for (size_t i = 0; i < sizeof story / sizeof story[0]; i++) {
        bl_session_step(session, story[i]);
    }
    bl_session_record(session, &(struct bl_record){.type = BELAY_EVENT_OPEN});
    begin_to_wait(session);
}

void bl_session_lose(struct bl_session *session, const struct belay_reason *reason) {
    if (session->closing) { /* nobody is left to hear the rest */
        bl_session_end(session, BL_INPUT_CLOSE, 0);
        return;
    }
    bl_session_set_reason(session, reason);
    if (!bl_session_is_kept(session)) {
        bl_session_end(session, BL_INPUT_GONE, 0);
        return;
    }
    bool held = bl_session_step(session, BL_INPUT_GONE); /* or noted, while it is being resumed */
    let_go(session, 0, session->resume_window);
    if (held) {
        bl_session_step(session, BL_INPUT_HOLD);
    }
    bl_session_record(session, &(struct bl_record){.type = BELAY_EVENT_DOWN,
                                                   .who = reason->who,
                                                   .code = reason->code,
                                                   .numbers = {bl_to_ms(session->resume_window)}});
    begin_to_wait(session);
    if (session->shared->changed != NULL) {
        session->shared->changed(session->shared->user, session);
    }
}

void bl_session_expect_login(struct bl_session *session, bl_duration limit) {
    session->login_by = bl_attended(session->shared) + limit;
    bl_session_schedule(session);
}

void bl_session_input(struct bl_session *session, enum bl_input input,
                      const struct belay_reason *reason) {
    if (input == BL_INPUT_RESUME || input == BL_INPUT_ATTEMPT_FAILED) {
        bl_session_step(session, input);
        return;
    }
    bl_session_set_reason(session, reason);
    bl_session_end(session, input, 0);
}

/** The last word, which ENet repeats until it is acknowledged. */
static void say_close(struct bl_session *session) {
    uint8_t frame[16 + BELAY_REASON_TEXT_MAX];
    const struct bl_reason *reason = &session->reason;
    const struct bl_reason_frame close = {
        .code = reason->code,
        .come_back = reason->come_back,
        .retry_ms = reason->retry_ms,
        .text = (const uint8_t *)reason->text,
        .text_size = (uint8_t)strlen(reason->text),
    };
    size_t size = bl_reason_write(frame, sizeof frame, BL_FRAME_CLOSE, &close);
    bl_incoming_report(session, BL_REPORT_LAST);
    bl_session_say(session, frame, size, BL_ORDERED);
    bl_session_end(session, BL_INPUT_CLOSE, bl_session_patience(session));
}

/** Whoever closes wants to hear no more of the other side. */
static void discard_messages(struct bl_session *session) {
    for (uint32_t i = session->inbox.message_count; i > 0; i--) {
        struct bl_message *message = bl_inbox_pop(&session->inbox);
        bool keeps = message->kind == BL_MESSAGE_EXPIRED || message->kind == BL_MESSAGE_REPLY ||
                     message->kind == BL_MESSAGE_ENDED;
        if (keeps) { /* nobody else says what became of it */
            bl_inbox_push(&session->inbox, message);
            continue;
        }
        session->undelivered += message->kind == BL_MESSAGE_RECEIVED;
        bl_room_give(session, message->size);
        bl_message_free(session->shared, message);
    }
}

/** Closing already: a later close may be in more of a hurry, or have no patience at all. */
static void hurry_close(struct bl_session *session, bl_duration drain) {
    if (drain == 0) {
        say_close(session);
        return;
    }
    session->close_by = bl_earlier(session->close_by, bl_attended(session->shared) + drain);
    bl_session_schedule(session);
}

void bl_session_close(struct bl_session *session, const struct belay_reason *reason,
                      bl_duration drain) {
    if (session->inbox.closed) {
        return;
    }
    if (session->closing) {
        hurry_close(session, drain);
        return;
    }
    struct belay_reason ours = *reason;
    ours.who = BELAY_WHO_LOCAL;
    bl_session_set_reason(session, &ours);
    bl_requests_end(session);
    discard_messages(session);
    if (session->state == BELAY_LOGIN_PENDING && session->shared->role == BL_ROLE_SERVER) {
        bl_login_refuse(session);
    } else if (bl_session_flows(session) && drain > 0 && !bl_outgoing_is_drained(session)) {
        session->closing = true;
        session->close_by = bl_attended(session->shared) + drain;
        bl_session_schedule(session);
    } else if (session->state == BELAY_DISCONNECTED) {
        bl_session_end(session, BL_INPUT_REFUSED, 0); /* a dial that is called off */
    } else {
        say_close(session);
    }
}

void bl_session_progress(struct bl_session *session) {
    bl_heartbeat_hear(session);
    bl_outgoing_reap(session);
    bl_session_mark_pump(session);
    if (session->closing && bl_outgoing_is_drained(session)) {
        say_close(session);
    }
}

static bl_time earliest_deadline(const struct bl_session *session) {
    bl_time deadline = bl_earlier(session->login_by, session->held_until);
    deadline = bl_earlier(deadline, bl_earlier(session->close_by, session->report_by));
    deadline = bl_earlier(deadline, session->probe_by);
    deadline = bl_earlier(deadline, session->requests.deadline);
    if (bl_session_flows(session)) {
        deadline = bl_earlier(deadline, bl_heartbeat_deadline(session));
    }
    return deadline;
}

void bl_session_schedule(struct bl_session *session) {
    struct bl_shared *shared = session->shared;
    bl_time deadline = earliest_deadline(session);
    if (deadline == BL_TIME_NEVER) {
        bl_timer_cancel(shared->wheel, &session->timer);
    } else {
        bl_timer_arm(shared->wheel, &session->timer, deadline + shared->stalled);
    }
}

static void login_is_late(struct bl_session *session) {
    static const struct belay_reason late = {
        .who = BELAY_WHO_LOCAL, .code = BELAY_REASON_LOGIN_DEADLINE, .come_back = true};
    if (session->state == BELAY_DISCONNECTED) {
        uint32_t hint = bl_endpoint_hint(session->shared->endpoint);
        const struct belay_reason unanswered = {
            .who = BELAY_WHO_NETWORK,
            .code = hint != 0 ? hint : BELAY_REASON_UNREACHABLE,
            .come_back = hint == 0,
        };
        bl_session_input(session, BL_INPUT_REFUSED, &unanswered);
    } else if (session->state == BELAY_LOGIN_PENDING && session->shared->role == BL_ROLE_SERVER) {
        bl_session_set_reason(session, &late);
        bl_login_refuse(session);
    } else {
        bl_session_lose(session, &late);
    }
}

/** Asks what was handled, unless the other side says so by itself. */
static void probe(struct bl_session *session) {
    bool ask = session->queued_messages > 0 && !session->reported;
    session->probe_by = BL_TIME_NEVER;
    session->reported = false;
    if (ask && bl_session_flows(session)) {
        bl_heartbeat_ask(session);
    }
    bl_session_mark_pump(session); /* which sets the next one, if something waits still */
}

/** Nobody came back in time. A client that was only hinted at why tells that at least. */
static void expire(struct bl_session *session) {
    const struct bl_endpoint *endpoint = session->shared->endpoint;
    uint32_t hint = session->dialing && endpoint != NULL ? bl_endpoint_hint(endpoint) : 0;
    if (hint != 0) {
        bl_session_set_reason(
            session,
            &(struct belay_reason){.who = BELAY_WHO_NETWORK, .code = hint, .come_back = true});
    }
    bl_session_end(session, BL_INPUT_EXPIRED, 0);
}

/** What is due by the session's own deadlines; a session that ends here has no others. */
static void evaluate(struct bl_session *session, bl_time now) {
    static const struct belay_reason silent = {
        .who = BELAY_WHO_NETWORK, .code = BELAY_REASON_TIMEOUT, .come_back = true};
    if (now >= session->login_by) {
        session->login_by = BL_TIME_NEVER;
        login_is_late(session);
    } else if (now >= session->held_until) {
        expire(session);
    } else if (now >= session->close_by) {
        say_close(session);
    } else if (bl_session_flows(session) && !bl_heartbeat_judge(session)) {
        bl_session_lose(session, &silent);
    }
    if (now >= session->probe_by) {
        probe(session);
    }
    if (now >= session->requests.deadline) {
        bl_requests_evaluate(session, now);
    }
    if (now >= session->report_by) {
        bl_incoming_report(session, BL_REPORT_IF_DUE);
    }
}

static void timer_fired(struct bl_timer *timer, bl_time now) {
    struct bl_session *session = BL_CONTAINER_OF(timer, struct bl_session, timer);
    evaluate(session, now - session->shared->stalled);
    bl_session_schedule(session);
}

enum belay_result bl_session_pause(struct bl_session *session, uint32_t ms) {
    uint8_t frame[8];
    if (!bl_session_flows(session) || (session->features & BL_FEATURE_PAUSE) == 0) {
        return bl_fail(BELAY_E_STATE, "pause: only while logged in to a server that knows it");
    }
    ms = ms < BELAY_PAUSE_MS_MAX ? ms : BELAY_PAUSE_MS_MAX;
    if (!bl_session_say(session, frame, bl_pause_write(frame, sizeof frame, ms), BL_ORDERED)) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory to announce a pause");
    }
    return BELAY_OK;
}

void bl_session_announce_drain(struct bl_session *session, uint32_t deadline_ms,
                               const char *go_to) {
    session->drain_by = bl_attended(session->shared) + bl_from_ms(deadline_ms);
    bl_text_clean(session->go_to, sizeof session->go_to, go_to,
                  bl_text_length(go_to, BELAY_REASON_TEXT_MAX));
    bl_session_say_drain(session);
}

void bl_session_say_drain(struct bl_session *session) {
    uint8_t frame[8 + BELAY_REASON_TEXT_MAX];
    if (!bl_session_flows(session) || session->drain_by == BL_TIME_NEVER) {
        return;
    }
    const struct bl_drain_frame drain = {
        .deadline_ms = bl_to_ms(session->drain_by - bl_attended(session->shared)),
        .go_to = (const uint8_t *)session->go_to,
        .go_to_size = (uint8_t)strlen(session->go_to),
    };
    bl_session_say(session, frame, bl_drain_write(frame, sizeof frame, &drain), BL_ORDERED);
}
