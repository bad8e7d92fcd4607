/*
 * The C code against tests/data/protocol.txt: datagrams and keys as an implementation in another
 * language makes them, which was written from docs/protocol.md without a look at this one.
 */
#include "lib/secure/cookie.h"
#include "lib/secure/handshake.h"
#include "lib/secure/protection.h"
#include "lib/secure/ticket.h"
#include "lib/secure/token.h"
#include "lib/wire/frame.h"
#include "lib/wire/move.h"

#include "tests/support/test.h"
#include <stdio.h>
#include <string.h>

#define NOW       (1000 * BL_SECOND)
#define FIELD_MAX 1200

/** A field of the file. */
struct field {
    uint8_t bytes[FIELD_MAX];
    size_t size;
};

static char vectors[1 << 20];
static const char *section; /* the one that is read, past its name */

static struct bl_random random_source;

static void load(void) {
    bl_random_init_seeded(&random_source, 1); /* and with it libsodium, which then knows of AES */
    FILE *file = fopen(PROTOCOL_VECTORS, "rb");
    ck_assert_msg(file != NULL, "cannot read %s", PROTOCOL_VECTORS);
    size_t size = fread(vectors, 1, sizeof vectors - 1, file);
    ck_assert_uint_lt(size, sizeof vectors - 1);
    ck_assert_int_eq(fclose(file), 0);
}

static void enter(const char *name) {
    char line[128];
    snprintf(line, sizeof line, "\n[%s]\n", name);
    const char *found = strstr(vectors, line);
    ck_assert_msg(found != NULL, "there is no [%s]", name);
    section = found + strlen(line) - 1;
}

static struct field get(const char *name) {
    struct field field = {.size = 0};
    char start[64];
    snprintf(start, sizeof start, "\n%s =", name);
    const char *found = strstr(section, start);
    const char *end = strstr(section, "\n\n");
    ck_assert_msg(found != NULL && (end == NULL || found < end), "there is no %s", name);
    const char *at = found + strlen(start);
    for (unsigned byte; *at != '\n' && sscanf(at, " %2x", &byte) == 1; field.size++) {
        ck_assert_uint_lt(field.size, FIELD_MAX);
        field.bytes[field.size] = (uint8_t)byte;
        at += strspn(at, " ") + 2;
    }
    return field;
}

static uint64_t get_number(const char *name) {
    struct field field = get(name);
    struct bl_reader reader = bl_reader_of(field.bytes, field.size);
    ck_assert_uint_eq(field.size, 8);
    return bl_read_u64(&reader);
}

static void get_exactly(void *out, size_t size, const char *name) {
    struct field field = get(name);
    ck_assert_uint_eq(field.size, size);
    memcpy(out, field.bytes, size);
}

static struct bl_secret get_secret(const char *name) {
    struct bl_secret secret;
    get_exactly(secret.bytes, sizeof secret.bytes, name);
    return secret;
}

/** Fails unless @p data is what the file has. */
static void must_be(const char *name, const void *data, size_t size) {
    struct field field = get(name);
    ck_assert_msg(size == field.size && memcmp(data, field.bytes, size) == 0, "another %s", name);
}

START_TEST(primitives_agree) {
    enter("primitives");
    struct field data = get("data"), public = get("dh_public");
    struct bl_secret key = get_secret("key"), secret = get_secret("dh_secret"), out[3];
    uint8_t hash[BL_HASH_SIZE];

    bl_hash(hash, data.bytes, data.size);
    must_be("hash", hash, sizeof hash);
    bl_mac(hash, &key, data.bytes, data.size);
    must_be("mac", hash, sizeof hash);
    bl_hkdf(out, 3, &key, data.bytes, data.size);
    must_be("hkdf_1", &out[0], sizeof out[0]);
    must_be("hkdf_2", &out[1], sizeof out[1]);
    must_be("hkdf_3", &out[2], sizeof out[2]);
    ck_assert(bl_dh(&out[0], &secret, public.bytes));
    must_be("dh", &out[0], sizeof out[0]);
    bl_hkdf(out, 1, &key, "Belay 2 update", 14);
    must_be("next_key", &out[0], sizeof out[0]);
}
END_TEST

