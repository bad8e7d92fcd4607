#include "tests/support/work.h"

#include <stdio.h>
#include <string.h>

struct world_memory work_memory;

static struct belay_hooks hooks(void) {
    return (struct belay_hooks){.realloc = world_hooks.realloc, .hook_user = &work_memory};
}

static uint8_t pattern_at(size_t offset) {
    return (uint8_t)(offset * 7 + (offset >> 8));
}

/* ---- hearing */

static void write_down(struct work *work, unsigned client, const struct belay_job_event *event) {
    if (work->heard_count == work->heard_max) {
        work->heard_max = work->heard_max > 0 ? 2 * work->heard_max : 256;
        work->heard = realloc(work->heard, work->heard_max * sizeof *work->heard);
        must(work->heard != NULL);
    }
    struct heard heard = {.client = client, .at_ms = work->world->ms, .event = *event};
    work->heard[work->heard_count++] = heard;
    if (event->type == BELAY_JOB_EVENT_CALL) {
        must(event->cookie < work->call_count);
        struct work_call *call = &work->calls[event->cookie];
        must(call->client == client && call->ends == 0);
        call->ends++;
        call->end = heard;
    }
}

static void hear(struct work *work, unsigned client, const struct belay_job_event *event) {
    const uint8_t *data = event->data;
    must(data != NULL);
    for (size_t i = 0; event->type == BELAY_JOB_EVENT_RESULT && i < event->size; i++) {
        must(data[i] == pattern_at(event->offset + i));
    }
    if (event->type != BELAY_JOB_EVENT_NONE) {
        write_down(work, client, event);
    }
}

/** What the game is not to look at. */
static bool is_the_jobs(const struct belay_event *event) {
    return (event->type == BELAY_EVENT_REQUEST && event->request.type == BELAY_JOB_CALLS) ||
           (event->type == BELAY_EVENT_MESSAGE && event->message.channel == WORK_CHANNEL);
}

static void show_server(struct work *work, const struct belay_event *event) {
    if (work->mute && event->type == BELAY_EVENT_REQUEST) {
        work->unseen = event->request;
        must(event->request.size <= sizeof work->unseen_data);
        memcpy(work->unseen_data, event->request.data, event->request.size);
        return;
    }
    must(belay_jobs_take(work->jobs, event) == is_the_jobs(event));
}

static void watch(struct world *world, enum world_side side, const struct belay_event *event) {
    struct work *work = world->user;
    struct belay_job_event told;
    if (side == SERVER) {
        show_server(work, event);
    } else if (belay_job_client_take(work->clients[world->watched], event, &told)) {
        do {
            hear(work, world->watched, &told);
        } while (belay_job_client_next(work->clients[world->watched], &told));
    }
}

static void each_step(struct world *world) {
    struct work *work = world->user;
    struct belay_job_task task;
    belay_jobs_run(work->jobs, world->ms);
    while (!work->idle && belay_jobs_poll(work->jobs, &task)) {
        must(work->task_count < 512 && task.params != NULL);
        work->tasks[work->task_count++] = task;
    }
}

/* ---- the beginning and the end */

static void let_in(struct world *world, unsigned client, belay_session session) {
    const struct work *work = world->user;
    const uint8_t user_id[16] = {(uint8_t)(work->users[client] + 1)};
    must(belay_server_accept(world->server, session, user_id, NULL, 0) == BELAY_OK);
}

static void create_client(struct work *work, unsigned index) {
    const struct belay_hooks ours = hooks();
    struct belay_job_client_opts opts = BELAY_JOB_CLIENT_OPTS_INIT;
    opts.channel = WORK_CHANNEL;
    opts.call_ms = work->opts.call_ms != 0 ? work->opts.call_ms : BELAY_FOREVER;
    opts.hooks = &ours;
    must(belay_job_client_create(&work->clients[index], work->world->clients[index].it, &opts) ==
         BELAY_OK);
}

