/*
 * Bounded readers and writers: the only way bytes of the network are read or made.
 *
 * Both fail once and for all: after the first access beyond the end every read gives zero, every
 * write does nothing, and `failed` stays set. So a codec reads its fields in a row and asks once.
 * Integers travel in network byte order (big endian), as in every IETF protocol.
 */
#ifndef BL_COMMON_BYTES_H
#define BL_COMMON_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes that are another's. */
struct bl_span {
    const void *data;
    size_t size;
};

struct bl_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

struct bl_writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    bool failed;
};

/** @param data may be NULL when @p size is 0; outlives the reader. The same for a writer. */
struct bl_reader bl_reader_of(const void *data, size_t size);
struct bl_writer bl_writer_of(void *data, size_t size);

size_t bl_reader_left(const struct bl_reader *reader); /* 0 once it has failed */
size_t bl_writer_size(const struct bl_writer *writer); /* bytes written before a failure */

uint8_t bl_read_u8(struct bl_reader *reader);
uint16_t bl_read_u16(struct bl_reader *reader);
uint32_t bl_read_u32(struct bl_reader *reader);
uint64_t bl_read_u64(struct bl_reader *reader);
/** Copies exactly @p size bytes out; zeroes @p out when there are fewer. */
void bl_read_copy(struct bl_reader *reader, void *out, size_t size);
/** Lends @p size bytes in place, 0 too; NULL (and failed) when there are fewer. */
const uint8_t *bl_read_span(struct bl_reader *reader, size_t size);

void bl_write_u8(struct bl_writer *writer, uint8_t value);
void bl_write_u16(struct bl_writer *writer, uint16_t value);
void bl_write_u32(struct bl_writer *writer, uint32_t value);
void bl_write_u64(struct bl_writer *writer, uint64_t value);
/** @param data may be NULL when @p size is 0 */
void bl_write_bytes(struct bl_writer *writer, const void *data, size_t size);
/** Zeroes up to a total of @p size bytes written; fails when there are already more. */
void bl_write_pad(struct bl_writer *writer, size_t size);

#endif
