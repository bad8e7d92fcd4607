/* Counters of one server or client: what came in, what went out, what was dropped and why. */
#ifndef BELAY_STATS_H
#define BELAY_STATS_H

#include <belay/init.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Why something that came in was dropped. Counted, never logged: a stranger can cause most of
 * them. */
#define BELAY_DROPS(X)                                                                             \
    X(BELAY_DROP_SIZE, 0, "datagram empty or over 1,200 bytes")                                    \
    X(BELAY_DROP_KIND, 1, "datagram of a kind that is not for us")                                 \
    X(BELAY_DROP_HANDSHAKE, 2, "malformed or unasked-for handshake datagram")                      \
    X(BELAY_DROP_REFUSED, 3, "newcomer refused: full, draining, or by another way in")             \
    X(BELAY_DROP_BINDING, 4, "sealed datagram of no binding")                                      \
    X(BELAY_DROP_LATE, 5, "datagram of a binding that has ended")                                  \
    X(BELAY_DROP_COMMAND, 6, "ENet command off the allow-list")                                    \
    X(BELAY_DROP_FRAME, 7, "malformed frame")                                                      \
    X(BELAY_DROP_STATE, 8, "frame not legal in the session's state")                               \
    X(BELAY_DROP_UNKNOWN, 9, "frame of an unknown type")                                           \
    X(BELAY_DROP_DUPLICATE, 10, "message that had come before")                                    \
    X(BELAY_DROP_STALE, 11, "sequenced message overtaken by a newer one, or a piece of one")       \
    X(BELAY_DROP_UNREAD, 12, "unreliable message while too many wait to be polled")                \
    X(BELAY_DROP_MEMORY, 13, "no memory to take it in")                                            \
    X(BELAY_DROP_FORGED, 14, "sealed datagram that does not open: forged, replayed or too late")   \
    X(BELAY_DROP_VERSION, 15, "newcomer of another protocol version or game")                      \
    X(BELAY_DROP_COOKIE, 16, "newcomer with a forged or old cookie, asked to come again")          \
    X(BELAY_DROP_RATE, 17, "over a rate: of one address's newcomers, of one session")              \
    X(BELAY_DROP_PROOF, 18, "newcomer whose proof is wrong")                                       \
    X(BELAY_DROP_TOKEN, 19, "token that does not open: altered, or of an unknown key")             \
    X(BELAY_DROP_EXPIRED, 20, "token that has expired")                                            \
    X(BELAY_DROP_EARLY, 21, "token that is not valid yet: a clock is wrong")                       \
    X(BELAY_DROP_USED, 22, "token that was used before")                                           \
    X(BELAY_DROP_AUDIENCE, 23, "token for another server")                                         \
    X(BELAY_DROP_TICKET, 24, "resume refused: ticket altered, stale, of a session that is gone")   \
    X(BELAY_DROP_REQUEST, 25,                                                                      \
      "answer or cancellation of a request that is not pending, or not any more")

enum belay_drop {
#define BELAY_DROP_ENUM_(name, value, meaning) name = value,
    BELAY_DROPS(BELAY_DROP_ENUM_)
#undef BELAY_DROP_ENUM_
};
#define BELAY_DROP_COUNT 32

struct belay_stats {
    size_t struct_size; /* set by the caller, as by BELAY_STATS_INIT */
    uint16_t port;      /* that the socket is bound to */
    uint32_t sessions;  /* managed, in any state */
    uint32_t held;      /* of these without a link, kept for the resume window */
    uint64_t memory;    /* bytes in use, ENet's own not counted */
    uint64_t queued;    /* bytes of messages waiting, both ways, of memory_max */
    uint64_t datagrams_in, datagrams_out;
    uint64_t bytes_in, bytes_out; /* of UDP payload */
    uint64_t unsent;              /* datagrams that the system did not take */
    uint64_t errors_out;          /* ERROR frames: the other side said what we do not understand */
    uint64_t errors_in;           /* and the other way round */
    uint64_t ticks_run;           /* server: given out by next_tick(); and left out after stalls */
    uint64_t ticks_left_out;
    uint32_t tick_late_us;              /* server: how late the newest tick was given out */
    uint64_t dropped[BELAY_DROP_COUNT]; /* by enum belay_drop */
};
#define BELAY_STATS_INIT BELAY_INIT_(struct belay_stats)

/** What a drop cause means, in words; "unknown cause" for anything else. A constant string. */
const char *belay_drop_meaning(enum belay_drop cause);

#ifdef __cplusplus
}
#endif
#endif
