/* All fragments but the last carry BL_FRAGMENT_DATA_MAX bytes, so each has its place whatever comes
 * first. */
#include "lib/session/unreliable.h"

#include "common/serial.h"
#include <string.h>

static size_t block_size(uint8_t count) {
    return (size_t)count * BL_FRAGMENT_DATA_MAX;
}

static void give_up(struct bl_partial *partial, struct bl_memory *memory) {
    bl_free(memory, partial->block, block_size(partial->count));
    *partial = (struct bl_partial){0};
}

void bl_unreliable_finish(struct bl_unreliable *channel, struct bl_memory *memory) {
    for (int i = 0; i < BL_PARTIALS_MAX; i++) {
        give_up(&channel->partials[i], memory);
    }
}

/** The slot of this message: its own, a free one, or else that of the oldest message. */
static struct bl_partial *slot_of(struct bl_unreliable *channel, uint32_t sequence) {
    struct bl_partial *best = NULL;
    for (int i = 0; i < BL_PARTIALS_MAX; i++) {
        struct bl_partial *partial = &channel->partials[i];
        if (partial->count > 0 && partial->sequence == sequence) {
            return partial;
        }
        if (best == NULL ||
            (best->count > 0 &&
             (partial->count == 0 || bl_serial_after(best->sequence, partial->sequence)))) {
            best = partial;
        }
    }
    return best;
}

/** Makes a slot begin with this fragment's message. */
static enum bl_unreliable_verdict begin(struct bl_partial *partial, struct bl_memory *memory,
                                        const struct bl_piece *piece, uint64_t *stale_count) {
    if (partial->count > 0) {
        if (bl_serial_after(partial->sequence, piece->sequence)) {
            return BL_UNRELIABLE_STALE;
        }
        give_up(partial, memory);
        (*stale_count)++;
    }
    partial->block = bl_allocate(memory, block_size(piece->count));
    if (partial->block == NULL) {
        return BL_UNRELIABLE_NO_MEMORY;
    }
    partial->sequence = piece->sequence;
    partial->count = piece->count;
    return BL_UNRELIABLE_PART;
}

static bool fragment_fits(const struct bl_piece *piece) {
    if (piece->count < 2 || piece->count > BL_FRAGMENTS_MAX || piece->index >= piece->count) {
        return false;
    }
    bool last = piece->index == piece->count - 1;
    size_t before = (size_t)piece->index * BL_FRAGMENT_DATA_MAX;
    return last ? before + piece->size <= BELAY_UNRELIABLE_MAX
                : piece->size == BL_FRAGMENT_DATA_MAX;
}

static enum bl_unreliable_verdict
take_fragment(struct bl_unreliable *channel, struct bl_memory *memory, const struct bl_piece *piece,
              struct bl_assembled *assembled, uint64_t *stale_count) {
    if (!fragment_fits(piece)) {
        return BL_UNRELIABLE_BROKEN;
    }
    struct bl_partial *partial = slot_of(channel, piece->sequence);
    if (partial->count == 0 || partial->sequence != piece->sequence) {
        enum bl_unreliable_verdict verdict = begin(partial, memory, piece, stale_count);
        if (verdict != BL_UNRELIABLE_PART) {
            return verdict;
        }
    }
    uint8_t bit = (uint8_t)(1U << piece->index);
    if (piece->count != partial->count || (partial->have & bit) != 0) {
        return piece->count != partial->count ? BL_UNRELIABLE_BROKEN : BL_UNRELIABLE_STALE;
    }
    memcpy(partial->block + (size_t)piece->index * BL_FRAGMENT_DATA_MAX, piece->data, piece->size);
    partial->have |= bit;
    if (piece->index == piece->count - 1) {
        partial->last_size = (uint16_t)piece->size;
    }
    if (partial->have != (1U << partial->count) - 1) {
        return BL_UNRELIABLE_PART;
    }
    assembled->block = partial->block;
    assembled->block_size = block_size(partial->count);
    assembled->size = (partial->count - 1U) * BL_FRAGMENT_DATA_MAX + partial->last_size;
    *partial = (struct bl_partial){0};
    return BL_UNRELIABLE_WHOLE;
}

enum bl_unreliable_verdict bl_unreliable_take(struct bl_unreliable *channel,
                                              struct bl_memory *memory,
                                              const struct bl_piece *piece,
                                              struct bl_assembled *assembled,
                                              uint64_t *stale_count) {
    enum bl_unreliable_verdict verdict = BL_UNRELIABLE_WHOLE;
    *assembled = (struct bl_assembled){0};
    if (channel->sequenced && !bl_serial_after(piece->sequence, channel->newest)) {
        return BL_UNRELIABLE_STALE;
    }
    if (piece->type == BL_FRAME_FRAGMENT) {
        verdict = take_fragment(channel, memory, piece, assembled, stale_count);
    }
    if (verdict == BL_UNRELIABLE_WHOLE) {
        channel->newest = piece->sequence;
    }
    return verdict;
}

void bl_unreliable_restart(struct bl_unreliable *channel, struct bl_memory *memory) {
    bl_unreliable_finish(channel, memory);
    channel->newest = 0;
}
