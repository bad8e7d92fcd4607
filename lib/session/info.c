/* What is shown of a session to whoever asks. */
#include "lib/session/session.h"

#include <string.h>

static int64_t clock_offset(const struct bl_session *session) {
    const struct bl_clock_offset *offset = &session->offset;
    unsigned best = 0;
    for (unsigned i = 1; i < BL_OFFSET_SAMPLES && i < offset->count; i++) {
        if (offset->samples[i].round_trip < offset->samples[best].round_trip) {
            best = i;
        }
    }
    return offset->samples[best].offset_us;
}

/** Sums over the application's reliable channels: newest message out, newest handled. */
static void sum_sequences(const struct bl_session *session, struct belay_session_info *info) {
    const struct bl_shared *shared = session->shared;
    for (uint8_t i = 0; i < shared->channel_count; i++) {
        if (shared->channels[i].mode == BELAY_RELIABLE) {
            const struct bl_send_stream *stream = &session->channels[i].send;
            info->sequence_out += bl_send_stream_newest(stream);
            info->handled_out += bl_send_stream_handled(stream);
        }
    }
}

void bl_session_info(const struct bl_session *session, struct belay_session_info *info) {
    const struct bl_shared *shared = session->shared;
    const struct bl_peer *peer = session->peer;
    *info = (struct belay_session_info){
        .struct_size = sizeof *info,
        .session = session->handle,
        .state = session->state,
        .user = session->user,
        .bytes_in = session->bytes_in,
        .bytes_out = session->bytes_out,
        .messages_in = session->messages_in,
        .messages_out = session->messages_out,
        .queued_messages = session->queued_messages,
        .queued_bytes = session->queued_bytes,
        .features = session->features,
        .resume_window_ms = bl_to_ms(session->resume_window),
        .clock_offset_us = clock_offset(session),
        .dialing = session->dialing,
        .closing = session->closing,
        .suspect = session->liveness.suspect,
        .resumes = session->resumes,
        .migrations = session->migrations,
    };
    if (session->accepted) { /* before, it is the other side's choice */
        memcpy(info->user_id, session->identity, sizeof info->user_id);
    }
    bl_address_format(&session->address, info->address, sizeof info->address);
    sum_sequences(session, info);
    info->rtt_ms = session->rtt_ms;
    if (peer != NULL) {
        info->rtt_ms = bl_to_ms(peer->rtt.smoothed);
        info->jitter_ms = bl_to_ms(peer->rtt.variation);
        info->idle_ms = bl_to_ms(shared->now - peer->received_at);
        info->idle_out_ms = bl_to_ms(shared->now - peer->sent_at);
        info->loss = peer->loss;
    }
    if (session->extension != NULL) {
        shared->extension.ops->describe(session->extension, info);
    }
    info->resent = session->resent + (peer != NULL ? peer->resent_count : 0);
}
