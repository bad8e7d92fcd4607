/*
 * An OPEN is built once; cookie and proof are put behind it, so that the server answers a repeat
 * alike.
 *
 * A RETRY proves nothing: whoever has seen the OPEN could have sent it, from an address where
 * nobody is. So it settles for a moment only where the server is.
 */
#include "lib/secure/dial.h"

#include "common/assert.h"
#include <string.h>

static void learn_key(struct bl_dial *dial, const uint8_t key[BL_PUBLIC_SIZE]) {
    dial->has_key = bl_credentials_of_key(&dial->credentials, &dial->ephemeral.secret, key, key);
    memcpy(dial->server_key, key, BL_PUBLIC_SIZE);
}

/** By token from the first OPEN on; by key only to a server that has seen our address (a cookie),
 * since its check costs an X25519. */
static void prove(struct bl_dial *dial) {
    bl_open_proof(dial->open + BL_OPEN_PROVEN_SIZE, &dial->credentials, dial->open);
}

static enum bl_way way_of(const struct bl_dial_target *target) {
    if (target->by_ticket) {
        return BL_WAY_RESUME;
    }
    return target->token != NULL ? BL_WAY_TOKEN : BL_WAY_KEY;
}

/** The OPEN but for cookie and proof; and what proves it, unless it goes by key. */
static void write_open(struct bl_dial *dial, const struct bl_dial_target *target, uint64_t game) {
    uint8_t resume[BL_TICKET_SIZE + BL_RESUME_SEALED_MAX] = {0};
    size_t resume_size = 0;
    struct bl_open open = {
        .version = BL_WIRE_VERSION, .way = way_of(target), .suites = bl_suites(), .game = game};
    if (open.way == BL_WAY_TOKEN) {
        open.credential = target->token;
        open.credential_size = target->token_size;
        bl_credentials_of_token(&dial->credentials, &target->session_secret);
    } else if (open.way == BL_WAY_RESUME) {
        memcpy(resume, target->ticket, BL_TICKET_SIZE);
        resume_size = bl_resume_write(resume + BL_TICKET_SIZE, &target->resume);
        open.credential = resume;
        open.credential_size = (uint16_t)(BL_TICKET_SIZE + resume_size + BL_AEAD_SIZE);
        bl_credentials_of_ticket(&dial->credentials, &target->resume_key);
    }
    memcpy(open.nonce, dial->nonce, sizeof open.nonce);
    memcpy(open.key, dial->ephemeral.public, sizeof open.key);
    bl_open_write(dial->open, &open);
    if (open.way == BL_WAY_RESUME) {
        bl_resume_seal(&dial->credentials, dial->open, resume_size);
    }
}

void bl_dial_start(struct bl_dial *dial, const struct bl_dial_target *target, uint64_t game,
                   struct bl_random *random, bl_time now) {
    BELAY_ASSERT(target->address_count > 0 && target->address_count <= BL_DIAL_ADDRESSES_MAX);
    bl_wipe(dial, sizeof *dial);
    dial->active = true;
    memcpy(dial->addresses, target->addresses, sizeof dial->addresses);
    dial->address_count = target->address_count;
    dial->trust = target->trust;
    dial->by_key = way_of(target) == BL_WAY_KEY;
    dial->by_ticket = target->by_ticket;
    dial->started_at = now;
    dial->retried_at = now - BL_DIAL_REPEAT_FAST;
    dial->next_at = now;
    bl_key_pair_make(&dial->ephemeral, random);
    bl_random_bytes(random, dial->nonce, sizeof dial->nonce);
    write_open(dial, target, game);
    bl_hash(dial->open_hash, dial->open, BL_OPEN_FIXED_SIZE);
    if (!dial->by_key) {
        dial->has_key = true;
        prove(dial);
    } else if (target->has_key) {
        learn_key(dial, target->server_key);
    }
}

void bl_dial_also(struct bl_dial *dial, const struct bl_dial_target *target) {
    memcpy(dial->addresses, target->addresses, sizeof dial->addresses);
    dial->address_count = target->address_count;
}

void bl_dial_stop(struct bl_dial *dial) {
    dial->active = false;
    bl_wipe(&dial->ephemeral, sizeof dial->ephemeral);
    bl_wipe(&dial->credentials, sizeof dial->credentials);
}

static bool is_settled(const struct bl_dial *dial, bl_time now) {
    return dial->has_cookie && now < dial->settled_until;
}

const struct bl_address *bl_dial_write(struct bl_dial *dial, bl_time now, uint8_t *out) {
    bool by_cookie = dial->cookie_due || is_settled(dial, now);
    size_t turn = dial->by_ticket || by_cookie ? 0 : dial->turn++ % dial->address_count;
    memcpy(out, dial->open, BL_OPEN_SIZE);
    const struct bl_address *to = by_cookie ? &dial->cookie_from : &dial->addresses[turn];
    dial->cookie_due = false;
    dial->sent_count++;
    dial->sent_at = now;
    bool fast = now - dial->started_at < BL_DIAL_FAST_FOR;
    dial->next_at = now + (fast ? BL_DIAL_REPEAT_FAST : BL_DIAL_REPEAT_SLOW);
    return to;
}

