/* What a request is good for. Each refusal has a code for the client and a counter of its own; a
 * token is used up as the last thing, so that a full server costs nobody one. */
#include "lib/secure/gate_parts.h"

#include <string.h>

#define COME_AGAIN_MS 1000

const struct bl_refusal bl_bad_token = {BELAY_DROP_TOKEN,
                                        {.code = BELAY_REASON_TOKEN_BAD, .come_back = true}};

/** What is wrong with the form of a token, its head included; NULL = nothing. */
static const struct bl_refusal *judge_token_form(const struct bl_open *open) {
    struct bl_token_head head;
    enum bl_token_verdict verdict =
        bl_token_head_read(&head, open->credential, open->credential_size);
    return verdict == BL_TOKEN_VALID ? NULL : &bl_bad_token;
}

const struct bl_refusal bl_bad_ticket = {
    BELAY_DROP_TICKET,
    {.code = BELAY_REASON_STATE_LOST,
     .come_back = true,
     .text = "this server cannot read the ticket; log in anew"}};

/** Of a ticket with a sealed rest. */
static bool is_ticket_size(size_t size) {
    return size >= BL_TICKET_SIZE + BL_AEAD_SIZE + BL_RESUME_SIZE_MIN &&
           size <= BL_TICKET_SIZE + BL_AEAD_SIZE + BL_RESUME_SIZE_MAX;
}

const struct bl_refusal *bl_judge_form(const struct bl_gate *gate, const struct bl_open *open) {
    static const struct bl_refusal version = {
        BELAY_DROP_VERSION,
        {.code = BELAY_REASON_VERSION, .text = "the server speaks version 2 of the protocol"}};
    static const struct bl_refusal token_only = {
        BELAY_DROP_REFUSED,
        {.code = BELAY_REASON_TOKEN_BAD, .text = "this server lets in with a token only"}};
    static const struct bl_refusal key_only = {
        BELAY_DROP_REFUSED,
        {.code = BELAY_REASON_TOKEN_BAD, .text = "this server takes no tokens"}};
    if (open->version != BL_WIRE_VERSION) {
        return &version;
    }
    switch (open->way) {
    case BL_WAY_TOKEN:
        return gate->opts.admission->by_token ? judge_token_form(open) : &key_only;
    case BL_WAY_KEY:
        return gate->opts.admission->by_key ? NULL : &token_only;
    case BL_WAY_RESUME:
        break;
    }
    return is_ticket_size(open->credential_size) ? NULL : &bl_bad_ticket;
}

static const struct bl_refusal expired = {BELAY_DROP_EXPIRED,
                                          {.code = BELAY_REASON_TOKEN_EXPIRED, .come_back = true}};
static const struct bl_refusal used = {BELAY_DROP_USED,
                                       {.code = BELAY_REASON_TOKEN_USED, .come_back = true}};

/** When the gate was opened. A start that is yet to come was written down by a clock that was
 * ahead, and would keep everybody out until then: so it is what has passed since. */
static uint64_t started_ms(const struct bl_gate *gate, const struct bl_attempt *attempt) {
    uint64_t elapsed = (uint64_t)((attempt->at->now - gate->started) / BL_MILLISECOND);
    if (gate->started_ms <= attempt->wall_ms) {
        return gate->started_ms;
    }
    return attempt->wall_ms > elapsed ? attempt->wall_ms - elapsed : 0;
}

const struct bl_refusal *bl_judge_token(const struct bl_gate *gate,
                                        const struct bl_attempt *attempt) {
    static const struct bl_refusal early = {
        BELAY_DROP_EARLY,
        {.code = BELAY_REASON_CLOCK_SKEW, .come_back = true, .retry_ms = COME_AGAIN_MS}};
    static const struct bl_refusal old = {
        BELAY_DROP_USED,
        {.code = BELAY_REASON_TOKEN_USED,
         .come_back = true,
         .text = "the server has started since this token was issued; get a new one"}};
    static const struct bl_refusal wrong_server = {
        BELAY_DROP_AUDIENCE, {.code = BELAY_REASON_WRONG_SERVER, .come_back = true}};
    static const struct bl_refusal other_game = {
        BELAY_DROP_VERSION,
        {.code = BELAY_REASON_VERSION, .text = "the token is for another game"}};
    const struct bl_token *token = &attempt->token;
    enum bl_token_verdict verdict = bl_token_judge(&token->head, attempt->wall_ms);
    if (verdict != BL_TOKEN_VALID) {
        return verdict == BL_TOKEN_EARLY ? &early : &expired;
    }
    if (token->head.not_before_ms <= started_ms(gate, attempt) + BL_TOKEN_SKEW_MS) {
        return &old;
    }
    if (token->audience[0] != '\0' && strcmp(token->audience, gate->opts.admission->name) != 0) {
        return &wrong_server;
    }
    if (token->head.game != 0 && token->head.game != gate->opts.game) {
        return &other_game;
    }
    return NULL;
}

