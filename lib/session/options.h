/* What the options of client and server have in common: how they are copied, checked and filled in.
 */
#ifndef BL_SESSION_OPTIONS_H
#define BL_SESSION_OPTIONS_H

#include "common/options.h"
#include "lib/session/session.h"

/** Milliseconds of an option: 0 is @p otherwise, BELAY_FOREVER never ends. */
bl_duration bl_options_duration(uint32_t ms, uint32_t otherwise);
static inline uint32_t bl_options_count(uint32_t value, uint32_t otherwise) {
    return value != 0 ? value : otherwise;
}

/** What a side takes in before it has handled more. @param request_max  0: the default */
static inline struct bl_credit_limits bl_options_credit(uint16_t request_max) {
    return (struct bl_credit_limits){
        .messages = BELAY_CREDIT_MESSAGES,
        .bytes = BELAY_CREDIT_BYTES,
        .requests = (uint16_t)bl_options_count(request_max, BELAY_REQUESTS_DEFAULT)};
}

/**
 * Checks and sets heartbeat and lost: what is not given follows from the other, a third of lost at
 * most, or stays 0 where @p adopt says that the other side's will be taken.
 *
 * @return BELAY_OK, BELAY_E_INVALID: a heartbeat must be shorter than what it is to prevent
 */
enum belay_result bl_options_liveness(struct bl_limits *limits, uint32_t heartbeat_ms,
                                      uint32_t lost_ms, bool adopt);

/** The same for what is known of a session; NULL gives a disconnected one. */
enum belay_result bl_options_give_info(struct belay_session_info *out,
                                       const struct bl_session *session);

#endif
