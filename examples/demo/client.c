/*
 * A client of the demo: logs in, sends twenty numbered messages a second, counts what comes back,
 * finishes when the server drains, and reports all the while. It saves its ticket, so that it can
 * come back after it was killed; a lost link is the library's business.
 */
#define _POSIX_C_SOURCE 200809L
#include "examples/demo/cast.h"
#include "examples/demo/message.h"
#include "examples/demo/report.h"
#include "examples/demo/roles.h"
#include <belay/client.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TALK_MS    50
#define LOOSE_EACH 2 /* an unreliable message beside every second reliable one */
#define GOODBYE_MS 2000

struct player {
    const struct part *part;
    struct books *books;
    struct belay_client *client;
    bool open;
    bool finishing; /* the server drains */
    bool said_last; /* and the last message is sent */
    bool answered;  /* and has come back */
    bool closed;
    uint64_t talk_at, report_at;
};

static struct report about(const struct player *player) {
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    struct report report = {.source = REPORT_OF_CLIENT, .who = player->part->who};
    if (belay_client_info(player->client, &info) == BELAY_OK) {
        report.state = info.state;
        report.suspect = info.suspect;
        report.rtt_ms = info.rtt_ms;
        report.queued = info.queued_messages;
    }
    return report;
}

static void report_event(const struct player *player, const struct belay_event *ev) {
    struct report report = about(player);
    report_set_event(&report, ev);
    report_send(player->part->reports, &report);
}

static void fail(const struct player *player, const char *text) {
    struct report report = {.source = REPORT_OF_CLIENT, .who = player->part->who, .failed = true};
    report_set_text(&report, text);
    report_send(player->part->reports, &report);
}

static uint32_t number_of(const struct player *player, uint32_t count) {
    return (uint32_t)player->part->life * LIFE_STEP + count;
}

static bool talk(struct player *player, enum message_kind kind) {
    struct books *books = player->books;
    uint8_t data[MESSAGE_SIZE_MAX];
    const struct message message = {.kind = kind, .number = number_of(player, books->sent + 1)};
    size_t size = message_write(data, &message);
    if (belay_client_send(player->client, CHANNEL_RELIABLE, data, size) != BELAY_OK) {
        return false;
    }
    books->sent++;
    return true;
}

static void talk_loosely(struct player *player) {
    struct books *books = player->books;
    uint8_t data[MESSAGE_SIZE_MAX];
    uint32_t number = number_of(player, books->loose_sent + 1);
    const struct message message = {.kind = MESSAGE_TALK, .number = number};
    size_t size = message_write(data, &message);
    if (belay_client_send(player->client, CHANNEL_UNRELIABLE, data, size) == BELAY_OK) {
        books->loose_sent++;
    }
}

static void take_message(struct player *player, const struct belay_event *ev) {
    uint32_t number;
    bool reliable = ev->message.channel == CHANNEL_RELIABLE;
    int kind = books_take(player->books, reliable, ev->message.data, ev->message.size, &number);
    if (kind == MESSAGE_LAST) {
        player->answered = true;
    }
}

/** For the next process, should this one die. */
static void save_ticket(const struct player *player, const struct belay_event *ev) {
    ssize_t size = (ssize_t)ev->ticket.size;
    int file = player->part->saved;
    if (pwrite(file, ev->ticket.data, ev->ticket.size, 0) != size || ftruncate(file, size) < 0) {
        fail(player, "the ticket could not be saved");
    }
}

static void handle_events(struct player *player) {
    struct belay_event ev;
    while (!player->closed && belay_client_poll(player->client, &ev)) {
        switch (ev.type) {
        case BELAY_EVENT_OPEN:
            player->open = true;
            break;
        case BELAY_EVENT_MESSAGE:
            take_message(player, &ev);
            continue;
        case BELAY_EVENT_TICKET:
            if (player->part->saved >= 0) {
                save_ticket(player, &ev);
            }
            continue;
        case BELAY_EVENT_DRAIN:
            player->finishing = true;
            break;
        case BELAY_EVENT_CLOSED:
            player->open = false;
            player->closed = true;
            break;
        default:
            break;
        }
        report_event(player, &ev);
    }
}

/** Sends and reports, when it is time. A process that was stopped does not catch up. */
static void beat(struct player *player, uint64_t now) {
    if (player->open && !player->finishing && now >= player->talk_at) {
        talk(player, MESSAGE_TALK);
        if (player->books->sent % LOOSE_EACH == 0) {
            talk_loosely(player);
        }
        player->talk_at = now + TALK_MS;
    }
    if (now >= player->report_at) {
        struct report report = about(player);
        report_send(player->part->reports, &report);
        player->report_at = now + REPORT_EVERY_MS;
    }
}

static uint32_t until_beat(const struct player *player, uint64_t now) {
    uint64_t next = player->report_at;
    if (player->open && !player->finishing && player->talk_at < next) {
        next = player->talk_at;
    }
    return next > now ? (uint32_t)(next - now) : 0;
}

/** After the server's answer to the last message nothing is under way in either direction. */
static void finish(struct player *player) {
    if (player->finishing && !player->said_last) {
        player->said_last = talk(player, MESSAGE_LAST);
    }
    if (player->answered && player->open) {
        player->open = false;
        belay_client_close(player->client, NULL, GOODBYE_MS);
    }
}

/** Where to, and as whom. Returns false, with belay_error(), when that cannot be. */
static bool log_in(struct player *player) {
    const struct part *part = player->part;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    char invite[32], login[32];
    const char *password = cast[part->who].role == ROLE_REFUSED ? "12345" : DEMO_PASSWORD;
    snprintf(invite, sizeof invite, "localhost:%u", part->port);
    int size = snprintf(login, sizeof login, "%s:%s", cast[part->who].name, password);
    to.invite = invite;
    to.login = login;
    to.login_size = (size_t)size;
    return belay_client_connect(player->client, &to) == BELAY_OK;
}

/** The ticket knows who and where. */
static bool come_back(struct player *player) {
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    uint8_t ticket[BELAY_TICKET_SIZE_MAX];
    ssize_t size = pread(player->part->saved, ticket, sizeof ticket, 0);
    to.ticket = ticket;
    to.ticket_size = size > 0 ? (size_t)size : 0;
    return belay_client_connect(player->client, &to) == BELAY_OK;
}

int client_run(const struct part *part) {
    struct player player = {.part = part, .books = part->books};
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    opts.game = DEMO_GAME;
    opts.accept_gaps = true; /* for a ticket: the old process's unfinished business is lost */
    if (belay_client_create(&player.client, &opts) < 0 ||
        !(part->life == 0 ? log_in(&player) : come_back(&player))) {
        fail(&player, belay_error());
        return 1;
    }
    while (!player.closed) {
        uint64_t now = now_ms();
        beat(&player, now);
        belay_client_service(player.client, until_beat(&player, now));
        handle_events(&player);
        finish(&player);
    }
    belay_client_destroy(player.client);
    return 0;
}
