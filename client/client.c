/*
 * The client's runtime: the loop and one session, which it dials for.
 *
 * A session is made at connect() and lives until its end has been polled; the client then stands as
 * it did before. While a session is kept without a link, the client dials to resume it.
 */
#include <belay/client.h>

#include "client/discovery.h"
#include "client/moves.h"
#include "client/route.h"
#include "client/ticket.h"
#include "common/container_of.h"
#include "common/error.h"
#include "common/log.h"
#include "common/text.h"
#include "lib/net/sim.h"
#include "lib/session/loop.h"
#include "lib/session/options.h"
#include "lib/session/resume.h"
#include <string.h>

#define BACKOFF_FIRST (250 * BL_MILLISECOND)
#define BACKOFF_MAX   (5 * BL_SECOND)
#define PEERS         2 /* one, and one that still says its last words */

struct belay_client {
    struct bl_loop loop;
    struct bl_session *session; /* NULL between CLOSED and the next connect() */
    belay_session newest;       /* the handle of this or the last one */
    struct bl_route route;      /* to the server of this session */
    struct bl_discovery discovery;
    struct bl_client_moves moves;
    struct bl_client_ticket ticket; /* of this session */
    struct bl_timer redial_timer;   /* a refusal that allows return is waited out */
    bl_duration backoff;
    bl_duration connect;
    uint64_t game;
    uint8_t login[BELAY_LOGIN_MAX];
    uint8_t saved_ticket[BELAY_TICKET_SIZE_MAX]; /* lent by TICKET */
};

static void accepted(void *user, struct bl_peer *peer, const struct bl_dialed *dialed) {
    struct belay_client *client = user;
    struct bl_session *session = client->session;
    if (session == NULL || !session->dialing) {
        bl_endpoint_release(client->loop.endpoint, peer, 0, BL_TOMBSTONE);
        return;
    }
    bool resumes = client->route.target.by_ticket;
    bool new_epoch = client->route.target.resume.new_epoch;
    session->dialing = false;
    bl_client_ticket_take(&client->ticket, dialed);
    bl_route_spend(&client->route);
    if (resumes) {
        bl_resume_continue(session, peer, &dialed->params.positions, new_epoch);
    } else {
        bl_route_note_key(&client->route, bl_endpoint_server_key(client->loop.endpoint));
        bl_session_bind(session, peer);
    }
}

/** Dials for the session that is there. */
static void dial_again(struct belay_client *client) {
    struct bl_session *session = client->session;
    struct bl_route *route = &client->route;
    struct bl_resume resume = {0};
    bl_resume_positions(session, &resume.positions);
    bl_session_input(session, BL_INPUT_RESUME, NULL);
    bl_route_prefer(route, &session->address);
    bl_client_ticket_aim(&client->ticket, &route->target, &resume, bl_net_wall(client->loop.net));
    bl_endpoint_dial(client->loop.endpoint, &route->target);
}

static void redial_due(struct bl_timer *timer, bl_time now) {
    struct belay_client *client = BL_CONTAINER_OF(timer, struct belay_client, redial_timer);
    (void)now;
    dial_again(client);
}

/** A server too busy for it now keeps the session; silence, on the other hand, is no overload. */
static void wait_and_redial(struct belay_client *client, bl_duration asked) {
    struct bl_shared *shared = &client->loop.shared;
    bl_session_input(client->session, BL_INPUT_ATTEMPT_FAILED, NULL);
    client->backoff = client->backoff == 0 ? BACKOFF_FIRST : 2 * client->backoff;
    client->backoff = client->backoff < BACKOFF_MAX ? client->backoff : BACKOFF_MAX;
    bl_duration spread = /* so that a crowd does not come back as one */
        (bl_duration)bl_random_below(shared->random, (uint64_t)client->backoff);
    bl_duration wait = client->backoff / 2 + spread;
    bl_timer_arm(shared->wheel, &client->redial_timer, shared->now + (wait > asked ? wait : asked));
}

