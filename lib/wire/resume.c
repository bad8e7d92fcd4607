/* Codec of what is told at a resume. Whether it can be true is the session's to judge. */
#include "lib/wire/resume.h"

#include "common/assert.h"

void bl_positions_write(struct bl_writer *writer, const struct bl_positions *positions) {
    bl_write_u8(writer, positions->count);
    for (uint8_t i = 0; i < positions->count; i++) {
        const struct bl_position *position = &positions->channels[i];
        bl_write_u8(writer, position->channel);
        bl_write_u32(writer, position->received);
        bl_write_u32(writer, position->filled);
        bl_write_u32(writer, position->handled);
        bl_write_u32(writer, position->newest);
    }
}

bool bl_positions_read(struct bl_reader *reader, struct bl_positions *out) {
    int before = -1;
    out->count = bl_read_u8(reader);
    if (out->count > BL_STREAMS_MAX) {
        return false;
    }
    for (uint8_t i = 0; i < out->count; i++) {
        struct bl_position *position = &out->channels[i];
        position->channel = bl_read_u8(reader);
        position->received = bl_read_u32(reader);
        position->filled = bl_read_u32(reader);
        position->handled = bl_read_u32(reader);
        position->newest = bl_read_u32(reader);
        if (position->channel <= before || position->channel >= BL_STREAMS_MAX) {
            return false;
        }
        before = position->channel;
    }
    return !reader->failed;
}

size_t bl_resume_write(uint8_t *out, const struct bl_resume *resume) {
    struct bl_writer writer = bl_writer_of(out, BL_RESUME_SIZE_MAX);
    bl_write_u64(&writer, resume->attempt);
    bl_write_u8(&writer, resume->new_epoch);
    bl_positions_write(&writer, &resume->positions);
    BELAY_ASSERT(!writer.failed);
    return bl_writer_size(&writer);
}

bool bl_resume_read(struct bl_resume *out, const uint8_t *data, size_t size) {
    struct bl_reader reader = bl_reader_of(data, size);
    out->attempt = bl_read_u64(&reader);
    uint8_t epoch = bl_read_u8(&reader);
    out->new_epoch = epoch == 1;
    return bl_positions_read(&reader, &out->positions) && bl_reader_left(&reader) == 0 &&
           epoch <= 1 && (epoch == 0 || out->positions.count == 0);
}

const struct bl_position *bl_positions_find(const struct bl_positions *positions, uint8_t channel) {
    for (uint8_t i = 0; i < positions->count; i++) {
        if (positions->channels[i].channel == channel) {
            return &positions->channels[i];
        }
    }
    return NULL;
}
