#include "bench/hostile.h"

#include "bench/raw_hostile.h"
#include "lib/secure/dial.h"
#include "lib/secure/token.h"
#include "lib/wire/frame.h"
#include <stdlib.h>
#include <string.h>

#define SERVER      "10.0.0.1:7777"
#define OWN         "198.18.0.1:4000"
#define HOLDER      "198.18.0.2:4000"
#define SEEN_MAX    4096
#define OLD_COOKIES 256
#define AGE_MS      65000 /* cookies are good for a minute at most */
#define RECEIVE_MAX 8

bool bl_pool_open(struct bl_pool *pool, uint32_t max) {
    *pool = (struct bl_pool){.max = max, .size = (size_t)max * BL_HOSTILE_SIZE_MAX};
    pool->bytes = malloc(pool->size);
    pool->items = calloc(max, sizeof *pool->items);
    return pool->bytes != NULL && pool->items != NULL;
}

void bl_pool_close(struct bl_pool *pool) {
    free(pool->bytes);
    free(pool->items);
    *pool = (struct bl_pool){0};
}

void bl_pool_add(struct bl_pool *pool, const void *data, size_t size) {
    if (pool->count < pool->max && pool->used + size <= pool->size) {
        if (size > 0) {
            memcpy(pool->bytes + pool->used, data, size);
        }
        pool->items[pool->count++] = (struct bl_pooled){pool->used, size};
        pool->used += size;
    }
}

static uint64_t wall_ms(const struct bl_hostile *hostile) {
    return (uint64_t)(bl_net_wall(hostile->net) / BL_MILLISECOND);
}

/* OPENs. */

/** An OPEN that a client would send. @param token NULL = by key @return false: no token */
static bool make_open(struct bl_hostile *hostile, struct bl_dial *dial, uint8_t *out,
                      const struct bl_issued_token *token) {
    struct bl_dial_target target = {
        .addresses = {hostile->server}, .address_count = 1, .trust = token == NULL};
    struct bl_token_blob blob;
    if (token != NULL) {
        if (bl_token_blob_read(&blob, token->blob, token->size) != BL_TOKEN_VALID) {
            return false;
        }
        target.token = blob.token;
        target.token_size = blob.token_size;
        target.session_secret = blob.secret;
    }
    bl_time now = bl_net_now(hostile->net);
    bl_dial_start(dial, &target, bl_wire_hash(NULL), &hostile->random, now);
    bl_dial_write(dial, now, out);
    return true;
}

/** What is made of a fresh token, good from now on for @p life_s, or from another time. */
struct recipe {
    const char *audience;
    int64_t from_ms; /* from now */
    uint32_t life_s;
    size_t flip; /* a byte of the OPEN that is then wrong; 0 = none */
};

static void fill_with_tokens(struct bl_hostile *hostile, struct bl_pool *pool,
                             const struct recipe *recipe) {
    uint8_t open[BL_OPEN_SIZE];
    struct bl_issued_token token;
    struct bl_dial dial = {0};
    for (uint32_t i = 0; i < pool->max; i++) {
        uint64_t from_ms = wall_ms(hostile) + (uint64_t)recipe->from_ms;
        if (!bl_tokens_issue(hostile->tokens, &token, recipe->audience, from_ms, recipe->life_s) ||
            !make_open(hostile, &dial, open, &token)) {
            return;
        }
        open[recipe->flip] ^= recipe->flip > 0 ? 1 : 0;
        bl_pool_add(pool, open, sizeof open);
        bl_dial_stop(&dial);
    }
}

static void fill_garbage_tokens(struct bl_hostile *hostile, struct bl_pool *pool) {
    uint8_t bytes[BL_OPEN_SIZE];
    for (uint32_t i = 0; i < pool->max; i++) {
        bl_random_bytes(&hostile->random, bytes, sizeof bytes);
        struct bl_open open = {.version = BL_WIRE_VERSION,
                               .way = BL_WAY_TOKEN,
                               .suites = 1,
                               .game = bl_wire_hash(NULL),
                               .credential = bytes + BL_OPEN_FIXED_SIZE - 256,
                               .credential_size = 136};
        bl_random_bytes(&hostile->random, open.nonce, sizeof open.nonce);
        bl_open_write(bytes, &open);
        bl_pool_add(pool, bytes, sizeof bytes);
    }
}

