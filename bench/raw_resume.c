/*
 * The baseline of `goal resume`: unmodified ENet, whose application connects again as soon as it is
 * told that the connection is gone, and goes on sending then.
 *
 * It is judged kindly: what is due while there is no connection is held back and not counted. So
 * what is lost is what ENet had taken for sending.
 *
 * usage: raw-resume FIRST_SEED SEEDS. Prints a line for each length of outage.
 */
#include "bench/latency.h"
#include "bench/neutral_port.h"
#include "common/random.h"
#include "lib/net/net.h"
#include "lib/net/sim.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVER_HOST  0x0A000001U /* 10.0.0.1 */
#define SERVER_PORT  7777
#define CLIENTS      32
#define SLOTS        (2 * CLIENTS) /* a client may come back before its old slot is free */
#define TICK_MS      5
#define INTERVAL_MS  100 /* of messages, each way */
#define DELAY_MS     50  /* one way */
#define CONNECT_MS   5000
#define ROUNDS       3     /* outages of each client */
#define BACK_MAX_MS  60000 /* from the network's return to the next outage */
#define MESSAGE_SIZE 64

enum way { UP, DOWN, WAY_COUNT };

static const struct outage {
    const char *name;
    uint32_t cut_ms, spread_ms;
} outages[] = {
    {"blackout-3s", 3000, 500}, {"blackout-15s", 15000, 1000}, {"blackout-55s", 55000, 1000}};

struct client {
    ENetHost *host;
    ENetPeer *peers[WAY_COUNT]; /* to send to: the server, and at the server this client; or NULL */
    uint64_t cut_at, back_at;
    bool heard[WAY_COUNT]; /* since back_at */
};

struct raw {
    struct belay_sim *sim;
    ENetHost *server;
    struct client clients[CLIENTS];
    uint64_t now_ms;
    bool sending;
};

struct tally {
    uint64_t outages, disconnects, sent, received;
    struct bl_latency back[WAY_COUNT];
};

static ENetAddress server_address(void) {
    return (ENetAddress){.host = ENET_HOST_TO_NET_32(SERVER_HOST), .port = SERVER_PORT};
}

static ENetHost *make_host(const ENetAddress *address, size_t peer_count) {
    ENetHost *host = enet_host_create(address, peer_count, 1, 0, 0);
    if (host == NULL) {
        fprintf(stderr, "raw-resume: cannot make a host\n");
        exit(1);
    }
    host->mtu = BL_DATAGRAM_SIZE_MAX; /* the most that the simulated network carries */
    for (size_t i = 0; i < peer_count; i++) {
        host->peers[i].mtu = BL_DATAGRAM_SIZE_MAX;
    }
    return host;
}

static void dial(struct raw *raw, struct client *client) {
    const ENetAddress server = server_address();
    enet_host_connect(client->host, &server, 1, (enet_uint32)(client - raw->clients));
}

static void take(const struct raw *raw, struct tally *tally, struct client *client, enum way way) {
    tally->received++;
    if (client->back_at != 0 && raw->now_ms > client->back_at && !client->heard[way]) {
        client->heard[way] = true;
        bl_latency_add(&tally->back[way], raw->now_ms - client->back_at);
    }
}

static void serve(struct raw *raw, struct tally *tally) {
    ENetEvent event;
    while (enet_host_service(raw->server, &event, 0) > 0) {
        if (event.type == ENET_EVENT_TYPE_CONNECT) {
            event.peer->data = &raw->clients[event.data];
            raw->clients[event.data].peers[DOWN] = event.peer;
        } else if (event.type == ENET_EVENT_TYPE_DISCONNECT) {
            struct client *client = event.peer->data;
            if (client != NULL && client->peers[DOWN] == event.peer) {
                client->peers[DOWN] = NULL;
            }
            event.peer->data = NULL;
        } else if (event.type == ENET_EVENT_TYPE_RECEIVE) {
            take(raw, tally, event.peer->data, UP);
            enet_packet_destroy(event.packet);
        }
    }
}

static void serve_client(struct raw *raw, struct tally *tally, struct client *client) {
    ENetEvent event;
    while (enet_host_service(client->host, &event, 0) > 0) {
        if (event.type == ENET_EVENT_TYPE_CONNECT) {
            client->peers[UP] = event.peer;
        } else if (event.type == ENET_EVENT_TYPE_DISCONNECT) {
            tally->disconnects += client->peers[UP] != NULL;
            client->peers[UP] = NULL;
            dial(raw, client);
        } else if (event.type == ENET_EVENT_TYPE_RECEIVE) {
            take(raw, tally, client, DOWN);
            enet_packet_destroy(event.packet);
        }
    }
}

