/*
 * Positions are lower bounds. The client has given up its old link before it asks, so what it says
 * is exact; the server's old link may go on delivering until the new one is proven, so a client may
 * send again what has come meanwhile, and the server drops it by its number.
 */
#include "lib/session/resume.h"

#include "common/error.h"
#include "common/serial.h"
#include "lib/session/parts.h"
#include <string.h>

void bl_resume_positions(const struct bl_session *session, struct bl_positions *out) {
    const struct bl_shared *shared = session->shared;
    *out = (struct bl_positions){0};
    for (uint8_t i = 0; i < shared->stream_count; i++) {
        if (shared->channels[i].mode != BELAY_RELIABLE) {
            continue;
        }
        const struct bl_receive_stream *receive = &session->channels[i].receive;
        out->channels[out->count++] = (struct bl_position){
            .channel = i,
            .received = receive->received,
            .filled = receive->block != NULL ? receive->filled : 0,
            .handled = receive->handled,
            .newest = bl_send_stream_newest(&session->channels[i].send),
        };
    }
}

/** Whether they are of the channels that there are. */
static bool fits_channels(const struct bl_session *session, const struct bl_positions *theirs) {
    const struct bl_shared *shared = session->shared;
    for (uint8_t i = 0; i < theirs->count; i++) {
        uint8_t channel = theirs->channels[i].channel;
        if (channel >= shared->stream_count || shared->channels[channel].mode != BELAY_RELIABLE) {
            return false;
        }
    }
    return theirs->count == shared->reliable_count; /* none comes twice, so none is missing */
}

/** Whether the other side can have come so far. */
static bool is_plausible(const struct bl_session *session, const struct bl_positions *theirs) {
    if (!fits_channels(session, theirs)) {
        return false;
    }
    for (uint8_t i = 0; i < theirs->count; i++) {
        const struct bl_position *position = &theirs->channels[i];
        const struct bl_session_channel *channel = &session->channels[position->channel];
        bool begun = channel->receive.block != NULL;
        if (!bl_send_stream_can_resume(&channel->send, position) ||
            bl_serial_distance(position->newest, channel->receive.received) < begun) {
            return false;
        }
    }
    return true;
}

static bool is_newer(const struct bl_session *session, const struct bl_resumption *resumption) {
    int32_t ahead = bl_serial_distance(resumption->generation, session->attempt_generation);
    return ahead > 0 || (ahead == 0 && resumption->request.attempt >= session->attempt);
}

/** A process that knows nothing is told what its predecessor had reported. */
static void tell_newborn(const struct bl_session *session, struct bl_positions *told) {
    for (uint8_t i = 0; i < told->count; i++) {
        struct bl_position *position = &told->channels[i];
        position->filled = 0; /* the rest of that message died with the process */
        position->handled =
            position->channel == bl_request_channel(session->shared)
                ? position->newest /* it has asked nothing and was asked nothing */
                : bl_send_stream_handled(&session->channels[position->channel].send);
    }
}

const struct belay_reason *bl_resume_admit(struct bl_session *session,
                                           struct bl_resumption *resumption) {
    static const struct belay_reason stale = {
        .code = BELAY_REASON_STATE_LOST,
        .come_back = true,
        .text = "the session has been resumed with a newer ticket"};
    static const struct belay_reason overtaken = {
        .code = BELAY_REASON_STATE_LOST, .come_back = true, .text = "a newer attempt is under way"};
    static const struct belay_reason unkept = {.code = BELAY_REASON_STATE_LOST, .come_back = true};
    static const struct belay_reason wrong = {.code = BELAY_REASON_PROTOCOL,
                                              .come_back = true,
                                              .text = "the positions of the resume cannot be true"};
    const struct bl_resume *request = &resumption->request;
    if (!bl_session_is_kept(session)) {
        return &unkept;
    }
    if (bl_serial_distance(resumption->generation, session->generation) < 0) {
        return &stale;
    }
    if (!is_newer(session, resumption)) {
        return &overtaken;
    }
    if (!request->new_epoch && !is_plausible(session, &request->positions)) {
        return &wrong;
    }
    session->attempt_generation = resumption->generation;
    session->attempt = request->attempt;
    bl_resume_positions(session, &resumption->told);
    if (request->new_epoch) {
        tell_newborn(session, &resumption->told);
    }
    bl_session_step(session, BL_INPUT_RESUME);
    return NULL;
}

