/*
 * logins: how many full, secured logins one CPU second of the server's process buys.
 *
 * Two processes over real UDP on loopback: a server that works 60 times a second, as a game's, and
 * clients that all log in once. What the server's process costs between the first OPEN and the last
 * acknowledged WELCOME is divided by their number. Tokens are made before that.
 *
 * Both share one core, so that the clients do not run beside the server on another thread of the
 * same one, and the least disturbed round counts: whatever else the machine does only adds.
 */
#define _GNU_SOURCE
#include "bench/goal.h"
#include "bench/tokens.h"
#include "lib/secure/handshake.h"
#include "lib/secure/token.h"

#include <belay/client.h>
#include <belay/server.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS       2000
#define ROUNDS_MAX    9
#define FRAME_NS      (1000000000 / 60)
#define TURN_MS       4
#define PER_TURN      12    /* clients that begin in one turn: 3,000 a second */
#define LIMIT_FRAMES  1800  /* 30 s for all to log in */
#define SETTLE_FRAMES 6     /* for the last acknowledgements */
#define AGE_MS        1500  /* of the server when its first token becomes valid */
#define QUIET_MS      60000 /* of heartbeats: they are not what is measured */
#define SWEEP         64    /* turns between looks at everybody's timers */
#define EVENTS_MAX    256
#define REPEATS       2000 /* of each step of the breakdown */

/** Of the server's process. */
struct figures {
    double user_us, kernel_us; /* per login */
    double datagrams_in, datagrams_out;
};

struct hello {
    uint64_t started_ms; /* wall clock */
    uint16_t port;
};

static uint64_t wall_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static double cpu_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double kernel_us(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_stime.tv_sec * 1e6 + (double)usage.ru_stime.tv_usec;
}

static _Noreturn void give_up(const char *who) {
    fprintf(stderr, "logins: %s: %s\n", who, belay_error());
    _exit(1);
}

static struct belay_server *start_server(const char *token_keys) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *server;
    opts.listen = "127.0.0.1:0";
    opts.session_max = CLIENTS;
    opts.handshake_rate = BELAY_FOREVER; /* all clients have one address */
    opts.token_keys = token_keys;
    opts.admit = BELAY_ADMIT_TOKEN | BELAY_ADMIT_KEY;
    opts.heartbeat_ms = QUIET_MS;
    opts.lost_ms = 2 * QUIET_MS;
    if (belay_server_start(&server, &opts) != BELAY_OK) {
        give_up("server");
    }
    return server;
}

/** @return how many have logged in */
static uint32_t run_frame(struct belay_server *server, struct timespec *next) {
    struct belay_event event;
    uint32_t open = 0;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
    next->tv_nsec += FRAME_NS;
    if (next->tv_nsec >= 1000000000) {
        next->tv_nsec -= 1000000000;
        next->tv_sec++;
    }
    belay_server_service(server, 0);
    while (belay_server_poll(server, &event)) {
        if (event.type == BELAY_EVENT_LOGIN) {
            belay_server_accept(server, event.session, NULL, NULL, 0);
        }
        open += event.type == BELAY_EVENT_OPEN;
    }
    belay_server_flush(server);
    return open;
}

static struct belay_stats stats_of(const struct belay_server *server) {
    struct belay_stats stats = BELAY_STATS_INIT;
    belay_server_stats(server, &stats);
    return stats;
}

static void write_or_die(int pipe, const void *data, size_t size) {
    if (write(pipe, data, size) != (ssize_t)size) {
        _exit(1);
    }
}

static _Noreturn void be_server(const char *token_keys, int out) {
    struct belay_server *server = start_server(token_keys);
    const struct hello hello = {.started_ms = wall_ms(), .port = stats_of(server).port};
    struct timespec next;
    write_or_die(out, &hello, sizeof hello);
    clock_gettime(CLOCK_MONOTONIC, &next);
    double cpu = 0, kernel = 0;
    uint32_t open = 0;
    while (stats_of(server).datagrams_in == 0) { /* the frame that gets the first is counted */
        cpu = cpu_us();
        kernel = kernel_us();
        open += run_frame(server, &next);
    }
    for (int i = 0; i < LIMIT_FRAMES && open < CLIENTS; i++) {
        open += run_frame(server, &next);
    }
    for (int i = 0; i < SETTLE_FRAMES; i++) {
        run_frame(server, &next);
    }
    cpu = (cpu_us() - cpu) / CLIENTS;
    kernel = (kernel_us() - kernel) / CLIENTS;
    struct belay_stats stats = stats_of(server);
    const struct figures figures = {.user_us = cpu - kernel,
                                    .kernel_us = kernel,
                                    .datagrams_in = (double)stats.datagrams_in / CLIENTS,
                                    .datagrams_out = (double)stats.datagrams_out / CLIENTS};
    if (open != CLIENTS) {
        fprintf(stderr, "logins: %u of %u logged in\n", open, CLIENTS);
        _exit(1);
    }
    write_or_die(out, &figures, sizeof figures);
    pause();
    _exit(0);
}

