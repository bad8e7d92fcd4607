/*
 * Any OPEN at a gate: no answer is larger than its question, what was altered and not proven again
 * lets nobody in, and whatever was let in leaves nothing behind.
 *
 * The first byte says what the rest is: an OPEN as it is, or what a good one is altered by, three
 * bytes a place; for no chance byte string gets past a proof. A session that is to be resumed hears
 * of it once, in a form that can be relied on, and again when nothing comes of it.
 */
#include "lib/secure/dial.h"
#include "lib/secure/gate.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

#define NOW     (1000 * BL_SECOND)
#define WALL    (INT64_C(1700000000) * BL_SECOND)
#define WALL_MS ((uint64_t)(WALL / BL_MILLISECOND))

enum choice {
    BY_KEY = 1,
    AS_IT_IS = 2,
    NO_COOKIE = 4,
    PROVEN_AGAIN = 8,
    TWICE = 16, /* the second time from elsewhere */
    BUSY = 32,
    BY_TICKET = 64,
    SEALED_AGAIN = 128, /* what is said behind the ticket is altered before it is sealed */
};

static struct bl_memory memory;
static struct bl_timer_wheel wheel;
static struct bl_random source;
static struct bl_bindings bindings;
static struct belay_stats stats;
static struct bl_token_keys keys = {.keys = {{.id = 1}}, .count = 1};
static struct bl_token_keys ticket_keys = {.keys = {{.id = 2}}, .count = 1};
static unsigned resume_count, abandoned_count;
static struct bl_admission admission = {.by_token = true,
                                        .by_key = true,
                                        .token_keys = &keys,
                                        .ticket_keys = &ticket_keys,
                                        .run = 1,
                                        .rate = BELAY_FOREVER};
static struct bl_gate gate;
static const struct bl_moment at = {NOW, WALL};
static struct bl_address home = {.ip = {1}, .port = 1};

static const struct belay_reason *admit(void *user) {
    (void)user;
    return NULL;
}

static const struct belay_reason *resume(void *user, struct bl_resumption *resumption) {
    const struct bl_positions *positions = &resumption->request.positions;
    (void)user;
    resume_count++;
    MUST(positions->count <= BELAY_CHANNELS_MAX);
    MUST(positions->count == 0 || !resumption->request.new_epoch);
    for (unsigned i = 0; i < positions->count; i++) {
        MUST(positions->channels[i].channel < BELAY_CHANNELS_MAX);
        MUST(i == 0 || positions->channels[i].channel > positions->channels[i - 1].channel);
    }
    resumption->told = *positions;
    return NULL;
}

static void abandoned(void *user, const struct bl_resumption *resumption) {
    (void)user;
    (void)resumption;
    abandoned_count++;
}

static void open_gate(void) {
    resume_count = abandoned_count = 0;
    bl_memory_init(&memory, NULL, 0);
    bl_timer_wheel_init(&wheel, NOW);
    bl_random_init_seeded(&source, 1);
    bl_bindings_init(&bindings, &memory, &wheel, &source, true);
    bindings.abandoned = abandoned;
    admission.key.secret.bytes[0] = 1;
    bl_key_pair_complete(&admission.key);
    const struct bl_gate_opts opts = {.bindings = &bindings,
                                      .memory = &memory,
                                      .random = &source,
                                      .stats = &stats,
                                      .admission = &admission,
                                      .pending_max = 100,
                                      .admit = admit,
                                      .resume = resume};
    MUST(bl_gate_init(&gate, &opts, &at) == BELAY_OK);
    gate.started_ms = WALL_MS - 10000;
}

static void close_gate(void) {
    bl_timer_wheel_advance(&wheel, NOW + BL_PENDING_TIMEOUT);
    MUST(bindings.pending_count == 0);
    MUST(abandoned_count == (resume_count > 0)); /* a repeat is not heard again */
    bl_gate_finish(&gate);
    bl_bindings_finish(&bindings);
    MUST(memory.used == 0);
    MUST(wheel.count == 0);
}

static void dial_by_ticket(struct bl_dial *dial) {
    const struct bl_ticket ticket = {.run = 1, .generation = 3, .resume_key = {{4}}};
    struct bl_dial_target target = {
        .address_count = 1,
        .by_ticket = true,
        .resume_key = {{4}},
        .resume = {.attempt = 1,
                   .positions = {.count = 2, .channels = {{.channel = 3}, {.channel = 9}}}}};
    bl_ticket_seal(target.ticket, &ticket, &ticket_keys, &source);
    bl_dial_start(dial, &target, 0, &source, NOW);
}

static void dial_well(struct bl_dial *dial, bool by_key) {
    const struct bl_token token = {
        .head = {.not_before_ms = WALL_MS - 5000, .expiry_ms = WALL_MS + 60000}};
    uint8_t sealed[BL_TOKEN_SIZE_MAX];
    struct bl_dial_target target = {.address_count = 1, .has_key = true};
    memcpy(target.server_key, admission.key.public, BL_PUBLIC_SIZE);
    if (!by_key) {
        target.token = sealed;
        target.token_size = (uint16_t)bl_token_seal(sealed, &token, &keys.keys[0], &source);
    }
    bl_dial_start(dial, &target, 0, &source, NOW);
}

