/*
 * The baseline of `goal loss`: unmodified ENet, as a game would use it, under the same load, delays
 * and seeds.
 *
 * usage: raw-enet LOSS_PERCENT MINUTES FIRST_SEED SEEDS. Prints one line, the sum of all seeds.
 */
#include "bench/ledger.h"
#include "bench/neutral_port.h"
#include "lib/net/net.h"
#include "lib/net/sim.h"
#include <enet/enet.h>
#include <stdio.h>
#include <stdlib.h>

#define SERVER_HOST 0x0A000001U /* 10.0.0.1 */
#define SERVER_PORT 7777

struct raw {
    struct belay_sim *sim;
    ENetHost *server;
    struct raw_client {
        ENetHost *host;
        ENetPeer *peer;
        bool connected, lost;
    } clients[BL_LOAD_CLIENTS];
    uint64_t now_ms;
};

static ENetHost *make_host(const ENetAddress *address, size_t peer_count) {
    ENetHost *host = enet_host_create(address, peer_count, 1, 0, 0);
    if (host == NULL) {
        fprintf(stderr, "raw-enet: cannot make a host\n");
        exit(1);
    }
    host->mtu = BL_DATAGRAM_SIZE_MAX; /* the most that the simulated network carries */
    for (size_t i = 0; i < peer_count; i++) {
        host->peers[i].mtu = BL_DATAGRAM_SIZE_MAX;
    }
    return host;
}

static void start(struct raw *raw) {
    const ENetAddress server = {.host = ENET_HOST_TO_NET_32(SERVER_HOST), .port = SERVER_PORT};
    raw->server = make_host(&server, BL_LOAD_CLIENTS);
    for (enet_uint32 i = 0; i < BL_LOAD_CLIENTS; i++) {
        struct raw_client *client = &raw->clients[i];
        client->host = make_host(NULL, 1);
        client->peer = enet_host_connect(client->host, &server, 1, i);
    }
}

static void finish(struct raw *raw) {
    for (size_t i = 0; i < BL_LOAD_CLIENTS; i++) {
        enet_host_destroy(raw->clients[i].host);
    }
    enet_host_destroy(raw->server);
}

/** A session is lost when either side gives it up: the client's number is in its connect data. */
static void serve(struct raw *raw, struct bl_ledger *ledger) {
    ENetEvent event;
    while (enet_host_service(raw->server, &event, 0) > 0) {
        if (event.type == ENET_EVENT_TYPE_CONNECT) {
            event.peer->data = &raw->clients[event.data];
        } else if (event.type == ENET_EVENT_TYPE_DISCONNECT && event.peer->data != NULL) {
            ((struct raw_client *)event.peer->data)->lost = true;
        } else if (event.type == ENET_EVENT_TYPE_RECEIVE) {
            bl_ledger_receive(ledger, event.packet->data, event.packet->dataLength, raw->now_ms);
            enet_packet_destroy(event.packet);
        }
    }
}

static void serve_client(struct raw_client *client) {
    ENetEvent event;
    while (enet_host_service(client->host, &event, 0) > 0) {
        if (event.type == ENET_EVENT_TYPE_CONNECT) {
            client->connected = true;
        } else if (event.type == ENET_EVENT_TYPE_DISCONNECT) {
            client->lost = true;
        } else if (event.type == ENET_EVENT_TYPE_RECEIVE) {
            enet_packet_destroy(event.packet);
        }
    }
}

static void send_due(struct raw *raw, struct bl_ledger *ledger) {
    struct bl_load_message message;
    for (uint32_t i = 0; i < BL_LOAD_CLIENTS; i++) {
        struct raw_client *client = &raw->clients[i];
        if (!client->connected || client->lost ||
            !bl_ledger_next(ledger, i, raw->now_ms, &message)) {
            continue;
        }
        ENetPacket *packet =
            enet_packet_create(&message, sizeof message, ENET_PACKET_FLAG_RELIABLE);
        if (enet_peer_send(client->peer, 0, packet) != 0) {
            enet_packet_destroy(packet);
            bl_ledger_refuse(ledger, i);
        }
        enet_host_flush(client->host);
    }
}

static void tick(struct raw *raw, struct bl_ledger *ledger) {
    belay_sim_advance(raw->sim, BL_LOAD_TICK_MS);
    raw->now_ms += BL_LOAD_TICK_MS;
    serve(raw, ledger);
    for (size_t i = 0; i < BL_LOAD_CLIENTS; i++) {
        serve_client(&raw->clients[i]);
    }
    send_due(raw, ledger);
}

static bool is_settled(const struct raw *raw) {
    for (size_t i = 0; i < BL_LOAD_CLIENTS; i++) {
        if (!raw->clients[i].connected && !raw->clients[i].lost) {
            return false;
        }
    }
    return true;
}

static void run_seed(struct bl_ledger *ledger, const struct belay_link *link, uint64_t seed,
                     uint64_t duration_ms) {
    struct raw raw = {.sim = belay_sim_create(seed)};
    if (raw.sim == NULL) {
        exit(1);
    }
    belay_sim_link(raw.sim, NULL, link);
    bl_neutral_port_enter(raw.sim, seed);
    start(&raw);
    while (!is_settled(&raw) && raw.now_ms < BL_LOAD_CONNECT_MS) {
        tick(&raw, ledger);
    }
    bl_ledger_open(ledger, raw.now_ms);
    uint64_t before = bl_sim_counts(raw.sim).sent;
    uint64_t end = raw.now_ms + duration_ms;
    while (raw.now_ms < end) {
        tick(&raw, ledger);
    }
    bl_ledger_stop(ledger);
    end += BL_LOAD_DRAIN_MS;
    while (raw.now_ms < end && !bl_ledger_is_balanced(ledger)) {
        tick(&raw, ledger);
    }
    ledger->datagrams += bl_sim_counts(raw.sim).sent - before;
    bl_ledger_close(ledger);
    ledger->sessions += BL_LOAD_CLIENTS;
    for (size_t i = 0; i < BL_LOAD_CLIENTS; i++) {
        ledger->sessions_lost += raw.clients[i].lost || !raw.clients[i].connected;
    }
    finish(&raw);
    belay_sim_destroy(raw.sim);
    bl_neutral_port_enter(NULL, 0);
}

int main(int argument_count, char **arguments) {
    static struct bl_ledger ledger;
    struct belay_link link = BELAY_LINK_INIT;
    if (argument_count != 5 || enet_initialize() != 0) {
        fprintf(stderr, "usage: raw-enet LOSS_PERCENT MINUTES FIRST_SEED SEEDS\n");
        return 2;
    }
    link.loss = (float)strtod(arguments[1], NULL) / 100.0F;
    link.delay_ms = BL_LOAD_DELAY_MS;
    link.jitter_ms = BL_LOAD_JITTER_MS;
    uint64_t duration_ms = strtoull(arguments[2], NULL, 10) * 60000;
    uint64_t first = strtoull(arguments[3], NULL, 10);
    uint64_t count = strtoull(arguments[4], NULL, 10);
    for (uint64_t i = 0; i < count; i++) {
        run_seed(&ledger, &link, first + i, duration_ms);
    }
    bl_ledger_print_row(&ledger);
    printf("\n");
    return 0;
}
