/*
 * What has come over bindings.
 *
 * Only a datagram that opens changes anything: it proves a pending binding, tells where the other
 * side is now, and is then for the peer. Its address alone means nothing.
 */
#include "lib/peer/endpoint_parts.h"

#include <string.h>

#define MOVE_INTERVAL BL_SECOND
#define GONE_INTERVAL (200 * BL_MILLISECOND)
#define RESET_RATE    4000U /* a second, to all */

/** One datagram on its way in. */
struct arrival {
    const struct bl_datagram *datagram;
    struct bl_binding *binding;
    struct bl_protected opened;
    const uint8_t *payload;
    bl_time now;
};

/** Server: somebody goes on with a binding that this process has never known, or has forgotten. */
static void disown(struct bl_endpoint *endpoint, const struct arrival *arrival) {
    static const struct bl_rate resets = {RESET_RATE, RESET_RATE};
    if (!endpoint->server || arrival->opened.header.kind != BL_DATAGRAM_DATA ||
        !bl_rate_table_take(&endpoint->gate.claimed, &arrival->datagram->address, arrival->now) ||
        !bl_bucket_take(&endpoint->reset_bucket, &resets, 1, arrival->now)) {
        return;
    }
    struct bl_reset reset = {.tag = arrival->opened.header.tag};
    bl_reset_token(reset.token, endpoint->gate.opts.admission->ticket_keys, reset.tag);
    size_t size = bl_reset_write(bl_endpoint_next_out(endpoint), &reset);
    bl_endpoint_answer(endpoint, arrival->datagram, size);
}

static bool open_datagram(struct bl_endpoint *endpoint, struct arrival *arrival) {
    const struct bl_datagram *datagram = arrival->datagram;
    struct bl_protected *in = &arrival->opened;
    if (!bl_data_header_read(&in->header, datagram->data, datagram->size)) {
        bl_endpoint_drop(endpoint, BELAY_DROP_BINDING);
        return false;
    }
    arrival->binding = bl_bindings_by_tag(&endpoint->bindings, in->header.tag);
    if (arrival->binding == NULL) {
        bl_endpoint_drop(endpoint, BELAY_DROP_BINDING);
        disown(endpoint, arrival);
        return false;
    }
    in->datagram = datagram->data;
    in->payload_size = datagram->size - BL_DATA_HEADER_SIZE - BL_DATA_TAG_SIZE;
    arrival->payload = datagram->data + BL_DATA_HEADER_SIZE;
    if (!bl_protection_open(&arrival->binding->protection, in, arrival->now)) {
        bl_endpoint_drop(endpoint, BELAY_DROP_FORGED);
        return false;
    }
    return true;
}

static void send_challenge(struct bl_endpoint *endpoint, struct bl_binding *binding) {
    uint8_t *out = bl_endpoint_next_out(endpoint);
    struct bl_writer writer = bl_writer_of(out + BL_DATA_HEADER_SIZE, BL_CHALLENGE_PAYLOAD);
    bl_write_bytes(&writer, binding->path.challenge, BL_CHALLENGE_SIZE);
    bl_write_u32(&writer, binding->spare_tag);
    size_t size = bl_binding_seal(binding, BL_DATAGRAM_CHALLENGE, out, BL_CHALLENGE_PAYLOAD,
                                  bl_net_now(endpoint->net));
    bl_endpoint_commit(endpoint, &binding->path.candidate, size);
    bl_path_sent(&binding->path, &binding->path.candidate.remote, size);
}

static void tell_migrated(struct bl_endpoint *endpoint, struct bl_binding *binding) {
    struct bl_peer *peer = binding->peer;
    if (peer != NULL && peer->receiver != NULL) {
        endpoint->ops->migrated(peer->receiver);
    }
}

/** Server: one session's flood must not be everybody's. */
static bool is_within_rates(const struct bl_endpoint *endpoint, const struct arrival *arrival) {
    const struct bl_admission *rules = endpoint->gate.opts.admission;
    struct bl_binding *binding = arrival->binding;
    return bl_bucket_take(&binding->datagram_bucket, &rules->datagrams, 1, arrival->now) &&
           bl_bucket_take(&binding->byte_bucket, &rules->bytes, (uint32_t)arrival->datagram->size,
                          arrival->now);
}

/** The client seems to be elsewhere. What is in flight is not repeated to where it was, but in
 * order to where it is; not more often than once in a while, as somebody might play with us. */
static void begin_move(struct bl_binding *binding, bl_time now) {
    if (binding->peer != NULL && now - binding->moved_at >= MOVE_INTERVAL) {
        binding->moved_at = now;
        binding->repeat_count = 0;
        bl_peer_restart_timers(binding->peer, now);
    }
}

/**
 * What is in flight went to where the client was. While only so many bytes may go where it seems to
 * be, the oldest of it comes first, and twice: the rest is of no use without it.
 *
 * @return whether something has left
 */
