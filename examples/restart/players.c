#include "examples/restart/players.h"

#include <stdio.h>
#include <string.h>

static bool log_in(struct player *player, uint8_t who, const struct books *books) {
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    char invite[32];
    snprintf(invite, sizeof invite, "127.0.0.1:%u", books->port);
    to.invite = invite;
    to.login = &who;
    to.login_size = 1;
    return belay_client_connect(player->client, &to) == BELAY_OK;
}

bool player_start(struct player *player, uint8_t who, const struct books *books) {
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    opts.game = GAME;
    return belay_client_create(&player->client, &opts) == BELAY_OK && log_in(player, who, books);
}

static void take_message(struct player *player, const struct belay_event *event, uint64_t now) {
    uint32_t number = 0;
    if (event->message.size == sizeof number) {
        memcpy(&number, event->message.data, sizeof number);
    }
    if (number == 0 || number >= NUMBERS_MAX || number <= player->newest) {
        player->disordered++;
    } else {
        player->newest = number;
    }
    player->seen[number % NUMBERS_MAX]++;
    if (player->heard_at != 0 && now - player->heard_at > player->longest_ms) {
        player->longest_ms = (uint32_t)(now - player->heard_at);
    }
    player->heard_at = now;
}

static void take_back(struct player *player, const struct belay_event *event) {
    uint32_t number = 0;
    if (event->returned.size == sizeof number) {
        memcpy(&number, event->returned.data, sizeof number);
    }
    player->returned++;
    player->was_returned[number % NUMBERS_MAX] = true;
}

/** What the killed process had numbered and this client never got. */
static void write_off(struct player *player, const struct books *books, uint8_t who) {
    uint32_t last = books->accounts[who].login_sent;
    for (uint32_t number = player->newest + 1; number <= last; number++) {
        player->seen[number]++;
        player->died++;
    }
    player->newest = last > player->newest ? last : player->newest;
}

static void take_event(struct player *player, uint8_t who, const struct books *books,
                       const struct belay_event *event, uint64_t now) {
    switch (event->type) {
    case BELAY_EVENT_OPEN:
        player->open = true;
        player->closed = false;
        player->logins++;
        write_off(player, books, who);
        break;
    case BELAY_EVENT_MESSAGE:
        take_message(player, event, now);
        break;
    case BELAY_EVENT_DOWN:
        player->open = false;
        break;
    case BELAY_EVENT_RESUMED:
        player->open = true;
        player->resumes++;
        break;
    case BELAY_EVENT_RETURNED:
        take_back(player, event);
        break;
    case BELAY_EVENT_CLOSED:
        player->open = false;
        player->closed = true;
        player->heard_at = 0; /* what it waits for now is a login, not a message */
        player->told_at = now;
        player->losses += event->closed.reason->code == BELAY_REASON_SERVER_RESTARTED;
        break;
    default:
        break;
    }
}

void player_work(struct player *player, uint8_t who, const struct books *books, uint64_t now) {
    struct belay_event event;
    uint32_t number = player->sent + 1;
    static uint64_t beat_at[CLIENT_COUNT];
    if (!books->quiet && player->logins > 0 && now >= beat_at[who] && number < NUMBERS_MAX) {
        if (belay_client_send(player->client, 0, &number, sizeof number) == BELAY_OK) {
            player->sent = number;
        }
        beat_at[who] = now + BEAT_MS;
    }
    belay_client_service(player->client, 0);
    while (belay_client_poll(player->client, &event)) {
        take_event(player, who, books, &event, now);
    }
    if (player->closed && !books->done) {
        player->closed = !log_in(player, who, books);
    }
}
