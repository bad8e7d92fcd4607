/*
 * Token buckets: so many a second on average, and a burst at once.
 *
 * One bucket for whoever is known (a session's datagrams, its bytes), and a table of fixed size for
 * strangers, by the prefixes of their addresses. Time is monotonic.
 */
#ifndef BL_SECURE_RATE_H
#define BL_SECURE_RATE_H

#include "common/memory.h"
#include "common/random.h"
#include "lib/clock/time.h"
#include "lib/net/address.h"
#include <belay/result.h>

struct bl_rate {
    uint32_t per_second; /* BELAY_FOREVER: no limit; 0: the burst, once */
    uint32_t burst;      /* what a full bucket holds; what is more at once never passes */
};

/** Zeroed memory is a full bucket of any rate. */
struct bl_bucket {
    uint64_t missing; /* in billionths, at `at` */
    bl_time at;
};

/** Takes @p amount, or nothing when there is not that much. */
bool bl_bucket_take(struct bl_bucket *bucket, const struct bl_rate *rate, uint32_t amount,
                    bl_time now);

#define BL_RATE_BUCKETS 2048 /* for each length of prefix; a power of two */

/** Sources by prefix: narrow, IPv4 /32 and IPv6 /64; wide, IPv4 /24 and IPv6 /48. */
struct bl_rate_table {
    struct bl_memory *memory;
    struct bl_bucket *buckets; /* narrow ones, then wide ones */
    struct bl_rate narrow, wide;
    uint8_t secret[BL_SIPHASH_SECRET_SIZE];
};

/** @return BELAY_OK, BELAY_E_NO_MEMORY */
enum belay_result bl_rate_table_init(struct bl_rate_table *table, struct bl_memory *memory,
                                     struct bl_random *random, struct bl_rate narrow,
                                     struct bl_rate wide);
/** Zeroed memory is fine. */
void bl_rate_table_finish(struct bl_rate_table *table);

/** Takes one from each of the two prefixes of an address, or from none. */
bool bl_rate_table_take(struct bl_rate_table *table, const struct bl_address *address, bl_time now);

#endif
