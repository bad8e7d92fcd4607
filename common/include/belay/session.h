/* Sessions: how they are named, their states, channels, and what can be seen of one. */
#ifndef BELAY_SESSION_H
#define BELAY_SESSION_H

#include <belay/init.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Names one session: slot and generation, never reused by one server or client. 0 names none. */
typedef uint64_t belay_session;

/** A group of sessions, as the server's application numbers them; see belay_server_publish(). */
typedef uint32_t belay_topic;
#define BELAY_TOPIC_ALL 0U /* every open session */

/**
 * What a session is doing, seen from this side. docs/session-states.md has the whole table.
 * An application need not look at it: the events say all that a game must know.
 */
enum belay_state {
    BELAY_DISCONNECTED,        /* no link and none wanted; also before the first connect */
    BELAY_TRANSPORT_CONNECTED, /* a link is up, nobody has logged in on it */
    BELAY_LOGIN_PENDING,       /* the login is asked for and not yet answered */
    BELAY_LOGGED_IN,           /* messages flow */
    BELAY_LOGIN_FAILED,        /* refused; the session is over */
    BELAY_TIMED_OUT,           /* the link died and the session with it */
    BELAY_RECONNECT_PENDING,   /* the link died, the session is kept for the resume window */
    BELAY_RECONNECTING,        /* a new link is being proven */
};
#define BELAY_STATE_COUNT 8

enum belay_mode {
    BELAY_RELIABLE = 0, /* ordered, exactly once; up to BELAY_MESSAGE_MAX bytes */
    BELAY_UNRELIABLE,   /* may be lost or overtaken, never cut short or repeated; up to
                           BELAY_UNRELIABLE_MAX */
    BELAY_SEQUENCED,    /* as unreliable, and what arrives later than a newer one is dropped */
};

/** What a reliable channel does when the send buffer is full. */
enum belay_when_full {
    BELAY_BLOCK = 0, /* send() answers BELAY_E_WOULD_BLOCK */
    BELAY_CLOSE,     /* the session ends with BELAY_REASON_BACKLOG */
    BELAY_COALESCE,  /* takes the place of the newest waiting message whose first 8 bytes (all, if
                        it has fewer) are the same, and its sequence; else as BELAY_BLOCK */
};

/** One channel. The first is number 0; both sides declare the same names and modes in the same
 * order. */
struct belay_channel {
    const char *name; /* at most BELAY_CHANNEL_NAME_MAX bytes; read during start or create only */
    enum belay_mode mode;
    uint8_t priority;  /* reliable: higher goes first; default 0 */
    uint8_t when_full; /* reliable: enum belay_when_full */
    uint32_t life_ms;  /* reliable: not sent once it is older than this; 0 = for ever */
};

/** A copy of what is known of one session: safe to keep, and valid in the CLOSED event too. */
struct belay_session_info {
    size_t struct_size; /* set by the caller, as by BELAY_SESSION_INFO_INIT */
    belay_session session;
    enum belay_state state;
    uint8_t user_id[16];        /* as accept() named the user; zeros before */
    void *user;                 /* as set_user() put it */
    char address[64];           /* of the other side, as text, for logs and ban lists */
    uint32_t rtt_ms, jitter_ms; /* round trip, smoothed, and its variation */
    uint32_t
        idle_ms; /* since the last valid datagram of the other side; 0 while there is no link */
    uint32_t idle_out_ms; /* since the last datagram to it */
    float loss; /* share of our reliable datagrams that had to be repeated lately, 0 to 1 */
    uint64_t bytes_in, bytes_out; /* of messages, without headers */
    uint64_t messages_in, messages_out;
    uint64_t resent;                        /* reliable pieces that were sent again */
    uint32_t resumes;                       /* links after the first */
    uint32_t migrations;                    /* changes of the other side's address */
    uint32_t queued_messages, queued_bytes; /* reliable, not yet handled by the other side */
    uint32_t sequence_out, handled_out; /* over all reliable channels: accepted for sending, handled
                                           by the other side */
    uint32_t moves_used, moves_substituted; /* ticks run with the input sent for them; without */
    uint32_t moves_refused;    /* server: inputs in conflict, too far ahead or over budget, their
                                  repetitions not counted; and malformed ones. An honest client has
                                  some when its network gets much better at once */
    uint32_t tick_received;    /* newest tick of which an input has come, of lane 0 */
    uint32_t tick_consumed;    /* newest tick that it has run */
    float margin_ticks;        /* by how much inputs come before their tick is due, smoothed */
    uint32_t features;         /* agreed at login, a bit mask of docs/protocol.md */
    uint32_t resume_window_ms; /* policy in force; 0 = a lost link ends the session */
    int64_t clock_offset_us;   /* the other side's clock minus ours; 0 until measured */
    bool dialing;              /* a client that has asked for a link and has none yet */
    bool closing;              /* close() was called and what was queued still drains */
    bool suspect;              /* silent for longer than usual */
};
#define BELAY_SESSION_INFO_INIT BELAY_INIT_(struct belay_session_info)

/** "LOGGED_IN" and so on; "unknown state" for anything else. A constant string. */
const char *belay_state_name(enum belay_state state);

#ifdef __cplusplus
}
#endif
#endif
