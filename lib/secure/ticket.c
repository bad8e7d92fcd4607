/* A ticket has one size and no optional part, so none can be told from another by its length. */
#include "lib/secure/ticket.h"

#include <string.h>

#define TICKET_VERSION 1
#define HEAD_SIZE      (5 + BL_BOX_NONCE_SIZE)
#define BODY_SIZE      (12 + BL_SESSION_NAME_SIZE + BL_SECRET_SIZE)
#define DERIVED_KEY_ID 1
#define DERIVED_LABEL  "Belay 2 ticket"
#define RESET_LABEL    "Belay 2 reset"

_Static_assert(HEAD_SIZE + BODY_SIZE + BL_AEAD_SIZE == BL_TICKET_SIZE, "as lib/wire has it");

static struct bl_box box_of(const struct bl_token_key *key, const uint8_t *sealed) {
    return (struct bl_box){.key = &key->secret,
                           .nonce = sealed + HEAD_SIZE - BL_BOX_NONCE_SIZE,
                           .head = sealed,
                           .head_size = HEAD_SIZE};
}

void bl_ticket_seal(uint8_t out[BL_TICKET_SIZE], const struct bl_ticket *ticket,
                    const struct bl_token_keys *keys, struct bl_random *random) {
    const struct bl_token_key *key = &keys->keys[0];
    uint8_t nonce[BL_BOX_NONCE_SIZE];
    bl_random_bytes(random, nonce, sizeof nonce);
    struct bl_writer writer = bl_writer_of(out, BL_TICKET_SIZE);
    bl_write_u8(&writer, TICKET_VERSION);
    bl_write_u32(&writer, key->id);
    bl_write_bytes(&writer, nonce, sizeof nonce);
    bl_write_u64(&writer, ticket->run);
    bl_write_bytes(&writer, ticket->name, sizeof ticket->name);
    bl_write_u32(&writer, ticket->generation);
    bl_write_bytes(&writer, ticket->resume_key.bytes, sizeof ticket->resume_key.bytes);
    const struct bl_box box = box_of(key, out);
    bl_box_seal(&box, out + HEAD_SIZE, BODY_SIZE);
}

bool bl_ticket_open(struct bl_ticket *out, const uint8_t sealed[BL_TICKET_SIZE],
                    const struct bl_token_keys *keys) {
    uint8_t body[BODY_SIZE + BL_AEAD_SIZE];
    struct bl_reader head = bl_reader_of(sealed, HEAD_SIZE);
    uint8_t version = bl_read_u8(&head);
    const struct bl_token_key *key = bl_token_keys_find(keys, bl_read_u32(&head));
    if (version != TICKET_VERSION || key == NULL) {
        return false;
    }
    memcpy(body, sealed + HEAD_SIZE, sizeof body);
    const struct bl_box box = box_of(key, sealed);
    if (!bl_box_open(&box, body, BODY_SIZE)) {
        return false;
    }
    struct bl_reader reader = bl_reader_of(body, BODY_SIZE);
    out->run = bl_read_u64(&reader);
    bl_read_copy(&reader, out->name, sizeof out->name);
    out->generation = bl_read_u32(&reader);
    bl_read_copy(&reader, out->resume_key.bytes, sizeof out->resume_key.bytes);
    bl_wipe(body, sizeof body);
    return true;
}

void bl_reset_token(uint8_t out[BL_RESET_TOKEN_SIZE], const struct bl_token_keys *keys,
                    uint32_t tag) {
    uint8_t input[sizeof RESET_LABEL - 1 + 4];
    uint8_t mac[BL_MAC_SIZE];
    struct bl_writer writer = bl_writer_of(input, sizeof input);
    bl_write_bytes(&writer, RESET_LABEL, sizeof RESET_LABEL - 1);
    bl_write_u32(&writer, tag);
    bl_mac(mac, &keys->keys[0].secret, input, sizeof input);
    memcpy(out, mac, BL_RESET_TOKEN_SIZE);
}

void bl_ticket_keys_derive(struct bl_token_keys *out, const struct bl_secret *server_secret) {
    *out = (struct bl_token_keys){.count = 1};
    out->keys[0].id = DERIVED_KEY_ID;
    bl_hkdf(&out->keys[0].secret, 1, server_secret, DERIVED_LABEL, strlen(DERIVED_LABEL));
}
