/*
 * A bucket keeps what is missing from it, in billionths: a nanosecond at n a second refills exactly
 * n of them, so nothing is ever rounded.
 *
 * In the table sources that share a bucket share its rate. Who shares with whom follows from a
 * secret, so nobody can choose a victim; and memory stays the same, however many prefixes a flood
 * comes from.
 */
#include "lib/secure/rate.h"

#include "common/error.h"
#include <belay/limits.h>
#include <string.h>

#define UNIT UINT64_C(1000000000) /* the parts of one; also nanoseconds in a second */

/* Lengths of prefixes, in bytes. */
#define IPV4_NARROW 4
#define IPV4_WIDE   3
#define IPV6_NARROW 8
#define IPV6_WIDE   6

#define TABLE_SIZE (2 * BL_RATE_BUCKETS * sizeof(struct bl_bucket))

static bool is_unlimited(const struct bl_rate *rate) {
    return rate->per_second == BELAY_FOREVER;
}

/** Cannot overflow: what is multiplied is at most what was missing. */
static void refill(struct bl_bucket *bucket, const struct bl_rate *rate, bl_time now) {
    if (now <= bucket->at) {
        return;
    }
    uint64_t elapsed = (uint64_t)(now - bucket->at);
    bucket->at = now;
    if (rate->per_second == 0) {
        return;
    }
    if (elapsed > bucket->missing / rate->per_second) {
        bucket->missing = 0;
    } else {
        bucket->missing -= elapsed * rate->per_second;
    }
}

static bool has(const struct bl_bucket *bucket, const struct bl_rate *rate, uint32_t amount) {
    return is_unlimited(rate) || bucket->missing + amount * UNIT <= rate->burst * UNIT;
}

static void remove_from(struct bl_bucket *bucket, const struct bl_rate *rate, uint32_t amount) {
    if (!is_unlimited(rate)) {
        bucket->missing += amount * UNIT;
    }
}

bool bl_bucket_take(struct bl_bucket *bucket, const struct bl_rate *rate, uint32_t amount,
                    bl_time now) {
    refill(bucket, rate, now);
    if (!has(bucket, rate, amount)) {
        return false;
    }
    remove_from(bucket, rate, amount);
    return true;
}

enum belay_result bl_rate_table_init(struct bl_rate_table *table, struct bl_memory *memory,
                                     struct bl_random *random, struct bl_rate narrow,
                                     struct bl_rate wide) {
    struct bl_bucket *buckets = bl_allocate(memory, TABLE_SIZE);
    if (buckets == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for the rates of %d prefixes",
                       2 * BL_RATE_BUCKETS);
    }
    *table = (struct bl_rate_table){
        .memory = memory, .buckets = buckets, .narrow = narrow, .wide = wide};
    bl_random_bytes(random, table->secret, sizeof table->secret);
    return BELAY_OK;
}

void bl_rate_table_finish(struct bl_rate_table *table) {
    if (table->buckets != NULL) {
        bl_free(table->memory, table->buckets, TABLE_SIZE);
    }
    *table = (struct bl_rate_table){0};
}

/** The length of the prefix, which tells family and width, is hashed with it. */
static struct bl_bucket *bucket_of(struct bl_rate_table *table, const struct bl_address *address,
                                   bool wide) {
    uint8_t key[1 + IPV6_NARROW] = {0};
    bool ipv4 = bl_address_is_ipv4(address);
    const uint8_t *prefix = ipv4 ? address->ip + 12 : address->ip;
    if (ipv4) {
        key[0] = wide ? IPV4_WIDE : IPV4_NARROW;
    } else {
        key[0] = wide ? IPV6_WIDE : IPV6_NARROW;
    }
    memcpy(key + 1, prefix, key[0]);
    uint64_t index = bl_siphash(table->secret, key, sizeof key) % BL_RATE_BUCKETS;
    return &table->buckets[wide ? BL_RATE_BUCKETS + index : index];
}

bool bl_rate_table_take(struct bl_rate_table *table, const struct bl_address *address,
                        bl_time now) {
    struct bl_bucket *narrow = bucket_of(table, address, false);
    struct bl_bucket *wide = bucket_of(table, address, true);
    refill(narrow, &table->narrow, now);
    refill(wide, &table->wide, now);
    /* From both or none, so that what one source gets refused costs its neighbours nothing. */
    if (!has(narrow, &table->narrow, 1) || !has(wide, &table->wide, 1)) {
        return false;
    }
    remove_from(narrow, &table->narrow, 1);
    remove_from(wide, &table->wide, 1);
    return true;
}
