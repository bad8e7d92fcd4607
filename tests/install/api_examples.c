/*
 * What a game would write against the public headers, and nothing else: these functions must
 * compile as they stand. They are programs to read, so they are built and not run, but for the last
 * one, which is a test.
 */
#define _GNU_SOURCE
#include <belay/client.h>
#include <belay/server.h>
#include <belay/sim.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

int server_in_eighteen_lines(void);
int client_in_twenty_lines(void);
void arena_server(struct belay_server *server);
void arena_client(struct belay_client *client);
void server_events(struct belay_server *server);
bool client_events(struct belay_client *client);
int own_epoll_loop(struct belay_server *server);
int friend_hosts_a_game(void);
int test_my_game_survives_a_tunnel(void);

/* ---- a server, and a client */

int server_in_eighteen_lines(void) {
    struct belay_server_opts opts = BELAY_SERVER_OPTS_INIT;
    struct belay_server *server;
    opts.listen = "127.0.0.1:7777";
    if (belay_server_start(&server, &opts) < 0) {
        return fprintf(stderr, "%s\n", belay_error()), 1;
    }
    while (belay_server_service(server, 1000) == BELAY_OK) {
        struct belay_event ev;
        while (belay_server_poll(server, &ev)) {
            if (ev.type == BELAY_EVENT_LOGIN) {
                belay_server_accept(server, ev.session, NULL, NULL, 0);
            } else if (ev.type == BELAY_EVENT_MESSAGE) {
                belay_server_send(server, ev.session, ev.message.channel, ev.message.data,
                                  ev.message.size);
            }
        }
    }
    belay_server_destroy(server);
    return 0;
}

int client_in_twenty_lines(void) {
    struct belay_client_opts opts = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct belay_client *client;
    struct belay_event ev = {0};
    to.invite = "localhost:7777";
    if (belay_client_create(&client, &opts) < 0 || belay_client_connect(client, &to) < 0) {
        return fprintf(stderr, "%s\n", belay_error()), 1;
    }
    while (ev.type != BELAY_EVENT_CLOSED && belay_client_service(client, 1000) == BELAY_OK) {
        while (ev.type != BELAY_EVENT_CLOSED && belay_client_poll(client, &ev)) {
            if (ev.type == BELAY_EVENT_OPEN) {
                belay_client_send(client, 0, "hello", 5);
            } else if (ev.type == BELAY_EVENT_MESSAGE) {
                printf("%.*s\n", (int)ev.message.size, (const char *)ev.message.data);
            }
        }
    }
    printf("%s\n", ev.type == BELAY_EVENT_CLOSED ? ev.closed.reason->text : belay_error());
    belay_client_destroy(client);
    return 0;
}

/* ---- a game: channels, players, every event */

enum { CH_EVENTS, CH_CHAT, CH_STATE };
enum { TOPIC_CHAT = 1, TOPIC_TEAM_RED = 100 };
enum { REQ_BUY = 1, REQ_JOIN_TEAM = 2 };
static const struct belay_channel channels[] = {
    {.name = "events", .mode = BELAY_RELIABLE},
    {.name = "chat", .mode = BELAY_RELIABLE, .priority = 1, .when_full = BELAY_CLOSE},
    {.name = "state", .mode = BELAY_SEQUENCED}};

struct input {
    int8_t dx, dy;
    uint8_t buttons, pad;
};
struct body {
    float x, y;
    uint32_t hp;
};
struct state {
    uint32_t tick;
    struct body me;
};
struct player {
    belay_session session;
    struct body body;
    bool away;
    uint32_t gold;
};

/* ---- movement: server and client, once per pass of the main loop */

static void step(struct body *body, const struct input *input) {
    body->x += (float)input->dx * 0.1F;
    body->y += (float)input->dy * 0.1F;
}

static void arena_opts(struct belay_move_opts *move) {
    move->size = sizeof(struct input);
    move->tick_hz = 60;
}

