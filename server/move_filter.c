/*
 * Design notes
 *
 * Inside, a tick has 64 bits and nothing wraps: 32 bits that come in are read as the tick nearest
 * to the oldest one that may still be run, and behind it at a distance of exactly 2^31. The first
 * tick is beyond 2^32, so none that can be named is 0, the number of what holds nothing.
 *
 * Inputs lie in a ring of a power of two slots, more than may be taken at any one time, each beside
 * the number of its tick. What has been run or left out is never cleared: its number tells. An
 * input whose tick was given out waits for its use as long as a tick may be late.
 *
 * The budget is a bucket of inputs. Each tick that the server has got on by, be it left out, brings
 * one back; ticks that are due and still to be run count as if they had. So over all time a player
 * gets one input in for each tick that has passed, and burst_ticks beyond, and a stall of the
 * server takes nothing from him.
 */
#include "server/move_filter.h"

#include "common/assert.h"
#include "common/serial.h"
#include <string.h>

#define FIRST_ERA     (UINT64_C(1) << 32)
#define MARGIN_UNITS  256 /* of a tick */
#define MARGIN_GAIN   (1.0F / 8)
#define LOSS_GAIN     (1.0F / 64)
#define LOSS_UNITS    256
#define OWN_TICKS     64 /* bits of feedback.own */
#define WAITING_TICKS 32 /* bits of bl_move_ack.waiting */

/** What the client's pacer lives on. */
struct feedback {
    uint64_t received; /* newest tick whose own datagram has come; 0 = none */
    uint64_t own;      /* bit i: that of the tick i before it has come too */
    int16_t margin;    /* of received */
    int16_t margin_min;
    bool has_min;
    float smoothed; /* margin, in 1/256 */
    float loss;
};

struct bl_move_filter {
    const struct belay_move_opts *opts;
    uint64_t mask; /* slots of the ring, less 1 */
    uint64_t ran;  /* the newest tick as of the last call */
    uint64_t consumed;
    uint64_t first; /* the player's first tick */
    int64_t level;  /* of the budget; below 0 as far as ticks are due */
    uint32_t fates;
    uint32_t missing; /* ticks in a row without an input; stays at 256 */
    struct feedback feedback;
    struct bl_move_counts counts;
    uint8_t held[BELAY_MOVE_SIZE_MAX]; /* the last input that was used, or asked for */
    uint64_t ticks[];                  /* and behind them the inputs */
};

/** A call's time, without the wrap. */
struct span {
    uint64_t oldest, due;
};

static uint64_t slots_for(const struct belay_move_opts *opts) {
    uint64_t slots = 1;
    while (slots < (uint64_t)BELAY_CATCH_UP_MAX + opts->future_max + 1) {
        slots *= 2;
    }
    return slots;
}

size_t bl_move_filter_size(const struct belay_move_opts *opts) {
    return sizeof(struct bl_move_filter) +
           (size_t)slots_for(opts) * (sizeof(uint64_t) + opts->size);
}

void bl_move_filter_init(struct bl_move_filter *filter, const struct belay_move_opts *opts,
                         const struct bl_tick_time *now) {
    BELAY_ASSERT(now->catch_up <= BELAY_CATCH_UP_MAX);
    filter->opts = opts;
    filter->mask = slots_for(opts) - 1;
    filter->ran = FIRST_ERA + now->ran;
    filter->consumed = filter->ran;
    filter->first = UINT64_MAX;
    filter->level = opts->burst_ticks;
}

void bl_move_filter_restart(struct bl_move_filter *filter) {
    memset(filter->ticks, 0, (size_t)(filter->mask + 1) * sizeof *filter->ticks);
    filter->first = UINT64_MAX;
    filter->feedback = (struct feedback){0};
}

static uint8_t *input_of(struct bl_move_filter *filter, uint64_t tick) {
    uint8_t *inputs = (uint8_t *)&filter->ticks[filter->mask + 1];
    return inputs + (tick & filter->mask) * filter->opts->size;
}

static bool has_input(const struct bl_move_filter *filter, uint64_t tick) {
    return filter->ticks[tick & filter->mask] == tick;
}

/** Gets on to the tick that the server has reached. */
static struct span follow(struct bl_move_filter *filter, const struct bl_tick_time *now) {
    uint32_t passed = now->ran - (uint32_t)filter->ran;
    filter->ran += passed;
    filter->level += passed;
    if (filter->level > filter->opts->burst_ticks) {
        filter->level = filter->opts->burst_ticks;
    }
    return (struct span){.oldest = filter->ran + (bl_tick_time_oldest(now) - now->ran),
                         .due = filter->ran + (now->due - now->ran)};
}

