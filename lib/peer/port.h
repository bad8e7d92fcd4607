/*
 * The port: the platform layer that ENet runs on here.
 *
 * ENet calls its platform through a dozen functions (its unix.c and win32.c). port.c defines those
 * that a host needs, so that unmodified ENet gets its clock, its seed and its datagrams from us.
 * While a thread is inside bl_port_enter() and bl_port_leave(), ENet on that thread sees the given
 * port; outside, and for sockets that are not ours, the stock functions answer.
 */
#ifndef BL_PEER_PORT_H
#define BL_PEER_PORT_H

#include <enet/enet.h>
#include <stdbool.h>

/** What ENet sees as its system while one host is served. */
struct bl_port {
    ENetHost *host; /* NULL while it is being created */
    ENetPeer *view; /* the only peer that ENet may look at */
    enet_uint32 now_ms;
    enet_uint32 seed;
    const enet_uint8 *incoming; /* one datagram, handed out once; NULL = nothing has arrived */
    size_t incoming_size;
    ENetAddress from;
    /** One datagram leaves; must not call ENet. */
    void (*transmit)(struct bl_port *port, const ENetBuffer *pieces, size_t piece_count);
    struct bl_port *outer; /* the port that was in force before */
    unsigned time_calls, create_calls, send_calls, receive_calls; /* proof that ENet asks us */
};

void bl_port_enter(struct bl_port *port);
void bl_port_leave(struct bl_port *port);

#endif
