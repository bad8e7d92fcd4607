/* What the files of a session ask of each other: session.c is the lifecycle, the others its trades.
 */
#ifndef BL_SESSION_PARTS_H
#define BL_SESSION_PARTS_H

#include "lib/session/session.h"

/* session.c */

/** Applies one input to the state table and tells whoever asked; false when the table ignores it.
 */
bool bl_session_step(struct bl_session *session, enum bl_input input);
/** Notes why; what follows (CLOSED, DOWN) will say so. */
void bl_session_set_reason(struct bl_session *session, const struct belay_reason *reason);
/** The link is given up, the session ends with the reason that was set. @p patience as
 * bl_endpoint_release() */
void bl_session_end(struct bl_session *session, enum bl_input input, bl_duration patience);
/** Messages flow: it is logged in and has a link, be it that a newer one is being proven. */
bool bl_session_flows(const struct bl_session *session);
/** Server: a session of the process before this one, which has no link yet. */
void bl_session_hold(struct bl_session *session);
/** It has a link now. */
void bl_session_attach(struct bl_session *session, struct bl_peer *peer);
/** The other side broke the protocol: ends the session, and tells it so. */
void bl_session_break(struct bl_session *session, const char *text);
/** Sends one frame on its own; a frame that memory cannot be found for is lost like a datagram. */
bool bl_session_say(struct bl_session *session, const void *frame, size_t size,
                    enum bl_delivery delivery);
void bl_session_record(struct bl_session *session, const struct bl_record *record);
/** There is something to poll. */
void bl_session_mark_ready(struct bl_session *session);
/** It is logged in: its runtime hangs on it what it has. False when memory is out. */
bool bl_session_extend(struct bl_session *session);
/** There may be something to hand to ENet, or a report to send. */
void bl_session_mark_pump(struct bl_session *session);
/** Arms the timer for the earliest deadline. */
void bl_session_schedule(struct bl_session *session);
/** Server: tells the client that the server ends, if it does and if the client has logged in. */
void bl_session_say_drain(struct bl_session *session);
/** What LOGIN or OPEN has shown is not needed any more. */
void bl_session_forget_payload(struct bl_session *session);
/** How long last words are repeated. */
bl_duration bl_session_patience(const struct bl_session *session);

/* login.c */

/** Client: asks for a login. False when memory is out. */
bool bl_login_say_hello(struct bl_session *session);
void bl_login_take_hello(struct bl_session *session, struct bl_packet *packet);
void bl_login_take_welcome(struct bl_session *session, struct bl_packet *packet);
/** Server: says no and ends the session in LOGIN_FAILED, with the reason that was set. */
void bl_login_refuse(struct bl_session *session);

/* heartbeat.c */

/** Client: says something reliable over a new link, which proves it to the server. */
void bl_heartbeat_prove(struct bl_session *session);
/** A ping, which the other side answers with what it has handled. */
void bl_heartbeat_ask(struct bl_session *session);
/** Does what silence asks for; false when the peer is lost. */
bool bl_heartbeat_judge(struct bl_session *session);
bl_time bl_heartbeat_deadline(const struct bl_session *session);
void bl_heartbeat_hear(struct bl_session *session);
void bl_heartbeat_take_ping(struct bl_session *session, const void *data, size_t size);
void bl_heartbeat_take_pong(struct bl_session *session, const void *data, size_t size);
void bl_heartbeat_take_pause(struct bl_session *session, const void *data, size_t size);

/* outgoing.c */

/** Takes the session out of the list of those who were refused room. */
void bl_outgoing_forgo(struct bl_session *session);
/**
 * Queues a message of the request channel.
 *
 * @param must  whether or not there is room for it
 * @return BELAY_OK, BELAY_E_TOO_BIG, BELAY_E_WOULD_BLOCK, BELAY_E_NO_MEMORY
 */
enum belay_result bl_outgoing_queue_request(struct bl_session *session,
                                            const struct bl_payload *payload, bool must);
/** Counts a message of the process before this one, whose buffer has it already; no event tells of
 * it. */
void bl_outgoing_count_restored(struct bl_session *session, size_t size);
/** Client's process is another one: what was to be said to the last one on this channel is not. */
void bl_outgoing_drop_to(struct bl_session *session, uint8_t channel, uint32_t sequence);
/** ENet no longer holds some packets. */
void bl_outgoing_reap(struct bl_session *session);
void bl_outgoing_take_handled(struct bl_session *session, const void *data, size_t size);
/** Everything queued has been handed over and acknowledged. */
bool bl_outgoing_is_drained(const struct bl_session *session);
/** The peer is gone with what it had in flight. */
void bl_outgoing_unbind(struct bl_session *session);
/** There is another, and the other side has come so far. */
void bl_outgoing_resume(struct bl_session *session, const struct bl_positions *theirs);
/** The other side has lost its memory: the next message goes back to the application. NULL: that
 * was the last, or memory is out. */
struct bl_message *bl_outgoing_take_back(struct bl_session *session);

/* incoming.c */

/** MESSAGE, SEGMENT, SKIP, DATAGRAM or FRAGMENT. Takes the packet. */
void bl_incoming_take(struct bl_session *session, struct bl_packet *packet);
enum bl_report_cause {
    BL_REPORT_IF_DUE, /* something new was handled, and it is time to say so */
    BL_REPORT_AGAIN,  /* along with a ping or its answer, should the last one have been lost */
    BL_REPORT_LAST,   /* before the last word, and not to be lost */
};
/** Tells the other side how much the application has handled. */
void bl_incoming_report(struct bl_session *session, enum bl_report_cause cause);

#endif
