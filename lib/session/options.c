/* A wrong option is the caller's mistake: each error names the field and says what would be right.
 */
#include "lib/session/options.h"

#include "common/error.h"
#include <string.h>

enum belay_result bl_options_copy(void *out, size_t out_size, const void *in, const char *init) {
    size_t size = 0;
    if (in == NULL) {
        return bl_fail(BELAY_E_INVALID, "opts: NULL; start from %s", init);
    }
    memcpy(&size, in, sizeof size);
    if (size < sizeof size || size > out_size) {
        return bl_fail(BELAY_E_INVALID,
                       "struct_size: %zu where this library knows %zu; start from %s, and compile "
                       "against the headers of the library that is linked",
                       size, out_size, init);
    }
    memset(out, 0, out_size);
    memcpy(out, in, size);
    return BELAY_OK;
}

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

enum belay_result bl_options_need_secure_layer(const char *field) {
    return bl_fail(
        BELAY_E_INVALID,
        "%s: this version has no encryption yet and serves this machine only; leave it out", field);
}

enum belay_result bl_options_address(struct bl_address *out, const char *text, bool simulated,
                                     const char *field) {
    enum belay_result result = bl_address_parse(out, text, true);
    if (result != BELAY_OK) {
        return result;
    }
    if (!simulated && !bl_address_is_loopback(out)) {
        return bl_fail(BELAY_E_INVALID,
                       "%s: %s is not this machine; this version has no encryption yet, so use "
                       "127.0.0.1",
                       field, text);
    }
    return BELAY_OK;
}

enum belay_result bl_options_give(void *out, const void *value, size_t size, const char *field) {
    size_t out_size = 0;
    if (out != NULL) {
        memcpy(&out_size, out, sizeof out_size);
    }
    if (out_size < sizeof out_size || out_size > size) {
        return bl_fail(BELAY_E_INVALID, "%s: start from its INIT macro (struct_size is %zu)", field,
                       out_size);
    }
    memcpy((char *)out + sizeof out_size, (const char *)value + sizeof out_size,
           out_size - sizeof out_size);
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