static void denied(void *user, const struct bl_deny *deny) {
    struct belay_client *client = user;
    char text[BELAY_REASON_TEXT_MAX + 1];
    if (client->session == NULL) {
        return;
    }
    if (client->session->state == BELAY_RECONNECTING && deny->come_back &&
        deny->code == BELAY_REASON_OVERLOAD) {
        wait_and_redial(client, bl_from_ms(deny->retry_ms));
        return;
    }
    bl_text_clean(text, sizeof text, deny->text, deny->text_size);
    client->session->dialing = false;
    bl_session_input(client->session, BL_INPUT_DENIED,
                     &(struct belay_reason){
                         .who = BELAY_WHO_PEER,
                         .code = deny->code,
                         .come_back = deny->come_back,
                         .retry_ms = deny->retry_ms,
                         .text = text[0] != '\0' ? text : NULL,
                     });
}

static bool informed(void *user, const struct bl_datagram *info) {
    return bl_discovery_take(&((struct belay_client *)user)->discovery, info);
}

/** The session has lost its link, or has ended. */
static void changed(void *user, struct bl_session *session) {
    struct belay_client *client = user;
    if (bl_session_has_ended(session)) {
        session->dialing = false;
        bl_timer_cancel(&client->loop.wheel, &client->redial_timer);
        bl_endpoint_hang_up(client->loop.endpoint);
        bl_route_spend(&client->route);
        bl_wipe(&client->ticket, sizeof client->ticket);
    } else {
        session->dialing = true;
        client->backoff = 0;
        dial_again(client);
    }
}

static void retire(void *user, struct bl_session *session) {
    struct belay_client *client = user;
    bl_session_destroy(session);
    if (client->session == session) {
        client->session = NULL;
    }
    bl_wipe(client->saved_ticket, sizeof client->saved_ticket); /* polled by now */
}

static enum belay_result set_limits(struct bl_shared *shared,
                                    const struct belay_client_opts *opts) {
    shared->role = BL_ROLE_CLIENT;
    shared->features = BL_FEATURES_KNOWN;
    shared->state_events = opts->state_events;
    shared->limits = (struct bl_limits){
        .resume_window = opts->no_resume ? 0 : BL_FOREVER,
        .send_messages = bl_options_count(opts->send_messages_max, BELAY_SEND_MESSAGES_DEFAULT),
        .send_bytes = bl_options_count(opts->send_bytes_max, BELAY_SEND_BYTES_DEFAULT),
        .credit = bl_options_credit(opts->request_max),
    };
    if (opts->request_max > BELAY_REQUESTS_MAX) {
        return bl_fail(BELAY_E_INVALID, "request_max: %u, at most %d", opts->request_max,
                       BELAY_REQUESTS_MAX);
    }
    bl_room_init(&shared->room, bl_options_count(opts->memory_max, BELAY_MEMORY_DEFAULT), 1);
    return bl_options_liveness(&shared->limits, opts->heartbeat_ms, opts->lost_ms, true);
}

static enum belay_result open_network(struct belay_client *client,
                                      const struct belay_client_opts *opts, struct bl_net **out) {
    struct bl_address local;
    enum belay_result result = bl_address_parse(&local, "*:0", true); /* IPv4 and IPv6 */
    if (result != BELAY_OK) {
        return result;
    }
    return opts->sim != NULL ? bl_sim_open(out, opts->sim, &local, client)
                             : bl_udp_open(out, &local, &client->loop.memory);
}

static bl_time tick_due(const void *user) {
    return bl_client_moves_due(&((const struct belay_client *)user)->moves);
}

/** What it has begun when it fails, belay_client_destroy() ends. */
static enum belay_result start(struct belay_client *client, const struct belay_client_opts *opts) {
    static const struct bl_endpoint_ops ops = {
        .accepted = accepted, .denied = denied, .informed = informed};
    struct bl_shared *shared = &client->loop.shared;
    struct bl_net *net;
    enum belay_result result = set_limits(shared, opts);
    if (result != BELAY_OK) {
        return result;
    }
    client->connect = bl_options_duration(opts->connect_ms, BELAY_CONNECT_MS_DEFAULT);
    client->game = bl_wire_hash(opts->game);
    bl_timer_init(&client->redial_timer, redial_due);
    shared->accept_gaps = opts->accept_gaps;
    shared->retire = retire;
    shared->changed = changed;
    shared->user = client;
    result = bl_shared_set_channels(shared, opts->channels, opts->channel_count);
    if (result == BELAY_OK) {
        result = bl_shared_set_move(shared, &opts->move);
    }
    if (result == BELAY_OK) {
        result = open_network(client, opts, &net);
    }
    if (result != BELAY_OK) {
        return result;
    }
    const struct bl_loop_opts loop_opts = {
        .ops = &ops,
        .tick_due = tick_due,
        .user = client,
        .game = opts->game,
        .peer_max = PEERS,
    };
    result = bl_loop_start(&client->loop, net, &loop_opts);
    if (result != BELAY_OK) {
        return result;
    }
    bl_discovery_init(&client->discovery, &client->loop, opts->game);
    return bl_client_moves_start(&client->moves, shared);
}

