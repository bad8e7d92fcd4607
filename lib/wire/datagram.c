/*
 * Codec of the datagrams that make and carry a binding.
 *
 * Everything read here is a stranger's: each reader checks the exact size or every length in it,
 * and no field is used before the reader has not failed.
 */
#include "lib/wire/datagram.h"

uint8_t bl_datagram_kind(const void *data, size_t size) {
    return size == 0 ? 0 : *(const uint8_t *)data;
}

/** Kind and steering byte. Steering names a shard; without shards it is 0. */
static void write_prefix(struct bl_writer *writer, enum bl_datagram_kind kind) {
    bl_write_u8(writer, (uint8_t)kind);
    bl_write_u8(writer, 0);
}

static struct bl_reader read_prefix(const void *data, size_t size) {
    struct bl_reader reader = bl_reader_of(data, size);
    bl_read_u16(&reader);
    return reader;
}

size_t bl_open_write(uint8_t *out, const struct bl_open *open) {
    struct bl_writer writer = bl_writer_of(out, BL_OPEN_SIZE);
    write_prefix(&writer, BL_DATAGRAM_OPEN);
    bl_write_u8(&writer, open->attempt);
    bl_write_u16(&writer, open->version);
    bl_write_u64(&writer, open->game);
    bl_write_bytes(&writer, open->nonce, sizeof open->nonce);
    bl_write_u8(&writer, open->resume);
    bl_write_pad(&writer, BL_OPEN_SIZE);
    return bl_writer_size(&writer);
}

bool bl_open_read(struct bl_open *out, const void *data, size_t size) {
    if (size != BL_OPEN_SIZE) {
        return false;
    }
    struct bl_reader reader = read_prefix(data, size);
    out->attempt = bl_read_u8(&reader);
    out->version = bl_read_u16(&reader);
    out->game = bl_read_u64(&reader);
    bl_read_copy(&reader, out->nonce, sizeof out->nonce);
    uint8_t resume = bl_read_u8(&reader);
    out->resume = resume == 1;
    return !reader.failed && resume <= 1;
}

size_t bl_accept_write(uint8_t *out, const struct bl_accept *accept) {
    struct bl_writer writer = bl_writer_of(out, BL_OPEN_SIZE);
    write_prefix(&writer, BL_DATAGRAM_ACCEPT);
    bl_write_u8(&writer, accept->attempt);
    bl_write_bytes(&writer, accept->nonce, sizeof accept->nonce);
    bl_write_u32(&writer, accept->tag);
    return bl_writer_size(&writer);
}

bool bl_accept_read(struct bl_accept *out, const void *data, size_t size) {
    struct bl_reader reader = read_prefix(data, size);
    out->attempt = bl_read_u8(&reader);
    bl_read_copy(&reader, out->nonce, sizeof out->nonce);
    out->tag = bl_read_u32(&reader);
    return !reader.failed && bl_reader_left(&reader) == 0;
}

size_t bl_deny_write(uint8_t *out, const struct bl_deny *deny) {
    struct bl_writer writer = bl_writer_of(out, BL_OPEN_SIZE);
    write_prefix(&writer, BL_DATAGRAM_DENY);
    bl_write_u8(&writer, deny->attempt);
    bl_write_bytes(&writer, deny->nonce, sizeof deny->nonce);
    bl_write_u32(&writer, deny->code);
    bl_write_u8(&writer, deny->come_back);
    bl_write_u32(&writer, deny->retry_ms);
    bl_write_u8(&writer, deny->text_size);
    bl_write_bytes(&writer, deny->text, deny->text_size);
    return bl_writer_size(&writer);
}

bool bl_deny_read(struct bl_deny *out, const void *data, size_t size) {
    struct bl_reader reader = read_prefix(data, size);
    out->attempt = bl_read_u8(&reader);
    bl_read_copy(&reader, out->nonce, sizeof out->nonce);
    out->code = bl_read_u32(&reader);
    uint8_t come_back = bl_read_u8(&reader);
    out->come_back = come_back == 1;
    out->retry_ms = bl_read_u32(&reader);
    out->text_size = bl_read_u8(&reader);
    out->text = bl_read_span(&reader, out->text_size);
    return !reader.failed && bl_reader_left(&reader) == 0 && come_back <= 1 &&
           out->text_size <= BELAY_REASON_TEXT_MAX;
}

void bl_data_header_write(uint8_t *out, enum bl_datagram_kind kind,
                          const struct bl_data_header *header) {
    struct bl_writer writer = bl_writer_of(out, BL_DATA_HEADER_SIZE);
    write_prefix(&writer, kind);
    bl_write_u32(&writer, header->tag);
    bl_write_u16(&writer, header->number);
}

bool bl_data_header_read(struct bl_data_header *out, const void *data, size_t size) {
    struct bl_reader reader = read_prefix(data, size);
    out->tag = bl_read_u32(&reader);
    out->number = bl_read_u16(&reader);
    return !reader.failed && bl_reader_left(&reader) >= BL_DATA_TAG_SIZE;
}

uint64_t bl_wire_hash(const char *text) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *at = text != NULL ? text : ""; *at != '\0'; at++) {
        hash = (hash ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
    }
    return hash;
}
