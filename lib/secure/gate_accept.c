/* How somebody is let in: keys from both sides' ephemeral ones, a pending binding, and the ACCEPT
 * that is the first datagram under them. */
#include "lib/secure/gate_parts.h"

#include <string.h>

static void fill_identity(struct bl_identity *identity, const struct bl_attempt *attempt) {
    const struct bl_token *token = &attempt->token;
    identity->has_token = attempt->open.way == BL_WAY_TOKEN;
    memcpy(identity->id, identity->has_token ? token->id : attempt->open.nonce,
           sizeof identity->id);
    memcpy(identity->user_id, token->user_id, sizeof identity->user_id);
    identity->data_size = token->data_size;
    memcpy(identity->data, token->data, token->data_size);
}

/** Seals the parameters behind the head at newcomer->accept: the first datagram under the keys. */
static void seal_params(struct bl_binding *binding, enum bl_suite suite,
                        const struct bl_secret *key) {
    uint8_t *accept = binding->newcomer->accept;
    const struct bl_accept_params params = {.tag = binding->tag, .spare_tag = binding->spare_tag};
    const struct bl_aead aead = {
        .suite = suite, .key = key, .head = accept, .head_size = BL_ACCEPT_HEAD_SIZE};
    bl_accept_params_write(accept + BL_ACCEPT_HEAD_SIZE, &params);
    bl_aead_seal(&aead, accept + BL_ACCEPT_HEAD_SIZE, BL_ACCEPT_PARAMS_SIZE);
}

static const struct bl_key_pair *ephemeral(struct bl_gate *gate, bl_time now) {
    if (now >= gate->ephemeral_until) {
        bl_key_pair_make(&gate->ephemeral, gate->opts.random);
        gate->ephemeral_until = now + BL_EPHEMERAL_LIFE;
        bl_timer_arm(gate->opts.bindings->wheel, &gate->ephemeral_timer, gate->ephemeral_until);
    }
    return &gate->ephemeral;
}

static void write_accept_head(struct bl_gate *gate, const struct bl_attempt *attempt,
                              enum bl_suite suite, uint8_t *out) {
    struct bl_accept accept = {.suite = (uint8_t)suite};
    memcpy(accept.nonce, attempt->open.nonce, sizeof accept.nonce);
    bl_random_bytes(gate->opts.random, accept.server_nonce, sizeof accept.server_nonce);
    memcpy(accept.key, ephemeral(gate, attempt->at->now)->public, sizeof accept.key);
    bl_accept_write(out, &accept);
}

bool bl_gate_accept(struct bl_gate *gate, const struct bl_attempt *attempt,
                    struct bl_newcomer *newcomer) {
    struct bl_binding_terms terms = {
        .nonce = attempt->open.nonce,
        .pair = {attempt->datagram->address, attempt->datagram->local},
        .suite = bl_suite_choose(bl_suites(), attempt->open.suites),
    };
    write_accept_head(gate, attempt, terms.suite, newcomer->accept);
    bl_hash(newcomer->open_hash, attempt->datagram->data, BL_OPEN_FIXED_SIZE);
    const struct bl_exchange exchange = {
        .open_hash = newcomer->open_hash,
        .accept_head = newcomer->accept,
        .secret = &gate->ephemeral.secret,
        .other = attempt->open.key,
    };
    if (!bl_traffic_keys_of(&terms.keys, &attempt->credentials, &exchange)) {
        gate->opts.stats->dropped[BELAY_DROP_HANDSHAKE]++;
        return false;
    }
    struct bl_binding *binding = bl_binding_create(gate->opts.bindings, &terms, attempt->at->now);
    if (binding == NULL) {
        gate->opts.stats->dropped[BELAY_DROP_MEMORY]++;
    } else {
        newcomer->created_at = attempt->at->now;
        bl_binding_set_newcomer(binding, newcomer);
        fill_identity(&newcomer->identity, attempt);
        seal_params(binding, terms.suite, &terms.keys.down);
        bl_binding_expire_at(binding, attempt->at->now + BL_PENDING_TIMEOUT);
    }
    bl_wipe(&terms.keys, sizeof terms.keys);
    return binding != NULL;
}
