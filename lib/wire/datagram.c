/*
 * Codec of the datagrams.
 *
 * Everything read here is a stranger's: each reader checks the exact size or every length in it,
 * and no field is used before the reader has not failed.
 */
#include "lib/wire/datagram.h"

#include "common/assert.h"

#define PHASE_BIT 0x80U

uint8_t bl_datagram_kind(const void *data, size_t size) {
    return size == 0 ? 0 : *(const uint8_t *)data & (uint8_t)~PHASE_BIT;
}

static struct bl_writer write_prefix(uint8_t *out, size_t size, enum bl_datagram_kind kind,
                                     uint8_t steering) {
    struct bl_writer writer = bl_writer_of(out, size);
    bl_write_u8(&writer, (uint8_t)kind);
    bl_write_u8(&writer, steering);
    return writer;
}

/** The phase bit belongs to datagrams with a header: elsewhere it makes another, unknown kind. */
static struct bl_reader read_prefix(const void *data, size_t size) {
    struct bl_reader reader = bl_reader_of(data, size);
    reader.failed = (bl_read_u8(&reader) & PHASE_BIT) != 0 || reader.failed;
    bl_read_u8(&reader);
    return reader;
}

static bool is_whole(const struct bl_reader *reader) {
    return !reader->failed && bl_reader_left(reader) == 0;
}

void bl_open_write(uint8_t *out, const struct bl_open *open) {
    struct bl_writer writer =
        write_prefix(out, BL_OPEN_FIXED_SIZE, BL_DATAGRAM_OPEN, open->nonce[0]);
    bl_write_u16(&writer, open->version);
    bl_write_u8(&writer, (uint8_t)open->way);
    bl_write_u8(&writer, open->suites);
    bl_write_u64(&writer, open->game);
    bl_write_bytes(&writer, open->nonce, sizeof open->nonce);
    bl_write_bytes(&writer, open->key, sizeof open->key);
    bl_write_u16(&writer, open->credential_size);
    bl_write_bytes(&writer, open->credential, open->credential_size);
    bl_write_pad(&writer, BL_OPEN_FIXED_SIZE);
    BELAY_ASSERT(!writer.failed);
}

bool bl_open_read(struct bl_open *out, const void *data, size_t size) {
    if (size != BL_OPEN_SIZE) {
        return false;
    }
    struct bl_reader reader = read_prefix(data, BL_OPEN_FIXED_SIZE);
    bool known = !reader.failed;
    out->version = bl_read_u16(&reader);
    uint8_t way = bl_read_u8(&reader);
    out->way = (enum bl_way)way;
    out->suites = bl_read_u8(&reader);
    out->game = bl_read_u64(&reader);
    bl_read_copy(&reader, out->nonce, sizeof out->nonce);
    bl_read_copy(&reader, out->key, sizeof out->key);
    out->credential_size = bl_read_u16(&reader);
    out->credential = bl_read_span(&reader, out->credential_size);
    if (out->version != BL_WIRE_VERSION) {
        return known;
    }
    return !reader.failed && way >= BL_WAY_TOKEN && way <= BL_WAY_RESUME &&
           (way != BL_WAY_KEY || out->credential_size == 0) && (out->suites & 1) != 0;
}

void bl_accept_write(uint8_t *out, const struct bl_accept *accept) {
    struct bl_writer writer = write_prefix(out, BL_ACCEPT_HEAD_SIZE, BL_DATAGRAM_ACCEPT, 0);
    bl_write_u8(&writer, accept->suite);
    bl_write_bytes(&writer, accept->nonce, sizeof accept->nonce);
    bl_write_bytes(&writer, accept->server_nonce, sizeof accept->server_nonce);
    bl_write_bytes(&writer, accept->key, sizeof accept->key);
}

bool bl_accept_read(struct bl_accept *out, const void *data, size_t size) {
    if (size < BL_ACCEPT_HEAD_SIZE + BL_ACCEPT_FIXED_SIZE + BL_DATA_TAG_SIZE ||
        size > BL_ACCEPT_SIZE_MAX) {
        return false;
    }
    struct bl_reader reader = read_prefix(data, BL_ACCEPT_HEAD_SIZE);
    out->suite = bl_read_u8(&reader);
    bl_read_copy(&reader, out->nonce, sizeof out->nonce);
    bl_read_copy(&reader, out->server_nonce, sizeof out->server_nonce);
    bl_read_copy(&reader, out->key, sizeof out->key);
    return is_whole(&reader);
}

