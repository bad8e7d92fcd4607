/*
 * The demo's server: an ordinary game server in small. It lets in whoever knows the password,
 * echoes what it gets, says something to everybody ten times a second, and keeps books. That
 * clients lose their link, move and come back takes no line of it.
 */
#define _POSIX_C_SOURCE 200809L
#include "examples/demo/cast.h"
#include "examples/demo/message.h"
#include "examples/demo/report.h"
#include "examples/demo/roles.h"
#include <belay/server.h>
#include <stdio.h>
#include <string.h>

#define BEAT_MS        100
#define FAREWELL_COUNT 20 /* messages to the evicted that must arrive before its end */
#define GOODBYE_MS     2000

/** What the server keeps of one client; event.user points to it. */
struct seat {
    int who;
    belay_session session;
    bool open;
    bool finished; /* has got the server's last message */
    struct books *books;
};

struct host {
    struct belay_server *server;
    int orders, reports;
    bool draining;
    uint64_t beat_at, report_at;
    struct seat seats[CAST_SIZE];
};

static void report_host(const struct host *host, enum belay_event_type event, const char *failure) {
    struct belay_stats stats = BELAY_STATS_INIT;
    struct report report = {.source = REPORT_OF_HOST, .who = -1, .event = event};
    if (failure != NULL) {
        report.failed = true;
        report_set_text(&report, failure);
    } else {
        belay_server_stats(host->server, &stats);
        report.port = stats.port;
        report.wait_ms = DRAIN_MS;
    }
    report_send(host->reports, &report);
}

/** A report about one seat, which the caller may add to. */
static struct report about(const struct host *host, const struct seat *seat) {
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    struct report report = {.source = REPORT_OF_SESSION, .who = seat->who};
    if (belay_server_info(host->server, seat->session, &info) == BELAY_OK) {
        report.state = info.state;
        report.suspect = info.suspect;
        report.rtt_ms = info.rtt_ms;
        report.queued = info.queued_messages;
    }
    return report;
}

static void report_event(const struct host *host, const struct belay_event *ev) {
    const struct seat *seat = ev->user;
    if (seat == NULL) {
        return;
    }
    struct report report = about(host, seat);
    report_set_event(&report, ev);
    report_send(host->reports, &report);
}

/** Sends the next numbered message. A send buffer that is full takes no number. */
static void tell(struct host *host, struct seat *seat, enum message_kind kind, uint32_t echo) {
    uint8_t data[MESSAGE_SIZE_MAX];
    const struct message message = {.kind = kind, .number = seat->books->sent + 1, .echo = echo};
    size_t size = message_write(data, &message);
    if (belay_server_send(host->server, seat->session, CHANNEL_RELIABLE, data, size) == BELAY_OK) {
        seat->books->sent++;
    }
}

static void tell_loosely(struct host *host, struct seat *seat) {
    uint8_t data[MESSAGE_SIZE_MAX];
    const struct message message = {.kind = MESSAGE_TALK, .number = seat->books->loose_sent + 1};
    size_t size = message_write(data, &message);
    if (belay_server_send(host->server, seat->session, CHANNEL_UNRELIABLE, data, size) ==
        BELAY_OK) {
        seat->books->loose_sent++;
    }
}

/** The login payload is "name:password". */
static void judge_login(struct host *host, const struct belay_event *ev) {
    const struct belay_reason wrong = {.code = BELAY_REASON_BAD_LOGIN, .text = PASSWORD_TEXT};
    char name[16] = "", password[16] = "", login[40];
    snprintf(login, sizeof login, "%.*s", (int)ev->login.size, (const char *)ev->login.data);
    sscanf(login, "%15[^:]:%15s", name, password);
    int who = cast_find_name(name);
    if (who < 0) {
        belay_server_close(host->server, ev->session, &wrong);
        return;
    }
    struct seat *seat = &host->seats[who];
    seat->session = ev->session;
    belay_server_set_user(host->server, ev->session, seat);
    if (strcmp(password, DEMO_PASSWORD) != 0) {
        belay_server_close(host->server, ev->session, &wrong);
        return;
    }
    uint8_t user_id[16] = {0};
    const char *user = cast[who].user != NULL ? cast[who].user : name;
    memcpy(user_id, user, strlen(user));
    belay_server_accept(host->server, ev->session, user_id, NULL, 0);
}