static void fill_forged(struct bl_hostile *hostile, struct bl_pool *pool) {
    fill_with_tokens(hostile, pool, &(struct recipe){.life_s = 60, .flip = 64 + 100});
}

static void fill_stolen(struct bl_hostile *hostile, struct bl_pool *pool) {
    fill_with_tokens(hostile, pool, &(struct recipe){.life_s = 60, .flip = BL_OPEN_PROVEN_SIZE});
}

static void fill_expired(struct bl_hostile *hostile, struct bl_pool *pool) {
    fill_with_tokens(hostile, pool, &(struct recipe){.from_ms = -20000, .life_s = 5});
}

static void fill_early(struct bl_hostile *hostile, struct bl_pool *pool) {
    fill_with_tokens(hostile, pool, &(struct recipe){.from_ms = 60000, .life_s = 5});
}

static void fill_elsewhere(struct bl_hostile *hostile, struct bl_pool *pool) {
    fill_with_tokens(hostile, pool, &(struct recipe){.audience = "another server", .life_s = 60});
}

void bl_hostile_fresh_token(struct bl_hostile *hostile, struct bl_pool *pool) {
    fill_with_tokens(hostile, pool, &(struct recipe){.life_s = 10});
}

/** One token, under as many nonces: the first uses it. */
static void fill_used(struct bl_hostile *hostile, struct bl_pool *pool) {
    uint8_t open[BL_OPEN_SIZE];
    struct bl_issued_token token;
    struct bl_dial dial = {0};
    if (bl_tokens_issue(hostile->tokens, &token, NULL, wall_ms(hostile), 60)) {
        for (uint32_t i = 0; i < pool->max && make_open(hostile, &dial, open, &token); i++) {
            bl_pool_add(pool, open, sizeof open);
            bl_dial_stop(&dial);
        }
    }
}

static void fill_resumes(struct bl_hostile *hostile, struct bl_pool *pool) {
    fill_garbage_tokens(hostile, pool);
    for (uint32_t i = 0; i < pool->count; i++) {
        pool->bytes[pool->items[i].at + 4] = BL_WAY_RESUME;
    }
}

static void fill_by_key(struct bl_hostile *hostile, struct bl_pool *pool) {
    uint8_t open[BL_OPEN_SIZE];
    struct bl_dial dial = {0};
    for (uint32_t i = 0; i < pool->max && make_open(hostile, &dial, open, NULL); i++) {
        bl_pool_add(pool, open, sizeof open);
        bl_dial_stop(&dial);
    }
}

/** Asks for a cookie, as a client does, and takes the next OPEN. */
static void fill_with_cookies(struct bl_hostile *hostile, struct bl_pool *pool) {
    uint8_t open[BL_OPEN_SIZE];
    struct bl_dial dial = {0};
    struct bl_datagram answers[RECEIVE_MAX];
    for (uint32_t i = 0; i < pool->max && make_open(hostile, &dial, open, NULL); i++) {
        const struct bl_datagram question = {
            .address = hostile->server, .data = open, .size = sizeof open};
        bl_net_send(hostile->net, &question, 1);
        belay_server_service(hostile->fleet->server, 0);
        belay_server_flush(hostile->fleet->server);
        size_t count = bl_net_receive(hostile->net, answers, RECEIVE_MAX);
        for (size_t j = 0; j < count; j++) {
            bl_time now = bl_net_now(hostile->net);
            if (bl_datagram_kind(answers[j].data, answers[j].size) == BL_DATAGRAM_RETRY &&
                bl_dial_retry(&dial, &answers[j], now)) {
                bl_dial_write(&dial, now, open);
                bl_pool_add(pool, open, sizeof open);
            }
        }
        bl_dial_stop(&dial);
    }
}

static void fill_bad_cookies(struct bl_hostile *hostile, struct bl_pool *pool) {
    fill_by_key(hostile, pool);
    for (uint32_t i = 0; i < pool->count; i++) {
        bl_random_bytes(&hostile->random, pool->bytes + pool->items[i].at + BL_OPEN_FIXED_SIZE,
                        BL_COOKIE_SIZE);
    }
}