enum belay_result belay_client_create(struct belay_client **out,
                                      const struct belay_client_opts *given) {
    struct belay_client_opts opts;
    struct bl_memory memory;
    enum belay_result result = bl_options_copy(&opts, sizeof opts, given, "BELAY_CLIENT_OPTS_INIT");
    if (result != BELAY_OK) {
        return result;
    }
    bl_memory_init(&memory, opts.hooks, 0);
    struct belay_client *client = bl_allocate(&memory, sizeof *client);
    if (client == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for a client");
    }
    client->loop.memory = memory;
    result = start(client, &opts);
    if (result != BELAY_OK) {
        belay_client_destroy(client);
        return result;
    }
    *out = client;
    return BELAY_OK;
}

static enum belay_result check_connect(const struct belay_client *client,
                                       const struct belay_connect_opts *opts) {
    const struct bl_session *session = client->session;
    const struct bl_polled *polled = &client->loop.shared.polled;
    if (session != NULL && !(polled->closed && polled->session == session)) {
        return bl_fail(BELAY_E_STATE, "connect: a session is open; wait for its CLOSED event");
    }
    if (opts->ticket != NULL && opts->token != NULL) {
        return bl_fail(BELAY_E_INVALID, "ticket: given with a token; try the ticket first");
    }
    if (opts->ticket != NULL && !client->loop.shared.accept_gaps) {
        return bl_fail(
            BELAY_E_INVALID,
            "ticket: what the process before this one had not handled or sent is lost or "
            "comes again; say with options.accept_gaps that the game can bear that");
    }
    if (opts->login_size > BELAY_LOGIN_MAX) {
        return bl_fail(BELAY_E_TOO_BIG, "login_size: %zu, at most %d", opts->login_size,
                       BELAY_LOGIN_MAX);
    }
    if (opts->login == NULL && opts->login_size > 0) {
        return bl_fail(BELAY_E_INVALID, "login: NULL with a size of %zu", opts->login_size);
    }
    return BELAY_OK;
}

/** Dials as soon as there is an address, and goes on to later ones as they become known. */
static void follow_route(struct belay_client *client) {
    struct bl_route *route = &client->route;
    bool first = route->target.address_count == 0;
    if (client->session == NULL || !client->session->dialing || !bl_route_is_waiting(route)) {
        return;
    }
    if (bl_route_resolve(route) == 0) {
        if (first && !bl_route_is_waiting(route)) {
            bl_session_input(client->session, BL_INPUT_REFUSED,
                             &(struct belay_reason){.who = BELAY_WHO_NETWORK,
                                                    .code = BELAY_REASON_UNREACHABLE,
                                                    .come_back = true,
                                                    .text = belay_error()});
        }
    } else if (first) {
        bl_endpoint_dial(client->loop.endpoint, &route->target);
    } else {
        bl_endpoint_dial_also(client->loop.endpoint, &route->target);
    }
}

static void looked_up(void *user) {
    bl_loop_wake(&((struct belay_client *)user)->loop);
}

/** Dials with a saved ticket, as soon as there is an address. */
static enum belay_result aim_ticket(struct belay_client *client, const struct bl_span *saved) {
    struct bl_dial_target *target = &client->route.target;
    const struct bl_resume resume = {.new_epoch = true};
    bool named = bl_route_is_waiting(&client->route); /* by an invite */
    struct bl_dial_target places = *target;
    enum belay_result result =
        bl_client_ticket_read(&client->ticket, client->session, &places, client->game, saved);
    if (result == BELAY_OK) {
        *target = places;
        target->address_count = named ? 0 : places.address_count;
        bl_client_ticket_aim(&client->ticket, target, &resume, bl_net_wall(client->loop.net));
    }
    return result;
}