static const char *const tokens[] = {"smallest", "full", "largest"};

START_TEST(a_token_opens) {
    char name[64];
    snprintf(name, sizeof name, "token %s", tokens[_i]);
    enter(name);
    struct field sealed = get("token");
    struct bl_token_keys keys = {.count = 1};
    struct bl_token token;
    keys.keys[0].id = (uint32_t)get_number("key_id");
    keys.keys[0].secret = get_secret("key");

    ck_assert_int_eq(bl_token_open(&token, sealed.bytes, sealed.size, &keys), BL_TOKEN_VALID);
    ck_assert_uint_eq(token.head.key_id, get_number("key_id"));
    ck_assert_uint_eq(token.head.game, get_number("game"));
    ck_assert_uint_eq(token.head.not_before_ms, get_number("not_before"));
    ck_assert_uint_eq(token.head.expiry_ms, get_number("expiry"));
    must_be("nonce", sealed.bytes + BL_TOKEN_HEAD_SIZE - BL_BOX_NONCE_SIZE, BL_BOX_NONCE_SIZE);
    must_be("user_id", token.user_id, sizeof token.user_id);
    must_be("token_id", token.id, sizeof token.id);
    must_be("secret", &token.secret, sizeof token.secret);
    must_be("audience", token.audience, strlen(token.audience));
    must_be("data", token.data, token.data_size);
}
END_TEST

START_TEST(a_blob_is_read_and_written) {
    char name[64];
    snprintf(name, sizeof name, "blob %s", tokens[_i]);
    enter(name);
    struct field sealed = get("blob");
    struct bl_token_blob blob;
    uint8_t out[BL_TOKEN_BLOB_SIZE_MAX];
    char places[FIELD_MAX] = "";

    ck_assert_int_eq(bl_token_blob_read(&blob, sealed.bytes, sealed.size), BL_TOKEN_VALID);
    must_be("token", blob.token, blob.token_size);
    must_be("secret", &blob.secret, sizeof blob.secret);
    for (unsigned i = 0; i < blob.place_count; i++) {
        strcat(strcat(places, i == 0 ? "" : " "), blob.places[i]);
    }
    must_be("places", places, strlen(places));
    must_be("blob", out, bl_token_blob_write(out, &blob));
}
END_TEST

static const char *const tickets[] = {"0", "1", "4294967295"};

static struct bl_token_keys get_ticket_keys(void) {
    struct bl_token_keys keys = {.count = 1};
    keys.keys[0].id = (uint32_t)get_number("key_id");
    keys.keys[0].secret = get_secret("key");
    return keys;
}

static void ticket_must_agree(const struct bl_ticket *ticket) {
    uint8_t run[8];
    struct bl_writer writer = bl_writer_of(run, sizeof run);
    bl_write_u64(&writer, ticket->run);
    must_be("run", run, sizeof run);
    must_be("session_name", ticket->name, sizeof ticket->name);
    ck_assert_uint_eq(ticket->generation, get_number("generation"));
    must_be("resume_key", &ticket->resume_key, sizeof ticket->resume_key);
}

START_TEST(a_ticket_opens_and_is_sealed) {
    char name[64];
    snprintf(name, sizeof name, "ticket %s", tickets[_i]);
    enter(name);
    struct field sealed = get("ticket");
    struct bl_token_keys keys = get_ticket_keys();
    struct bl_ticket ticket;
    uint8_t again[BL_TICKET_SIZE];

    ck_assert_uint_eq(sealed.size, BL_TICKET_SIZE);
    ck_assert(bl_ticket_open(&ticket, sealed.bytes, &keys));
    ticket_must_agree(&ticket);

    /* Ours has another nonce: with it, the same must come out of what stands in the same places. */
    bl_ticket_seal(again, &ticket, &keys, &random_source);
    ck_assert_mem_eq(again, sealed.bytes, 5);
    memset(&ticket, 0, sizeof ticket);
    ck_assert(bl_ticket_open(&ticket, again, &keys));
    ticket_must_agree(&ticket);
    sealed.bytes[0] = 2;
    ck_assert(!bl_ticket_open(&ticket, sealed.bytes, &keys));
}
END_TEST

static const char *const positions_names[] = {"none", "one", "some", "all"};

