/*
 * Any datagrams at a client that dials: nothing that does not know the secret ends its attempt, and
 * after all of them it still takes the true server's ACCEPT.
 *
 * The first byte chooses the way. Then each datagram is a kind, a size and bytes; the attempt's
 * nonce is put where it belongs, as by somebody who has seen the OPEN. Of kind 0 they are the
 * parameters of an ACCEPT that the true server seals: what it says of them must make sense too.
 */
#include "lib/secure/dial.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

#define NOW          (1000 * BL_SECOND)
#define PARAMS_BYTES 64 /* at most so many say how parameters are altered */

enum way { BY_TOKEN, BY_KEY, BY_TRUST, BY_TICKET };

static struct bl_random source;
static struct bl_key_pair server;
static struct bl_dial dial;

static void start(enum way way) {
    static const uint8_t token[136];
    struct bl_dial_target target = {.address_count = 1,
                                    .trust = way == BY_TRUST,
                                    .has_key = way == BY_KEY,
                                    .by_ticket = way == BY_TICKET};
    bl_random_init_seeded(&source, 1);
    bl_key_pair_make(&server, &source);
    memcpy(target.server_key, server.public, BL_PUBLIC_SIZE);
    if (way == BY_TOKEN) {
        target.token = token;
        target.token_size = sizeof token;
    }
    bl_dial_start(&dial, &target, 0, &source, NOW);
}

static void try_datagram(uint8_t *bytes, size_t size) {
    const struct bl_datagram datagram = {.address = dial.addresses[0], .data = bytes, .size = size};
    struct bl_dialed dialed;
    struct bl_deny deny;
    uint8_t open[BL_OPEN_SIZE];
    switch (bl_datagram_kind(bytes, size)) {
    case BL_DATAGRAM_RETRY:
        if (bl_dial_retry(&dial, &datagram, NOW)) {
            MUST(dial.has_key && dial.next_at == NOW);
            bl_dial_write(&dial, NOW, open);
            MUST(memcmp(open + BL_OPEN_FIXED_SIZE, bytes + 18, BL_COOKIE_SIZE) == 0);
        }
        break;
    case BL_DATAGRAM_ACCEPT:
        MUST(!bl_dial_accepted(&dial, &datagram, NOW, &dialed));
        break;
    case BL_DATAGRAM_DENY:
        MUST(!bl_dial_denied(&dial, &datagram, &deny));
        break;
    default:
        break;
    }
    MUST(dial.active);
}

/** The true server's ACCEPT with these parameters. @return whether it is taken */
static bool is_taken(enum way way, const uint8_t *params, size_t size, struct bl_dialed *dialed) {
    const struct bl_secret no_secret = {{0}};
    struct bl_credentials credentials;
    struct bl_traffic_keys keys;
    struct bl_key_pair once;
    uint8_t bytes[BL_ACCEPT_SIZE_MAX + 1];
    struct bl_accept accept = {.suite = BL_SUITE_CHACHA20};
    bl_credentials_of_token(&credentials, &no_secret);
    if (way == BY_TICKET) {
        bl_credentials_of_ticket(&credentials, &no_secret);
    }
    MUST(way == BY_TOKEN || way == BY_TICKET ||
         bl_credentials_of_key(&credentials, &server.secret, dial.ephemeral.public, server.public));
    bl_key_pair_make(&once, &source);
    memcpy(accept.nonce, dial.nonce, sizeof accept.nonce);
    memcpy(accept.key, once.public, sizeof accept.key);
    bl_accept_write(bytes, &accept);
    const struct bl_exchange exchange = {dial.open_hash, bytes, &once.secret,
                                         dial.ephemeral.public};
    MUST(bl_traffic_keys_of(&keys, &credentials, &exchange));
    const struct bl_aead aead = {
        .key = &keys.down, .head = bytes, .head_size = BL_ACCEPT_HEAD_SIZE};
    memcpy(bytes + BL_ACCEPT_HEAD_SIZE, params, size);
    bl_aead_seal(&aead, bytes + BL_ACCEPT_HEAD_SIZE, size);
    const struct bl_datagram datagram = {.address = dial.addresses[0],
                                         .data = bytes,
                                         .size = BL_ACCEPT_HEAD_SIZE + size + BL_AEAD_SIZE};
    return bl_dial_accepted(&dial, &datagram, NOW, dialed);
}