size_t bl_accept_params_write(uint8_t *out, const struct bl_accept_params *params) {
    struct bl_writer writer = bl_writer_of(out, BL_ACCEPT_PARAMS_MAX);
    bl_write_u32(&writer, params->tag);
    bl_write_u32(&writer, params->spare_tag);
    bl_write_bytes(&writer, params->reset_token, BL_RESET_TOKEN_SIZE);
    bl_write_bytes(&writer, params->spare_reset_token, BL_RESET_TOKEN_SIZE);
    bl_write_u16(&writer, BL_TICKET_SIZE);
    bl_write_bytes(&writer, params->ticket, BL_TICKET_SIZE);
    bl_positions_write(&writer, &params->positions);
    BELAY_ASSERT(!writer.failed);
    return bl_writer_size(&writer);
}

bool bl_accept_params_read(struct bl_accept_params *out, const uint8_t *data, size_t size) {
    struct bl_reader reader = bl_reader_of(data, size);
    out->tag = bl_read_u32(&reader);
    out->spare_tag = bl_read_u32(&reader);
    bl_read_copy(&reader, out->reset_token, BL_RESET_TOKEN_SIZE);
    bl_read_copy(&reader, out->spare_reset_token, BL_RESET_TOKEN_SIZE);
    uint16_t ticket_size = bl_read_u16(&reader);
    bl_read_copy(&reader, out->ticket, BL_TICKET_SIZE);
    return ticket_size == BL_TICKET_SIZE && bl_positions_read(&reader, &out->positions) &&
           is_whole(&reader) && out->tag != 0 && out->spare_tag != 0 && out->tag != out->spare_tag;
}

size_t bl_retry_write(uint8_t *out, const struct bl_retry *retry) {
    struct bl_writer writer = write_prefix(out, BL_RETRY_SIZE, BL_DATAGRAM_RETRY, 0);
    bl_write_bytes(&writer, retry->nonce, sizeof retry->nonce);
    bl_write_bytes(&writer, retry->cookie, sizeof retry->cookie);
    bl_write_u8(&writer, (uint8_t)retry->way);
    bl_write_bytes(&writer, retry->key, sizeof retry->key);
    return bl_writer_size(&writer);
}

bool bl_retry_read(struct bl_retry *out, const void *data, size_t size) {
    struct bl_reader reader = read_prefix(data, size);
    bl_read_copy(&reader, out->nonce, sizeof out->nonce);
    bl_read_copy(&reader, out->cookie, sizeof out->cookie);
    uint8_t way = bl_read_u8(&reader);
    out->way = (enum bl_way)way;
    bl_read_copy(&reader, out->key, sizeof out->key);
    return is_whole(&reader) && way >= BL_WAY_TOKEN && way <= BL_WAY_RESUME;
}

size_t bl_deny_write(uint8_t *out, const struct bl_deny *deny) {
    struct bl_writer writer =
        write_prefix(out, BL_DENY_SIZE_MAX - BL_PROOF_SIZE, BL_DATAGRAM_DENY, 0);
    bl_write_bytes(&writer, deny->nonce, sizeof deny->nonce);
    bl_write_u32(&writer, deny->code);
    bl_write_u8(&writer, deny->come_back);
    bl_write_u32(&writer, deny->retry_ms);
    bl_write_u8(&writer, deny->text_size);
    bl_write_bytes(&writer, deny->text, deny->text_size);
    BELAY_ASSERT(!writer.failed);
    return bl_writer_size(&writer);
}

bool bl_deny_read(struct bl_deny *out, const void *data, size_t size) {
    if (size < BL_PROOF_SIZE) {
        return false;
    }
    out->proven_size = size - BL_PROOF_SIZE;
    struct bl_reader reader = read_prefix(data, out->proven_size);
    bl_read_copy(&reader, out->nonce, sizeof out->nonce);
    out->code = bl_read_u32(&reader);
    uint8_t come_back = bl_read_u8(&reader);
    out->come_back = come_back == 1;
    out->retry_ms = bl_read_u32(&reader);
    out->text_size = bl_read_u8(&reader);
    out->text = bl_read_span(&reader, out->text_size);
    return is_whole(&reader) && come_back <= 1 && out->text_size <= BELAY_REASON_TEXT_MAX;
}

