/*
 * Keys end with what they were for: no block of memory is given back with a key in it, however a
 * session or an attempt has ended.
 *
 * Whole servers and clients in a simulated network. Every key is learned where it is made, by the
 * linker; every block is looked through as it is given back, and those that are still held when all
 * is over. Not looked at is the stack.
 */
#define _GNU_SOURCE
#include "lib/secure/crypto.h"
#include "tests/support/folder.h"
#include "tests/support/world.h"
#include <belay/token.h>
#include <sodium.h>

#define WALL_MS   UINT64_C(1700000000000)
#define AFTER_ALL 30000 /* ms: tombstones are gone by then, and half-open handshakes */
#define HOUR_MS   3600000
#define PIECE_SIZE                                                                                 \
    16 /* of a key: whoever has that much of it can guess no more, but should not                  \
        */

/* ---- what is looked for */

enum trade {
    OF_SERVER,    /* as long as it stands: its own key, the token keys, for cookies */
    OF_EPHEMERAL, /* half of an exchange */
    OF_SESSION,   /* everything that follows from an exchange or a token */
    TRADES,
};

struct piece {
    uint8_t bytes[PIECE_SIZE];
    enum trade trade;
};

#define PIECES_MAX 4096

static struct {
    struct piece pieces[PIECES_MAX];
    size_t count;
    size_t counts[TRADES];
    bool begins[65536]; /* whether there is a piece that begins with these two bytes */
} known;

