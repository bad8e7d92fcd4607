/* The inside of a host, shared by the files of this folder only. */
#ifndef BL_PEER_HOST_H
#define BL_PEER_HOST_H

#include "lib/peer/peer.h"
#include "lib/peer/port.h"

struct bl_host {
    struct bl_memory *memory;
    struct bl_timer_wheel *wheel;
    const struct bl_host_ops *ops;
    void *user;
    struct bl_port port;
    ENetHost *enet;
    ENetPeer *enet_peers; /* all of them; enet->peers shows ENet only the one being served */
    struct bl_peer *peers;
    uint16_t peer_max;
    uint8_t channel_count;
    struct bl_peer *free_first;
    struct bl_peer *dirty_first, *dirty_last;
    struct bl_peer *serving;
    bl_time now;                    /* of the service call that runs */
    struct bl_handshake *handshake; /* while a peer connects */
};

/** Has ENet do everything that is due for @p peer now; its events are dispatched before this
 * returns. */
void bl_host_serve(struct bl_host *host, struct bl_peer *peer, bl_time now);
/** Milliseconds as ENet counts them. Never 0, which ENet reads as "not yet". */
enet_uint32 bl_enet_time(bl_time now);

/** What the other half of ENet's handshake needs to know of the VERIFY_CONNECT. */
struct bl_handshake {
    bool verified;
    enet_uint16 sequence, sent_time;
};

/** Plays ENet's handshake for a free slot; false when ENet is out of memory. */
bool bl_handshake_play(struct bl_host *host, struct bl_peer *peer, bl_time now);
/** Takes what ENet sends meanwhile. */
void bl_handshake_transmit(struct bl_handshake *handshake, const ENetBuffer *pieces, size_t count);

/** Sets the timers of everything in flight as bl_rtt_timeout() says, and arms the peer's own. */
void bl_tune_timers(struct bl_peer *peer, bl_time now);
/** It has something to send. */
void bl_peer_mark_dirty(struct bl_peer *peer);
/** Once, on a peer that has just connected: no pings, no throttle, no time-outs of ENet's own. */
void bl_tune_connected(struct bl_peer *peer, bl_time now);
/** Before each service call: no bandwidth limits. */
void bl_tune_host(ENetHost *host, enet_uint32 now_ms);

#endif
