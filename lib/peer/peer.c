/*
 * The wrapper around ENet's host.
 *
 * Each call into ENet shows it exactly one peer (see port.c) and always passes an ENetEvent:
 * without one, ENet parks a new peer and refuses its data. Events are dispatched after the call
 * into ENet has returned, so a receiver of packets may send, or reset any peer, this one included.
 */
#include "lib/peer/peer.h"

#include "common/assert.h"
#include "common/container_of.h"
#include "lib/peer/filter.h"
#include "lib/peer/host.h"
#include "lib/wire/frame.h"

#define LOSS_INTERVAL (10 * BL_SECOND) /* over which loss is measured */
#define LOSS_FIRST    32               /* packets that are enough for a first guess */
/* Between two flushes; what all channels may have in flight fits, and ENet allocates for each. */
#define OWED_ACKS_MAX 4096U
/* Above channels x span (256 segments) x segment, or ENet refuses the very segment that all wait
 * for. */
#define WAITING_PER_CHANNEL (320U * BL_FRAME_SIZE_MAX)

enet_uint32 bl_enet_time(bl_time now) {
    enet_uint32 ms = (enet_uint32)(now / BL_MILLISECOND);
    return ms != 0 ? ms : 1;
}

static void transmit(struct bl_port *port, const ENetBuffer *pieces, size_t piece_count) {
    struct bl_host *host = BL_CONTAINER_OF(port, struct bl_host, port);
    if (host->handshake != NULL) {
        bl_handshake_transmit(host->handshake, pieces, piece_count);
        return;
    }
    struct bl_span spans[BL_SPANS_MAX] = {{pieces[0].data, pieces[0].dataLength}};
    size_t count = 1;
    for (size_t i = 1; i < piece_count; i++) {
        BELAY_ASSERT(count + 2 <= BL_SPANS_MAX);
        count += bl_packet_pieces(pieces[i].data, pieces[i].dataLength, &spans[count]);
    }
    host->serving->sent_at = host->now;
    host->ops->transmit(host->user, host->serving, spans, count);
}

void bl_peer_mark_dirty(struct bl_peer *peer) {
    struct bl_host *host = peer->host;
    if (peer->dirty) {
        return;
    }
    peer->dirty = true;
    peer->next = NULL;
    if (host->dirty_last != NULL) {
        host->dirty_last->next = peer;
    } else {
        host->dirty_first = peer;
    }
    host->dirty_last = peer;
}

static struct bl_peer *take_dirty(struct bl_host *host) {
    struct bl_peer *peer = host->dirty_first;
    host->dirty_first = peer->next;
    if (host->dirty_first == NULL) {
        host->dirty_last = NULL;
    }
    peer->dirty = false;
    return peer;
}

/** A reset peer leaves the list of dirty ones, which is short: it holds what this frame touched. */
static void forget_dirty(struct bl_peer *peer) {
    struct bl_host *host = peer->host;
    struct bl_peer *previous = NULL;
    for (struct bl_peer *at = host->dirty_first; at != peer; at = at->next) {
        BELAY_ASSERT(at != NULL);
        previous = at;
    }
    if (previous != NULL) {
        previous->next = peer->next;
    } else {
        host->dirty_first = peer->next;
    }
    if (host->dirty_last == peer) {
        host->dirty_last = previous;
    }
    peer->dirty = false;
}

static void retransmission_due(struct bl_timer *timer, bl_time now) {
    (void)now;
    bl_peer_mark_dirty(BL_CONTAINER_OF(timer, struct bl_peer, timer));
}

