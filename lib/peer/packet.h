/*
 * Packets: one frame each, as ENet carries it, kept by reference and never copied again.
 *
 * A packet that a session made stays the session's until bl_packet_release(); ENet holds it besides
 * from bl_peer_send() until the other side has acknowledged it (or, unsequenced, until it is sent).
 */
#ifndef BL_PEER_PACKET_H
#define BL_PEER_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bl_packet;

enum bl_delivery {
    BL_UNSEQUENCED, /* sent once */
    BL_ORDERED,     /* repeated by ENet until acknowledged, in order within its channel */
};

/** A packet of @p size bytes, not yet filled in; NULL when memory is out. */
struct bl_packet *bl_packet_create(size_t size, enum bl_delivery delivery);
void bl_packet_release(struct bl_packet *packet); /* NULL is fine */
uint8_t *bl_packet_data(struct bl_packet *packet);
size_t bl_packet_size(const struct bl_packet *packet);
/** Cuts the packet to its first @p size bytes, before it is sent. */
void bl_packet_trim(struct bl_packet *packet, size_t size);
/** ENet still holds it: handed over, and not yet acknowledged or dropped with its peer. */
bool bl_packet_is_in_flight(const struct bl_packet *packet);

#endif