const struct bl_address *bl_dial_also_to(struct bl_dial *dial, bl_time now) {
    if (!dial->by_ticket || dial->address_count == 1 || is_settled(dial, now)) {
        return NULL;
    }
    return &dial->addresses[1 + dial->turn++ % (dial->address_count - 1)];
}

/** From an address that was dialled, with the nonce that only those on the way have seen. */
static bool is_answer(const struct bl_dial *dial, const struct bl_datagram *datagram,
                      const uint8_t nonce[BL_NONCE_SIZE]) {
    if (!dial->active || !bl_equal(dial->nonce, nonce, BL_NONCE_SIZE)) {
        return false;
    }
    for (size_t i = 0; i < dial->address_count; i++) {
        if (bl_address_equal(&dial->addresses[i], &datagram->address)) {
            return true;
        }
    }
    return false;
}

bool bl_dial_retry(struct bl_dial *dial, const struct bl_datagram *datagram, bl_time now) {
    struct bl_retry retry;
    if (!bl_retry_read(&retry, datagram->data, datagram->size) ||
        !is_answer(dial, datagram, retry.nonce) ||
        bl_equal(dial->open + BL_OPEN_FIXED_SIZE, retry.cookie, BL_COOKIE_SIZE)) {
        return false; /* the answer to a repeat has the cookie that we have already sent back */
    }
    if (is_settled(dial, now) && !bl_address_equal(&datagram->address, &dial->cookie_from)) {
        return false;
    }
    if (dial->by_key && !dial->has_key && dial->trust) {
        learn_key(dial, retry.key);
    }
    if (dial->by_key && dial->has_key && !bl_equal(dial->server_key, retry.key, BL_PUBLIC_SIZE)) {
        dial->hint = BELAY_REASON_SERVER_KEY_CHANGED;
        return false;
    }
    if (!dial->has_key) {
        return false;
    }
    memcpy(dial->open + BL_OPEN_FIXED_SIZE, retry.cookie, BL_COOKIE_SIZE);
    prove(dial);
    if (!dial->has_cookie) {
        dial->has_cookie = true;
        dial->settled_until = now + BL_DIAL_SETTLED_FOR;
    }
    dial->cookie_from = datagram->address; /* it is of use there only */
    dial->sent_count = 0;
    bool often = now - dial->retried_at < BL_DIAL_REPEAT_FAST; /* somebody plays with us */
    dial->cookie_due = !often;
    dial->retried_at = now;
    dial->next_at = often ? dial->next_at : now;
    return !often;
}

bool bl_dial_accepted(struct bl_dial *dial, const struct bl_datagram *datagram, bl_time now,
                      struct bl_dialed *out) {
    struct bl_accept accept;
    if (!bl_accept_read(&accept, datagram->data, datagram->size) ||
        !is_answer(dial, datagram, accept.nonce) || !dial->has_key ||
        accept.suite >= BL_SUITE_COUNT || (bl_suites() & 1U << accept.suite) == 0) {
        return false;
    }
    const struct bl_exchange exchange = {
        .open_hash = dial->open_hash,
        .accept_head = datagram->data,
        .secret = &dial->ephemeral.secret,
        .other = accept.key,
    };
    if (!bl_traffic_keys_of(&out->keys, &dial->credentials, &exchange)) {
        return false;
    }
    const struct bl_aead aead = {
        .suite = (enum bl_suite)accept.suite,
        .key = &out->keys.down,
        .number = 0,
        .head = datagram->data,
        .head_size = BL_ACCEPT_HEAD_SIZE,
    };
    uint8_t *params = datagram->data + BL_ACCEPT_HEAD_SIZE;
    size_t size = datagram->size - BL_ACCEPT_HEAD_SIZE - BL_AEAD_SIZE;
    if (!bl_aead_open(&aead, params, size) || !bl_accept_params_read(&out->params, params, size)) {
        bl_wipe(&out->keys, sizeof out->keys);
        return false;
    }
    out->suite = aead.suite;
    out->round_trip = dial->sent_count == 1 ? now - dial->sent_at : -1;
    return true;
}

/** Servers may share their ticket keys: that one does not know a session says nothing of the one
 * where it was, which is asked first. */
static bool is_of_another_server(const struct bl_dial *dial, const struct bl_datagram *datagram,
                                 uint32_t code) {
    return dial->by_ticket && !bl_address_equal(&datagram->address, &dial->addresses[0]) &&
           (code == BELAY_REASON_SERVER_RESTARTED || code == BELAY_REASON_STATE_LOST);
}

bool bl_dial_denied(struct bl_dial *dial, const struct bl_datagram *datagram, struct bl_deny *out) {
    static const uint8_t nothing[BL_PROOF_SIZE];
    if (!bl_deny_read(out, datagram->data, datagram->size) ||
        !is_answer(dial, datagram, out->nonce)) {
        return false;
    }
    const uint8_t *sent = datagram->data + out->proven_size;
    if (bl_equal(sent, nothing, BL_PROOF_SIZE)) {
        dial->hint = out->code;
        return false;
    }
    uint8_t proof[BL_PROOF_SIZE];
    bl_deny_proof(proof, &dial->credentials, datagram->data, out->proven_size);
    if (!dial->has_key || !bl_equal(proof, sent, BL_PROOF_SIZE)) {
        return false;
    }
    if (is_of_another_server(dial, datagram, out->code)) {
        dial->hint = out->code;
        return false;
    }
    return true;
}
