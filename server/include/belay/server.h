/*
 * The server: one socket, many sessions.
 *
 * Start it, then in a loop call belay_server_service() and poll until there is nothing more. A
 * first game needs start, service, poll, accept and send. The rules of <belay/belay.h> hold
 * everywhere.
 */
#ifndef BELAY_SERVER_H
#define BELAY_SERVER_H

#include <belay/belay.h>

#ifdef __cplusplus
extern "C" {
#endif

struct belay_server;
struct belay_sim;

/** Who is let in; their values may be or-ed. */
enum belay_admit {
    BELAY_ADMIT_DEFAULT = 0,
    BELAY_ADMIT_TOKEN = 1, /* whoever has a token of the login service */
    BELAY_ADMIT_KEY = 2,   /* whoever knows the server's public key (invite, LAN, known servers);
                              the LOGIN event decides */
};

/** How to start a server. Start from BELAY_SERVER_OPTS_INIT; a zero field means its default. Read
 * during the call only. */
struct belay_server_opts {
    size_t struct_size;  /* filled in by the INIT macro */
    const char *listen;  /* address and port, as "*:7777" (IPv4 and IPv6) or "192.0.2.1:7777";
                            port 0 picks one; default "127.0.0.1:7777": this machine only */
    belay_socket socket; /* with adopt: serve on this bound UDP socket instead of listen. It is
                            the server's from success on, and closed with it */
    bool adopt;
    const char *key_file; /* the server's own key pair, by which clients know it again; made, for
                             its owner's eyes only, if missing. NULL: a new one for this run */
    const char *ticket_key_file; /* the key that resume tickets are sealed with, made if missing:
                                    kept, it lets a server that was started again tell its
                                    predecessor's clients so at once. Default: follows from
                                    key_file's */
    const char *take_over; /* Unix socket at which another process of this user, which serves this
                              game with the same channels, hands over: its socket (instead of
                              listen), its keys and its sessions. See belay_server_hand_over() */
    uint32_t replace;      /* a user who logs in once more: 0 takes the place of the older session;
                              n: has n sessions at most, and the next login is refused */
    bool accept_gaps; /* a client whose process died may resume from its ticket, though what was
                         sent when it died is lost or repeated: RESUMED tells. Else such a session
                         ends with BELAY_REASON_STATE_LOST */
    const char *token_keys; /* key file shared with the login service; read again when it changes */
    const char *name; /* the audience that a token may name; default "": only tokens without */
    unsigned admit;   /* enum belay_admit, or-ed; default: with token_keys TOKEN, else KEY */
    uint32_t handshake_rate; /* handshakes a second from one address, eight seconds' worth at once;
                                four times as many from its network (IPv4 /24, IPv6 /48).
                                BELAY_FOREVER: no limit; these three: defaults in limits.h */
    uint32_t datagram_rate, byte_rate; /* of one session; what comes beyond is dropped */
    const char *game; /* what is played and its version, as "arena/3"; a client with
                         another one is refused with BELAY_REASON_VERSION; default "" */
    const struct belay_channel *channels; /* default: 0 reliable, 1 unreliable */
    uint8_t channel_count;
    uint32_t session_max; /* at most BELAY_SESSIONS_MAX; default BELAY_SESSIONS_DEFAULT */
    uint32_t login_max; /* logins that may be under way at once, half-open handshakes included; more
                           are refused with BELAY_REASON_OVERLOAD; default session_max */
    uint32_t heartbeat_ms; /* these five: defaults in <belay/limits.h> */
    uint32_t lost_ms;
    uint32_t resume_window_ms;
    uint32_t login_ms;
    uint32_t send_messages_max, send_bytes_max; /* per session */
    bool no_resume;              /* a lost session ends at once instead of being kept */
    bool state_events;           /* STATE events, for tools and tests */
    bool move_events;            /* MOVE_REFUSED events */
    uint16_t request_max;        /* of each client's requests that may wait for an answer; default
                                    BELAY_REQUESTS_DEFAULT, at most BELAY_REQUESTS_MAX */
    struct belay_move_opts move; /* inputs by tick; default: none */
    uint32_t memory_max; /* bytes of messages waiting, both ways, of all sessions. Half of it is
                            split evenly among session_max, the rest goes to whoever needs more:
                            beyond both, a send() would block, and a session that brings more ends
                            with BELAY_REASON_OVERLOAD; default BELAY_MEMORY_DEFAULT */
    uint32_t shards;     /* not in this version: leave 0 */
    const struct belay_hooks *hooks; /* memory and log; copied; default: the C library, no log */
    struct belay_sim *sim; /* serve in this simulated network, which must outlive the server */
};
#define BELAY_SERVER_OPTS_INIT BELAY_INIT_(struct belay_server_opts)

/**
 * Starts a server: bound, and answering from the first belay_server_service() on.
 *
 * @param out  the server, to end with belay_server_destroy(); untouched on failure, and nothing is
 *             left behind then
 * @return BELAY_OK, BELAY_E_INVALID (belay_error() names the field), BELAY_E_ADDRESS,
 * BELAY_E_IN_USE, BELAY_E_KEY (key_file, token_keys; the state taken over), BELAY_E_NO_MEMORY,
 * BELAY_E_ENET_PORT, BELAY_E_GONE (take_over: nobody hands over there), BELAY_E_SYSTEM
 */
enum belay_result belay_server_start(struct belay_server **out,
                                     const struct belay_server_opts *opts);

/**
 * Ends in good order: from now on newcomers are refused with BELAY_REASON_DRAINING, every client
 * gets a DRAIN event, and whoever is still there after @p deadline_ms is closed with
 * BELAY_REASON_SERVER_STOPPED. Returns at once; go on calling service().
 *
 * @param go_to  where else to play, shown to clients; at most BELAY_REASON_TEXT_MAX bytes; may be
 * NULL
 * @return BELAY_OK, BELAY_E_STATE (it has been stopped)
 */
enum belay_result belay_server_drain(struct belay_server *server, uint32_t deadline_ms,
                                     const char *go_to);

/**
 * A graceful restart: gives the socket, the keys and the sessions to the next process, which starts
 * with options.take_over naming the same path. Waits for it for up to BELAY_HAND_OVER_MS, and goes
 * on serving meanwhile; what comes is not polled, so clients send it again to the next process. Not
 * in a simulation.
 *
 * On success this server is silent and has no sessions any more, without a CLOSED event: destroy
 * it. In the next process there is an OPEN for each session, under a new handle and without user
 * pointer; what is sent to it waits. Its client notices the loss of its link, if at all, for about
 * a round trip (DOWN, RESUMED), and reliable messages arrive exactly once, those included that were
 * waiting here. A message that was polled counts as handled, also the one that is lent now. Once
 * the next process has come nobody is served until it answers, for at most half of lost_ms.
 * Sessions that are closing or not logged in yet are not handed over. On failure this server goes
 * on as if nothing had been.
 *
 * @param path  of the Unix socket, made here for this user alone, and removed
 * @return BELAY_OK, BELAY_E_GONE (nobody asked), BELAY_E_IN_USE (another process hands over there),
 *         BELAY_E_INVALID (the path; a simulation; no_resume), BELAY_E_STATE (stopped),
 * BELAY_E_NO_MEMORY, BELAY_E_SYSTEM (the next process did not take over)
 */
enum belay_result belay_server_hand_over(struct belay_server *server, const char *path);

/**
 * Ends every session with BELAY_REASON_SERVER_STOPPED, come_back true: what is queued goes out and
 * each client is told, for which this waits up to @p flush_ms (never in a simulation). Sessions
 * that were closing end with the reason they have. Then the socket is closed, and its port is free
 * at once. CLOSED events can still be polled. Twice is harmless.
 */
void belay_server_stop(struct belay_server *server, uint32_t flush_ms);

/** Stops without waiting, and frees everything. NULL is fine. */
void belay_server_destroy(struct belay_server *server);

/**
 * Sends what is queued, receives, runs what is due, and waits for up to @p wait_ms until there is
 * something to poll; while what arrives brings nothing to poll, it may look a millisecond late at
 * what comes next. Never waits in a simulation.
 *
 * @return BELAY_OK; BELAY_E_STATE when the server has been stopped
 */
enum belay_result belay_server_service(struct belay_server *server, uint32_t wait_ms);

/**
 * The next event, if there is one. Gives back what the last event lent, and counts its message as
 * handled: only then may the sender forget it.
 */
bool belay_server_poll(struct belay_server *server, struct belay_event *event);

/** Sends now what was queued since the last service(): for the end of a frame. */
void belay_server_flush(struct belay_server *server);

/**
 * For a loop of one's own: readable when belay_server_service(server, 0) has something to do. One
 * descriptor (an epoll instance on Linux) for the server's life; -1 in a simulation and after stop.
 */
belay_socket belay_server_fd(const struct belay_server *server);
/** Nanoseconds until service() is due even if nothing arrives: 0 now, -1 never. */
int64_t belay_server_wait_ns(const struct belay_server *server);
/** Any thread, between start and stop: makes a service() that waits return. */
void belay_server_wake(struct belay_server *server);

/**
 * Lets a login in. The client gets OPEN with the user id and the welcome payload, and so does this
 * side; sending is legal from now on.
 *
 * @param user_id  16 bytes that name the user, in find() and in info; NULL keeps a random one. One
 *                 session per user
 * @param welcome  at most BELAY_LOGIN_MAX bytes; may be NULL with size 0
 * @return BELAY_OK, BELAY_E_GONE, BELAY_E_STATE (not waiting for it, or the user has an open
 *         session), BELAY_E_TOO_BIG, BELAY_E_INVALID (welcome NULL), BELAY_E_NO_MEMORY
 */
enum belay_result belay_server_accept(struct belay_server *server, belay_session session,
                                      const uint8_t user_id[16], const void *welcome,
                                      size_t welcome_size);

/**
 * Ends a session or, before accept(), refuses its login. What was sent to it goes out first, for
 * which there are 5 s; then the client gets CLOSED with this reason. Messages of it that were not
 * polled are dropped. CLOSED comes on this side too. A session that is closing already keeps its
 * reason.
 *
 * @param reason  NULL is BELAY_REASON_KICKED without coming back; copied
 * @return BELAY_OK, BELAY_E_GONE
 */
enum belay_result belay_server_close(struct belay_server *server, belay_session session,
                                     const struct belay_reason *reason);

/**
 * Queues a message. On a reliable channel it arrives exactly once and in order, or CLOSED tells how
 * many did not; it is also taken while the session is down (after a DOWN event). On the others it
 * may be lost.
 *
 * @return BELAY_OK, BELAY_E_WOULD_BLOCK (reliable: a BACKPRESSURE event that is not on says when to
 * go on; others: too many since the last flush()), BELAY_E_GONE, BELAY_E_STATE (before OPEN),
 * BELAY_E_TOO_BIG, BELAY_E_INVALID (no such channel), BELAY_E_NO_MEMORY
 */
enum belay_result belay_server_send(struct belay_server *server, belay_session session,
                                    uint8_t channel, const void *data, size_t size);

/**
 * Puts an open session into a topic: from now on it gets what is published to it, until it is taken
 * out or ends. That lives through a resume, also by another process of the client. It is sent the
 * topic's retained value first, if there is one. Twice is once.
 *
 * @param topic  any number of the game's but BELAY_TOPIC_ALL
 * @return BELAY_OK, BELAY_E_GONE, BELAY_E_STATE (before OPEN; the client's version knows no
 * topics), BELAY_E_WOULD_BLOCK (no room for the retained value: not subscribed), BELAY_E_INVALID,
 *         BELAY_E_NO_MEMORY
 */
enum belay_result belay_server_subscribe(struct belay_server *server, belay_session session,
                                         belay_topic topic);
/** Takes it out again; what has been published arrives. @return BELAY_OK, BELAY_E_GONE */
enum belay_result belay_server_unsubscribe(struct belay_server *server, belay_session session,
                                           belay_topic topic);
/**
 * Sends to all of a topic's subscribers, in the order in which they subscribed, or to every open
 * session (BELAY_TOPIC_ALL): as a send() to each, which gets a MESSAGE event that names the topic.
 * The data are kept once, however many they go to. What a session has no room for goes as its
 * channel's when_full says; BELAY_BLOCK leaves that session out, and topic_info() counts it. The
 * others do not notice.
 *
 * @return BELAY_OK, also where nobody is subscribed; BELAY_E_TOO_BIG (a topic's number takes 4
 * bytes); BELAY_E_INVALID (no such channel); BELAY_E_NO_MEMORY
 */
enum belay_result belay_server_publish(struct belay_server *server, belay_topic topic,
                                       uint8_t channel, const void *data, size_t size);
/**
 * Publishes, and keeps it as the topic's last value, in the place of the one before: who subscribes
 * later is sent it first. NULL with size 0 publishes nothing, and forgets the last value.
 *
 * @param topic  not BELAY_TOPIC_ALL
 * @return as publish()
 */
enum belay_result belay_server_retain(struct belay_server *server, belay_topic topic,
                                      uint8_t channel, const void *data, size_t size);

/** A topic as it is now; counts are since it last had neither a subscriber nor a retained value. */
struct belay_topic_info {
    size_t struct_size; /* set by the caller, as by BELAY_TOPIC_INFO_INIT */
    uint32_t subscribers;
    uint64_t published;
    uint64_t delivered, skipped; /* of it: sessions that were sent it, and that had no room */
    bool retains;                /* a last value */
};
#define BELAY_TOPIC_INFO_INIT BELAY_INIT_(struct belay_topic_info)
/** @return BELAY_OK, also for a topic that nobody has heard of; BELAY_E_INVALID (struct_size) */
enum belay_result belay_server_topic_info(const struct belay_server *server, belay_topic topic,
                                          struct belay_topic_info *info);

/**
 * Asks a client: it gets a REQUEST event, and this side exactly one REPLY, with its answer or a
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
enum belay_result belay_server_request(struct belay_server *server, belay_session session,
                                       uint32_t type, const void *data, size_t size,
                                       uint32_t deadline_ms, uint64_t cookie, belay_request *out);
/**
 * Answers a request of a client, once; the handle says whose.
 *
 * @param code  0 or more: the game's own; 0 means success by custom
 * @return BELAY_OK; BELAY_E_GONE (it was answered or cancelled, its deadline has passed, or the
 *         session has ended: nobody waits for it); BELAY_E_WOULD_BLOCK (as send(): it is still to
 *         be answered); BELAY_E_TOO_BIG; BELAY_E_INVALID; BELAY_E_NO_MEMORY
 */
enum belay_result belay_server_reply(struct belay_server *server, belay_request request,
                                     int32_t code, const void *data, size_t size);
/**
 * Gives up a request of this side: its REPLY event says BELAY_REPLY_CANCELLED. The other side's
 * event is taken back if it was not polled; else its answer comes too late.
 *
 * @return BELAY_OK, BELAY_E_GONE (its answer has come, or it has ended)
 */
enum belay_result belay_server_cancel(struct belay_server *server, belay_request request);

/**
 * True once for each tick of the simulation that was due at the last service(): in a loop, each
 * frame. Ticks go by real time, options.move.tick_hz a second from the start on; tick numbers wrap.
 * Who comes late gets a quarter of a second's ticks at once, BELAY_CATCH_UP_MAX at most, and older
 * ones are left out, with their numbers, for everybody alike (stats tell how many): no player falls
 * behind by it. A service() that waits returns when the next tick is due.
 *
 * @param tick  its number
 */
bool belay_server_next_tick(struct belay_server *server, uint32_t *tick);

/**
 * The one input of a session and lane for a tick: as the client has sent it, or what
 * options.move.when_missing says. Consumes it: ticks go up, those between are left out. The client
 * hears what became of each.
 *
 * @param tick  the one that next_tick() gave
 * @param move  filled in. BELAY_MISSING_ASK: move->data as it is given, or zeros if that is NULL,
 *              stands for an input that has not come, so set it before each call
 * @return BELAY_OK, also while the session is down; BELAY_E_GONE; BELAY_E_STATE (not open yet; no
 *         movement; the tick was taken already or has not been given out); BELAY_E_INVALID (lane)
 */
enum belay_result belay_server_take_move(struct belay_server *server, belay_session session,
                                         uint8_t lane, uint32_t tick, struct belay_move *move);

/**
 * Enumerates every session in any state: begin with 0, ends with 0. Sessions may end and be closed
 * meanwhile.
 */
belay_session belay_server_next(const struct belay_server *server, belay_session after);
/** The open session of a user as accept() named it; 0 when there is none. */
belay_session belay_server_find(const struct belay_server *server, const uint8_t user_id[16]);
/** @return BELAY_OK, BELAY_E_GONE, BELAY_E_INVALID (info->struct_size) */
enum belay_result belay_server_info(const struct belay_server *server, belay_session session,
                                    struct belay_session_info *info);
/** What event.user and info.user show from now on; a stale handle is ignored. Belay never frees it.
 */
void belay_server_set_user(struct belay_server *server, belay_session session, void *user);
/** @return BELAY_OK, BELAY_E_INVALID (stats->struct_size) */
enum belay_result belay_server_stats(const struct belay_server *server, struct belay_stats *stats);

/**
 * Writes an invite, "belay://host:port/KEY": all that a client needs to be let in by
 * BELAY_ADMIT_KEY.
 *
 * @param host  a name or a numeric address by which others reach this machine, without a port; NULL
 *              is the best guess: the address that the server listens on, else the one from which
 *              this machine speaks to the rest of the world. Behind a NAT that is no good outside
 * @param text  BELAY_INVITE_SIZE bytes are always enough
 * @return BELAY_OK, BELAY_E_STATE (it lets in with a token only, or has been stopped),
 *         BELAY_E_ADDRESS, BELAY_E_INVALID (host), BELAY_E_TOO_BIG (for @p size)
 */
enum belay_result belay_server_invite(const struct belay_server *server, const char *host,
                                      char *text, size_t size);

/**
 * What anybody may ask for without a login, beside the number of sessions and their limit: a name,
 * a map. For server lists and LANs; nothing before the first call. Answers are limited by the
 * asker's network, and never larger than the question.
 *
 * @param data  copied; NULL with size 0 is nothing again
 * @return BELAY_OK, BELAY_E_TOO_BIG (over BELAY_PUBLIC_INFO_MAX), BELAY_E_INVALID (NULL)
 */
enum belay_result belay_server_set_public_info(struct belay_server *server, const void *data,
                                               size_t size);

#ifdef __cplusplus
}
#endif
#endif
