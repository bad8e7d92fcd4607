/*
 * Order of checks: form, cookie, rate, credential, proof, a repeat of what was accepted, what the
 * credential is good for, room, and only then X25519 and memory.
 *
 * A refusal is authentic as soon as there is a key that client and server share.
 */
#include "lib/secure/gate_parts.h"

#include "common/container_of.h"
#include "common/reason_text.h"
#include "common/text.h"
#include <string.h>

static struct bl_rate times(uint32_t rate, uint32_t factor) {
    if (rate > UINT32_MAX / (factor * BL_HANDSHAKE_BURST)) {
        return (struct bl_rate){.per_second = BELAY_FOREVER};
    }
    return (struct bl_rate){.per_second = rate * factor,
                            .burst = rate * factor * BL_HANDSHAKE_BURST};
}

static void ephemeral_over(struct bl_timer *timer, bl_time now) {
    struct bl_gate *gate = BL_CONTAINER_OF(timer, struct bl_gate, ephemeral_timer);
    (void)now;
    bl_wipe(&gate->ephemeral, sizeof gate->ephemeral);
    gate->ephemeral_until = 0;
}

enum belay_result bl_gate_init(struct bl_gate *gate, const struct bl_gate_opts *opts,
                               const struct bl_moment *at) {
    uint32_t rate = opts->admission->rate;
    *gate = (struct bl_gate){
        .opts = *opts, .started = at->now, .started_ms = (uint64_t)(at->wall / BL_MILLISECOND)};
    bl_timer_init(&gate->ephemeral_timer, ephemeral_over);
    bl_cookies_init(&gate->cookies, opts->random, at->now);
    bl_replay_cache_init(&gate->used, opts->memory, opts->random, BL_REPLAY_CAPACITY);
    enum belay_result result = bl_rate_table_init(&gate->claimed, opts->memory, opts->random,
                                                  times(rate, 1), times(rate, 4));
    if (result == BELAY_OK) {
        result = bl_rate_table_init(&gate->proven, opts->memory, opts->random, times(rate, 1),
                                    times(rate, 4));
    }
    return result;
}

void bl_gate_finish(struct bl_gate *gate) {
    if (gate->opts.memory != NULL) {
        bl_timer_cancel(gate->opts.bindings->wheel, &gate->ephemeral_timer);
        bl_replay_cache_finish(&gate->used);
        bl_rate_table_finish(&gate->claimed);
        bl_rate_table_finish(&gate->proven);
    }
    bl_wipe(gate, sizeof *gate);
}

static void drop(struct bl_gate *gate, enum belay_drop cause) {
    gate->opts.stats->dropped[cause]++;
}

static size_t deny(struct bl_gate *gate, const struct bl_attempt *attempt,
                   const struct bl_refusal *refusal) {
    const struct belay_reason *reason = &refusal->reason;
    const char *text = reason->text != NULL ? reason->text : bl_reason_text(reason->code);
    struct bl_deny deny = {
        .code = reason->code,
        .come_back = reason->come_back,
        .retry_ms = reason->retry_ms,
        .text = (const uint8_t *)text,
        .text_size = (uint8_t)bl_text_length(text, BELAY_REASON_TEXT_MAX),
    };
    drop(gate, refusal->cause);
    memcpy(deny.nonce, attempt->open.nonce, sizeof deny.nonce);
    size_t size = bl_deny_write(attempt->answer, &deny);
    if (attempt->authentic) {
        bl_deny_proof(attempt->answer + size, &attempt->credentials, attempt->answer, size);
    } else {
        memset(attempt->answer + size, 0, BL_PROOF_SIZE);
    }
    return size + BL_PROOF_SIZE;
}

/** Whoever comes for the first time has none, and says so with zeros. */
static bool claims_cookie(const struct bl_attempt *attempt) {
    static const uint8_t none[BL_COOKIE_SIZE];
    return !bl_equal(attempt->datagram->data + BL_OPEN_FIXED_SIZE, none, sizeof none);
}

static size_t retry(struct bl_gate *gate, const struct bl_attempt *attempt) {
    struct bl_retry retry = {.way = attempt->open.way};
    if (claims_cookie(attempt)) {
        drop(gate, BELAY_DROP_COOKIE);
    }
    memcpy(retry.nonce, attempt->open.nonce, sizeof retry.nonce);
    bl_cookie_make(&gate->cookies, retry.cookie, &attempt->datagram->address, attempt->open.nonce,
                   attempt->at->now);
    if (attempt->open.way == BL_WAY_KEY) {
        memcpy(retry.key, gate->opts.admission->key.public, sizeof retry.key);
    }
    return bl_retry_write(attempt->answer, &retry);
}

/** Whether whoever asks must first show where it is: for a key exchange always, as it is dear; with
 * a token, whose proof is cheap, when many come at once or many are half done. */
