/*
 * A token is read twice: its head by whoever wants to refuse cheaply, all of it by whoever has the
 * key. Blobs come from a login service over a way of its own, but are no less checked.
 */
#include "lib/secure/token.h"

#include "common/assert.h"
#include "common/bytes.h"
#include "lib/secure/invite.h"
#include <string.h>

#define NONCE_AT (BL_TOKEN_HEAD_SIZE - BL_BOX_NONCE_SIZE)

static const uint8_t blob_magic[8] = {'B', 'e', 'l', 'a', 'y', 'T', 'k', '1'};

const char *bl_token_verdict_text(enum bl_token_verdict verdict) {
    switch (verdict) {
    case BL_TOKEN_VALID:
        return "valid";
    case BL_TOKEN_TRUNCATED:
        return "truncated: bytes at its end are missing; check how it was stored and sent";
    case BL_TOKEN_TOO_LONG:
        return "too long: bytes follow its end; check how it was stored and sent";
    case BL_TOKEN_OTHER_VERSION:
        return "of another version, or no token at all; use a login service of this version";
    case BL_TOKEN_BAD_TIMES:
        return "altered: no login service gives such times";
    case BL_TOKEN_UNKNOWN_KEY:
        return "sealed with a key that the key file does not have; give the server the keys of "
               "the login service";
    case BL_TOKEN_ALTERED:
        return "altered, or sealed with another key of the same id";
    case BL_TOKEN_MALFORMED:
        return "malformed: its parts do not fit together";
    case BL_TOKEN_EXPIRED:
        return "expired; ask the login service for another";
    case BL_TOKEN_EARLY:
        return "not yet valid; check the clocks of this machine and the login service";
    }
    return "unknown";
}

static void write_head(struct bl_writer *writer, const struct bl_token_head *head,
                       const struct bl_token_key *key, struct bl_random *random) {
    uint8_t nonce[BL_BOX_NONCE_SIZE];
    bl_random_bytes(random, nonce, sizeof nonce);
    bl_write_u8(writer, BL_TOKEN_VERSION);
    bl_write_u32(writer, key->id);
    bl_write_u64(writer, head->game);
    bl_write_u64(writer, head->not_before_ms);
    bl_write_u64(writer, head->expiry_ms);
    bl_write_bytes(writer, nonce, sizeof nonce);
}

static void write_body(struct bl_writer *writer, const struct bl_token *token) {
    size_t audience_size = strlen(token->audience);
    bl_write_bytes(writer, token->user_id, sizeof token->user_id);
    bl_write_bytes(writer, token->id, sizeof token->id);
    bl_write_bytes(writer, token->secret.bytes, sizeof token->secret.bytes);
    bl_write_u8(writer, token->rate_class);
    bl_write_u8(writer, (uint8_t)audience_size);
    bl_write_bytes(writer, token->audience, audience_size);
    bl_write_u8(writer, token->data_size);
    bl_write_bytes(writer, token->data, token->data_size);
}

size_t bl_token_seal(uint8_t out[BL_TOKEN_SIZE_MAX], const struct bl_token *token,
                     const struct bl_token_key *key, struct bl_random *random) {
    BELAY_ASSERT(token->data_size <= sizeof token->data);
    struct bl_writer writer = bl_writer_of(out, BL_TOKEN_SIZE_MAX - BL_AEAD_SIZE);
    write_head(&writer, &token->head, key, random);
    write_body(&writer, token);
    BELAY_ASSERT(!writer.failed);
    size_t body_size = bl_writer_size(&writer) - BL_TOKEN_HEAD_SIZE;
    const struct bl_box box = {&key->secret, out + NONCE_AT, out, BL_TOKEN_HEAD_SIZE};
    bl_box_seal(&box, out + BL_TOKEN_HEAD_SIZE, body_size);
    return BL_TOKEN_HEAD_SIZE + body_size + BL_AEAD_SIZE;
}

