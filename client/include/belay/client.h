/*
 * The client: one session with one server.
 *
 * Create it, connect, then in a loop call belay_client_service() and poll until there is nothing
 * more. A first game needs create, connect, service, poll and send. The rules of <belay/belay.h>
 * hold everywhere.
 */
#ifndef BELAY_CLIENT_H
#define BELAY_CLIENT_H

#include <belay/belay.h>

#ifdef __cplusplus
extern "C" {
#endif

struct belay_client;
struct belay_sim;

/** How to make a client. Start from BELAY_CLIENT_OPTS_INIT; a zero field means its default. Read
 * during the call only. */
struct belay_client_opts {
    size_t struct_size;                   /* filled in by the INIT macro */
    const char *game;                     /* as the server's; default "" */
    const struct belay_channel *channels; /* as the server's; default: 0 reliable, 1 unreliable */
    uint8_t channel_count;
    uint32_t heartbeat_ms; /* these two: default what the server's are */
    uint32_t lost_ms;
    uint32_t connect_ms; /* from connect() to OPEN; default BELAY_CONNECT_MS_DEFAULT */
    bool
        no_resume; /* a lost session ends at once; else it is kept as long as the server keeps it */
    bool accept_gaps;  /* connect() takes a saved ticket, and what RESUMED then tells is borne */
    bool state_events; /* STATE events, for tools and tests */
    uint32_t send_messages_max, send_bytes_max; /* defaults in <belay/limits.h> */
    uint16_t request_max;        /* of the server's requests that may wait for an answer; default
                                    BELAY_REQUESTS_DEFAULT, at most BELAY_REQUESTS_MAX */
    struct belay_move_opts move; /* as the server's; default: none */
    uint32_t memory_max; /* bytes of messages waiting, both ways; default BELAY_MEMORY_DEFAULT */
    const struct belay_hooks *hooks; /* memory and log; copied; default: the C library, no log */
    struct belay_sim *sim; /* live in this simulated network, which must outlive the client */
};
#define BELAY_CLIENT_OPTS_INIT BELAY_INIT_(struct belay_client_opts)

/** Where to connect, and what to say there. Start from BELAY_CONNECT_OPTS_INIT. Read during the
 * call only. */
struct belay_connect_opts {
    size_t struct_size;
    const char *invite;        /* "belay://host:port/KEY", as belay_server_invite() writes it, or
                                  "host:port": this machine, or a server whose key is known. With a
                                  token: where to dial, instead of the places in it */
    const char *known_servers; /* file of keys by host and port: a server that is not in it is
                                  written down at the first visit, and must have the same key ever
                                  after, or the attempt ends with BELAY_REASON_SERVER_KEY_CHANGED */
    const void *token; /* as the login service gave it: the whole blob, good for one login */
    size_t token_size;
    const void *ticket; /* as a TICKET event gave it to a process of this client that has died;
                           needs options.accept_gaps. It knows where to dial, if no invite says */
    size_t ticket_size;
    const void
        *login; /* for the server's LOGIN event: a name, say; at most BELAY_LOGIN_MAX bytes */
    size_t login_size;
};
#define BELAY_CONNECT_OPTS_INIT BELAY_INIT_(struct belay_connect_opts)

/**
 * Makes a client, with its socket, and no connection.
 *
 * @param out  the client, to end with belay_client_destroy(); untouched on failure
 * @return BELAY_OK, BELAY_E_INVALID (belay_error() names the field), BELAY_E_NO_MEMORY,
 *         BELAY_E_ENET_PORT, BELAY_E_SYSTEM
 */
enum belay_result belay_client_create(struct belay_client **out,
                                      const struct belay_client_opts *opts);

/**
 * Begins to connect and log in. Never blocks, also where a name must be looked up; the outcome is
 * one event, OPEN or CLOSED. Legal again on the same client once CLOSED has been polled.
 *
 * @return BELAY_OK, BELAY_E_INVALID, BELAY_E_ADDRESS, BELAY_E_KEY (invite, token or known_servers
 *         malformed, or a server elsewhere whose key is not known), BELAY_E_TOO_BIG (login),
 *         BELAY_E_STATE (a session is open or being opened), BELAY_E_NO_MEMORY, BELAY_E_SYSTEM
 */
enum belay_result belay_client_connect(struct belay_client *client,
                                       const struct belay_connect_opts *opts);

/**
 * Ends the session: what was sent goes out first, then the server gets CLOSED with this reason, for
 * which this waits up to @p flush_ms (in a simulation it returns at once, and the session drains
 * for so long). CLOSED comes on this side too. A session that is closing already keeps its reason.
 * Without a session it does nothing.
 *
 * @param reason  NULL is BELAY_REASON_LEFT; copied
 */
void belay_client_close(struct belay_client *client, const struct belay_reason *reason,
                        uint32_t flush_ms);

/** Leaves without waiting, if a session is open, and frees everything. NULL is fine. */
void belay_client_destroy(struct belay_client *client);

/**
 * Sends what is queued, receives, runs what is due, and waits for up to @p wait_ms until there is
 * something to poll; while what arrives brings nothing to poll, it may look a millisecond late at
 * what comes next. Never waits in a simulation.
 *
 * @return BELAY_OK
 */
enum belay_result belay_client_service(struct belay_client *client, uint32_t wait_ms);

/**
 * The next event, if there is one. Gives back what the last event lent, and counts its message as
 * handled: only then may the sender forget it.
 */
bool belay_client_poll(struct belay_client *client, struct belay_event *event);

/** Sends now what was queued since the last service(): for the end of a frame. */
void belay_client_flush(struct belay_client *client);

/** For a loop of one's own: as belay_server_fd(). */
belay_socket belay_client_fd(const struct belay_client *client);
/** Nanoseconds until service() is due even if nothing arrives: 0 now, -1 never. */
int64_t belay_client_wait_ns(const struct belay_client *client);
/** Any thread, between create and destroy: makes a service() that waits return. */
void belay_client_wake(struct belay_client *client);

/**
 * Queues a message: as belay_server_send().
 *
 * @return BELAY_OK, BELAY_E_WOULD_BLOCK, BELAY_E_GONE, BELAY_E_STATE (before OPEN),
 * BELAY_E_TOO_BIG, BELAY_E_INVALID (no such channel), BELAY_E_NO_MEMORY
 */
enum belay_result belay_client_send(struct belay_client *client, uint8_t channel, const void *data,
                                    size_t size);

/**
 * Asks the server: it gets a REQUEST event, and this side exactly one REPLY, with its answer or a
 * code of enum belay_reply_code. Goes the same way as reliable messages, exactly once and in order
 * among requests and answers, so it survives a resume; it is taken while the session is down, too.
 * What is pending when the session ends comes back with BELAY_REPLY_GONE, in the order in which it
 * was asked, before CLOSED.
 *
 * @param type         the game's own, for the REQUEST event
 * @param deadline_ms  for the answer to come, on this side's clock; 0 is BELAY_REQUEST_MS_DEFAULT
 * @param cookie       for the REPLY event
 * @param out          for cancel(); may be NULL
 * @return BELAY_OK, BELAY_E_WOULD_BLOCK (as send(); or as many are pending as the other side
 *         takes: the next REPLY says when to go on), BELAY_E_GONE, BELAY_E_STATE (before OPEN; the
 *         other side knows no requests), BELAY_E_TOO_BIG, BELAY_E_INVALID, BELAY_E_NO_MEMORY
 */
enum belay_result belay_client_request(struct belay_client *client, uint32_t type, const void *data,
                                       size_t size, uint32_t deadline_ms, uint64_t cookie,
                                       belay_request *out);
/**
 * Answers a request of the server, once.
 *
 * @param code  0 or more: the game's own; 0 means success by custom
 * @return BELAY_OK; BELAY_E_GONE (it was answered or cancelled, its deadline has passed, or the
 *         session has ended: nobody waits for it); BELAY_E_WOULD_BLOCK (as send(): it is still to
 *         be answered); BELAY_E_TOO_BIG; BELAY_E_INVALID; BELAY_E_NO_MEMORY
 */
enum belay_result belay_client_reply(struct belay_client *client, belay_request request,
                                     int32_t code, const void *data, size_t size);
/**
 * Gives up a request of this side: its REPLY event says BELAY_REPLY_CANCELLED. The other side's
 * event is taken back if it was not polled; else its answer comes too late.
 *
 * @return BELAY_OK, BELAY_E_GONE (its answer has come, or it has ended)
 */
enum belay_result belay_client_cancel(struct belay_client *client, belay_request request);

/**
 * True once for each tick to sample an input for, as of the last service(): in a loop, each frame.
 * The pace is the server's, and up to 5 % faster or slower while that brings inputs closer to the
 * time at which they are needed; more than 10 ticks off it jumps or stands still. Begins once the
 * server has told of its ticks, shortly after OPEN; goes on while the session is down. No tick
 * comes twice, and after a stall of this process old ones are skipped. A service() that waits
 * returns when one is due.
 *
 * @param tick  its number: some ticks ahead of the server's. Numbers wrap
 */
bool belay_client_next_tick(struct belay_client *client, uint32_t *tick);

/**
 * The input of a tick and lane. Leaves with the next service() or flush(), together with all that
 * are not acknowledged yet, so that the loss of a datagram costs nothing. While the session is
 * down it is kept, and sent if it is still in time when the link is back.
 *
 * @param tick  as next_tick() gave it: later than the last one of this lane. The server takes none
 *              that are too many, or too far ahead
 * @param data  options.move.size bytes; copied
 * @return BELAY_OK, BELAY_E_STATE (not open; no movement; the tick was sent already),
 *         BELAY_E_INVALID (lane, NULL)
 */
enum belay_result belay_client_send_move(struct belay_client *client, uint8_t lane, uint32_t tick,
                                         const void *data);

/**
 * What was sent for a tick, or NULL: after the newest one, or more than some seconds ago. To
 * reconcile, take the server's state of a tick and step through move_at(tick + 1) and on until it
 * is NULL. For a tick that was skipped, or was before the first one sent, it gives what the server
 * uses instead, by the options. Lent until the next send_move().
 */
const void *belay_client_move_at(const struct belay_client *client, uint8_t lane, uint32_t tick);

/**
 * The tick, with its fraction, to draw remote players at: as far behind the newest state as the
 * network is uneven. Goes by the server's clock, not by when datagrams came; never goes back, but
 * wraps with the ticks. 0 before the server has told of its ticks. That is some states back: keep
 * a second of them.
 */
double belay_client_render_tick(struct belay_client *client);

/** @return BELAY_OK, BELAY_E_INVALID (info->struct_size) */
enum belay_result belay_client_info(const struct belay_client *client,
                                    struct belay_session_info *info);
/** @return BELAY_OK, BELAY_E_INVALID (stats->struct_size) */
enum belay_result belay_client_stats(const struct belay_client *client, struct belay_stats *stats);

/**
 * The system says that the network is another one: from wireless to mobile, say. An open session
 * says so to the server at once, under a tag that nobody on the old network has seen, and goes on;
 * an attempt dials anew at once. Without it the change is noticed too, with the next datagram.
 */
void belay_client_network_changed(struct belay_client *client);

/**
 * Tells the server that this client will be silent for a while, as behind a loading screen: that
 * silence does not count. At most BELAY_PAUSE_MS_MAX.
 *
 * @return BELAY_OK, BELAY_E_STATE (not logged in), BELAY_E_NO_MEMORY
 */
enum belay_result belay_client_pause(struct belay_client *client, uint32_t ms);

/**
 * Asks a server what it says of itself, or all that are near who is there; with or without a
 * session, and without a login. Only servers of the options' game answer, or of any game where
 * there is none. Never blocks: who has not answered within BELAY_QUERY_MS, or has a name that
 * cannot be looked up, will not.
 *
 * @param address  "host:port"; an invite, and then no other key is believed; or "lan:port": whoever
 *                 listens on that port on this machine or in its local networks
 * @return BELAY_OK, BELAY_E_ADDRESS, BELAY_E_INVALID (NULL, or nobody can be asked there),
 *         BELAY_E_KEY, BELAY_E_WOULD_BLOCK (too many at once: poll, then go on), BELAY_E_NO_MEMORY,
 *         BELAY_E_SYSTEM
 */
enum belay_result belay_client_query(struct belay_client *client, const char *address);

/** One answer. Not authenticated: a rumour until connect() has succeeded. */
struct belay_found {
    char invite[160]; /* for connect(): "belay://address:port/KEY"; "address:port" when the server
                         lets in with a token only */
    uint32_t rtt_ms;
    uint32_t sessions, session_max; /* how many it has, and how many it takes */
    const void *data; /* of belay_server_set_public_info(); a stranger's bytes: clean before show */
    size_t size;      /* at most BELAY_PUBLIC_INFO_MAX */
};
/**
 * The next answer, if there is one; a service() that waits returns for it. What the last one lent
 * is given back.
 */
bool belay_client_poll_found(struct belay_client *client, struct belay_found *found);

#ifdef __cplusplus
}
#endif
#endif
