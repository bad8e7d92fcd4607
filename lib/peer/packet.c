/*
 * A bl_packet is an ENetPacket whose reference count includes one for us. ENet adds one for each
 * command that carries it and takes it back when the command is acknowledged, sent or reset; at
 * zero ENet would free it, which our own reference prevents.
 */
#include "lib/peer/packet.h"

#include "common/assert.h"
#include <enet/enet.h>

static ENetPacket *enet_of(struct bl_packet *packet) {
    return (ENetPacket *)packet;
}

struct bl_packet *bl_packet_create(size_t size, enum bl_delivery delivery) {
    enet_uint32 flags =
        delivery == BL_ORDERED ? ENET_PACKET_FLAG_RELIABLE : ENET_PACKET_FLAG_UNSEQUENCED;
    ENetPacket *packet = enet_packet_create(NULL, size, flags);
    if (packet != NULL) {
        packet->referenceCount = 1;
    }
    return (struct bl_packet *)packet;
}

void bl_packet_release(struct bl_packet *packet) {
    ENetPacket *enet = enet_of(packet);
    if (enet == NULL) {
        return;
    }
    BELAY_ASSERT(enet->referenceCount > 0);
    enet->referenceCount--;
    if (enet->referenceCount == 0) {
        enet_packet_destroy(enet);
    }
}

uint8_t *bl_packet_data(struct bl_packet *packet) {
    return enet_of(packet)->data;
}

size_t bl_packet_size(const struct bl_packet *packet) {
    return ((const ENetPacket *)packet)->dataLength;
}

void bl_packet_trim(struct bl_packet *packet, size_t size) {
    BELAY_ASSERT(size <= enet_of(packet)->dataLength);
    enet_of(packet)->dataLength = size;
}

bool bl_packet_is_in_flight(const struct bl_packet *packet) {
    return ((const ENetPacket *)packet)->referenceCount > 1;
}
