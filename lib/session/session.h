/*
 * A session: one player's end of one connection, with its lifecycle, its streams and its events.
 *
 * It outlives its ENet peer: it has at most one at a time, and may have none. Everything that
 * happens to it comes in through the functions below, from its peer, its timer or its application;
 * what it has to say goes out through its peer and its inbox. It knows neither sockets nor other
 * sessions.
 */
#ifndef BL_SESSION_SESSION_H
#define BL_SESSION_SESSION_H

#include "lib/session/inbox.h"
#include "lib/session/liveness.h"
#include "lib/session/receive_stream.h"
#include "lib/session/requests.h"
#include "lib/session/send_stream.h"
#include "lib/session/state.h"
#include "lib/session/unreliable.h"

#define BL_OFFSET_SAMPLES 8
#define BL_TOMBSTONE      (5 * BL_SECOND) /* how long an ended binding answers with GONE */
#define BL_REST           BL_SECOND       /* in TIMED_OUT, where nothing is kept */
#define BL_PATIENCE_MAX   (2 * BL_SECOND) /* whatever round trip the other side claims to have */
#define BL_LAST_WORDS     3 /* time-outs that the other side has to acknowledge a close */

/** A reason with its text. */
struct bl_reason {
    enum belay_who who;
    uint32_t code;
    bool come_back;
    uint32_t retry_ms;
    char text[BELAY_REASON_TEXT_MAX + 1];
};

/** The reason as the public has it, its text lent. */
static inline struct belay_reason bl_reason_lend(const struct bl_reason *reason) {
    return (struct belay_reason){.who = reason->who,
                                 .code = reason->code,
                                 .come_back = reason->come_back,
                                 .retry_ms = reason->retry_ms,
                                 .text = reason->text};
}

/** One channel of a session; its mode says which half of the union is in use. */
struct bl_session_channel {
    union {
        struct {
            struct bl_send_stream send;
            struct bl_receive_stream receive;
        };
        struct bl_unreliable unreliable;
    };
};

/** The other side's clock against ours: NTP's filter (RFC 5905 10) in small, the least delayed of
 * the last samples. */
struct bl_clock_offset {
    unsigned count;
    struct {
        bl_duration round_trip;
        int64_t offset_us;
    } samples[BL_OFFSET_SAMPLES];
};

struct bl_session {
    struct bl_shared *shared;
    belay_session handle;
    enum belay_state state;
    struct bl_peer *peer; /* NULL while there is no link */
    void *user;
    struct bl_extension *extension;     /* from its login on, if its runtime hangs anything on it */
    uint8_t identity[16];               /* of the handshake, then as accept() named the user */
    uint8_t name[BL_SESSION_NAME_SIZE]; /* server: as its tickets have it */
    uint32_t generation;                /* server: of the newest ticket that was proven */
    uint32_t attempt_generation;        /* server: the newest attempt to resume it: its ticket's */
    uint64_t attempt;                   /* and its number */
    struct bl_identity *claim; /* server: what its token says, until it is accepted; or NULL */
    bool accepted;
    bool dialing; /* shown in info; set by the client runtime */
    struct bl_address address;
    uint32_t migrations;
    bool migrated; /* and no event has told it yet */

    uint32_t features; /* agreed */
    struct bl_credit_limits
        peer_credit; /* what the other side takes in before it has handled more */
    bl_duration heartbeat, lost,
        resume_window; /* policy in force, from shared->limits or WELCOME */

    struct bl_liveness liveness;
    struct bl_clock_offset offset;
    struct bl_timer timer; /* the earliest of the deadlines below; all in attended time */
    bl_time login_by;      /* before LOGGED_IN */
    bl_time held_until;    /* RECONNECT_PENDING, RECONNECTING, TIMED_OUT */
    bl_time down_since;    /* when DOWN was told; NEVER while there is a link */
    bl_time close_by;      /* closing: when draining ends */
    bl_time probe_by;      /* asks for a report of what is handled: the last may have been lost */
    bool starving;         /* a message waits for credit */
    bool reported;         /* a report has come since the probe was set */
    bl_time report_by;     /* a handled report leaves alone; BL_TIME_NEVER = none is owed */
    bool closing;

    struct bl_session_channel *channels;
    struct bl_requests requests;
    size_t flight_bytes;                    /* sent and not acknowledged, over all channels */
    uint32_t queued_messages, queued_bytes; /* out, not yet handled */
    size_t waiting;                         /* bytes of messages, both ways */
    uint32_t drawn_messages,
        drawn_bytes;             /* of these, begun to be handed over: drawn on peer_credit */
    struct bl_credit credit;     /* what the other side may still send */
    struct bl_credit unreported; /* handled since the last report */
    uint32_t report_channels;    /* bit per channel that has handled anything */
    bool pressed;                /* back-pressure is on */
    size_t owed; /* bytes last refused because of other sessions; 0 = not in the list of those */

    uint64_t bytes_in, bytes_out, messages_in, messages_out;
    uint64_t resent; /* on links that are gone */
    uint32_t rtt_ms; /* of the last one */
    uint32_t undelivered;
    uint32_t uncredited;       /* received messages that a former process of the client has sent */
    uint32_t expired_messages; /* of those queued; told by RETURNED already */
    uint32_t resumes;
    struct bl_subscription *subscriptions; /* server: to topics */
    struct bl_session *older;              /* server: the same user's session before this one */
    uint32_t takeovers; /* server: how often its user has replaced a session, of late */
    bl_time takeovers_since;
    struct belay_gap *gaps; /* for the next RESUMED */
    uint32_t gap_count, gap_capacity;
    struct bl_reason reason; /* why it ended, or why the link went down last */

