/* What the files of the server's jobs share. */
#ifndef BL_SERVER_JOBS_PARTS_H
#define BL_SERVER_JOBS_PARTS_H

#include "common/jobs/format.h"
#include <belay/jobs.h>
#include <belay/server.h>

/** One event of a job, in its history. */
struct job_update {
    struct job_update *next;
    uint32_t sequence, kind;
    size_t size;
    uint8_t data[];
};

struct job {
    belay_job number;
    struct belay_jobs *jobs;
    enum belay_job_state state;
    bool stopping, timed_out;
    uint8_t user_id[16];
    uint32_t type;
    uint8_t *params; /* until it has ended, or for as long as its key */
    size_t params_size;
    char key[BELAY_JOB_KEY_MAX];
    uint8_t key_size;                 /* 0 = none */
    struct job_update *oldest, *last; /* history */
    uint32_t kept;
    size_t kept_bytes;
    uint32_t newest;  /* sequence of the newest event, the end included */
    uint8_t *outcome; /* result or error */
    size_t outcome_size;
    int32_t code;
    uint64_t created_ms, ended_ms, stop_by_ms, run_by_ms; /* UINT64_MAX = never */
    bool untold_start, untold_stop;                       /* tasks that poll() has not given */
    struct watcher *watchers;
    uint32_t watcher_count;
};

/** What a call is answered with, while the session has no room for it. */
struct answer {
    struct answer *next;
    belay_request request;
    int32_t code;
    size_t size;
    uint8_t data[];
};

/** One session's view of one job: it is told what follows `next`, as fast as it has room. */
struct watcher {
    struct watcher *other; /* of the job */
    belay_session session;
    uint32_t next;       /* sequence that it is told next */
    size_t outcome_sent; /* bytes of the result */
    uint64_t tag;        /* of the newest call that began it, which is to be told first; 0 = told */
};

struct belay_jobs {
    struct belay_server *server;
    struct belay_jobs_opts opts;
    struct belay_hooks hooks;
    uint64_t now_ms;
    belay_job newest;
    struct job **all; /* by number, which is by age */
    uint32_t count, capacity;
    struct answer *answers; /* that had no room, oldest first */
};

/* jobs.c */

struct job *job_find(const struct belay_jobs *jobs, belay_job number);
/** NULL: no room or no memory. */
struct job *job_add(struct belay_jobs *jobs);
void job_remove(struct belay_jobs *jobs, struct job *job);
static inline bool job_has_ended(const struct job *job) {
    return job->state > BELAY_JOB_RUNNING;
}
/** Its owner does not want it any more, or its time is over. */
void job_stop(struct job *job, bool timed_out);

/* watchers.c */

/** It watches from this sequence on; 0: from the first, or from where it is. False: no memory. */
bool watcher_set(struct job *job, belay_session session, uint32_t from, uint64_t tag);
void watcher_remove(struct job *job, belay_session session);
void watchers_remove_all(struct job *job);
/** Its session has ended, or another process goes on with it, which has not asked. */
void watchers_leave(struct belay_jobs *jobs, belay_session session);
uint32_t watchers_of_session(const struct belay_jobs *jobs, belay_session session);
bool watcher_is_there(const struct job *job, belay_session session);
/** Tells all of them what they have room for. */
void watchers_tell(struct job *job);
/** An event at the end of the history; the oldest leave it. False: no memory. */
bool history_add(struct job *job, uint32_t kind, const void *data, size_t size);
void history_clear(struct job *job);

/* calls.c */

/** A request of a client. */
void call_take(struct belay_jobs *jobs, const struct belay_event *event);
/** Sends the answers that had no room, where there is some now. */
void answers_send(struct belay_jobs *jobs);
void answers_clear(struct belay_jobs *jobs);

#endif
