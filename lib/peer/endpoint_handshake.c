/* How bindings come to be: a server answers OPEN, a client sends it. */
#include "lib/peer/endpoint_parts.h"

#include "common/container_of.h"
#include <string.h>

static void answer_open(struct bl_endpoint *endpoint, const struct bl_datagram *datagram) {
    const struct bl_moment at = {.now = bl_net_now(endpoint->net),
                                 .wall = bl_net_wall(endpoint->net)};
    size_t size = bl_gate_open(&endpoint->gate, datagram, &at, bl_endpoint_next_out(endpoint));
    bl_endpoint_answer(endpoint, datagram, size);
}

void bl_endpoint_dial_due(struct bl_timer *timer, bl_time now) {
    struct bl_endpoint *endpoint = BL_CONTAINER_OF(timer, struct bl_endpoint, dial_timer);
    const struct bl_address *to =
        bl_dial_write(&endpoint->dial, now, bl_endpoint_next_out(endpoint));
    bl_endpoint_commit_to(endpoint, to, BL_OPEN_SIZE);
    to = bl_dial_also_to(&endpoint->dial, now);
    if (to != NULL) {
        memcpy(bl_endpoint_next_out(endpoint), endpoint->dial.open, BL_OPEN_SIZE);
        bl_endpoint_commit_to(endpoint, to, BL_OPEN_SIZE);
    }
    bl_timer_arm(endpoint->wheel, timer, endpoint->dial.next_at);
}

/** Where the server is to be found, also later: see bl_endpoint_search(). */
static void know(struct bl_endpoint *endpoint, const struct bl_dial_target *target) {
    memcpy(endpoint->known, target->addresses, sizeof endpoint->known);
    endpoint->known_count = target->address_count;
}

void bl_endpoint_dial(struct bl_endpoint *endpoint, const struct bl_dial_target *target) {
    bl_time now = bl_net_now(endpoint->net);
    know(endpoint, target);
    bl_dial_start(&endpoint->dial, target, endpoint->game, bl_net_random(endpoint->net), now);
    bl_endpoint_dial_due(&endpoint->dial_timer, now);
}

void bl_endpoint_dial_now(struct bl_endpoint *endpoint) {
    if (endpoint->dial.active) {
        bl_endpoint_dial_due(&endpoint->dial_timer, bl_net_now(endpoint->net));
    }
}

void bl_endpoint_dial_also(struct bl_endpoint *endpoint, const struct bl_dial_target *target) {
    know(endpoint, target);
    if (endpoint->dial.active) {
        bl_dial_also(&endpoint->dial, target);
    }
}

void bl_endpoint_hang_up(struct bl_endpoint *endpoint) {
    bl_dial_stop(&endpoint->dial);
    bl_timer_cancel(endpoint->wheel, &endpoint->dial_timer);
}

uint32_t bl_endpoint_hint(const struct bl_endpoint *endpoint) {
    return endpoint->dial.hint;
}

const uint8_t *bl_endpoint_server_key(const struct bl_endpoint *endpoint) {
    return endpoint->dial.by_key ? endpoint->dial.server_key : NULL;
}

static void take_retry(struct bl_endpoint *endpoint, const struct bl_datagram *datagram) {
    bl_time now = bl_net_now(endpoint->net);
    if (!bl_dial_retry(&endpoint->dial, datagram, now)) {
        bl_endpoint_drop(endpoint, BELAY_DROP_HANDSHAKE);
        return;
    }
    bl_endpoint_dial_due(&endpoint->dial_timer, now);
}

static struct bl_binding *create_binding(struct bl_endpoint *endpoint,
                                         const struct bl_datagram *datagram,
                                         const struct bl_dialed *dialed) {
    struct bl_binding_terms terms = {
        .nonce = endpoint->dial.nonce,
        .pair = {.remote = datagram->address}, /* from where is the system's choice: we may move */
        .suite = dialed->suite,
        .keys = dialed->keys,
        .params = dialed->params,
    };
    struct bl_binding *binding =
        bl_binding_create(&endpoint->bindings, &terms, bl_net_now(endpoint->net));
    bl_wipe(&terms.keys, sizeof terms.keys);
    return binding;
}

/** Makes what ACCEPT has brought; NULL: no memory. */
static struct bl_peer *take_link(struct bl_endpoint *endpoint, const struct bl_datagram *datagram,
                                 const struct bl_dialed *dialed) {
    const struct bl_accept_params *params = &dialed->params;
    struct bl_binding *binding = create_binding(endpoint, datagram, dialed);
    if (binding == NULL) {
        bl_endpoint_drop(endpoint, BELAY_DROP_MEMORY);
        return NULL;
    }
    struct bl_peer *peer = bl_endpoint_make_peer(endpoint, binding, dialed->round_trip);
    if (peer == NULL) {
        bl_binding_destroy(binding);
        return NULL;
    }
    endpoint->resets[0].tag = params->tag;
    endpoint->resets[1].tag = params->spare_tag;
    memcpy(endpoint->resets[0].token, params->reset_token, BL_RESET_TOKEN_SIZE);
    memcpy(endpoint->resets[1].token, params->spare_reset_token, BL_RESET_TOKEN_SIZE);
    return peer;
}

static void take_accept(struct bl_endpoint *endpoint, const struct bl_datagram *datagram) {
    struct bl_dialed dialed;
    if (!bl_dial_accepted(&endpoint->dial, datagram, bl_net_now(endpoint->net), &dialed)) {
        bl_endpoint_drop(endpoint, BELAY_DROP_HANDSHAKE);
        return;
    }
    struct bl_peer *peer = take_link(endpoint, datagram, &dialed);
    if (peer != NULL) {                /* else a repeat will bring the same ACCEPT */
        bl_endpoint_hang_up(endpoint); /* before the runtime hears of it, which may dial again */
        endpoint->ops->accepted(endpoint->user, peer, &dialed);
    }
    bl_wipe(&dialed, sizeof dialed);
}

static void take_deny(struct bl_endpoint *endpoint, const struct bl_datagram *datagram) {
    struct bl_deny deny;
    if (!bl_dial_denied(&endpoint->dial, datagram, &deny)) {
        bl_endpoint_drop(endpoint, BELAY_DROP_HANDSHAKE);
        return;
    }
    bl_endpoint_hang_up(endpoint);
    endpoint->ops->denied(endpoint->user, &deny);
}

static void take_answer(struct bl_endpoint *endpoint, const struct bl_datagram *datagram) {
    switch (bl_datagram_kind(datagram->data, datagram->size)) {
    case BL_DATAGRAM_ACCEPT:
        take_accept(endpoint, datagram);
        break;
    case BL_DATAGRAM_RETRY:
        take_retry(endpoint, datagram);
        break;
    case BL_DATAGRAM_DENY:
        take_deny(endpoint, datagram);
        break;
    default:
        bl_endpoint_drop(endpoint, BELAY_DROP_KIND);
        break;
    }
}

void bl_endpoint_take_handshake(struct bl_endpoint *endpoint, const struct bl_datagram *datagram) {
    bool open = bl_datagram_kind(datagram->data, datagram->size) == BL_DATAGRAM_OPEN;
    if (!endpoint->server) {
        take_answer(endpoint, datagram);
    } else if (open) {
        answer_open(endpoint, datagram);
    } else {
        bl_endpoint_drop(endpoint, BELAY_DROP_KIND);
    }
}
