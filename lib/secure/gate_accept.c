/* How somebody is let in: keys from both sides' ephemeral ones, a pending binding, and the ACCEPT
 * that is the first datagram under them. */
#include "lib/secure/gate_parts.h"

#include <string.h>

#define ACCEPT_NONCE_AT 19 /* the server's */

static void fill_identity(struct bl_identity *identity, const struct bl_attempt *attempt) {
    const struct bl_token *token = &attempt->token;
    identity->has_token = attempt->open.way == BL_WAY_TOKEN;
    memcpy(identity->id, identity->has_token ? token->id : attempt->open.nonce,
           sizeof identity->id);
    memcpy(identity->user_id, token->user_id, sizeof identity->user_id);
    identity->data_size = token->data_size;
    memcpy(identity->data, token->data, token->data_size);
}

static void write_ticket(const struct bl_gate *gate, const struct bl_newcomer *newcomer,
                         const struct bl_secret *resume_key, uint8_t *out) {
    const struct bl_admission *admission = gate->opts.admission;
    struct bl_ticket ticket = {.run = admission->run, .resume_key = *resume_key};
    memcpy(ticket.name, newcomer->name, sizeof ticket.name);
    if (newcomer->resumption != NULL) {
        ticket.generation = newcomer->resumption->generation + 1;
    }
    bl_ticket_seal(out, &ticket, admission->ticket_keys, gate->opts.random);
    bl_wipe(&ticket, sizeof ticket);
}

/** Seals the parameters behind the head at newcomer->accept: the first datagram under the keys. */
static void seal_params(const struct bl_gate *gate, struct bl_binding *binding,
                        const struct bl_binding_terms *terms) {
    const struct bl_token_keys *ticket_keys = gate->opts.admission->ticket_keys;
    struct bl_newcomer *newcomer = binding->newcomer;
    struct bl_accept_params params = {.tag = binding->tag, .spare_tag = binding->spare_tag};
    const struct bl_aead aead = {.suite = terms->suite,
                                 .key = &terms->keys.down,
                                 .head = newcomer->accept,
                                 .head_size = BL_ACCEPT_HEAD_SIZE};
    bl_reset_token(params.reset_token, ticket_keys, params.tag);
    bl_reset_token(params.spare_reset_token, ticket_keys, params.spare_tag);
    write_ticket(gate, newcomer, &terms->keys.resume, params.ticket);
    if (newcomer->resumption != NULL) {
        params.positions = newcomer->resumption->told;
    }
    size_t size = bl_accept_params_write(newcomer->accept + BL_ACCEPT_HEAD_SIZE, &params);
    bl_aead_seal(&aead, newcomer->accept + BL_ACCEPT_HEAD_SIZE, size);
    newcomer->accept_size = BL_ACCEPT_HEAD_SIZE + size + BL_AEAD_SIZE;
}

/** A session is named after the server's nonce of its login, and keeps its name when it is resumed.
 */
static void name_session(struct bl_newcomer *newcomer) {
    const uint8_t *server_nonce = newcomer->accept + ACCEPT_NONCE_AT;
    memcpy(newcomer->name, newcomer->resumption != NULL ? newcomer->resumption->name : server_nonce,
           sizeof newcomer->name);
}

/** The binding that waits for its first datagram; false: no memory. */
static bool make_binding(struct bl_gate *gate, const struct bl_attempt *attempt,
                         struct bl_newcomer *newcomer, const struct bl_binding_terms *terms) {
    struct bl_binding *binding = bl_binding_create(gate->opts.bindings, terms, attempt->at->now);
    if (binding == NULL) {
        return false;
    }
    newcomer->created_at = attempt->at->now;
    name_session(newcomer);
    if (!bl_binding_set_newcomer(binding, newcomer)) {
        bl_binding_destroy(binding);
        return false;
    }
    fill_identity(&newcomer->identity, attempt);
    seal_params(gate, binding, terms);
    bl_binding_expire_at(binding, attempt->at->now + BL_PENDING_TIMEOUT);
    return true;
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
    bool made = make_binding(gate, attempt, newcomer, &terms);
    gate->opts.stats->dropped[BELAY_DROP_MEMORY] += !made;
    bl_wipe(&terms.keys, sizeof terms.keys);
    return made;
}
