/* Names of public values and the library's version. Each table is the X-macro its enum is made of.
 */
#include <belay/belay.h>

#include "common/reason_text.h"

const char *belay_version(void) {
    return BELAY_VERSION;
}

const char *belay_reason_name(uint32_t code) {
    switch (code) {
#define NAME_CASE(name, value, text)                                                               \
    case value:                                                                                    \
        return #name;
        BELAY_REASONS(NAME_CASE)
#undef NAME_CASE
    default:
        return code >= BELAY_REASON_GAME ? "game reason" : "unknown reason";
    }
}

const char *bl_reason_text(uint32_t code) {
    switch (code) {
#define TEXT_CASE(name, value, text)                                                               \
    case value:                                                                                    \
        return text;
        BELAY_REASONS(TEXT_CASE)
#undef TEXT_CASE
    default:
        return "";
    }
}

const char *belay_event_name(enum belay_event_type type) {
    switch (type) {
#define NAME_CASE(name, value)                                                                     \
    case value:                                                                                    \
        return #name;
        BELAY_EVENTS(NAME_CASE)
#undef NAME_CASE
    }
    return "unknown event";
}

const char *belay_reply_meaning(int32_t code) {
    switch (code) {
#define MEANING_CASE(name, value, meaning)                                                         \
    case value:                                                                                    \
        return meaning;
        BELAY_REPLIES(MEANING_CASE)
#undef MEANING_CASE
    default:
        return code >= 0 ? "the game's own" : "unknown code";
    }
}

const char *belay_drop_meaning(enum belay_drop cause) {
    switch (cause) {
#define MEANING_CASE(name, value, meaning)                                                         \
    case name:                                                                                     \
        return meaning;
        BELAY_DROPS(MEANING_CASE)
#undef MEANING_CASE
    }
    return "unknown cause";
}

const char *belay_state_name(enum belay_state state) {
    static const char *const names[BELAY_STATE_COUNT] = {
        [BELAY_DISCONNECTED] = "DISCONNECTED",
        [BELAY_TRANSPORT_CONNECTED] = "TRANSPORT_CONNECTED",
        [BELAY_LOGIN_PENDING] = "LOGIN_PENDING",
        [BELAY_LOGGED_IN] = "LOGGED_IN",
        [BELAY_LOGIN_FAILED] = "LOGIN_FAILED",
        [BELAY_TIMED_OUT] = "TIMED_OUT",
        [BELAY_RECONNECT_PENDING] = "RECONNECT_PENDING",
        [BELAY_RECONNECTING] = "RECONNECTING",
    };
    return (unsigned)state < BELAY_STATE_COUNT ? names[state] : "unknown state";
}

const char *belay_move_verdict_name(enum belay_move_verdict verdict) {
    static const char *const names[BELAY_MOVE_VERDICT_COUNT] = {
        [BELAY_MOVE_ACCEPTED] = "accepted",   [BELAY_MOVE_STALE] = "stale",
        [BELAY_MOVE_DUPLICATE] = "duplicate", [BELAY_MOVE_CONFLICT] = "conflict",
        [BELAY_MOVE_FUTURE] = "future",       [BELAY_MOVE_OVER_BUDGET] = "over budget",
        [BELAY_MOVE_MALFORMED] = "malformed",
    };
    return (unsigned)verdict < BELAY_MOVE_VERDICT_COUNT ? names[verdict] : "unknown verdict";
}