static bool repeat_ahead(struct bl_endpoint *endpoint, const struct arrival *arrival) {
    struct bl_binding *binding = arrival->binding;
    size_t room = bl_path_room(&binding->path);
    bl_time before = binding->repeat_count == 1 ? arrival->now : binding->moved_at;
    if (room == 0 || binding->peer == NULL ||
        !bl_peer_repeat(binding->peer, room, before + BL_MILLISECOND, arrival->now)) {
        return false;
    }
    binding->repeat_count++;
    bl_host_flush(endpoint->host, arrival->now);
    return true;
}

/** Server: looks where the datagram came from, and by which of its tags. */
static void follow(struct bl_endpoint *endpoint, const struct arrival *arrival) {
    struct bl_binding *binding = arrival->binding;
    const struct bl_address_pair from = {arrival->datagram->address, arrival->datagram->local};
    const struct bl_heard heard = {
        .from = &from,
        .size = arrival->datagram->size,
        .newest = arrival->opened.newest,
    };
    if (arrival->opened.header.tag == binding->spare_tag) {
        bl_binding_follow(binding);
    }
    bool due = bl_path_heard(&binding->path, &heard, endpoint->bindings.random);
    if (binding->path.probing && binding->path.heard_count == 1) {
        begin_move(binding, arrival->now);
    }
    bool repeated = (!due || binding->repeat_count == 0) && repeat_ahead(endpoint, arrival);
    if (due && repeated) {
        bl_path_postpone(&binding->path);
    } else if (due) {
        send_challenge(endpoint, binding);
    }
}

/** Client: the server has been found, where this came from if that is one of its addresses. */
static void find(struct bl_endpoint *endpoint, const struct arrival *arrival) {
    struct bl_binding *binding = arrival->binding;
    if (!binding->searching || !arrival->opened.newest) {
        return;
    }
    for (size_t i = 0; i < endpoint->known_count; i++) {
        if (bl_address_equal(&endpoint->known[i], &arrival->datagram->address)) {
            bl_path_init(&binding->path, &(struct bl_address_pair){.remote = endpoint->known[i]});
        }
    }
    binding->searching = false;
}

static void take_response(struct bl_endpoint *endpoint, const struct arrival *arrival) {
    if (arrival->opened.payload_size != BL_CHALLENGE_SIZE) {
        bl_endpoint_drop(endpoint, BELAY_DROP_BINDING);
        return;
    }
    if (bl_path_answered(&arrival->binding->path, &arrival->datagram->address, arrival->payload)) {
        tell_migrated(endpoint, arrival->binding);
        if (arrival->binding->peer != NULL) {
            bl_peer_repeat(arrival->binding->peer, SIZE_MAX, arrival->now + BL_MILLISECOND,
                           arrival->now);
        }
    }
}

static void answer_challenge(struct bl_endpoint *endpoint, const struct arrival *arrival) {
    struct bl_binding *binding = arrival->binding;
    if (arrival->opened.payload_size != BL_CHALLENGE_PAYLOAD) {
        bl_endpoint_drop(endpoint, BELAY_DROP_BINDING);
        return;
    }
    struct bl_reader reader = bl_reader_of(arrival->payload + BL_CHALLENGE_SIZE, 4);
    if (arrival->opened.newest) { /* one that was overtaken names a spare of before */
        bl_binding_take_spare(binding, bl_read_u32(&reader));
    }
    uint8_t *out = bl_endpoint_next_out(endpoint);
    memcpy(out + BL_DATA_HEADER_SIZE, arrival->payload, BL_CHALLENGE_SIZE);
    bl_endpoint_send_sealed(endpoint, binding, BL_DATAGRAM_RESPONSE, BL_CHALLENGE_SIZE);
}

void bl_endpoint_say_gone(struct bl_endpoint *endpoint) {
    struct bl_binding *binding;
    uint32_t cursor = 0;
    while ((binding = bl_hash_map_next(&endpoint->bindings.by_nonce, &cursor)) != NULL) {
        if (binding->state == BL_BINDING_BOUND) {
            bl_endpoint_next_out(endpoint);
            bl_endpoint_send_sealed(endpoint, binding, BL_DATAGRAM_GONE, 0);
        }
    }
    bl_endpoint_flush(endpoint);
}

static void answer_gone(struct bl_endpoint *endpoint, const struct arrival *arrival) {
    struct bl_binding *binding = arrival->binding;
    bl_endpoint_drop(endpoint, BELAY_DROP_LATE);
    if (binding->answered_at != 0 && arrival->now - binding->answered_at < GONE_INTERVAL) {
        return;
    }
    binding->answered_at = arrival->now;
    bl_endpoint_next_out(endpoint);
    bl_endpoint_send_sealed(endpoint, binding, BL_DATAGRAM_GONE, 0);
}

/** Server: the first datagram under the new keys. The path stays where ACCEPT was received, which
 * is proven now; whoever writes another address on this datagram has to answer from there. */