/** A column of the table of positions, 4 bytes for each channel. */
static uint32_t get_position(const char *name, uint8_t row) {
    struct field field = get(name);
    ck_assert_uint_le((row + 1U) * 4, field.size);
    struct bl_reader reader = bl_reader_of(field.bytes + (size_t)row * 4, 4);
    return bl_read_u32(&reader);
}

START_TEST(positions_are_read_and_written) {
    char name[64];
    snprintf(name, sizeof name, "positions %s", positions_names[_i]);
    enter(name);
    struct field told = get("positions"), channels = get("channel");
    struct bl_reader reader = bl_reader_of(told.bytes, told.size);
    struct bl_positions positions;
    uint8_t out[BL_POSITIONS_SIZE_MAX];

    ck_assert(bl_positions_read(&reader, &positions));
    ck_assert_uint_eq(bl_reader_left(&reader), 0);
    ck_assert_uint_eq(positions.count * 4U, channels.size);
    for (uint8_t i = 0; i < positions.count; i++) {
        ck_assert_uint_eq(positions.channels[i].channel, get_position("channel", i));
        ck_assert_uint_eq(positions.channels[i].received, get_position("received", i));
        ck_assert_uint_eq(positions.channels[i].filled, get_position("filled", i));
        ck_assert_uint_eq(positions.channels[i].handled, get_position("handled", i));
        ck_assert_uint_eq(positions.channels[i].newest, get_position("newest", i));
    }
    struct bl_writer writer = bl_writer_of(out, sizeof out);
    bl_positions_write(&writer, &positions);
    must_be("positions", out, bl_writer_size(&writer));
}
END_TEST

START_TEST(a_reset_is_read_and_written) {
    enter("reset");
    struct field datagram = get("datagram");
    struct bl_token_keys keys = {.count = 1};
    struct bl_reset reset;
    uint8_t token[BL_RESET_TOKEN_SIZE], out[BL_RESET_SIZE];

    ck_assert(bl_reset_read(&reset, datagram.bytes, datagram.size));
    ck_assert_uint_eq(reset.tag, get_number("tag"));
    keys.keys[0].secret = get_secret("key");
    bl_reset_token(token, &keys, reset.tag);
    must_be("token", token, sizeof token);
    must_be("token", reset.token, sizeof reset.token);
    must_be("datagram", out, bl_reset_write(out, &reset));
}
END_TEST

START_TEST(a_server_without_a_file_of_them_derives_its_ticket_key) {
    enter("derived ticket key");
    struct bl_secret secret = get_secret("server_secret");
    struct bl_token_keys keys;
    bl_ticket_keys_derive(&keys, &secret);
    ck_assert_uint_eq(keys.count, 1);
    ck_assert_uint_eq(keys.keys[0].id, get_number("key_id"));
    must_be("key", &keys.keys[0].secret, sizeof keys.keys[0].secret);
}
END_TEST

START_TEST(a_cookie_agrees) {
    enter("cookie");
    struct field nonce = get("client_nonce"), text = get("address");
    struct bl_cookies cookies;
    struct bl_address address;
    uint8_t out[BL_COOKIE_SIZE];
    bl_cookies_init(&cookies, &random_source, NOW);
    cookies.now = get_secret("secret");
    text.bytes[text.size] = '\0';
    ck_assert_int_eq(bl_address_parse(&address, (const char *)text.bytes, true), BELAY_OK);
    bl_cookie_make(&cookies, out, &address, nonce.bytes, NOW);
    must_be("cookie", out, sizeof out);
}
END_TEST

/* Every handshake of the file: way and suite. */
static const struct handshake {
    const char *name;
    enum bl_way way;
    enum bl_suite suite;
} handshakes[] = {
    {"token chacha20-poly1305", BL_WAY_TOKEN, BL_SUITE_CHACHA20},
    {"key chacha20-poly1305", BL_WAY_KEY, BL_SUITE_CHACHA20},
    {"resume chacha20-poly1305", BL_WAY_RESUME, BL_SUITE_CHACHA20},
    {"full resume chacha20-poly1305", BL_WAY_RESUME, BL_SUITE_CHACHA20},
    {"new epoch chacha20-poly1305", BL_WAY_RESUME, BL_SUITE_CHACHA20},
    {"token aes-256-gcm", BL_WAY_TOKEN, BL_SUITE_AES256},
    {"key aes-256-gcm", BL_WAY_KEY, BL_SUITE_AES256},
    {"resume aes-256-gcm", BL_WAY_RESUME, BL_SUITE_AES256},
    {"full resume aes-256-gcm", BL_WAY_RESUME, BL_SUITE_AES256},
    {"new epoch aes-256-gcm", BL_WAY_RESUME, BL_SUITE_AES256},
};