struct work *work_open(struct work_opts opts) {
    static const struct belay_channel channels[] = {
        {.name = "chat"}, {.name = "moves", .mode = BELAY_UNRELIABLE}, {.name = "jobs"}};
    const struct belay_hooks ours = hooks();
    struct work *work = calloc(1, sizeof *work);
    must(work != NULL);
    opts.world.server.channels = opts.world.client.channels = channels;
    opts.world.server.channel_count = opts.world.client.channel_count = COUNT_OF(channels);
    work->opts = opts;
    work->memory_before = work_memory.live;
    struct world *world = work->world = world_create(&opts.world);
    opts.jobs.struct_size = sizeof opts.jobs;
    opts.jobs.channel = WORK_CHANNEL;
    opts.jobs.hooks = &ours;
    must(belay_jobs_create(&work->jobs, world->server, &opts.jobs) == BELAY_OK);
    for (unsigned i = 0; i < world->client_count; i++) {
        work->users[i] = (uint8_t)i;
        create_client(work, i);
    }
    world->user = work;
    world->watch = watch;
    world->each_step = each_step;
    world->login = let_in;
    for (unsigned i = 0; i < world->client_count; i++) {
        world_connect(world, i);
        world_until(world, world_is_open(world, i), 5000);
    }
    world_run(world, 500);
    return work;
}

void work_end(struct work *work) {
    struct world *world = work->world;
    for (uint32_t i = 0; i < work->call_count; i++) {
        const struct work_call *call = &work->calls[i];
        ck_assert_msg(call->dropped || call->ends == 1, "call %u of client %u ended %u times", i,
                      call->client, call->ends);
    }
    for (unsigned i = 0; i < world->client_count; i++) {
        belay_job_client_destroy(work->clients[i]);
    }
    belay_jobs_destroy(work->jobs);
    ck_assert_uint_eq(work_memory.live, work->memory_before);
    world_destroy(world);
    free(work->heard);
    free(work);
}

/* ---- calls */

static uint32_t note_call(struct work *work, unsigned client, enum belay_result result) {
    if (result != BELAY_OK) {
        return WORK_ALL;
    }
    must(work->call_count < COUNT_OF(work->calls));
    work->calls[work->call_count].client = client;
    return work->call_count++;
}

uint32_t work_submit(struct work *work, unsigned client, const char *key, const char *params) {
    return note_call(
        work, client,
        belay_job_submit(work->clients[client], key, 7, params, strlen(params), work->call_count));
}

uint32_t work_cancel(struct work *work, unsigned client, belay_job job) {
    return note_call(work, client, belay_job_cancel(work->clients[client], job, work->call_count));
}

uint32_t work_watch(struct work *work, unsigned client, belay_job job, uint32_t from) {
    return note_call(work, client,
                     belay_job_watch(work->clients[client], job, from, work->call_count));
}

uint32_t work_unwatch(struct work *work, unsigned client, belay_job job) {
    return note_call(work, client, belay_job_unwatch(work->clients[client], job, work->call_count));
}

uint32_t work_list(struct work *work, unsigned client, uint32_t states, belay_job after,
                   uint16_t max) {
    return note_call(work, client,
                     belay_job_list(work->clients[client], states, after, max, work->call_count));
}

bool work_has_ended(const struct work *work, uint32_t cookie) {
    return work->calls[cookie].ends > 0;
}

const struct belay_job_event *work_end_of(struct work *work, uint32_t cookie) {
    must(cookie != WORK_ALL);
    world_until(work->world, work_has_ended(work, cookie), 20000);
    return &work->calls[cookie].end.event;
}

int32_t work_code(struct work *work, uint32_t cookie) {
    return work_end_of(work, cookie)->code;
}

belay_job work_begin(struct work *work, unsigned client, const char *key, const char *params) {
    const struct belay_job_event *end = work_end_of(work, work_submit(work, client, key, params));
    ck_assert_int_eq(end->code, 0);
    return end->job;
}

/* ---- the server's application */

