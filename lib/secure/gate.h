/* The server's gate: answers OPEN, and keeps strangers from everything behind it. */
#ifndef BL_SECURE_GATE_H
#define BL_SECURE_GATE_H

#include "lib/secure/binding.h"
#include <belay/reason.h>

#define BL_PENDING_TIMEOUT                                                                         \
    (5 * BL_SECOND) /* from ACCEPT to the first datagram over the binding                          \
                     */

struct bl_gate {
    struct bl_bindings *bindings;
    uint64_t game;
    uint32_t pending_max; /* half-open handshakes */
    /** Whether one more newcomer is welcome: NULL, or the reason why not, valid until the next
     * call. */
    const struct belay_reason *(*admit)(void *user);
    void *user;
};

enum bl_gate_result {
    BL_GATE_ACCEPTED,
    BL_GATE_REFUSED,   /* the answer is a DENY */
    BL_GATE_MALFORMED, /* no answer */
    BL_GATE_NO_MEMORY, /* no answer; the client will repeat */
};

/**
 * Judges one OPEN. A repeat of one that was accepted is answered alike and changes nothing.
 *
 * @param answer      BL_OPEN_SIZE bytes
 * @param answer_size 0 when there is none; never more than the OPEN had
 */
enum bl_gate_result bl_gate_open(struct bl_gate *gate, const struct bl_datagram *datagram,
                                 bl_time now, uint8_t *answer, size_t *answer_size);

#endif
