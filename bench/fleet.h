/*
 * A simulated server and its clients, over the public headers alone: what a game would do with
 * Belay, one frame per tick of the virtual clock.
 */
#ifndef BL_BENCH_FLEET_H
#define BL_BENCH_FLEET_H

#include <belay/client.h>
#include <belay/server.h>
#include <belay/sim.h>

#define BL_FLEET_TICK_MS 5

struct bl_fleet;

struct bl_fleet_opts {
    uint64_t seed;
    uint32_t client_count;
    const struct belay_link *link; /* of every client */
    const struct belay_channel *channels;
    uint8_t channel_count;
    /** A message for the server from @p client, or for that client. */
    void (*message)(struct bl_fleet *fleet, bool at_server, uint32_t client,
                    const struct belay_event *event);
    /** Any other event, after the fleet has handled it; may be NULL. */
    void (*other)(struct bl_fleet *fleet, bool at_server, uint32_t client,
                  const struct belay_event *event);
    /** The game's frame: everything has been polled, and what is sent now leaves in this tick. */
    void (*frame)(struct bl_fleet *fleet);
    void *user;
    struct belay_move_opts move; /* of both sides */
    bool state_events;           /* for `other` */
    const char *token_keys;  /* of a server that lets in by token and by key; else by key alone */
    uint32_t spare_sessions; /* beyond the clients' */
    uint32_t tick_ms;        /* 0 = BL_FLEET_TICK_MS */
    uint32_t lost_ms;        /* of both sides; 0 = the default */
    const struct belay_hooks *hooks;        /* the server's memory; may be NULL */
    const struct belay_hooks *client_hooks; /* the clients'; may be NULL */
};

struct bl_fleet_client {
    struct belay_client *client;
    belay_session session; /* the server's name for it; 0 before LOGIN */
    bool open, closed;
};

struct bl_fleet {
    struct bl_fleet_opts opts;
    struct belay_sim *sim;
    struct belay_server *server;
    struct bl_fleet_client *clients;
    uint64_t now_ms;       /* since the start */
    uint32_t open_count;   /* clients that have logged in */
    uint32_t closed_count; /* clients whose session has ended, or never began */
    uint32_t down_count;   /* DOWN events, of both sides */
};

/** Starts everything; false, with the reason on standard error, when something does not start. */
bool bl_fleet_start(struct bl_fleet *fleet, const struct bl_fleet_opts *opts);
void bl_fleet_finish(struct bl_fleet *fleet);

/** One tick: time, then what has arrived, then the game's frame, then what it sends. */
void bl_fleet_tick(struct bl_fleet *fleet);
/** Ticks until every client is in or has failed, for @p limit_ms at most; true when all are in. */
bool bl_fleet_gather(struct bl_fleet *fleet, uint32_t limit_ms);

/** Datagrams that all ends together have sent so far. */
uint64_t bl_fleet_datagrams(const struct bl_fleet *fleet);
/** Reliable pieces that clients have sent again so far. */
uint64_t bl_fleet_resent(const struct bl_fleet *fleet);

#endif
