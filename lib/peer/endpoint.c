/*
 * The endpoint's two directions.
 *
 * A peer is made at the first datagram over a binding, not at its handshake, so a half-open attempt
 * holds no ENet memory. A released peer waits for the next flush, so that the last words it has
 * queued still leave; then its binding is a tombstone.
 */
#include "lib/peer/endpoint.h"

#include "common/assert.h"
#include "common/container_of.h"
#include "lib/peer/enet_memory.h"
#include "lib/peer/self_check.h"
#include <string.h>

#define RECEIVE_BATCHES_MAX 16 /* a flood must not keep service() from everything else */
#define GONE_INTERVAL       (200 * BL_MILLISECOND)

struct bl_endpoint {
    struct bl_memory *memory;
    struct bl_timer_wheel *wheel;
    struct bl_net *net;
    const struct bl_endpoint_ops *ops;
    void *user;
    bool server;
    struct bl_bindings bindings;
    struct bl_gate gate;
    struct bl_dial dial;
    struct bl_timer dial_timer;
    struct bl_host *host;
    struct bl_peer *released_first; /* linked by released_next */
    struct belay_stats *stats;
    size_t out_count;
    struct bl_datagram out[BL_NET_BATCH_MAX];
    uint8_t out_data[BL_NET_BATCH_MAX][BL_DATAGRAM_SIZE_MAX];
};

static void drop(struct bl_endpoint *endpoint, enum belay_drop cause) {
    endpoint->stats->dropped[cause]++;
}

static void send_batch(struct bl_endpoint *endpoint) {
    if (endpoint->out_count > 0) {
        bl_net_send(endpoint->net, endpoint->out, endpoint->out_count);
        endpoint->out_count = 0;
    }
}

/** Room for one datagram in the batch; commit() sends it off. */
static uint8_t *next_out(struct bl_endpoint *endpoint) {
    if (endpoint->out_count == BL_NET_BATCH_MAX) {
        send_batch(endpoint);
    }
    return endpoint->out_data[endpoint->out_count];
}

static void commit(struct bl_endpoint *endpoint, const struct bl_address *to, size_t size) {
    size_t index = endpoint->out_count++;
    endpoint->out[index] =
        (struct bl_datagram){.address = *to, .data = endpoint->out_data[index], .size = size};
    endpoint->stats->datagrams_out++;
    endpoint->stats->bytes_out += size;
}

static void transmit(void *user, struct bl_peer *peer, const struct bl_span *pieces, size_t count) {
    struct bl_endpoint *endpoint = user;
    struct bl_binding *binding = peer->binding;
    uint8_t *out = next_out(endpoint);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        BELAY_ASSERT(size + pieces[i].size <= BL_DATA_PAYLOAD_MAX);
        if (pieces[i].size > 0) { /* an empty piece may have no data */
            memcpy(out + BL_DATA_HEADER_SIZE + size, pieces[i].data, pieces[i].size);
        }
        size += pieces[i].size;
    }
    commit(endpoint, &binding->address, bl_binding_seal(binding, BL_DATAGRAM_DATA, out, size));
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

static void dial_due(struct bl_timer *timer, bl_time now) {
    struct bl_endpoint *endpoint = BL_CONTAINER_OF(timer, struct bl_endpoint, dial_timer);
    struct bl_dial *dial = &endpoint->dial;
    size_t size = bl_dial_write(dial, now, next_out(endpoint));
    commit(endpoint, &dial->address, size);
    bl_timer_arm(endpoint->wheel, timer, dial->next_at);
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
    const struct bl_host_opts host_opts = {
        .memory = opts->memory,
        .wheel = opts->wheel,
        .ops = &host_ops,
        .user = endpoint,
        .peer_max = opts->peer_max,
        .channel_count = opts->channel_count,
    };
    result = bl_host_create(&endpoint->host, &host_opts, bl_net_now(opts->net));
    if (result != BELAY_OK) {
        bl_free(opts->memory, endpoint, sizeof *endpoint);
        return result;
    }
    endpoint->memory = opts->memory;
    endpoint->wheel = opts->wheel;
    endpoint->net = opts->net;
    endpoint->ops = opts->ops;
    endpoint->user = opts->user;
    endpoint->stats = opts->stats;
    endpoint->server = opts->server;
    bl_bindings_init(&endpoint->bindings, opts->memory, opts->wheel, bl_net_random(opts->net));
    endpoint->gate = (struct bl_gate){
        .bindings = &endpoint->bindings,
        .game = opts->game,
        .pending_max = opts->peer_max,
        .admit = opts->ops->admit,
        .user = opts->user,
    };
    bl_timer_init(&endpoint->dial_timer, dial_due);
    *out = endpoint;
    return BELAY_OK;
}

