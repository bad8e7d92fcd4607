/* Results: what every function of Belay that can fail returns, and the text behind it. */
#ifndef BELAY_RESULT_H
#define BELAY_RESULT_H

#ifdef __cplusplus
extern "C" {
#endif

/** One line per result: name, value, what it means. The enum and belay_result_name() are made of
 * it. */
#define BELAY_RESULTS(X)                                                                           \
    X(BELAY_OK, 0, "success")                                                                      \
    X(BELAY_E_INVALID, -1, "an argument or option is wrong; belay_error() names it")               \
    X(BELAY_E_NO_MEMORY, -2, "out of memory, or over the memory limit of the options")             \
    X(BELAY_E_ENET_PORT, -3, "this process runs a stock ENet; belay_error() says how to link")     \
    X(BELAY_E_IN_USE, -4, "the port is taken")                                                     \
    X(BELAY_E_ADDRESS, -5, "the address cannot be parsed or resolved")                             \
    X(BELAY_E_WOULD_BLOCK, -6, "the send buffer is full; wait for the BACKPRESSURE event")         \
    X(BELAY_E_GONE, -7, "stale handle, or the session is closed")                                  \
    X(BELAY_E_TOO_BIG, -8, "over a documented limit")                                              \
    X(BELAY_E_STATE, -9, "not legal now, as sending before OPEN")                                  \
    X(BELAY_E_KEY, -10, "a key, token or ticket is malformed, expired or for another server")      \
    X(BELAY_E_SYSTEM, -11, "the operating system refused; belay_error() holds its words")

enum belay_result {
#define BELAY_RESULT_ENUM_(name, value, meaning) name = value,
    BELAY_RESULTS(BELAY_RESULT_ENUM_)
#undef BELAY_RESULT_ENUM_
};

/**
 * The text of this thread's last failed call, for people: what was wrong and what to do about it.
 * Never NULL; empty before the first failure. Valid until the next failing call on this thread.
 */
const char *belay_error(void);

/** The name of a result ("BELAY_E_INVALID"), or "unknown result". A constant string. */
const char *belay_result_name(enum belay_result result);

#ifdef __cplusplus
}
#endif
#endif