    struct bl_inbox inbox;
    struct bl_packet *login_packet; /* server: HELLO, which LOGIN points into; client: WELCOME */
    const uint8_t *login_data;
    size_t login_size;
    bl_time
        drain_by; /* server: when it ends, for who logs in meanwhile; BL_TIME_NEVER = it does not */
    char go_to[BELAY_REASON_TEXT_MAX + 1];
    struct bl_session *ready_next, *pump_next, *owed_next;
    bool pumping; /* in the list of sessions to pump */
};

/** The channel that requests travel on. */
static inline struct bl_session_channel *bl_request_stream(const struct bl_session *session) {
    return &session->channels[bl_request_channel(session->shared)];
}

/** @return BELAY_OK, BELAY_E_NO_MEMORY */
enum belay_result bl_session_create(struct bl_session **out, struct bl_shared *shared,
                                    const uint8_t identity[16]);
/** Without a word to anybody. NULL is fine. */
void bl_session_destroy(struct bl_session *session);

/* ---- from the transport */

/** A proven binding carries @p peer: the session's first link is up. A client says hello at once.
 * (Later ones: lib/session/resume.h.) */
void bl_session_bind(struct bl_session *session, struct bl_peer *peer);
/** Client: this side has. Says something at once, so that the server follows. */
void bl_session_network_changed(struct bl_session *session);
/** The other side has moved to another address. */
void bl_session_migrate(struct bl_session *session);
/**
 * Server: what the newcomer's token says, for the LOGIN event and accept(). Copied.
 *
 * @return false when memory is out
 */
bool bl_session_claim(struct bl_session *session, const struct bl_identity *identity);
/** One frame. Takes the packet. */
void bl_session_take_packet(struct bl_session *session, struct bl_packet *packet);
/** A datagram was valid to its end. */
void bl_session_progress(struct bl_session *session);
/** The link is gone for good; the session is held if its policy says so, else it has timed out. */
void bl_session_lose(struct bl_session *session, const struct belay_reason *reason);
/** Hands to ENet what may go out now. */
void bl_session_pump(struct bl_session *session);
/** There is room again for somebody who was refused it, though others had taken it. */
bool bl_session_owes(const struct bl_shared *shared);
/** Tells those in their turn, as many as the room is enough for: the others hear a round later. */
void bl_session_tell_owed(struct bl_shared *shared);

/* ---- from the application */

/** Server, LOGIN_PENDING. @return BELAY_OK, BELAY_E_STATE, BELAY_E_TOO_BIG, BELAY_E_NO_MEMORY */
enum belay_result bl_session_accept(struct bl_session *session, const void *welcome, size_t size);
/**
 * Ends the session, or refuses its login: what is queued goes out first, for @p drain at most.
 * A session that has ended is left as it is; one that is closing keeps its reason, and drains no
 * longer than either close allows.
 */
void bl_session_close(struct bl_session *session, const struct belay_reason *reason,
                      bl_duration drain);
/** @return BELAY_OK, BELAY_E_INVALID, BELAY_E_STATE, BELAY_E_GONE, BELAY_E_TOO_BIG,
 * BELAY_E_WOULD_BLOCK, BELAY_E_NO_MEMORY */
enum belay_result bl_session_send(struct bl_session *session, uint8_t channel, const void *data,
                                  size_t size);
/**
 * What is wrong with a message before it is known to whom it goes.
 *
 * @param topical  it is to name a topic
 * @return BELAY_OK, BELAY_E_INVALID, BELAY_E_TOO_BIG
 */
enum belay_result bl_check_message(const struct bl_shared *shared, uint8_t channel,
                                   const struct bl_span *data, bool topical);
/** As bl_session_send(), of what bl_check_message() has found right; without a copy. */
enum belay_result bl_session_send_body(struct bl_session *session, uint8_t channel,
                                       struct bl_body *body, bool topical);
/** Tells the other side to expect silence. @return BELAY_OK, BELAY_E_STATE, BELAY_E_NO_MEMORY */
enum belay_result bl_session_pause(struct bl_session *session, uint32_t ms);
/** Server: tells the client that the server ends. */
void bl_session_announce_drain(struct bl_session *session, uint32_t deadline_ms, const char *go_to);
/** The application has handled a message that bl_poll() lent to it. */
void bl_session_handle(struct bl_session *session, const struct bl_message *message);

void bl_session_info(const struct bl_session *session, struct belay_session_info *info);
/** A lost link does not end it. */
bool bl_session_is_kept(const struct bl_session *session);
/** It has no link and is kept for its client to come back. */
bool bl_session_is_held(const struct bl_session *session);
/** Gives the link up at once, if there is one: another is about to take its place. */
void bl_session_cut(struct bl_session *session);
/** It has ended: only its last events are still to be polled. */
bool bl_session_has_ended(const struct bl_session *session);

/* ---- from the client's runtime */

/** A dial has begun: it must be logged in within @p limit. */
void bl_session_expect_login(struct bl_session *session, bl_duration limit);
/** Feeds one input that no peer is needed for: the outcome of a dial. */
void bl_session_input(struct bl_session *session, enum bl_input input,
                      const struct belay_reason *reason);

#endif
