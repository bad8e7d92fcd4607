/*
 * Connect tokens, docs/protocol.md "Two ways in": what a login service seals for its servers, and
 * the blob in which it hands one to a client together with the token's secret.
 *
 * Times are milliseconds since 1970 in UTC, of the wall clock.
 */
#ifndef BL_SECURE_TOKEN_H
#define BL_SECURE_TOKEN_H

#include "lib/secure/token_keys.h"
#include <belay/limits.h>

#define BL_TOKEN_VERSION      1
#define BL_TOKEN_HEAD_SIZE    53
#define BL_TOKEN_BODY_MIN     67 /* without audience and data */
#define BL_TOKEN_ID_SIZE      16
#define BL_TOKEN_AUDIENCE_MAX BELAY_TOKEN_AUDIENCE_MAX
#define BL_TOKEN_DATA_MAX     BELAY_TOKEN_DATA_MAX
#define BL_TOKEN_SIZE_MIN     (BL_TOKEN_HEAD_SIZE + BL_TOKEN_BODY_MIN + BL_AEAD_SIZE)
#define BL_TOKEN_SIZE_MAX     (BL_TOKEN_SIZE_MIN + BL_TOKEN_AUDIENCE_MAX + BL_TOKEN_DATA_MAX)
#define BL_TOKEN_LIFE_MS_MAX  120000
#define BL_TOKEN_SKEW_MS      1000 /* clocks of the service and a server may differ by so much */

/** What is wrong with a token, or a blob. */
enum bl_token_verdict {
    BL_TOKEN_VALID = 0,
    BL_TOKEN_TRUNCATED,
    BL_TOKEN_TOO_LONG,
    BL_TOKEN_OTHER_VERSION,
    BL_TOKEN_BAD_TIMES, /* such as no service gives: reversed, or too far apart */
    BL_TOKEN_UNKNOWN_KEY,
    BL_TOKEN_ALTERED,
    BL_TOKEN_MALFORMED, /* what is inside does not fit together */
    BL_TOKEN_EXPIRED,
    BL_TOKEN_EARLY, /* not valid yet */
};
/** In words, with what to do about it. A constant string. */
const char *bl_token_verdict_text(enum bl_token_verdict verdict);

/** The part in clear; authentic only once the token is open. */
struct bl_token_head {
    uint32_t key_id;
    uint64_t game; /* bl_wire_hash() of its name; 0 = any */
    uint64_t not_before_ms, expiry_ms;
};

struct bl_token {
    struct bl_token_head head;
    uint8_t user_id[16];
    uint8_t id[BL_TOKEN_ID_SIZE]; /* random, never used twice */
    struct bl_secret secret;      /* of the session */
    uint8_t rate_class;
    char audience[BL_TOKEN_AUDIENCE_MAX + 1]; /* the server's name; "" = any with the key */
    uint8_t data[BL_TOKEN_DATA_MAX];
    uint8_t data_size;
};

/**
 * Seals what is in @p token with @p key, whose id takes the place of the head's.
 *
 * @return the size, at most BL_TOKEN_SIZE_MAX
 */
size_t bl_token_seal(uint8_t out[BL_TOKEN_SIZE_MAX], const struct bl_token *token,
                     const struct bl_token_key *key, struct bl_random *random);

/** Up to BL_TOKEN_BAD_TIMES; no clock is asked. @param out untouched unless it is valid */
enum bl_token_verdict bl_token_head_read(struct bl_token_head *out, const void *data, size_t size);
/**
 * Up to BL_TOKEN_MALFORMED; no clock is asked.
 *
 * @param out  untouched unless it is valid; the caller wipes it
 */
enum bl_token_verdict bl_token_open(struct bl_token *out, const void *data, size_t size,
                                    const struct bl_token_keys *keys);
/** BL_TOKEN_VALID, BL_TOKEN_EXPIRED or BL_TOKEN_EARLY. */
enum bl_token_verdict bl_token_judge(const struct bl_token_head *head, uint64_t now_ms);

#define BL_TOKEN_BLOB_SIZE_MAX 1024
#define BL_TOKEN_PLACES_MAX    8
#define BL_TOKEN_PLACE_MAX     255

/** What a client gets. */
struct bl_token_blob {
    uint8_t token[BL_TOKEN_SIZE_MAX];
    uint16_t token_size;
    struct bl_secret secret; /* the same as in the token */
    uint8_t place_count;
    char places[BL_TOKEN_PLACES_MAX][BL_TOKEN_PLACE_MAX + 1]; /* "host:port" or "[v6]:port" */
};

/** Whether bl_invite_parse() takes text of @p size bytes, and it has no key. */
bool bl_token_place_is_valid(const char *text, size_t size);

/** @return the size, at most BL_TOKEN_BLOB_SIZE_MAX; 0 when the places are too long for it */
size_t bl_token_blob_write(uint8_t out[BL_TOKEN_BLOB_SIZE_MAX], const struct bl_token_blob *blob);
/** Whether it begins as a blob, and not as a bare token. */
bool bl_token_is_blob(const void *data, size_t size);
/**
 * Valid, truncated, too long or malformed. What the token holds is not looked at.
 *
 * @param out  untouched unless it is valid; the caller wipes it
 */
enum bl_token_verdict bl_token_blob_read(struct bl_token_blob *out, const void *data, size_t size);

#endif
