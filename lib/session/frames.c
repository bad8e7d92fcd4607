/*
 * Where a frame finds its reader.
 *
 * Judged by the frame table first, so that a reader sees only what is legal for this role and
 * state. What is wrong costs the session nothing: it is dropped and counted, and answered with
 * ERROR where the other side should know that it was not understood.
 */
#include "lib/session/parts.h"

#include "common/text.h"

static void complain(struct bl_session *session, enum bl_verdict verdict, uint8_t type) {
    uint8_t frame[4];
    const struct bl_error_frame error = {.verdict = (uint8_t)verdict, .frame = type};
    session->shared->stats->errors_out++;
    bl_session_say(session, frame, bl_error_write(frame, sizeof frame, &error), BL_UNSEQUENCED);
}

/** Why a frame is not looked at; true when it is. */
static bool admit(struct bl_session *session, const uint8_t *data, size_t size) {
    struct bl_shared *shared = session->shared;
    enum bl_verdict verdict = bl_frame_judge(data, size, shared->role, session->state);
    switch (verdict) {
    case BL_FRAME_OK:
        return true;
    case BL_FRAME_MALFORMED:
        bl_drop(shared, BELAY_DROP_FRAME);
        break;
    case BL_FRAME_ILLEGAL:
        bl_drop(shared, BELAY_DROP_STATE);
        if (data[0] == BL_FRAME_HELLO) { /* a second one: it should know */
            complain(session, verdict, data[0]);
        }
        break;
    case BL_FRAME_UNKNOWN:
    case BL_FRAME_UNSUPPORTED:
        bl_drop(shared, BELAY_DROP_UNKNOWN);
        if (session->accepted) { /* before that, only the handshake is answered */
            complain(session, verdict, data[0]);
        }
        break;
    case BL_FRAME_IGNORED:
        bl_drop(shared, BELAY_DROP_UNKNOWN);
        break;
    }
    return false;
}

static void take_reason(struct bl_session *session, const void *data, size_t size,
                        enum bl_input input) {
    struct bl_reason_frame frame;
    char text[BELAY_REASON_TEXT_MAX + 1];
    if (!bl_reason_read(&frame, data, size)) {
        bl_drop(session->shared, BELAY_DROP_FRAME);
        return;
    }
    bl_text_clean(text, sizeof text, frame.text, frame.text_size);
    bl_session_set_reason(session, &(struct belay_reason){
                                       .who = BELAY_WHO_PEER,
                                       .code = frame.code,
                                       .come_back = frame.come_back,
                                       .retry_ms = frame.retry_ms,
                                       .text = text[0] != '\0' ? text : NULL,
                                   });
    bl_session_end(session, input, 0);
}

static void take_drain(struct bl_session *session, const void *data, size_t size) {
    struct bl_drain_frame drain;
    if (!bl_drain_read(&drain, data, size)) {
        bl_drop(session->shared, BELAY_DROP_FRAME);
        return;
    }
    bl_text_clean(session->go_to, sizeof session->go_to, drain.go_to, drain.go_to_size);
    bl_session_record(
        session, &(struct bl_record){.type = BELAY_EVENT_DRAIN, .numbers = {drain.deadline_ms}});
}

static void take_error(struct bl_session *session, const void *data, size_t size) {
    struct bl_error_frame error;
    if (bl_error_read(&error, data, size)) {
        session->shared->stats->errors_in++;
    }
}

static void take_extension(struct bl_session *session, const void *data, size_t size) {
    if (session->extension == NULL) { /* neither side has declared any movement */
        bl_drop(session->shared, BELAY_DROP_STATE);
    } else if (!session->closing) {
        session->shared->extension.ops->take(session->extension, data, size);
    }
}

/** Frames whose readers do not keep the packet. */
static void take_control(struct bl_session *session, const uint8_t *data, size_t size) {
    switch (data[0]) {
    case BL_FRAME_REFUSE:
        take_reason(session, data, size, BL_INPUT_REFUSED);
        break;
    case BL_FRAME_CLOSE:
        take_reason(session, data, size, BL_INPUT_CLOSE);
        break;
    case BL_FRAME_ERROR:
        take_error(session, data, size);
        break;
    case BL_FRAME_PING:
        bl_heartbeat_take_ping(session, data, size);
        break;
    case BL_FRAME_PONG:
        bl_heartbeat_take_pong(session, data, size);
        break;
    case BL_FRAME_HANDLED:
        bl_outgoing_take_handled(session, data, size);
        break;
    case BL_FRAME_PAUSE:
        bl_heartbeat_take_pause(session, data, size);
        break;
    case BL_FRAME_DRAIN:
        take_drain(session, data, size);
        break;
    case BL_FRAME_MOVES:
    case BL_FRAME_MOVE_ACK:
        take_extension(session, data, size);
        break;
    default:
        break;
    }
}

void bl_session_take_packet(struct bl_session *session, struct bl_packet *packet) {
    const uint8_t *data = bl_packet_data(packet);
    size_t size = bl_packet_size(packet);
    if (!admit(session, data, size)) {
        bl_packet_release(packet);
        return;
    }
    switch (data[0]) {
    case BL_FRAME_HELLO:
        bl_login_take_hello(session, packet);
        return;
    case BL_FRAME_WELCOME:
        bl_login_take_welcome(session, packet);
        return;
    case BL_FRAME_MESSAGE:
    case BL_FRAME_SEGMENT:
    case BL_FRAME_SKIP:
    case BL_FRAME_DATAGRAM:
    case BL_FRAME_FRAGMENT:
        bl_incoming_take(session, packet);
        return;
    default:
        take_control(session, data, size);
        bl_packet_release(packet);
    }
}
