/* A ring, looked through from its end: nobody asks but a client that has proven its ticket. */
#include "lib/session/endings.h"

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