void bl_resume_abandon(struct bl_session *session) {
    bl_session_step(session, BL_INPUT_ATTEMPT_FAILED);
}

bool bl_resume_is_awaited(const struct bl_session *session,
                          const struct bl_resumption *resumption) {
    return bl_session_is_kept(session) &&
           bl_serial_distance(resumption->generation, session->generation) >= 0;
}

/** What lies behind @p known, up to @p last; of requests each end is told by itself. */
static void tell_gap(struct bl_session *session, uint8_t channel, bool inbound, uint32_t known,
                     uint32_t last) {
    if (bl_serial_after(last, known) && channel != bl_request_channel(session->shared)) {
        session->gaps[session->gap_count++] = (struct belay_gap){
            .channel = channel, .inbound = inbound, .from = known + 1, .to = last};
    }
}

/** Room for what there is to tell of another epoch; false: no memory, and the session ends. */
static bool make_room_for_gaps(struct bl_session *session) {
    static const struct belay_reason overload = {.code = BELAY_REASON_OVERLOAD, .come_back = true};
    const struct bl_shared *shared = session->shared;
    uint32_t capacity = session->gap_count + 2U * shared->reliable_count;
    struct belay_gap *gaps = bl_allocate(shared->memory, capacity * sizeof *gaps);
    if (gaps == NULL) {
        bl_session_close(session, &overload, 0);
        return false;
    }
    if (session->gap_count > 0) { /* the last ones have not been polled */
        memcpy(gaps, session->gaps, session->gap_count * sizeof *gaps);
    }
    bl_free(shared->memory, session->gaps, session->gap_capacity * sizeof *gaps);
    session->gaps = gaps;
    session->gap_capacity = capacity;
    return true;
}

/** Messages of the old process that wait to be polled: the new one has not drawn credit for them.
 */
static uint32_t count_unhandled(const struct bl_session *session) {
    uint32_t count = 0;
    for (const struct bl_message *at = session->inbox.first; at != NULL; at = at->next) {
        count += bl_message_is_reliable(session->shared, at);
    }
    return count;
}

/** What the old process had received and not reported as handled is sent again; its own messages go
 * on at numbers that none of them can have had. */
static void begin_epoch_of_client(struct bl_session *session, const struct bl_positions *told) {
    const struct bl_shared *shared = session->shared;
    for (uint8_t i = 0; i < told->count; i++) {
        const struct bl_position *position = &told->channels[i];
        struct bl_session_channel *channel = &session->channels[position->channel];
        uint32_t last = position->received + BL_EPOCH_STEP;
        if (position->channel == bl_request_channel(shared)) {
            bl_outgoing_drop_to(session, position->channel, position->handled);
            bl_requests_forget_process(session, bl_send_stream_handled(&channel->send));
        }
        uint32_t handled = bl_send_stream_handled(&channel->send);
        tell_gap(session, position->channel, true, channel->receive.received, last);
        tell_gap(session, position->channel, false, handled, channel->send.begun);
        bl_room_give(session, bl_receive_stream_skip_to(&channel->receive, shared->memory, last));
        bl_send_stream_resume(&channel->send, &(struct bl_position){.received = handled}, false);
    }
    for (uint8_t i = 0; i < shared->stream_count; i++) {
        if (shared->channels[i].mode != BELAY_RELIABLE) {
            bl_unreliable_restart(&session->channels[i].unreliable, shared->memory);
        }
    }
    session->credit.messages = shared->limits.credit.messages;
    session->credit.bytes = shared->limits.credit.bytes;
    session->uncredited = count_unhandled(session);
}

