/* What a session has beyond its share is counted where it changes, so nothing is ever summed up. */
#include "lib/session/room.h"

#include "common/assert.h"
#include "lib/session/session.h"

void bl_room_init(struct bl_room *room, size_t size, uint32_t session_max) {
    *room = (struct bl_room){.share = size / 2 / session_max, .pool = size - size / 2};
}

size_t bl_room_largest(const struct bl_room *room) {
    return room->share + room->pool;
}

static size_t beyond(const struct bl_room *room, size_t waiting) {
    return waiting > room->share ? waiting - room->share : 0;
}

bool bl_room_fits(const struct bl_session *session, size_t size) {
    const struct bl_room *room = &session->shared->room;
    size_t more = beyond(room, session->waiting + size) - beyond(room, session->waiting);
    return more == 0 || room->pooled + more <= room->pool;
}

static void set_waiting(struct bl_session *session, size_t waiting) {
    struct bl_room *room = &session->shared->room;
    room->used += waiting - session->waiting; /* unsigned: down as well as up */
    room->pooled += beyond(room, waiting) - beyond(room, session->waiting);
    session->waiting = waiting;
}

void bl_room_take(struct bl_session *session, size_t size) {
    set_waiting(session, session->waiting + size);
}

void bl_room_give(struct bl_session *session, size_t size) {
    BELAY_ASSERT(size <= session->waiting);
    set_waiting(session, session->waiting - size);
}