void arena_server(struct belay_server *server) {
    uint32_t tick;
    while (belay_server_next_tick(server, &tick)) {
        for (belay_session s = belay_server_next(server, 0); s != 0;
             s = belay_server_next(server, s)) {
            struct belay_session_info info = BELAY_SESSION_INFO_INIT;
            struct belay_move move;
            if (belay_server_take_move(server, s, 0, tick, &move) == BELAY_OK &&
                belay_server_info(server, s, &info) == BELAY_OK && info.user != NULL) {
                struct player *player = info.user;
                step(&player->body, move.data); /* always one input, sent or substituted */
                if (tick % 3 == 0) {
                    struct state state = {.tick = tick, .me = player->body};
                    belay_server_send(server, s, CH_STATE, &state, sizeof state);
                }
            }
        }
    }
    belay_server_flush(server); /* without this the state waits for the next service() */
}

/* Predicts, and on each state reconciles. */
static struct body mine;

void arena_client(struct belay_client *client) {
    uint32_t tick;
    while (belay_client_next_tick(client, &tick)) {
        const struct input input = {.dx = 1};
        belay_client_send_move(client, 0, tick, &input);
        step(&mine, &input);
    }
    belay_client_flush(client);
}

static void arena_reconcile(struct belay_client *client, const struct state *state) {
    const void *move;
    mine = state->me;
    for (uint32_t t = state->tick + 1; (move = belay_client_move_at(client, 0, t)) != NULL; t++) {
        step(&mine, move);
    }
}

/* ---- every event */

static bool password_is_right(const void *data, size_t size) {
    return size == 6 && memcmp(data, "secret", 6) == 0;
}

static bool is_banned(const char *address) {
    return strncmp(address, "192.0.2.1:", 10) == 0;
}

static void on_login(struct belay_server *server, const struct belay_event *ev) {
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    struct belay_reason no = {
        .code = BELAY_REASON_BAD_LOGIN, .text = "wrong password", .come_back = true};
    uint8_t user_id[16] = {0};
    if (belay_server_info(server, ev->session, &info) < 0) {
        return;
    }
    if (is_banned(info.address)) {
        no = (struct belay_reason){
            .code = BELAY_REASON_BANNED, .text = "banned", .retry_ms = 3600000};
    } else if (password_is_right(ev->login.data, ev->login.size)) {
        struct player *player = calloc(1, sizeof *player);
        memcpy(user_id, &ev->session, sizeof ev->session);
        belay_server_set_user(server, ev->session, player);
        belay_server_accept(server, ev->session, user_id, "map=dust", 8);
        return;
    }
    belay_server_close(server, ev->session, &no);
}

static void on_request(struct belay_server *server, const struct belay_event *ev) {
    struct player *player = ev->user;
    switch (ev->request.type) {
    case REQ_BUY:
        if (player->gold < 10) {
            belay_server_reply(server, ev->request.id, 402, "too little gold", 15);
            break;
        }
        player->gold -= 10; /* once, however often the network was cut */
        belay_server_reply(server, ev->request.id, 0, &player->gold, sizeof player->gold);
        break;
    case REQ_JOIN_TEAM: /* what a client may subscribe to is the game's rule, so the game does it */
        belay_server_subscribe(server, ev->session, TOPIC_TEAM_RED);
        belay_server_reply(server, ev->request.id, 0, NULL, 0);
        break;
    default:
        belay_server_reply(server, ev->request.id, 404, "unknown request", 15);
    }
}