static uint64_t widen(uint32_t tick, uint64_t near) {
    return near + (uint64_t)(int64_t)bl_serial_distance(tick, (uint32_t)near);
}

static enum belay_move_verdict judge(struct bl_move_filter *filter, const struct span *now,
                                     uint64_t tick, const uint8_t *data) {
    if (tick < now->oldest) {
        return BELAY_MOVE_STALE;
    }
    if (tick > now->due + filter->opts->future_max) {
        return BELAY_MOVE_FUTURE;
    }
    if (has_input(filter, tick)) {
        bool same = memcmp(input_of(filter, tick), data, filter->opts->size) == 0;
        return same ? BELAY_MOVE_DUPLICATE : BELAY_MOVE_CONFLICT;
    }
    if (filter->level + (int64_t)(now->due - filter->ran) <= 0) {
        return BELAY_MOVE_OVER_BUDGET;
    }
    return BELAY_MOVE_ACCEPTED;
}

static void keep(struct bl_move_filter *filter, uint64_t tick, const uint8_t *data) {
    filter->ticks[tick & filter->mask] = tick;
    memcpy(input_of(filter, tick), data, filter->opts->size);
    filter->level--;
    if (filter->first == UINT64_MAX) {
        filter->first = tick;
    }
}

/** Whether it is the input of a tick that was run without. */
static bool is_late(struct bl_move_filter *filter, uint64_t tick) {
    uint64_t age = filter->consumed - tick; /* beyond all fates for one that was not run */
    if (age >= BL_FATES || (filter->fates >> 2 * age & 3) != BL_FATE_SUBSTITUTED) {
        return false;
    }
    filter->fates |= (uint32_t)BL_FATE_LATE << 2 * age;
    return true;
}

static int16_t margin_of(uint64_t tick, uint64_t due, uint8_t fraction) {
    int64_t margin = (int64_t)(tick - due) * MARGIN_UNITS - fraction;
    if (margin < INT16_MIN) {
        return INT16_MIN;
    }
    return (int16_t)(margin < INT16_MAX ? margin : INT16_MAX);
}

static void sample(struct feedback *feedback, int16_t margin) {
    if (feedback->received == 0) {
        feedback->smoothed = margin;
    }
    feedback->smoothed += ((float)margin - feedback->smoothed) * MARGIN_GAIN;
    feedback->margin = margin;
}

/** Its own datagram has come, the newest so far. */
static void advance(struct feedback *feedback, uint64_t tick) {
    uint64_t passed = tick - feedback->received;
    feedback->own = (passed < OWN_TICKS ? feedback->own << passed : 0) | 1;
    feedback->received = tick;
}

/** An input that was not here before. */
static void count_arrival(struct feedback *feedback, int16_t margin, bool lost) {
    if (!feedback->has_min || margin < feedback->margin_min) {
        feedback->margin_min = margin;
        feedback->has_min = true;
    }
    feedback->loss += ((lost ? 1.0F : 0.0F) - feedback->loss) * LOSS_GAIN;
}

/** What was taken for lost comes after all: only overtaken. */
static void take_back_loss(struct feedback *feedback) {
    feedback->loss = feedback->loss > LOSS_GAIN ? feedback->loss - LOSS_GAIN : 0;
}

/*
 * Whatever becomes of an input, its time says how far ahead of the server the client is: least of
 * all may one be left without feedback whose inputs are refused for being too early or too late.
 */
static void learn(struct feedback *feedback, uint64_t tick, int16_t margin,
                  const struct bl_move_input *input, bool fresh) {
    bool repeated = input->repeated;
    uint64_t age = feedback->received - tick; /* beyond all when newer */
    uint64_t own = age < OWN_TICKS ? UINT64_C(1) << age : 0;
    bool newest = !repeated && tick > feedback->received;
    bool heard = (feedback->own & own) != 0; /* refused before, if it is fresh; not lost */
    if (fresh || newest) {
        count_arrival(feedback, margin, repeated && !heard);
    } else if (!repeated && own != 0 && !heard) {
        take_back_loss(feedback);
    }
    if (newest && !input->joined) {
        sample(feedback, margin);
    }
    if (newest) {
        advance(feedback, tick);
    } else if (!repeated) {
        feedback->own |= own;
    }
}

