/*
 * One lane's inputs: which of those that come are taken, and what each tick is run with.
 *
 * DESIGN 5's rules, pure: no session, socket or clock in sight. Time comes as struct bl_tick_time,
 * inputs as bytes; the same calls in the same order give the same verdicts and the same inputs.
 */
#ifndef BL_SERVER_MOVE_FILTER_H
#define BL_SERVER_MOVE_FILTER_H

#include "lib/wire/move.h"
#include "server/tick_clock.h"
#include <belay/move.h>

/** An input as it has come. */
struct bl_move_input {
    uint32_t tick;
    const uint8_t *data; /* options.size bytes */
    bool repeated; /* an earlier datagram has brought it, or should have: it was lost, or is still
                      on its way */
    bool joined;   /* its datagram waited for it with an older input that is new too: the margin of
                      that one counts for both */
};

struct bl_move_filter;

/** Bytes of a filter with its inputs. @param opts  checked, nothing in it is zero by default */
size_t bl_move_filter_size(const struct belay_move_opts *opts);
/** @param filter  bl_move_filter_size() bytes, zeroed. @param opts  outlives it. Begins after tick
 * now->ran. */
void bl_move_filter_init(struct bl_move_filter *filter, const struct belay_move_opts *opts,
                         const struct bl_tick_time *now);
/** Another process of the client begins: what the last one has sent ahead is dropped, and what was
 * learnt of its way here. Ticks that were run stay so, and so does the budget. */
void bl_move_filter_restart(struct bl_move_filter *filter);

/** Judges one input, and keeps it if it is to be used. The oldest of a datagram comes first. */
enum belay_move_verdict bl_move_filter_take(struct bl_move_filter *filter,
                                            const struct bl_tick_time *now,
                                            const struct bl_move_input *input);
/** Whether a verdict says that a rule was broken. Who is early or beyond the budget repeats the
 * input, which is no more of it. */
static inline bool bl_move_is_offence(enum belay_move_verdict verdict, bool repeated) {
    bool hasty = verdict == BELAY_MOVE_FUTURE || verdict == BELAY_MOVE_OVER_BUDGET;
    return verdict == BELAY_MOVE_CONFLICT || (hasty && !repeated);
}
/** A datagram that could not be read. */
void bl_move_filter_reject(struct bl_move_filter *filter);

/**
 * The input of the tick that is being run: later than the last one asked for, and at most now->ran.
 * Ticks between are left out.
 *
 * @param asked  BELAY_MISSING_ASK: stands for an input that has not come; NULL is zeros
 */
void bl_move_filter_use(struct bl_move_filter *filter, const struct bl_tick_time *now,
                        uint32_t tick, const void *asked, struct belay_move *out);

/** What the client is told; begins the next margin_min, which is the margin as long as nothing new
 * comes. age_us and lane are the caller's. */
void bl_move_filter_report(struct bl_move_filter *filter, struct bl_move_ack *out);

/** Newest tick that was run. */
uint32_t bl_move_filter_consumed(const struct bl_move_filter *filter);
/** Newest tick whose input came in its own datagram and was taken or too late; consumed before
 * there was any. */
uint32_t bl_move_filter_received(const struct bl_move_filter *filter);

/** For info and replay. */
struct bl_move_counts {
    uint64_t verdicts[BELAY_MOVE_VERDICT_COUNT];
    uint64_t used, substituted; /* ticks, from that of the first input on */
    uint64_t refused;           /* offences, and datagrams that are malformed */
};
const struct bl_move_counts *bl_move_filter_counts(const struct bl_move_filter *filter);
/** Smoothed margin in ticks. */
float bl_move_filter_margin(const struct bl_move_filter *filter);

#endif
