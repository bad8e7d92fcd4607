/*
 * A bl_packet is an ENetPacket whose reference count includes one for us. ENet adds one for each
 * command that carries it and takes it back when the command is acknowledged, sent or reset; at
 * zero ENet would free it, which our own reference prevents.
 *
 * ENet looks at no byte of what it sends: it passes on where a packet's bytes are and how many. So
 * the bytes of a packet around a body need not be there. In their place is a struct that says where
 * they are. That it is one is told by the lowest bit of its address, which is set in what ENet
 * knows: nothing else that ENet sends begins at an odd address.
 */
#include "lib/peer/packet.h"

#include "common/assert.h"
#include "common/memory.h"
#include <enet/enet.h>

_Static_assert(offsetof(ENetHost, commands) % 2 == 0 && sizeof(ENetProtocol) % 2 == 0,
               "commands begin at even addresses");

/** A packet around a body, and what is in the place of its data. ENet may free it. */
struct around {
    ENetPacket enet; /* first */
    struct bl_body *body;
    struct bl_span part;
    uint8_t head_size;
    uint8_t head[15];
};

static ENetPacket *enet_of(struct bl_packet *packet) {
    return (ENetPacket *)packet;
}

static enet_uint32 flags_of(enum bl_delivery delivery) {
    return delivery == BL_ORDERED ? ENET_PACKET_FLAG_RELIABLE : ENET_PACKET_FLAG_UNSEQUENCED;
}

struct bl_packet *bl_packet_create(size_t size, enum bl_delivery delivery) {
    ENetPacket *packet = enet_packet_create(NULL, size, flags_of(delivery));
    if (packet != NULL) {
        packet->referenceCount = 1;
    }
    return (struct bl_packet *)packet;
}

static enet_uint8 *mark(struct around *around) {
    return (enet_uint8 *)around + 1;
}

/** The struct at a marked address; NULL: the bytes themselves are there. */
static struct around *around_of(const void *data) {
    uintptr_t address = (uintptr_t)data;
    return (address & 1) != 0 ? (struct around *)(address - 1) : NULL;
}

static void release_body(ENetPacket *packet) {
    bl_body_release(((struct around *)packet)->body);
}

struct bl_packet *bl_packet_create_around(struct bl_body *body, const struct bl_span *part,
                                          size_t head, enum bl_delivery delivery) {
    struct around *around = enet_malloc(sizeof *around);
    if (around == NULL) {
        return NULL;
    }
    BELAY_ASSERT(head <= sizeof around->head);
    *around = (struct around){
        .enet = {.referenceCount = 1,
                 .flags = flags_of(delivery) | ENET_PACKET_FLAG_NO_ALLOCATE,
                 .data = mark(around),
                 .dataLength = head + part->size,
                 .freeCallback = release_body},
        .body = body,
        .part = *part,
        .head_size = (uint8_t)head,
    };
    bl_body_keep(body);
    return (struct bl_packet *)&around->enet;
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
    struct around *around = around_of(enet_of(packet)->data);
    return around != NULL ? around->head : enet_of(packet)->data;
}

struct bl_span bl_packet_rest(struct bl_packet *packet, size_t head) {
    const ENetPacket *enet = enet_of(packet);
    const struct around *around = around_of(enet->data);
    if (around != NULL) {
        BELAY_ASSERT(head == around->head_size);
        return around->part;
    }
    return (struct bl_span){enet->data + head, enet->dataLength - head};
}

size_t bl_packet_size(const struct bl_packet *packet) {
    return ((const ENetPacket *)packet)->dataLength;
}

void bl_packet_trim(struct bl_packet *packet, size_t size) {
    BELAY_ASSERT(size <= enet_of(packet)->dataLength);
    enet_of(packet)->dataLength = size;
}

size_t bl_packet_pieces(const void *data, size_t size, struct bl_span pieces[2]) {
    const struct around *around = around_of(data);
    if (around == NULL) {
        pieces[0] = (struct bl_span){data, size};
        return 1;
    }
    pieces[0] = (struct bl_span){around->head, around->head_size};
    pieces[1] = around->part;
    return 2;
}

bool bl_packet_is_in_flight(const struct bl_packet *packet) {
    return ((const ENetPacket *)packet)->referenceCount > 1;
}

struct bl_body *bl_body_create(struct bl_memory *memory, size_t size) {
    struct bl_body *body = bl_allocate(memory, sizeof *body + size);
    if (body != NULL) {
        body->memory = memory;
        body->references = 1;
        body->size = (uint32_t)size;
    }
    return body;
}

void bl_body_keep(struct bl_body *body) {
    body->references++;
}

void bl_body_release(struct bl_body *body) {
    if (body != NULL && --body->references == 0) {
        bl_free(body->memory, body, sizeof *body + body->size);
    }
}
