#include "bench/raw_scene.h"

#include "bench/neutral_port.h"
#include "common/container_of.h"
#include "lib/net/sim_network.h"
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS    "10.0.0.1:7777"
#define CHANNELS   2
#define CONNECT_MS 1000

static size_t heap;

static void *count_malloc(size_t size) {
    void *memory = malloc(size);
    heap += malloc_usable_size(memory);
    return memory;
}

static void count_free(void *memory) {
    heap -= malloc_usable_size(memory);
    free(memory);
}

size_t bl_scene_heap(void) {
    return heap;
}

static ENetAddress enet_address(const struct bl_address *address) {
    ENetAddress out = {.port = address->port};
    memcpy(&out.host, address->ip + 12, 4);
    return out;
}

static struct bl_address address_of(const ENetAddress *address) {
    struct bl_address out = {.ip = {[10] = 0xFF, [11] = 0xFF}, .port = address->port};
    memcpy(out.ip + 12, &address->host, 4);
    return out;
}

struct bl_address bl_scene_stranger(uint32_t number) {
    const ENetAddress address = {.host =
                                     ENET_HOST_TO_NET_32(0xC6120000U | number >> 8), /* 198.18/15 */
                                 .port = (enet_uint16)(1024 + (number & 0xFF))};
    return address_of(&address);
}

struct bl_address bl_scene_address(const struct bl_scene *scene, unsigned client) {
    for (size_t i = 0; i < scene->server->peerCount; i++) {
        if (scene->server->peers[i].data == &scene->clients[client]) {
            return address_of(&scene->server->peers[i].address);
        }
    }
    return (struct bl_address){0};
}

static void count_out(void *user, const struct bl_address *from, const struct bl_datagram *to) {
    struct bl_scene *scene = user;
    bool honest = to->address.ip[12] == 10;
    if (!honest && bl_address_equal(from, &scene->server_address)) {
        scene->bytes_to_strangers += to->size;
    }
}

static bool add_client(struct bl_scene *scene) {
    struct bl_scene_client *client = &scene->clients[scene->client_count];
    const ENetAddress server = enet_address(&scene->server_address);
    client->host = enet_host_create(NULL, 1, CHANNELS, 0, 0);
    if (client->host == NULL) {
        return false;
    }
    scene->client_count++;
    client->peer = enet_host_connect(client->host, &server, CHANNELS, scene->client_count);
    return client->peer != NULL;
}

bool bl_scene_open(struct bl_scene *scene, unsigned slots, unsigned client_count) {
    static const struct bl_address anywhere = {0};
    static const ENetCallbacks callbacks = {.malloc = count_malloc, .free = count_free};
    *scene = (struct bl_scene){.sim = belay_sim_create(1)};
    if (scene->sim == NULL || enet_initialize_with_callbacks(ENET_VERSION, &callbacks) != 0 ||
        bl_address_parse(&scene->server_address, ADDRESS, true) != BELAY_OK) {
        return false;
    }
    bl_neutral_port_enter(scene->sim, 1);
    const ENetAddress address = enet_address(&scene->server_address);
    scene->server = enet_host_create(&address, slots, CHANNELS, 0, 0);
    bool fine = scene->server != NULL &&
                bl_sim_open(&scene->attacker, scene->sim, &anywhere, NULL) == BELAY_OK;
    for (unsigned i = 0; fine && i < client_count; i++) {
        fine = add_client(scene);
    }
    if (fine) {
        bl_sim_observe(scene->sim, count_out, scene);
        bl_scene_run(scene, CONNECT_MS);
    }
    return fine && scene->connects == client_count;
}

void bl_scene_close(struct bl_scene *scene) {
    for (unsigned i = 0; i < scene->client_count; i++) {
        enet_host_destroy(scene->clients[i].host);
    }
    enet_host_destroy(scene->server);
    bl_net_close(scene->attacker);
    belay_sim_destroy(scene->sim);
    bl_neutral_port_enter(NULL, 0);
}

static void take_message(struct bl_scene *scene, ENetPacket *packet) {
    scene->messages++;
    if (packet->dataLength < sizeof scene->last_message) {
        memcpy(scene->last_message, packet->data, packet->dataLength);
        scene->last_message[packet->dataLength] = '\0';
    }
    enet_packet_destroy(packet);
}

/** A client's number is in its connect data. */
static void serve(struct bl_scene *scene) {
    ENetEvent event;
    int result;
    while ((result = enet_host_service(scene->server, &event, 0)) > 0) {
        if (event.type == ENET_EVENT_TYPE_CONNECT) {
            scene->connects++;
            event.peer->data = &scene->clients[event.data - 1];
        } else if (event.type == ENET_EVENT_TYPE_DISCONNECT) {
            scene->disconnects++;
        } else if (event.type == ENET_EVENT_TYPE_RECEIVE) {
            take_message(scene, event.packet);
        }
    }
    scene->failures += result < 0;
}

static void serve_client(struct bl_scene_client *client) {
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

void bl_scene_run(struct bl_scene *scene, uint32_t ms) {
    for (uint32_t at = 0; at < ms; at += BL_SCENE_STEP_MS) {
        belay_sim_advance(scene->sim, BL_SCENE_STEP_MS);
        serve(scene);
        for (unsigned i = 0; i < scene->client_count; i++) {
            serve_client(&scene->clients[i]);
        }
    }
}

bool bl_scene_joins(struct bl_scene *scene, uint32_t ms) {
    if (!add_client(scene)) {
        return false;
    }
    bl_scene_run(scene, ms);
    return scene->clients[scene->client_count - 1].connected;
}

void bl_scene_spoof(struct bl_scene *scene, const struct bl_address *from, const void *data,
                    size_t size) {
    uint8_t copy[BL_DATAGRAM_SIZE_MAX];
    struct bl_sim_socket *socket = BL_CONTAINER_OF(scene->attacker, struct bl_sim_socket, net);
    const struct bl_address own = socket->address;
    if (size > 0) {
        memcpy(copy, data, size);
    }
    const struct bl_datagram datagram = {
        .address = scene->server_address, .data = copy, .size = size};
    socket->address = *from;
    bl_net_send(scene->attacker, &datagram, 1);
    socket->address = own;
}

unsigned bl_scene_slots_taken(const struct bl_scene *scene) {
    unsigned count = 0;
    for (size_t i = 0; i < scene->server->peerCount; i++) {
        count += scene->server->peers[i].state != ENET_PEER_STATE_DISCONNECTED;
    }
    return count;
}
