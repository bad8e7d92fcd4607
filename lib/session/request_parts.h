/* What the files of a session's requests ask of each other: requests.c is how they live and end,
 * requests_record.c what the next process of a server takes over. */
#ifndef BL_SESSION_REQUEST_PARTS_H
#define BL_SESSION_REQUEST_PARTS_H

#include "lib/session/requests.h"
#include "lib/wire/request.h"

struct bl_request {
    struct bl_request *next; /* of its list */
    belay_request handle;
    uint32_t sequence;
    uint32_t type, deadline_ms;
    uint64_t cookie;
    int32_t code; /* how it ended */
    bl_time deadline;
    bool listed;
    struct bl_session *session; /* while it is listed */
    struct bl_message *message; /* asked: to tell of its end; received: that brought it */
};

/** A request in no list, with the node that will tell of its end; NULL: no memory. */
struct bl_request *bl_request_create(struct bl_session *session, bool asked);
void bl_request_append(struct bl_request_list *list, struct bl_request *request);
/** Puts its end where poll() finds it. @param message NULL: nothing has come that tells it */
void bl_request_end(struct bl_session *session, struct bl_request *request, int32_t code,
                    struct bl_message *message);
void bl_requests_judge_deadline(struct bl_session *session);

#endif