enum bl_token_verdict bl_token_head_read(struct bl_token_head *out, const void *data, size_t size) {
    struct bl_reader reader = bl_reader_of(data, size);
    struct bl_token_head head;
    uint8_t version = bl_read_u8(&reader);
    head.key_id = bl_read_u32(&reader);
    head.game = bl_read_u64(&reader);
    head.not_before_ms = bl_read_u64(&reader);
    head.expiry_ms = bl_read_u64(&reader);
    if (size > 0 && version != BL_TOKEN_VERSION) {
        return BL_TOKEN_OTHER_VERSION; /* whose size we cannot judge */
    }
    if (size < BL_TOKEN_SIZE_MIN) {
        return BL_TOKEN_TRUNCATED;
    }
    if (size > BL_TOKEN_SIZE_MAX) {
        return BL_TOKEN_TOO_LONG;
    }
    if (head.expiry_ms <= head.not_before_ms ||
        head.expiry_ms - head.not_before_ms > BL_TOKEN_LIFE_MS_MAX) {
        return BL_TOKEN_BAD_TIMES;
    }
    *out = head;
    return BL_TOKEN_VALID;
}

/** @return false unless the fields fill the body exactly */
static bool read_body(struct bl_token *out, const uint8_t *body, size_t size) {
    struct bl_reader reader = bl_reader_of(body, size);
    bl_read_copy(&reader, out->user_id, sizeof out->user_id);
    bl_read_copy(&reader, out->id, sizeof out->id);
    bl_read_copy(&reader, out->secret.bytes, sizeof out->secret.bytes);
    out->rate_class = bl_read_u8(&reader);
    size_t audience_size = bl_read_u8(&reader);
    if (audience_size > BL_TOKEN_AUDIENCE_MAX) {
        return false;
    }
    bl_read_copy(&reader, out->audience, audience_size);
    out->data_size = bl_read_u8(&reader);
    if (out->data_size > BL_TOKEN_DATA_MAX) {
        return false;
    }
    bl_read_copy(&reader, out->data, out->data_size);
    /* A zero in it would hide the rest from a comparison of strings. */
    return !reader.failed && bl_reader_left(&reader) == 0 && strlen(out->audience) == audience_size;
}

enum bl_token_verdict bl_token_open(struct bl_token *out, const void *data, size_t size,
                                    const struct bl_token_keys *keys) {
    struct bl_token token = {0};
    enum bl_token_verdict verdict = bl_token_head_read(&token.head, data, size);
    if (verdict != BL_TOKEN_VALID) {
        return verdict;
    }
    const struct bl_token_key *key = bl_token_keys_find(keys, token.head.key_id);
    if (key == NULL) {
        return BL_TOKEN_UNKNOWN_KEY;
    }
    uint8_t text[BL_TOKEN_SIZE_MAX];
    size_t body_size = size - BL_TOKEN_HEAD_SIZE - BL_AEAD_SIZE;
    memcpy(text, data, size);
    const struct bl_box box = {&key->secret, text + NONCE_AT, text, BL_TOKEN_HEAD_SIZE};
    if (!bl_box_open(&box, text + BL_TOKEN_HEAD_SIZE, body_size)) {
        verdict = BL_TOKEN_ALTERED;
    } else if (!read_body(&token, text + BL_TOKEN_HEAD_SIZE, body_size)) {
        verdict = BL_TOKEN_MALFORMED;
    } else {
        *out = token;
    }
    bl_wipe(text, sizeof text);
    bl_wipe(&token, sizeof token);
    return verdict;
}

enum bl_token_verdict bl_token_judge(const struct bl_token_head *head, uint64_t now_ms) {
    if (now_ms >= head->expiry_ms) {
        return BL_TOKEN_EXPIRED;
    }
    if (head->not_before_ms > now_ms && head->not_before_ms - now_ms > BL_TOKEN_SKEW_MS) {
        return BL_TOKEN_EARLY;
    }
    return BL_TOKEN_VALID;
}