/** A process that has started from a ticket takes the server's word for where it is. */
static void begin_own_epoch(struct bl_session *session, const struct bl_positions *theirs) {
    for (uint8_t i = 0; i < theirs->count; i++) {
        const struct bl_position *position = &theirs->channels[i];
        struct bl_session_channel *channel = &session->channels[position->channel];
        uint32_t last = position->received + BL_EPOCH_STEP;
        tell_gap(session, position->channel, true, position->handled, position->newest);
        tell_gap(session, position->channel, false, position->received, last);
        bl_send_stream_start_at(&channel->send, last + 1);
        bl_receive_stream_start_at(&channel->receive, position->handled);
    }
}

/** The session has its link again. @param anew  with another process of the client */
static void tell_resumed(struct bl_session *session, bool anew) {
    const struct bl_shared *shared = session->shared;
    if (session->extension != NULL) {
        shared->extension.ops->resumed(session->extension, anew);
    }
    bl_duration down =
        session->down_since != BL_TIME_NEVER ? bl_attended(shared) - session->down_since : 0;
    session->resumes++;
    session->down_since = session->held_until = BL_TIME_NEVER;
    bl_session_record(
        session, &(struct bl_record){.type = BELAY_EVENT_RESUMED, .numbers = {bl_to_ms(down)}});
    bl_session_say_drain(session);
    bl_session_mark_pump(session);
    bl_session_schedule(session);
}

void bl_resume_bind(struct bl_session *session, struct bl_peer *peer,
                    const struct bl_resumption *resumption) {
    static const struct belay_reason lost = {
        .code = BELAY_REASON_STATE_LOST,
        .come_back = true,
        .text = "the client's process was another one, and had lost what came before"};
    bool new_epoch = resumption->request.new_epoch;
    session->generation = resumption->generation + 1;
    bl_session_attach(session, peer);
    bl_session_step(session, BL_INPUT_REBOUND);
    if (new_epoch && !session->shared->accept_gaps) {
        bl_session_close(session, &lost, 0);
        return;
    }
    if (!new_epoch && !is_plausible(session, &resumption->request.positions)) {
        bl_session_break(session, "the positions of the resume cannot be true");
        return;
    }
    if (!new_epoch) {
        bl_outgoing_resume(session, &resumption->request.positions);
    } else if (make_room_for_gaps(session)) {
        begin_epoch_of_client(session, &resumption->told);
    } else {
        return;
    }
    tell_resumed(session, new_epoch);
}

/** In a new process the ticket stands for a login that was answered. */
static void open_by_ticket(struct bl_session *session) {
    bl_session_step(session, BL_INPUT_TRANSPORT_UP);
    bl_session_step(session, BL_INPUT_HELLO);
    bl_session_step(session, BL_INPUT_WELCOME);
    session->accepted = true;
    bl_session_extend(session);
    session->login_by = BL_TIME_NEVER;
    bl_session_record(session, &(struct bl_record){.type = BELAY_EVENT_OPEN});
}

void bl_resume_continue(struct bl_session *session, struct bl_peer *peer,
                        const struct bl_positions *theirs, bool new_epoch) {
    bl_session_attach(session, peer);
    if (new_epoch) {
        open_by_ticket(session);
    } else {
        bl_session_step(session, BL_INPUT_REBOUND);
    }
    bl_heartbeat_prove(session);
    if (new_epoch ? !fits_channels(session, theirs) : !is_plausible(session, theirs)) {
        bl_session_break(session, "the positions of the resume cannot be true");
        return;
    }
    if (!new_epoch) {
        bl_outgoing_resume(session, theirs);
    } else if (make_room_for_gaps(session)) {
        begin_own_epoch(session, theirs);
    } else {
        return;
    }
    tell_resumed(session, new_epoch);
    bl_session_record(session, &(struct bl_record){.type = BELAY_EVENT_TICKET});
}
