/* Round trip time of one peer: RFC 6298 2 and RFC 9002 5, in nanoseconds. */
#ifndef BL_PEER_RTT_H
#define BL_PEER_RTT_H

#include "lib/clock/time.h"

struct bl_rtt {
    bl_duration smoothed; /* 0 until the first sample */
    bl_duration variation;
};

/** Zeroed memory is an estimator without samples. A sample below one millisecond counts as one. */
void bl_rtt_sample(struct bl_rtt *rtt, bl_duration sample);

#define BL_TIMEOUT_MIN     (100 * BL_MILLISECOND)
#define BL_TIMEOUT_MAX     (3 * BL_SECOND)
#define BL_TIMEOUT_MARGIN  (25 * BL_MILLISECOND)
#define BL_TIMEOUT_INITIAL (500 * BL_MILLISECOND)

/**
 * How long to wait for an acknowledgement: max(srtt + max(2 rttvar, 25 ms), 100 ms), without
 * doubling, and 3 s at most, since samples are the other side's claim; 500 ms before the first. The
 * margin keeps most of what a jittery link delays from being repeated.
 */
bl_duration bl_rtt_timeout(const struct bl_rtt *rtt);

#endif
