/* Codec of what travels on the request channel. Whether a request is pending is the session's to
 * judge. */
#include "lib/wire/request.h"

#include "common/assert.h"
#include <belay/request.h>

size_t bl_request_write(uint8_t out[BL_REQUEST_HEAD_SIZE], const struct bl_request_head *head) {
    struct bl_writer writer = bl_writer_of(out, BL_REQUEST_HEAD_SIZE);
    bl_write_u8(&writer, head->kind);
    if (head->kind == BL_REQUEST_ASK) {
        bl_write_u32(&writer, head->type);
        bl_write_u32(&writer, head->deadline_ms);
    } else {
        bl_write_u32(&writer, head->sequence);
    }
    if (head->kind == BL_REQUEST_ANSWER) {
        bl_write_u32(&writer, (uint32_t)head->code);
    }
    BELAY_ASSERT(!writer.failed);
    return bl_writer_size(&writer);
}

/** The other ends of a request are the asking side's to find. */
static bool may_travel(int32_t code) {
    return code >= 0 || code == BELAY_REPLY_LOST || code == BELAY_REPLY_REFUSED;
}

bool bl_request_read(struct bl_request_head *out, const uint8_t *data, size_t size) {
    struct bl_reader reader = bl_reader_of(data, size);
    *out = (struct bl_request_head){.kind = bl_read_u8(&reader)};
    switch (out->kind) {
    case BL_REQUEST_ASK:
        out->type = bl_read_u32(&reader);
        out->deadline_ms = bl_read_u32(&reader);
        return !reader.failed && out->deadline_ms > 0;
    case BL_REQUEST_ANSWER:
        out->sequence = bl_read_u32(&reader);
        out->code = (int32_t)bl_read_u32(&reader);
        return !reader.failed && may_travel(out->code);
    case BL_REQUEST_CANCEL:
        out->sequence = bl_read_u32(&reader);
        return !reader.failed && bl_reader_left(&reader) == 0;
    default:
        return false;
    }
}
