/*
 * Order of checks: length, version and game, a repeat of what was accepted, room, and only then
 * memory. A refusal costs the server nothing but its answer.
 */
#include "lib/secure/gate.h"

#include "common/reason_text.h"
#include "common/text.h"
#include <stdio.h>
#include <string.h>

static size_t deny(const struct bl_open *open, const struct belay_reason *reason, uint8_t *answer) {
    const char *text = reason->text != NULL ? reason->text : bl_reason_text(reason->code);
    struct bl_deny deny = {
        .attempt = open->attempt,
        .code = reason->code,
        .come_back = reason->come_back,
        .retry_ms = reason->retry_ms,
        .text = (const uint8_t *)text,
        .text_size = (uint8_t)bl_text_length(text, BELAY_REASON_TEXT_MAX),
    };
    memcpy(deny.nonce, open->nonce, sizeof deny.nonce);
    return bl_deny_write(answer, &deny);
}

static size_t accept(struct bl_binding *binding, const struct bl_open *open, bl_time now,
                     uint8_t *answer) {
    binding->attempt = open->attempt;
    binding->accepted_at = binding->accepted_at == 0 ? now : BL_TIME_NEVER;
    struct bl_accept accept = {.attempt = open->attempt, .tag = binding->tag};
    memcpy(accept.nonce, binding->nonce, sizeof accept.nonce);
    return bl_accept_write(answer, &accept);
}

/** Why a well-formed newcomer is turned away; NULL = it is not. */
static const struct belay_reason *refusal_of(struct bl_gate *gate, const struct bl_open *open) {
    static const struct belay_reason not_resumed = {
        .code = BELAY_REASON_STATE_LOST,
        .come_back = true,
        .text = "this server does not resume sessions; log in anew",
    };
    static const struct belay_reason other_game = {
        .code = BELAY_REASON_VERSION,
        .text = "the server runs another game, or another version of it (options.game)",
    };
    static const struct belay_reason crowd = {
        .code = BELAY_REASON_OVERLOAD,
        .come_back = true,
        .retry_ms = 1000,
        .text = "too many handshakes at once",
    };
    static _Thread_local char text[BELAY_REASON_TEXT_MAX + 1];
    static _Thread_local struct belay_reason other_version;
    if (open->version != BL_WIRE_VERSION) {
        snprintf(text, sizeof text, "protocol version %u, the server speaks %u", open->version,
                 BL_WIRE_VERSION);
        other_version = (struct belay_reason){.code = BELAY_REASON_VERSION, .text = text};
        return &other_version;
    }
    if (open->game != gate->game) {
        return &other_game;
    }
    if (open->resume) {
        return &not_resumed;
    }
    const struct belay_reason *reason = gate->admit(gate->user);
    if (reason == NULL && gate->bindings->pending_count >= gate->pending_max) {
        reason = &crowd;
    }
    return reason;
}

enum bl_gate_result bl_gate_open(struct bl_gate *gate, const struct bl_datagram *datagram,
                                 bl_time now, uint8_t *answer, size_t *answer_size) {
    struct bl_open open;
    *answer_size = 0;
    if (!bl_open_read(&open, datagram->data, datagram->size)) {
        return BL_GATE_MALFORMED;
    }
    struct bl_binding *binding = bl_bindings_by_nonce(gate->bindings, open.nonce);
    if (binding == NULL) {
        const struct belay_reason *refusal = refusal_of(gate, &open);
        if (refusal != NULL) {
            *answer_size = deny(&open, refusal, answer);
            return BL_GATE_REFUSED;
        }
        binding = bl_binding_create(gate->bindings, open.nonce, &datagram->address, 0);
        if (binding == NULL) {
            return BL_GATE_NO_MEMORY;
        }
        bl_binding_expire_at(binding, now + BL_PENDING_TIMEOUT);
    }
    if (binding->state == BL_BINDING_ENDED ||
        !bl_address_equal(&binding->address, &datagram->address)) {
        return BL_GATE_MALFORMED; /* a late repeat of a handshake that is over, or a stranger's copy
                                   */
    }
    *answer_size = accept(binding, &open, now, answer);
    return BL_GATE_ACCEPTED;
}
