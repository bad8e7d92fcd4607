/* The classic estimator. It has no clock and no notion of who measured: ENet's acks and our pings
 * both feed it. */
#include "lib/peer/rtt.h"

void bl_rtt_sample(struct bl_rtt *rtt, bl_duration sample) {
    if (sample < BL_MILLISECOND) {
        sample = BL_MILLISECOND;
    }
    if (rtt->smoothed == 0) {
        rtt->smoothed = sample;
        rtt->variation = sample / 2;
        return;
    }
    bl_duration error = sample > rtt->smoothed ? sample - rtt->smoothed : rtt->smoothed - sample;
    rtt->variation += (error - rtt->variation) / 4;
    rtt->smoothed += (sample - rtt->smoothed) / 8;
}

bl_duration bl_rtt_timeout(const struct bl_rtt *rtt) {
    if (rtt->smoothed == 0) {
        return BL_TIMEOUT_INITIAL;
    }
    bl_duration margin = 2 * rtt->variation;
    bl_duration timeout = rtt->smoothed + (margin > BL_TIMEOUT_MARGIN ? margin : BL_TIMEOUT_MARGIN);
    timeout = timeout > BL_TIMEOUT_MIN ? timeout : BL_TIMEOUT_MIN;
    return timeout < BL_TIMEOUT_MAX ? timeout : BL_TIMEOUT_MAX;
}