enum belay_result bl_host_create(struct bl_host **out, const struct bl_host_opts *opts,
                                 bl_time now) {
    struct bl_host *host = bl_allocate(opts->memory, sizeof *host);
    if (host == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for a host");
    }
    *host = (struct bl_host){
        .memory = opts->memory,
        .wheel = opts->wheel,
        .ops = opts->ops,
        .user = opts->user,
        .port = {.now_ms = bl_enet_time(now), .transmit = transmit},
        .peer_max = opts->peer_max,
        .channel_count = opts->channel_count,
    };
    host->peers = bl_allocate(opts->memory, opts->peer_max * sizeof *host->peers);
    bl_port_enter(&host->port);
    host->enet = enet_host_create(NULL, opts->peer_max, opts->channel_count, 0, 0);
    bl_port_leave(&host->port);
    if (host->peers == NULL || host->enet == NULL) {
        bl_host_destroy(host);
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for %u peers", opts->peer_max);
    }
    host->port.host = host->enet;
    host->enet_peers = host->enet->peers;
    host->enet->peerCount = 0;
    host->enet->mtu = BL_DATA_PAYLOAD_MAX;
    host->enet->maximumPacketSize = BL_FRAME_SIZE_MAX;
    host->enet->maximumWaitingData = WAITING_PER_CHANNEL * opts->channel_count;
    for (uint16_t i = opts->peer_max; i-- > 0;) {
        struct bl_peer *peer = &host->peers[i];
        *peer = (struct bl_peer){.host = host, .enet = &host->enet_peers[i]};
        peer->enet->mtu = BL_DATA_PAYLOAD_MAX;
        bl_timer_init(&peer->timer, retransmission_due);
        peer->next = host->free_first;
        host->free_first = peer;
    }
    *out = host;
    return BELAY_OK;
}

void bl_host_destroy(struct bl_host *host) {
    if (host == NULL) {
        return;
    }
    if (host->enet != NULL) {
        for (uint16_t i = 0; host->enet_peers != NULL && i < host->peer_max; i++) {
            if (host->peers[i].connected) {
                bl_peer_reset(&host->peers[i]);
            }
        }
        host->enet->peers = host->enet_peers != NULL ? host->enet_peers : host->enet->peers;
        host->enet->peerCount = host->peer_max;
        bl_port_enter(&host->port);
        enet_host_destroy(host->enet);
        bl_port_leave(&host->port);
    }
    bl_free(host->memory, host->peers, host->peer_max * sizeof *host->peers);
    bl_free(host->memory, host, sizeof *host);
}

struct bl_peer *bl_peer_connect(struct bl_host *host, bl_time now) {
    struct bl_peer *peer = host->free_first;
    if (peer == NULL) {
        return NULL;
    }
    if (!bl_handshake_play(host, peer, now)) {
        enet_peer_reset(peer->enet);
        return NULL;
    }
    host->free_first = peer->next;
    struct bl_timer timer = peer->timer;
    *peer = (struct bl_peer){.host = host,
                             .enet = peer->enet,
                             .connected = true,
                             .received_at = now,
                             .sent_at = now,
                             .loss_since = now,
                             .timer = timer};
    bl_delay_window_init(&peer->window);
    bl_tune_connected(peer, now);
    return peer;
}

void bl_peer_reset(struct bl_peer *peer) {
    if (peer == NULL) {
        return;
    }
    BELAY_ASSERT(peer->connected);
    struct bl_host *host = peer->host;
    bl_timer_cancel(host->wheel, &peer->timer);
    if (peer->dirty) {
        forget_dirty(peer);
    }
    enet_peer_reset(peer->enet);
    peer->connected = false;
    peer->receiver = peer->binding = NULL;
    peer->next = host->free_first;
    host->free_first = peer;
}

static void dispatch(struct bl_host *host, struct bl_peer *peer, const ENetEvent *event) {
    switch (event->type) {
    case ENET_EVENT_TYPE_CONNECT:
        peer->connected = true;
        break;
    case ENET_EVENT_TYPE_RECEIVE:
        event->packet->referenceCount = 1; /* ours, to be released */
        host->ops->packet(host->user, &host->peers[event->peer - host->enet_peers],
                          event->channelID, (struct bl_packet *)event->packet);
        break;
    case ENET_EVENT_TYPE_DISCONNECT: /* every way to it is closed: tune.c, filter.c */
    case ENET_EVENT_TYPE_NONE:
        BELAY_ASSERT(event->type == ENET_EVENT_TYPE_NONE);
    }
}

