/*
 * The order within a tick is that of a game's frame: service and poll first, so that what is sent
 * in answer leaves with the acknowledgements of what it answers, at the flush that ends the frame.
 */
#include "bench/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS "10.0.0.1:7777"

static bool complain(const char *what) {
    fprintf(stderr, "%s: %s\n", what, belay_error());
    return false;
}

static bool start_server(struct bl_fleet *fleet) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    opts.listen = ADDRESS;
    opts.sim = fleet->sim;
    opts.session_max = fleet->opts.client_count + fleet->opts.spare_sessions;
    opts.token_keys = fleet->opts.token_keys;
    opts.admit = BELAY_ADMIT_KEY | (opts.token_keys != NULL ? BELAY_ADMIT_TOKEN : 0);
    opts.handshake_rate = BELAY_FOREVER; /* they are all from one network */
    opts.hooks = fleet->opts.hooks;
    opts.lost_ms = fleet->opts.lost_ms;
    opts.state_events = fleet->opts.state_events;
    opts.move = fleet->opts.move;
    opts.channels = fleet->opts.channels;
    opts.channel_count = fleet->opts.channel_count;
    return belay_server_start(&fleet->server, &opts) == BELAY_OK || complain("server");
}

static bool start_client(struct bl_fleet *fleet, uint32_t index) {
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct belay_client **client = &fleet->clients[index].client;
    opts.sim = fleet->sim;
    opts.hooks = fleet->opts.client_hooks;
    opts.state_events = fleet->opts.state_events;
    opts.move = fleet->opts.move;
    opts.channels = fleet->opts.channels;
    opts.channel_count = fleet->opts.channel_count;
    to.invite = ADDRESS;
    to.login = &index;
    to.login_size = sizeof index;
    return (belay_client_create(client, &opts) == BELAY_OK &&
            belay_client_connect(*client, &to) == BELAY_OK) ||
           complain("client");
}

bool bl_fleet_start(struct bl_fleet *fleet, const struct bl_fleet_opts *opts) {
    *fleet = (struct bl_fleet){.opts = *opts, .sim = belay_sim_create(opts->seed)};
    fleet->opts.tick_ms = opts->tick_ms != 0 ? opts->tick_ms : BL_FLEET_TICK_MS;
    fleet->clients = calloc(opts->client_count, sizeof *fleet->clients);
    if (fleet->sim == NULL || fleet->clients == NULL) {
        bl_fleet_finish(fleet);
        return complain("no memory for a simulation");
    }
    belay_sim_link(fleet->sim, NULL, opts->link);
    bool started = start_server(fleet);
    for (uint32_t i = 0; started && i < opts->client_count; i++) {
        started = start_client(fleet, i);
    }
    if (!started) {
        bl_fleet_finish(fleet);
    }
    return started;
}

void bl_fleet_finish(struct bl_fleet *fleet) {
    for (uint32_t i = 0; fleet->clients != NULL && i < fleet->opts.client_count; i++) {
        belay_client_destroy(fleet->clients[i].client);
    }
    belay_server_destroy(fleet->server);
    belay_sim_destroy(fleet->sim);
    free(fleet->clients);
    *fleet = (struct bl_fleet){0};
}

/** A login names its client by index, which is what event.user shows from then on; whoever does not
 * is no client of ours, and is let in too. */
static void admit(struct bl_fleet *fleet, const struct belay_event *event) {
    uint32_t index;
    if (event->login.size != sizeof index) {
        belay_server_accept(fleet->server, event->session, NULL, NULL, 0);
        return;
    }
    memcpy(&index, event->login.data, sizeof index);
    fleet->clients[index].session = event->session;
    belay_server_set_user(fleet->server, event->session, &fleet->clients[index]);
    belay_server_accept(fleet->server, event->session, NULL, NULL, 0);
}

static void tell_other(struct bl_fleet *fleet, bool at_server, uint32_t client,
                       const struct belay_event *event) {
    if (fleet->opts.other != NULL && event->type != BELAY_EVENT_MESSAGE) {
        fleet->opts.other(fleet, at_server, client, event);
    }
}

static void poll_server(struct bl_fleet *fleet) {
    struct belay_event event;
    belay_server_service(fleet->server, 0);
    while (belay_server_poll(fleet->server, &event)) {
        const struct bl_fleet_client *from = event.user;
        if (event.type == BELAY_EVENT_LOGIN) {
            admit(fleet, &event);
        } else if (from == NULL) {
            continue; /* not a client's */
        } else if (event.type == BELAY_EVENT_DOWN) {
            fleet->down_count++;
        } else if (event.type == BELAY_EVENT_MESSAGE && fleet->opts.message != NULL) {
            fleet->opts.message(fleet, true, (uint32_t)(from - fleet->clients), &event);
        }
        if (from != NULL) {
            tell_other(fleet, true, (uint32_t)(from - fleet->clients), &event);
        }
    }
}

static void poll_client(struct bl_fleet *fleet, uint32_t index) {
    struct bl_fleet_client *client = &fleet->clients[index];
    struct belay_event event;
    belay_client_service(client->client, 0);
    while (belay_client_poll(client->client, &event)) {
        if (event.type == BELAY_EVENT_OPEN) {
            client->open = true;
            fleet->open_count++;
        } else if (event.type == BELAY_EVENT_DOWN) {
            fleet->down_count++;
        } else if (event.type == BELAY_EVENT_CLOSED) {
            client->open = false;
            client->closed = true;
            fleet->closed_count++;
        } else if (event.type == BELAY_EVENT_MESSAGE && fleet->opts.message != NULL) {
            fleet->opts.message(fleet, false, index, &event);
        }
        tell_other(fleet, false, index, &event);
    }
}

void bl_fleet_tick(struct bl_fleet *fleet) {
    belay_sim_advance(fleet->sim, fleet->opts.tick_ms);
    fleet->now_ms += fleet->opts.tick_ms;
    poll_server(fleet);
    for (uint32_t i = 0; i < fleet->opts.client_count; i++) {
        poll_client(fleet, i);
    }
    if (fleet->opts.frame != NULL) {
        fleet->opts.frame(fleet);
    }
    belay_server_flush(fleet->server);
    for (uint32_t i = 0; i < fleet->opts.client_count; i++) {
        belay_client_flush(fleet->clients[i].client);
    }
}

bool bl_fleet_gather(struct bl_fleet *fleet, uint32_t limit_ms) {
    uint64_t until = fleet->now_ms + limit_ms;
    while (fleet->open_count + fleet->closed_count < fleet->opts.client_count &&
           fleet->now_ms < until) {
        bl_fleet_tick(fleet);
    }
    return fleet->open_count == fleet->opts.client_count && fleet->closed_count == 0;
}

uint64_t bl_fleet_datagrams(const struct bl_fleet *fleet) {
    struct belay_stats stats = BELAY_STATS_INIT;
    belay_server_stats(fleet->server, &stats);
    uint64_t sum = stats.datagrams_out;
    for (uint32_t i = 0; i < fleet->opts.client_count; i++) {
        belay_client_stats(fleet->clients[i].client, &stats);
        sum += stats.datagrams_out;
    }
    return sum;
}

uint64_t bl_fleet_resent(const struct bl_fleet *fleet) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < fleet->opts.client_count; i++) {
        struct belay_session_info info = BELAY_SESSION_INFO_INIT;
        belay_client_info(fleet->clients[i].client, &info);
        sum += info.resent;
    }
    return sum;
}