static unsigned beginning(const uint8_t *bytes) {
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static const struct piece *find(const uint8_t *bytes) {
    if (!known.begins[beginning(bytes)]) {
        return NULL;
    }
    for (size_t i = 0; i < known.count; i++) {
        if (memcmp(known.pieces[i].bytes, bytes, PIECE_SIZE) == 0) {
            return &known.pieces[i];
        }
    }
    return NULL;
}

static void learn_piece(const void *bytes, enum trade trade) {
    if (find(bytes) != NULL) {
        return;
    }
    must(known.count < PIECES_MAX);
    struct piece *piece = &known.pieces[known.count++];
    memcpy(piece->bytes, bytes, PIECE_SIZE);
    piece->trade = trade;
    known.begins[beginning(piece->bytes)] = true;
    known.counts[trade]++;
}

/** Both halves of a key, as bytes and as in a file. */
static void learn(const struct bl_secret *key, enum trade trade) {
    char digits[2 * BL_SECRET_SIZE + 1];
    if (sodium_is_zero(key->bytes, sizeof key->bytes)) {
        return;
    }
    learn_piece(key->bytes, trade);
    learn_piece(key->bytes + PIECE_SIZE, trade);
    sodium_bin2hex(digits, sizeof digits, key->bytes, sizeof key->bytes);
    learn_piece(digits, trade);
    learn_piece(digits + BL_SECRET_SIZE, trade);
}

/** Looks through memory for a key of these trades or a later one. */
static const struct piece *search(const uint8_t *bytes, size_t size, enum trade from) {
    for (size_t i = 0; i + PIECE_SIZE <= size; i++) {
        const struct piece *piece = find(bytes + i);
        if (piece != NULL && piece->trade >= from) {
            return piece;
        }
    }
    return NULL;
}

/* ---- where keys are made: linked in front of the true ones (see meson.build) */

void __real_bl_hkdf(struct bl_secret *out, unsigned count, const struct bl_secret *key,
                    const void *input, size_t size);
void __wrap_bl_hkdf(struct bl_secret *out, unsigned count, const struct bl_secret *key,
                    const void *input, size_t size);
void __real_bl_key_pair_make(struct bl_key_pair *out, struct bl_random *random);
void __wrap_bl_key_pair_make(struct bl_key_pair *out, struct bl_random *random);
bool __real_bl_dh(struct bl_secret *out, const struct bl_secret *secret, const uint8_t *public);
bool __wrap_bl_dh(struct bl_secret *out, const struct bl_secret *secret, const uint8_t *public);
void __real_bl_mac(uint8_t *out, const struct bl_secret *key, const void *data, size_t size);
void __wrap_bl_mac(uint8_t *out, const struct bl_secret *key, const void *data, size_t size);
bool __real_bl_box_open(const struct bl_box *box, uint8_t *text, size_t size);
bool __wrap_bl_box_open(const struct bl_box *box, uint8_t *text, size_t size);

void __wrap_bl_hkdf(struct bl_secret *out, unsigned count, const struct bl_secret *key,
                    const void *input, size_t size) {
    static const char for_tickets[] = "Belay 2 ticket"; /* from the server's own: it keeps both */
    bool is_ours = size == sizeof for_tickets - 1 && memcmp(input, for_tickets, size) == 0;
    enum trade trade = is_ours ? OF_SERVER : OF_SESSION;
    learn(key, trade); /* a token's secret; by the server's key it is no secret, and no matter */
    __real_bl_hkdf(out, count, key, input, size);
    for (unsigned i = 0; i < count; i++) {
        learn(&out[i], trade);
    }
}

/** The first pair of all is the server's own. */
void __wrap_bl_key_pair_make(struct bl_key_pair *out, struct bl_random *random) {
    __real_bl_key_pair_make(out, random);
    learn(&out->secret, known.counts[OF_SERVER] == 0 ? OF_SERVER : OF_EPHEMERAL);
}

bool __wrap_bl_dh(struct bl_secret *out, const struct bl_secret *secret, const uint8_t *public) {
    bool done = __real_bl_dh(out, secret, public);
    learn(out, OF_SESSION);
    return done;
}

void __wrap_bl_mac(uint8_t *out, const struct bl_secret *key, const void *data, size_t size) {
    learn(key, OF_SERVER); /* for cookies; others were known as they were made */
    __real_bl_mac(out, key, data, size);
}

bool __wrap_bl_box_open(const struct bl_box *box, uint8_t *text, size_t size) {
    learn(box->key, OF_SERVER);
    return __real_bl_box_open(box, text, size);
}

/* ---- the memory of one side, ENet's with the server's */

struct block {
    struct block *next;
    size_t size;
};
struct keeper {
    struct block *first;
    size_t searched_count; /* blocks that were given back */
};
static struct keeper keepers[2]; /* by enum world_side */

static struct block **place_of(struct keeper *keeper, const void *data) {
    struct block **at = &keeper->first;
    while (*at != NULL && (const void *)(*at + 1) != data) {
        at = &(*at)->next;
    }
    must(*at != NULL);
    return at;
}

static const char *trade_name(enum trade trade) {
    static const char *const names[] = {"a key of the server's", "an ephemeral key",
                                        "a session's key"};
    return names[trade];
}

static void take_back(struct keeper *keeper, void *data, size_t size) {
    struct block **at = place_of(keeper, data);
    struct block *block = *at;
    must(block->size == size);
    const struct piece *piece = search(data, size, OF_SERVER);
    if (piece != NULL) {
        ck_abort_msg("a block of %zu bytes is given back with %s in it", size,
                     trade_name(piece->trade));
    }
    keeper->searched_count++;
    *at = block->next;
    free(block);
}

/** Never grows a block where it is: what it leaves behind is looked at too. */
static void *keep(void *data, size_t old_size, size_t new_size, void *user) {
    struct keeper *keeper = user;
    struct block *block = NULL;
    if (new_size > 0) {
        block = malloc(sizeof *block + new_size);
        must(block != NULL);
        *block = (struct block){keeper->first, new_size};
        keeper->first = block;
    }
    if (data != NULL) {
        if (block != NULL) {
            memcpy(block + 1, data, old_size < new_size ? old_size : new_size);
        }
        take_back(keeper, data, old_size);
    }
    return block != NULL ? block + 1 : NULL;
}

static const struct belay_hooks hooks[2] = {
    {.realloc = keep, .hook_user = &keepers[0]},
    {.realloc = keep, .hook_user = &keepers[1]},
};

/** What is still held has no key in it of this trade or a later one. */
static void must_hold_none(enum world_side side, enum trade from) {
    for (const struct block *block = keepers[side].first; block != NULL; block = block->next) {
        const struct piece *piece = search((const uint8_t *)(block + 1), block->size, from);
        if (piece != NULL) {
            ck_abort_msg("the %s still holds %s, in a block of %zu bytes",
                         side == SERVER ? "server" : "client", trade_name(piece->trade),
                         block->size);
        }
    }
}

/* ---- the stories: by key and by token */

struct story {
    struct world *world;
    bool by_token;
    uint8_t token[BELAY_TOKEN_SIZE_MAX];
    size_t token_size;
};

static void issue(struct story *story) {
    struct belay_token_opts opts = BELAY_TOKEN_OPTS_INIT;
    opts.key_file = folder_file("tokens");
    opts.user_id[0] = 1;
    opts.not_before_ms = WALL_MS;
    story->token_size = sizeof story->token;
    ck_assert_msg(belay_token_issue(&opts, story->token, &story->token_size) == BELAY_OK, "%s",
                  belay_error());
}

static void begin(struct story *story, bool by_token) {
    struct world_opts opts = {
        .clients = 2,
        .server = {.hooks = &hooks[SERVER], .resume_window_ms = 10000, .accept_gaps = true},
        .client = {.hooks = &hooks[CLIENT], .connect_ms = 3000, .accept_gaps = true},
        .link = {.delay_ms = 20},
    };
    *story = (struct story){.by_token = by_token};
    ck_assert_int_eq(belay_key_generate(folder_file("tokens")), BELAY_OK);
    opts.server.key_file = folder_file("key");
    opts.server.admit = BELAY_ADMIT_TOKEN | BELAY_ADMIT_KEY;
    opts.server.token_keys = folder_file("tokens");
    story->world = world_create(&opts);
    belay_sim_set_wall(story->world->sim, WALL_MS);
    issue(story);
}

static void connect(struct story *story, unsigned client) {
    struct belay_connect_opts opts = BELAY_CONNECT_OPTS_INIT;
    if (story->by_token) {
        opts.token = story->token;
        opts.token_size = story->token_size;
    }
    world_connect_with(story->world, client, opts);
}

static void talk(struct story *story) {
    for (int i = 0; i < 3; i++) {
        ledger_must_send(story->world, UP, 0, 0, 100);
        ledger_must_send(story->world, DOWN, 0, 0, 3000);
        world_run(story->world, 200);
    }
    ledger_check(story->world, UP, 0, 0);
    ledger_check(story->world, DOWN, 0, 0);
}

/** A session with keys of three phases, over two networks. */
static void live(struct story *story) {
    struct world *world = story->world;
    connect(story, 0);
    world_until(world, world_is_open(world, 0), 5000);
    talk(story);
    for (int i = 0; i < 2; i++) {
        belay_sim_advance(world->sim,
                          HOUR_MS + 1000); /* both sleep: nothing is held against them */
        talk(story);
    }
    belay_sim_rebind(world->sim, world->clients[0].it);
    belay_client_network_changed(world->clients[0].it);
    talk(story);
}

/* How it ends. Each leaves both sides standing, and nothing under way. */

static void client_leaves(struct story *story) {
    live(story);
    belay_client_close(story->world->clients[0].it, NULL, 1000);
}

static void server_throws_out(struct story *story) {
    live(story);
    ck_assert_int_eq(
        belay_server_close(story->world->server, story->world->clients[0].session, NULL), BELAY_OK);
}

static void link_is_lost(struct story *story) {
    live(story);
    world_cut(story->world, 0);
    world_run(story->world, 20000);
    world_link(story->world, 0, NULL); /* it asks to come back, and is refused */
}

/** With a ticket, and keys that follow from it; then with the next one. */
static void link_comes_back(struct story *story) {
    struct world *world = story->world;
    live(story);
    for (uint32_t i = 1; i <= 2; i++) {
        world_cut(world, 0);
        world_run(world, 7000);
        world_link(world, 0, NULL);
        world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_RESUMED) == i, 5000);
        talk(story);
    }
    belay_client_close(world->clients[0].it, NULL, 1000);
}