static struct belay_client *start_client(uint16_t port, const struct bl_issued_token *token) {
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct belay_client *client;
    char invite[32];
    snprintf(invite, sizeof invite, "127.0.0.1:%u", port);
    to.invite = invite;
    to.token = token != NULL ? token->blob : NULL;
    to.token_size = token != NULL ? token->size : 0;
    if (belay_client_create(&client, &opts) != BELAY_OK ||
        belay_client_connect(client, &to) != BELAY_OK) {
        give_up("client");
    }
    return client;
}

static void serve_client(struct belay_client *client) {
    struct belay_event event;
    belay_client_service(client, 0);
    while (belay_client_poll(client, &event)) {
        if (event.type == BELAY_EVENT_CLOSED) {
            fprintf(stderr, "logins: a client was lost: %s\n", event.closed.reason->text);
            _exit(1);
        }
    }
    belay_client_flush(client);
}

static _Noreturn void be_clients(uint16_t port, const struct bl_issued_token *tokens) {
    static struct belay_client *clients[CLIENTS];
    struct epoll_event ready[EVENTS_MAX];
    int poller = epoll_create1(EPOLL_CLOEXEC);
    uint32_t started = 0;
    for (uint32_t turn = 0;; turn++) {
        for (int i = 0; i < PER_TURN && started < CLIENTS; i++) {
            struct belay_client *client =
                start_client(port, tokens != NULL ? &tokens[started] : NULL);
            struct epoll_event want = {.events = EPOLLIN, .data.ptr = client};
            serve_client(client); /* sends its OPEN */
            clients[started++] = client;
            if (epoll_ctl(poller, EPOLL_CTL_ADD, (int)belay_client_fd(client), &want) != 0) {
                give_up("epoll");
            }
        }
        int count = epoll_wait(poller, ready, EVENTS_MAX, TURN_MS);
        for (int i = 0; i < count; i++) {
            serve_client(ready[i].data.ptr);
        }
        for (uint32_t i = 0; turn % SWEEP == 0 && i < started; i++) {
            serve_client(clients[i]); /* repeats what was lost */
        }
    }
}

/** A child that ends with us, whatever happens. -1 on failure, 0 in the child. */
static pid_t start_child(void) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    return child;
}

static void end_child(pid_t child) {
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
}

static bool issue_all(struct bl_tokens *service, struct bl_issued_token *tokens,
                      uint64_t not_before_ms) {
    bool fine = true;
    for (uint32_t i = 0; fine && i < CLIENTS; i++) {
        fine = bl_tokens_issue(service, &tokens[i], NULL, not_before_ms, 60);
    }
    return fine;
}

/** Tokens are good from a second after the server's start on: what is older may have been used. */
static void wait_until(uint64_t ms) {
    while (wall_ms() < ms) {
        usleep(1000);
    }
}

/** @param tokens  room for one each; NULL: by key */
static bool run_round(struct bl_tokens *service, struct bl_issued_token *tokens,
                      struct figures *figures) {
    int ends[2];
    struct hello hello;
    if (pipe(ends) != 0) {
        return false;
    }
    pid_t server = start_child(), clients = -1;
    if (server == 0) {
        be_server(service->key_file, ends[1]);
    }
    close(ends[1]);
    bool fine = server > 0 && read(ends[0], &hello, sizeof hello) == (ssize_t)sizeof hello &&
                (tokens == NULL || issue_all(service, tokens, hello.started_ms + AGE_MS));
    if (fine) {
        wait_until(hello.started_ms + AGE_MS);
        clients = start_child();
    }
    if (clients == 0) {
        be_clients(hello.port, tokens);
    }
    fine =
        fine && clients > 0 && read(ends[0], figures, sizeof *figures) == (ssize_t)sizeof *figures;
    end_child(clients);
    end_child(server);
    close(ends[0]);
    return fine;
}

static double cost_of(const struct figures *figures) {
    return figures->user_us + figures->kernel_us;
}

static int compare(const void *a, const void *b) {
    double left = cost_of(a), right = cost_of(b);
    return (left > right) - (left < right);
}