static void prove(struct bl_dial *dial, unsigned choices) {
    if ((choices & NO_COOKIE) == 0) {
        bl_cookie_make(&gate.cookies, dial->open + BL_OPEN_FIXED_SIZE, &home, dial->open + 14, NOW);
    }
    bl_open_proof(dial->open + BL_OPEN_PROVEN_SIZE, &dial->credentials, dial->open);
}

/** Each three bytes: a place, and by what it is altered. */
static void alter(uint8_t *open, const uint8_t *data, size_t size) {
    for (size_t i = 0; i + 2 < size; i += 3) {
        open[(data[i] << 8 | data[i + 1]) % BL_OPEN_SIZE] ^= data[i + 2];
    }
}

#define BODY_AT (BL_OPEN_HEAD_SIZE + BL_TICKET_SIZE)

/** Each three bytes as above, in what is said behind the ticket; its first byte is the size. */
static void say_otherwise(struct bl_dial *dial, const uint8_t *data, size_t size) {
    uint8_t *body = dial->open + BODY_AT;
    const struct bl_resume said = {
        .attempt = 1, .positions = {.count = 2, .channels = {{.channel = 3}, {.channel = 9}}}};
    size_t body_size = bl_resume_write(body, &said);
    if (size > 0 && data[0] > 0) {
        body_size = data[0];
    }
    memset(body + body_size, 0, BL_OPEN_FIXED_SIZE - BODY_AT - body_size);
    for (size_t i = 1; i + 2 < size; i += 3) {
        body[((size_t)data[i] << 8 | data[i + 1]) % body_size] ^= data[i + 2];
    }
    size_t whole = BL_TICKET_SIZE + body_size + BL_AEAD_SIZE;
    dial->open[BL_OPEN_HEAD_SIZE - 2] = (uint8_t)(whole >> 8);
    dial->open[BL_OPEN_HEAD_SIZE - 1] = (uint8_t)whole;
    bl_resume_seal(&dial->credentials, dial->open, body_size);
}

static uint8_t knock(const uint8_t *open, size_t open_size, const struct bl_address *from) {
    uint8_t answer[BL_OPEN_SIZE], copy[BL_OPEN_SIZE + 1];
    memcpy(copy, open, open_size);
    const struct bl_datagram datagram = {.address = *from, .data = copy, .size = open_size};
    size_t size = bl_gate_open(&gate, &datagram, &at, answer);
    MUST(size <= open_size);
    return bl_datagram_kind(answer, size);
}

static void try_altered(unsigned choices, const uint8_t *data, size_t size) {
    const struct bl_address elsewhere = {.ip = {2}, .port = 2};
    struct bl_dial dial;
    uint8_t good[BL_OPEN_SIZE];
    if ((choices & BY_TICKET) != 0) {
        dial_by_ticket(&dial);
    } else {
        dial_well(&dial, (choices & BY_KEY) != 0);
    }
    prove(&dial, choices);
    memcpy(good, dial.open, sizeof good);
    if ((choices & BY_TICKET) != 0 && (choices & SEALED_AGAIN) != 0) {
        say_otherwise(&dial, data, size);
    } else {
        alter(dial.open, data, size);
    }
    bool same = memcmp(good, dial.open, sizeof good) == 0;
    if ((choices & PROVEN_AGAIN) != 0) {
        prove(&dial, choices);
    }
    gate.unproven.missing = (choices & BUSY) != 0 ? UINT64_MAX / 2 : 0;
    gate.unproven.at = NOW;
    uint8_t kind = knock(dial.open, BL_OPEN_SIZE, &home);
    MUST(kind != BL_DATAGRAM_ACCEPT || same || (choices & PROVEN_AGAIN) != 0);
    MUST((kind == BL_DATAGRAM_ACCEPT) == (bindings.pending_count == 1));
    MUST((choices & BY_TICKET) != 0 ? resume_count >= bindings.pending_count : resume_count == 0);
    MUST(bindings.pending_count <= 1);
    if ((choices & TWICE) != 0) {
        MUST(knock(dial.open, BL_OPEN_SIZE, &elsewhere) != BL_DATAGRAM_ACCEPT ||
             kind != BL_DATAGRAM_ACCEPT);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size > BL_OPEN_SIZE) {
        return 0;
    }
    open_gate();
    if ((data[0] & AS_IT_IS) != 0) {
        MUST(knock(data + 1, size - 1, &home) != BL_DATAGRAM_ACCEPT);
        MUST(bindings.pending_count == 0);
    } else {
        try_altered(data[0], data + 1, size - 1);
    }
    close_gate();
    return 0;
}
