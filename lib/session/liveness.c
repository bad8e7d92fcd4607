/* All deadlines follow from the last sign of life, or from the end of an announced pause when that
 * is later. */
#include "lib/session/liveness.h"

void bl_liveness_start(struct bl_liveness *liveness, bl_time now) {
    *liveness = (struct bl_liveness){.heard_at = now, .pinged_at = now};
}

bool bl_liveness_hear(struct bl_liveness *liveness, bl_time now) {
    bool was_suspect = liveness->suspect;
    liveness->heard_at = now;
    liveness->pinged_at = now;
    liveness->suspect = liveness->probed = false;
    return was_suspect;
}

void bl_liveness_excuse(struct bl_liveness *liveness, bl_time until) {
    liveness->excused_until = until;
}

/** From when on silence counts. */
static bl_time silent_since(const struct bl_liveness *liveness) {
    return liveness->excused_until > liveness->heard_at ? liveness->excused_until
                                                        : liveness->heard_at;
}

static bl_time lost_at(const struct bl_liveness *liveness,
                       const struct bl_liveness_limits *limits) {
    return silent_since(liveness) + limits->lost_after;
}

static bl_time ping_at(const struct bl_liveness *liveness,
                       const struct bl_liveness_limits *limits) {
    bl_duration interval = liveness->suspect ? limits->retry : limits->heartbeat;
    return liveness->pinged_at + interval;
}

enum bl_liveness_verdict bl_liveness_judge(struct bl_liveness *liveness,
                                           const struct bl_liveness_limits *limits, bl_time now) {
    if (now >= lost_at(liveness, limits)) {
        return BL_LIVENESS_LOST;
    }
    if (now >= silent_since(liveness) + limits->suspect_after) {
        liveness->suspect = true;
    }
    if (now < ping_at(liveness, limits)) {
        return BL_LIVENESS_QUIET;
    }
    if (liveness->suspect && !liveness->probed) {
        liveness->probed = true;
        return BL_LIVENESS_PROBE;
    }
    return BL_LIVENESS_PING;
}

bl_time bl_liveness_deadline(const struct bl_liveness *liveness,
                             const struct bl_liveness_limits *limits) {
    bl_time deadline = bl_earlier(lost_at(liveness, limits), ping_at(liveness, limits));
    if (!liveness->suspect) {
        deadline = bl_earlier(deadline, silent_since(liveness) + limits->suspect_after);
    }
    return deadline;
}

void bl_liveness_ping(struct bl_liveness *liveness, uint32_t nonce, bl_time now) {
    liveness->pinged_at = now;
    unsigned slot = liveness->ping_count++ % BL_PINGS_REMEMBERED;
    liveness->pings[slot].nonce = nonce;
    liveness->pings[slot].sent_at = now;
}

bl_duration bl_liveness_pong(struct bl_liveness *liveness, uint32_t nonce, bl_time now) {
    for (unsigned i = 0; nonce != 0 && i < BL_PINGS_REMEMBERED; i++) {
        if (liveness->pings[i].nonce == nonce) {
            liveness->pings[i].nonce = 0;
            return now - liveness->pings[i].sent_at;
        }
    }
    return -1;
}