static void fill_old_cookies(struct bl_hostile *hostile, struct bl_pool *pool) {
    for (uint32_t i = 0; i < hostile->old.count; i++) {
        bl_pool_add(pool, hostile->old.bytes + hostile->old.items[i].at,
                    hostile->old.items[i].size);
    }
}

/* Sealed datagrams. */

static void fill_replayed(struct bl_hostile *hostile, struct bl_pool *pool) {
    for (uint32_t i = 0; i < hostile->seen.count; i++) {
        bl_pool_add(pool, hostile->seen.bytes + hostile->seen.items[i].at,
                    hostile->seen.items[i].size);
    }
}

/** True tags, and numbers that are still to come, so that only the authenticator is wrong. */
static void fill_bad_tags(struct bl_hostile *hostile, struct bl_pool *pool) {
    fill_replayed(hostile, pool);
    for (uint32_t i = 0; i < pool->count; i++) {
        pool->bytes[pool->items[i].at + 8] ^= 0x40;
    }
}

static void fill_unknown_bindings(struct bl_hostile *hostile, struct bl_pool *pool) {
    fill_replayed(hostile, pool);
    for (uint32_t i = 0; i < pool->count; i++) {
        bl_random_bytes(&hostile->random, pool->bytes + pool->items[i].at + 1, 5);
    }
}

/* What means nothing to Belay. */

static void fill_raw(struct bl_hostile *hostile, struct bl_pool *pool) {
    uint8_t bytes[BL_RAW_HOSTILE_MAX];
    (void)hostile;
    for (uint32_t i = 0; i < pool->max / 4; i++) {
        unsigned peer = i % 64, session = i / 64 % BL_RAW_SESSIONS;
        bl_pool_add(pool, bytes, bl_raw_connect(bytes, i));
        bl_pool_add(pool, bytes, bl_raw_acknowledge(bytes, peer, session));
        bl_pool_add(pool, bytes, bl_raw_disconnect(bytes, peer, session));
        bl_pool_add(pool, bytes, bl_raw_verify_connect(bytes, peer, session));
    }
}

static void fill_bombs(struct bl_hostile *hostile, struct bl_pool *pool) {
    uint8_t bytes[BL_RAW_HOSTILE_MAX];
    (void)hostile;
    for (uint32_t i = 0; i < pool->max; i++) {
        bl_pool_add(pool, bytes, bl_raw_fragment_bomb(bytes, i % 64, i / 64 % BL_RAW_SESSIONS));
    }
}

static void fill_noise(struct bl_hostile *hostile, struct bl_pool *pool) {
    uint8_t bytes[BL_HOSTILE_SIZE_MAX];
    for (uint32_t i = 0; i < pool->max; i++) {
        bl_random_bytes(&hostile->random, bytes, sizeof bytes);
        bl_pool_add(pool, bytes, i % BL_HOSTILE_SIZE_MAX); /* empty and oversize ones too */
    }
}

/** Every kind there is, and some that are not, at sizes that each may have. */
static void fill_kinds(struct bl_hostile *hostile, struct bl_pool *pool) {
    static const size_t sizes[] = {BL_OPEN_SIZE, BL_ACCEPT_SIZE_MAX, BL_RETRY_SIZE, 60, 26, 38,
                                   34,           BL_QUERY_SIZE,      BL_RESET_SIZE};
    uint8_t bytes[BL_HOSTILE_SIZE_MAX];
    for (uint32_t i = 0; i < pool->max; i++) {
        bl_random_bytes(&hostile->random, bytes, sizeof bytes);
        bytes[0] = (uint8_t)(i % 16);
        bl_pool_add(pool, bytes, sizes[i / 16 % (sizeof sizes / sizeof *sizes)]);
    }
}

static void add_truncations(struct bl_pool *pool, const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        bl_pool_add(pool, data, i);
    }
}