/** NULL: this processor does not have the suite. */
static const struct handshake *enter_handshake(int index) {
    char name[64];
    snprintf(name, sizeof name, "handshake %s", handshakes[index].name);
    enter(name);
    ck_assert_uint_eq(handshakes[index].way, get_number("way"));
    ck_assert_uint_eq(handshakes[index].suite, get_number("suite"));
    return bl_suites() >> handshakes[index].suite & 1 ? &handshakes[index] : NULL;
}

static struct bl_credentials get_credentials(void) {
    return (struct bl_credentials){get_secret("chain"), get_secret("proof_key"),
                                   get_secret("deny_key")};
}

static void credentials_must_agree(const struct bl_credentials *credentials) {
    must_be("chain", &credentials->chain, sizeof credentials->chain);
    must_be("proof_key", &credentials->proof, sizeof credentials->proof);
    must_be("deny_key", &credentials->deny, sizeof credentials->deny);
}

START_TEST(the_key_schedule_agrees_on_both_sides) {
    const struct handshake *handshake = enter_handshake(_i);
    struct bl_credentials credentials;
    if (handshake == NULL) {
        return;
    }
    if (handshake->way != BL_WAY_KEY) {
        struct bl_secret secret = get_secret("first_secret");
        if (handshake->way == BL_WAY_TOKEN) {
            bl_credentials_of_token(&credentials, &secret);
        } else {
            bl_credentials_of_ticket(&credentials, &secret);
        }
        credentials_must_agree(&credentials);
        return;
    }
    struct bl_secret client = get_secret("client_secret"), server = get_secret("static_secret");
    struct field ephemeral = get("client_ephemeral"), key = get("static_key");
    ck_assert(bl_credentials_of_key(&credentials, &client, key.bytes, key.bytes));
    credentials_must_agree(&credentials);
    ck_assert(bl_credentials_of_key(&credentials, &server, ephemeral.bytes, key.bytes));
    credentials_must_agree(&credentials);
}
END_TEST

START_TEST(an_open_is_read_and_written) {
    const struct handshake *handshake = enter_handshake(_i);
    struct bl_credentials credentials = get_credentials();
    struct field first = get("open_first"), credential = get("credential");
    struct bl_open open;
    uint8_t out[BL_OPEN_SIZE] = {0};
    if (handshake == NULL) {
        return;
    }

    ck_assert(bl_open_read(&open, first.bytes, first.size));
    ck_assert_uint_eq(open.version, BL_WIRE_VERSION);
    ck_assert_uint_eq(open.way, handshake->way);
    ck_assert_uint_eq(open.suites, get_number("suites"));
    ck_assert_uint_eq(open.game, get_number("game"));
    must_be("client_nonce", open.nonce, sizeof open.nonce);
    must_be("client_ephemeral", open.key, sizeof open.key);
    must_be("credential", open.credential, open.credential_size);

    open.credential = credential.bytes;
    bl_open_write(out, &open);
    if (handshake->way != BL_WAY_KEY) {
        bl_open_proof(out + BL_OPEN_PROVEN_SIZE, &credentials, out);
    }
    must_be("open_first", out, sizeof out);
    get_exactly(out + BL_OPEN_FIXED_SIZE, BL_COOKIE_SIZE, "cookie");
    bl_open_proof(out + BL_OPEN_PROVEN_SIZE, &credentials, out);
    must_be("open_again", out, sizeof out);
}
END_TEST

