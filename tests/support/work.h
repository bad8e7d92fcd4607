/*
 * Jobs in a world: what the server was given to do, and what each client heard of it.
 *
 * Users are numbered, and client N is user N unless the test says otherwise. Every call has a
 * cookie of its own; work_end() fails unless each has ended in exactly one CALL.
 */
#ifndef BL_TESTS_SUPPORT_WORK_H
#define BL_TESTS_SUPPORT_WORK_H

#include "tests/support/world.h"
#include <belay/jobs.h>

#define WORK_CLIENTS_MAX 8
#define WORK_CHANNEL     2 /* of 0 chat, 1 unreliable, 2 the jobs' */
#define WORK_ALL         UINT32_MAX

struct heard {
    unsigned client;
    uint32_t at_ms;
    struct belay_job_event event; /* its data have ended */
};

struct work_call {
    unsigned client;
    uint32_t ends; /* CALL events */
    bool dropped;  /* its process was killed */
    struct heard end;
};

struct work_opts {
    struct world_opts world;
    struct belay_jobs_opts jobs; /* struct_size, channel and hooks are filled in */
    uint32_t call_ms;            /* 0 = BELAY_FOREVER */
};

struct work {
    struct world *world;
    struct work_opts opts;
    struct belay_jobs *jobs;
    struct belay_job_client *clients[WORK_CLIENTS_MAX];
    uint8_t users[WORK_CLIENTS_MAX]; /* whose name each client logs in by */
    bool idle;                       /* the server's application asks for no task */
    bool mute;                       /* it shows the jobs no requests; the last one is */
    struct belay_request_event unseen;
    uint8_t unseen_data[64];

    size_t memory_before;

    uint32_t call_count, heard_count, heard_max, task_count;
    struct work_call calls[4096];
    struct heard *heard;
    struct belay_job_task tasks[512];
};

/** Of the jobs' and their clients' hooks. */
extern struct world_memory work_memory;

/** Everybody is logged in. */
struct work *work_open(struct work_opts opts);
/** Ends the world; fails unless every call has ended once. */
void work_end(struct work *work);

/** Calls, each with the next cookie, which they return; WORK_ALL when it was not taken. */
uint32_t work_submit(struct work *work, unsigned client, const char *key, const char *params);
uint32_t work_cancel(struct work *work, unsigned client, belay_job job);
uint32_t work_watch(struct work *work, unsigned client, belay_job job, uint32_t from);
uint32_t work_unwatch(struct work *work, unsigned client, belay_job job);
uint32_t work_list(struct work *work, unsigned client, uint32_t states, belay_job after,
                   uint16_t max);
bool work_has_ended(const struct work *work, uint32_t cookie);
/** The end of a call, for which this waits. */
const struct belay_job_event *work_end_of(struct work *work, uint32_t cookie);
int32_t work_code(struct work *work, uint32_t cookie);
/** Submits, and waits until it is accepted. */
belay_job work_begin(struct work *work, unsigned client, const char *key, const char *params);

/** What the server's application does; each fails when it was not taken. */
void work_emit(struct work *work, belay_job job, uint32_t count);
void work_succeed(struct work *work, belay_job job, size_t size);
struct belay_job_info work_info(const struct work *work, belay_job job);
/** Tasks that tell to begin, or to stop, a job. */
uint32_t work_tasks(const struct work *work, belay_job job, bool stop);

/** What a client heard of a job, as "1 2 GAP3-5 6 SUCCEEDED@7"; good until the next call. */
const char *work_story(const struct work *work, unsigned client, belay_job job);
/** The jobs of the LISTED events for a cookie, as "1 2"; good until the next call. */
const char *work_listed(const struct work *work, uint32_t cookie);
void work_forget(struct work *work); /* what was heard so far */

/** As their namesakes of the world, with the client's end of the jobs. */
void work_kill(struct work *work, unsigned client);
void work_revive(struct work *work, unsigned client);
/** The client, which has no session, logs in. */
void work_log_in(struct work *work, unsigned client);

#endif