static enum belay_result dial(struct belay_client *client, const struct bl_span *saved) {
    struct bl_shared *shared = &client->loop.shared;
    uint8_t identity[16];
    bl_random_bytes(shared->random, identity,
                    sizeof identity); /* until the server names the user */
    enum belay_result result = bl_session_create(&client->session, shared, identity);
    if (result != BELAY_OK) {
        return result;
    }
    if (saved->data != NULL) {
        result = aim_ticket(client, saved);
    }
    if (result != BELAY_OK) {
        bl_session_destroy(client->session);
        client->session = NULL;
        return result;
    }
    bl_loop_look_at_clock(&client->loop);
    client->session->handle = ++client->newest;
    client->session->dialing = true;
    bl_session_expect_login(client->session, client->connect);
    if (client->route.target.address_count > 0) {
        bl_endpoint_dial(client->loop.endpoint, &client->route.target);
    }
    follow_route(client);
    return BELAY_OK;
}

enum belay_result belay_client_connect(struct belay_client *client,
                                       const struct belay_connect_opts *given) {
    struct belay_connect_opts opts;
    struct bl_shared *shared = &client->loop.shared;
    const struct bl_route_ground ground = {
        .memory = &client->loop.memory,
        .simulated = client->loop.net->simulated,
        .wake = looked_up,
        .user = client,
    };
    enum belay_result result =
        bl_options_copy(&opts, sizeof opts, given, "BELAY_CONNECT_OPTS_INIT");
    if (result == BELAY_OK) {
        result = check_connect(client, &opts);
    }
    if (result == BELAY_OK) {
        bl_route_forget(&client->route);
        result = bl_route_plan(&client->route, &opts, &ground);
    }
    if (result != BELAY_OK) {
        return result;
    }
    if (client->session != NULL) { /* its CLOSED event is being looked at */
        shared->polled = (struct bl_polled){0};
        retire(client, client->session);
    }
    if (opts.login_size > 0) {
        memcpy(client->login, opts.login, opts.login_size);
    }
    shared->login = client->login;
    shared->login_size = opts.login_size;
    return dial(client, &(struct bl_span){opts.ticket, opts.ticket_size});
}

void belay_client_close(struct belay_client *client, const struct belay_reason *reason,
                        uint32_t flush_ms) {
    static const struct belay_reason left = {.code = BELAY_REASON_LEFT, .come_back = true};
    struct bl_loop *loop = &client->loop;
    struct bl_session *session = client->session;
    if (session == NULL) {
        return;
    }
    bl_loop_look_at_clock(loop);
    bl_time until = loop->shared.now + bl_from_ms(flush_ms);
    bl_session_close(session, reason != NULL ? reason : &left, bl_from_ms(flush_ms));
    while (!bl_session_has_ended(session) && bl_loop_work_on(loop, until)) {
    }
    if (loop->shared.now >= until) {
        bl_session_close(session, &left, 0); /* with the reason it has, if it has not ended */
    }
    bl_loop_say_goodbye(loop, until);
}

void belay_client_destroy(struct belay_client *client) {
    if (client == NULL) {
        return;
    }
    if (client->session != NULL) {
        belay_client_close(client, NULL, 0);
        bl_session_destroy(client->session);
    }
    bl_route_forget(&client->route);
    bl_discovery_finish(&client->discovery);
    bl_client_moves_finish(&client->moves);
    bl_loop_finish(&client->loop);
    bl_wipe(&client->ticket, sizeof client->ticket);
    bl_wipe(client->saved_ticket, sizeof client->saved_ticket);
    struct bl_memory memory = client->loop.memory; /* it counts the block it lies in */
    bl_free(&memory, client, sizeof *client);
}

/** What has been looked up since can be asked and dialled. */
static void follow_names(struct belay_client *client) {
    follow_route(client);
    bl_discovery_follow(&client->discovery);
}

enum belay_result belay_client_service(struct belay_client *client, uint32_t wait_ms) {
    follow_names(client);
    bl_loop_service(&client->loop, wait_ms);
    follow_names(client);
    return BELAY_OK;
}

/** A server that has let us in is known from now on. */
static void remember_server(struct belay_client *client) {
    const struct bl_memory *memory = &client->loop.memory;
    if (bl_route_arrived(&client->route) != BELAY_OK) {
        bl_log(&memory->hooks, BELAY_LOG_WARNING, client->newest, "known_servers: %s",
               belay_error());
    }
}