/** Good parameters with some of their bytes altered; the first given byte is how many channels they
 * tell of. What is taken is what would be written. */
static void try_params(enum way way, const uint8_t *data, size_t size) {
    struct bl_accept_params params = {.tag = 1, .spare_tag = 2};
    uint8_t bytes[BL_ACCEPT_PARAMS_MAX + 1] = {0}, again[BL_ACCEPT_PARAMS_MAX];
    struct bl_dialed dialed;
    params.positions.count = size > 0 ? data[0] % (BELAY_CHANNELS_MAX + 1) : 0;
    for (uint8_t i = 0; i < params.positions.count; i++) {
        params.positions.channels[i].channel = i;
    }
    size_t written = bl_accept_params_write(bytes, &params);
    for (size_t i = 1; i + 2 < size; i += 3) {
        bytes[((size_t)data[i] << 8 | data[i + 1]) % written] ^= data[i + 2];
    }
    if (size % 3 == 2) { /* another length */
        written = (size_t)(data[size - 1] * 2);
        written = written < sizeof bytes ? written : sizeof bytes;
    }
    if (is_taken(way, bytes, written, &dialed)) {
        MUST(dialed.params.tag != 0 && dialed.params.tag != dialed.params.spare_tag);
        MUST(bl_accept_params_write(again, &dialed.params) == written);
        MUST(memcmp(again, bytes, written) == 0);
    }
    MUST(dial.active);
}

static size_t size_of(uint8_t kind, uint8_t text_size) {
    return kind == BL_DATAGRAM_ACCEPT  ? BL_ACCEPT_SIZE_MAX
           : kind == BL_DATAGRAM_RETRY ? BL_RETRY_SIZE
                                       : 28U + text_size + BL_PROOF_SIZE;
}

/** @return how many of the bytes it has used */
static size_t try_bytes(const uint8_t head[2], const uint8_t *data, size_t size) {
    static const size_t nonce_at[] = {2, 2, 3, 2}; /* by kind */
    uint8_t kind = head[0] % 5;
    uint8_t bytes[BL_ACCEPT_SIZE_MAX] = {0};
    size_t wanted = size_of(kind, head[1]);
    size_t given = size < wanted ? size : wanted;
    memcpy(bytes, data, given);
    bytes[0] = kind;
    memcpy(bytes + nonce_at[kind % 4], dial.nonce, BL_NONCE_SIZE);
    try_datagram(bytes, wanted);
    return given;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct bl_accept_params params = {.tag = 1, .spare_tag = 2};
    uint8_t bytes[BL_ACCEPT_PARAMS_MAX];
    struct bl_dialed dialed;
    if (size == 0) {
        return 0;
    }
    enum way way = (enum way)(data[0] % 4);
    bool tried = way == BY_TRUST; /* who knows no key yet takes none; once is enough, and dear */
    start(way);
    for (size_t i = 1; i + 2 < size;) {
        size_t left = size - i - 2;
        if (data[i] % 5 == 0 && !tried) {
            tried = true;
            left = left < PARAMS_BYTES ? left : PARAMS_BYTES;
            try_params(way, data + i + 2, left);
            i += 2 + left;
        } else {
            i += 2 + try_bytes(data + i, data + i + 2, left);
        }
    }
    if (way != BY_TRUST) {
        MUST(is_taken(way, bytes, bl_accept_params_write(bytes, &params), &dialed));
    }
    bl_dial_stop(&dial);
    return 0;
}
