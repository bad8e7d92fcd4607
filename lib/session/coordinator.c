/*
 * Four maps over the same sessions: by handle, which is never used twice; by handshake, until the
 * application accepts, and by user from then on; and by the name in its tickets. The names of
 * handshakes are the strangers' choice, so they never meet those of users. An ended session gives
 * up its names at once: its user may come again. Sessions of one user are chained, newest first.
 */
#include "lib/session/coordinator.h"

#include "common/error.h"
#include <string.h>

#define REFUSED_RETRY_MS 5000

static void retire(void *user, struct bl_session *session) {
    bl_coordinator_remove(user, session->handle);
}

static void tell_ended(const struct bl_coordinator *coordinator, struct bl_session *session) {
    if (coordinator->ended != NULL) {
        coordinator->ended(coordinator->user, session);
    }
}

/** What a client that is away cannot be told now, it hears when it comes back. */
static void changed(void *user, struct bl_session *session) {
    struct bl_coordinator *coordinator = user;
    if (bl_session_has_ended(session)) {
        bl_endings_note(&coordinator->endings, session);
        tell_ended(coordinator, session);
    }
}

void bl_coordinator_init(struct bl_coordinator *coordinator, struct bl_shared *shared,
                         uint32_t session_max) {
    *coordinator = (struct bl_coordinator){.shared = shared};
    bl_slot_map_init(&coordinator->sessions, shared->memory, session_max);
    bl_hash_map_init(&coordinator->by_handshake, shared->memory, shared->random);
    bl_hash_map_init(&coordinator->by_user, shared->memory, shared->random);
    bl_hash_map_init(&coordinator->by_name, shared->memory, shared->random);
    bl_endings_init(&coordinator->endings, shared->memory);
    shared->retire = retire;
    shared->changed = changed;
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
    bl_hash_map_finish(&coordinator->by_name);
    bl_endings_finish(&coordinator->endings);
}

static struct bl_session *live(const struct bl_hash_map *map, const uint8_t name[16]) {
    struct bl_session *session = bl_hash_map_get(map, name);
    return session != NULL && !bl_session_has_ended(session) ? session : NULL;
}

/** Only its own entry: the name of an ended session may be another's by now. */
static void forget_name(struct bl_hash_map *map, const uint8_t name[16],
                        const struct bl_session *session) {
    if (bl_hash_map_get(map, name) == session) {
        bl_hash_map_remove(map, name);
    }
}

