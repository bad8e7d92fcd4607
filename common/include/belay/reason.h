/* Reasons: why a session ended, or why it was refused. They travel both ways, always. */
#ifndef BELAY_REASON_H
#define BELAY_REASON_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One line per code: name, value, the text when whoever closes gives none. Below 1000 is ours. */
#define BELAY_REASONS(X)                                                                           \
    X(BELAY_REASON_NONE, 0, "no reason given")                                                     \
    X(BELAY_REASON_LEFT, 1, "left")                                                                \
    X(BELAY_REASON_TIMEOUT, 2, "the other side fell silent")                                       \
    X(BELAY_REASON_KICKED, 3, "removed by the server")                                             \
    X(BELAY_REASON_BANNED, 4, "banned")                                                            \
    X(BELAY_REASON_FULL, 5, "the server is full")                                                  \
    X(BELAY_REASON_DRAINING, 6, "the server takes no new sessions")                                \
    X(BELAY_REASON_SERVER_STOPPED, 7, "the server stopped")                                        \
    X(BELAY_REASON_SERVER_RESTARTED, 8, "the server was restarted; log in anew")                   \
    X(BELAY_REASON_REPLACED, 9, "the same user has logged in elsewhere")                           \
    X(BELAY_REASON_BAD_LOGIN, 10, "the login was refused")                                         \
    X(BELAY_REASON_LOGIN_DEADLINE, 11, "the login took too long")                                  \
    X(BELAY_REASON_TOKEN_EXPIRED, 12, "the token has expired; get a new one")                      \
    X(BELAY_REASON_TOKEN_BAD, 13, "the server cannot read the token")                              \
    X(BELAY_REASON_TOKEN_USED, 14, "the token was used before; get a new one")                     \
    X(BELAY_REASON_WRONG_SERVER, 15, "the token is for another server")                            \
    X(BELAY_REASON_SERVER_KEY_CHANGED, 16, "the server has another key than the one known")        \
    X(BELAY_REASON_VERSION, 17, "the two sides speak different versions")                          \
    X(BELAY_REASON_CHANNELS, 18, "the two sides declare different channels")                       \
    X(BELAY_REASON_PROTOCOL, 19, "the other side broke the protocol")                              \
    X(BELAY_REASON_OVERLOAD, 20, "too busy or out of memory")                                      \
    X(BELAY_REASON_STATE_LOST, 21, "the session could not be resumed")                             \
    X(BELAY_REASON_UNREACHABLE, 22, "no answer from the server")                                   \
    X(BELAY_REASON_CLOCK_SKEW, 23, "the token is not valid yet: a clock is wrong")                 \
    X(BELAY_REASON_FEATURE, 24, "a required feature is missing")                                   \
    X(BELAY_REASON_BACKLOG, 25, "the receiver did not keep up")

enum belay_reason_code {
#define BELAY_REASON_ENUM_(name, value, text) name = value,
    BELAY_REASONS(BELAY_REASON_ENUM_)
#undef BELAY_REASON_ENUM_
        BELAY_REASON_GAME = 1000, /* the game's own codes start here */
};

enum belay_who { BELAY_WHO_LOCAL, BELAY_WHO_PEER, BELAY_WHO_NETWORK };

struct belay_reason {
    enum belay_who who; /* ignored in a reason that is given to close() */
    uint32_t code;      /* enum belay_reason_code, or the game's own from 1000 */
    bool come_back;     /* may a client try again, after retry_ms */
    uint32_t retry_ms;
    const char *text; /* never NULL in an event; UTF-8 without control characters, at most
                         BELAY_REASON_TEXT_MAX bytes. In a call NULL means the code's own text. */
};

/** "BELAY_REASON_KICKED", or "game reason" from 1000, or "unknown reason". A constant string. */
const char *belay_reason_name(uint32_t code);

#ifdef __cplusplus
}
#endif
#endif
