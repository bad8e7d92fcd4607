/*
 * The endpoint's two directions.
 *
 * A peer is made at the first datagram over a binding, not at its handshake, so a half-open attempt
 * holds no ENet memory. A released peer waits for the next flush, so that the last words it has
 * queued still leave; then its binding is a tombstone.
 */
#include "lib/peer/endpoint_parts.h"

#include "common/assert.h"
#include "lib/peer/enet_memory.h"
#include "lib/peer/self_check.h"
#include <string.h>

#define RECEIVE_BATCHES_MAX 16 /* a flood must not keep service() from everything else */

void bl_endpoint_drop(struct bl_endpoint *endpoint, enum belay_drop cause) {
    endpoint->stats->dropped[cause]++;
}

static void send_batch(struct bl_endpoint *endpoint) {
    if (endpoint->out_count > 0) {
        bl_net_send(endpoint->net, endpoint->out, endpoint->out_count);
        endpoint->out_count = 0;
    }
}

uint8_t *bl_endpoint_next_out(struct bl_endpoint *endpoint) {
    if (endpoint->out_count == BL_NET_BATCH_MAX) {
        send_batch(endpoint);
    }
    return endpoint->out_data[endpoint->out_count];
}

void bl_endpoint_commit(struct bl_endpoint *endpoint, const struct bl_address_pair *pair,
                        size_t size) {
    size_t index = endpoint->out_count++;
    endpoint->out[index] = (struct bl_datagram){
        .address = pair->remote,
        .data = endpoint->out_data[index],
        .size = size,
        .local = pair->local,
    };
    endpoint->stats->datagrams_out++;
    endpoint->stats->bytes_out += size;
}

void bl_endpoint_commit_to(struct bl_endpoint *endpoint, const struct bl_address *to, size_t size) {
    bl_endpoint_commit(endpoint, &(struct bl_address_pair){.remote = *to}, size);
}

void bl_endpoint_answer(struct bl_endpoint *endpoint, const struct bl_datagram *question,
                        size_t size) {
    if (size > 0) {
        const struct bl_address_pair back = {question->address, question->local};
        bl_endpoint_commit(endpoint, &back, size);
    }
}

/** To the server's other addresses: the same bytes, of which it takes those that come first. */
static void send_everywhere(struct bl_endpoint *endpoint, const struct bl_datagram *sent) {
    uint8_t copy[BL_DATAGRAM_SIZE_MAX];
    struct bl_datagram datagram = {.address = sent->address, .data = copy, .size = sent->size};
    memcpy(copy, sent->data, sent->size);
    for (size_t i = 0; i < endpoint->known_count; i++) {
        if (!bl_address_equal(&endpoint->known[i], &datagram.address)) {
            memcpy(bl_endpoint_next_out(endpoint), copy, datagram.size);
            bl_endpoint_commit_to(endpoint, &endpoint->known[i], datagram.size);
        }
    }
}

void bl_endpoint_send_sealed(struct bl_endpoint *endpoint, struct bl_binding *binding,
                             enum bl_datagram_kind kind, size_t payload_size) {
    uint8_t *out = endpoint->out_data[endpoint->out_count];
    size_t size = bl_binding_seal(binding, kind, out, payload_size, bl_net_now(endpoint->net));
    const struct bl_address_pair *pair = bl_path_where_to(&binding->path, size);
    bl_endpoint_commit(endpoint, pair, size);
    bl_path_sent(&binding->path, &pair->remote, size);
    if (binding->searching) {
        send_everywhere(endpoint, &endpoint->out[endpoint->out_count - 1]);
    }
}

static void transmit(void *user, struct bl_peer *peer, const struct bl_span *pieces, size_t count) {
    struct bl_endpoint *endpoint = user;
    uint8_t *out = bl_endpoint_next_out(endpoint);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        BELAY_ASSERT(size + pieces[i].size <= BL_DATA_PAYLOAD_MAX);
        if (pieces[i].size > 0) { /* an empty piece may have no data */
            memcpy(out + BL_DATA_HEADER_SIZE + size, pieces[i].data, pieces[i].size);
        }
        size += pieces[i].size;
    }
    bl_endpoint_send_sealed(endpoint, peer->binding, BL_DATAGRAM_DATA, size);
}