static bool needs_cookie(struct bl_gate *gate, const struct bl_attempt *attempt) {
    static const struct bl_rate unproven = {BL_UNPROVEN_RATE, BL_UNPROVEN_RATE};
    return attempt->open.way == BL_WAY_KEY ||
           gate->opts.bindings->pending_count > gate->opts.pending_max / 2 ||
           !bl_bucket_take(&gate->unproven, &unproven, 1, attempt->at->now);
}

static bool has_cookie(struct bl_gate *gate, const struct bl_attempt *attempt) {
    return claims_cookie(attempt) &&
           bl_cookie_check(&gate->cookies, attempt->datagram->data + BL_OPEN_FIXED_SIZE,
                           &attempt->datagram->address, attempt->open.nonce, attempt->at->now);
}

enum address { ADDRESS_GOOD, ADDRESS_UNPROVEN, ADDRESS_BUSY };

/** Who floods under another's address must not keep that other out: without a cookie too high a
 * rate only costs a round trip, and what was claimed does not count against what was proven. */
static enum address judge_address(struct bl_gate *gate, const struct bl_attempt *attempt) {
    bool proven = has_cookie(gate, attempt);
    if (!proven && needs_cookie(gate, attempt)) {
        return ADDRESS_UNPROVEN;
    }
    struct bl_rate_table *rates = proven ? &gate->proven : &gate->claimed;
    if (bl_rate_table_take(rates, &attempt->datagram->address, attempt->at->now)) {
        return ADDRESS_GOOD;
    }
    return proven ? ADDRESS_BUSY : ADDRESS_UNPROVEN;
}

/** Finds the keys that an honest client knows too; false: its credential is worth nothing. */
static bool find_credentials(struct bl_gate *gate, struct bl_attempt *attempt) {
    const struct bl_open *open = &attempt->open;
    const struct bl_key_pair *key = &gate->opts.admission->key;
    if (open->way == BL_WAY_KEY) {
        attempt->authentic =
            bl_credentials_of_key(&attempt->credentials, &key->secret, open->key, key->public);
    } else if (open->way == BL_WAY_RESUME) {
        attempt->authentic =
            bl_ticket_open(&attempt->ticket, open->credential, gate->opts.admission->ticket_keys);
        bl_credentials_of_ticket(&attempt->credentials, &attempt->ticket.resume_key);
    } else if (bl_token_open(&attempt->token, open->credential, open->credential_size,
                             gate->opts.admission->token_keys) == BL_TOKEN_VALID) {
        bl_credentials_of_token(&attempt->credentials, &attempt->token.secret);
        attempt->authentic = true;
    }
    return attempt->authentic;
}

static bool is_proven(const struct bl_attempt *attempt) {
    uint8_t proof[BL_PROOF_SIZE];
    const uint8_t *open = attempt->datagram->data;
    bl_open_proof(proof, &attempt->credentials, open);
    return bl_equal(proof, open + BL_OPEN_PROVEN_SIZE, BL_PROOF_SIZE);
}

/** From elsewhere a repeat may be a stranger's copy, or the owner's after a stranger's: whoever
 * shows its address gets the answer. */
static bool is_where_it_was(struct bl_gate *gate, const struct bl_attempt *attempt,
                            const struct bl_binding *binding) {
    return bl_address_equal(&attempt->datagram->address, &binding->path.used.remote) ||
           has_cookie(gate, attempt);
}

static size_t give_accept(const struct bl_attempt *attempt, struct bl_newcomer *newcomer) {
    newcomer->accepted_at = newcomer->accepted_at == 0 ? attempt->at->now : BL_TIME_NEVER;
    memcpy(attempt->answer, newcomer->accept, newcomer->accept_size);
    return newcomer->accept_size;
}

static size_t repeat_accept(struct bl_gate *gate, const struct bl_attempt *attempt,
                            struct bl_binding *binding) {
    uint8_t hash[BL_HASH_SIZE];
    struct bl_newcomer *newcomer = binding->newcomer;
    bl_hash(hash, attempt->datagram->data, BL_OPEN_FIXED_SIZE);
    if (newcomer == NULL || !bl_equal(hash, newcomer->open_hash, sizeof hash)) {
        drop(gate, BELAY_DROP_HANDSHAKE); /* late, or another's copy of its nonce */
        return 0;
    }
    if (!is_where_it_was(gate, attempt, binding)) {
        return retry(gate, attempt);
    }
    const struct bl_address_pair pair = {attempt->datagram->address, attempt->datagram->local};
    bl_binding_expire_at(binding, attempt->at->now + BL_PENDING_TIMEOUT); /* it is awaited still */
    bl_path_init(&binding->path, &pair);                                  /* as the answer goes */
    return give_accept(attempt, newcomer);
}

/** @return NULL when memory is out */
static struct bl_newcomer *make_newcomer(struct bl_gate *gate, const struct bl_attempt *attempt) {
    struct bl_memory *memory = gate->opts.memory;
    struct bl_newcomer *newcomer = bl_allocate(memory, sizeof *newcomer);
    if (newcomer == NULL || attempt->open.way != BL_WAY_RESUME) {
        return newcomer;
    }
    newcomer->resumption = bl_allocate(memory, sizeof *newcomer->resumption);
    if (newcomer->resumption == NULL) {
        bl_newcomer_free(newcomer, memory);
        return NULL;
    }
    *newcomer->resumption = attempt->resumption;
    return newcomer;
}

