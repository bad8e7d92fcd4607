/*
 * A server and its clients in one place, so that a test reads like the story it tells.
 *
 * The public API only. Everybody is serviced and polled every 5 ms, in a simulated network or over
 * real sockets; logins are accepted unless the test says otherwise. What each side was told is kept
 * and can be asked for; numbered messages are written into a ledger, which knows at the end whether
 * each came exactly once and in order. All memory comes from counting hooks, and
 * world_destroy() fails the test when any of it was not given back.
 */
#ifndef BL_TESTS_SUPPORT_WORLD_H
#define BL_TESTS_SUPPORT_WORLD_H

#include "tests/support/test.h"
#include <belay/client.h>
#include <belay/server.h>
#include <belay/sim.h>

/** For what is asked very often: Check writes down every assertion that holds. */
#define must(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("%s", #condition);                                                        \
        }                                                                                          \
    } while (0)

#define WORLD_STEP_MS     5
#define WORLD_CLIENTS_MAX 128
#define WORLD_ADDRESS     "10.0.0.1:7777" /* of the server, in a simulation */
#define LEDGER_SIZE_MIN   8               /* bytes of a numbered message, at least */

enum world_side { CLIENT, SERVER };
enum world_way { UP, DOWN }; /* from client to server, from server to client */

/** One event, with copies of what it pointed to. */
struct told {
    enum world_side side; /* who was told */
    int client;           /* about whom; -1 = the server, about a session that has not logged in */
    uint32_t at_ms;
    struct belay_event event;   /* its pointers have ended */
    struct belay_reason reason; /* of CLOSED, DOWN, STATE; its text is the one below */
    char text[BELAY_REASON_TEXT_MAX +
              1];                   /* of the reason; of LOGIN, OPEN, DRAIN: what they carried */
    struct belay_session_info info; /* of CLOSED */
};

/** One way of one channel, of one client. */
struct ledger {
    uint32_t sent, received; /* numbered messages; received ones count once */
    uint32_t newest;
    uint32_t duplicated, misordered, damaged;
    uint32_t seen_size;
    uint8_t *seen; /* by number */
};

struct world_client {
    struct belay_client *it;
    belay_session session; /* the server's handle of it, of the newest login; 0 before */
    bool asleep;           /* its process does nothing at all */
    bool deaf;             /* it is serviced and does not poll */
    uint16_t attempts;
    uint32_t messages[2];   /* polled, by way, numbered or not */
    char last_text[2][128]; /* the last message, by way; cut */
    struct ledger *ledgers[2][BELAY_CHANNELS_MAX];
    uint8_t ticket[BELAY_TICKET_SIZE_MAX]; /* the newest that it was given */
    size_t ticket_size;
};

struct world_opts {
    uint64_t seed;          /* 0 = 1 */
    unsigned clients;       /* 0 = 1 */
    bool sockets;           /* real UDP on loopback */
    struct belay_link link; /* of every client; zeroed = a perfect one */
    struct belay_server_opts
        server; /* struct_size, hooks, sim, listen, state_events are filled in */
    struct belay_client_opts client; /* likewise */
};

struct world {
    struct world_opts opts; /* for those that are started again */
    struct belay_sim *sim;  /* NULL over sockets */
    struct belay_server *server;
    bool server_asleep, server_deaf;
    unsigned client_count;
    struct world_client clients[WORLD_CLIENTS_MAX];
    uint32_t ms;                /* since the beginning */
    uint32_t stranger_messages; /* that the server polled of sessions that are no client's */
    char address[32];
    uint64_t began_ns; /* over sockets */

    /** Decides a login instead of accepting it; NULL accepts. */
    void (*login)(struct world *world, unsigned client, belay_session session);
    /** After each step. */
    void (*each_step)(struct world *world);
    /** Sees each event before it is written down. */
    void (*watch)(struct world *world, enum world_side side, const struct belay_event *event);
    unsigned watched; /* whose event it is, of a client */
    void *user;       /* the test's */

    size_t memory_before;

    struct told *log;
    size_t log_count, log_max;
};

