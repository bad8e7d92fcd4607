/*
 * ENet's platform functions over lib/net's simulated sockets.
 *
 * A host that binds an address is the server in the middle; one that does not is a client with a
 * link. Only what ENet's core calls is here.
 */
#include "bench/neutral_port.h"

#include "common/random.h"
#include "lib/net/net.h"
#include "lib/net/sim.h"
#include <enet/enet.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define SOCKETS_MAX 256

static struct {
    struct belay_sim *sim;
    struct bl_random random;
    struct bl_net *sockets[SOCKETS_MAX];
} network;

void bl_neutral_port_enter(struct belay_sim *sim, uint64_t seed) {
    network.sim = sim;
    bl_random_init_seeded(&network.random, seed);
}

void bl_neutral_port_link(ENetSocket socket, const struct belay_link *link) {
    const void *owner = &network.sockets[socket];
    belay_sim_link(network.sim, (struct belay_client *)(uintptr_t)owner, link);
}

static struct bl_address from_enet(const ENetAddress *address) {
    struct bl_address out = {.ip = {[10] = 0xFF, [11] = 0xFF}, .port = address->port};
    memcpy(out.ip + 12, &address->host, 4);
    return out;
}

static ENetAddress to_enet(const struct bl_address *address) {
    ENetAddress out = {.port = address->port};
    memcpy(&out.host, address->ip + 12, 4);
    return out;
}

int enet_initialize(void) {
    return 0;
}

enet_uint32 enet_time_get(void) {
    return (enet_uint32)(bl_sim_now(network.sim) / BL_MILLISECOND);
}

enet_uint32 enet_host_random_seed(void) {
    return (enet_uint32)bl_random_u64(&network.random);
}

ENetSocket enet_socket_create(ENetSocketType type) {
    static const struct bl_address any = {0};
    int slot = 0;
    (void)type;
    while (slot < SOCKETS_MAX && network.sockets[slot] != NULL) {
        slot++;
    }
    if (slot == SOCKETS_MAX || bl_sim_open(&network.sockets[slot], network.sim, &any,
                                           &network.sockets[slot]) != BELAY_OK) {
        return ENET_SOCKET_NULL;
    }
    return slot;
}

/** ENet binds a server's socket right after it was made: the client that it was gives way. */
int enet_socket_bind(ENetSocket socket, const ENetAddress *address) {
    struct bl_address local = from_enet(address);
    bl_net_close(network.sockets[socket]);
    network.sockets[socket] = NULL;
    return bl_sim_open(&network.sockets[socket], network.sim, &local, NULL) == BELAY_OK ? 0 : -1;
}

void enet_socket_destroy(ENetSocket socket) {
    if (socket != ENET_SOCKET_NULL && network.sockets[socket] != NULL) {
        bl_net_close(network.sockets[socket]);
        network.sockets[socket] = NULL;
    }
}

int enet_socket_get_address(ENetSocket socket, ENetAddress *address) {
    *address = to_enet(&network.sockets[socket]->local);
    return 0;
}

int enet_socket_set_option(ENetSocket socket, ENetSocketOption option, int value) {
    (void)socket, (void)option, (void)value;
    return 0;
}

/** Virtual time does not pass in here, so there is nothing to wait for. */
int enet_socket_wait(ENetSocket socket, enet_uint32 *condition, enet_uint32 timeout) {
    (void)socket, (void)timeout;
    *condition = ENET_SOCKET_WAIT_NONE;
    return 0;
}

int enet_socket_send(ENetSocket socket, const ENetAddress *address, const ENetBuffer *buffers,
                     size_t buffer_count) {
    uint8_t bytes[ENET_PROTOCOL_MAXIMUM_MTU];
    struct bl_datagram datagram = {.address = from_enet(address), .data = bytes};
    for (size_t i = 0; i < buffer_count; i++) {
        if (datagram.size + buffers[i].dataLength > sizeof bytes) {
            return -1;
        }
        memcpy(bytes + datagram.size, buffers[i].data, buffers[i].dataLength);
        datagram.size += buffers[i].dataLength;
    }
    bl_net_send(network.sockets[socket], &datagram, 1);
    return (int)datagram.size;
}

int enet_socket_receive(ENetSocket socket, ENetAddress *address, ENetBuffer *buffers,
                        size_t buffer_count) {
    struct bl_datagram datagram;
    if (buffer_count != 1 || bl_net_receive(network.sockets[socket], &datagram, 1) == 0) {
        return 0;
    }
    if (datagram.size > buffers[0].dataLength) {
        return -1;
    }
    memcpy(buffers[0].data, datagram.data, datagram.size);
    *address = to_enet(&datagram.address);
    return (int)datagram.size;
}