/** The parts that the handshake itself is made of, one after the other. */
static void print_breakdown(const struct bl_issued_token *token, const char *key_file) {
    struct bl_token_blob blob;
    struct bl_token opened;
    struct bl_token_keys keys;
    struct bl_credentials credentials;
    struct bl_traffic_keys traffic;
    struct bl_key_pair ours = {.secret = {{1}}}, theirs = {.secret = {{2}}};
    static uint8_t open[BL_OPEN_SIZE];
    uint8_t hash[BL_HASH_SIZE];
    bl_key_pair_complete(&ours);
    bl_key_pair_complete(&theirs);
    if (bl_token_keys_load(&keys, key_file) != BELAY_OK ||
        bl_token_blob_read(&blob, token->blob, token->size) != BL_TOKEN_VALID) {
        return;
    }
    const struct bl_exchange exchange = {
        .open_hash = hash, .accept_head = open, .secret = &ours.secret, .other = theirs.public};
    double at[6] = {cpu_us()};
    for (int i = 0; i < REPEATS; i++) {
        bl_token_open(&opened, blob.token, blob.token_size, &keys);
    }
    at[1] = cpu_us();
    for (int i = 0; i < REPEATS; i++) {
        bl_credentials_of_token(&credentials, &blob.secret);
    }
    at[2] = cpu_us();
    for (int i = 0; i < REPEATS; i++) {
        bl_open_proof(hash, &credentials, open);
    }
    at[3] = cpu_us();
    for (int i = 0; i < REPEATS; i++) {
        bl_hash(hash, open, BL_OPEN_FIXED_SIZE);
    }
    at[4] = cpu_us();
    for (int i = 0; i < REPEATS; i++) {
        bl_traffic_keys_of(&traffic, &credentials, &exchange);
    }
    at[5] = cpu_us();
    printf("logins: of the user time: token %.1f, its keys %.1f, proof %.1f, transcript %.1f, key "
           "agreement and traffic keys %.1f us\n",
           (at[1] - at[0]) / REPEATS, (at[2] - at[1]) / REPEATS, (at[3] - at[2]) / REPEATS,
           (at[4] - at[3]) / REPEATS, (at[5] - at[4]) / REPEATS);
}

static bool measure(struct bl_goal_run *run, struct bl_tokens *service,
                    struct bl_issued_token *tokens, const char *what) {
    struct figures rounds[ROUNDS_MAX];
    int count = run->longer ? ROUNDS_MAX : 5;
    for (int i = 0; i < count; i++) {
        bl_goal_progress("logins: %s, round %d of %d ...", what, i + 1, count);
        if (!run_round(service, tokens, &rounds[i])) {
            bl_goal_fail(run, what);
            return false;
        }
    }
    qsort(rounds, (size_t)count, sizeof *rounds, compare);
    const struct figures *best = &rounds[0];
    bl_goal_progress("%s", "");
    printf("logins: %-5s %.1f us each (best of %d; median %.1f, worst %.1f): user %.1f, kernel "
           "%.1f; %.2f "
           "datagrams in, %.2f out\n",
           what, cost_of(best), count, cost_of(&rounds[count / 2]), cost_of(&rounds[count - 1]),
           best->user_us, best->kernel_us, best->datagrams_in, best->datagrams_out);
    bl_goal_tell(run,
                 &(struct bl_figure){.what = what,
                                     .value = 1e6 / cost_of(best),
                                     .unit = "per-CPU-second",
                                     .bar_kind = tokens != NULL ? BL_BAR_AT_LEAST : BL_BAR_NONE,
                                     .bar = 13000});
    return true;
}

static void allow_many_sockets(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

void bl_goal_logins(struct bl_goal_run *run) {
    struct bl_tokens service = {0};
    struct bl_issued_token *tokens = calloc(CLIENTS, sizeof *tokens);
    cpu_set_t all, one;
    sched_getaffinity(0, sizeof all, &all);
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    allow_many_sockets();
    bl_calibrate();
    sched_setaffinity(0, sizeof one, &one);
    if (tokens == NULL || !bl_tokens_open(&service)) {
        bl_goal_fail(run, "tokens");
    } else {
        if (bl_goal_wants(run, "token") && measure(run, &service, tokens, "token")) {
            print_breakdown(&tokens[0], service.key_file);
        }
        if (bl_goal_wants(run, "key")) {
            measure(run, &service, NULL, "key");
        }
    }
    bl_tokens_close(&service);
    free(tokens);
    sched_setaffinity(0, sizeof all, &all);
}
