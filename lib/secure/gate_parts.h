/* What the parts of the gate share: gate.c (the order of checks, and the answers), gate_judge.c
 * (what a request is good for) and gate_accept.c (the keys of who is let in). */
#ifndef BL_SECURE_GATE_PARTS_H
#define BL_SECURE_GATE_PARTS_H

#include "lib/secure/gate.h"

/** One OPEN under judgement. */
struct bl_attempt {
    const struct bl_datagram *datagram;
    const struct bl_moment *at;
    uint64_t wall_ms;
    struct bl_open open;
    struct bl_token token;           /* way TOKEN */
    struct bl_ticket ticket;         /* way RESUME */
    struct bl_resumption resumption; /* the same, once it is proven */
    bool authentic;                  /* credentials are there */
    struct bl_credentials credentials;
    uint8_t *answer;
};

/** Why not, and how it is counted. */
struct bl_refusal {
    enum belay_drop cause;
    struct belay_reason reason;
};

/* Each: NULL = nothing is wrong. */

/** The form of a request that can be answered; a token's head included. */
const struct bl_refusal *bl_judge_form(const struct bl_gate *gate, const struct bl_open *open);
/** Whether the token is good here and now. */
const struct bl_refusal *bl_judge_token(const struct bl_gate *gate,
                                        const struct bl_attempt *attempt);
/** Whether there is room for one more client of this game. @param room holds a refusal of the
 * runtime's */
const struct bl_refusal *bl_judge_room(const struct bl_gate *gate, const struct bl_attempt *attempt,
                                       struct bl_refusal *room);
/** Whether the ticket is of this life of the server. */
const struct bl_refusal *bl_judge_ticket(const struct bl_gate *gate,
                                         const struct bl_attempt *attempt);
/** Whether the session is there, and the client's claim of it can be true. @param room as above */
const struct bl_refusal *bl_judge_resume(const struct bl_gate *gate, struct bl_attempt *attempt,
                                         struct bl_refusal *room);
/** Remembers the token, which lets in once. */
const struct bl_refusal *bl_use_token(struct bl_gate *gate, const struct bl_attempt *attempt);
/** For a token, and a ticket, that does not open. */
extern const struct bl_refusal bl_bad_token, bl_bad_ticket;

/**
 * Makes the keys and the pending binding; on success @p newcomer is the binding's.
 *
 * @return false: no memory, or no honest key; counted
 */
bool bl_gate_accept(struct bl_gate *gate, const struct bl_attempt *attempt,
                    struct bl_newcomer *newcomer);

#endif