static size_t welcome(struct bl_gate *gate, const struct bl_attempt *attempt) {
    struct bl_newcomer *newcomer = make_newcomer(gate, attempt);
    if (newcomer == NULL) {
        drop(gate, BELAY_DROP_MEMORY);
    }
    if (newcomer == NULL || !bl_gate_accept(gate, attempt, newcomer)) {
        bl_newcomer_free(newcomer, gate->opts.memory);
        if (attempt->open.way == BL_WAY_TOKEN) {
            bl_replay_cache_forget(&gate->used, attempt->token.id);
        } else if (attempt->open.way == BL_WAY_RESUME) {
            bl_bindings_abandon(gate->opts.bindings, &attempt->resumption);
        }
        return 0;
    }
    return give_accept(attempt, newcomer);
}

/** NULL: it is good for coming in. */
static const struct bl_refusal *judge_credential(struct bl_gate *gate, struct bl_attempt *attempt,
                                                 struct bl_refusal *room) {
    bool by_token = attempt->open.way == BL_WAY_TOKEN;
    bool by_ticket = attempt->open.way == BL_WAY_RESUME;
    const struct bl_refusal *refusal = by_token    ? bl_judge_token(gate, attempt)
                                       : by_ticket ? bl_judge_ticket(gate, attempt)
                                                   : NULL;
    if (refusal == NULL) {
        refusal = bl_judge_room(gate, attempt, room);
    }
    if (refusal == NULL && by_token) {
        refusal = bl_use_token(gate, attempt);
    } else if (refusal == NULL && by_ticket) {
        refusal = bl_judge_resume(gate, attempt, room);
    }
    return refusal;
}

/** What the client says behind its ticket; false: not what a client seals. */
static bool read_resume(struct bl_attempt *attempt) {
    uint8_t body[BL_RESUME_SIZE_MAX];
    size_t size = attempt->open.credential_size - BL_TICKET_SIZE - BL_AEAD_SIZE;
    return bl_resume_open(&attempt->credentials, attempt->datagram->data, body, size) &&
           bl_resume_read(&attempt->resumption.request, body, size);
}

/** For whoever has proven its credential. */
static size_t judge_proven(struct bl_gate *gate, struct bl_attempt *attempt) {
    struct bl_refusal room;
    struct bl_binding *binding = bl_bindings_by_nonce(gate->opts.bindings, attempt->open.nonce);
    if (binding != NULL) {
        return repeat_accept(gate, attempt, binding);
    }
    if (attempt->open.way == BL_WAY_RESUME && !read_resume(attempt)) {
        drop(gate, BELAY_DROP_HANDSHAKE);
        return 0;
    }
    const struct bl_refusal *refusal = judge_credential(gate, attempt, &room);
    return refusal != NULL ? deny(gate, attempt, refusal) : welcome(gate, attempt);
}

static size_t judge(struct bl_gate *gate, struct bl_attempt *attempt) {
    const struct bl_refusal *refusal = bl_judge_form(gate, &attempt->open);
    if (refusal != NULL) {
        return deny(gate, attempt, refusal);
    }
    switch (judge_address(gate, attempt)) {
    case ADDRESS_GOOD:
        break;
    case ADDRESS_UNPROVEN:
        return retry(gate, attempt);
    case ADDRESS_BUSY:
        drop(gate, BELAY_DROP_RATE);
        return 0;
    }
    if (!find_credentials(gate, attempt) && attempt->open.way != BL_WAY_KEY) {
        bool by_token = attempt->open.way == BL_WAY_TOKEN;
        return deny(gate, attempt, by_token ? &bl_bad_token : &bl_bad_ticket);
    }
    if (!attempt->authentic || !is_proven(attempt)) {
        drop(gate, BELAY_DROP_PROOF);
        return 0;
    }
    return judge_proven(gate, attempt);
}

size_t bl_gate_open(struct bl_gate *gate, const struct bl_datagram *datagram,
                    const struct bl_moment *at, uint8_t *answer) {
    struct bl_attempt attempt = {
        .datagram = datagram,
        .at = at,
        .wall_ms = (uint64_t)(at->wall / BL_MILLISECOND),
        .answer = answer,
    };
    if (!bl_open_read(&attempt.open, datagram->data, datagram->size)) {
        drop(gate, BELAY_DROP_HANDSHAKE);
        return 0;
    }
    size_t size = judge(gate, &attempt);
    bl_wipe(&attempt.token, sizeof attempt.token);
    bl_wipe(&attempt.ticket, sizeof attempt.ticket);
    bl_wipe(&attempt.credentials, sizeof attempt.credentials);
    return size;
}
