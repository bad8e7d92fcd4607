/*
 * Requests, docs/protocol.md "Requests": what the messages of the request channel hold. A request
 * is named by the sequence of the message that brought it.
 */
#ifndef BL_WIRE_REQUEST_H
#define BL_WIRE_REQUEST_H

#include "common/bytes.h"

enum bl_request_kind {
    BL_REQUEST_ASK = 1,
    BL_REQUEST_ANSWER = 2,
    BL_REQUEST_CANCEL = 3,
};

#define BL_REQUEST_HEAD_SIZE 9U /* of ASK and ANSWER; data follow */

/** What a message of the request channel begins with. */
struct bl_request_head {
    uint8_t kind;
    uint32_t type, deadline_ms; /* ASK */
    uint32_t sequence;          /* ANSWER, CANCEL: of the other side's ASK */
    int32_t code;               /* ANSWER */
};

/** @return the size written, at most BL_REQUEST_HEAD_SIZE */
size_t bl_request_write(uint8_t out[BL_REQUEST_HEAD_SIZE], const struct bl_request_head *head);
/** False: malformed. What follows the head is the application's. */
bool bl_request_read(struct bl_request_head *out, const uint8_t *data, size_t size);

#endif
