/*
 * Jobs by number, which is by age. What a client asks comes in through calls.c; what it is told
 * goes out through watchers.c; here is how a job lives and ends.
 */
#include "server/jobs/parts.h"

#define NEVER UINT64_MAX

static uint32_t or_default(uint32_t value, uint32_t otherwise) {
    return value != 0 ? value : otherwise;
}

static void fill_in(struct belay_jobs_opts *opts) {
    opts->call_type = or_default(opts->call_type, BELAY_JOB_CALLS);
    opts->jobs_max = or_default(opts->jobs_max, 4096);
    opts->user_max = or_default(opts->user_max, 100);
    opts->watch_max = or_default(opts->watch_max, 64);
    opts->params_max = or_default(opts->params_max, 65536);
    opts->result_max = or_default(opts->result_max, 16U << 20);
    opts->history_max = or_default(opts->history_max, 1000);
    opts->history_bytes = or_default(opts->history_bytes, 1U << 20);
    opts->grace_ms = or_default(opts->grace_ms, 30000);
    opts->run_ms = or_default(opts->run_ms, BELAY_FOREVER);
    opts->retention_ms = or_default(opts->retention_ms, 600000);
}

enum belay_result belay_jobs_create(struct belay_jobs **out, struct belay_server *server,
                                    const struct belay_jobs_opts *given) {
    const struct belay_hooks none = {0};
    struct belay_jobs_opts opts = BELAY_JOBS_OPTS_INIT;
    if (server == NULL || !job_copy_opts(&opts, sizeof opts, given)) {
        return BELAY_E_INVALID;
    }
    fill_in(&opts);
    const struct belay_hooks *hooks = opts.hooks != NULL ? opts.hooks : &none;
    struct belay_jobs *jobs = job_allocate(hooks, sizeof *jobs);
    if (jobs == NULL) {
        return BELAY_E_NO_MEMORY;
    }
    jobs->server = server;
    jobs->opts = opts;
    jobs->hooks = *hooks;
    *out = jobs;
    return BELAY_OK;
}

void belay_jobs_destroy(struct belay_jobs *jobs) {
    if (jobs == NULL) {
        return;
    }
    while (jobs->count > 0) {
        job_remove(jobs, jobs->all[jobs->count - 1]);
    }
    answers_clear(jobs);
    const struct belay_hooks hooks = jobs->hooks;
    job_free(&hooks, jobs->all, jobs->capacity * sizeof(struct job *));
    job_free(&hooks, jobs, sizeof *jobs);
}

/* ---- the register */