static void send_to(struct tally *tally, ENetPeer *peer) {
    static const uint8_t text[MESSAGE_SIZE];
    if (peer == NULL) {
        return;
    }
    ENetPacket *packet = enet_packet_create(text, sizeof text, ENET_PACKET_FLAG_RELIABLE);
    if (enet_peer_send(peer, 0, packet) != 0) {
        enet_packet_destroy(packet);
    } else {
        tally->sent++;
    }
}

static void set_link(const struct client *client, bool cut) {
    struct belay_link link = BELAY_LINK_INIT;
    link.delay_ms = DELAY_MS;
    link.cut_up = link.cut_down = cut;
    bl_neutral_port_link(client->host->socket, &link);
}

static void break_or_mend(struct raw *raw, struct tally *tally, struct client *client) {
    if (raw->now_ms == client->cut_at) {
        set_link(client, true);
        tally->outages++;
        client->heard[UP] = client->heard[DOWN] = false;
    } else if (raw->now_ms == client->back_at) {
        set_link(client, false);
    }
}

static void tick(struct raw *raw, struct tally *tally) {
    belay_sim_advance(raw->sim, TICK_MS);
    raw->now_ms += TICK_MS;
    serve(raw, tally);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct client *client = &raw->clients[i];
        serve_client(raw, tally, client);
        if (raw->sending && (raw->now_ms + i * TICK_MS) % INTERVAL_MS == 0) {
            send_to(tally, client->peers[UP]);
            send_to(tally, client->peers[DOWN]);
        }
        break_or_mend(raw, tally, client);
        enet_host_flush(client->host);
    }
    enet_host_flush(raw->server);
}

static void run_for(struct raw *raw, struct tally *tally, uint32_t ms) {
    for (uint64_t end = raw->now_ms + ms; raw->now_ms < end;) {
        tick(raw, tally);
    }
}

/** Everybody's next outage. */
static void plan(struct raw *raw, const struct outage *outage) {
    struct bl_random *random = bl_sim_random(raw->sim);
    for (size_t i = 0; i < CLIENTS; i++) {
        struct client *client = &raw->clients[i];
        uint64_t steps = bl_random_below(random, outage->spread_ms / TICK_MS);
        client->cut_at = raw->now_ms + TICK_MS * (1 + bl_random_below(random, 200));
        client->back_at = client->cut_at + outage->cut_ms + steps * TICK_MS;
    }
}

static void run_seed(struct tally *tally, const struct outage *outage, uint64_t seed) {
    static struct raw raw;
    const ENetAddress address = server_address();
    struct belay_link link = BELAY_LINK_INIT;
    raw = (struct raw){.sim = belay_sim_create(seed), .sending = true};
    if (raw.sim == NULL) {
        exit(1);
    }
    link.delay_ms = DELAY_MS;
    belay_sim_link(raw.sim, NULL, &link);
    bl_neutral_port_enter(raw.sim, seed);
    raw.server = make_host(&address, SLOTS);
    for (size_t i = 0; i < CLIENTS; i++) {
        raw.clients[i].host = make_host(NULL, 1);
        dial(&raw, &raw.clients[i]);
    }
    run_for(&raw, tally, CONNECT_MS);
    for (int round = 0; round < ROUNDS; round++) {
        plan(&raw, outage);
        run_for(&raw, tally, outage->cut_ms + outage->spread_ms + BACK_MAX_MS);
    }
    raw.sending = false;
    run_for(&raw, tally, BACK_MAX_MS);
    for (size_t i = 0; i < CLIENTS; i++) {
        enet_host_destroy(raw.clients[i].host);
    }
    enet_host_destroy(raw.server);
    belay_sim_destroy(raw.sim);
    bl_neutral_port_enter(NULL, 0);
}

int main(int argument_count, char **arguments) {
    static struct tally tally;
    if (argument_count != 3 || enet_initialize() != 0) {
        fprintf(stderr, "usage: raw-resume FIRST_SEED SEEDS\n");
        return 2;
    }
    uint64_t first = strtoull(arguments[1], NULL, 10);
    uint64_t count = strtoull(arguments[2], NULL, 10);
    for (size_t i = 0; i < sizeof outages / sizeof *outages; i++) {
        memset(&tally, 0, sizeof tally);
        for (uint64_t j = 0; j < count; j++) {
            run_seed(&tally, &outages[i], first + j);
        }
        printf(
            "%s: %llu outages, %llu connections lost, server hears p50 %u, max %u ms, client "
            "hears p50 %u, max %u ms, never %llu; %llu of %llu messages lost\n",
            outages[i].name, (unsigned long long)tally.outages,
            (unsigned long long)tally.disconnects, bl_latency_percentile(&tally.back[UP], 50),
            tally.back[UP].max_ms, bl_latency_percentile(&tally.back[DOWN], 50),
            tally.back[DOWN].max_ms,
            (unsigned long long)(2 * tally.outages - tally.back[UP].count - tally.back[DOWN].count),
            (unsigned long long)(tally.sent - tally.received), (unsigned long long)tally.sent);
    }
    return 0;
}