static void take_message(struct host *host, const struct belay_event *ev) {
    struct seat *seat = ev->user;
    uint32_t number;
    bool reliable = ev->message.channel == CHANNEL_RELIABLE;
    int kind = books_take(seat->books, reliable, ev->message.data, ev->message.size, &number);
    if (!reliable || kind < 0) {
        return;
    }
    tell(host, seat, kind == MESSAGE_LAST ? MESSAGE_LAST : MESSAGE_ECHO, number);
    seat->finished = kind == MESSAGE_LAST;
}

static void handle_events(struct host *host) {
    struct belay_event ev;
    while (belay_server_poll(host->server, &ev)) {
        struct seat *seat = ev.user;
        switch (ev.type) {
        case BELAY_EVENT_LOGIN:
            judge_login(host, &ev);
            break;
        case BELAY_EVENT_MESSAGE:
            take_message(host, &ev);
            break;
        case BELAY_EVENT_OPEN:
            seat->open = true;
            report_event(host, &ev);
            break;
        case BELAY_EVENT_CLOSED:
            if (seat != NULL) {
                seat->open = false;
            }
            report_event(host, &ev);
            break;
        default: /* nothing to do for a server, something to see for the audience */
            report_event(host, &ev);
            break;
        }
    }
}

/** What was sent before close() still arrives, and then the reason. */
static void evict(struct host *host, struct seat *seat) {
    const struct belay_reason reason = {.code = BELAY_REASON_KICKED, .text = EVICTION_TEXT};
    for (int i = 0; i < FAREWELL_COUNT; i++) {
        tell(host, seat, MESSAGE_TALK, 0);
    }
    belay_server_close(host->server, seat->session, &reason);
    seat->open = false;
}

static void follow_orders(struct host *host) {
    struct order order;
    while (order_receive(host->orders, &order)) {
        if (order.kind == ORDER_EVICT) {
            evict(host, &host->seats[order.who]);
        } else {
            belay_server_drain(host->server, DRAIN_MS, NULL);
            host->draining = true;
            report_host(host, BELAY_EVENT_DRAIN, NULL);
        }
    }
}

/** Talks to everybody, and reports, when it is time. */
static void beat(struct host *host, uint64_t now) {
    bool report_due = now >= host->report_at;
    if (now < host->beat_at) {
        return;
    }
    for (int i = 0; i < CAST_SIZE; i++) {
        struct seat *seat = &host->seats[i];
        if (seat->open && !seat->finished) {
            tell(host, seat, MESSAGE_TALK, 0);
            tell_loosely(host, seat);
        }
        if (seat->open && report_due) {
            struct report report = about(host, seat);
            report_send(host->reports, &report);
        }
    }
    host->beat_at = now + BEAT_MS;
    host->report_at = report_due ? now + REPORT_EVERY_MS : host->report_at;
}

static bool is_done(const struct host *host) {
    return host->draining && belay_server_next(host->server, 0) == 0;
}

int server_run(int orders, int reports, struct books books[CAST_SIZE]) {
    struct host host = {.orders = orders, .reports = reports};
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    for (int i = 0; i < CAST_SIZE; i++) {
        host.seats[i] = (struct seat){.who = i, .books = &books[i]};
    }
    opts.listen = "127.0.0.1:0"; /* the system picks a port */
    opts.game = DEMO_GAME;
    opts.resume_window_ms = RESUME_MS;
    opts.accept_gaps = true; /* who was killed may come back with its ticket */
    if (belay_server_start(&host.server, &opts) < 0) {
        report_host(&host, BELAY_EVENT_NONE, belay_error());
        return 1;
    }
    report_host(&host, BELAY_EVENT_NONE, NULL);
    while (!is_done(&host)) {
        uint64_t now = now_ms();
        beat(&host, now);
        belay_server_service(host.server, host.beat_at > now ? (uint32_t)(host.beat_at - now) : 0);
        handle_events(&host);
        follow_orders(&host);
    }
    belay_server_stop(host.server, GOODBYE_MS);
    handle_events(&host);
    belay_server_destroy(host.server);
    return 0;
}
