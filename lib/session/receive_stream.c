/* Every length in a segment is the sender's claim: each is checked against what is already here. */
#include "lib/session/receive_stream.h"

#include "common/serial.h"
#include <string.h>

static bool draw(struct bl_credit *credit, size_t bytes) {
    if (credit->messages == 0 || credit->bytes < bytes) {
        return false;
    }
    credit->messages--;
    credit->bytes -= bytes;
    return true;
}

static enum bl_receive_verdict begin_block(struct bl_receive_stream *stream,
                                           struct bl_memory *memory, struct bl_credit *credit,
                                           const struct bl_piece *piece) {
    if (piece->offset != 0 || piece->total <= BL_MESSAGE_DATA_MAX ||
        piece->total > BELAY_MESSAGE_MAX) {
        return BL_RECEIVE_BROKEN;
    }
    if (!draw(credit, piece->total)) {
        return BL_RECEIVE_OVERDRAWN;
    }
    stream->block = bl_allocate(memory, piece->total);
    if (stream->block == NULL) {
        return BL_RECEIVE_NO_MEMORY;
    }
    stream->total = piece->total;
    stream->filled = 0;
    return BL_RECEIVE_PART;
}

static enum bl_receive_verdict take_segment(struct bl_receive_stream *stream,
                                            struct bl_memory *memory, struct bl_credit *credit,
                                            const struct bl_piece *piece, uint8_t **block) {
    if (stream->block != NULL && piece->offset < stream->filled) {
        return BL_RECEIVE_DUPLICATE;
    }
    if (stream->block == NULL) {
        enum bl_receive_verdict verdict = begin_block(stream, memory, credit, piece);
        if (verdict != BL_RECEIVE_PART) {
            return verdict;
        }
    }
    if (piece->total != stream->total || piece->offset != stream->filled ||
        piece->size > stream->total - stream->filled) {
        return BL_RECEIVE_BROKEN;
    }
    memcpy(stream->block + stream->filled, piece->data, piece->size);
    stream->filled += (uint32_t)piece->size;
    if (stream->filled < stream->total) {
        return BL_RECEIVE_PART;
    }
    *block = stream->block;
    stream->block = NULL;
    return BL_RECEIVE_WHOLE;
}

enum bl_receive_verdict bl_receive_stream_take(struct bl_receive_stream *stream,
                                               struct bl_memory *memory, struct bl_credit *credit,
                                               const struct bl_piece *piece, uint8_t **block) {
    enum bl_receive_verdict verdict = BL_RECEIVE_WHOLE;
    int32_t distance = bl_serial_distance(piece->sequence, stream->received);
    *block = NULL;
    if (distance <= 0) {
        return BL_RECEIVE_DUPLICATE;
    }
    if (stream->fresh) {
        stream->fresh = false;
        stream->received = piece->sequence - 1;
    } else if (distance > 1) {
        return BL_RECEIVE_BROKEN;
    }
    if (piece->type == BL_FRAME_SEGMENT) {
        verdict = take_segment(stream, memory, credit, piece, block);
    } else if (stream->block != NULL) {
        return BL_RECEIVE_BROKEN; /* another message before the segments have ended */
    } else if (!draw(credit, piece->size)) {
        return BL_RECEIVE_OVERDRAWN;
    }
    if (verdict == BL_RECEIVE_WHOLE) {
        stream->received++;
    }
    return verdict;
}

void bl_receive_stream_start_at(struct bl_receive_stream *stream, uint32_t handled) {
    stream->received = stream->handled = handled;
    stream->fresh = true;
}

size_t bl_receive_stream_skip_to(struct bl_receive_stream *stream, struct bl_memory *memory,
                                 uint32_t received) {
    size_t size = stream->block != NULL ? stream->total : 0;
    bl_receive_stream_finish(stream, memory);
    stream->received = stream->handled = received;
    return size;
}

void bl_receive_stream_finish(struct bl_receive_stream *stream, struct bl_memory *memory) {
    bl_free(memory, stream->block, stream->total);
    stream->block = NULL;
}