START_TEST(what_is_told_behind_a_ticket_is_opened_and_sealed) {
    const struct handshake *handshake = enter_handshake(_i);
    struct bl_credentials credentials = get_credentials();
    struct field open = get("open_again"), told = get("told");
    struct bl_resume resume;
    uint8_t plain[BL_RESUME_SIZE_MAX], *sealed = open.bytes + BL_OPEN_HEAD_SIZE + BL_TICKET_SIZE;
    if (handshake == NULL || handshake->way != BL_WAY_RESUME) {
        return;
    }

    ck_assert_uint_eq(BL_TICKET_SIZE + told.size + BL_AEAD_SIZE, get("credential").size);
    ck_assert(bl_resume_open(&credentials, open.bytes, plain, told.size));
    must_be("told", plain, told.size);
    ck_assert(bl_resume_read(&resume, plain, told.size));
    must_be("told", plain, bl_resume_write(plain, &resume));

    memcpy(sealed, told.bytes, told.size);
    memset(sealed + told.size, 0, BL_AEAD_SIZE);
    bl_resume_seal(&credentials, open.bytes, told.size);
    must_be("open_again", open.bytes, open.size);
    open.bytes[BL_OPEN_HEAD_SIZE - 1] ^= 1;
    ck_assert(!bl_resume_open(&credentials, open.bytes, plain, told.size));
}
END_TEST

START_TEST(a_retry_is_read_and_written) {
    const struct handshake *handshake = enter_handshake(_i);
    struct field datagram = get("retry");
    struct bl_retry retry;
    uint8_t out[BL_RETRY_SIZE];
    if (handshake == NULL) {
        return;
    }
    ck_assert(bl_retry_read(&retry, datagram.bytes, datagram.size));
    must_be("client_nonce", retry.nonce, sizeof retry.nonce);
    must_be("cookie", retry.cookie, sizeof retry.cookie);
    ck_assert_uint_eq(retry.way, handshake->way);
    must_be("retry_key", retry.key, sizeof retry.key);
    must_be("retry", out, bl_retry_write(out, &retry));
}
END_TEST

/** The keys as one side computes them. */
static struct bl_traffic_keys traffic_keys(const char *own_secret, const char *other_key) {
    struct bl_credentials credentials = get_credentials();
    struct field open = get("open_again"), accept = get("accept"), other = get(other_key);
    struct bl_secret secret = get_secret(own_secret);
    struct bl_traffic_keys keys;
    uint8_t open_hash[BL_HASH_SIZE];
    bl_hash(open_hash, open.bytes, BL_OPEN_FIXED_SIZE);
    const struct bl_exchange exchange = {open_hash, accept.bytes, &secret, other.bytes};
    ck_assert(bl_traffic_keys_of(&keys, &credentials, &exchange));
    must_be("up", &keys.up, sizeof keys.up);
    must_be("down", &keys.down, sizeof keys.down);
    must_be("resume", &keys.resume, sizeof keys.resume);
    return keys;
}

static void parameters_must_agree(const struct bl_accept_params *params) {
    uint8_t positions[BL_POSITIONS_SIZE_MAX];
    struct bl_writer writer = bl_writer_of(positions, sizeof positions);
    bl_positions_write(&writer, &params->positions);
    ck_assert_uint_eq(params->tag, get_number("tag"));
    ck_assert_uint_eq(params->spare_tag, get_number("spare"));
    must_be("reset_token", params->reset_token, sizeof params->reset_token);
    must_be("spare_reset_token", params->spare_reset_token, sizeof params->spare_reset_token);
    must_be("ticket", params->ticket, sizeof params->ticket);
    must_be("positions", positions, bl_writer_size(&writer));
}