static void fill_truncations(struct bl_hostile *hostile, struct bl_pool *pool) {
    uint8_t bytes[BL_OPEN_SIZE] = {0};
    struct bl_issued_token token;
    struct bl_dial dial = {0};
    const struct bl_query query = {.version = BL_WIRE_VERSION};
    if (bl_tokens_issue(hostile->tokens, &token, NULL, wall_ms(hostile), 60) &&
        make_open(hostile, &dial, bytes, &token)) {
        add_truncations(pool, bytes, sizeof bytes);
        bl_dial_stop(&dial);
    }
    if (make_open(hostile, &dial, bytes, NULL)) {
        add_truncations(pool, bytes, sizeof bytes);
        bl_dial_stop(&dial);
    }
    add_truncations(pool, bytes, bl_query_write(bytes, &query));
    for (uint32_t i = 0; i < hostile->seen.count; i++) {
        const struct bl_pooled *seen = &hostile->seen.items[i];
        add_truncations(pool, hostile->seen.bytes + seen->at, seen->size);
    }
}

/* What a holder of a session can do. */

static void seal_into(struct bl_hostile *hostile, struct bl_pool *pool, const void *payload,
                      size_t size) {
    uint8_t datagram[BL_DATAGRAM_SIZE_MAX];
    bl_pool_add(pool, datagram, bl_holder_seal(&hostile->holder, datagram, payload, size));
}

/** Every command byte that there is but the allowed ones, with room for what it might need. */
static void fill_commands(struct bl_hostile *hostile, struct bl_pool *pool) {
    for (uint32_t i = 0; i < pool->max; i++) {
        uint8_t bytes[BL_RAW_HOSTILE_MAX];
        struct bl_writer writer = bl_writer_of(bytes, sizeof bytes);
        uint8_t command = (uint8_t)i;
        command = command == 0x01 || command == 0x86 || command == 0x49 ? 0x45 : command;
        bl_raw_header(&writer, 0, 0, true);
        bl_raw_command(&writer, command, i >> 8 & 3, i >> 10);
        bl_random_bytes(&hostile->random, bytes + 8, sizeof bytes - 8);
        seal_into(hostile, pool, bytes, sizeof bytes);
    }
}

static void fill_sealed_bombs(struct bl_hostile *hostile, struct bl_pool *pool) {
    uint8_t bytes[BL_RAW_HOSTILE_MAX];
    for (uint32_t i = 0; i < pool->max; i++) {
        seal_into(hostile, pool, bytes, bl_raw_fragment_bomb(bytes, 0, 0));
    }
}

/** Unfinished messages of 1 MiB, far more than the credit, and far ahead. */
static void fill_overrun(struct bl_hostile *hostile, struct bl_pool *pool) {
    static const uint8_t data[1024];
    for (uint32_t i = 0; i < pool->max; i++) {
        uint8_t bytes[BL_DATAGRAM_SIZE_MAX], frame[BL_DATAGRAM_SIZE_MAX];
        const struct bl_piece piece = {.type = BL_FRAME_SEGMENT,
                                       .sequence = 1 + i / 1024,
                                       .offset = i % 1024 * 1024,
                                       .total = BELAY_MESSAGE_MAX,
                                       .size = sizeof data};
        struct bl_writer writer = bl_writer_of(bytes, sizeof bytes);
        size_t header = bl_piece_write(frame, sizeof frame, &piece);
        memcpy(frame + header, data, sizeof data);
        bl_raw_header(&writer, 0, 0, true);
        bl_raw_command(&writer, 0x86, 1, i + 1);
        bl_write_u16(&writer, (uint16_t)(header + sizeof data));
        bl_write_bytes(&writer, frame, header + sizeof data);
        seal_into(hostile, pool, bytes, bl_writer_size(&writer));
    }
}

/* In the order in which they come; the dear ones fill the server's room for half-open handshakes,
 * and so come late. */
