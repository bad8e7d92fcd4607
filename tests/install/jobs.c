/* Built against the installed files: a client submits a job to a server in a simulation, and gets
 * its result. */
#include <belay/client.h>
#include <belay/jobs.h>
#include <belay/server.h>
#include <belay/sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char address[] = "10.0.0.1:7777";

static void serve(struct belay_server *server, struct belay_jobs *jobs, uint64_t now_ms) {
    struct belay_event event;
    struct belay_job_task task;
    belay_server_service(server, 0);
    while (belay_server_poll(server, &event)) {
        if (!belay_jobs_take(jobs, &event) && event.type == BELAY_EVENT_LOGIN) {
            belay_server_accept(server, event.session, NULL, NULL, 0);
        }
    }
    belay_jobs_run(jobs, now_ms);
    while (belay_jobs_poll(jobs, &task)) {
        belay_jobs_succeed(jobs, task.job, task.params, task.size);
    }
    belay_server_flush(server);
}

/** Whether the result is what was submitted. */
static bool play(struct belay_client *client, struct belay_job_client *jobs) {
    struct belay_event event;
    struct belay_job_event job;
    bool done = false;
    belay_client_service(client, 0);
    while (belay_client_poll(client, &event)) {
        if (event.type == BELAY_EVENT_OPEN) {
            belay_job_submit(jobs, "the key", 1, "work", 4, 1);
        } else if (belay_job_client_take(jobs, &event, &job)) {
            done |= job.type == BELAY_JOB_EVENT_RESULT && job.size == 4 &&
                    memcmp(job.data, "work", 4) == 0;
        }
    }
    belay_client_flush(client);
    return done;
}

int main(void) {
    struct belay_server_opts server_opts = BELAY_SERVER_OPTS_INIT;
    struct belay_client_opts client_opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct belay_jobs_opts jobs_opts = BELAY_JOBS_OPTS_INIT;
    struct belay_job_client_opts job_client_opts = BELAY_JOB_CLIENT_OPTS_INIT;
    struct belay_server *server = NULL;
    struct belay_client *client = NULL;
    struct belay_jobs *jobs = NULL;
    struct belay_job_client *job_client = NULL;
    struct belay_sim *sim = belay_sim_create(1);

    server_opts.sim = client_opts.sim = sim;
    server_opts.listen = to.invite = address;
    bool done = false;
    bool begun = belay_server_start(&server, &server_opts) == BELAY_OK &&
                 belay_client_create(&client, &client_opts) == BELAY_OK &&
                 belay_jobs_create(&jobs, server, &jobs_opts) == BELAY_OK &&
                 belay_job_client_create(&job_client, client, &job_client_opts) == BELAY_OK &&
                 belay_client_connect(client, &to) == BELAY_OK;
    for (uint64_t now_ms = 0; begun && !done && now_ms < 5000; now_ms += 5) {
        belay_sim_advance(sim, 5);
        serve(server, jobs, now_ms);
        done = play(client, job_client);
    }
    printf("Belay %s: %s %s\n", belay_version(), done ? "job done" : "no result", belay_error());
    belay_job_client_destroy(job_client);
    belay_jobs_destroy(jobs);
    belay_client_destroy(client);
    belay_server_destroy(server);
    belay_sim_destroy(sim);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
