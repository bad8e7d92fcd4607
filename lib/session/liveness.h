/*
 * Liveness of one peer: alive, suspect, lost. Pure: time comes in, verdicts go out.
 *
 * Whatever valid comes in counts as a sign of life; garbage does not. Pings go out only when it is
 * silent, carry a nonce, and their answers give a round trip (REQUIREMENTS W-A11, W-A12). Losing a
 * peer needs nothing but silence; being suspect changes nothing but what is shown and how often a
 * ping goes out.
 */
#ifndef BL_SESSION_LIVENESS_H
#define BL_SESSION_LIVENESS_H

#include "lib/clock/time.h"
#include <stdbool.h>
#include <stdint.h>

#define BL_PINGS_REMEMBERED                                                                        \
    4 /* an answer to an older one is no sample, but a sign of life all the same */

struct bl_liveness_limits {
    bl_duration heartbeat;     /* silence before a ping */
    bl_duration suspect_after; /* silence before it is suspect */
    bl_duration lost_after;    /* silence before it is lost */
    bl_duration retry;         /* between pings to a suspect */
};

struct bl_liveness {
    bl_time heard_at;
    bl_time pinged_at;     /* last ping, if it was after heard_at */
    bl_time excused_until; /* a pause was announced: silence up to then is none */
    bool suspect;
    bool probed; /* this silence has had its reliable ping */
    uint8_t ping_count;
    struct {
        uint32_t nonce; /* 0 = none */
        bl_time sent_at;
    } pings[BL_PINGS_REMEMBERED];
};

enum bl_liveness_verdict {
    BL_LIVENESS_QUIET, /* nothing to do */
    BL_LIVENESS_PING,  /* send one ping, unsequenced */
    BL_LIVENESS_PROBE, /* send one ping, reliable: it repeats itself until answered */
    BL_LIVENESS_LOST,
};

void bl_liveness_start(struct bl_liveness *liveness, bl_time now);
/** A sign of life; true when the peer was suspect until now. */
bool bl_liveness_hear(struct bl_liveness *liveness, bl_time now);
/** The other side announced silence (a loading screen). */
void bl_liveness_excuse(struct bl_liveness *liveness, bl_time until);
/** What is due now. Becoming suspect shows in liveness->suspect. */
enum bl_liveness_verdict bl_liveness_judge(struct bl_liveness *liveness,
                                           const struct bl_liveness_limits *limits, bl_time now);
/** When bl_liveness_judge() is due next. */
bl_time bl_liveness_deadline(const struct bl_liveness *liveness,
                             const struct bl_liveness_limits *limits);

/** Notes a ping that leaves. */
void bl_liveness_ping(struct bl_liveness *liveness, uint32_t nonce, bl_time now);
/** The round trip of a ping's first answer; -1 for a nonce that is not, or no longer, awaited. */
bl_duration bl_liveness_pong(struct bl_liveness *liveness, uint32_t nonce, bl_time now);

#endif