void work_emit(struct work *work, belay_job job, uint32_t count) {
    while (count-- > 0) {
        must(belay_jobs_emit(work->jobs, job, 5, "step", 4) == BELAY_OK);
    }
}

void work_succeed(struct work *work, belay_job job, size_t size) {
    uint8_t *data = malloc(size + 1);
    must(data != NULL);
    for (size_t i = 0; i < size; i++) {
        data[i] = pattern_at(i);
    }
    enum belay_result result = belay_jobs_succeed(work->jobs, job, data, size);
    free(data);
    ck_assert_int_eq(result, BELAY_OK);
}

struct belay_job_info work_info(const struct work *work, belay_job job) {
    struct belay_job_info info = BELAY_JOB_INFO_INIT;
    ck_assert_int_eq(belay_jobs_info(work->jobs, job, &info), BELAY_OK);
    return info;
}

uint32_t work_tasks(const struct work *work, belay_job job, bool stop) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < work->task_count; i++) {
        count += work->tasks[i].job == job && work->tasks[i].stop == stop;
    }
    return count;
}

/* ---- what was heard */

/** One event of a story; @p got how much of the result has come so far. */
static void tell(char word[48], const struct belay_job_event *event, size_t *got) {
    word[0] = '\0';
    if (event->type == BELAY_JOB_EVENT_UPDATE) {
        snprintf(word, 48, "%u", event->sequence);
    } else if (event->type == BELAY_JOB_EVENT_GAP) {
        snprintf(word, 48, "GAP%u-%u", event->sequence, event->to);
    } else if (event->type == BELAY_JOB_EVENT_ENDED) {
        snprintf(word, 48, "%s@%u", belay_job_state_name(event->state), event->sequence);
    } else if (event->type == BELAY_JOB_EVENT_RESULT) {
        *got = event->offset == 0 ? 0 : *got; /* a watch that began again */
        if (event->offset != *got) {
            snprintf(word, 48, "HOLE");
        } else if (event->offset + event->size == event->total) {
            snprintf(word, 48, "SUCCEEDED@%u", event->sequence);
        }
        *got += event->size;
    }
}

static void append_word(char *words, size_t size, const char *word) {
    size_t length = strlen(words);
    const char *space = length > 0 && word[0] != '\0' ? " " : "";
    must(length + strlen(word) + 2 < size);
    snprintf(words + length, size - length, "%s%s", space, word);
}

const char *work_story(const struct work *work, unsigned client, belay_job job) {
    static char words[16384];
    size_t got = 0;
    words[0] = '\0';
    for (uint32_t i = 0; i < work->heard_count; i++) {
        const struct heard *heard = &work->heard[i];
        char word[48];
        if (heard->client == client && heard->event.job == job) {
            tell(word, &heard->event, &got);
            append_word(words, sizeof words, word);
        }
    }
    return words;
}

const char *work_listed(const struct work *work, uint32_t cookie) {
    static char words[1024];
    words[0] = '\0';
    for (uint32_t i = 0; i < work->heard_count; i++) {
        const struct belay_job_event *event = &work->heard[i].event;
        char word[24];
        if (event->type == BELAY_JOB_EVENT_LISTED && event->cookie == cookie) {
            snprintf(word, sizeof word, "%llu", (unsigned long long)event->job);
            append_word(words, sizeof words, word);
        }
    }
    return words;
}

void work_forget(struct work *work) {
    work->heard_count = 0;
}

void work_kill(struct work *work, unsigned client) {
    for (uint32_t i = 0; i < work->call_count; i++) {
        work->calls[i].dropped |= work->calls[i].client == client;
    }
    belay_job_client_destroy(work->clients[client]);
    work->clients[client] = NULL;
    world_kill(work->world, client);
}

void work_revive(struct work *work, unsigned client) {
    world_revive(work->world, client);
    create_client(work, client);
}

void work_log_in(struct work *work, unsigned client) {
    world_connect(work->world, client);
    world_until(work->world, world_is_open(work->world, client), 5000);
}
