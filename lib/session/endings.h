/*
 * How sessions ended here while nobody was there to hear it: so that a client that comes back for
 * its session, from a tunnel say, is told that it was replaced or banned, and not merely that the
 * session is gone.
 *
 * Only so many are remembered, the newest, and as long as the sessions would have been kept.
 */
#ifndef BL_SESSION_ENDINGS_H
#define BL_SESSION_ENDINGS_H

#include "common/ring.h"
#include "lib/session/session.h"

#define BL_ENDINGS_MAX 1024U

struct bl_endings {
    struct bl_ring ring; /* struct bl_ending, the oldest first */
};

void bl_endings_init(struct bl_endings *endings, struct bl_memory *memory);
void bl_endings_finish(struct bl_endings *endings);
/** The session has just ended: remembers it, if it could have been resumed and it was our doing. */
void bl_endings_note(struct bl_endings *endings, const struct bl_session *session);
/** For the next process of this server. @return how many bytes bl_endings_write() takes at most */
size_t bl_endings_size_max(const struct bl_endings *endings);
void bl_endings_write(struct bl_writer *writer, const struct bl_endings *endings, bl_time now);
/** False: not what was written, or no memory. */
bool bl_endings_read(struct bl_reader *reader, struct bl_endings *endings, bl_time now);
/** How the session of this name ended; NULL: not known. Valid until the next bl_endings_note(). */
const struct bl_reason *bl_endings_find(struct bl_endings *endings,
                                        const uint8_t name[BL_SESSION_NAME_SIZE], bl_time now);

#endif
