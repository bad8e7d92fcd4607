/*
 * Every access goes through take() or reserve(), the only two places that compare sizes. They
 * compare against what is left, never by adding to a pointer, so that a size a stranger chose
 * cannot wrap around.
 *
 * A reader that failed stands at its end, so that a loop over "while bytes are left" stops too. A
 * writer that failed keeps its place: what was written before is still whole.
 */
#include "common/bytes.h"
#include <string.h>

struct bl_reader bl_reader_of(const void *data, size_t size) {
    static const uint8_t nothing[1]; /* so that a span of an empty input is not NULL */
    const uint8_t *start = data != NULL ? data : nothing;
    return (struct bl_reader){.at = start, .end = start + size};
}

struct bl_writer bl_writer_of(void *data, size_t size) {
    static uint8_t nothing[1]; /* never written: its size is 0 */
    uint8_t *start = data != NULL ? data : nothing;
    return (struct bl_writer){.start = start, .at = start, .end = start + size};
}

size_t bl_reader_left(const struct bl_reader *reader) {
    return (size_t)(reader->end - reader->at);
}

size_t bl_writer_size(const struct bl_writer *writer) {
    return (size_t)(writer->at - writer->start);
}

static const uint8_t *take(struct bl_reader *reader, size_t size) {
    if (reader->failed || size > bl_reader_left(reader)) {
        reader->failed = true;
        reader->at = reader->end;
        return NULL;
    }
    const uint8_t *span = reader->at;
    reader->at += size;
    return span;
}

static uint8_t *reserve(struct bl_writer *writer, size_t size) {
    if (writer->failed || size > (size_t)(writer->end - writer->at)) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *span = writer->at;
    writer->at += size;
    return span;
}

/** A big-endian number of @p size bytes, at most 8. */
static uint64_t read_number(struct bl_reader *reader, size_t size) {
    const uint8_t *bytes = take(reader, size);
    uint64_t value = 0;
    for (size_t i = 0; bytes != NULL && i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static void write_number(struct bl_writer *writer, uint64_t value, size_t size) {
    uint8_t *bytes = reserve(writer, size);
    for (size_t i = size; bytes != NULL && i > 0; i--) {
        bytes[i - 1] = (uint8_t)value;
        value >>= 8;
    }
}

uint8_t bl_read_u8(struct bl_reader *reader) {
    return (uint8_t)read_number(reader, 1);
}

uint16_t bl_read_u16(struct bl_reader *reader) {
    return (uint16_t)read_number(reader, 2);
}

uint32_t bl_read_u32(struct bl_reader *reader) {
    return (uint32_t)read_number(reader, 4);
}

uint64_t bl_read_u64(struct bl_reader *reader) {
    return read_number(reader, 8);
}

void bl_read_copy(struct bl_reader *reader, void *out, size_t size) {
    const uint8_t *span = take(reader, size);
    if (size == 0) {
        return;
    }
    if (span != NULL) {
        memcpy(out, span, size);
    } else {
        memset(out, 0, size);
    }
}

const uint8_t *bl_read_span(struct bl_reader *reader, size_t size) {
    return take(reader, size);
}

void bl_write_u8(struct bl_writer *writer, uint8_t value) {
    write_number(writer, value, 1);
}

void bl_write_u16(struct bl_writer *writer, uint16_t value) {
    write_number(writer, value, 2);
}

void bl_write_u32(struct bl_writer *writer, uint32_t value) {
    write_number(writer, value, 4);
}

void bl_write_u64(struct bl_writer *writer, uint64_t value) {
    write_number(writer, value, 8);
}

void bl_write_bytes(struct bl_writer *writer, const void *data, size_t size) {
    uint8_t *span = reserve(writer, size);
    if (span != NULL && size > 0) {
        memcpy(span, data, size);
    }
}

void bl_write_pad(struct bl_writer *writer, size_t size) {
    size_t written = bl_writer_size(writer);
    if (size < written) {
        writer->failed = true;
        return;
    }
    uint8_t *span = reserve(writer, size - written);
    if (span != NULL) {
        memset(span, 0, size - written);
    }
}