bool bl_token_place_is_valid(const char *text, size_t size) {
    struct bl_invite place;
    char copy[BL_TOKEN_PLACE_MAX + 1];
    if (size > BL_TOKEN_PLACE_MAX || memchr(text, '\0', size) != NULL ||
        memchr(text, '/', size) != NULL) { /* no link */
        return false;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    return bl_invite_parse(&place, copy) == BELAY_OK;
}

size_t bl_token_blob_write(uint8_t out[BL_TOKEN_BLOB_SIZE_MAX], const struct bl_token_blob *blob) {
    BELAY_ASSERT(blob->place_count <= BL_TOKEN_PLACES_MAX);
    struct bl_writer writer = bl_writer_of(out, BL_TOKEN_BLOB_SIZE_MAX);
    bl_write_bytes(&writer, blob_magic, sizeof blob_magic);
    bl_write_u16(&writer, blob->token_size);
    bl_write_bytes(&writer, blob->token, blob->token_size);
    bl_write_bytes(&writer, blob->secret.bytes, sizeof blob->secret.bytes);
    bl_write_u8(&writer, blob->place_count);
    for (unsigned i = 0; i < blob->place_count; i++) {
        size_t size = strlen(blob->places[i]);
        bl_write_u8(&writer, (uint8_t)size);
        bl_write_bytes(&writer, blob->places[i], size);
    }
    return writer.failed ? 0 : bl_writer_size(&writer);
}

bool bl_token_is_blob(const void *data, size_t size) {
    return size >= sizeof blob_magic && bl_equal(data, blob_magic, sizeof blob_magic);
}

/** Reads the places; false when one has no such form. */
static bool read_places(struct bl_token_blob *out, struct bl_reader *reader) {
    for (unsigned i = 0; i < out->place_count; i++) {
        size_t size = bl_read_u8(reader);
        const uint8_t *text = bl_read_span(reader, size);
        if (text == NULL) {
            return true; /* cut off: the reader knows */
        }
        if (!bl_token_place_is_valid((const char *)text, size)) {
            return false;
        }
        memcpy(out->places[i], text, size);
        out->places[i][size] = '\0';
    }
    return true;
}

static enum bl_token_verdict read_blob(struct bl_token_blob *out, const void *data, size_t size) {
    struct bl_reader reader = bl_reader_of(data, size);
    bl_read_span(&reader, sizeof blob_magic);
    out->token_size = bl_read_u16(&reader);
    if (out->token_size > sizeof out->token) {
        return BL_TOKEN_MALFORMED;
    }
    bl_read_copy(&reader, out->token, out->token_size);
    bl_read_copy(&reader, out->secret.bytes, sizeof out->secret.bytes);
    out->place_count = bl_read_u8(&reader);
    if (out->place_count > BL_TOKEN_PLACES_MAX || !read_places(out, &reader)) {
        return BL_TOKEN_MALFORMED;
    }
    if (reader.failed) {
        return BL_TOKEN_TRUNCATED;
    }
    if (bl_reader_left(&reader) > 0 || size > BL_TOKEN_BLOB_SIZE_MAX) {
        return BL_TOKEN_TOO_LONG;
    }
    return out->token_size > 0 ? BL_TOKEN_VALID : BL_TOKEN_MALFORMED;
}

enum bl_token_verdict bl_token_blob_read(struct bl_token_blob *out, const void *data, size_t size) {
    struct bl_token_blob blob = {0};
    if (!bl_token_is_blob(data, size)) {
        return size < sizeof blob_magic ? BL_TOKEN_TRUNCATED : BL_TOKEN_MALFORMED;
    }
    enum bl_token_verdict verdict = read_blob(&blob, data, size);
    if (verdict == BL_TOKEN_VALID) {
        *out = blob;
    }
    bl_wipe(&blob, sizeof blob);
    return verdict;
}