static bool prove(struct bl_endpoint *endpoint, const struct arrival *arrival) {
    struct bl_binding *binding = arrival->binding;
    struct bl_newcomer *newcomer = binding->newcomer;
    bl_duration round_trip =
        newcomer->accepted_at == BL_TIME_NEVER ? -1 : arrival->now - newcomer->accepted_at;
    if (endpoint->ops->proven != NULL) {
        endpoint->ops->proven(endpoint->user, newcomer);
    }
    struct bl_peer *peer = bl_endpoint_make_peer(endpoint, binding, round_trip);
    if (peer == NULL) {
        return false;
    }
    endpoint->ops->bound(endpoint->user, peer, newcomer);
    bl_binding_forget_newcomer(binding);
    return peer->receiver != NULL; /* nobody took it: it comes again and is answered with GONE */
}

static void take_data(struct bl_endpoint *endpoint, const struct arrival *arrival) {
    struct bl_binding *binding = arrival->binding;
    if (binding->state == BL_BINDING_ENDED) {
        answer_gone(endpoint, arrival);
        return;
    }
    struct bl_peer *peer = binding->peer;
    if (!bl_peer_receive(peer, arrival->datagram->data + BL_DATA_HEADER_SIZE,
                         arrival->opened.payload_size, arrival->now)) {
        bl_endpoint_drop(endpoint, BELAY_DROP_COMMAND);
        return;
    }
    if (peer->receiver != NULL) {
        endpoint->ops->progress(peer->receiver);
    }
}

/** The other side has nobody any more for this peer. */
static void give_up(struct bl_endpoint *endpoint, struct bl_peer *peer) {
    if (peer->receiver == NULL) {
        peer->release_by = 0; /* nobody is left to acknowledge its last words */
    } else {
        endpoint->ops->gone(peer->receiver);
    }
}

static void take_gone(struct bl_endpoint *endpoint, const struct arrival *arrival) {
    struct bl_peer *peer = arrival->binding->peer;
    if (arrival->opened.payload_size > 0) {
        bl_endpoint_drop(endpoint, BELAY_DROP_BINDING);
    } else if (peer == NULL) {
        bl_endpoint_drop(endpoint, BELAY_DROP_LATE); /* never answered: two tombstones would talk
                                                        for ever */
    } else {
        give_up(endpoint, peer);
    }
}

/** Client: the server says that it cannot go on with a binding, and proves that it is the one whose
 * binding it was. */
void bl_endpoint_take_reset(struct bl_endpoint *endpoint, const struct bl_datagram *datagram) {
    struct bl_reset reset;
    if (endpoint->server || !bl_reset_read(&reset, datagram->data, datagram->size)) {
        bl_endpoint_drop(endpoint, BELAY_DROP_KIND);
        return;
    }
    const struct bl_binding *binding = bl_bindings_by_tag(&endpoint->bindings, reset.tag);
    struct bl_peer *peer = binding != NULL ? binding->peer : NULL;
    for (size_t i = 0; peer != NULL && i < 2; i++) {
        if (endpoint->resets[i].tag == reset.tag &&
            bl_equal(endpoint->resets[i].token, reset.token, BL_RESET_TOKEN_SIZE)) {
            give_up(endpoint, peer);
            return;
        }
    }
    bl_endpoint_drop(endpoint, BELAY_DROP_FORGED);
}

void bl_endpoint_take_sealed(struct bl_endpoint *endpoint, const struct bl_datagram *datagram) {
    struct arrival arrival = {.datagram = datagram, .now = bl_net_now(endpoint->net)};
    if (!open_datagram(endpoint, &arrival)) {
        return;
    }
    if (endpoint->server && !is_within_rates(endpoint, &arrival)) {
        bl_endpoint_drop(endpoint, BELAY_DROP_RATE);
        return;
    }
    enum bl_datagram_kind kind = arrival.opened.header.kind;
    bool proving = arrival.binding->state == BL_BINDING_PENDING;
    if (proving && kind != BL_DATAGRAM_DATA) {
        bl_endpoint_drop(endpoint, BELAY_DROP_KIND);
        return;
    }
    if (proving && !prove(endpoint, &arrival)) {
        return;
    }
    if (endpoint->server && kind == BL_DATAGRAM_RESPONSE) {
        take_response(endpoint, &arrival);
    }
    if (endpoint->server) {
        follow(endpoint, &arrival);
    } else {
        find(endpoint, &arrival);
    }
    if (kind == BL_DATAGRAM_DATA) {
        take_data(endpoint, &arrival);
    } else if (kind == BL_DATAGRAM_GONE) {
        take_gone(endpoint, &arrival);
    } else if (kind == BL_DATAGRAM_CHALLENGE && !endpoint->server) {
        answer_challenge(endpoint, &arrival);
    } else if (kind != BL_DATAGRAM_RESPONSE || !endpoint->server) {
        bl_endpoint_drop(endpoint, BELAY_DROP_KIND);
    }
}
