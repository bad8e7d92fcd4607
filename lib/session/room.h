/*
 * How the sessions of one server share its memory for messages that wait, both ways.
 *
 * Half of it is split evenly: a session's share is always its own. The other half is a pool for
 * whoever needs more, first come, first served. So no number of greedy sessions can take from one
 * that keeps to its share.
 */
#ifndef BL_SESSION_ROOM_H
#define BL_SESSION_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bl_session;

struct bl_room {
    size_t share, pool;
    size_t used;   /* bytes that wait */
    size_t pooled; /* of these, what is beyond the shares */
};

void bl_room_init(struct bl_room *room, size_t size, uint32_t session_max);
/** The largest message that one session could ever have waiting. */
size_t bl_room_largest(const struct bl_room *room);
/** Whether @p size more bytes of this session may wait. */
bool bl_room_fits(const struct bl_session *session, size_t size);
void bl_room_take(struct bl_session *session, size_t size);
void bl_room_give(struct bl_session *session, size_t size);

#endif
