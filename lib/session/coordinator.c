/*
 * Two maps over the same sessions: by handle, which is never used twice, and by identity, which an
 * ended session gives up at once so that its user can come again.
 */
#include "lib/session/coordinator.h"

#include "common/error.h"
#include <string.h>

static void retire(void *user, struct bl_session *session) {
    bl_coordinator_remove(user, session->handle);
}

void bl_coordinator_init(struct bl_coordinator *coordinator, struct bl_shared *shared,
                         uint32_t session_max) {
    *coordinator = (struct bl_coordinator){.shared = shared};
    bl_slot_map_init(&coordinator->sessions, shared->memory, session_max);
    bl_hash_map_init(&coordinator->by_identity, shared->memory, shared->random);
    shared->retire = retire;
    shared->user = coordinator;
}

void bl_coordinator_finish(struct bl_coordinator *coordinator) {
    belay_session handle = 0;
    while ((handle = bl_slot_map_next(&coordinator->sessions, handle)) != 0) {
        bl_session_destroy(bl_slot_map_get(&coordinator->sessions, handle));
    }
    bl_slot_map_finish(&coordinator->sessions);
    bl_hash_map_finish(&coordinator->by_identity);
}

static struct bl_session *live_by_identity(const struct bl_coordinator *coordinator,
                                           const uint8_t identity[16]) {
    struct bl_session *session = bl_hash_map_get(&coordinator->by_identity, identity);
    return session != NULL && !bl_session_has_ended(session) ? session : NULL;
}

/** Only its own entry: the identity of an ended session may be another's by now. */
static void forget_identity(struct bl_coordinator *coordinator, const struct bl_session *session) {
    if (bl_hash_map_get(&coordinator->by_identity, session->identity) == session) {
        bl_hash_map_remove(&coordinator->by_identity, session->identity);
    }
}

static struct bl_session *create(struct bl_coordinator *coordinator, const uint8_t identity[16]) {
    struct bl_session *session;
    if (bl_session_create(&session, coordinator->shared, identity) != BELAY_OK) {
        return NULL;
    }
    session->handle = bl_slot_map_add(&coordinator->sessions, session);
    if (session->handle == 0 ||
        bl_hash_map_put(&coordinator->by_identity, identity, session) != BELAY_OK) {
        bl_slot_map_remove(&coordinator->sessions, session->handle);
        bl_session_destroy(session);
        return NULL;
    }
    return session;
}

belay_session bl_coordinator_resolve(struct bl_coordinator *coordinator,
                                     const uint8_t identity[16]) {
    struct bl_session *session = live_by_identity(coordinator, identity);
    if (session == NULL) {
        session = create(coordinator, identity);
    }
    return session != NULL ? session->handle : 0;
}

struct bl_session *bl_coordinator_get(const struct bl_coordinator *coordinator,
                                      belay_session handle) {
    return bl_slot_map_get(&coordinator->sessions, handle);
}

belay_session bl_coordinator_find(const struct bl_coordinator *coordinator,
                                  const uint8_t user_id[16]) {
    const struct bl_session *session = live_by_identity(coordinator, user_id);
    return session != NULL && session->accepted ? session->handle : 0;
}

belay_session bl_coordinator_next(const struct bl_coordinator *coordinator, belay_session after) {
    return bl_slot_map_next(&coordinator->sessions, after);
}

uint32_t bl_coordinator_count(const struct bl_coordinator *coordinator) {
    return coordinator->sessions.count;
}

/** Files the session under its user's name as well as its old one, so that accepting may still
 * fail. */
static enum belay_result name_user(struct bl_coordinator *coordinator, struct bl_session *session,
                                   const uint8_t user_id[16]) {
    const struct bl_session *other = live_by_identity(coordinator, user_id);
    if (other != NULL && other != session) {
        return bl_fail(BELAY_E_STATE, "accept: this user has an open session; close it first");
    }
    return bl_hash_map_put(&coordinator->by_identity, user_id, session);
}

enum belay_result bl_coordinator_accept(struct bl_coordinator *coordinator, belay_session handle,
                                        const uint8_t *user_id, const void *welcome, size_t size) {
    struct bl_session *session = bl_coordinator_get(coordinator, handle);
    if (session == NULL || bl_session_has_ended(session)) {
        return bl_fail(BELAY_E_GONE, "accept: this session is gone");
    }
    if (session->state != BELAY_LOGIN_PENDING || user_id == NULL) {
        return bl_session_accept(session, welcome, size);
    }
    uint8_t before[16];
    enum belay_result result = name_user(coordinator, session, user_id);
    if (result != BELAY_OK) {
        return result;
    }
    memcpy(before, session->identity, sizeof before);
    memcpy(session->identity, user_id, sizeof session->identity);
    result = bl_session_accept(session, welcome, size);
    if (memcmp(before, user_id, sizeof before) != 0) {
        bl_hash_map_remove(&coordinator->by_identity, result == BELAY_OK ? before : user_id);
    }
    if (result != BELAY_OK) {
        memcpy(session->identity, before, sizeof session->identity);
    }
    return result;
}

void bl_coordinator_remove(struct bl_coordinator *coordinator, belay_session handle) {
    struct bl_session *session = bl_coordinator_get(coordinator, handle);
    if (session != NULL) {
        forget_identity(coordinator, session);
        bl_slot_map_remove(&coordinator->sessions, handle);
        bl_session_destroy(session);
    }
}