/** Takes the session out of the chain of its user's. */
static void forget_user(struct bl_coordinator *coordinator, const struct bl_session *session) {
    struct bl_session *newest = bl_hash_map_get(&coordinator->by_user, session->identity);
    if (newest == session && session->older != NULL) {
        bl_hash_map_put(&coordinator->by_user, session->identity, session->older); /* in place */
    } else if (newest == session) {
        bl_hash_map_remove(&coordinator->by_user, session->identity);
    }
    for (struct bl_session *at = newest; at != NULL; at = at->older) {
        if (at->older == session) {
            at->older = session->older;
        }
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

static struct bl_session *newest_of(const struct bl_coordinator *coordinator,
                                    const uint8_t user_id[16]) {
    struct bl_session *session = bl_hash_map_get(&coordinator->by_user, user_id);
    while (session != NULL && bl_session_has_ended(session)) {
        session = session->older;
    }
    return session;
}

belay_session bl_coordinator_find(const struct bl_coordinator *coordinator,
                                  const uint8_t user_id[16]) {
    const struct bl_session *session = newest_of(coordinator, user_id);
    return session != NULL ? session->handle : 0;
}

bool bl_coordinator_name(struct bl_coordinator *coordinator, struct bl_session *session,
                         const uint8_t name[BL_SESSION_NAME_SIZE]) {
    memcpy(session->name, name, sizeof session->name);
    return bl_hash_map_put(&coordinator->by_name, name, session) == BELAY_OK;
}

struct bl_session *bl_coordinator_by_name(const struct bl_coordinator *coordinator,
                                          const uint8_t name[BL_SESSION_NAME_SIZE]) {
    return live(&coordinator->by_name, name);
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
    struct bl_session *older = bl_hash_map_get(&coordinator->by_user, user_id);
    memcpy(handshake, session->identity, sizeof handshake);
    if (bl_hash_map_put(&coordinator->by_user, user_id, session) != BELAY_OK) {
        return BELAY_E_NO_MEMORY;
    }
    memcpy(session->identity, user_id, sizeof session->identity);
    enum belay_result result = bl_session_accept(session, welcome->data, welcome->size);
    session->older = older;
    if (result == BELAY_OK) {
        bl_hash_map_remove(&coordinator->by_handshake, handshake);
    } else {
        forget_user(coordinator, session);
        session->older = NULL;
        memcpy(session->identity, handshake, sizeof session->identity);
    }
    return result;
}

static uint32_t count_of(const struct bl_coordinator *coordinator, const uint8_t user_id[16]) {
    uint32_t count = 0;
    const struct bl_session *session = bl_hash_map_get(&coordinator->by_user, user_id);
    for (; session != NULL; session = session->older) {
        count += !bl_session_has_ended(session);
    }
    return count;
}

/** How long until this session may be replaced again; 0: it may. */
static bl_duration takeover_wait(const struct bl_session *session) {
    bl_duration passed = bl_attended(session->shared) - session->takeovers_since;
    bool often = session->takeovers >= BL_TAKEOVERS_MAX && passed < BL_TAKEOVERS_WITHIN;
    return often ? BL_TAKEOVERS_WITHIN - passed : 0;
}

/** NULL: this user may log in beside the sessions it has, or in the place of the newest. */
static const struct belay_reason *judge_user(struct bl_coordinator *coordinator,
                                             const uint8_t user_id[16],
                                             struct belay_reason *refusal) {
    const struct bl_session *rival = newest_of(coordinator, user_id);
    uint32_t max = coordinator->same_user_max;
    if (rival == NULL) {
        return NULL;
    }
    bl_duration wait = takeover_wait(rival);
    if (max == 0 && wait > 0) {
        *refusal = (struct belay_reason){.code = BELAY_REASON_OVERLOAD,
                                         .come_back = true,
                                         .retry_ms = bl_to_ms(wait),
                                         .text = "this user is being replaced again and again"};
        return refusal;
    }
    if (max > 0 && count_of(coordinator, user_id) >= max) {
        *refusal = (struct belay_reason){.code = BELAY_REASON_BAD_LOGIN,
                                         .come_back = true,
                                         .retry_ms = REFUSED_RETRY_MS,
                                         .text = "this user is logged in already"};
        return refusal;
    }
    return NULL;
}

/** The newest wins, and inherits how often that has happened. */
static void replace(struct bl_session *rival, struct bl_session *session) {
    static const struct belay_reason replaced = {.code = BELAY_REASON_REPLACED};
    bl_time now = bl_attended(session->shared);
    bool lately = rival->takeovers > 0 && now - rival->takeovers_since < BL_TAKEOVERS_WITHIN;
    session->takeovers = lately ? rival->takeovers + 1 : 1;
    session->takeovers_since = lately ? rival->takeovers_since : now;
    bl_session_close(rival, &replaced, 0);
}

/** The login is answered as the policy for users that have a session says. */
static enum belay_result accept_or_refuse(struct bl_coordinator *coordinator,
                                          struct bl_session *session, const uint8_t user_id[16],
                                          const struct bl_span *welcome) {
    struct belay_reason refusal;
    struct bl_session *rival = newest_of(coordinator, user_id);
    if (judge_user(coordinator, user_id, &refusal) != NULL) {
        bl_session_close(session, &refusal, 0);
        return bl_fail(BELAY_E_STATE, "accept: refused, %s", refusal.text);
    }
    enum belay_result result = accept_as(coordinator, session, user_id, welcome);
    if (result == BELAY_OK && rival != NULL && coordinator->same_user_max == 0) {
        replace(rival, session);
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
    return accept_or_refuse(coordinator, session, user_id, &(struct bl_span){welcome, size});
}

struct bl_session *bl_coordinator_adopt(struct bl_coordinator *coordinator,
                                        const uint8_t name[BL_SESSION_NAME_SIZE],
                                        const uint8_t user_id[16]) {
    struct bl_session *session = create(coordinator, name);
    if (session == NULL) {
        return NULL;
    }
    struct bl_session *older = bl_hash_map_get(&coordinator->by_user, user_id);
    if (!bl_coordinator_name(coordinator, session, name) ||
        bl_hash_map_put(&coordinator->by_user, user_id, session) != BELAY_OK) {
        bl_coordinator_remove(coordinator, session->handle);
        return NULL;
    }
    forget_name(&coordinator->by_handshake, name, session);
    memcpy(session->identity, user_id, sizeof session->identity);
    session->older = older;
    session->accepted = true;
    return session;
}

void bl_coordinator_remove(struct bl_coordinator *coordinator, belay_session handle) {
    struct bl_session *session = bl_coordinator_get(coordinator, handle);
    if (session != NULL) {
        tell_ended(coordinator, session);
        forget_name(&coordinator->by_handshake, session->identity, session);
        forget_name(&coordinator->by_name, session->name, session);
        forget_user(coordinator, session);
        bl_slot_map_remove(&coordinator->sessions, handle);
        bl_session_destroy(session);
    }
}
