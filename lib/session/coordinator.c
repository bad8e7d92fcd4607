/*
 * Three maps over the same sessions: by handle, which is never used twice; by handshake, until the
 * application accepts; and by user from then on. The names of handshakes are the strangers' choice,
 * so they never meet those of users. An ended session gives up its name at once: its user may come
 * again.
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
    bl_hash_map_init(&coordinator->by_handshake, shared->memory, shared->random);
    bl_hash_map_init(&coordinator->by_user, shared->memory, shared->random);
    shared->retire = retire;
    shared->user = coordinator;
}

void bl_coordinator_finish(struct bl_coordinator *coordinator) {
    belay_session handle = 0;
    while ((handle = bl_slot_map_next(&coordinator->sessions, handle)) != 0) {
        bl_session_destroy(bl_slot_map_get(&coordinator->sessions, handle));
    }
    bl_slot_map_finish(&coordinator->sessions);
    bl_hash_map_finish(&coordinator->by_handshake);
    bl_hash_map_finish(&coordinator->by_user);
}

static struct bl_session *live(const struct bl_hash_map *map, const uint8_t name[16]) {
    struct bl_session *session = bl_hash_map_get(map, name);
    return session != NULL && !bl_session_has_ended(session) ? session : NULL;
}

/** Only its own entry: the name of an ended session may be another's by now. */
static void forget_name(struct bl_hash_map *map, const struct bl_session *session) {
    if (bl_hash_map_get(map, session->identity) == session) {
        bl_hash_map_remove(map, session->identity);
    }
}

static struct bl_session *create(struct bl_coordinator *coordinator, const uint8_t identity[16]) {
    struct bl_session *session;
    if (bl_session_create(&session, coordinator->shared, identity) != BELAY_OK) {
        return NULL;
    }
    session->handle = bl_slot_map_add(&coordinator->sessions, session);
    if (session->handle == 0 ||
        bl_hash_map_put(&coordinator->by_handshake, identity, session) != BELAY_OK) {
        bl_slot_map_remove(&coordinator->sessions, session->handle);
        bl_session_destroy(session);
        return NULL;
    }
    return session;
}

belay_session bl_coordinator_resolve(struct bl_coordinator *coordinator,
                                     const uint8_t identity[16]) {
    struct bl_session *session = live(&coordinator->by_handshake, identity);
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
    const struct bl_session *session = live(&coordinator->by_user, user_id);
    return session != NULL ? session->handle : 0;
}

belay_session bl_coordinator_next(const struct bl_coordinator *coordinator, belay_session after) {
    return bl_slot_map_next(&coordinator->sessions, after);
}

uint32_t bl_coordinator_pending_count(const struct bl_coordinator *coordinator) {
    return coordinator->by_handshake.count;
}

uint32_t bl_coordinator_count(const struct bl_coordinator *coordinator) {
    return coordinator->sessions.count;
}

/** Gives the session its user's name; it keeps its old one if the login cannot be answered. */
static enum belay_result accept_as(struct bl_coordinator *coordinator, struct bl_session *session,
                                   const uint8_t user_id[16], const struct bl_span *welcome) {
    uint8_t handshake[16];
    memcpy(handshake, session->identity, sizeof handshake);
    if (bl_hash_map_put(&coordinator->by_user, user_id, session) != BELAY_OK) {
        return BELAY_E_NO_MEMORY;
    }
    memcpy(session->identity, user_id, sizeof session->identity);
    enum belay_result result = bl_session_accept(session, welcome->data, welcome->size);
    if (result == BELAY_OK) {
        bl_hash_map_remove(&coordinator->by_handshake, handshake);
    } else {
        bl_hash_map_remove(&coordinator->by_user, user_id);
        memcpy(session->identity, handshake, sizeof session->identity);
    }
    return result;
}

enum belay_result bl_coordinator_accept(struct bl_coordinator *coordinator, belay_session handle,
                                        const uint8_t *user_id, const void *welcome, size_t size) {
    struct bl_session *session = bl_coordinator_get(coordinator, handle);
    uint8_t random_id[16];
    if (session == NULL || bl_session_has_ended(session)) {
        return bl_fail(BELAY_E_GONE, "accept: this session is gone");
    }
    if (session->state != BELAY_LOGIN_PENDING) {
        return bl_session_accept(session, welcome, size); /* says why it cannot */
    }
    if (user_id == NULL && session->claim != NULL) {
        user_id = session->claim->user_id;
    }
    if (user_id == NULL) {
        bl_random_bytes(coordinator->shared->random, random_id, sizeof random_id);
        user_id = random_id;
    }
    if (live(&coordinator->by_user, user_id) != NULL) {
        return bl_fail(BELAY_E_STATE, "accept: this user has an open session; close it first");
    }
    return accept_as(coordinator, session, user_id, &(struct bl_span){welcome, size});
}

void bl_coordinator_remove(struct bl_coordinator *coordinator, belay_session handle) {
    struct bl_session *session = bl_coordinator_get(coordinator, handle);
    if (session != NULL) {
        forget_name(&coordinator->by_handshake, session);
        forget_name(&coordinator->by_user, session);
        bl_slot_map_remove(&coordinator->sessions, handle);
        bl_session_destroy(session);
    }
}
