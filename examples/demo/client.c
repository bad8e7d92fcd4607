/*
 * A client of the demo: logs in, sends twenty numbered messages a second, counts what comes back,
 * finishes when the server drains, and reports all the while.
 */
#define _POSIX_C_SOURCE 200809L
#include "examples/demo/cast.h"
#include "examples/demo/message.h"
#include "examples/demo/report.h"
#include "examples/demo/roles.h"
#include <belay/client.h>
#include <stdio.h>
#include <string.h>

#define TALK_MS    50
#define LOOSE_EACH 2 /* an unreliable message beside every second reliable one */
#define GOODBYE_MS 2000

struct player {
    struct belay_client *client;
    int who, reports;
    bool open;
    bool finishing; /* the server drains */
    bool said_last; /* and the last message is sent */
    bool answered;  /* and has come back */
    bool closed;
    uint64_t talk_at, report_at;
    struct books books;
};

static struct report about(const struct player *player) {
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    struct report report = {
        .source = REPORT_OF_CLIENT, .who = player->who, .account = player->books.account};
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
    report.event = ev->type;
    if (ev->type == BELAY_EVENT_DOWN) {
        report.code = ev->down.reason->code;
        report_set_text(&report, ev->down.reason->text);
    } else if (ev->type == BELAY_EVENT_CLOSED) {
        report.state = ev->closed.info->state;
        report.code = ev->closed.reason->code;
        report.by = ev->closed.reason->who;
        report.unacked = ev->closed.unacked;
        report_set_text(&report, ev->closed.reason->text);
    }
    report_send(player->reports, &report);
}

static bool talk(struct player *player, enum message_kind kind) {
    struct account *account = &player->books.account;
    uint8_t data[MESSAGE_SIZE_MAX];
    const struct message message = {.kind = kind, .number = account->sent + 1};
    size_t size = message_write(data, &message);
    if (belay_client_send(player->client, CHANNEL_RELIABLE, data, size) != BELAY_OK) {
        return false;
    }
    account->sent++;
    return true;
}

static void talk_loosely(struct player *player) {
    struct account *account = &player->books.account;
    uint8_t data[MESSAGE_SIZE_MAX];
    const struct message message = {.kind = MESSAGE_TALK, .number = account->loose_sent + 1};
    size_t size = message_write(data, &message);
    if (belay_client_send(player->client, CHANNEL_UNRELIABLE, data, size) == BELAY_OK) {
        account->loose_sent++;
    }
}

static void take_message(struct player *player, const struct belay_event *ev) {
    uint32_t number;
    bool reliable = ev->message.channel == CHANNEL_RELIABLE;
    int kind = books_take(&player->books, reliable, ev->message.data, ev->message.size, &number);
    if (kind == MESSAGE_LAST) {
        player->answered = true;
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
        if (player->books.account.sent % LOOSE_EACH == 0) {
            talk_loosely(player);
        }
        player->talk_at = now + TALK_MS;
    }
    if (now >= player->report_at) {
        struct report report = about(player);
        report_send(player->reports, &report);
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

static int fail(const struct player *player) {
    struct report report = {.source = REPORT_OF_CLIENT, .who = player->who, .failed = true};
    report_set_text(&report, belay_error());
    report_send(player->reports, &report);
    return 1;
}

int client_run(int who, uint16_t port, int reports) {
    static struct player player; /* too large for a stack */
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    char invite[32], login[32];
    const char *password = cast[who].role == ROLE_REFUSED ? "12345" : DEMO_PASSWORD;
    player.who = who;
    player.reports = reports;
    snprintf(invite, sizeof invite, "localhost:%u", port);
    int size = snprintf(login, sizeof login, "%s:%s", cast[who].name, password);
    opts.game = DEMO_GAME;
    to.invite = invite;
    to.login = login;
    to.login_size = (size_t)size;
    if (belay_client_create(&player.client, &opts) < 0 ||
        belay_client_connect(player.client, &to) < 0) {
        return fail(&player);
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