/** Whether half-open handshakes of others may go for this one: not for a token that was used, which
 * lets nobody in. */
static bool may_evict(const struct bl_gate *gate, const struct bl_attempt *attempt) {
    return attempt->open.way != BL_WAY_TOKEN ||
           !bl_replay_cache_has(&gate->used, attempt->token.id);
}

const struct bl_refusal *bl_judge_room(const struct bl_gate *gate, const struct bl_attempt *attempt,
                                       struct bl_refusal *room) {
    static const struct bl_refusal other_game = {
        BELAY_DROP_VERSION,
        {.code = BELAY_REASON_VERSION,
         .text = "the server runs another game, or another version of it (options.game)"}};
    static const struct bl_refusal crowd = {BELAY_DROP_REFUSED,
                                            {.code = BELAY_REASON_OVERLOAD,
                                             .come_back = true,
                                             .retry_ms = COME_AGAIN_MS,
                                             .text = "too many handshakes at once"}};
    if (attempt->open.game != gate->opts.game) {
        return &other_game;
    }
    bool resumes = attempt->open.way == BL_WAY_RESUME; /* it has its place already */
    const struct belay_reason *reason = resumes ? NULL : gate->opts.admit(gate->opts.user);
    bool crowded = gate->opts.bindings->pending_count >= gate->opts.pending_max;
    if ((reason != NULL || crowded) && may_evict(gate, attempt) &&
        bl_bindings_evict(gate->opts.bindings, attempt->at->now - BL_PENDING_GRACE)) {
        reason = resumes ? NULL : gate->opts.admit(gate->opts.user);
        crowded = false;
    }
    if (reason != NULL) {
        *room = (struct bl_refusal){BELAY_DROP_REFUSED, *reason};
        return room;
    }
    return crowded ? &crowd : NULL;
}

const struct bl_refusal *bl_judge_ticket(const struct bl_gate *gate,
                                         const struct bl_attempt *attempt) {
    static const struct bl_refusal restarted = {
        BELAY_DROP_TICKET, {.code = BELAY_REASON_SERVER_RESTARTED, .come_back = true}};
    return attempt->ticket.run == gate->opts.admission->run ? NULL : &restarted;
}

const struct bl_refusal *bl_judge_resume(const struct bl_gate *gate, struct bl_attempt *attempt,
                                         struct bl_refusal *room) {
    struct bl_resumption *resumption = &attempt->resumption;
    memcpy(resumption->name, attempt->ticket.name, sizeof resumption->name);
    resumption->generation = attempt->ticket.generation;
    const struct belay_reason *reason = gate->opts.resume(gate->opts.user, resumption);
    if (reason != NULL) {
        *room = (struct bl_refusal){BELAY_DROP_TICKET, *reason};
        return room;
    }
    return NULL;
}

const struct bl_refusal *bl_use_token(struct bl_gate *gate, const struct bl_attempt *attempt) {
    static const struct bl_refusal full = {BELAY_DROP_REFUSED,
                                           {.code = BELAY_REASON_OVERLOAD,
                                            .come_back = true,
                                            .retry_ms = COME_AGAIN_MS,
                                            .text = "too many logins of late"}};
    switch (bl_replay_cache_use(&gate->used, attempt->token.id, attempt->token.head.expiry_ms,
                                attempt->wall_ms)) {
    case BL_REPLAY_FRESH:
        return NULL;
    case BL_REPLAY_USED:
        return &used;
    case BL_REPLAY_EXPIRED:
        return &expired;
    case BL_REPLAY_FULL:
    case BL_REPLAY_NO_MEMORY:
        break;
    }
    return &full;
}