static void packet(void *user, struct bl_peer *peer, uint8_t channel, struct bl_packet *packet) {
    struct bl_endpoint *endpoint = user;
    (void)channel; /* frames name their own */
    if (peer->receiver == NULL) {
        bl_packet_release(packet);
        return;
    }
    endpoint->ops->packet(peer->receiver, packet);
}

static const struct bl_host_ops host_ops = {.transmit = transmit, .packet = packet};

static enum belay_result create_host(struct bl_endpoint *endpoint,
                                     const struct bl_endpoint_opts *opts) {
    const struct bl_host_opts host_opts = {
        .memory = opts->memory,
        .wheel = opts->wheel,
        .ops = &host_ops,
        .user = endpoint,
        .peer_max = opts->peer_max,
        .channel_count = opts->channel_count,
    };
    return bl_host_create(&endpoint->host, &host_opts, bl_net_now(opts->net));
}

static enum belay_result open_gate(struct bl_endpoint *endpoint,
                                   const struct bl_endpoint_opts *opts) {
    const struct bl_gate_opts gate_opts = {
        .bindings = &endpoint->bindings,
        .memory = opts->memory,
        .random = bl_net_random(opts->net),
        .stats = opts->stats,
        .admission = opts->admission,
        .game = opts->game,
        .pending_max = opts->peer_max,
        .admit = opts->ops->admit,
        .resume = opts->ops->resume,
        .user = opts->user,
    };
    const struct bl_moment at = {.now = bl_net_now(opts->net), .wall = bl_net_wall(opts->net)};
    return bl_gate_init(&endpoint->gate, &gate_opts, &at);
}

enum belay_result bl_endpoint_create(struct bl_endpoint **out,
                                     const struct bl_endpoint_opts *opts) {
    bl_enet_memory_init(&opts->memory->hooks);
    enum belay_result result = bl_self_check();
    if (result != BELAY_OK) {
        return result;
    }
    struct bl_endpoint *endpoint = bl_allocate(opts->memory, sizeof *endpoint);
    if (endpoint == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for an endpoint");
    }
    endpoint->memory = opts->memory;
    endpoint->wheel = opts->wheel;
    endpoint->net = opts->net;
    endpoint->ops = opts->ops;
    endpoint->user = opts->user;
    endpoint->stats = opts->stats;
    endpoint->game = opts->game;
    endpoint->server = opts->admission != NULL;
    bl_timer_init(&endpoint->dial_timer, bl_endpoint_dial_due);
    bl_bindings_init(&endpoint->bindings, opts->memory, opts->wheel, bl_net_random(opts->net),
                     endpoint->server);
    endpoint->bindings.abandoned = opts->ops->abandoned;
    endpoint->bindings.user = opts->user;
    result = create_host(endpoint, opts);
    if (result == BELAY_OK && endpoint->server) {
        result = open_gate(endpoint, opts);
    }
    if (result != BELAY_OK) {
        bl_endpoint_destroy(endpoint);
        return result;
    }
    *out = endpoint;
    return BELAY_OK;
}

void bl_endpoint_destroy(struct bl_endpoint *endpoint) {
    if (endpoint == NULL) {
        return;
    }
    send_batch(endpoint);
    bl_timer_cancel(endpoint->wheel, &endpoint->dial_timer);
    bl_dial_stop(&endpoint->dial);
    bl_gate_finish(&endpoint->gate);
    bl_bindings_finish(&endpoint->bindings);
    bl_host_destroy(endpoint->host);
    bl_free(endpoint->memory, endpoint, sizeof *endpoint);
}

struct bl_peer *bl_endpoint_make_peer(struct bl_endpoint *endpoint, struct bl_binding *binding,
                                      bl_duration round_trip) {
    struct bl_peer *peer = bl_peer_connect(endpoint->host, bl_net_now(endpoint->net));
    if (peer == NULL) {
        bl_endpoint_drop(endpoint, BELAY_DROP_MEMORY);
        return NULL;
    }
    bl_binding_bind(binding, peer);
    peer->binding = binding;
    if (round_trip >= 0) { /* else it is not known which of several datagrams was answered */
        bl_rtt_sample(&peer->rtt, round_trip);
    }
    return peer;
}

