/*
 * A session gets another link: who may bring it, and how both sides go on exactly where they were
 * (docs/protocol.md "Resume").
 *
 * Each side says how far its channels have come. What cannot be true is refused before anything
 * changes; what is true tells the sender from where to send again.
 */
#ifndef BL_SESSION_RESUME_H
#define BL_SESSION_RESUME_H

#include "lib/session/session.h"

/** How far this side's reliable channels have come. */
void bl_resume_positions(const struct bl_session *session, struct bl_positions *out);

/**
 * Server: a client has proven that the session is its own. Lets it try, and fills in what it is
 * told; the session's link stays as it is until then.
 *
 * @return NULL, or the reason why not, valid until the next call
 */
const struct belay_reason *bl_resume_admit(struct bl_session *session,
                                           struct bl_resumption *resumption);
/** Server: nothing came of it. */
void bl_resume_abandon(struct bl_session *session);
/** Server: whether the session can go on with this one, now that it is proven. */
bool bl_resume_is_awaited(const struct bl_session *session, const struct bl_resumption *resumption);
/** Server: the session goes on over @p peer. Its old link has been cut. */
void bl_resume_bind(struct bl_session *session, struct bl_peer *peer,
                    const struct bl_resumption *resumption);

/** Client: the same; @p theirs is what ACCEPT told. @param new_epoch this process has started from
 * a ticket */
void bl_resume_continue(struct bl_session *session, struct bl_peer *peer,
                        const struct bl_positions *theirs, bool new_epoch);

#endif