void bl_host_serve(struct bl_host *host, struct bl_peer *peer, bl_time now) {
    BELAY_ASSERT(host->serving == NULL);
    host->now = now;
    host->serving = peer;
    host->port.now_ms = bl_enet_time(now);
    host->port.view = peer->enet;
    /* With a datagram to read, ENet sees nobody until it asks for it: acks then leave with the
     * answer. */
    host->enet->peers = peer->enet;
    host->enet->peerCount = host->port.incoming == NULL ? 1 : 0;
    bl_tune_host(host->enet, host->port.now_ms);
    peer->enet->packetLossEpoch = host->port.now_ms; /* its counts go on: count_resent() */

    ENetEvent event;
    bl_port_enter(&host->port);
    int more = enet_host_service(host->enet, &event, 0);
    bl_port_leave(&host->port);
    host->serving = NULL;
    host->enet->peerCount = 0;
    while (more > 0) {
        dispatch(host, peer, &event);
        more = enet_host_check_events(host->enet, &event);
    }
}

bool bl_peer_receive(struct bl_peer *peer, uint8_t *datagram, size_t size, bl_time now) {
    struct bl_host *host = peer->host;
    struct bl_filter_report report;
    if (size > BL_DATA_PAYLOAD_MAX || !bl_filter_pass(datagram, size, peer->enet, &report)) {
        return false;
    }
    if (peer->owed_acks + report.reliable_count > OWED_ACKS_MAX) {
        return false; /* what is new among it comes again */
    }
    peer->owed_acks += report.reliable_count;
    peer->received_at = now;
    for (unsigned i = 0; i < report.ack_count; i++) {
        enet_uint16 ms = (enet_uint16)(bl_enet_time(now) - report.ack_sent_times[i]);
        bl_rtt_sample(&peer->rtt, ms * BL_MILLISECOND);
        bl_delay_window_sample(&peer->window, ms * BL_MILLISECOND);
    }
    host->port.incoming = datagram;
    host->port.incoming_size = size;
    host->port.from = peer->enet->address;
    bl_host_serve(host, peer, now);
    if (enet_list_empty(&peer->enet->acknowledgements)) {
        peer->owed_acks = 0;
    } else {
        bl_peer_mark_dirty(peer);
    }
    return true;
}

bool bl_peer_send(struct bl_peer *peer, uint8_t channel, struct bl_packet *packet) {
    BELAY_ASSERT(peer->connected && channel < peer->host->channel_count);
    if (enet_peer_send(peer->enet, channel, (ENetPacket *)packet) != 0) {
        return false;
    }
    peer->loose_count += (((ENetPacket *)packet)->flags & ENET_PACKET_FLAG_UNSEQUENCED) != 0;
    bl_peer_mark_dirty(peer);
    return true;
}

/** ENet counts what it sends and repeats; tune.c keeps it from starting anew. */
static void count_resent(struct bl_peer *peer, bl_time now) {
    const ENetPeer *enet = peer->enet;
    peer->resent_count += enet->packetsLost - peer->lost_seen;
    peer->lost_seen = enet->packetsLost;
    uint32_t sent = enet->packetsSent - peer->sent_seen;
    bool first = !peer->loss_known && sent >= LOSS_FIRST;
    if (sent == 0 || (!first && now - peer->loss_since < LOSS_INTERVAL)) {
        return;
    }
    float loss = (float)(enet->packetsLost - peer->loss_base) / (float)sent;
    peer->loss = loss < 1 ? loss : 1;
    peer->loss_known = true;
    peer->loss_since = now;
    peer->sent_seen = enet->packetsSent;
    peer->loss_base = enet->packetsLost;
}

void bl_host_flush(struct bl_host *host, bl_time now) {
    while (host->dirty_first != NULL) {
        struct bl_peer *peer = take_dirty(host);
        peer->loose_count = peer->said_count = peer->owed_acks = 0;
        bl_tune_timers(peer, now);
        bl_host_serve(host, peer, now);
        count_resent(peer, now);
        bl_tune_timers(peer, now);
    }
}

bool bl_host_is_dirty(const struct bl_host *host) {
    return host->dirty_first != NULL;
}

bool bl_peer_is_unacknowledged(const struct bl_peer *peer) {
    return !enet_list_empty(&peer->enet->sentReliableCommands);
}
