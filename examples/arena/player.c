/*
 * The arena for a person at a terminal, with a network in front of the server that can be cut.
 * usage: arena_player [--server ADDRESS:PORT] [--name NAME] [--loss PERCENT] [--delay MS]
 *                     [--jitter MS]
 *
 * A terminal says that a key was pressed, and not when it was let go: a player runs on for so long
 * as keys need to repeat.
 */
#define _POSIX_C_SOURCE 200809L
#include "examples/arena/protocol.h"
#include "examples/arena/relay.h"
#include "examples/arena/view.h"
#include <curses.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RUN_TICKS  30
#define FIRE_TICKS 15
#define FRAME_MS   33
#define FULL       127
#define NUMBER_MAX 10000 /* of an option */

struct player {
    struct arena_client client;
    struct client_record record;
    struct relay relay;
    struct view view;
    struct arena_input input;
    int run_ticks, fire_ticks; /* left */
    uint32_t downs, resumes;   /* that have been told */
    bool has_quit;
};

static volatile sig_atomic_t told_to_end;

static void tell_to_end(int number) {
    (void)number;
    told_to_end = 1;
}

/** So that Ctrl-C leaves as q does, and the terminal as it was. */
static void handle_signals(void) {
    struct sigaction action = {.sa_handler = tell_to_end};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- news */

static const char *name_of(const struct player *player, uint8_t who) {
    const char *name = player->client.names[who];
    return name[0] != '\0' ? name : "somebody";
}

static void hear(void *listener, const struct event *event) {
    struct player *player = listener;
    char text[VIEW_LINE_SIZE] = "";
    const char *who = name_of(player, event->who);
    switch (event->kind) {
    case EVENT_ENTER:
        snprintf(text, sizeof text, "%s has come in", who);
        break;
    case EVENT_LEAVE:
        snprintf(text, sizeof text, "%s has left", who);
        break;
    case EVENT_KILL:
        snprintf(text, sizeof text, "%s has shot %s, and has %u now", who,
                 name_of(player, event->whom), event->score);
        break;
    case EVENT_SAY:
        snprintf(text, sizeof text, "%s: %s", who, event->text);
        break;
    default:
        return;
    }
    view_say(&player->view, text);
}

static void tell_session(struct player *player) {
    const struct session_record *session = &player->record.session;
    char *notice = player->view.notice;
    if (session->downs > player->downs) {
        snprintf(notice, VIEW_LINE_SIZE, "The link is lost; the session is kept.");
    }
    if (session->resumes > player->resumes) {
        snprintf(notice, VIEW_LINE_SIZE, "Back %.1f s after DOWN. Nothing reliable was lost.",
                 session->down_ms / 1000.0);
    }
    player->downs = session->downs;
    player->resumes = session->resumes;
}

/* ---- keys */

static void run(struct player *player, int x, int y) {
    player->input.x = (int8_t)(x * FULL);
    player->input.y = (int8_t)(y * FULL);
    player->input.aim = atan2f((float)y, (float)x);
    player->run_ticks = RUN_TICKS;
}

static void quit(struct player *player) {
    if (!player->client.is_open || player->client.is_finishing) {
        player->has_quit = true; /* asked twice, or there is nothing to end */
    }
    arena_client_finish(&player->client);
    snprintf(player->view.notice, VIEW_LINE_SIZE, "Leaving; once more to leave without a word.");
}

static void press(struct player *player, int key) {
    switch (key) {
    case KEY_LEFT:
    case 'a':
        run(player, -1, 0);
        break;
    case KEY_RIGHT:
    case 'd':
        run(player, 1, 0);
        break;
    case KEY_UP:
    case 'w':
        run(player, 0, -1);
        break;
    case KEY_DOWN:
    case 's':
        run(player, 0, 1);
        break;
    case ' ':
        player->fire_ticks = FIRE_TICKS;
        break;
    case 'c':
        relay_cut(&player->relay);
        snprintf(player->view.notice, VIEW_LINE_SIZE, "The network is cut, for %d s.", RELAY_CUT_S);
        break;
    case 'q':
        quit(player);
        break;
    default:
        break;
    }
}

/* ---- the loop */

static void act(struct player *player, uint32_t tick) {
    struct arena_input input = {.aim = player->input.aim};
    if (player->run_ticks > 0) {
        player->run_ticks--;
        input.x = player->input.x;
        input.y = player->input.y;
    }
    if (player->fire_ticks > 0) {
        player->fire_ticks--;
        input.buttons = ARENA_FIRE;
    }
    arena_client_act(&player->client, tick, &input);
}

static void frame(struct player *player) {
    uint32_t tick;
    int key;
    arena_client_events(&player->client);
    tell_session(player);
    while ((key = getch()) != ERR) {
        press(player, key);
    }
    if (told_to_end) {
        told_to_end = 0;
        quit(player);
    }
    while (!player->client.has_ended && arena_client_next_tick(&player->client, &tick)) {
        act(player, tick);
    }
    belay_client_flush(player->client.it);
}

static void play(struct player *player) {
    uint64_t draw_at = 0;
    view_open();
    while (!player->client.has_ended && !player->has_quit) {
        uint64_t now = now_ms();
        if (now >= draw_at) {
            view_draw(&player->view, &player->client);
            draw_at = now + FRAME_MS;
        }
        belay_client_service(player->client.it, (uint32_t)(draw_at - now));
        frame(player);
    }
    view_close();
}

/* ---- from the beginning to the end */

struct options {
    const char *server, *name;
    struct relay_trouble trouble;
};

static bool read_number(float *number, const char *text) {
    char *end;
    *number = strtof(text, &end);
    return end != text && *end == '\0' && *number >= 0 && *number <= NUMBER_MAX;
}

static bool read_option(struct options *options, const char *name, const char *value) {
    float number;
    bool is_number = read_number(&number, value);
    if (strcmp(name, "--server") == 0) {
        options->server = value;
    } else if (strcmp(name, "--name") == 0) {
        options->name = value;
    } else if (strcmp(name, "--loss") == 0 && is_number && number <= 100) {
        options->trouble.loss = number;
    } else if (strcmp(name, "--delay") == 0 && is_number) {
        options->trouble.delay_ms = (uint32_t)number;
    } else if (strcmp(name, "--jitter") == 0 && is_number) {
        options->trouble.jitter_ms = (uint32_t)number;
    } else {
        return false;
    }
    return true;
}

static bool begin(struct player *player, const struct options *options) {
    char address[32];
    struct arena_client_opts opts = {.server = address, .name = options->name};
    if (!relay_start(&player->relay, options->server, &options->trouble)) {
        snprintf(player->record.fault, FAULT_SIZE,
                 "belay-netem does not start for \"%s\"; name an address and a port, as "
                 "in " ARENA_ADDRESS,
                 options->server);
        return false;
    }
    snprintf(address, sizeof address, "127.0.0.1:%u", player->relay.port);
    if (!arena_client_open(&player->client, &opts, &player->record)) {
        relay_end(&player->relay);
        return false;
    }
    player->client.hear = hear;
    player->client.listener = player;
    return true;
}

int main(int argc, char **argv) {
    static struct player player;
    struct options options = {.server = ARENA_ADDRESS, .name = "you", .trouble = {.seed = 1}};
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc || !read_option(&options, argv[i], argv[i + 1])) {
            fprintf(stderr,
                    "%s: unknown, or with a wrong value\n"
                    "usage: %s [--server ADDRESS:PORT] [--name NAME] [--loss PERCENT]"
                    " [--delay MS] [--jitter MS]\n",
                    argv[i], argv[0]);
            return 2;
        }
    }
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        fprintf(stderr, "The arena is drawn on a terminal, and this is none.\n");
        return 1;
    }
    if (!begin(&player, &options)) {
        fprintf(stderr, "%s\n", player.record.fault);
        return 1;
    }
    handle_signals();
    play(&player);
    const struct session_record *session = &player.record.session;
    printf("%s. Events: %u sent, %u got, %u missing, %u repeated.\n",
           session->closed ? belay_reason_name(session->code) : "Left without a word",
           session->books.sent, session->books.got[0].count, session->books.got[0].missing,
           session->books.got[0].repeated);
    arena_client_close(&player.client);
    relay_end(&player.relay);
    return 0;
}