void bl_data_header_write(uint8_t *out, const struct bl_data_header *header) {
    uint8_t steering = header->steered ? (uint8_t)(header->tag >> 24) : 0;
    struct bl_writer writer = write_prefix(out, BL_DATA_HEADER_SIZE, header->kind, steering);
    out[0] |= header->phase ? PHASE_BIT : 0;
    bl_write_u32(&writer, header->tag);
    bl_write_u32(&writer, header->number);
}

/** Sizes without header and authenticator. */
static bool is_payload(enum bl_datagram_kind kind, size_t size) {
    switch (kind) {
    case BL_DATAGRAM_DATA:
        return size <= BL_DATA_PAYLOAD_MAX;
    case BL_DATAGRAM_GONE:
        return size == 0;
    case BL_DATAGRAM_CHALLENGE:
        return size == BL_CHALLENGE_PAYLOAD;
    case BL_DATAGRAM_RESPONSE:
        return size == BL_RESPONSE_PAYLOAD;
    default:
        return false;
    }
}

bool bl_data_header_read(struct bl_data_header *out, const void *data, size_t size) {
    struct bl_reader reader = bl_reader_of(data, size);
    uint8_t kind = bl_read_u8(&reader);
    uint8_t steering = bl_read_u8(&reader);
    out->kind = (enum bl_datagram_kind)(kind & ~PHASE_BIT);
    out->phase = (kind & PHASE_BIT) != 0;
    out->steered = steering != 0;
    out->tag = bl_read_u32(&reader);
    out->number = bl_read_u32(&reader);
    size_t left = bl_reader_left(&reader);
    return !reader.failed && left >= BL_DATA_TAG_SIZE &&
           is_payload(out->kind, left - BL_DATA_TAG_SIZE);
}

size_t bl_reset_write(uint8_t *out, const struct bl_reset *reset) {
    struct bl_writer writer = write_prefix(out, BL_RESET_SIZE, BL_DATAGRAM_RESET, 0);
    bl_write_u32(&writer, reset->tag);
    bl_write_bytes(&writer, reset->token, sizeof reset->token);
    return bl_writer_size(&writer);
}

bool bl_reset_read(struct bl_reset *out, const void *data, size_t size) {
    struct bl_reader reader = read_prefix(data, size);
    out->tag = bl_read_u32(&reader);
    bl_read_copy(&reader, out->token, sizeof out->token);
    return is_whole(&reader);
}

size_t bl_query_write(uint8_t *out, const struct bl_query *query) {
    struct bl_writer writer = write_prefix(out, BL_QUERY_SIZE, BL_DATAGRAM_QUERY, query->nonce[0]);
    bl_write_u16(&writer, query->version);
    bl_write_u64(&writer, query->game);
    bl_write_bytes(&writer, query->nonce, sizeof query->nonce);
    bl_write_pad(&writer, BL_QUERY_SIZE);
    return bl_writer_size(&writer);
}

bool bl_query_read(struct bl_query *out, const void *data, size_t size) {
    struct bl_reader reader = read_prefix(data, size);
    out->version = bl_read_u16(&reader);
    out->game = bl_read_u64(&reader);
    bl_read_copy(&reader, out->nonce, sizeof out->nonce);
    return !reader.failed && size == BL_QUERY_SIZE;
}

size_t bl_info_write(uint8_t *out, const struct bl_info *info) {
    struct bl_writer writer = write_prefix(out, BL_QUERY_SIZE, BL_DATAGRAM_INFO, 0);
    bl_write_bytes(&writer, info->nonce, sizeof info->nonce);
    bl_write_bytes(&writer, info->key, sizeof info->key);
    bl_write_u32(&writer, info->sessions);
    bl_write_u32(&writer, info->session_max);
    bl_write_u16(&writer, info->data_size);
    bl_write_bytes(&writer, info->data, info->data_size);
    return bl_writer_size(&writer);
}

bool bl_info_read(struct bl_info *out, const void *data, size_t size) {
    struct bl_reader reader = read_prefix(data, size);
    bl_read_copy(&reader, out->nonce, sizeof out->nonce);
    bl_read_copy(&reader, out->key, sizeof out->key);
    out->sessions = bl_read_u32(&reader);
    out->session_max = bl_read_u32(&reader);
    out->data_size = bl_read_u16(&reader);
    out->data = bl_read_span(&reader, out->data_size);
    return is_whole(&reader) && out->data_size <= BELAY_PUBLIC_INFO_MAX;
}

uint64_t bl_wire_hash(const char *text) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *at = text != NULL ? text : ""; *at != '\0'; at++) {
        hash = (hash ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
    }
    return hash;
}