const struct bl_hostile_class bl_hostile_classes[] = {
    {"ENet's own commands", fill_raw, 54000, 4096, false, false},
    {"ENet fragment bombs", fill_bombs, 60000, 1024, false, false},
    {"noise of every size", fill_noise, 60000, 3000, false, false},
    {"every kind, any content", fill_kinds, 60000, 4096, false, false},
    {"truncated datagrams", fill_truncations, 80000, 8192, false, false},
    {"unknown bindings", fill_unknown_bindings, 70000, 4096, false, false},
    {"wrong authenticators", fill_bad_tags, 70000, 4096, false, false},
    {"replayed DATA", fill_replayed, 70000, 4096, false, false},
    {"OPEN, garbage token", fill_garbage_tokens, 60000, 2048, false, false},
    {"OPEN, forged token", fill_forged, 60000, 2048, false, false},
    {"OPEN, stolen token", fill_stolen, 50000, 2048, false, false},
    {"OPEN, expired token", fill_expired, 40000, 2048, false, false},
    {"OPEN, early token", fill_early, 40000, 2048, false, false},
    {"OPEN, other audience", fill_elsewhere, 40000, 2048, false, false},
    {"OPEN, used token", fill_used, 40000, 2048, false, false},
    {"OPEN, resume guesses", fill_resumes, 40000, 2048, false, false},
    {"OPEN, no cookie", fill_by_key, 30000, 2048, false, false},
    {"OPEN, bad cookie", fill_bad_cookies, 30000, 2048, false, false},
    {"OPEN, old cookie", fill_old_cookies, 20000, OLD_COOKIES, false, true},
    {"session, any command", fill_commands, 5000, 50000, true, false},
    {"session, fragments", fill_sealed_bombs, 5000, 50000, true, false},
    {"session, over credit", fill_overrun, 1000, 10000, true, false},
    {"handshakes by key", fill_with_cookies, 10000, 1024, false, true},
    {"handshakes by token", bl_hostile_fresh_token, 5000, 10000, false, true},
};
const unsigned bl_hostile_class_count = sizeof bl_hostile_classes / sizeof *bl_hostile_classes;

/* Getting ready. */

static void see(void *user, const struct bl_address *from, const struct bl_datagram *to) {
    struct bl_hostile *hostile = user;
    bool honest = from->ip[12] == 10 && bl_address_equal(&to->address, &hostile->server);
    if (honest && bl_datagram_kind(to->data, to->size) == BL_DATAGRAM_DATA) {
        bl_pool_add(&hostile->seen, to->data, to->size);
    }
}

static void run(struct bl_hostile *hostile, uint32_t ms) {
    for (uint64_t end = hostile->fleet->now_ms + ms; hostile->fleet->now_ms < end;) {
        bl_fleet_tick(hostile->fleet);
        bl_hostile_work(hostile);
    }
}

bool bl_hostile_open(struct bl_hostile *hostile, struct bl_fleet *fleet, struct bl_tokens *tokens,
                     uint64_t seed) {
    struct bl_address local;
    hostile->fleet = fleet;
    hostile->tokens = tokens;
    bl_random_init_seeded(&hostile->random, seed);
    bool fine = bl_address_parse(&hostile->server, SERVER, true) == BELAY_OK &&
                bl_address_parse(&hostile->own, OWN, true) == BELAY_OK &&
                bl_address_parse(&local, HOLDER, true) == BELAY_OK &&
                bl_sim_open(&hostile->net, fleet->sim, &hostile->own, NULL) == BELAY_OK &&
                bl_pool_open(&hostile->seen, SEEN_MAX) && bl_pool_open(&hostile->old, OLD_COOKIES);
    if (!fine) {
        return false;
    }
    bl_sim_observe(fleet->sim, see, hostile);
    fill_with_cookies(hostile, &hostile->old);
    run(hostile, AGE_MS);
    bl_sim_observe(fleet->sim, NULL, NULL);
    if (!bl_holder_open(&hostile->holder, fleet->sim, &local, &hostile->server)) {
        return false;
    }
    run(hostile, 100);
    if (hostile->holder.peer == NULL) {
        return false;
    }
    bl_holder_login(&hostile->holder);
    run(hostile, 100);
    return hostile->old.count == OLD_COOKIES;
}

void bl_hostile_work(struct bl_hostile *hostile) {
    if (hostile->holder.endpoint != NULL) {
        bl_holder_work(&hostile->holder);
    }
}

void bl_hostile_close(struct bl_hostile *hostile) {
    if (hostile->holder.endpoint != NULL) {
        bl_holder_close(&hostile->holder);
    }
    if (hostile->net != NULL) {
        bl_net_close(hostile->net);
    }
    bl_pool_close(&hostile->seen);
    bl_pool_close(&hostile->old);
}