void server_events(struct belay_server *server) {
    struct belay_event ev;
    while (belay_server_poll(server, &ev)) {
        struct player *player = ev.user;
        switch (ev.type) {
        case BELAY_EVENT_LOGIN:
            on_login(server, &ev);
            break;
        case BELAY_EVENT_MESSAGE:
            if (ev.message.channel == CH_CHAT) {
                belay_server_publish(server, TOPIC_CHAT, CH_CHAT, ev.message.data, ev.message.size);
            }
            break;
        case BELAY_EVENT_REQUEST:
            on_request(server, &ev);
            break;
        case BELAY_EVENT_REPLY:
            break;
        case BELAY_EVENT_DOWN:
            player->away = true;
            break;
        case BELAY_EVENT_RESUMED:
            player->away = false;
            break;
        case BELAY_EVENT_BACKPRESSURE:
            printf("slow: %u bytes wait\n", ev.backpressure.queued_bytes);
            break;
        case BELAY_EVENT_MOVE_REFUSED:
            printf("tick %u: %s\n", ev.move_refused.tick,
                   belay_move_verdict_name(ev.move_refused.verdict));
            break;
        case BELAY_EVENT_CLOSED: /* also for a login that was refused or given up: user may be NULL
                                  */
            printf("left: %s (%s), rtt %u ms, %u unacked\n",
                   belay_reason_name(ev.closed.reason->code), ev.closed.reason->text,
                   ev.closed.info->rtt_ms, ev.closed.unacked);
            free(player);
            break;
        case BELAY_EVENT_OPEN:
            belay_server_subscribe(server, ev.session, TOPIC_CHAT);
            break;
        case BELAY_EVENT_LINK:
        case BELAY_EVENT_STATE:
        case BELAY_EVENT_TICKET:
        case BELAY_EVENT_DRAIN:
        case BELAY_EVENT_NONE:
        case BELAY_EVENT_RETURNED:
            break;
        }
    }
}

static void save_private(const char *path, const void *data, size_t size) {
    FILE *file = fopen(path, "wb"); /* a real game: mode 0600, write aside, rename */
    if (file != NULL) {
        fwrite(data, 1, size, file);
        fclose(file);
    }
}

bool client_events(struct belay_client *client) {
    struct belay_event ev;
    while (belay_client_poll(client, &ev)) {
        switch (ev.type) {
        case BELAY_EVENT_OPEN:
            belay_client_request(client, REQ_BUY, "sword", 5, 3000, 42, NULL);
            break;
        case BELAY_EVENT_MESSAGE:
            if (ev.message.channel == CH_STATE && ev.message.size == sizeof(struct state)) {
                struct state state;
                memcpy(&state, ev.message.data, sizeof state);
                arena_reconcile(client, &state);
            } else {
                printf("[%u] %.*s\n", ev.message.topic, (int)ev.message.size,
                       (const char *)ev.message.data);
            }
            break;
        case BELAY_EVENT_REQUEST:
            belay_client_reply(client, ev.request.id, 404, NULL, 0);
            break;
        case BELAY_EVENT_REPLY: /* cookie 42 is our shop dialogue */
            printf("dialogue %u: %s\n", (unsigned)ev.reply.cookie,
                   ev.reply.code == 0  ? "bought"
                   : ev.reply.code > 0 ? "refused"
                                       : belay_reply_meaning(ev.reply.code));
            break;
        case BELAY_EVENT_DOWN:
            printf("reconnecting, %u s left\n", ev.down.window_ms / 1000);
            break;
        case BELAY_EVENT_RESUMED:
            printf("back after %u ms\n", ev.resumed.down_ms);
            break;
        case BELAY_EVENT_TICKET:
            save_private("resume.ticket", ev.ticket.data, ev.ticket.size);
            break;
        case BELAY_EVENT_LINK:
            printf("%s\n", ev.link.suspect ? "weak signal" : "good signal");
            break;
        case BELAY_EVENT_DRAIN:
            printf("server ends in %u s\n", ev.drain.deadline_ms / 1000);
            break;
        case BELAY_EVENT_CLOSED:
            printf("%s\n", ev.closed.reason->text);
            unlink("resume.ticket");
            return ev.closed.reason->come_back;
        case BELAY_EVENT_RETURNED:
            printf("%u bytes will not arrive\n", (unsigned)ev.returned.size);
            break;
        case BELAY_EVENT_BACKPRESSURE:
        case BELAY_EVENT_MOVE_REFUSED:
        case BELAY_EVENT_LOGIN:
        case BELAY_EVENT_STATE:
        case BELAY_EVENT_NONE:
            break;
        }
    }
    return true;
}

/* ---- a loop of one's own */