static void process_comes_back(struct story *story) {
    struct world *world = story->world;
    connect(story, 0);
    world_until(world, world_is_open(world, 0), 5000);
    world_revive(world, 0);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_RESUMED) > 0, 5000);
    world_run(world, 1000);
    belay_client_close(world->clients[0].it, NULL, 1000);
}

/** It asks for its session, which was ended meanwhile. */
static void resume_is_refused(struct story *story) {
    struct world *world = story->world;
    live(story);
    world_cut(world, 0);
    world_run(world, 7000);
    ck_assert_int_eq(belay_server_close(world->server, world->clients[0].session, NULL), BELAY_OK);
    world_link(world, 0, NULL);
    world_until(world, told_count(world, CLIENT, 0, BELAY_EVENT_CLOSED) > 0, 5000);
}

/** It is let in again and again, and never hears of it. */
static void resume_is_not_heard(struct story *story) {
    live(story);
    world_link(story->world, 0, &(struct belay_link){.delay_ms = 20, .cut_down = true});
    world_until(story->world, told_count(story->world, CLIENT, 0, BELAY_EVENT_CLOSED) > 0, 60000);
}

static void deny(struct world *world, unsigned client, belay_session session) {
    (void)client;
    ck_assert_int_eq(belay_server_close(world->server, session, NULL), BELAY_OK);
}

static void login_is_refused(struct story *story) {
    story->world->login = deny;
    connect(story, 0);
    world_until(story->world, told_count(story->world, CLIENT, 0, BELAY_EVENT_CLOSED) > 0, 2000);
}

/** By token it is the second use; by key a server that lets in nobody any more. */
static void handshake_is_denied(struct story *story) {
    connect(story, 0);
    world_until(story->world, world_is_open(story->world, 0), 5000);
    if (!story->by_token) {
        ck_assert_int_eq(belay_server_drain(story->world->server, 60000, NULL), BELAY_OK);
    }
    connect(story, 1);
    world_until(story->world, told_count(story->world, CLIENT, 1, BELAY_EVENT_CLOSED) > 0, 2000);
    belay_client_close(story->world->clients[0].it, NULL, 1000);
}

