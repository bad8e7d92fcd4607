/* Requests: questions to the other side of a session that have exactly one answer each. */
#ifndef BELAY_REQUEST_H
#define BELAY_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Names one request, on the side that made it and on the side that is to answer it (each has its
 * own name for it); never reused by one server or client. 0 names none. It is gone
 * (BELAY_E_GONE) once the request is answered, cancelled, or ended by its deadline or its session.
 */
typedef uint64_t belay_request;

/**
 * How a request ended, as its REPLY event says. Zero and above are the game's own; 0 means success
 * by custom.
 */
#define BELAY_REPLIES(X)                                                                           \
    X(BELAY_REPLY_DEADLINE, -1, "no answer came in time; it may have been done")                   \
    X(BELAY_REPLY_CANCELLED, -2, "cancelled by who made it; it may have been done")                \
    X(BELAY_REPLY_GONE, -3, "the session ended before an answer came; it may have been done")      \
    X(BELAY_REPLY_LOST, -4, "the other side's process is another one; it may have been done")      \
    X(BELAY_REPLY_REFUSED, -5, "the other side's library could not take it in; it was not done")

enum belay_reply_code {
#define BELAY_REPLY_ENUM_(name, value, meaning) name = value,
    BELAY_REPLIES(BELAY_REPLY_ENUM_)
#undef BELAY_REPLY_ENUM_
};

/** REQUEST: the other side asks. Answer with reply(), now or later; a code alone will do (data
 * NULL, size 0). What is not answered ends at the other side's deadline. */
struct belay_request_event {
    belay_request id;
    uint32_t type;    /* the game's own */
    const void *data; /* never NULL */
    size_t size;
    uint32_t deadline_ms; /* that the other side gave itself when it asked; BELAY_FOREVER: none */
};

/** REPLY: the one end of a request that this side has made. */
struct belay_reply_event {
    belay_request id;
    uint64_t cookie;  /* as given to request() */
    int32_t code;     /* the other side's from 0 on; below enum belay_reply_code */
    const void *data; /* the answer's; never NULL */
    size_t size;
};

/** What a code below 0 means, in words; "the game's own" from 0 on, "unknown code" else. A constant
 * string. */
const char *belay_reply_meaning(int32_t code);

#ifdef __cplusplus
}
#endif
#endif