/** The index of the first job that is not older. */
static uint32_t index_of(const struct belay_jobs *jobs, belay_job number) {
    uint32_t low = 0, high = jobs->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (jobs->all[middle]->number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct job *job_find(const struct belay_jobs *jobs, belay_job number) {
    uint32_t index = index_of(jobs, number);
    bool there = index < jobs->count && jobs->all[index]->number == number;
    return there ? jobs->all[index] : NULL;
}

static bool grow(struct belay_jobs *jobs) {
    uint32_t capacity = jobs->capacity > 0 ? 2 * jobs->capacity : 16;
    struct job **all = job_allocate(&jobs->hooks, capacity * sizeof(struct job *));
    if (all == NULL) {
        return false;
    }
    if (jobs->count > 0) {
        memcpy(all, jobs->all, jobs->count * sizeof(struct job *));
    }
    job_free(&jobs->hooks, jobs->all, jobs->capacity * sizeof(struct job *));
    jobs->all = all;
    jobs->capacity = capacity;
    return true;
}

static uint64_t after(const struct belay_jobs *jobs, uint32_t ms) {
    return ms == BELAY_FOREVER ? NEVER : jobs->now_ms + ms;
}

struct job *job_add(struct belay_jobs *jobs) {
    if (jobs->count >= jobs->opts.jobs_max || (jobs->count == jobs->capacity && !grow(jobs))) {
        return NULL;
    }
    struct job *job = job_allocate(&jobs->hooks, sizeof *job);
    if (job == NULL) {
        return NULL;
    }
    job->jobs = jobs;
    job->number = ++jobs->newest;
    job->state = BELAY_JOB_PENDING;
    job->created_ms = jobs->now_ms;
    job->stop_by_ms = NEVER;
    job->run_by_ms = after(jobs, jobs->opts.run_ms);
    jobs->all[jobs->count++] = job;
    return job;
}

void job_remove(struct belay_jobs *jobs, struct job *job) {
    uint32_t index = index_of(jobs, job->number);
    jobs->count--;
    memmove(&jobs->all[index], &jobs->all[index + 1], (jobs->count - index) * sizeof(struct job *));
    watchers_remove_all(job);
    history_clear(job);
    job_free(&jobs->hooks, job->params, job->params_size + 1);
    job_free(&jobs->hooks, job->outcome, job->outcome_size);
    job_free(&jobs->hooks, job, sizeof *job);
}

/* ---- how a job ends */

/** @param data  owned by it from now on */
static void end(struct job *job, enum belay_job_state state, uint8_t *data, size_t size) {
    job->state = state;
    job->newest++;
    job->outcome = data;
    job->outcome_size = size;
    job->ended_ms = job->jobs->now_ms;
    job->untold_start = job->untold_stop = false;
    if (job->key_size == 0) { /* nothing is compared with them any more */
        job_free(&job->jobs->hooks, job->params, job->params_size + 1);
        job->params = NULL;
    }
    watchers_tell(job);
}

static void end_stopped(struct job *job) {
    end(job, job->timed_out ? BELAY_JOB_TIMED_OUT : BELAY_JOB_CANCELLED, NULL, 0);
}

void job_stop(struct job *job, bool timed_out) {
    if (job->stopping) {
        return;
    }
    job->stopping = true;
    job->timed_out = timed_out;
    if (job->untold_start) { /* nobody has begun it */
        end_stopped(job);
        return;
    }
    job->untold_stop = true;
    job->stop_by_ms = after(job->jobs, job->jobs->opts.grace_ms);
}

static struct job *open_job(const struct belay_jobs *jobs, belay_job number) {
    struct job *job = job_find(jobs, number);
    return job != NULL && !job_has_ended(job) ? job : NULL;
}

static enum belay_result check(const struct job *job, const void *data, size_t size, size_t max) {
    if (job == NULL) {
        return BELAY_E_GONE;
    }
    if (data == NULL && size > 0) {
        return BELAY_E_INVALID;
    }
    return size <= max ? BELAY_OK : BELAY_E_TOO_BIG;
}

enum belay_result belay_jobs_emit(struct belay_jobs *jobs, belay_job number, uint32_t kind,
                                  const void *data, size_t size) {
    struct job *job = open_job(jobs, number);
    enum belay_result result = check(job, data, size, BELAY_JOB_CHUNK);
    if (result != BELAY_OK) {
        return result;
    }
    if (!history_add(job, kind, data, size)) {
        return BELAY_E_NO_MEMORY;
    }
    job->state = BELAY_JOB_RUNNING;
    job->untold_start = false;
    watchers_tell(job);
    return BELAY_OK;
}

static enum belay_result end_with(struct job *job, enum belay_job_state state, const void *data,
                                  size_t size) {
    uint8_t *copy = size > 0 ? job_allocate(&job->jobs->hooks, size) : NULL;
    if (size > 0 && copy == NULL) {
        return BELAY_E_NO_MEMORY;
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    end(job, state, copy, size);
    return BELAY_OK;
}

enum belay_result belay_jobs_succeed(struct belay_jobs *jobs, belay_job number, const void *data,
                                     size_t size) {
    struct job *job = open_job(jobs, number);
    enum belay_result result = check(job, data, size, jobs->opts.result_max);
    return result == BELAY_OK ? end_with(job, BELAY_JOB_SUCCEEDED, data, size) : result;
}

enum belay_result belay_jobs_fail(struct belay_jobs *jobs, belay_job number, int32_t code,
                                  const void *data, size_t size) {
    struct job *job = open_job(jobs, number);
    enum belay_result result = check(job, data, size, BELAY_JOB_CHUNK);
    if (result == BELAY_OK) {
        job->code = code;
        result = end_with(job, BELAY_JOB_FAILED, data, size);
        job->code = result == BELAY_OK ? code : 0; /* it may end in another way */
    }
    return result;
}

enum belay_result belay_jobs_stopped(struct belay_jobs *jobs, belay_job number) {
    struct job *job = open_job(jobs, number);
    if (job == NULL) {
        return BELAY_E_GONE;
    }
    end_stopped(job);
    return BELAY_OK;
}

uint32_t belay_jobs_cancel_all(struct belay_jobs *jobs) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < jobs->count; i++) {
        if (!job_has_ended(jobs->all[i])) {
            job_stop(jobs->all[i], false);
            count++;
        }
    }
    return count;
}

/* ---- the loop */

bool belay_jobs_take(struct belay_jobs *jobs, const struct belay_event *event) {
    if (event->type == BELAY_EVENT_REQUEST && event->request.type == jobs->opts.call_type) {
        call_take(jobs, event);
        return true;
    }
    if (event->type == BELAY_EVENT_CLOSED ||
        (event->type == BELAY_EVENT_RESUMED && event->resumed.gap_count > 0)) {
        watchers_leave(jobs, event->session);
    }
    return event->type == BELAY_EVENT_MESSAGE && event->message.channel == jobs->opts.channel;
}

/** Not before those who watch have heard the end. */
static bool is_forgotten(const struct belay_jobs *jobs, const struct job *job) {
    return job_has_ended(job) && job->watchers == NULL &&
           jobs->opts.retention_ms != BELAY_FOREVER &&
           jobs->now_ms - job->ended_ms >= jobs->opts.retention_ms;
}

static void judge(struct belay_jobs *jobs, struct job *job) {
    if (job_has_ended(job)) {
        return;
    }
    if (job->stopping && jobs->now_ms >= job->stop_by_ms) {
        end_stopped(job);
    } else if (jobs->now_ms >= job->run_by_ms) {
        job_stop(job, true);
    }
}

void belay_jobs_run(struct belay_jobs *jobs, uint64_t now_ms) {
    jobs->now_ms = now_ms > jobs->now_ms ? now_ms : jobs->now_ms;
    answers_send(jobs);
    for (uint32_t i = 0; i < jobs->count;) {
        struct job *job = jobs->all[i];
        judge(jobs, job);
        if (is_forgotten(jobs, job)) {
            job_remove(jobs, job);
            continue;
        }
        watchers_tell(job);
        i++;
    }
}

/** The oldest that is to be stopped; else the oldest that is to be begun. */
static struct job *next_task(const struct belay_jobs *jobs) {
    struct job *start = NULL;
    for (uint32_t i = 0; i < jobs->count; i++) {
        if (jobs->all[i]->untold_stop) {
            return jobs->all[i];
        }
        start = start == NULL && jobs->all[i]->untold_start ? jobs->all[i] : start;
    }
    return start;
}

bool belay_jobs_poll(struct belay_jobs *jobs, struct belay_job_task *task) {
    struct job *job = next_task(jobs);
    if (job == NULL) {
        return false;
    }
    *task = (struct belay_job_task){.job = job->number,
                                    .stop = job->untold_stop,
                                    .type = job->type,
                                    .params = job->params,
                                    .size = job->params_size};
    memcpy(task->user_id, job->user_id, sizeof task->user_id);
    job->untold_start = job->untold_stop = false;
    job->state = BELAY_JOB_RUNNING;
    return true;
}

enum belay_result belay_jobs_info(const struct belay_jobs *jobs, belay_job number,
                                  struct belay_job_info *out) {
    const struct job *job = job_find(jobs, number);
    struct belay_job_info info = BELAY_JOB_INFO_INIT;
    if (job == NULL) {
        return BELAY_E_GONE;
    }
    if (out->struct_size < sizeof out->struct_size || out->struct_size > sizeof info) {
        return BELAY_E_INVALID;
    }
    info.struct_size = out->struct_size;
    info.job = job->number;
    info.state = job->state;
    info.stopping = job->stopping && !job_has_ended(job);
    info.type = job->type;
    memcpy(info.user_id, job->user_id, sizeof info.user_id);
    info.newest = job->newest;
    info.watchers = job->watcher_count;
    info.created_ms = job->created_ms;
    info.ended_ms = job->ended_ms;
    memcpy(out, &info, out->struct_size);
    return BELAY_OK;
}

belay_job belay_jobs_next(const struct belay_jobs *jobs, belay_job number) {
    uint32_t index = index_of(jobs, number + 1);
    return index < jobs->count ? jobs->all[index]->number : 0;
}
