/*
 * Peers: a thin wrapper of ENet's host and peers, served one at a time.
 *
 * A host is a set of peer slots. A peer exists from bl_peer_connect(), which plays ENet's handshake
 * on this side alone, to bl_peer_reset(); nothing of it is on the wire. Incoming ENet datagrams are
 * handed to the peer they are for; what a peer has to send is collected until bl_host_flush(). Time
 * is an argument everywhere, and what is done costs what happens: no call looks at idle peers.
 */
#ifndef BL_PEER_PEER_H
#define BL_PEER_PEER_H

#include "common/bytes.h"
#include "common/error.h"
#include "common/memory.h"
#include "lib/clock/timer_wheel.h"
#include "lib/peer/delay_window.h"
#include "lib/peer/packet.h"
#include "lib/peer/rtt.h"
#include <belay/result.h>

struct bl_host;
struct _ENetPeer;

#define BL_SPANS_MAX 97 /* ENet's header, 32 commands, and two for the packet of each */

struct bl_peer {
    struct bl_host *host;
    struct _ENetPeer *enet;
    void *binding;  /* owned by the endpoint: the way to the other side */
    void *receiver; /* who gets its packets; set by whoever took the peer */
    bool connected;
    struct bl_rtt rtt;
    struct bl_delay_window window;
    bl_time received_at; /* last datagram that was valid to the last command */
    bl_time sent_at;
    uint64_t resent_count; /* reliable commands that ENet sent again */
    bl_time loss_since;    /* when the interval below began */
    uint32_t sent_seen;    /* ENet's own counts then, and when we last looked */
    uint32_t loss_base;
    uint32_t lost_seen;            /* ENet's own count when we last looked */
    bool loss_known;               /* it has been measured */
    float loss;                    /* share of commands repeated lately */
    struct bl_timer timer;         /* the earliest retransmission */
    struct bl_peer *next;          /* in the list of free or of dirty peers */
    struct bl_peer *released_next; /* in the endpoint's list of peers to end */
    bl_time release_by;            /* once released: how long it may still repeat itself */
    bl_duration linger;            /* and how long its binding is a tombstone then */
    bool dirty;                    /* has something to send */
    uint32_t loose_count;          /* unsequenced packets queued since the last flush */
    uint32_t said_count;           /* of these, frames of the session itself */
    uint32_t owed_acks;            /* at most: reliable commands received since the last flush */
};

struct bl_host_ops {
    /** One ENet datagram leaves for the other side. Must not call back into the host. */
    void (*transmit)(void *user, struct bl_peer *peer, const struct bl_span *pieces, size_t count);
    /** One packet has arrived; the callee releases it. May send to and reset any peer. */
    void (*packet)(void *user, struct bl_peer *peer, uint8_t channel, struct bl_packet *packet);
};

struct bl_host_opts {
    struct bl_memory *memory;
    struct bl_timer_wheel *wheel;
    const struct bl_host_ops *ops;
    void *user;
    uint16_t peer_max;
    uint8_t channel_count; /* ENet channels */
};

/**
 * Makes a host without peers. The port must be in force (see self_check.h).
 *
 * @return BELAY_OK, BELAY_E_NO_MEMORY
 */
enum belay_result bl_host_create(struct bl_host **out, const struct bl_host_opts *opts,
                                 bl_time now);
/** Resets every peer. NULL is fine. */
void bl_host_destroy(struct bl_host *host);

/** A connected peer, or NULL when every slot is taken or memory is out. Not to be called from ops.
 */
struct bl_peer *bl_peer_connect(struct bl_host *host, bl_time now);
/** Forgets the peer with everything queued in it; its packets come back to who holds them. NULL is
 * fine. */
void bl_peer_reset(struct bl_peer *peer);

/**
 * One ENet datagram from the other side; @p datagram is changed in place. Its packets come through
 * ops.packet before this returns.
 *
 * @return false when the filter dropped it
 */
bool bl_peer_receive(struct bl_peer *peer, uint8_t *datagram, size_t size, bl_time now);
/** Queues a packet, which ENet then holds too. False when ENet is out of memory: nothing was
 * queued. */
bool bl_peer_send(struct bl_peer *peer, uint8_t channel, struct bl_packet *packet);
/** Sends what dirty peers have queued and what is due for repetition, through ops.transmit. */
void bl_host_flush(struct bl_host *host, bl_time now);
/** Something reliable that was sent is not yet acknowledged. */
/** What is in flight is waited for anew, as if it had been sent now. */
void bl_peer_restart_timers(struct bl_peer *peer, bl_time now);
/**
 * Sends what is in flight once more, without waiting for its time-out: it went where the other side
 * is no more. Only what was sent before @p since, the oldest first, as far as one datagram of
 * @p size_max bytes has room for it.
 *
 * @return whether there was anything; it leaves with the next flush
 */
bool bl_peer_repeat(struct bl_peer *peer, size_t size_max, bl_time since, bl_time now);
bool bl_peer_is_unacknowledged(const struct bl_peer *peer);
bool bl_host_is_dirty(const struct bl_host *host);

#endif
