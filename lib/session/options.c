/* A wrong option is the caller's mistake: each error names the field and says what would be right.
 */
#include "lib/session/options.h"

#include "common/error.h"
#include <string.h>

bl_duration bl_options_duration(uint32_t ms, uint32_t otherwise) {
    ms = ms != 0 ? ms : otherwise;
    return ms == BELAY_FOREVER ? BL_FOREVER : bl_from_ms(ms);
}

enum belay_result bl_options_liveness(struct bl_limits *limits, uint32_t heartbeat_ms,
                                      uint32_t lost_ms, bool adopt) {
    uint32_t heartbeat_default = adopt ? 0 : BELAY_HEARTBEAT_MS_DEFAULT;
    uint32_t lost_default = adopt ? 0 : BELAY_LOST_MS_DEFAULT;
    limits->heartbeat = bl_options_duration(heartbeat_ms, heartbeat_default);
    limits->lost = bl_options_duration(lost_ms, lost_default);
    if (heartbeat_ms == 0) {
        limits->heartbeat = bl_earlier(limits->heartbeat, limits->lost / 3);
    }
    bool never = limits->heartbeat == BL_FOREVER; /* leaves the pings to the other side */
    if (limits->lost > 0 && limits->heartbeat >= limits->lost && !never) {
        return bl_fail(BELAY_E_INVALID, "%s: a heartbeat of %u ms must be shorter than lost, %u ms",
                       lost_ms != 0 ? "lost_ms" : "heartbeat_ms", bl_to_ms(limits->heartbeat),
                       bl_to_ms(limits->lost));
    }
    return BELAY_OK;
}

enum belay_result bl_options_give_info(struct belay_session_info *out,
                                       const struct bl_session *session) {
    struct belay_session_info info = {0};
    if (session != NULL) {
        bl_session_info(session, &info);
    }
    return bl_options_give(out, &info, sizeof info, "info");
}
