#include "examples/arena/bot.h"

#include <stdio.h>

#define SAY_TICKS (2 * ARENA_HZ)
#define WAIT_MS   100

bool bot_open(struct bot *bot, const struct bot_opts *opts, struct client_record *record) {
    bot->tick_count = 0;
    bot->tick_max = opts->seconds * ARENA_HZ;
    script_init(&bot->script, opts->seed);
    return arena_client_open(&bot->client, &opts->client, record);
}

static void talk(struct bot *bot) {
    char text[EVENT_TEXT_SIZE];
    snprintf(text, sizeof text, "after %u s", bot->tick_count / ARENA_HZ);
    arena_client_say(&bot->client, text);
}

static void play(struct bot *bot, uint32_t tick) {
    struct arena_client *client = &bot->client;
    const struct state *state = arena_client_state(client);
    struct remote_view view;
    struct arena_input input = {0};
    arena_client_look(client, &view);
    if (state != NULL) {
        input = script_next(&bot->script, &view, state->who, client->predict.body.at);
    }
    arena_client_act(client, tick, &input);
    if (++bot->tick_count % SAY_TICKS == 0) {
        talk(bot);
    }
    if (bot->tick_count == bot->tick_max) {
        arena_client_finish(client);
    }
}

void bot_frame(struct bot *bot) {
    uint32_t tick;
    bool has_played = false;
    arena_client_events(&bot->client);
    while (!bot->client.has_ended && arena_client_next_tick(&bot->client, &tick)) {
        play(bot, tick);
        has_played = true;
    }
    if (has_played) {
        belay_client_flush(bot->client.it);
    }
}

int bot_run(const struct bot_opts *opts, struct client_record *record) {
    static struct bot bot;
    if (!bot_open(&bot, opts, record)) {
        return 1;
    }
    while (!bot.client.has_ended) {
        belay_client_service(bot.client.it, WAIT_MS);
        bot_frame(&bot);
    }
    arena_client_close(&bot.client);
    return 0;
}
