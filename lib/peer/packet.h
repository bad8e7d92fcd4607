/*
 * Packets: one frame each, as ENet carries it, kept by reference and never copied again.
 *
 * A packet that a session made stays the session's until bl_packet_release(); ENet holds it besides
 * from bl_peer_send() until the other side has acknowledged it (or, unsequenced, until it is sent).
 */
#ifndef BL_PEER_PACKET_H
#define BL_PEER_PACKET_H

#include "common/bytes.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bl_memory;
struct bl_packet;

/** Bytes that packets of many sessions carry: written once, copied only into the datagrams. */
struct bl_body {
    struct bl_memory *memory;
    uint32_t references;
    uint32_t size;
    uint8_t bytes[];
};

enum bl_delivery {
    BL_UNSEQUENCED, /* sent once */
    BL_ORDERED,     /* repeated by ENet until acknowledged, in order within its channel */
};

/** A packet of @p size bytes, not yet filled in; NULL when memory is out. */
struct bl_packet *bl_packet_create(size_t size, enum bl_delivery delivery);
/**
 * A packet of @p head bytes, not yet filled in, and of a part of a body behind them, which it
 * keeps.
 */
struct bl_packet *bl_packet_create_around(struct bl_body *body, const struct bl_span *part,
                                          size_t head, enum bl_delivery delivery);
void bl_packet_release(struct bl_packet *packet); /* NULL is fine */
/** What it was created with the size of: the head, where a body follows. */
uint8_t *bl_packet_data(struct bl_packet *packet);
/** What is behind its first @p head bytes, the whole header of its frame. */
struct bl_span bl_packet_rest(struct bl_packet *packet, size_t head);
size_t bl_packet_size(const struct bl_packet *packet);
/** Cuts the packet to its first @p size bytes, before it is sent. */
void bl_packet_trim(struct bl_packet *packet, size_t size);
/** The pieces of what ENet takes for the @p size bytes of a packet at @p data. @return how many */
size_t bl_packet_pieces(const void *data, size_t size, struct bl_span pieces[2]);
/** ENet still holds it: handed over, and not yet acknowledged or dropped with its peer. */
bool bl_packet_is_in_flight(const struct bl_packet *packet);

/** Room for @p size bytes, not filled in, with one reference; NULL when memory is out. */
struct bl_body *bl_body_create(struct bl_memory *memory, size_t size);
void bl_body_keep(struct bl_body *body);
void bl_body_release(struct bl_body *body); /* NULL is fine */

#endif
