/*
 * An endpoint: one socket, the bindings over it and the ENet peers that they carry.
 *
 * This is where a datagram's way in and out meet: in, the network's batch is opened by the secure
 * layer and handed to the peer it is for; out, what peers send is sealed straight into the batch.
 * The endpoint knows no sessions: whoever takes a peer (see ops.bound) gets its packets.
 */
#ifndef BL_PEER_ENDPOINT_H
#define BL_PEER_ENDPOINT_H

#include "lib/net/net.h"
#include "lib/peer/peer.h"
#include "lib/secure/dial.h"
#include "lib/secure/gate.h"
#include "lib/secure/query.h"
#include <belay/stats.h>

struct bl_endpoint;

struct bl_endpoint_ops {
    /** Server: a binding has been proven and carries a new peer, whose receiver the callee sets. @p
     * newcomer says whose it is, and is lent. */
    void (*bound)(void *user, struct bl_peer *peer, const struct bl_newcomer *newcomer);
    /** Server: it is about to be: the link that it takes the place of is to be cut now.
     * NULL: nothing is ever resumed. */
    void (*proven)(void *user, const struct bl_newcomer *newcomer);
    /** Client: the same as bound; the attempt is over. @p dialed is lent. */
    void (*accepted)(void *user, struct bl_peer *peer, const struct bl_dialed *dialed);
    /** The other side has another address now (bl_endpoint_address()); nothing else has changed. */
    void (*migrated)(void *receiver);
    /** One packet for the receiver, who releases it. */
    void (*packet)(void *receiver, struct bl_packet *packet);
    /** A valid datagram has been handled to its end; acknowledgements may have freed packets. */
    void (*progress)(void *receiver);
    /** The other side says, with authority, that it has no peer for this binding any more. */
    void (*gone)(void *receiver);
    /** Server: whether one more newcomer is welcome, as struct bl_gate's admit. */
    const struct belay_reason *(*admit)(void *user);
    /** Server: whether a session may be resumed, as struct bl_gate's resume. */
    const struct belay_reason *(*resume)(void *user, struct bl_resumption *resumption);
    /** Server: it was let in, and nothing has come of it. */
    void (*abandoned)(void *user, const struct bl_resumption *resumption);
    /** Client: the attempt was refused; dialing has ended. */
    void (*denied)(void *user, const struct bl_deny *deny);
    /** Server: somebody asks. @return size of the answer, at most BL_QUERY_SIZE; 0 = none. NULL:
     * no answer to anybody */
    size_t (*queried)(void *user, const struct bl_datagram *query, uint8_t *answer);
    /** Client: somebody answers. @return false: nobody was asked for that. NULL: nobody was */
    bool (*informed)(void *user, const struct bl_datagram *info);
};

struct bl_endpoint_opts {
    struct bl_memory *memory;
    struct bl_timer_wheel *wheel;
    struct bl_net *net; /* stays the caller's */
    const struct bl_endpoint_ops *ops;
    void *user;
    struct belay_stats *stats; /* the caller's; sessions add to it too */
    uint64_t game;
    uint16_t peer_max;
    uint8_t channel_count;                /* of ENet */
    const struct bl_admission *admission; /* a server's, which outlives the endpoint; NULL: a
                                             client, which dials */
};

/** @return BELAY_OK, BELAY_E_NO_MEMORY, BELAY_E_ENET_PORT */
enum belay_result bl_endpoint_create(struct bl_endpoint **out, const struct bl_endpoint_opts *opts);
void bl_endpoint_destroy(struct bl_endpoint *endpoint);

/** Takes in every datagram that waits, up to a bound; true when there may be more. */
bool bl_endpoint_receive(struct bl_endpoint *endpoint);
/** Sends what peers have queued, then ends the peers that were released. */
void bl_endpoint_flush(struct bl_endpoint *endpoint);
bool bl_endpoint_is_dirty(const struct bl_endpoint *endpoint);

/** Client: starts or replaces the attempt. Repeats go out by timer until it is answered or hung up.
 */
void bl_endpoint_dial(struct bl_endpoint *endpoint, const struct bl_dial_target *target);
/** More of the server's addresses have become known. */
void bl_endpoint_dial_also(struct bl_endpoint *endpoint, const struct bl_dial_target *target);
/** Repeats OPEN without waiting. */
void bl_endpoint_dial_now(struct bl_endpoint *endpoint);
void bl_endpoint_hang_up(struct bl_endpoint *endpoint);
/** The code that the last unauthenticated refusal of this attempt gave; 0 = there was none. */
uint32_t bl_endpoint_hint(const struct bl_endpoint *endpoint);
/** The server's key that this or the last attempt was made with; NULL = by token. */
const uint8_t *bl_endpoint_server_key(const struct bl_endpoint *endpoint);
/** Client: the network is another one. What is said next goes under the spare tag, which nobody
 * on the old network has seen (packet numbers go on, in clear). */
void bl_endpoint_network_changed(struct bl_peer *peer);
/** Client: the server is not heard where it was. What is said next goes to all its addresses that
 * are known from the dial, and after that to the one from which something new has come. */
void bl_endpoint_search(struct bl_peer *peer);

/** Client: sends a QUERY to each address of its target. It leaves with the next flush. */
void bl_endpoint_ask(struct bl_endpoint *endpoint, const struct bl_query_target *target,
                     const uint8_t query[BL_QUERY_SIZE]);

/**
 * Gives a peer back: its receiver hears no more of it. What it has queued leaves with the next
 * flush and is repeated until it is acknowledged, for @p patience at most; then the peer is reset
 * and its binding answers late datagrams with GONE for @p linger.
 */
void bl_endpoint_release(struct bl_endpoint *endpoint, struct bl_peer *peer, bl_duration patience,
                         bl_duration linger);
/** The same at once: what it has queued does not leave. Not to be called from ops.packet of that
 * peer. */
void bl_endpoint_cut(struct bl_endpoint *endpoint, struct bl_peer *peer, bl_duration linger);
/** Server: tells the other side of every binding that its link has ended. It leaves at once. */
void bl_endpoint_say_gone(struct bl_endpoint *endpoint);
/** Peers that were released and still have something to say. */
bool bl_endpoint_is_lingering(const struct bl_endpoint *endpoint);

const struct bl_address *bl_endpoint_address(const struct bl_peer *peer);
/** Half-open handshakes that will be new sessions if all goes well. */
uint32_t bl_endpoint_pending_count(const struct bl_endpoint *endpoint);
#endif