START_TEST(an_accept_is_read_and_written) {
    const struct handshake *handshake = enter_handshake(_i);
    struct field datagram = get("accept");
    struct bl_accept accept;
    struct bl_accept_params params;
    uint8_t out[BL_ACCEPT_SIZE_MAX];
    if (handshake == NULL) {
        return;
    }
    traffic_keys("server_secret", "client_ephemeral");
    struct bl_traffic_keys keys = traffic_keys("client_secret", "server_ephemeral");

    ck_assert(bl_accept_read(&accept, datagram.bytes, datagram.size));
    ck_assert_uint_eq(accept.suite, handshake->suite);
    must_be("client_nonce", accept.nonce, sizeof accept.nonce);
    must_be("server_nonce", accept.server_nonce, sizeof accept.server_nonce);
    must_be("server_ephemeral", accept.key, sizeof accept.key);

    const struct bl_aead aead = {handshake->suite, &keys.down, 0, datagram.bytes,
                                 BL_ACCEPT_HEAD_SIZE};
    size_t size = datagram.size - BL_ACCEPT_HEAD_SIZE - BL_AEAD_SIZE;
    ck_assert(bl_aead_open(&aead, datagram.bytes + BL_ACCEPT_HEAD_SIZE, size));
    ck_assert(bl_accept_params_read(&params, datagram.bytes + BL_ACCEPT_HEAD_SIZE, size));
    parameters_must_agree(&params);

    bl_accept_write(out, &accept);
    ck_assert_uint_eq(bl_accept_params_write(out + BL_ACCEPT_HEAD_SIZE, &params), size);
    bl_aead_seal(&aead, out + BL_ACCEPT_HEAD_SIZE, size);
    must_be("accept", out, datagram.size);
}
END_TEST

START_TEST(a_deny_is_read_and_written) {
    const struct handshake *handshake = enter_handshake(_i);
    struct bl_credentials credentials = get_credentials();
    struct field datagram = get("deny"), hint = get("hint");
    struct bl_deny deny;
    uint8_t out[BL_DENY_SIZE_MAX];
    if (handshake == NULL) {
        return;
    }
    ck_assert(bl_deny_read(&deny, datagram.bytes, datagram.size));
    must_be("client_nonce", deny.nonce, sizeof deny.nonce);
    ck_assert_uint_eq(deny.code, get_number("deny_code"));
    ck_assert(deny.come_back);
    ck_assert_uint_eq(deny.retry_ms, get_number("deny_retry_ms"));
    must_be("deny_text", deny.text, deny.text_size);
    size_t size = bl_deny_write(out, &deny);
    bl_deny_proof(out + size, &credentials, out, size);
    must_be("deny", out, size + BL_PROOF_SIZE);

    ck_assert(bl_deny_read(&deny, hint.bytes, hint.size));
    ck_assert_uint_eq(deny.code, get_number("hint_code"));
    ck_assert(!deny.come_back);
    size = bl_deny_write(out, &deny);
    memset(out + size, 0, BL_PROOF_SIZE);
    must_be("hint", out, size + BL_PROOF_SIZE);
}
END_TEST

static const char *const kinds[] = {
    "data up", "data down", "challenge", "response", "gone up", "gone down",
};
static const char *const suites[] = {"chacha20-poly1305", "aes-256-gcm"};
#define PHASES          3
#define DATAGRAMS_COUNT ((int)COUNT_OF(kinds) * (int)COUNT_OF(suites) * PHASES)

/** What seals or opens it, in the phase @p back phases before that of the datagram. */
static struct bl_protection protection_of(unsigned back) {
    struct bl_protection protection;
    unsigned phase = (unsigned)get_number("phase") - back;
    struct bl_secret key = get_secret("first_key");
    for (unsigned i = 0; i < phase; i++) {
        struct bl_secret former = key;
        bl_hkdf(&key, 1, &former, "Belay 2 update", 14);
    }
    const struct bl_secret keys[2] = {key, key};
    bl_protection_init(&protection, (enum bl_suite)get_number("suite"), keys, NOW);
    protection.phase = phase % 2 == 1;
    protection.confirmed = true;
    protection.send_number = get_number("number");
    protection.phase_send_first = protection.send_number;
    return protection;
}

static void seals_alike(void) {
    static uint8_t out[BL_DATA_HEADER_SIZE + BL_DATA_PAYLOAD_MAX + BL_AEAD_SIZE];
    struct bl_protection protection = protection_of(0);
    struct field plain = get("plain");
    struct bl_protected job = {
        .header = {.kind = (enum bl_datagram_kind)get_number("kind"),
                   .steered = get_number("from_client") == 1,
                   .tag = (uint32_t)get_number("tag")},
        .datagram = out,
        .payload_size = plain.size,
    };
    memcpy(out + BL_DATA_HEADER_SIZE, plain.bytes, plain.size);
    must_be("datagram", out, bl_protection_seal(&protection, &job, NOW));
}

