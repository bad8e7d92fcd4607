/*
 * The link model. In the order in which a real path would do it: a queue in front of a line of a
 * certain rate, then a medium that loses, doubles, flips bits, holds back and delays.
 *
 * Every crossing draws the same LUCK_COUNT values before anything is decided, so that turning one
 * trouble on leaves the luck of all others as it was: two runs that differ in `corrupt` lose the
 * same datagrams.
 *
 * Losses follow a Gilbert model (E. N. Gilbert, "Capacity of a burst-noise channel", BSTJ 39, 1960)
 * whose bad state loses everything. A run lasts `burst` datagrams on average when a loss is
 * followed by another with probability 1 - 1/burst; the share of losses is as asked when a delivery
 * is followed by a loss with probability loss / ((1 - loss) * burst). Runs shorter than those of
 * independent losses, 1 / (1 - loss), are not made: at that length both probabilities are `loss`,
 * which is independence, so the default burst of 1 gives just that.
 */
#include "lib/net/sim_link.h"
#include <string.h>

#define HEADER_SIZE    28 /* bytes of IPv4 and UDP that a line carries beside each datagram */
#define QUEUE_DEFAULT  200
#define NS_PER_KBIT_MS INT64_C(1000000) /* a rate of 1 kbit/s is one bit per this many ns */

enum luck {
    LUCK_LOSS,
    LUCK_DUPLICATE,
    LUCK_COPY, /* LUCK_COPY_COUNT values for each of two copies */
};
enum copy_luck { LUCK_CORRUPT, LUCK_BIT, LUCK_REORDER, LUCK_JITTER, LUCK_COPY_COUNT };
#define LUCK_COUNT (LUCK_COPY + 2 * LUCK_COPY_COUNT)

/** Nothing for NaN, which compares with nothing. */
static float share_of(float value) {
    if (value > 0.0F) {
        return value < 1.0F ? value : 1.0F;
    }
    return 0.0F;
}

struct belay_link bl_sim_link_clean(const struct belay_link *options) {
    struct belay_link link = BELAY_LINK_INIT;
    if (options != NULL) {
        size_t size = options->struct_size < sizeof(link) ? options->struct_size : sizeof(link);
        memcpy(&link, options, size);
    }
    link.struct_size = sizeof(link);
    link.loss = share_of(link.loss);
    link.duplicate = share_of(link.duplicate);
    link.reorder = share_of(link.reorder);
    link.corrupt = share_of(link.corrupt);
    if (link.burst == 0) {
        link.burst = 1;
    }
    if (link.queue_ms == 0) {
        link.queue_ms = QUEUE_DEFAULT;
    }
    return link;
}

void bl_sim_way_set(struct bl_sim_way *way, const struct belay_link *clean, bool cut) {
    way->link = *clean;
    way->cut = cut;
    way->losing = false;
}

static bool happens(uint64_t luck, double probability) {
    return (double)(luck >> 11) * 0x1p-53 < probability;
}

/** Moves the Gilbert chain by one datagram; true when it is lost. */
static bool loses(struct bl_sim_way *way, uint64_t luck) {
    double loss = (double)way->link.loss;
    if (loss >= 1.0) {
        return true;
    }
    double run = 1.0 / (1.0 - loss);
    if (run < way->link.burst) {
        run = way->link.burst;
    }
    double probability = way->losing ? 1.0 - 1.0 / run : loss / ((1.0 - loss) * run);
    way->losing = happens(luck, probability);
    return way->losing;
}

/** Puts a datagram on the line. @return when it has left it, or BL_TIME_NEVER when the queue is
 * full */
static bl_time leave_queue(struct bl_sim_way *way, bl_time at, size_t size) {
    if (way->link.rate_kbit == 0) {
        return at;
    }
    bl_time start = way->clear > at ? way->clear : at;
    if (start - at > bl_from_ms(way->link.queue_ms)) {
        return BL_TIME_NEVER;
    }
    int64_t bits = (int64_t)(size + HEADER_SIZE) * 8;
    way->clear = start + bits * NS_PER_KBIT_MS / way->link.rate_kbit;
    return way->clear;
}

static struct bl_sim_copy make_copy(const struct belay_link *link, const uint64_t *luck, bl_time at,
                                    size_t size) {
    struct bl_sim_copy copy = {.at = at, .flipped_bit = BL_SIM_NO_BIT};
    bl_duration jitter = bl_from_ms(link->jitter_ms);
    copy.at += bl_from_ms(link->delay_ms);
    copy.at += (bl_duration)(luck[LUCK_JITTER] % ((uint64_t)jitter + 1));
    if (happens(luck[LUCK_REORDER], (double)link->reorder)) {
        copy.at += bl_from_ms(link->delay_ms) + jitter;
    }
    if (size > 0 && happens(luck[LUCK_CORRUPT], (double)link->corrupt)) {
        copy.flipped_bit = (size_t)(luck[LUCK_BIT] % (size * 8));
    }
    return copy;
}

struct bl_sim_fate bl_sim_way_cross(struct bl_sim_way *way, struct bl_random *random, bl_time at,
                                    size_t size) {
    uint64_t luck[LUCK_COUNT];
    for (size_t i = 0; i < LUCK_COUNT; i++) {
        luck[i] = bl_random_u64(random);
    }
    struct bl_sim_fate fate = {0};
    bool lost = loses(way, luck[LUCK_LOSS]);
    bl_time left = leave_queue(way, at, size);
    if (way->cut || lost || left == BL_TIME_NEVER) {
        return fate;
    }
    fate.copy_count = happens(luck[LUCK_DUPLICATE], (double)way->link.duplicate) ? 2 : 1;
    for (size_t i = 0; i < fate.copy_count; i++) {
        const uint64_t *copy_luck = luck + LUCK_COPY + i * LUCK_COPY_COUNT;
        fate.copies[i] = make_copy(&way->link, copy_luck, left, size);
    }
    return fate;
}
