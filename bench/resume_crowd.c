/* A half-open handshake lives for 5 s, and a token makes one: so clients take turns in which each
 * gives way to another with a new token within that time. */
#include "bench/resume_crowd.h"

#include <stdio.h>

#define LIFE_MS 4000
#define WALL_MS 1750000000000U /* anything; tokens are judged by it */
#define SPARE   64             /* sessions; half of all there may be can be half-open */

bool bl_resume_crowd_open(struct bl_resume_crowd *crowd, struct bl_fleet_opts *opts) {
    *crowd = (struct bl_resume_crowd){0};
    if (!bl_tokens_open(&crowd->tokens)) {
        return false;
    }
    opts->token_keys = crowd->tokens.key_file;
    opts->spare_sessions = SPARE;
    return true;
}

void bl_resume_crowd_close(struct bl_resume_crowd *crowd) {
    for (uint32_t i = 0; i < BL_RESUME_CROWD_SIZE; i++) {
        belay_client_destroy(crowd->deaf[i]);
    }
    bl_tokens_close(&crowd->tokens);
}

static bool dial(struct bl_resume_crowd *crowd, struct bl_fleet *fleet,
                 struct belay_client *client) {
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct belay_link link = *fleet->opts.link;
    struct bl_issued_token issued;
    link.cut_down = true;
    belay_sim_link(fleet->sim, client, &link);
    belay_sim_set_wall(fleet->sim, WALL_MS + fleet->now_ms);
    if (!bl_tokens_issue(&crowd->tokens, &issued, NULL, WALL_MS + fleet->now_ms, 60)) {
        return false;
    }
    to.invite = "10.0.0.1:7777";
    to.token = issued.blob;
    to.token_size = issued.size;
    return belay_client_connect(client, &to) == BELAY_OK;
}

static void renew(struct bl_resume_crowd *crowd, struct bl_fleet *fleet) {
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_client **place = &crowd->deaf[crowd->next++ % BL_RESUME_CROWD_SIZE];
    opts.sim = fleet->sim;
    belay_client_destroy(*place);
    *place = NULL;
    if (belay_client_create(place, &opts) != BELAY_OK || !dial(crowd, fleet, *place)) {
        fprintf(stderr, "resume: no crowd: %s\n", belay_error());
    }
}

void bl_resume_crowd_work(struct bl_resume_crowd *crowd, struct bl_fleet *fleet) {
    while (fleet->now_ms >= crowd->renew_ms) {
        crowd->renew_ms = (crowd->renew_ms == 0 ? fleet->now_ms : crowd->renew_ms) +
                          LIFE_MS / BL_RESUME_CROWD_SIZE;
        renew(crowd, fleet);
    }
    for (uint32_t i = 0; i < BL_RESUME_CROWD_SIZE; i++) {
        struct belay_event event;
        if (crowd->deaf[i] != NULL) {
            belay_client_service(crowd->deaf[i], 0);
            while (belay_client_poll(crowd->deaf[i], &event)) {
            }
        }
    }
}
