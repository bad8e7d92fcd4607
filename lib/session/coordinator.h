/*
 * The coordinator: many sessions, each judged alone.
 *
 * It creates, finds, enumerates and removes them, and routes what happens to each; one timer wheel
 * serves them all, so its cost grows with what happens and not with how many sessions there are. It
 * needs no socket: without an endpoint the same sessions can be driven by hand, as tests do.
 */
#ifndef BL_SESSION_COORDINATOR_H
#define BL_SESSION_COORDINATOR_H

#include "common/hash_map.h"
#include "common/slot_map.h"
#include "lib/session/endings.h"
#include "lib/session/session.h"

#define BL_TAKEOVERS_MAX                                                                           \
    3 /* of one user, within this time: two clients must not evict each other for ever */
#define BL_TAKEOVERS_WITHIN (30 * BL_SECOND)

struct bl_coordinator {
    struct bl_shared *shared;
    struct bl_slot_map sessions;
    struct bl_hash_map by_handshake; /* not yet accepted: strangers choose these names */
    struct bl_hash_map by_user;      /* accepted: the application chose these; the newest of each */
    struct bl_hash_map by_name;      /* as tickets name them */
    struct bl_endings endings;
    uint32_t same_user_max; /* sessions of one user, more are refused; 0 = one, and the newest */
    /** A session has ended, or goes without. NULL = nobody asks. May be told more than once. */
    void (*ended)(void *user, struct bl_session *session);
    void *user;
};

/** Takes over shared->retire and shared->changed. @param session_max live and ended ones together
 */
void bl_coordinator_init(struct bl_coordinator *coordinator, struct bl_shared *shared,
                         uint32_t session_max);
/** Destroys every session without a word. */
void bl_coordinator_finish(struct bl_coordinator *coordinator);

/**
 * The session that this handshake began, while nobody has been accepted in it, or a new one.
 *
 * @return 0 when there is no room or no memory
 */
belay_session bl_coordinator_resolve(struct bl_coordinator *coordinator,
                                     const uint8_t identity[16]);
/** The session behind a handle, NULL when it is stale. */
struct bl_session *bl_coordinator_get(const struct bl_coordinator *coordinator,
                                      belay_session handle);
/** Gives the session the name that its tickets have. False when memory is out. */
bool bl_coordinator_name(struct bl_coordinator *coordinator, struct bl_session *session,
                         const uint8_t name[BL_SESSION_NAME_SIZE]);
/** The session of that name, NULL when it is gone or has ended. */
struct bl_session *bl_coordinator_by_name(const struct bl_coordinator *coordinator,
                                          const uint8_t name[BL_SESSION_NAME_SIZE]);

/** The newest session of a user; 0 when there is none. */
belay_session bl_coordinator_find(const struct bl_coordinator *coordinator,
                                  const uint8_t user_id[16]);
/** Enumerates every managed session, ended ones included until their end was polled; 0 starts and
 * ends. */
belay_session bl_coordinator_next(const struct bl_coordinator *coordinator, belay_session after);
uint32_t bl_coordinator_count(const struct bl_coordinator *coordinator);
/** Of these, how many nobody has accepted. */
uint32_t bl_coordinator_pending_count(const struct bl_coordinator *coordinator);

/**
 * The application accepts a login, and may name the user: from then on that is its identity.
 *
 * @param user_id NULL gives it a random name
 * A user who has a session already: the older one is replaced, or where the policy is another, or
 * that has happened too often of late, the login is refused.
 *
 * @return what bl_session_accept() says; BELAY_E_STATE too when it was refused so
 */
enum belay_result bl_coordinator_accept(struct bl_coordinator *coordinator, belay_session handle,
                                        const uint8_t *user_id, const void *welcome, size_t size);
/** A session that the process before this one has accepted; NULL when there is no room. */
struct bl_session *bl_coordinator_adopt(struct bl_coordinator *coordinator,
                                        const uint8_t name[BL_SESSION_NAME_SIZE],
                                        const uint8_t user_id[16]);
/** Forgets one session at once, whatever its state, and tells nobody. The others do not notice. */
void bl_coordinator_remove(struct bl_coordinator *coordinator, belay_session handle);

#endif
