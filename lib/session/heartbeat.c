/* What liveness decides is said and heard here: pings, their answers, pauses, and the signal bars.
 */
#include "lib/session/parts.h"

#define SUSPECT_RTTS 3

static struct bl_liveness_limits limits_of(const struct bl_session *session) {
    const struct bl_rtt *rtt = &session->peer->rtt;
    bl_duration suspect = SUSPECT_RTTS * rtt->smoothed;
    bl_duration floor = bl_from_ms(BELAY_SUSPECT_MS_MIN);
    bl_duration beat = session->heartbeat + session->heartbeat / 2; /* one ping may go unanswered */
    suspect = suspect > floor ? suspect : floor;
    return (struct bl_liveness_limits){
        .heartbeat = session->heartbeat,
        .suspect_after = suspect > beat ? suspect : beat,
        .lost_after = session->lost,
        .retry = bl_rtt_timeout(rtt),
    };
}

static void show_link(struct bl_session *session, bool suspect) {
    bl_session_record(session, &(struct bl_record){.type = BELAY_EVENT_LINK, .flag = suspect});
}

static void ping(struct bl_session *session, enum bl_delivery delivery) {
    uint8_t frame[8];
    uint32_t nonce = (uint32_t)bl_random_u64(session->shared->random) | 1; /* 0 means none */
    bl_liveness_ping(&session->liveness, nonce, bl_attended(session->shared));
    bl_session_say(session, frame, bl_ping_write(frame, sizeof frame, nonce), delivery);
    bl_incoming_report(session, BL_REPORT_AGAIN);
}

void bl_heartbeat_ask(struct bl_session *session) {
    ping(session, BL_UNSEQUENCED);
}

void bl_heartbeat_prove(struct bl_session *session) {
    ping(session, BL_ORDERED);
}

bool bl_heartbeat_judge(struct bl_session *session) {
    const struct bl_liveness_limits limits = limits_of(session);
    bool was_suspect = session->liveness.suspect;
    enum bl_liveness_verdict verdict =
        bl_liveness_judge(&session->liveness, &limits, bl_attended(session->shared));
    if (session->liveness.suspect && !was_suspect) {
        show_link(session, true);
    }
    if (session->liveness.suspect && session->shared->role == BL_ROLE_CLIENT) {
        bl_endpoint_search(session->peer);
    }
    switch (verdict) {
    case BL_LIVENESS_PING:
        ping(session, BL_UNSEQUENCED);
        break;
    case BL_LIVENESS_PROBE:
        ping(session, BL_ORDERED);
        break;
    case BL_LIVENESS_QUIET:
        break;
    case BL_LIVENESS_LOST:
        return false;
    }
    return true;
}

bl_time bl_heartbeat_deadline(const struct bl_session *session) {
    const struct bl_liveness_limits limits = limits_of(session);
    return bl_liveness_deadline(&session->liveness, &limits);
}

void bl_heartbeat_hear(struct bl_session *session) {
    if (bl_liveness_hear(&session->liveness, bl_attended(session->shared))) {
        show_link(session, false);
        bl_session_schedule(session);
    }
}

void bl_heartbeat_take_ping(struct bl_session *session, const void *data, size_t size) {
    uint8_t frame[16];
    struct bl_pong pong = {.time_us = (uint64_t)(session->shared->now / BL_MICROSECOND)};
    if (!bl_ping_read(&pong.nonce, data, size)) {
        bl_drop(session->shared, BELAY_DROP_FRAME);
        return;
    }
    bl_session_say(session, frame, bl_pong_write(frame, sizeof frame, &pong), BL_UNSEQUENCED);
    bl_incoming_report(session, BL_REPORT_AGAIN);
}

void bl_heartbeat_take_pong(struct bl_session *session, const void *data, size_t size) {
    struct bl_pong pong;
    if (!bl_pong_read(&pong, data, size)) {
        bl_drop(session->shared, BELAY_DROP_FRAME);
        return;
    }
    bl_duration round_trip =
        bl_liveness_pong(&session->liveness, pong.nonce, bl_attended(session->shared));
    if (round_trip < 0) {
        return; /* repeated, or too old: a sign of life and nothing more */
    }
    bl_rtt_sample(&session->peer->rtt, round_trip);
    struct bl_clock_offset *offset = &session->offset;
    unsigned slot = offset->count++ % BL_OFFSET_SAMPLES;
    int64_t middle_us = (session->shared->now - round_trip / 2) / BL_MICROSECOND;
    offset->samples[slot].round_trip = round_trip;
    offset->samples[slot].offset_us = (int64_t)(pong.time_us - (uint64_t)middle_us);
}

void bl_heartbeat_take_pause(struct bl_session *session, const void *data, size_t size) {
    uint32_t ms;
    if (!bl_pause_read(&ms, data, size)) {
        bl_drop(session->shared, BELAY_DROP_FRAME);
        return;
    }
    ms = ms < BELAY_PAUSE_MS_MAX ? ms : BELAY_PAUSE_MS_MAX; /* the other side's word has a limit */
    bl_liveness_excuse(&session->liveness, bl_attended(session->shared) + bl_from_ms(ms));
    bl_session_schedule(session);
}