static void lend_ticket(struct belay_client *client, struct belay_event *event) {
    event->ticket.data = client->saved_ticket;
    event->ticket.size =
        bl_client_ticket_write(client->saved_ticket, &client->ticket, client->session, client->game,
                               &client->route.target);
}

bool belay_client_poll(struct belay_client *client, struct belay_event *event) {
    bool polled = bl_poll(&client->loop.shared, event);
    if (polled && event->type == BELAY_EVENT_OPEN) {
        remember_server(client);
    } else if (polled && event->type == BELAY_EVENT_TICKET) {
        lend_ticket(client, event);
    }
    return polled;
}

void belay_client_flush(struct belay_client *client) {
    bl_loop_flush(&client->loop);
}

belay_socket belay_client_fd(const struct belay_client *client) {
    return bl_net_descriptor(client->loop.net);
}

int64_t belay_client_wait_ns(const struct belay_client *client) {
    return bl_loop_wait_ns(&client->loop);
}

void belay_client_wake(struct belay_client *client) {
    bl_loop_wake(&client->loop);
}

enum belay_result belay_client_send(struct belay_client *client, uint8_t channel, const void *data,
                                    size_t size) {
    if (client->session == NULL) {
        return bl_fail(BELAY_E_STATE, "send: not connected");
    }
    return bl_session_send(client->session, channel, data, size);
}

enum belay_result belay_client_request(struct belay_client *client, uint32_t type, const void *data,
                                       size_t size, uint32_t deadline_ms, uint64_t cookie,
                                       belay_request *out) {
    const struct bl_question question = {
        .type = type, .data = {data, size}, .deadline_ms = deadline_ms, .cookie = cookie};
    if (client->session == NULL) {
        return bl_fail(BELAY_E_STATE, "request: not connected");
    }
    return bl_request_ask(client->session, &question, out);
}

enum belay_result belay_client_reply(struct belay_client *client, belay_request request,
                                     int32_t code, const void *data, size_t size) {
    return bl_request_answer(&client->loop.shared, request, code, &(struct bl_span){data, size});
}

enum belay_result belay_client_cancel(struct belay_client *client, belay_request request) {
    return bl_request_cancel(&client->loop.shared, request);
}

bool belay_client_next_tick(struct belay_client *client, uint32_t *tick) {
    return bl_client_moves_next(&client->moves, bl_loop_expect_tick(&client->loop), tick);
}

enum belay_result belay_client_send_move(struct belay_client *client, uint8_t lane, uint32_t tick,
                                         const void *data) {
    return bl_client_moves_send(&client->moves, lane, tick, data);
}

const void *belay_client_move_at(const struct belay_client *client, uint8_t lane, uint32_t tick) {
    return bl_client_moves_at(&client->moves, lane, tick);
}

double belay_client_render_tick(struct belay_client *client) {
    bl_loop_look_at_clock(&client->loop);
    return bl_client_moves_render(&client->moves);
}

enum belay_result belay_client_info(const struct belay_client *client,
                                    struct belay_session_info *info) {
    return bl_options_give_info(info, client->session);
}

enum belay_result belay_client_stats(const struct belay_client *client, struct belay_stats *out) {
    struct belay_stats stats;
    bl_loop_stats(&client->loop, &stats);
    stats.sessions = client->session != NULL;
    stats.held = client->session != NULL && bl_session_is_held(client->session);
    return bl_options_give(out, &stats, sizeof stats, "stats");
}

void belay_client_network_changed(struct belay_client *client) {
    struct bl_session *session = client->session;
    if (session == NULL) {
        return;
    }
    bl_loop_look_at_clock(&client->loop);
    if (session->dialing) {
        bl_endpoint_dial_now(client->loop.endpoint);
    } else {
        bl_session_network_changed(session);
    }
    bl_loop_flush(&client->loop);
}

enum belay_result belay_client_pause(struct belay_client *client, uint32_t ms) {
    if (client->session == NULL) {
        return bl_fail(BELAY_E_STATE, "pause: not connected");
    }
    return bl_session_pause(client->session, ms);
}

enum belay_result belay_client_query(struct belay_client *client, const char *address) {
    return bl_discovery_ask(&client->discovery, address);
}

bool belay_client_poll_found(struct belay_client *client, struct belay_found *found) {
    return bl_discovery_poll(&client->discovery, found);
}
