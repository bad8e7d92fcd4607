/*
 * What a runtime hangs on each of its sessions: a server its move filters, a client the inputs it
 * has sent. The session tells it what happens, and brings it the frames that are its own.
 */
#ifndef BL_SESSION_EXTENSION_H
#define BL_SESSION_EXTENSION_H

#include <belay/session.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bl_session;

/** The part that sessions know of; the runtime's own struct contains it. */
struct bl_extension {
    struct bl_session *session;
};

struct bl_extension_ops {
    /** It is logged in: makes what hangs on it, session->extension. False: no memory. */
    bool (*opened)(void *user, struct bl_session *session);
    /** It has a link again. @param anew  by another process of the client */
    void (*resumed)(struct bl_extension *extension, bool anew);
    /** A frame for it, as the frame table allows. */
    void (*take)(struct bl_extension *extension, const void *frame, size_t size);
    /** Adds what it knows. */
    void (*describe)(const struct bl_extension *extension, struct belay_session_info *info);
    /** The session is being freed. */
    void (*removed)(struct bl_extension *extension);
    /** What is queued is about to leave: the last chance to go with it. */
    void (*flush)(void *user);
};

/** Of all sessions of one runtime; zeroed: nothing hangs on them. */
struct bl_extension_host {
    const struct bl_extension_ops *ops;
    void *user;
};

#endif
