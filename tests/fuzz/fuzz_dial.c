/*
 * Any datagrams at a client that dials: nothing that does not know the secret ends its attempt, and
 * after all of them it still takes the true server's ACCEPT.
 *
 * The first byte chooses the way. Then each datagram is a kind, a size and bytes; the attempt's
 * nonce is put where it belongs, as by somebody who has seen the OPEN.
 */
#include "lib/secure/dial.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

#define NOW (1000 * BL_SECOND)

enum way { BY_TOKEN, BY_KEY, BY_TRUST, BY_TICKET };

static struct bl_random source;
static struct bl_key_pair server;
static struct bl_dial dial;

static void start(enum way way) {
    static const uint8_t token[136];
    struct bl_dial_target target = {.address_count = 1,
                                    .trust = way == BY_TRUST,
                                    .has_key = way == BY_KEY,
                                    .resume = way == BY_TICKET};
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
        if (bl_dial_denied(&dial, &datagram, &deny)) {
            MUST(dial.resume && dial.hint == deny.code);
            MUST(deny.text_size <= BELAY_REASON_TEXT_MAX);
        }
        break;
    default:
        break;
    }
    MUST(dial.active);
}

/** What the server sends that the client means. */
static bool is_taken(enum way way) {
    const struct bl_secret no_secret = {{0}};
    const struct bl_accept_params params = {1, 2};
    struct bl_credentials credentials;
    struct bl_traffic_keys keys;
    struct bl_key_pair once;
    struct bl_dialed dialed;
    uint8_t bytes[BL_ACCEPT_SIZE];
    struct bl_accept accept = {.suite = BL_SUITE_CHACHA20};
    bl_credentials_of_token(&credentials, &no_secret);
    MUST(way == BY_TOKEN ||
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
    bl_accept_params_write(bytes + BL_ACCEPT_HEAD_SIZE, &params);
    bl_aead_seal(&aead, bytes + BL_ACCEPT_HEAD_SIZE, BL_ACCEPT_PARAMS_SIZE);
    const struct bl_datagram datagram = {
        .address = dial.addresses[0], .data = bytes, .size = sizeof bytes};
    return bl_dial_accepted(&dial, &datagram, NOW, &dialed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    enum way way = (enum way)(data[0] % 4);
    start(way);
    for (size_t i = 1; i + 2 < size;) {
        static const size_t nonce_at[] = {2, 2, 3, 2}; /* by kind */
        uint8_t kind = data[i] % 5;
        size_t wanted = kind == BL_DATAGRAM_ACCEPT  ? BL_ACCEPT_SIZE
                        : kind == BL_DATAGRAM_RETRY ? BL_RETRY_SIZE
                                                    : 28U + data[i + 1] + BL_PROOF_SIZE;
        uint8_t bytes[28 + 255 + BL_PROOF_SIZE] = {0};
        size_t given = size - i - 2 < wanted ? size - i - 2 : wanted;
        memcpy(bytes, data + i + 2, given);
        bytes[0] = kind;
        memcpy(bytes + nonce_at[kind % 4], dial.nonce, BL_NONCE_SIZE);
        try_datagram(bytes, wanted);
        i += 2 + given;
    }
    if (way == BY_TOKEN || way == BY_KEY) {
        MUST(is_taken(way));
    }
    bl_dial_stop(&dial);
    return 0;
}
