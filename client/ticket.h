/*
 * What a client keeps to resume its session with, and hands out for another process of it: the
 * server's ticket, the key that proves it, and what the two sides have agreed at the login.
 */
#ifndef BL_CLIENT_TICKET_H
#define BL_CLIENT_TICKET_H

#include "lib/secure/dial.h"
#include "lib/session/session.h"

/** The newest ticket of a session. */
struct bl_client_ticket {
    uint8_t ticket[BL_TICKET_SIZE];
    struct bl_secret resume_key;
    uint64_t attempt; /* number of the last resume that was tried with any */
};

/** Takes what ACCEPT has brought. */
void bl_client_ticket_take(struct bl_client_ticket *kept, const struct bl_dialed *dialed);
/** Makes @p target one that resumes; its addresses stay. @p resume but for the attempt's number,
 * which is higher each time, in other processes too. */
void bl_client_ticket_aim(struct bl_client_ticket *kept, struct bl_dial_target *target,
                          const struct bl_resume *resume, bl_time wall);

/**
 * Writes what a TICKET event hands out.
 *
 * @param out  BELAY_TICKET_SIZE_MAX bytes
 * @return the size
 */
size_t bl_client_ticket_write(uint8_t *out, const struct bl_client_ticket *kept,
                              const struct bl_session *session, uint64_t game,
                              const struct bl_dial_target *target);
/**
 * Reads it in another process: fills the session as its login had left it, and the target's
 * addresses, unless it has some already.
 *
 * @return BELAY_OK, BELAY_E_KEY naming what is wrong; nothing has changed then
 */
enum belay_result bl_client_ticket_read(struct bl_client_ticket *kept, struct bl_session *session,
                                        struct bl_dial_target *target, uint64_t game,
                                        const struct bl_span *saved);

#endif