/** In a protection that has opened the number before it, in this phase or in the one before. */
static void opens_alike(unsigned back) {
    struct bl_protection protection = protection_of(back);
    struct field datagram = get("datagram"), plain = get("plain");
    struct bl_protected job = {.datagram = datagram.bytes, .payload_size = plain.size};
    bl_replay_window_mark(&protection.window, get_number("number") - 1);
    protection.phase_receive_low = get_number("number") - 1;

    ck_assert(bl_data_header_read(&job.header, datagram.bytes, datagram.size));
    ck_assert_uint_eq(job.header.kind, get_number("kind"));
    ck_assert_uint_eq(job.header.steered, get_number("from_client"));
    ck_assert_uint_eq(job.header.tag, get_number("tag"));
    ck_assert(bl_protection_open(&protection, &job, NOW));
    ck_assert_uint_eq(job.number, get_number("number"));
    must_be("plain", datagram.bytes + BL_DATA_HEADER_SIZE, job.payload_size);
    ck_assert_uint_eq(protection.phase, get_number("phase") % 2);
    must_be("key", &protection.now, sizeof protection.now);
    must_be("key", &protection.send_key, sizeof protection.send_key);
}

START_TEST(a_sealed_datagram_agrees) {
    int suite = _i / PHASES % (int)COUNT_OF(suites);
    char name[64];
    snprintf(name, sizeof name, "%s %s phase %d", kinds[_i / PHASES / (int)COUNT_OF(suites)],
             suites[suite], _i % PHASES);
    enter(name);
    if ((bl_suites() >> suite & 1) == 0) {
        return;
    }
    seals_alike();
    opens_alike(0);
    if (get_number("phase") > 0) {
        opens_alike(1);
    }
}
END_TEST

static const char *const moves_names[] = {
    "example", "of one",         "all the same",  "across the wrap",
    "full",    "beyond a frame", "that just fit",
};

/** What was given to be written: its inputs stand one behind the other, the newest first. */
static struct bl_moves get_moves(uint16_t move_size) {
    struct field inputs = get("inputs");
    struct bl_reader reader = bl_reader_of(inputs.bytes, inputs.size);
    struct bl_moves moves = {.lane = (uint8_t)get_number("lane"),
                             .also_new = (uint8_t)get_number("also_new"),
                             .newest = (uint32_t)get_number("newest"),
                             .present = (uint16_t)get_number("given")};
    for (unsigned age = 0; age < BELAY_MOVES_MAX; age++) {
        if ((moves.present >> age & 1) != 0) {
            bl_read_copy(&reader, moves.inputs[age], move_size);
        }
    }
    ck_assert(!reader.failed && bl_reader_left(&reader) == 0);
    return moves;
}

START_TEST(moves_are_read_and_written) {
    char name[64];
    snprintf(name, sizeof name, "moves %s", moves_names[_i]);
    enter(name);
    struct field frame = get("frame");
    uint16_t move_size = (uint16_t)get_number("move_size");
    const struct bl_moves given = get_moves(move_size);
    struct bl_moves read;
    uint8_t out[BL_FRAME_SIZE_MAX];

    must_be("frame", out, bl_moves_write(out, sizeof out, &given, move_size));
    ck_assert(bl_moves_read(&read, frame.bytes, frame.size, move_size));
    ck_assert_uint_eq(read.lane, given.lane);
    ck_assert_uint_eq(read.also_new, get_number("told_new"));
    ck_assert_uint_eq(read.newest, given.newest);
    ck_assert_uint_eq(read.present, get_number("present"));
    for (unsigned age = 0; age < BELAY_MOVES_MAX; age++) {
        if ((read.present >> age & 1) != 0) {
            ck_assert_mem_eq(read.inputs[age], given.inputs[age], move_size);
        }
    }
}
END_TEST

static const char *const acks[] = {"before the first input", "in play", "at the limits"};