/** What a server and what a client takes differ; what neither takes is of the wrong kind. */
static void take_datagram(struct bl_endpoint *endpoint, const struct bl_datagram *datagram) {
    endpoint->stats->datagrams_in++;
    endpoint->stats->bytes_in += datagram->size;
    switch (bl_datagram_kind(datagram->data, datagram->size)) {
    case BL_DATAGRAM_DATA:
    case BL_DATAGRAM_GONE:
    case BL_DATAGRAM_CHALLENGE:
    case BL_DATAGRAM_RESPONSE:
        bl_endpoint_take_sealed(endpoint, datagram);
        break;
    case BL_DATAGRAM_OPEN:
    case BL_DATAGRAM_ACCEPT:
    case BL_DATAGRAM_RETRY:
    case BL_DATAGRAM_DENY:
        bl_endpoint_take_handshake(endpoint, datagram);
        break;
    case BL_DATAGRAM_RESET:
        bl_endpoint_take_reset(endpoint, datagram);
        break;
    case BL_DATAGRAM_QUERY:
    case BL_DATAGRAM_INFO:
        bl_endpoint_take_query(endpoint, datagram);
        break;
    default:
        bl_endpoint_drop(endpoint, BELAY_DROP_KIND);
        break;
    }
}

bool bl_endpoint_receive(struct bl_endpoint *endpoint) {
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    for (int i = 0; i < RECEIVE_BATCHES_MAX; i++) {
        size_t count = bl_net_receive(endpoint->net, batch, BL_NET_BATCH_MAX);
        for (size_t j = 0; j < count; j++) {
            take_datagram(endpoint, &batch[j]);
        }
        if (count < BL_NET_BATCH_MAX) {
            return false;
        }
    }
    return true;
}

static void end_peer(struct bl_endpoint *endpoint, struct bl_peer *peer) {
    bl_binding_end(peer->binding, bl_net_now(endpoint->net) + peer->linger);
    bl_peer_reset(peer);
}

/** Resets the released peers that have said everything, or have had time enough for it. */
static void end_released(struct bl_endpoint *endpoint) {
    bl_time now = bl_net_now(endpoint->net);
    struct bl_peer **at = &endpoint->released_first;
    while (*at != NULL) {
        struct bl_peer *peer = *at;
        if (now < peer->release_by && bl_peer_is_unacknowledged(peer)) {
            at = &peer->released_next;
            continue;
        }
        *at = peer->released_next;
        end_peer(endpoint, peer);
    }
}

void bl_endpoint_flush(struct bl_endpoint *endpoint) {
    bl_host_flush(endpoint->host, bl_net_now(endpoint->net));
    send_batch(endpoint);
    end_released(endpoint);
}

bool bl_endpoint_is_dirty(const struct bl_endpoint *endpoint) {
    return bl_host_is_dirty(endpoint->host) || endpoint->out_count > 0;
}

void bl_endpoint_network_changed(struct bl_peer *peer) {
    bl_binding_use_spare(peer->binding);
    bl_endpoint_search(peer);
}

void bl_endpoint_search(struct bl_peer *peer) {
    ((struct bl_binding *)peer->binding)->searching = true;
}

void bl_endpoint_release(struct bl_endpoint *endpoint, struct bl_peer *peer, bl_duration patience,
                         bl_duration linger) {
    peer->receiver = NULL;
    peer->release_by = bl_net_now(endpoint->net) + patience;
    peer->linger = linger;
    peer->released_next = endpoint->released_first;
    endpoint->released_first = peer;
}

void bl_endpoint_cut(struct bl_endpoint *endpoint, struct bl_peer *peer, bl_duration linger) {
    peer->linger = linger;
    end_peer(endpoint, peer);
}

bool bl_endpoint_is_lingering(const struct bl_endpoint *endpoint) {
    return endpoint->released_first != NULL;
}

const struct bl_address *bl_endpoint_address(const struct bl_peer *peer) {
    return &((const struct bl_binding *)peer->binding)->path.used.remote;
}

uint32_t bl_endpoint_pending_count(const struct bl_endpoint *endpoint) {
    return endpoint->bindings.pending_count - endpoint->bindings.resuming.count;
}
