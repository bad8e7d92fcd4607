/*
 * handshake: round trips from connect() to LOGGED_IN, in simulated time.
 *
 * Everybody is serviced once in a step, so each crossing of the network may cost one more. "Loaded"
 * is a token at a server that has so many half-open handshakes that it asks for a cookie first:
 * they are of clients that hear nothing.
 */
#include "bench/goal.h"
#include "bench/tokens.h"

#include <belay/client.h>
#include <belay/server.h>
#include <belay/sim.h>
#include <stdio.h>

#define ADDRESS     "10.0.0.1:7777"
#define STEP_MS     1
#define DELAY_MS    50 /* one way */
#define CLIENTS     8  /* that are measured */
#define DEAF        48 /* more than half of the handshakes that may be half done */
#define SESSION_MAX 64
#define WALL_MS     1750000000000U /* anything; tokens are judged by it */
#define AGE_MS      1500           /* of the server when the first token becomes valid */
#define LIMIT_MS    3000

static const struct way {
    const char *name;
    bool token, loaded;
    unsigned round_trips;
} ways[] = {
    {"token", true, false, 2},
    {"key", false, false, 3},
    {"token-loaded", true, true, 3},
    {"key-loaded", false, true, 3},
};
#define WAY_COUNT (sizeof ways / sizeof *ways)

struct play {
    struct belay_sim *sim;
    struct belay_server *server;
    struct belay_client *clients[DEAF + CLIENTS];
    struct bl_tokens *tokens;
    unsigned open_count; /* of both sides together */
    uint32_t ms;
};

static void serve(struct play *play) {
    struct belay_event event;
    belay_server_service(play->server, 0);
    while (belay_server_poll(play->server, &event)) {
        if (event.type == BELAY_EVENT_LOGIN) {
            belay_server_accept(play->server, event.session, NULL, NULL, 0);
        }
        play->open_count += event.type == BELAY_EVENT_OPEN;
    }
    belay_server_flush(play->server);
}

static void step(struct play *play) {
    belay_sim_advance(play->sim, STEP_MS);
    play->ms += STEP_MS;
    serve(play);
    for (size_t i = 0; i < DEAF + CLIENTS; i++) {
        struct belay_event event;
        if (play->clients[i] == NULL) {
            continue;
        }
        belay_client_service(play->clients[i], 0);
        while (belay_client_poll(play->clients[i], &event)) {
            play->open_count += event.type == BELAY_EVENT_OPEN;
        }
    }
}

static bool start(struct play *play, uint64_t seed) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    play->sim = belay_sim_create(seed);
    if (play->sim == NULL) {
        return false;
    }
    belay_sim_set_wall(play->sim, WALL_MS);
    opts.listen = ADDRESS;
    opts.sim = play->sim;
    opts.session_max = SESSION_MAX;
    opts.token_keys = play->tokens->key_file;
    opts.admit = BELAY_ADMIT_TOKEN | BELAY_ADMIT_KEY;
    return belay_server_start(&play->server, &opts) == BELAY_OK;
}

static bool dial(struct play *play, size_t index, bool token, bool deaf) {
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct belay_link link = BELAY_LINK_INIT;
    struct bl_issued_token issued;
    opts.sim = play->sim;
    to.invite = ADDRESS;
    link.delay_ms = DELAY_MS;
    link.cut_down = deaf;
    if (belay_client_create(&play->clients[index], &opts) != BELAY_OK) {
        return false;
    }
    belay_sim_link(play->sim, play->clients[index], &link);
    if (token) {
        if (!bl_tokens_issue(play->tokens, &issued, NULL, WALL_MS + AGE_MS, 60)) {
            return false;
        }
        to.token = issued.blob;
        to.token_size = issued.size;
    }
    return belay_client_connect(play->clients[index], &to) == BELAY_OK;
}

static void finish(struct play *play) {
    for (size_t i = 0; i < DEAF + CLIENTS; i++) {
        belay_client_destroy(play->clients[i]);
    }
    belay_server_destroy(play->server);
    belay_sim_destroy(play->sim);
}

/** @return milliseconds until the slowest of the clients was in, as both sides see it; 0 = not all
 */
static uint32_t time_logins(struct play *play, const struct way *way) {
    bool fine = true;
    while (play->ms < AGE_MS) {
        step(play);
    }
    for (size_t i = 0; fine && way->loaded && i < DEAF; i++) {
        fine = dial(play, i, true, true);
    }
    for (uint32_t end = play->ms + 2 * DELAY_MS; play->ms < end;) {
        step(play);
    }
    for (size_t i = DEAF; fine && i < DEAF + CLIENTS; i++) {
        fine = dial(play, i, way->token, false);
    }
    if (!fine) {
        fprintf(stderr, "handshake: %s\n", belay_error());
        return 0;
    }
    uint32_t begin = play->ms;
    while (play->open_count < 2 * CLIENTS && play->ms < begin + LIMIT_MS) {
        step(play);
    }
    return play->open_count == 2 * CLIENTS ? play->ms - begin : 0;
}

static void measure(struct bl_goal_run *run, struct bl_tokens *tokens, const struct way *way) {
    struct play play = {.tokens = tokens};
    uint32_t ms = start(&play, run->seed) ? time_logins(&play, way) : 0;
    finish(&play);
    if (ms < (2 * way->round_trips - 1) * DELAY_MS) { /* too fast: it was not asked for a cookie */
        bl_goal_fail(run, way->name);
        return;
    }
    double steps = 2.0 * way->round_trips * STEP_MS; /* at most one per crossing */
    printf("handshake: %-13s %u ms at a round trip of %d ms, steps of %d ms\n", way->name, ms,
           2 * DELAY_MS, STEP_MS);
    bl_goal_tell(run, &(struct bl_figure){.what = way->name,
                                          .value = ms / (2.0 * DELAY_MS),
                                          .unit = "round-trips",
                                          .bar_kind = BL_BAR_AT_MOST,
                                          .bar = way->round_trips + steps / (2.0 * DELAY_MS)});
}

void bl_goal_handshake(struct bl_goal_run *run) {
    struct bl_tokens tokens = {0};
    run->seed_count = 1;
    if (!bl_tokens_open(&tokens)) {
        bl_goal_fail(run, "tokens");
    }
    for (size_t i = 0; tokens.key_file[0] != '\0' && i < WAY_COUNT; i++) {
        if (bl_goal_wants(run, ways[i].name)) {
            measure(run, &tokens, &ways[i]);
        }
    }
    bl_tokens_close(&tokens);
}
