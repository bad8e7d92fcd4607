/*
 * The login service's side. It runs in a process of its own, which has no loop of ours: so this is
 * where the wall clock and the system's random numbers come in.
 */
#include "common/error.h"
#include "common/options.h"
#include "lib/clock/clock.h"
#include "lib/secure/token.h"
#include "lib/wire/datagram.h"
#include <belay/token.h>
#include <string.h>

_Static_assert(BELAY_TOKEN_SIZE_MAX == BL_TOKEN_BLOB_SIZE_MAX, "the same in both headers");
_Static_assert(BELAY_TOKEN_LIFE_MAX * 1000 == BL_TOKEN_LIFE_MS_MAX, "the same in both headers");
_Static_assert(BELAY_TOKEN_PLACES_MAX == BL_TOKEN_PLACES_MAX, "the same in both headers");
_Static_assert(BELAY_TOKEN_KEYS_MAX == BL_TOKEN_KEYS_MAX, "the same in both headers");

static bool is_zero(const uint8_t id[16]) {
    static const uint8_t zeros[16];
    return bl_equal(id, zeros, sizeof zeros);
}

static enum belay_result check_options(const struct belay_token_opts *opts) {
    if (opts->key_file == NULL) {
        return bl_fail(BELAY_E_INVALID,
                       "key_file: give the file that belay_key_generate() has made");
    }
    if (is_zero(opts->user_id)) {
        return bl_fail(BELAY_E_INVALID, "user_id: give 16 bytes that name the user; these are 0");
    }
    if (opts->life_s > BELAY_TOKEN_LIFE_MAX) {
        return bl_fail(BELAY_E_INVALID,
                       "life_s: at most %d, in which to connect; the session may last longer",
                       BELAY_TOKEN_LIFE_MAX);
    }
    if (opts->data == NULL && opts->data_size > 0) {
        return bl_fail(BELAY_E_INVALID, "data: NULL, with data_size %zu", opts->data_size);
    }
    if (opts->data_size > BELAY_TOKEN_DATA_MAX) {
        return bl_fail(BELAY_E_TOO_BIG, "data: %zu bytes, at most %d fit", opts->data_size,
                       BELAY_TOKEN_DATA_MAX);
    }
    if (opts->audience != NULL && strlen(opts->audience) > BELAY_TOKEN_AUDIENCE_MAX) {
        return bl_fail(BELAY_E_TOO_BIG, "audience: at most %d bytes", BELAY_TOKEN_AUDIENCE_MAX);
    }
    return BELAY_OK;
}

static enum belay_result add_place(struct bl_token_blob *blob, const char *text, size_t size) {
    while (size > 0 && text[0] == ' ') {
        text++, size--;
    }
    while (size > 0 && text[size - 1] == ' ') {
        size--;
    }
    if (blob->place_count == BL_TOKEN_PLACES_MAX) {
        return bl_fail(BELAY_E_TOO_BIG, "addresses: at most %d", BL_TOKEN_PLACES_MAX);
    }
    if (!bl_token_place_is_valid(text, size)) {
        return bl_fail(BELAY_E_ADDRESS,
                       "addresses: \"%.*s\" is none; write \"play.example.org:7777\" or "
                       "\"[2001:db8::1]:7777\", with commas between",
                       size < 64 ? (int)size : 64, text);
    }
    memcpy(blob->places[blob->place_count], text, size); /* zeroed before */
    blob->place_count++;
    return BELAY_OK;
}

static enum belay_result add_places(struct bl_token_blob *blob, const char *text) {
    enum belay_result result = BELAY_OK;
    while (text != NULL && text[0] != '\0' && result == BELAY_OK) {
        size_t size = strcspn(text, ",");
        result = add_place(blob, text, size);
        text += size + (text[size] == ',');
    }
    return result;
}

/** Draws what is random in a token and fills in the rest; sealed, it is the blob's. */
static void seal_token(struct bl_token_blob *blob, const struct belay_token_opts *opts,
                       const struct bl_token_key *key) {
    struct bl_random random;
    uint32_t life_s = opts->life_s != 0 ? opts->life_s : BELAY_TOKEN_LIFE_DEFAULT;
    struct bl_token token = {
        .head = {.game = opts->game != NULL ? bl_wire_hash(opts->game) : 0,
                 .not_before_ms = opts->not_before_ms != 0
                                      ? opts->not_before_ms
                                      : (uint64_t)(bl_clock_wall() / BL_MILLISECOND)},
        .data_size = (uint8_t)opts->data_size,
    };
    token.head.expiry_ms = token.head.not_before_ms + (uint64_t)life_s * 1000;
    memcpy(token.user_id, opts->user_id, sizeof token.user_id);
    if (opts->audience != NULL) {
        memcpy(token.audience, opts->audience, strlen(opts->audience));
    }
    if (opts->data_size > 0) {
        memcpy(token.data, opts->data, opts->data_size);
    }
    bl_random_init_system(&random);
    bl_random_bytes(&random, token.id, sizeof token.id);
    bl_random_bytes(&random, token.secret.bytes, sizeof token.secret.bytes);
    blob->secret = token.secret;
    blob->token_size = (uint16_t)bl_token_seal(blob->token, &token, key, &random);
    bl_wipe(&token, sizeof token);
}

static enum belay_result give_blob(const struct bl_token_blob *blob, void *token, size_t *size) {
    uint8_t text[BL_TOKEN_BLOB_SIZE_MAX];
    enum belay_result result = BELAY_OK;
    size_t text_size = bl_token_blob_write(text, blob);
    if (text_size == 0) {
        result = bl_fail(BELAY_E_TOO_BIG, "addresses: too long together; name fewer or shorter");
    } else if (text_size > *size) {
        result = bl_fail(BELAY_E_TOO_BIG,
                         "size: the token has %zu bytes; give BELAY_TOKEN_SIZE_MAX of memory",
                         text_size);
    } else {
        memcpy(token, text, text_size);
        *size = text_size;
    }
    bl_wipe(text, sizeof text);
    return result;
}

enum belay_result belay_token_issue(const struct belay_token_opts *options, void *token,
                                    size_t *size) {
    struct belay_token_opts opts;
    struct bl_token_blob blob = {0};
    struct bl_token_keys keys;
    if (token == NULL || size == NULL) {
        return bl_fail(BELAY_E_INVALID, "%s: NULL", token == NULL ? "token" : "size");
    }
    enum belay_result result =
        bl_options_copy(&opts, sizeof opts, options, "BELAY_TOKEN_OPTS_INIT");
    if (result == BELAY_OK) {
        result = check_options(&opts);
    }
    if (result == BELAY_OK) {
        result = add_places(&blob, opts.addresses);
    }
    if (result == BELAY_OK) {
        result = bl_token_keys_load(&keys, opts.key_file);
    }
    if (result != BELAY_OK) {
        return result;
    }
    seal_token(&blob, &opts, &keys.keys[0]);
    bl_token_keys_wipe(&keys);
    result = give_blob(&blob, token, size);
    bl_wipe(&blob, sizeof blob);
    return result;
}

static enum belay_result
change_keys(const char *key_file, enum belay_result (*change)(const char *, struct bl_random *)) {
    struct bl_random random;
    if (key_file == NULL) {
        return bl_fail(BELAY_E_INVALID, "key_file: NULL; name a file");
    }
    bl_random_init_system(&random);
    return change(key_file, &random);
}

enum belay_result belay_key_generate(const char *key_file) {
    return change_keys(key_file, bl_token_keys_generate);
}

enum belay_result belay_key_add(const char *key_file) {
    return change_keys(key_file, bl_token_keys_add);
}
