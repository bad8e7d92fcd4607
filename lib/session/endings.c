/* A ring, looked through from its end: nobody asks but a client that has proven its ticket. */
#include "lib/session/endings.h"

#include "common/text.h"
#include <string.h>

struct bl_ending {
    uint8_t name[BL_SESSION_NAME_SIZE];
    bl_time until;
    struct bl_reason reason;
};

void bl_endings_init(struct bl_endings *endings, struct bl_memory *memory) {
    bl_ring_init(&endings->ring, memory, sizeof(struct bl_ending));
}

void bl_endings_finish(struct bl_endings *endings) {
    bl_ring_finish(&endings->ring);
}

void bl_endings_note(struct bl_endings *endings, const struct bl_session *session) {
    struct bl_ring *ring = &endings->ring;
    if (!session->accepted || session->resume_window == 0 ||
        session->reason.who != BELAY_WHO_LOCAL) {
        return;
    }
    if (ring->count == BL_ENDINGS_MAX) {
        bl_ring_drop(ring);
    }
    struct bl_ending *ending = bl_ring_push(ring);
    if (ending != NULL) { /* else its client hears less */
        memcpy(ending->name, session->name, sizeof ending->name);
        ending->until = session->shared->now + session->resume_window;
        ending->reason = session->reason;
    }
}

const struct bl_reason *bl_endings_find(struct bl_endings *endings,
                                        const uint8_t name[BL_SESSION_NAME_SIZE], bl_time now) {
    for (uint32_t i = endings->ring.count; i > 0; i--) {
        const struct bl_ending *ending = bl_ring_at(&endings->ring, i - 1);
        if (memcmp(ending->name, name, sizeof ending->name) == 0) {
            return now < ending->until ? &ending->reason : NULL;
        }
    }
    return NULL;
}

#define ENDING_SIZE_MAX (BL_SESSION_NAME_SIZE + 14U + BELAY_REASON_TEXT_MAX)

size_t bl_endings_size_max(const struct bl_endings *endings) {
    return 4 + ENDING_SIZE_MAX * (size_t)endings->ring.count;
}

void bl_endings_write(struct bl_writer *writer, const struct bl_endings *endings, bl_time now) {
    bl_write_u32(writer, endings->ring.count);
    for (uint32_t i = 0; i < endings->ring.count; i++) {
        const struct bl_ending *ending = bl_ring_at(&endings->ring, i);
        size_t size = strlen(ending->reason.text);
        bl_write_bytes(writer, ending->name, sizeof ending->name);
        bl_write_u32(writer, ending->until > now ? bl_to_ms(ending->until - now) : 0);
        bl_write_u32(writer, ending->reason.code);
        bl_write_u8(writer, ending->reason.come_back);
        bl_write_u32(writer, ending->reason.retry_ms);
        bl_write_u8(writer, (uint8_t)size);
        bl_write_bytes(writer, ending->reason.text, size);
    }
}

static bool read_ending(struct bl_reader *reader, struct bl_ending *ending, bl_time now) {
    bl_read_copy(reader, ending->name, sizeof ending->name);
    ending->until = now + bl_from_ms(bl_read_u32(reader));
    ending->reason.who = BELAY_WHO_LOCAL;
    ending->reason.code = bl_read_u32(reader);
    ending->reason.come_back = bl_read_u8(reader) == 1;
    ending->reason.retry_ms = bl_read_u32(reader);
    uint8_t size = bl_read_u8(reader);
    const uint8_t *text = bl_read_span(reader, size);
    if (reader->failed) {
        return false;
    }
    bl_text_clean(ending->reason.text, sizeof ending->reason.text, text, size);
    return true;
}

bool bl_endings_read(struct bl_reader *reader, struct bl_endings *endings, bl_time now) {
    uint32_t count = bl_read_u32(reader);
    for (uint32_t i = 0; i < count; i++) {
        struct bl_ending *ending =
            endings->ring.count < BL_ENDINGS_MAX ? bl_ring_push(&endings->ring) : NULL;
        if (ending == NULL || !read_ending(reader, ending, now)) {
            return false;
        }
    }
    return !reader->failed;
}
