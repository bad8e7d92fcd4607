/*
 * No key seals two datagrams under one number: that would give away both, and forge more.
 *
 * Whole endpoints in a bad network for many seeds, by key and by token: OPENs that are repeated and
 * duplicated, ACCEPTs that are lost, servers that are started anew in the middle of a handshake and
 * of a session, key updates, new networks. Each seal is looked at as it is made.
 */
#include "lib/secure/token.h"
#include "tests/peer/parties.h"
#include "tests/support/test.h"

#define SEEDS         1000
#define HOUR          (3600 * BL_SECOND)
#define KEY_ID        7
#define SEALS_MAX     8192 /* of one seed; a power of two, and much more than there are */
#define WALL_START_MS UINT64_C(1700000000000)

/* ---- the seals */

struct seal {
    bool used;
    struct bl_secret key;
    uint64_t number;
};

/** What has been seen of all seeds, to show that there was something to see. */
struct census {
    uint64_t seals, accepts, phases, opens, restarts, bound[2];
};

static struct seal seals[SEALS_MAX]; /* of this seed, by a hash of key and number */
static uint64_t seal_count;
static struct census census;

/* Linked in front of the true one (see meson.build). */
void __real_bl_aead_seal(const struct bl_aead *aead, uint8_t *text, size_t size);
void __wrap_bl_aead_seal(const struct bl_aead *aead, uint8_t *text, size_t size);

/** The place of this pair, or a free one. */
static struct seal *find(const struct bl_aead *aead) {
    uint64_t index;
    memcpy(&index, aead->key->bytes, sizeof index);
    for (index += aead->number;; index++) {
        struct seal *seal = &seals[index % SEALS_MAX];
        if (!seal->used ||
            (seal->number == aead->number && bl_equal(&seal->key, aead->key, sizeof seal->key))) {
            return seal;
        }
    }
}

void __wrap_bl_aead_seal(const struct bl_aead *aead, uint8_t *text, size_t size) {
    struct seal *seal = find(aead);
    if (seal->used) {
        ck_abort_msg("number %llu is sealed twice with one key", (unsigned long long)aead->number);
    }
    *seal = (struct seal){.used = true, .key = *aead->key, .number = aead->number};
    if (++seal_count > SEALS_MAX / 2) {
        ck_abort_msg("there are more seals than the test has room for");
    }
    census.accepts += aead->head[0] == BL_DATAGRAM_ACCEPT;
    __real_bl_aead_seal(aead, text, size);
}

/* ---- ways in */

static struct bl_token_keys token_keys = {.keys = {{.id = KEY_ID, .secret = {{1, 2, 3}}}},
                                          .count = 1};
static struct bl_admission admission;
static struct bl_random chance; /* of the story */

static uint64_t below(uint64_t count) {
    return bl_random_u64(&chance) % count;
}

/** A server as another one in its place would be: it knows nothing of the one before. */
static void start_server(void) {
    open_party(&server, "10.0.0.1:7777", true, &(struct setting){0});
    admission = *open_to_all();
    admission.by_token = true;
    admission.token_keys = &token_keys;
    server.endpoint->gate.opts.admission = &admission;
}

static void dial_by_token(void) {
    uint8_t sealed[BL_TOKEN_SIZE_MAX];
    uint64_t wall_ms = (uint64_t)(bl_net_wall(client.net) / BL_MILLISECOND);
    struct bl_token token = {.head = {.not_before_ms = wall_ms, .expiry_ms = wall_ms + 60000}};
    bl_random_bytes(&chance, token.id, sizeof token.id);
    bl_random_bytes(&chance, token.secret.bytes, sizeof token.secret.bytes);
    struct bl_dial_target target = dial_target(&server.net->local);
    target.token = sealed;
    target.token_size = (uint16_t)bl_token_seal(sealed, &token, &token_keys.keys[0], &chance);
    target.session_secret = token.secret;
    bl_endpoint_dial(client.endpoint, &target);
}

/* ---- the story */

static void count_opens(void *user, const struct bl_address *from, const struct bl_datagram *to) {
    (void)user;
    (void)from;
    census.opens += bl_datagram_kind(to->data, to->size) == BL_DATAGRAM_OPEN;
}

static void leave(struct party *party) {
    if (party->peer != NULL) {
        bl_endpoint_release(party->endpoint, party->peer, 0, LINGER);
        party->peer = NULL;
        party->said_count = party->word_count = 0;
    }
}

static void restart_server(void) {
    unsigned bound_count = server.bound_count;
    leave(&server);
    close_party(&server);
    start_server();
    server.bound_count = bound_count;
    census.restarts++;
}