enum belay_move_verdict bl_move_filter_take(struct bl_move_filter *filter,
                                            const struct bl_tick_time *now,
                                            const struct bl_move_input *input) {
    const struct span span = follow(filter, now);
    uint64_t tick = widen(input->tick, span.oldest);
    enum belay_move_verdict verdict = judge(filter, &span, tick, input->data);
    bool fresh =
        verdict == BELAY_MOVE_ACCEPTED || (verdict == BELAY_MOVE_STALE && is_late(filter, tick));
    if (verdict == BELAY_MOVE_ACCEPTED) {
        keep(filter, tick, input->data);
    }
    learn(&filter->feedback, tick, margin_of(tick, span.due, now->fraction), input, fresh);
    filter->counts.verdicts[verdict]++;
    filter->counts.refused += bl_move_is_offence(verdict, input->repeated);
    return verdict;
}

void bl_move_filter_reject(struct bl_move_filter *filter) {
    filter->counts.verdicts[BELAY_MOVE_MALFORMED]++;
    filter->counts.refused++;
}

/** What stands for an input that has not come. */
static const void *substitute(struct bl_move_filter *filter, const void *asked) {
    static const uint8_t neutral[BELAY_MOVE_SIZE_MAX];
    switch ((enum belay_when_missing)filter->opts->when_missing) {
    case BELAY_MISSING_HOLD_THEN_NEUTRAL:
        return filter->missing <= filter->opts->hold_ticks ? filter->held : neutral;
    case BELAY_MISSING_HOLD:
        return filter->held;
    case BELAY_MISSING_NEUTRAL:
        return neutral;
    case BELAY_MISSING_ASK:
        break;
    }
    if (asked == NULL) {
        return neutral;
    }
    /* Nobody else holds on to anything here; and it may be what was lent for the last tick. */
    return memmove(filter->held, asked, filter->opts->size);
}

/** Ages the fates by the ticks since the last, and adds that of this one. */
static void settle(struct bl_move_filter *filter, uint64_t tick, bool as_sent) {
    uint64_t passed = tick - filter->consumed;
    filter->fates = passed < BL_FATES ? filter->fates << 2 * passed : 0;
    filter->consumed = tick;
    if (as_sent) {
        filter->fates |= BL_FATE_USED;
        filter->counts.used++;
    } else if (tick > filter->first) {
        filter->fates |= BL_FATE_SUBSTITUTED;
        filter->counts.substituted++;
    }
}

void bl_move_filter_use(struct bl_move_filter *filter, const struct bl_tick_time *now,
                        uint32_t tick, const void *asked, struct belay_move *out) {
    follow(filter, now);
    uint64_t wide = widen(tick, filter->ran);
    BELAY_ASSERT(wide <= filter->ran);
    BELAY_ASSERT(wide > filter->consumed);
    bool as_sent = has_input(filter, wide);
    if (as_sent) {
        memcpy(filter->held, input_of(filter, wide), filter->opts->size);
        filter->missing = 0;
    } else if (filter->missing <= UINT8_MAX) {
        filter->missing++;
    }
    settle(filter, wide, as_sent);
    *out = (struct belay_move){
        .data = as_sent ? filter->held : substitute(filter, asked),
        .as_sent = as_sent,
        .held_ticks = (uint8_t)(filter->missing < UINT8_MAX ? filter->missing : UINT8_MAX),
    };
}

void bl_move_filter_report(struct bl_move_filter *filter, struct bl_move_ack *out) {
    struct feedback *feedback = &filter->feedback;
    uint32_t waiting = 0;
    for (uint32_t i = 0; i < WAITING_TICKS; i++) {
        waiting |= (uint32_t)has_input(filter, filter->consumed + 1 + i) << i;
    }
    out->consumed = (uint32_t)filter->consumed;
    out->fates = filter->fates;
    out->waiting = waiting;
    out->received = bl_move_filter_received(filter);
    out->margin = feedback->margin;
    out->margin_smoothed = (int16_t)feedback->smoothed;
    out->margin_min = feedback->has_min ? feedback->margin_min : feedback->margin;
    out->starved = (uint16_t)filter->counts.substituted;
    out->loss = (uint8_t)(feedback->loss * LOSS_UNITS); /* it never gets to be all */
    out->begun = feedback->received != 0;
    feedback->has_min = false;
}

uint32_t bl_move_filter_consumed(const struct bl_move_filter *filter) {
    return (uint32_t)filter->consumed;
}

uint32_t bl_move_filter_received(const struct bl_move_filter *filter) {
    return (uint32_t)(filter->feedback.received != 0 ? filter->feedback.received
                                                     : filter->consumed);
}

const struct bl_move_counts *bl_move_filter_counts(const struct bl_move_filter *filter) {
    return &filter->counts;
}

float bl_move_filter_margin(const struct bl_move_filter *filter) {
    return filter->feedback.smoothed / MARGIN_UNITS;
}
