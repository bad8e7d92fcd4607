/*
 * Hello, welcome, refusal.
 *
 * The client says hello as its first frame; the server compares what both declare and names the
 * first difference, or lets the application decide. Payloads stay in the packets that brought them
 * until the event that shows them has been polled.
 */
#include "lib/session/parts.h"

#include "common/error.h"
#include <stdio.h>
#include <string.h>

bool bl_login_say_hello(struct bl_session *session) {
    const struct bl_shared *shared = session->shared;
    uint8_t frame[BL_FRAME_SIZE_MAX];
    struct bl_hello hello = {
        .version = BL_WIRE_VERSION,
        .features = shared->features,
        .required = shared->required,
        .credit_messages = shared->limits.credit.messages,
        .credit_bytes = shared->limits.credit.bytes,
        .requests = shared->limits.credit.requests,
        .move_size = shared->move.size,
        .tick_hz = shared->move.size > 0 ? shared->move.tick_hz : 0,
        .lanes = shared->move.size > 0 ? shared->move.lanes : 0,
        .channel_count = shared->channel_count,
        .login = shared->login,
        .login_size = (uint16_t)shared->login_size,
    };
    for (uint8_t i = 0; i < shared->channel_count; i++) {
        hello.channels[i].mode = (uint8_t)shared->channels[i].mode;
        hello.channels[i].name = shared->channels[i].name_hash;
    }
    return bl_session_say(session, frame, bl_hello_write(frame, sizeof frame, &hello), BL_ORDERED);
}

void bl_login_refuse(struct bl_session *session) {
    uint8_t frame[16 + BELAY_REASON_TEXT_MAX];
    const struct bl_reason *reason = &session->reason;
    const struct bl_reason_frame refuse = {
        .code = reason->code,
        .come_back = reason->come_back,
        .retry_ms = reason->retry_ms,
        .text = (const uint8_t *)reason->text,
        .text_size = (uint8_t)strlen(reason->text),
    };
    size_t size = bl_reason_write(frame, sizeof frame, BL_FRAME_REFUSE, &refuse);
    bl_session_say(session, frame, size, BL_ORDERED);
    bl_session_end(session, BL_INPUT_REFUSED, bl_session_patience(session));
}

static const char *mode_name(uint8_t mode) {
    static const char *const names[] = {"reliable", "unreliable", "sequenced"};
    return mode <= BELAY_SEQUENCED ? names[mode] : "of an unknown mode";
}

/** Writes the first difference of channels; false when there is none. */
static bool channels_differ(const struct bl_shared *shared, const struct bl_hello *hello,
                            char *text, size_t text_size) {
    for (uint8_t i = 0; i < shared->channel_count && i < hello->channel_count; i++) {
        const struct bl_channel *ours = &shared->channels[i];
        if (hello->channels[i].mode != ours->mode) {
            snprintf(text, text_size, "channel %u (%s): %s here, %s there", i, ours->name,
                     mode_name((uint8_t)ours->mode), mode_name(hello->channels[i].mode));
            return true;
        }
        if (hello->channels[i].name != ours->name_hash) {
            snprintf(text, text_size, "channel %u: called %s here, otherwise there", i, ours->name);
            return true;
        }
    }
    if (shared->channel_count != hello->channel_count) {
        snprintf(text, text_size, "%u channels here, %u there", shared->channel_count,
                 hello->channel_count);
        return true;
    }
    return false;
}

/** Writes the first difference of movement; false when there is none. */
static bool moves_differ(const struct bl_shared *shared, const struct bl_hello *hello, char *text,
                         size_t text_size) {
    const struct belay_move_opts *ours = &shared->move;
    const struct {
        const char *name;
        unsigned here, there;
    } terms[] = {
        {"size", ours->size, hello->move_size},
        {"tick_hz", ours->tick_hz, hello->tick_hz},
        {"lanes", ours->lanes, hello->lanes},
    };
    for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++) {
        if (terms[i].here != terms[i].there) {
            snprintf(text, text_size, "move.%s: %u here, %u there", terms[i].name, terms[i].here,
                     terms[i].there);
            return true;
        }
        if (ours->size == 0) { /* and there too */
            return false;
        }
    }
    return false;
}

/** Writes why the two sides cannot talk; NONE when they can. */
static enum belay_reason_code mismatch(const struct bl_shared *shared, const struct bl_hello *hello,
                                       char *text, size_t text_size) {
    uint32_t unknown = hello->required & ~shared->features;
    uint32_t missing = shared->required & ~hello->features;
    if (hello->version != BL_WIRE_VERSION) {
        snprintf(text, text_size, "protocol version %d here, %u there", BL_WIRE_VERSION,
                 hello->version);
        return BELAY_REASON_VERSION;
    }
    if (unknown != 0) {
        snprintf(text, text_size, "feature bits %#x are required there and unknown here", unknown);
        return BELAY_REASON_FEATURE;
    }
    if (missing != 0) {
        snprintf(text, text_size, "feature bits %#x are required here and not offered there",
                 missing);
        return BELAY_REASON_FEATURE;
    }
    if (moves_differ(shared, hello, text, text_size)) {
        return BELAY_REASON_FEATURE;
    }
    return channels_differ(shared, hello, text, text_size) ? BELAY_REASON_CHANNELS
                                                           : BELAY_REASON_NONE;
}