static bool is_linked(void) {
    return client.peer != NULL && server.peer != NULL;
}

/** The link is so bad that much of the handshake is lost, and the server may be started anew before
 * it has come to an end. Then all goes well until both sides have a peer. */
static void get_in(bool by_token) {
    client.bound_count = server.bound_count = 0;
    set_link(
        &(struct belay_link){.loss = 0.5F, .duplicate = 0.3F, .delay_ms = 10, .jitter_ms = 300});
    run(1500 * BL_MILLISECOND); /* tokens from before its start are not taken */
    by_token ? dial_by_token() : dial();
    run((bl_duration)below(1500) * BL_MILLISECOND);
    if (below(2) == 0) {
        restart_server();
    }
    if (client.peer == NULL) {
        run((bl_duration)below(1500) * BL_MILLISECOND);
    }
    set_link(&(struct belay_link){.delay_ms = 10});
    for (int i = 0; i < 20 && !is_linked(); i++) {
        if (client.peer != NULL) {
            say(&client, BL_UNSEQUENCED);
        }
        run(100 * BL_MILLISECOND);
    }
    if (is_linked()) {
        census.bound[by_token]++;
    }
}

/** A few datagrams each way, over a link that loses and repeats some. */
static void talk(void) {
    set_link(&(struct belay_link){.loss = 0.2F, .duplicate = 0.3F, .delay_ms = 10});
    for (int i = 0; i < 4; i++) {
        say(&client, BL_UNSEQUENCED);
        say(&server, below(2) == 0 ? BL_ORDERED : BL_UNSEQUENCED);
        run(20 * BL_MILLISECOND);
    }
}

static const struct bl_protection *protection_of(const struct party *party) {
    return &((const struct bl_binding *)party->peer->binding)->protection;
}

/** The hours pass at once: nothing has to be said meanwhile. */
static void update_keys(void) {
    bool phase = protection_of(&client)->phase;
    set_link(&(struct belay_link){.delay_ms = 10});
    belay_sim_advance(sim, (uint32_t)((HOUR + (bl_duration)below(HOUR)) / BL_MILLISECOND));
    talk();
    census.phases += protection_of(&client)->phase != phase;
}

static void visit(bool by_token) {
    get_in(by_token);
    if (!is_linked()) { /* the token was used up, or its ACCEPT was a dead server's */
        return;
    }
    talk();
    if (below(3) == 0) {
        belay_sim_rebind(sim, as_client(&client));
        bl_endpoint_network_changed(client.peer);
        talk();
    }
    for (uint64_t updates = below(3); updates > 0; updates--) {
        update_keys();
    }
    if (below(3) == 0) { /* the client talks on, over a binding that nobody knows any more */
        restart_server();
        say(&client, BL_ORDERED);
        run(500 * BL_MILLISECOND);
    }
}

static void live_through(uint64_t seed) {
    memset(seals, 0, sizeof seals);
    seal_count = 0;
    sim = belay_sim_create(seed);
    belay_sim_set_wall(sim, WALL_START_MS);
    bl_random_init_seeded(&chance, seed);
    bl_sim_observe(sim, count_opens, NULL);
    start_server();
    open_party(&client, "*:0", false, &(struct setting){0});
    for (unsigned visits = 0; visits < 3; visits++) {
        visit(below(2) == 0);
        bl_endpoint_hang_up(client.endpoint);
        leave(&client);
        run(50 * BL_MILLISECOND); /* the server hears that it is gone, or does not */
        leave(&server);
    }
    run(below(2) == 0 ? 2 * LINGER : 0);
    close_party(&server);
    close_party(&client);
    belay_sim_destroy(sim);
    census.seals += seal_count;
}

START_TEST(no_key_ever_seals_two_datagrams_under_one_number) {
    enet_heap_install();
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        live_through(seed);
    }
    ck_assert_uint_eq(enet_heap.used, 0);
    /* And there were seals to look at, of every kind. */
    ck_assert_uint_gt(census.seals, 50 * SEEDS);
    ck_assert_uint_gt(census.accepts, 2 * SEEDS);
    ck_assert_uint_gt(census.opens, 2 * census.accepts);
    ck_assert_uint_gt(census.restarts, SEEDS);
    ck_assert_uint_gt(census.phases, SEEDS);
    ck_assert_uint_gt(census.bound[false], SEEDS / 2);
    ck_assert_uint_gt(census.bound[true], SEEDS / 2);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, no_key_ever_seals_two_datagrams_under_one_number);
}

TEST_MAIN("peer nonces", add_tests)