void bl_endpoint_destroy(struct bl_endpoint *endpoint) {
    if (endpoint == NULL) {
        return;
    }
    send_batch(endpoint);
    bl_timer_cancel(endpoint->wheel, &endpoint->dial_timer);
    bl_bindings_finish(&endpoint->bindings);
    bl_host_destroy(endpoint->host);
    bl_free(endpoint->memory, endpoint, sizeof *endpoint);
}

static bool bind_peer(struct bl_endpoint *endpoint, struct bl_binding *binding,
                      bl_duration round_trip) {
    struct bl_peer *peer = bl_peer_connect(endpoint->host, bl_net_now(endpoint->net));
    if (peer == NULL) {
        drop(endpoint, BELAY_DROP_MEMORY);
        return false;
    }
    bl_binding_bind(binding, peer);
    peer->binding = binding;
    if (round_trip >= 0) { /* else it is not known which of several datagrams was answered */
        bl_rtt_sample(&peer->rtt, round_trip);
    }
    endpoint->ops->bound(endpoint->user, peer, binding->nonce);
    return true;
}

static void answer_open(struct bl_endpoint *endpoint, const struct bl_datagram *datagram) {
    size_t size;
    enum bl_gate_result result = bl_gate_open(&endpoint->gate, datagram, bl_net_now(endpoint->net),
                                              next_out(endpoint), &size);
    if (size > 0) {
        commit(endpoint, &datagram->address, size);
    }
    switch (result) {
    case BL_GATE_ACCEPTED:
        break;
    case BL_GATE_REFUSED:
        drop(endpoint, BELAY_DROP_REFUSED);
        break;
    case BL_GATE_MALFORMED:
        drop(endpoint, BELAY_DROP_HANDSHAKE);
        break;
    case BL_GATE_NO_MEMORY:
        drop(endpoint, BELAY_DROP_MEMORY);
        break;
    }
}

static void take_accept(struct bl_endpoint *endpoint, const struct bl_datagram *datagram) {
    struct bl_accept accept;
    struct bl_dial *dial = &endpoint->dial;
    if (!bl_accept_read(&accept, datagram->data, datagram->size) ||
        !bl_dial_is_answer(dial, &datagram->address, accept.nonce) || accept.tag == 0 ||
        bl_bindings_by_tag(&endpoint->bindings, accept.tag) != NULL) {
        drop(endpoint, BELAY_DROP_HANDSHAKE);
        return;
    }
    struct bl_binding *binding =
        bl_binding_create(&endpoint->bindings, accept.nonce, &datagram->address, accept.tag);
    if (binding == NULL) {
        drop(endpoint, BELAY_DROP_MEMORY);
        return;
    }
    bl_time now = bl_net_now(endpoint->net);
    bl_duration round_trip = bl_dial_round_trip(dial, accept.attempt, now);
    bl_endpoint_hang_up(endpoint); /* before ops.bound, which may dial again */
    if (!bind_peer(endpoint, binding, round_trip)) {
        bl_binding_destroy(binding);
        dial->active = true; /* a repeat will bring another ACCEPT */
        bl_timer_arm(endpoint->wheel, &endpoint->dial_timer, dial->next_at);
    }
}

static void take_deny(struct bl_endpoint *endpoint, const struct bl_datagram *datagram) {
    struct bl_deny deny;
    if (!bl_deny_read(&deny, datagram->data, datagram->size) ||
        !bl_dial_is_answer(&endpoint->dial, &datagram->address, deny.nonce)) {
        drop(endpoint, BELAY_DROP_HANDSHAKE);
        return;
    }
    bl_endpoint_hang_up(endpoint);
    endpoint->ops->denied(endpoint->user, &deny);
}

static void answer_gone(struct bl_endpoint *endpoint, struct bl_binding *binding) {
    bl_time now = bl_net_now(endpoint->net);
    drop(endpoint, BELAY_DROP_LATE);
    if (binding->answered_at != 0 && now - binding->answered_at < GONE_INTERVAL) {
        return;
    }
    binding->answered_at = now;
    uint8_t *out = next_out(endpoint);
    commit(endpoint, &binding->address, bl_binding_seal(binding, BL_DATAGRAM_GONE, out, 0));
}