int own_epoll_loop(struct belay_server *server) {
    int poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event want = {.events = EPOLLIN, .data = {.fd = (int)belay_server_fd(server)}};
    if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, want.data.fd, &want) < 0) {
        return -1;
    }
    for (;;) {
        struct epoll_event got[8];
        int64_t wait = belay_server_wait_ns(server);
        int ready = epoll_wait(poller, got, 8, wait < 0 ? -1 : (int)((wait + 999999) / 1000000));
        if (ready < 0 && errno != EINTR) {
            return close(poller), -1;
        }
        if (belay_server_service(server, 0) < 0) {
            return close(poller), -1;
        }
        server_events(server);
        arena_server(server);
    }
}

/* ---- both ends in one thread, one process */

int friend_hosts_a_game(void) {
    struct belay_server_opts sopts = BELAY_SERVER_OPTS_INIT;
    struct belay_client_opts copts = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct belay_server *server;
    struct belay_client *me;
    sopts.channels = copts.channels = channels;
    sopts.channel_count = copts.channel_count = 3;
    arena_opts(&sopts.move);
    arena_opts(&copts.move);
    if (belay_server_start(&server, &sopts) < 0) {
        return -1;
    }
    to.invite = "localhost:7777", to.login = "secret", to.login_size = 6;
    if (belay_client_create(&me, &copts) < 0 || belay_client_connect(me, &to) < 0) {
        return belay_server_destroy(server), -1;
    }
    do { /* one frame of the host's game */
        belay_server_service(server, 0);
        server_events(server);
        arena_server(server);
        belay_client_service(me, 0);
        arena_client(me);
    } while (client_events(me));
    belay_client_destroy(me);
    belay_server_stop(server, 500);
    server_events(server); /* the last CLOSED events free the players */
    belay_server_destroy(server);
    return 0;
}

/* ---- a unit test of one's own game: 90 virtual seconds in milliseconds */

static void run(struct belay_sim *sim, struct belay_server *server, struct belay_client *client,
                uint32_t ms) {
    for (uint32_t t = 0; t < ms; t += 5) {
        belay_sim_advance(sim, 5);
        belay_server_service(server, 0);
        server_events(server);
        belay_client_service(client, 0);
        client_events(client);
        arena_server(server);
        arena_client(client);
    }
}

int test_my_game_survives_a_tunnel(void) {
    struct belay_sim *sim = belay_sim_create(7);
    struct belay_server_opts sopts = BELAY_SERVER_OPTS_INIT;
    struct belay_client_opts copts = BELAY_CLIENT_OPTS_INIT;
    struct belay_connect_opts to = BELAY_CONNECT_OPTS_INIT;
    struct belay_link phone = BELAY_LINK_INIT;
    struct belay_server *server;
    struct belay_client *client;
    struct belay_session_info info = BELAY_SESSION_INFO_INIT;
    sopts.sim = copts.sim = sim;
    sopts.listen = to.invite = "10.0.0.1:7777";
    arena_opts(&sopts.move);
    arena_opts(&copts.move);
    sopts.channels = copts.channels = channels;
    sopts.channel_count = copts.channel_count = 3;
    to.login = "secret";
    to.login_size = 6;
    if (belay_server_start(&server, &sopts) < 0 || belay_client_create(&client, &copts) < 0 ||
        belay_client_connect(client, &to) < 0) {
        return 1;
    }
    phone.loss = 0.05F, phone.delay_ms = 60, phone.jitter_ms = 20;
    belay_sim_link(sim, client, &phone);
    run(sim, server, client, 10000);
    phone.cut_up = phone.cut_down = true;
    belay_sim_link(sim, client, &phone);
    run(sim, server, client, 20000); /* in the tunnel */
    phone.cut_up = phone.cut_down = false;
    belay_sim_link(sim, client, &phone);
    belay_sim_rebind(sim, client); /* and out of it on another network */
    run(sim, server, client, 60000);
    belay_client_info(client, &info);
    printf("state %s, resumes %u, trace %016llx\n", belay_state_name(info.state), info.resumes,
           (unsigned long long)belay_sim_trace(sim));
    belay_client_destroy(client);
    belay_server_stop(server, 0);
    server_events(server); /* the last CLOSED events free the players */
    belay_server_destroy(server);
    belay_sim_destroy(sim);
    return info.state == BELAY_LOGGED_IN && info.resumes == 1 ? 0 : 1;
}