START_TEST(an_ack_of_moves_is_read_and_written) {
    char name[64];
    snprintf(name, sizeof name, "move ack %s", acks[_i]);
    enter(name);
    struct field frame = get("frame");
    struct bl_move_ack ack;
    uint8_t out[BL_MOVE_ACK_SIZE];

    ck_assert(bl_move_ack_read(&ack, frame.bytes, frame.size));
    ck_assert_uint_eq(ack.lane, get_number("lane"));
    ck_assert_uint_eq(ack.begun, get_number("flags"));
    ck_assert_uint_eq(ack.consumed, get_number("consumed"));
    ck_assert_uint_eq(ack.age_us, get_number("age_us"));
    ck_assert_uint_eq(ack.fates, get_number("fates"));
    ck_assert_uint_eq(ack.waiting, get_number("waiting"));
    ck_assert_uint_eq(ack.received, get_number("received"));
    ck_assert_int_eq(ack.margin, (int64_t)get_number("margin"));
    ck_assert_int_eq(ack.margin_smoothed, (int64_t)get_number("smoothed"));
    ck_assert_int_eq(ack.margin_min, (int64_t)get_number("least"));
    ck_assert_uint_eq(ack.starved, get_number("starved"));
    ck_assert_uint_eq(ack.loss, get_number("loss"));
    must_be("frame", out, bl_move_ack_write(out, sizeof out, &ack));
}
END_TEST

START_TEST(query_and_info_are_read_and_written) {
    enter("query");
    struct field asked = get("query"), answered = get("info");
    struct bl_query query;
    struct bl_info info;
    uint8_t out[BL_QUERY_SIZE];

    ck_assert(bl_query_read(&query, asked.bytes, asked.size));
    ck_assert_uint_eq(query.version, BL_WIRE_VERSION);
    ck_assert_uint_eq(query.game, get_number("game"));
    must_be("nonce", query.nonce, sizeof query.nonce);
    must_be("query", out, bl_query_write(out, &query));

    ck_assert(bl_info_read(&info, answered.bytes, answered.size));
    must_be("nonce", info.nonce, sizeof info.nonce);
    must_be("server_key", info.key, sizeof info.key);
    ck_assert_uint_eq(info.sessions, get_number("sessions"));
    ck_assert_uint_eq(info.session_max, get_number("session_max"));
    must_be("data", info.data, info.data_size);
    must_be("info", out, bl_info_write(out, &info));
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, load, NULL);
    tcase_add_test(tests, primitives_agree);
    tcase_add_loop_test(tests, a_token_opens, 0, (int)COUNT_OF(tokens));
    tcase_add_loop_test(tests, a_blob_is_read_and_written, 0, (int)COUNT_OF(tokens));
    tcase_add_loop_test(tests, a_ticket_opens_and_is_sealed, 0, (int)COUNT_OF(tickets));
    tcase_add_loop_test(tests, positions_are_read_and_written, 0, (int)COUNT_OF(positions_names));
    tcase_add_test(tests, a_reset_is_read_and_written);
    tcase_add_test(tests, a_server_without_a_file_of_them_derives_its_ticket_key);
    tcase_add_test(tests, a_cookie_agrees);
    tcase_add_loop_test(tests, the_key_schedule_agrees_on_both_sides, 0, (int)COUNT_OF(handshakes));
    tcase_add_loop_test(tests, an_open_is_read_and_written, 0, (int)COUNT_OF(handshakes));
    tcase_add_loop_test(tests, what_is_told_behind_a_ticket_is_opened_and_sealed, 0,
                        (int)COUNT_OF(handshakes));
    tcase_add_loop_test(tests, a_retry_is_read_and_written, 0, (int)COUNT_OF(handshakes));
    tcase_add_loop_test(tests, an_accept_is_read_and_written, 0, (int)COUNT_OF(handshakes));
    tcase_add_loop_test(tests, a_deny_is_read_and_written, 0, (int)COUNT_OF(handshakes));
    tcase_add_loop_test(tests, a_sealed_datagram_agrees, 0, DATAGRAMS_COUNT);
    tcase_add_test(tests, query_and_info_are_read_and_written);
    tcase_add_loop_test(tests, moves_are_read_and_written, 0, (int)COUNT_OF(moves_names));
    tcase_add_loop_test(tests, an_ack_of_moves_is_read_and_written, 0, (int)COUNT_OF(acks));
}

TEST_MAIN("protocol vectors", add_tests)
