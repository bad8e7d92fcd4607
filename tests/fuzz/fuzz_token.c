/*
 * Tokens, their blobs and key files, from any bytes: nothing is read past the end, what is accepted
 * comes out again as it went in, and what was sealed and then changed is not accepted.
 *
 * The first byte chooses what the rest is, for no chance byte string gets past a seal.
 */
#include "lib/secure/token.h"
#include "tests/fuzz/fuzz.h"
#include <belay/token.h>
#include <string.h>

static struct bl_token_keys keys = {.keys = {{.id = 0x01010101}}, .count = 1};

static void try_token(const uint8_t *data, size_t size) {
    struct bl_token_head head;
    struct bl_token token;
    char text[BELAY_TOKEN_TEXT_MAX];
    enum bl_token_verdict verdict = bl_token_head_read(&head, data, size);
    if (verdict != BL_TOKEN_VALID) {
        MUST(bl_token_open(&token, data, size, &keys) == verdict);
    }
    belay_token_inspect(data, size, NULL, text, sizeof text);
    MUST(strlen(text) < sizeof text - 1); /* BELAY_TOKEN_TEXT_MAX is enough */
}

/** What follows the magic. */
static void try_blob(const uint8_t *data, size_t size) {
    struct bl_token_blob blob;
    uint8_t bytes[BL_TOKEN_BLOB_SIZE_MAX + 64] = {'B', 'e', 'l', 'a', 'y', 'T', 'k', '1'};
    uint8_t again[BL_TOKEN_BLOB_SIZE_MAX];
    if (size > sizeof bytes - 8) {
        return;
    }
    memcpy(bytes + 8, data, size);
    try_token(bytes, size + 8);
    if (bl_token_blob_read(&blob, bytes, size + 8) == BL_TOKEN_VALID) {
        MUST(bl_token_blob_write(again, &blob) == size + 8);
        MUST(memcmp(again, bytes, size + 8) == 0);
    }
}

/** The head's fields and the body, as a service that has gone mad would seal them. */
static void try_sealed(const uint8_t *data, size_t size) {
    uint8_t sealed[BL_TOKEN_SIZE_MAX + 64] = {BL_TOKEN_VERSION, 1, 1, 1, 1};
    uint8_t body[sizeof sealed];
    struct bl_token token;
    if (size < 25 || size > sizeof sealed - BL_TOKEN_HEAD_SIZE - BL_AEAD_SIZE) {
        return;
    }
    memcpy(sealed + 5, data, 24);
    memcpy(sealed + 21, sealed + 13, 6); /* an expiry not far from the start */
    size_t body_size = size - 24;
    memcpy(sealed + BL_TOKEN_HEAD_SIZE, data + 24, body_size);
    const struct bl_box box = {&keys.keys[0].secret, sealed + 29, sealed, BL_TOKEN_HEAD_SIZE};
    bl_box_seal(&box, sealed + BL_TOKEN_HEAD_SIZE, body_size);
    size_t sealed_size = BL_TOKEN_HEAD_SIZE + body_size + BL_AEAD_SIZE;
    if (bl_token_open(&token, sealed, sealed_size, &keys) != BL_TOKEN_VALID) {
        return;
    }
    struct bl_random random;
    uint8_t again[BL_TOKEN_SIZE_MAX];
    bl_random_init_seeded(&random, data[0]);
    MUST(bl_token_seal(again, &token, &keys.keys[0], &random) == sealed_size);
    MUST(memcmp(again, sealed, 29) == 0);
    memcpy(body, again, sealed_size);
    const struct bl_box box_again = {&keys.keys[0].secret, body + 29, body, BL_TOKEN_HEAD_SIZE};
    MUST(bl_box_open(&box_again, body + BL_TOKEN_HEAD_SIZE, body_size));
    MUST(memcmp(body + BL_TOKEN_HEAD_SIZE, data + 24, body_size) == 0);

    again[data[1] % sealed_size] ^= (uint8_t)(data[2] | 1);
    MUST(bl_token_open(&token, again, sealed_size, &keys) != BL_TOKEN_VALID);
}

/** Text, in which a byte over 127 stands for a whole key. */
static void try_keys(const uint8_t *data, size_t size) {
    char text[4096];
    size_t text_size = 0;
    struct bl_token_keys read;
    for (size_t i = 0; i < size && text_size < sizeof text - 80; i++) {
        if (data[i] < 128) {
            text[text_size++] = (char)data[i];
        } else {
            text_size += (size_t)sprintf(text + text_size, "%08x %064x", data[i] & 15U, data[i]);
        }
    }
    if (bl_token_keys_parse(&read, text, text_size, "input") != BELAY_OK) {
        return;
    }
    MUST(read.count >= 1 && read.count <= BL_TOKEN_KEYS_MAX);
    MUST(bl_token_keys_find(&read, 0) == NULL);
    for (unsigned i = 0; i < read.count; i++) {
        MUST(bl_token_keys_find(&read, read.keys[i].id) == &read.keys[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const tries[])(const uint8_t *, size_t) = {try_token, try_blob, try_sealed,
                                                             try_keys};
    if (size > 0) {
        tries[data[0] % 4](data + 1, size - 1);
    }
    return 0;
}
