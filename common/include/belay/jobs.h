/*
 * Jobs: work that takes longer than a request, which its owner may watch, cancel and find again.
 *
 * A client submits a job and hears at once that it was accepted; the server's application does the
 * work, says how it goes on, and ends it with a result or an error. A job belongs to a user, not to
 * a session: a lost link, a takeover or the end of the session does not touch it, and the same key
 * finds it again. Others may watch it if the application lets them.
 *
 * A library of its own, belay-jobs, made of nothing but requests and messages of the public API.
 * One reliable channel of the game's belongs to it, with when_full BELAY_BLOCK and no life_ms. Its
 * objects follow the rules of <belay/belay.h>: one thread at a time, and what an event lends is
 * good until the next call.
 */
#ifndef BELAY_JOBS_H
#define BELAY_JOBS_H

#include <belay/belay.h>

#ifdef __cplusplus
extern "C" {
#endif

struct belay_client;
struct belay_server;

typedef uint64_t belay_job; /* a number of the server's, in the order of submission; 0 = none */

enum belay_job_state {
    BELAY_JOB_PENDING = 1, /* submitted, and not polled by the application */
    BELAY_JOB_RUNNING,     /* polled */
    BELAY_JOB_SUCCEEDED,   /* this and the next are ends */
    BELAY_JOB_FAILED,
    BELAY_JOB_CANCELLED,
    BELAY_JOB_TIMED_OUT,
};

/** What a call of a client is answered with; 0 is yes. */
#define BELAY_JOB_CODES(X)                                                                         \
    X(BELAY_JOB_NOT_FOUND, 1, "there is no such job, not any more, or not for this user")          \
    X(BELAY_JOB_DENIED, 2, "it is another user's, who alone may do that")                          \
    X(BELAY_JOB_CONFLICT, 3, "that key was used for something else")                               \
    X(BELAY_JOB_LIMIT, 4, "too many jobs, or too many are watched, or no memory")                  \
    X(BELAY_JOB_MALFORMED, 5, "the call could not be read")                                        \
    X(BELAY_JOB_ENDED, 6, "it has ended already")                                                  \
    X(BELAY_JOB_TOO_BIG, 7, "its parameters are too big")

enum belay_job_code {
#define BELAY_JOB_ENUM_(name, value, meaning) name = value,
    BELAY_JOB_CODES(BELAY_JOB_ENUM_)
#undef BELAY_JOB_ENUM_
};

#define BELAY_JOB_CALLS    0xbe1a0001U /* default type of the requests that are the jobs' */
#define BELAY_JOB_KEY_MAX  64          /* bytes */
#define BELAY_JOB_CHUNK    32768U      /* of a result; each arrives as one event */
#define BELAY_JOB_LIST_MAX 64          /* jobs of one page */

/* ---- server */

struct belay_jobs;

struct belay_jobs_opts {
    size_t struct_size;  /* filled in by BELAY_JOBS_OPTS_INIT */
    uint8_t channel;     /* reliable, and nobody else's; as the clients' */
    uint32_t call_type;  /* of requests; as the clients'; default BELAY_JOB_CALLS */
    uint32_t jobs_max;   /* ended ones that are kept included; default 4096 */
    uint32_t user_max;   /* of one user, that have not ended; and as many ended ones,
                            of which the oldest goes; default 100 */
    uint32_t watch_max;  /* that one session watches; default 64 */
    uint32_t params_max; /* bytes; default 65536 */
    uint32_t result_max; /* bytes; default 16 MiB */
    uint32_t history_max, history_bytes; /* of events that a job keeps for who watches from before;
                                            defaults 1000 and 1 MiB */
    uint32_t grace_ms;                   /* from a cancel to the end; default 30,000 */
    uint32_t run_ms;                     /* from submission to the end; default BELAY_FOREVER */
    uint32_t retention_ms;               /* an ended job is kept for so long, and its key, and until
                                            all who watch it have heard the end; default 600,000 */
    /** Whether a session of another user may watch and list a job. NULL: none. */
    bool (*may_watch)(void *user, belay_session session, belay_job job);
    void *user;
    const struct belay_hooks *hooks; /* memory; copied; default: the C library */
};
#define BELAY_JOBS_OPTS_INIT BELAY_INIT_(struct belay_jobs_opts)

/**
 * @param server  outlives it
 * @return BELAY_OK, BELAY_E_INVALID, BELAY_E_NO_MEMORY
 */
enum belay_result belay_jobs_create(struct belay_jobs **out, struct belay_server *server,
                                    const struct belay_jobs_opts *opts);
/** Without a word to anybody. NULL is fine. */
void belay_jobs_destroy(struct belay_jobs *jobs);

/** To be shown each event that belay_server_poll() gives. True: it was the jobs' alone. */
bool belay_jobs_take(struct belay_jobs *jobs, const struct belay_event *event);
/**
 * What time asks for, and sends what waits: once per pass of the main loop, and before the first
 * event is taken.
 *
 * @param now_ms  of any clock that only goes forward
 */
void belay_jobs_run(struct belay_jobs *jobs, uint64_t now_ms);

/** Something to do. */
struct belay_job_task {
    belay_job job;
    bool stop; /* its owner has cancelled it, or its time is over: end it, soon. Else begin it */
    uint32_t type;      /* the game's own */
    const void *params; /* never NULL; good until the job has ended, be it by its grace, which no
                           task tells: when emit() says BELAY_E_GONE they are gone too */
    size_t size;
    uint8_t user_id[16]; /* of the owner */
};
/**
 * The next thing to do, if there is one: what is to be stopped first, then by age. Take all there
 * is in each pass, and note for later what is too much now, or a stop is not heard. A job that was
 * cancelled before this gave it is not given at all.
 */
bool belay_jobs_poll(struct belay_jobs *jobs, struct belay_job_task *task);

/* Each returns BELAY_OK, BELAY_E_GONE (no such job, or it has ended), BELAY_E_INVALID (data NULL),
 * BELAY_E_NO_MEMORY, and where data are given BELAY_E_TOO_BIG (a result over options.result_max,
 * others over BELAY_JOB_CHUNK). Data are copied; NULL with size 0 is none. */

/** Tells who watches how it goes on. The job is running from now on, if it was not. @param kind the
 * game's own */
enum belay_result belay_jobs_emit(struct belay_jobs *jobs, belay_job job, uint32_t kind,
                                  const void *data, size_t size);
/** It has a result. One larger than BELAY_JOB_CHUNK arrives in several RESULT events. */
enum belay_result belay_jobs_succeed(struct belay_jobs *jobs, belay_job job, const void *data,
                                     size_t size);
/** It has none. @param code the game's own */
enum belay_result belay_jobs_fail(struct belay_jobs *jobs, belay_job job, int32_t code,
                                  const void *data, size_t size);
/** It was cancelled, or its time was over, and the work has stopped. Without this the grace ends
 * it. */
enum belay_result belay_jobs_stopped(struct belay_jobs *jobs, belay_job job);
/** As if their owners had: every job that has not ended. @return how many */
uint32_t belay_jobs_cancel_all(struct belay_jobs *jobs);

struct belay_job_info {
    size_t struct_size; /* set by the caller, as by BELAY_JOB_INFO_INIT */
    belay_job job;
    enum belay_job_state state;
    bool stopping; /* cancelled or out of time, and not ended */
    uint32_t type;
    uint8_t user_id[16];
    uint32_t newest; /* sequence of its newest event */
    uint32_t watchers;
    uint64_t created_ms, ended_ms; /* as run() was told; 0 = it has not */
};
#define BELAY_JOB_INFO_INIT BELAY_INIT_(struct belay_job_info)
/** @return BELAY_OK, BELAY_E_GONE, BELAY_E_INVALID (struct_size) */
enum belay_result belay_jobs_info(const struct belay_jobs *jobs, belay_job job,
                                  struct belay_job_info *info);
/** Enumerates jobs by age; 0 starts and ends. */
belay_job belay_jobs_next(const struct belay_jobs *jobs, belay_job after);

/* ---- client */

struct belay_job_client;

struct belay_job_client_opts {
    size_t struct_size; /* filled in by BELAY_JOB_CLIENT_OPTS_INIT */
    uint8_t channel;    /* these two as the server's */
    uint32_t call_type;
    uint32_t call_ms;                /* for an answer; default BELAY_REQUEST_MS_DEFAULT */
    const struct belay_hooks *hooks; /* memory; copied; default: the C library */
};
#define BELAY_JOB_CLIENT_OPTS_INIT BELAY_INIT_(struct belay_job_client_opts)

/** @param client outlives it. @return BELAY_OK, BELAY_E_INVALID, BELAY_E_NO_MEMORY */
enum belay_result belay_job_client_create(struct belay_job_client **out,
                                          struct belay_client *client,
                                          const struct belay_job_client_opts *opts);
void belay_job_client_destroy(struct belay_job_client *jobs); /* NULL is fine */

enum belay_job_event_type {
    BELAY_JOB_EVENT_NONE,   /* the jobs' affair, and nothing to see */
    BELAY_JOB_EVENT_CALL,   /* the end of a call: cookie, code, and what it asked for */
    BELAY_JOB_EVENT_LISTED, /* one job of a list; a CALL ends it */
    BELAY_JOB_EVENT_UPDATE, /* emit() */
    BELAY_JOB_EVENT_GAP,    /* sequence to `to` are not kept any more */
    BELAY_JOB_EVENT_RESULT, /* succeeded: this piece of the result, in order; the one that ends at
                               `total`, which may be empty, is the job's end */
    BELAY_JOB_EVENT_ENDED,  /* failed, cancelled or timed out */
};

struct belay_job_event {
    enum belay_job_event_type type;
    belay_job job;   /* CALL: of submit and watch that were answered 0, else 0 */
    uint64_t cookie; /* CALL, LISTED: as given */
    int32_t code;    /* CALL: 0, enum belay_job_code, or below 0 enum belay_reply_code. ENDED: as
                        fail() has it */
    enum belay_job_state state; /* CALL of submit and watch, LISTED, RESULT, ENDED */
    uint32_t sequence;    /* UPDATE, GAP, RESULT, ENDED: the job's own, from 1. LISTED, CALL of
                             submit and watch: the newest there is */
    uint32_t to;          /* GAP */
    uint32_t kind;        /* UPDATE: as emit() has it. LISTED: the job's type */
    size_t offset, total; /* RESULT: of this piece, and of all */
    belay_job more;       /* CALL of list: where the next page begins; 0: that was all */
    const void *data;     /* never NULL; lent as by the event it was taken from */
    size_t size;
};

/**
 * To be shown each event that belay_client_poll() gives. True: it was the jobs' alone, and @p out
 * is filled in; then next() has more of the same. Another process that goes on with a session
 * (options.accept_gaps) watches nothing until it asks to.
 */
bool belay_job_client_take(struct belay_job_client *jobs, const struct belay_event *event,
                           struct belay_job_event *out);
/** What else the event taken last has told: the jobs of a list. */
bool belay_job_client_next(struct belay_job_client *jobs, struct belay_job_event *out);

/* Calls: each is a request, and ends in one CALL event. They return as belay_client_request(). That
 * of submit and watch comes before the events that follow from it; the others come in any order
 * with events of jobs. A code below 0 leaves open whether it was done: submit again, with the key.
 */

/**
 * Submits a job, and watches it from its first event on. Where the key finds one that this session
 * watches already, that goes on where it is; if it had heard the end, all is told once more.
 *
 * @param key  names it among those of its user: the same key with the same type and parameters is
 *             the same job, as often as it is submitted and by whatever session, while it is kept;
 *             NULL: each is another
 */
enum belay_result belay_job_submit(struct belay_job_client *jobs, const char *key, uint32_t type,
                                   const void *params, size_t size, uint64_t cookie);
/** Its owner only. The end comes as ENDED, maybe before this call's, unless the job succeeds. */
enum belay_result belay_job_cancel(struct belay_job_client *jobs, belay_job job, uint64_t cookie);
/** From this event on: 1 is all that is kept, UINT32_MAX what is to come, and the end always. Who
 * watches it already is told from there on once more. */
enum belay_result belay_job_watch(struct belay_job_client *jobs, belay_job job, uint32_t from,
                                  uint64_t cookie);
/** What was sent until then still arrives. */
enum belay_result belay_job_unwatch(struct belay_job_client *jobs, belay_job job, uint64_t cookie);
/**
 * Lists the jobs that it may watch, oldest first.
 *
 * @param states  bits 1 << enum belay_job_state; 0: all
 * @param after   of these, those behind this one; 0: from the first
 * @param max     at most BELAY_JOB_LIST_MAX
 */
enum belay_result belay_job_list(struct belay_job_client *jobs, uint32_t states, belay_job after,
                                 uint16_t max, uint64_t cookie);

/** What a code of a CALL means, in words. A constant string. */
const char *belay_job_meaning(int32_t code);
const char *belay_job_state_name(enum belay_job_state state);

#ifdef __cplusplus
}
#endif
#endif
