/*
 * What became of every reliable message: books that are kept without being asked.
 *
 * A message that send() took is handled by the other side's application, or its sender hears that
 * it was not: in a RETURNED event, in the gap of a resumption, or as one of closed.unacked. Exactly
 * once, and in order. The audit is told what each side sent and what it polled, finds the two ends
 * of a session by the user they opened as, and complains of the first thing that does not add up.
 *
 * For each channel, at once: numbers polled rise, without a hole where messages do not expire; what
 * comes was sent and not returned; what is returned was sent and did not come. For a session's
 * whole way from S to R, when an end closes or leaves:
 *
 *     every number below the newest polled was polled, returned or in a gap
 *     S's sequence_out = sent = handled_out + unacked      but for what was returned and is not
 *                                                          handled yet
 *     handled_out <= polled + returned + in gaps           nothing is lost without a word
 *     R's polled + undelivered <= sent - returned          nothing comes twice
 *     unacked <= sent - polled + 1, when R's CLOSE ended S (docs/decisions/D12-closing.md)
 *
 * Only the last can be off by one: R may close before it polls on, so that it has polled a message
 * and not handled it. Otherwise unacked may count what R handled and could not report any more.
 *
 * Every test program with a world keeps such books: audit_calls.c is linked in front of send(),
 * poll() and their like, whoever calls them.
 */
#ifndef BL_TESTS_SUPPORT_AUDIT_H
#define BL_TESTS_SUPPORT_AUDIT_H

#include <belay/event.h>

struct audit;

/** A client or a server. The audit looks at nothing behind the pointer. */
struct audit_party {
    const void *it;
    bool server;
    const struct belay_channel *channels; /* read during the call only; NULL = the default ones */
    uint8_t channel_count;
};

struct audit *audit_create(void);
void audit_destroy(struct audit *audit);
/** What does not add up, in words; NULL when all does. The first complaint stays. */
const char *audit_complaint(const struct audit *audit);

void audit_join(struct audit *audit, const struct audit_party *party);
/** A party has polled all it ever will: what was returned to it is known. */
void audit_settle(struct audit *audit, const void *party);
/** A party goes; its sessions are ended without a word, if they are not closed. */
void audit_leave(struct audit *audit, const void *party);

/** send() took a message. @param numbers by how much that raised sequence_out */
void audit_send(struct audit *audit, const void *party, belay_session session, uint8_t channel,
                uint32_t numbers);
/** request() took one. Exactly one REPLY must tell of its end, before CLOSED; those that end with
 * the session, in the order in which they were made. */
void audit_request(struct audit *audit, const void *party, belay_session session,
                   belay_request request);
/** poll() gave an event. */
void audit_event(struct audit *audit, const void *party, const struct belay_event *event);
/** Compares a live session's own counts with the books. */
void audit_compare(struct audit *audit, const void *party, const struct belay_session_info *info);
/** Judges all sessions. */
void audit_judge(struct audit *audit);

struct audit_count {
    uint32_t sent, polled, returned; /* by this side */
};
struct audit_count audit_count(struct audit *audit, const void *party, belay_session session,
                               uint8_t channel);
/** The sessions of a party, each in turn: begins with 0, ends with 0. */
belay_session audit_next(const struct audit *audit, const void *party, belay_session after);

/* ---- the books of this process (audit_calls.c) */

/** Begins each complaint, so that its run can be repeated. */
void audit_name_run(uint64_t seed);
/** A party is about to be destroyed with its last events polled. */
void audit_settle_calls(const void *party);
/** The books; NULL while there is neither client nor server. */
struct audit *audit_of_calls(void);

#endif