static void nobody_answers(struct story *story) {
    world_cut(story->world, 0);
    connect(story, 0);
}

/** The token has expired; the server has another key than the invite. */
static void credential_is_worthless(struct story *story) {
    char invite[BELAY_INVITE_SIZE];
    struct belay_connect_opts opts = BELAY_CONNECT_OPTS_INIT;
    if (story->by_token) {
        belay_sim_set_wall(story->world->sim, WALL_MS + 200000);
        connect(story, 0);
        return;
    }
    ck_assert_int_eq(belay_server_invite(story->world->server, "10.0.0.1", invite, sizeof invite),
                     BELAY_OK);
    char *first = strrchr(invite, '/') + 1;
    *first = *first == 'A' ? 'B' : 'A';
    opts.invite = invite;
    world_connect_with(story->world, 0, opts);
}

/** The server knows the keys, and the client never does. */
static void accept_is_lost(struct story *story) {
    connect(story, 0);
    while (world_stats(story->world, SERVER, 0).datagrams_out < (story->by_token ? 1 : 2)) {
        world_step(story->world);
    }
    world_cut(story->world, 0);
}

static const struct ending {
    void (*tell)(struct story *story);
    size_t session_keys; /* at least so many have been there */
} endings[] = {
    {client_leaves, 12},          {server_throws_out, 12},  {link_is_lost, 12},
    {login_is_refused, 6},        {handshake_is_denied, 9}, {nobody_answers, 0},
    {credential_is_worthless, 0}, {accept_is_lost, 6},      {link_comes_back, 20},
    {process_comes_back, 12},     {resume_is_refused, 14},  {resume_is_not_heard, 16},
};

/** Two ways in for each. */
#define STORIES ((int)(2 * COUNT_OF(endings)))

static void begin_number(struct story *story, int number) {
    begin(story, number % 2 == 1);
    endings[number / 2].tell(story);
}

static void must_have_looked(const struct ending *ending) {
    ck_assert_uint_gt(keepers[CLIENT].searched_count, 5);
    ck_assert_uint_gt(keepers[SERVER].searched_count, 5);
    ck_assert_uint_gt(known.counts[OF_SERVER], 0);
    ck_assert_uint_gt(known.counts[OF_EPHEMERAL], 0);
    ck_assert_uint_ge(known.counts[OF_SESSION], 4 * ending->session_keys);
}

START_TEST(whoever_stays_keeps_no_key_of_what_has_ended) {
    static struct story story;
    begin_number(&story, _i);
    world_run(story.world, AFTER_ALL);
    must_hold_none(CLIENT, OF_SERVER); /* nor any of the server's */
    must_hold_none(SERVER, OF_EPHEMERAL);
    world_destroy(story.world);
    must_have_looked(&endings[_i / 2]);
}
END_TEST

START_TEST(whoever_goes_at_once_leaves_no_key_in_memory) {
    static struct story story;
    begin_number(&story, _i);
    world_destroy(story.world);
    ck_assert_ptr_null(keepers[CLIENT].first);
    ck_assert_ptr_null(keepers[SERVER].first);
    must_have_looked(&endings[_i / 2]);
}
END_TEST

START_TEST(a_session_in_full_swing_leaves_no_key_in_memory) {
    static struct story story;
    begin(&story, _i == 1);
    live(&story);
    world_destroy(story.world);
    ck_assert_ptr_null(keepers[CLIENT].first);
    ck_assert_ptr_null(keepers[SERVER].first);
    must_have_looked(&endings[0]);
}
END_TEST

/* The search would find them. */
START_TEST(a_session_in_full_swing_has_its_keys_in_memory) {
    static struct story story;
    size_t found[2] = {0};
    begin(&story, _i == 1);
    live(&story);
    for (int side = 0; side < 2; side++) {
        for (const struct block *at = keepers[side].first; at != NULL; at = at->next) {
            found[side] += search((const uint8_t *)(at + 1), at->size, OF_SESSION) != NULL;
        }
    }
    ck_assert_uint_gt(found[CLIENT], 0);
    ck_assert_uint_gt(found[SERVER], 0);
    world_destroy(story.world);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, folder_begin, folder_end);
    tcase_add_loop_test(tests, whoever_stays_keeps_no_key_of_what_has_ended, 0, STORIES);
    tcase_add_loop_test(tests, whoever_goes_at_once_leaves_no_key_in_memory, 0, STORIES);
    tcase_add_loop_test(tests, a_session_in_full_swing_leaves_no_key_in_memory, 0, 2);
    tcase_add_loop_test(tests, a_session_in_full_swing_has_its_keys_in_memory, 0, 2);
}

TEST_MAIN("secure wiped", add_tests)
