/* Events: everything that Belay has to say, one at a time, through poll(). */
#ifndef BELAY_EVENT_H
#define BELAY_EVENT_H

#include <belay/move.h>
#include <belay/reason.h>
#include <belay/request.h>
#include <belay/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * An application that handles the events marked [must] and ignores all others is correct.
 *
 * Within a session, events come in the order in which things happened, but messages wait behind the
 * other events of their session, and CLOSED comes last of all.
 */
#define BELAY_EVENTS(X)                                                                            \
    X(BELAY_EVENT_NONE, 0)                                                                         \
    X(BELAY_EVENT_LOGIN, 1)        /* server [must]: accept or close it, now or before login_ms */ \
    X(BELAY_EVENT_OPEN, 2)         /* both [must]: logged in; sending is legal from here on */     \
    X(BELAY_EVENT_MESSAGE, 3)      /* both [must] */                                               \
    X(BELAY_EVENT_CLOSED, 4)       /* both [must]: the one end, of a refused connect too */        \
    X(BELAY_EVENT_DOWN, 5)         /* both: no link, the session is kept for window_ms */          \
    X(BELAY_EVENT_RESUMED, 6)      /* both: the link is back, and the session goes on */           \
    X(BELAY_EVENT_LINK, 7)         /* both: suspect, good again, or moved; for the signal bars */  \
    X(BELAY_EVENT_BACKPRESSURE, 8) /* both: on above 75 % of a send cap, or once a send() would    \
                                      block; off at 50 % and with room */                          \
    X(BELAY_EVENT_REQUEST, 9)      /* both: answer it, now or before its deadline */               \
    X(BELAY_EVENT_REPLY, 10)       /* both: exactly one for each request made */                   \
    X(BELAY_EVENT_TICKET, 11)      /* client: a new resume ticket, instead of the last one */      \
    X(BELAY_EVENT_RETURNED, 12)    /* both: a reliable message that will not arrive */             \
    X(BELAY_EVENT_DRAIN, 13)       /* client: the server ends in deadline_ms */                    \
    X(BELAY_EVENT_MOVE_REFUSED, 14) /* server, opts.move_events: inputs that were not taken */     \
    X(BELAY_EVENT_STATE, 15)        /* both, with opts.state_events: every transition */

enum belay_event_type {
#define BELAY_EVENT_ENUM_(name, value) name = value,
    BELAY_EVENTS(BELAY_EVENT_ENUM_)
#undef BELAY_EVENT_ENUM_
};

/** LOGIN: a client has said hello. */
struct belay_login_event {
    const void *data; /* what it gave connect(); never NULL */
    size_t size;
    const void
        *token_data; /* what the login service put into its token; NULL: it came without one */
    size_t token_size;
    uint8_t user_id[16]; /* that its token names; accept() may name another */
    bool has_user_id;
};

/** OPEN: logged in. */
struct belay_open_event {
    uint8_t user_id[16]; /* as accept() named the user */
    const void *data;    /* client: the server's welcome payload; never NULL */
    size_t size;
};

/** MESSAGE. */
struct belay_message_event {
    const void *data; /* never NULL */
    size_t size;
    uint8_t channel;
    belay_topic topic; /* that it was published to; BELAY_TOPIC_ALL: sent, or published to all */
    uint32_t sequence; /* per channel, from 1; on a reliable channel a gap means that the messages
                          between had expired at the sender, or is told by RESUMED */
};

/** CLOSED: the end of a session, or of an attempt to open one. */
struct belay_closed_event {
    const struct belay_reason *reason;
    const struct belay_session_info *info; /* as it was at the end */
    uint32_t undelivered;                  /* messages that had come in and were not polled */
    uint32_t unacked; /* reliable messages out that are not known to be handled, without those that
                         RETURNED has told of */
};

/** DOWN: the link is gone, the session is kept. */
struct belay_down_event {
    const struct belay_reason *reason;
    uint32_t window_ms; /* for so long */
};

/** Numbers of messages on one reliable channel of which nobody can say what became of them. */
struct belay_gap {
    uint8_t channel;
    bool inbound;      /* messages to whoever is told; else its own */
    uint32_t from, to; /* both included */
};

/**
 * RESUMED: the session has a link again. Nothing was lost or repeated while gap_count is 0, which
 * it is unless the client's process is another one (opts.accept_gaps). Then, for each channel:
 * - From the server to the client: what the old process was sent and has not reported as handled
 *   comes again, under the same numbers, which the range holds; it may have handled them.
 * - From the client to the server: what the old process had sent, and the server has not received,
 *   is lost; the new one's numbers go on after the range.
 */
struct belay_resumed_event {
    uint32_t down_ms; /* since DOWN; 0 = this side had not noticed */
    uint32_t gap_count;
    const struct belay_gap *gaps;
};

/** TICKET: what connect() takes in another process, should this one die. A secret: whoever has it
 * has the session, so a file of it is for its owner's eyes only (mode 0600). */
struct belay_ticket_event {
    const void *data; /* at most BELAY_TICKET_SIZE_MAX bytes */
    size_t size;
};

/** LINK: how good the link is has changed. */
struct belay_link_event {
    bool suspect;
    bool migrated; /* the other side has another address since the last such event (see info) */
};

/** BACKPRESSURE: the send buffer fills, or has room again. */
struct belay_backpressure_event {
    bool on;
    uint32_t queued_messages, queued_bytes;
};

/** RETURNED: a reliable message that will not arrive. */
struct belay_returned_event {
    const void *data; /* never NULL */
    size_t size;
    uint8_t channel;
    belay_topic topic; /* that it was published to; BELAY_TOPIC_ALL: sent, or published to all */
    uint32_t sequence;
    bool expired; /* it grew older than its channel's life_ms before it could be sent; else the
                     other side has lost its memory, and whether it was handled is not known */
};

/** DRAIN: the server ends. */
struct belay_drain_event {
    uint32_t deadline_ms;
    const char *go_to; /* where else to play; empty when the server did not say */
};

/** MOVE_REFUSED: inputs that break a rule, and not only come late or twice. One event for each
 * verdict stands for all since the last poll of its kind. */
struct belay_move_refused_event {
    enum belay_move_verdict verdict; /* CONFLICT, FUTURE or OVER_BUDGET */
    uint32_t tick;                   /* of the newest one */
    uint32_t count;
    uint8_t lane; /* of the newest one */
};

/** STATE: one transition. */
struct belay_state_event {
    enum belay_state from, to;
    const struct belay_reason *reason;
    uint64_t time_ms; /* on the monotonic clock of this process */
};

/**
 * One event. Whatever it points to is lent: valid until the next poll(), service(), stop() or
 * destroy() of the object it came from.
 */
struct belay_event {
    enum belay_event_type type; /* says which member of the union is set */
    belay_session session;
    void *user; /* what set_user() put there; CLOSED still has it */
    union {
        struct belay_login_event login;
        struct belay_open_event open;
        struct belay_message_event message;
        struct belay_closed_event closed;
        struct belay_down_event down;
        struct belay_resumed_event resumed;
        struct belay_request_event request;
        struct belay_reply_event reply;
        struct belay_ticket_event ticket;
        struct belay_link_event link;
        struct belay_backpressure_event backpressure;
        struct belay_returned_event returned;
        struct belay_drain_event drain;
        struct belay_move_refused_event move_refused;
        struct belay_state_event state;
    };
};

/** "BELAY_EVENT_LOGIN" and so on; "unknown event" for anything else. A constant string. */
const char *belay_event_name(enum belay_event_type type);

#ifdef __cplusplus
}
#endif
#endif
