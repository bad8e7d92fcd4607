/*
 * Unmodified ENet over the neutral port: a server, honest clients, and an attacker who writes any
 * source address on what it sends, as everybody on the Internet can whose network lets it.
 *
 * Memory of ENet is counted.
 */
#ifndef BL_BENCH_RAW_SCENE_H
#define BL_BENCH_RAW_SCENE_H

#include "lib/net/sim.h"
#include <enet/enet.h>

#define BL_SCENE_CLIENTS_MAX 64
#define BL_SCENE_STEP_MS     5

struct bl_scene {
    struct belay_sim *sim;
    ENetHost *server;
    struct bl_address server_address;
    unsigned client_count;
    struct bl_scene_client {
        ENetHost *host;
        ENetPeer *peer;
        bool connected, lost;
    } clients[BL_SCENE_CLIENTS_MAX];
    struct bl_net *attacker;
    /* What the server was told. */
    unsigned connects, disconnects, messages, failures;
    char last_message[32];
    uint64_t bytes_to_strangers; /* that the server sent to others than the clients */
};

/** @param slots  of the server, which @p client_count of them take. False: not possible here. */
bool bl_scene_open(struct bl_scene *scene, unsigned slots, unsigned client_count);
void bl_scene_close(struct bl_scene *scene);
void bl_scene_run(struct bl_scene *scene, uint32_t ms);
/** One more client, who has so long to connect. @return whether it has */
bool bl_scene_joins(struct bl_scene *scene, uint32_t ms);
/** The attacker sends this to the server under the address @p from. */
void bl_scene_spoof(struct bl_scene *scene, const struct bl_address *from, const void *data,
                    size_t size);
/** Where the server sees a client. */
struct bl_address bl_scene_address(const struct bl_scene *scene, unsigned client);
/** Somewhere on the Internet, by number. */
struct bl_address bl_scene_stranger(uint32_t number);
unsigned bl_scene_slots_taken(const struct bl_scene *scene);
/** Bytes that ENet has from malloc(). */
size_t bl_scene_heap(void);

#endif