/** Starts the server and makes the clients; nobody connects. @param opts NULL = all defaults */
struct world *world_create(const struct world_opts *opts);
/** Ends everything that is left; fails when memory is. */
void world_destroy(struct world *world);

/** Everybody is at work for so long. */
void world_run(struct world *world, uint32_t ms);
void world_step(struct world *world);
/** Runs until something holds; fails after so long. */
#define world_until(world, condition, ms_max)                                                      \
    do {                                                                                           \
        uint32_t until_ = (world)->ms + (ms_max);                                                  \
        while (!(condition) && (world)->ms < until_) {                                             \
            world_step(world);                                                                     \
        }                                                                                          \
        ck_assert_msg(condition, "not within %d ms: %s", (int)(ms_max), #condition);               \
    } while (0)

/** The client begins to log in as "player N". */
void world_connect(struct world *world, unsigned client);
/** The same by another way in: what is not given is as in world_connect(). */
void world_connect_with(struct world *world, unsigned client, struct belay_connect_opts opts);
/** All of them do, and have. */
void world_open(struct world *world);
/** The 16 bytes by which the default accept names the user of this client's newest attempt. */
void world_user_id(const struct world *world, unsigned client, uint8_t user_id[16]);
/** The link of one client from now on; back to a perfect one with NULL. */
void world_link(struct world *world, unsigned client, const struct belay_link *link);
/** Nothing passes either way from now on. */
void world_cut(struct world *world, unsigned client);
/** The client's process is killed: it says no more, and its memory is gone. */
void world_kill(struct world *world, unsigned client);
/** The same, and another process of it comes back with the ticket it has saved. */
void world_revive(struct world *world, unsigned client);
/** The server's process is killed, and another one is started in its place, with the same options.
 */
void world_restart(struct world *world);
struct belay_session_info world_info(const struct world *world, enum world_side side,
                                     unsigned client);
struct belay_stats world_stats(const struct world *world, enum world_side side, unsigned client);
bool world_is_open(const struct world *world, unsigned client); /* both sides say so */

/** The last event of this type that a side was told about a client; fails when there is none. */
const struct told *told(const struct world *world, enum world_side side, unsigned client,
                        enum belay_event_type type);
uint32_t told_count(const struct world *world, enum world_side side, unsigned client,
                    enum belay_event_type type);
/** Every event in order but MESSAGE, STATE and TICKET, as "LOGIN OPEN CLOSED"; good until the next
 * call. */
const char *told_events(const struct world *world, enum world_side side, unsigned client);
/** The states gone through, as "TRANSPORT_CONNECTED LOGIN_PENDING"; good until the next call. */
const char *told_states(const struct world *world, enum world_side side, unsigned client);
/** Forgets what was told so far. */
void told_clear(struct world *world);

/** Sends plain text on a channel. */
enum belay_result world_say(struct world *world, enum world_way way, unsigned client,
                            uint8_t channel, const char *text);
/** Sends the next numbered message of the ledger; what was not taken has no number. */
enum belay_result ledger_send(struct world *world, enum world_way way, unsigned client,
                              uint8_t channel, size_t size);
/** The same, and fails when it was not taken. */
void ledger_must_send(struct world *world, enum world_way way, unsigned client, uint8_t channel,
                      size_t size);
/** What is known of a way; zeroes when nothing was sent. */
struct ledger ledger_of(const struct world *world, enum world_way way, unsigned client,
                        uint8_t channel);
/** Fails unless everything sent on this channel came exactly once, in order and whole. */
void ledger_check(const struct world *world, enum world_way way, unsigned client, uint8_t channel);

/** Memory that came from the hooks of servers and clients, and of ENet beneath them. */
struct world_memory {
    _Atomic size_t live;    /* bytes */
    _Atomic uint64_t calls; /* that asked for memory */
    uint64_t fail_at;       /* the call that gets none, counted from 1; 0 = none */
    bool fail_on;           /* and every one after it */
};
extern struct world_memory world_memory;
extern const struct belay_hooks world_hooks;

#endif
