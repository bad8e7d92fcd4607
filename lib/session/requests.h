/*
 * Requests of one session, in both directions: those of its application that wait for an answer,
 * and those of the other side that its application has still to answer.
 *
 * They travel as messages of a reliable channel of their own, so nothing is lost or repeated over a
 * resume, and are named by their sequence there. Each that is made here ends exactly once, with a
 * REPLY event: by an answer, or by a code of enum belay_reply_code.
 */
#ifndef BL_SESSION_REQUESTS_H
#define BL_SESSION_REQUESTS_H

#include "lib/clock/time.h"
#include "lib/wire/resume.h"
#include <belay/belay.h>

struct bl_message;
struct bl_request;
struct bl_session;
struct bl_shared;

/** In the order in which they were made. */
struct bl_request_list {
    struct bl_request *first, *last;
    uint32_t count;
};

struct bl_requests {
    struct bl_request_list asked, received;
    bl_time deadline; /* the earliest one; BL_TIME_NEVER */
};

/** A question, as the application gives it. */
struct bl_question {
    uint32_t type;
    struct bl_span data;
    uint32_t deadline_ms;
    uint64_t cookie;
};

void bl_requests_init(struct bl_requests *requests);
/** Frees what is pending, without a word. Messages that wait keep what they need. */
void bl_requests_finish(struct bl_session *session);

/* ---- from the application */

/** @return BELAY_OK, BELAY_E_STATE, BELAY_E_GONE, BELAY_E_INVALID, BELAY_E_TOO_BIG,
 * BELAY_E_WOULD_BLOCK, BELAY_E_NO_MEMORY */
enum belay_result bl_request_ask(struct bl_session *session, const struct bl_question *question,
                                 belay_request *out);
/** @return BELAY_OK, BELAY_E_GONE, BELAY_E_INVALID, BELAY_E_TOO_BIG, BELAY_E_WOULD_BLOCK,
 * BELAY_E_NO_MEMORY */
enum belay_result bl_request_answer(struct bl_shared *shared, belay_request handle, int32_t code,
                                    const struct bl_span *data);
/** @return BELAY_OK, BELAY_E_GONE */
enum belay_result bl_request_cancel(struct bl_shared *shared, belay_request handle);

/* ---- from the session */

/** A message of the request channel has come: turns it into what the application will see. */
void bl_requests_take(struct bl_session *session, struct bl_message *message);
/** Ends those whose deadline has passed. */
void bl_requests_evaluate(struct bl_session *session, bl_time now);
/** The session ends: nothing is pending any more. */
void bl_requests_end(struct bl_session *session);
/** The client's process is another one, which knows nothing of what was asked up to this sequence
 * of ours, and has asked nothing that waits here. */
void bl_requests_forget_process(struct bl_session *session, uint32_t asked);

/* ---- from the inbox */

/** Fills in the event of a message that bl_requests_take() has turned, or that tells of an end. */
void bl_request_tell(const struct bl_message *message, struct belay_event *event);
/** The message is being freed. */
void bl_request_release(struct bl_shared *shared, struct bl_message *message);

/* ---- for the next process of a server */

size_t bl_requests_record_size(const struct bl_session *session);
void bl_requests_write(struct bl_writer *writer, const struct bl_session *session);
/** What the old process was asked and has not answered is answered with BELAY_REPLY_LOST. False:
 * malformed, or no memory. */
bool bl_requests_read(struct bl_reader *reader, struct bl_session *session);

#endif