void bl_login_take_hello(struct bl_session *session, struct bl_packet *packet) {
    struct bl_shared *shared = session->shared;
    char text[BELAY_REASON_TEXT_MAX + 1];
    struct bl_hello hello;
    if (!bl_hello_read(&hello, bl_packet_data(packet), bl_packet_size(packet))) {
        bl_drop(shared, BELAY_DROP_FRAME);
        bl_packet_release(packet);
        return;
    }
    bl_session_step(session, BL_INPUT_HELLO);
    enum belay_reason_code code = mismatch(shared, &hello, text, sizeof text);
    if (code != BELAY_REASON_NONE) {
        bl_packet_release(packet);
        bl_session_set_reason(
            session, &(struct belay_reason){.who = BELAY_WHO_LOCAL, .code = code, .text = text});
        bl_login_refuse(session);
        return;
    }
    session->features = hello.features & shared->features;
    session->peer_credit.messages = hello.credit_messages;
    session->peer_credit.bytes = hello.credit_bytes;
    session->peer_credit.requests = hello.requests;
    session->login_packet = packet;
    session->login_data = hello.login;
    session->login_size = hello.login_size;
    bl_session_record(session, &(struct bl_record){.type = BELAY_EVENT_LOGIN});
}

enum belay_result bl_session_accept(struct bl_session *session, const void *welcome, size_t size) {
    const struct bl_limits *limits = &session->shared->limits;
    uint8_t frame[BL_FRAME_SIZE_MAX];
    if (session->state != BELAY_LOGIN_PENDING) {
        return bl_fail(BELAY_E_STATE, "accept: the session is %s, not LOGIN_PENDING",
                       belay_state_name(session->state));
    }
    if (size > BELAY_LOGIN_MAX) {
        return bl_fail(BELAY_E_TOO_BIG, "welcome_size: %zu, at most %d", size, BELAY_LOGIN_MAX);
    }
    if (welcome == NULL && size > 0) {
        return bl_fail(BELAY_E_INVALID, "welcome: NULL with a size of %zu", size);
    }
    if (session->extension == NULL && !bl_session_extend(session)) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for a session's moves");
    }
    struct bl_welcome answer = {
        .features = session->features,
        .heartbeat_ms = bl_to_ms(session->heartbeat),
        .lost_ms = bl_to_ms(session->lost),
        .resume_window_ms = bl_to_ms(session->resume_window),
        .credit_messages = limits->credit.messages,
        .credit_bytes = limits->credit.bytes,
        .requests = limits->credit.requests,
        .payload = welcome,
        .payload_size = (uint16_t)size,
    };
    memcpy(answer.user_id, session->identity, sizeof answer.user_id);
    if (session->shared->endpoint != NULL &&
        !bl_session_say(session, frame, bl_welcome_write(frame, sizeof frame, &answer),
                        BL_ORDERED)) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory to answer a login");
    }
    session->accepted = true;
    session->login_by = BL_TIME_NEVER;
    bl_session_step(session, BL_INPUT_WELCOME);
    bl_session_record(session, &(struct bl_record){.type = BELAY_EVENT_OPEN});
    bl_session_say_drain(session);
    bl_liveness_start(&session->liveness, bl_attended(session->shared));
    bl_session_schedule(session);
    return BELAY_OK;
}

/** The server's times hold for both, unless the client's options say otherwise. */
static void adopt_limits(struct bl_session *session, const struct bl_welcome *welcome) {
    const struct bl_shared *shared = session->shared;
    if (shared->limits.heartbeat == 0) {
        session->heartbeat = bl_from_ms(welcome->heartbeat_ms);
    }
    if (shared->limits.lost == 0) {
        session->lost = bl_from_ms(welcome->lost_ms);
    }
    session->heartbeat = bl_earlier(session->heartbeat, session->lost / 2);
    if (shared->limits.resume_window != 0) {
        session->resume_window = bl_from_ms(welcome->resume_window_ms);
    }
}

void bl_login_take_welcome(struct bl_session *session, struct bl_packet *packet) {
    struct bl_welcome welcome;
    if (!bl_welcome_read(&welcome, bl_packet_data(packet), bl_packet_size(packet)) ||
        welcome.heartbeat_ms == 0 || welcome.lost_ms == 0) {
        bl_drop(session->shared, BELAY_DROP_FRAME);
        bl_packet_release(packet);
        return;
    }
    adopt_limits(session, &welcome);
    session->features = welcome.features & session->shared->features;
    session->peer_credit.messages = welcome.credit_messages;
    session->peer_credit.bytes = welcome.credit_bytes;
    session->peer_credit.requests = welcome.requests;
    memcpy(session->identity, welcome.user_id, sizeof session->identity);
    session->accepted = true;
    bl_session_extend(session);
    session->login_by = BL_TIME_NEVER;
    session->login_packet = packet;
    session->login_data = welcome.payload;
    session->login_size = welcome.payload_size;
    bl_session_step(session, BL_INPUT_WELCOME);
    bl_session_record(session, &(struct bl_record){.type = BELAY_EVENT_OPEN});
    if (session->resume_window > 0) {
        bl_session_record(session, &(struct bl_record){.type = BELAY_EVENT_TICKET});
    }
    bl_liveness_start(&session->liveness, bl_attended(session->shared));
    bl_session_schedule(session);
}
