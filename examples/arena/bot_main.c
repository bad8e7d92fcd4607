/*
 * The arena's bot as a program: plays, and reports how well it has predicted.
 * usage: arena_bot [--server ADDRESS:PORT] [--name NAME] [--seed N] [--seconds N]
 *                  [--perturb PERCENT] [--ticket FILE]
 */
#include "examples/arena/bot.h"
#include "examples/arena/protocol.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_option(struct bot_opts *opts, const char *name, const char *value) {
    if (strcmp(name, "--server") == 0) {
        opts->client.server = value;
    } else if (strcmp(name, "--name") == 0) {
        opts->client.name = value;
    } else if (strcmp(name, "--seed") == 0) {
        opts->seed = strtoull(value, NULL, 10);
    } else if (strcmp(name, "--seconds") == 0) {
        opts->seconds = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--perturb") == 0) {
        opts->client.speed = ARENA_SPEED * (1 + strtof(value, NULL) / 100);
    } else if (strcmp(name, "--ticket") == 0) {
        opts->client.ticket_file = value;
    } else {
        return false;
    }
    return true;
}

static void report(const struct client_record *record, bool is_perturbed) {
    const struct session_record *session = &record->session;
    const struct predict_stats *predict = &record->predict;
    const struct remote_stats *remote = &record->remote;
    printf("moves       %u used, %u substituted, margin %.1f ticks\n", session->info.moves_used,
           session->info.moves_substituted, session->info.margin_ticks);
    printf("prediction  %u states: %u exact, %u deaths; %u corrections where the server had no "
           "input (at most %.3f), %u others (at most %.5f)\n",
           predict->states, predict->exact, predict->deaths, predict->explained,
           (double)predict->worst_explained, predict->unexplained, (double)predict->worst);
    printf("the others  drawn %u times: %u between two states, %u across a lost one, %u late\n",
           remote->drawn, remote->between, remote->across, remote->late);
    printf("events      %u sent, %u got, %u missing, %u repeated, %u not known to be handled\n",
           session->books.sent, session->books.got[0].count, session->books.got[0].missing,
           session->books.got[0].repeated, session->unacked);
    if (is_perturbed) {
        printf("perturbed   the bound for 0.1 %% is %.5f\n", (double)PREDICT_BOUND);
    }
}

int main(int argc, char **argv) {
    static struct client_record record;
    struct bot_opts opts = {
        .client = {.server = ARENA_ADDRESS, .name = "bot", .speed = ARENA_SPEED}, .seed = 1};
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc || !read_option(&opts, argv[i], argv[i + 1])) {
            fprintf(stderr,
                    "%s: unknown, or with a wrong value\n"
                    "usage: %s [--server ADDRESS:PORT] [--name NAME] [--seed N] [--seconds N]"
                    " [--perturb PERCENT] [--ticket FILE]\n",
                    argv[i], argv[0]);
            return 2;
        }
    }
    int status = bot_run(&opts, &record);
    if (status != 0) {
        fprintf(stderr, "%s\n", record.fault);
        return status;
    }
    report(&record, opts.client.speed != ARENA_SPEED);
    return 0;
}