/** The binding that an authentic DATA or GONE datagram belongs to, or NULL. */
static struct bl_binding *open_datagram(struct bl_endpoint *endpoint,
                                        const struct bl_datagram *datagram, size_t *payload_size) {
    struct bl_data_header header;
    if (!bl_data_header_read(&header, datagram->data, datagram->size)) {
        return NULL;
    }
    struct bl_binding *binding = bl_bindings_by_tag(&endpoint->bindings, header.tag);
    if (binding == NULL || !bl_address_equal(&binding->address, &datagram->address) ||
        !bl_binding_open(binding, datagram->data, datagram->size, payload_size)) {
        return NULL;
    }
    return binding;
}

static void take_data(struct bl_endpoint *endpoint, const struct bl_datagram *datagram) {
    size_t size;
    bl_time now = bl_net_now(endpoint->net);
    struct bl_binding *binding = open_datagram(endpoint, datagram, &size);
    if (binding == NULL) {
        drop(endpoint, BELAY_DROP_BINDING);
        return;
    }
    if (binding->state == BL_BINDING_ENDED) {
        answer_gone(endpoint, binding);
        return;
    }
    if (binding->state == BL_BINDING_PENDING) {
        if (!bind_peer(endpoint, binding, now - binding->accepted_at)) {
            return;
        }
        if (((struct bl_peer *)binding->peer)->receiver == NULL) {
            return; /* nobody took it: not acknowledged, it comes again and is answered with GONE */
        }
    }
    struct bl_peer *peer = binding->peer;
    if (!bl_peer_receive(peer, datagram->data + BL_DATA_HEADER_SIZE, size, now)) {
        drop(endpoint, BELAY_DROP_COMMAND);
        return;
    }
    if (peer->receiver != NULL) {
        endpoint->ops->progress(peer->receiver);
    }
}

static void take_gone(struct bl_endpoint *endpoint, const struct bl_datagram *datagram) {
    size_t size;
    struct bl_binding *binding = open_datagram(endpoint, datagram, &size);
    if (binding == NULL || size > 0) {
        drop(endpoint, BELAY_DROP_BINDING);
        return;
    }
    struct bl_peer *peer = binding->peer;
    if (peer == NULL) {
        drop(endpoint, BELAY_DROP_LATE); /* never answered: two tombstones would talk for ever */
    } else if (peer->receiver == NULL) {
        peer->release_by = 0; /* nobody is left to acknowledge its last words */
    } else {
        endpoint->ops->gone(peer->receiver);
    }
}

static void take_datagram(struct bl_endpoint *endpoint, const struct bl_datagram *datagram) {
    endpoint->stats->datagrams_in++;
    endpoint->stats->bytes_in += datagram->size;
    switch (bl_datagram_kind(datagram->data, datagram->size)) {
    case BL_DATAGRAM_DATA:
        take_data(endpoint, datagram);
        return;
    case BL_DATAGRAM_GONE:
        take_gone(endpoint, datagram);
        return;
    case BL_DATAGRAM_OPEN:
        if (endpoint->server) {
            answer_open(endpoint, datagram);
            return;
        }
        break;
    case BL_DATAGRAM_ACCEPT:
        if (!endpoint->server) {
            take_accept(endpoint, datagram);
            return;
        }
        break;
    case BL_DATAGRAM_DENY:
        if (!endpoint->server) {
            take_deny(endpoint, datagram);
            return;
        }
        break;
    default:
        break;
    }
    drop(endpoint, BELAY_DROP_KIND);
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

void bl_endpoint_dial(struct bl_endpoint *endpoint, const struct bl_address *address, bool resume) {
    bl_time now = bl_net_now(endpoint->net);
    const struct bl_dial_target target = {
        .address = *address, .game = endpoint->gate.game, .resume = resume};
    bl_dial_start(&endpoint->dial, &target, bl_net_random(endpoint->net), now);
    dial_due(&endpoint->dial_timer, now);
}

void bl_endpoint_hang_up(struct bl_endpoint *endpoint) {
    endpoint->dial.active = false;
    bl_timer_cancel(endpoint->wheel, &endpoint->dial_timer);
}

void bl_endpoint_release(struct bl_endpoint *endpoint, struct bl_peer *peer, bl_duration patience,
                         bl_duration linger) {
    peer->receiver = NULL;
    peer->release_by = bl_net_now(endpoint->net) + patience;
    peer->linger = linger;
    peer->released_next = endpoint->released_first;
    endpoint->released_first = peer;
}

bool bl_endpoint_is_lingering(const struct bl_endpoint *endpoint) {
    return endpoint->released_first != NULL;
}

const struct bl_address *bl_endpoint_address(const struct bl_peer *peer) {
    return &((const struct bl_binding *)peer->binding)->address;
}

uint32_t bl_endpoint_pending_count(const struct bl_endpoint *endpoint) {
    return endpoint->bindings.pending_count;
}
