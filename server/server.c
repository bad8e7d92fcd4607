/*
 * The server's runtime: the loop, a coordinator over it, and the rules of a host: who may come in,
 * how it ends. Sessions judge themselves; nothing here counts a time-out.
 */
#include <belay/server.h>

#include "common/container_of.h"
#include "common/error.h"
#include "lib/net/sim.h"
#include "lib/session/options.h"
#include "lib/session/resume.h"
#include "server/parts.h"
#include <string.h>

#define CLOSE_DRAIN (5 * BL_SECOND) /* for what was sent before close() to arrive */
#define PEERS_SPARE 16              /* slots for peers that still say their last words */

static const struct belay_reason stopping = {.code = BELAY_REASON_SERVER_STOPPED,
                                             .come_back = true};

static const struct belay_reason draining = {
    .code = BELAY_REASON_DRAINING,
    .come_back = true,
    .retry_ms = 5000,
};

static const struct belay_reason crowded = {
    .code = BELAY_REASON_OVERLOAD,
    .come_back = true,
    .retry_ms = 1000,
    .text = "too many logins at once",
};

static const struct belay_reason *admit(void *user) {
    static const struct belay_reason full = {
        .code = BELAY_REASON_FULL,
        .come_back = true,
        .retry_ms = 5000,
    };
    const struct belay_server *server = user;
    if (server->draining) {
        return &draining;
    }
    uint32_t half_open = bl_endpoint_pending_count(server->loop.endpoint);
    if (bl_coordinator_pending_count(&server->coordinator) + half_open >= server->login_max) {
        return &crowded;
    }
    uint32_t taken = bl_coordinator_count(&server->coordinator) + half_open;
    return taken >= server->session_max ? &full : NULL;
}

static void begin_session(struct belay_server *server, struct bl_peer *peer,
                          const struct bl_newcomer *newcomer) {
    const struct bl_identity *identity = &newcomer->identity;
    belay_session handle = bl_coordinator_resolve(&server->coordinator, identity->id);
    struct bl_session *session = bl_coordinator_get(&server->coordinator, handle);
    if (session == NULL || session->peer != NULL) { /* no memory, or a nonce that is a token's id */
        bl_endpoint_release(server->loop.endpoint, peer, 0, BL_TOMBSTONE);
        return;
    }
    bl_session_bind(session, peer);
    if (server->draining) { /* its handshake was half done when that began */
        bl_session_close(session, &draining, 0);
    } else if (!bl_coordinator_name(&server->coordinator, session, newcomer->name) ||
               (identity->has_token && !bl_session_claim(session, identity))) {
        bl_session_close(session, &crowded, 0);
    }
}

static struct bl_session *session_of(const struct belay_server *server,
                                     const struct bl_resumption *resumption) {
    return bl_coordinator_by_name(&server->coordinator, resumption->name);
}

static void proven(void *user, const struct bl_newcomer *newcomer) {
    if (newcomer->resumption != NULL) {
        struct bl_session *session = session_of(user, newcomer->resumption);
        if (session != NULL && bl_resume_is_awaited(session, newcomer->resumption)) {
            bl_session_cut(session);
        }
    }
}

static void bound(void *user, struct bl_peer *peer, const struct bl_newcomer *newcomer) {
    struct belay_server *server = user;
    const struct bl_resumption *resumption = newcomer->resumption;
    if (resumption == NULL) {
        begin_session(server, peer, newcomer);
        return;
    }
    struct bl_session *session = session_of(server, resumption);
    if (session == NULL || !bl_resume_is_awaited(session, resumption)) {
        bl_endpoint_release(server->loop.endpoint, peer, 0, BL_TOMBSTONE);
        return;
    }
    bl_resume_bind(session, peer, resumption);
}

static const struct belay_reason *resume(void *user, struct bl_resumption *resumption) {
    static const struct belay_reason unknown = {
        .code = BELAY_REASON_STATE_LOST,
        .come_back = true,
        .text = "the session is not kept any more; log in anew",
    };
    struct belay_server *server = user;
    struct bl_session *session = session_of(server, resumption);
    if (session != NULL) {
        return bl_resume_admit(session, resumption);
    }
    const struct bl_reason *ending =
        bl_endings_find(&server->coordinator.endings, resumption->name, server->loop.shared.now);
    if (ending == NULL) {
        return &unknown;
    }
    server->ending = bl_reason_lend(ending);
    return &server->ending;
}

static void abandoned(void *user, const struct bl_resumption *resumption) {
    struct bl_session *session = session_of(user, resumption);
    if (session != NULL) {
        bl_resume_abandon(session);
    }
}

static size_t queried(void *user, const struct bl_datagram *query, uint8_t *answer) {
    struct belay_server *server = user;
    const struct bl_query_crowd crowd = {bl_coordinator_count(&server->coordinator),
                                         server->session_max};
    return bl_query_desk_answer(&server->desk, query, &crowd, bl_net_now(server->loop.net), answer);
}

static void close_all(struct belay_server *server, bl_duration drain) {
    belay_session handle = 0;
    while ((handle = bl_coordinator_next(&server->coordinator, handle)) != 0) {
        bl_session_close(bl_coordinator_get(&server->coordinator, handle), &stopping, drain);
    }
}

static void drain_ended(struct bl_timer *timer, bl_time now) {
    (void)now;
    close_all(BL_CONTAINER_OF(timer, struct belay_server, drain_timer), 0);
}

static enum belay_result check_options(const struct belay_server_opts *opts) {
    if (opts->shards != 0) {
        return bl_fail(BELAY_E_INVALID, "shards: %u; this version runs on one thread, so 0",
                       opts->shards);
    }
    if (opts->request_max > BELAY_REQUESTS_MAX) {
        return bl_fail(BELAY_E_INVALID, "request_max: %u, at most %d", opts->request_max,
                       BELAY_REQUESTS_MAX);
    }
    if (opts->session_max > BELAY_SESSIONS_MAX) {
        return bl_fail(BELAY_E_INVALID, "session_max: %u, at most %d", opts->session_max,
                       BELAY_SESSIONS_MAX);
    }
    if (opts->take_over != NULL && (opts->adopt || opts->sim != NULL)) {
        return bl_fail(BELAY_E_INVALID, "take_over: brings a socket of its own; leave out %s",
                       opts->adopt ? "adopt" : "sim");
    }
    if (opts->adopt && opts->sim != NULL) {
        return bl_fail(BELAY_E_INVALID, "adopt: there is no socket to adopt in a simulation");
    }
    return BELAY_OK;
}

static enum belay_result open_network(struct belay_server *server,
                                      const struct belay_server_opts *opts,
                                      struct bl_take_over *taken, struct bl_net **out) {
    struct bl_address local;
    if (taken != NULL) {
        enum belay_result result = bl_udp_adopt(out, taken->socket, &server->loop.memory);
        taken->socket = result == BELAY_OK ? -1 : taken->socket;
        return result;
    }
    if (opts->adopt) {
        return bl_udp_adopt(out, opts->socket, &server->loop.memory);
    }
    const char *listen = opts->listen != NULL ? opts->listen : "127.0.0.1:7777";
    enum belay_result result = bl_address_parse(&local, listen, true);
    if (result != BELAY_OK) {
        return result;
    }
    return opts->sim != NULL ? bl_sim_open(out, opts->sim, &local, NULL)
                             : bl_udp_open(out, &local, &server->loop.memory);
}

static enum belay_result set_limits(struct bl_shared *shared,
                                    const struct belay_server_opts *opts) {
    shared->role = BL_ROLE_SERVER;
    shared->features = BL_FEATURES_KNOWN;
    shared->state_events = opts->state_events;
    shared->accept_gaps = opts->accept_gaps;
    shared->limits = (struct bl_limits){
        .login = bl_options_duration(opts->login_ms, BELAY_LOGIN_MS_DEFAULT),
        .resume_window = opts->no_resume ? 0
                                         : bl_options_duration(opts->resume_window_ms,
                                                               BELAY_RESUME_WINDOW_MS_DEFAULT),
        .send_messages = bl_options_count(opts->send_messages_max, BELAY_SEND_MESSAGES_DEFAULT),
        .send_bytes = bl_options_count(opts->send_bytes_max, BELAY_SEND_BYTES_DEFAULT),
        .credit = bl_options_credit(opts->request_max),
    };
    return bl_options_liveness(&shared->limits, opts->heartbeat_ms, opts->lost_ms, false);
}

/** A start has failed: an adopted socket stays the caller's. */
static enum belay_result give_back(struct belay_server *server,
                                   const struct belay_server_opts *opts, enum belay_result result) {
    if (opts->adopt && server->loop.net != NULL) {
        bl_net_release(server->loop.net);
        server->loop.net = NULL;
    }
    return result;
}

static enum belay_result open_desk(struct belay_server *server) {
    const struct bl_query_desk_opts opts = {
        .memory = &server->loop.memory,
        .random = bl_net_random(server->loop.net),
        .stats = &server->loop.stats,
        .admission = &server->admission.rules,
        .game = server->game,
    };
    return bl_query_desk_init(&server->desk, &opts);
}

/** The network, the keys and what needs no sessions. @param taken NULL: from nobody */
static enum belay_result open_all(struct belay_server *server, const struct belay_server_opts *opts,
                                  struct bl_take_over *taken) {
    struct bl_net *net;
    enum belay_result result = open_network(server, opts, taken, &net);
    if (result != BELAY_OK) {
        return result;
    }
    server->loop.net = net;
    result = bl_server_admission_open(&server->admission, opts, &server->loop.memory,
                                      bl_net_random(net));
    if (result == BELAY_OK && taken != NULL) {
        result = bl_take_over_keys(taken, &server->admission);
    }
    return result == BELAY_OK ? open_desk(server) : result;
}

static bl_time tick_due(const void *user) {
    return bl_tick_clock_due(&((const struct belay_server *)user)->moves.clock);
}

static enum belay_result start_loop(struct belay_server *server,
                                    const struct belay_server_opts *opts) {
    static const struct bl_endpoint_ops ops = {
        .bound = bound,
        .proven = proven,
        .admit = admit,
        .resume = resume,
        .abandoned = abandoned,
        .queried = queried,
    };
    uint32_t peers = server->session_max + PEERS_SPARE;
    const struct bl_loop_opts loop_opts = {
        .ops = &ops,
        .tick_due = tick_due,
        .user = server,
        .game = opts->game,
        .peer_max = (uint16_t)(peers < BELAY_SESSIONS_MAX ? peers : BELAY_SESSIONS_MAX),
        .admission = &server->admission.rules,
    };
    enum belay_result result = bl_loop_start(&server->loop, server->loop.net, &loop_opts);
    if (result == BELAY_OK) {
        bl_coordinator_init(&server->coordinator, &server->loop.shared, server->session_max);
        server->coordinator.same_user_max = opts->replace;
        bl_server_moves_start(&server->moves, &server->loop.shared, &server->coordinator);
        server->moves.events = opts->move_events;
        bl_topics_init(&server->topics, &server->coordinator);
    }
    return result;
}

/** What it has begun when it fails, belay_server_destroy() ends. */
static enum belay_result start_with(struct belay_server *server,
                                    const struct belay_server_opts *opts,
                                    struct bl_take_over *taken) {
    enum belay_result result = open_all(server, opts, taken);
    if (result == BELAY_OK) {
        result = start_loop(server, opts);
    }
    if (result != BELAY_OK) {
        return give_back(server, opts, result);
    }
    return taken != NULL ? bl_take_over_sessions(taken, server) : BELAY_OK;
}

static enum belay_result start(struct belay_server *server, const struct belay_server_opts *opts) {
    struct bl_shared *shared = &server->loop.shared;
    struct bl_take_over taken;
    enum belay_result result = set_limits(shared, opts);
    if (result == BELAY_OK) {
        result = bl_shared_set_channels(shared, opts->channels, opts->channel_count);
    }
    if (result == BELAY_OK) {
        result = bl_shared_set_move(shared, &opts->move);
    }
    if (result != BELAY_OK) {
        return result;
    }
    server->game = bl_wire_hash(opts->game);
    server->session_max = bl_options_count(opts->session_max, BELAY_SESSIONS_DEFAULT);
    server->login_max = bl_options_count(opts->login_max, server->session_max);
    bl_room_init(&shared->room, bl_options_count(opts->memory_max, BELAY_MEMORY_DEFAULT),
                 server->session_max);
    if (opts->take_over == NULL) {
        return start_with(server, opts, NULL);
    }
    result = bl_take_over_begin(&taken, server, opts);
    if (result == BELAY_OK) {
        result = start_with(server, opts, &taken);
    }
    bl_take_over_end(&taken, &server->loop.memory);
    return result;
}

enum belay_result belay_server_start(struct belay_server **out,
                                     const struct belay_server_opts *given) {
    struct belay_server_opts opts;
    struct bl_memory memory;
    enum belay_result result = bl_options_copy(&opts, sizeof opts, given, "BELAY_SERVER_OPTS_INIT");
    if (result == BELAY_OK) {
        result = check_options(&opts);
    }
    if (result != BELAY_OK) {
        return result;
    }
    bl_memory_init(&memory, opts.hooks, 0);
    struct belay_server *server = bl_allocate(&memory, sizeof *server);
    if (server == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for a server");
    }
    bl_timer_init(&server->drain_timer, drain_ended);
    server->loop.memory = memory;
    result = start(server, &opts);
    if (result != BELAY_OK) {
        belay_server_destroy(server);
        return result;
    }
    *out = server;
    return BELAY_OK;
}

enum belay_result belay_server_drain(struct belay_server *server, uint32_t deadline_ms,
                                     const char *go_to) {
    if (server->stopped) {
        return bl_fail(BELAY_E_STATE, "drain: the server has been stopped");
    }
    bl_loop_look_at_clock(&server->loop);
    server->draining = true;
    belay_session handle = 0;
    while ((handle = bl_coordinator_next(&server->coordinator, handle)) != 0) {
        bl_session_announce_drain(bl_coordinator_get(&server->coordinator, handle), deadline_ms,
                                  go_to != NULL ? go_to : "");
    }
    bl_timer_arm(&server->loop.wheel, &server->drain_timer,
                 server->loop.shared.now + bl_options_duration(deadline_ms, 0));
    return BELAY_OK;
}

static bool all_have_ended(const struct belay_server *server) {
    belay_session handle = 0;
    while ((handle = bl_coordinator_next(&server->coordinator, handle)) != 0) {
        if (!bl_session_has_ended(bl_coordinator_get(&server->coordinator, handle))) {
            return false;
        }
    }
    return true;
}

void belay_server_stop(struct belay_server *server, uint32_t flush_ms) {
    struct bl_loop *loop = &server->loop;
    if (server->stopped || loop->net == NULL) {
        return;
    }
    server->draining = true;
    bl_loop_look_at_clock(loop);
    bl_time until = loop->shared.now + bl_from_ms(flush_ms);
    close_all(server, loop->net->simulated ? 0 : bl_from_ms(flush_ms));
    while (!all_have_ended(server) && bl_loop_work_on(loop, until)) {
    }
    close_all(server, 0); /* who still drains has had its time */
    bl_loop_say_goodbye(loop, until);
    bl_timer_cancel(&loop->wheel, &server->drain_timer);
    bl_loop_close(loop);
    server->stopped = true;
}

void belay_server_destroy(struct belay_server *server) {
    if (server == NULL) {
        return;
    }
    if (server->loop.endpoint != NULL) {
        belay_server_stop(server, 0);
    }
    if (server->coordinator.shared != NULL) {
        bl_topics_finish(&server->topics);
        bl_coordinator_finish(&server->coordinator);
    }
    bl_loop_finish(&server->loop);
    bl_query_desk_finish(&server->desk);
    bl_server_admission_close(&server->admission);
    struct bl_memory memory = server->loop.memory; /* it counts the block it lies in */
    bl_free(&memory, server, sizeof *server);
}

enum belay_result belay_server_service(struct belay_server *server, uint32_t wait_ms) {
    if (server->stopped) {
        return bl_fail(BELAY_E_STATE, "service: the server has been stopped");
    }
    bl_server_admission_refresh(&server->admission, server->loop.shared.now);
    bl_loop_service(&server->loop, wait_ms);
    return BELAY_OK;
}

bool belay_server_poll(struct belay_server *server, struct belay_event *event) {
    return bl_poll(&server->loop.shared, event);
}

void belay_server_flush(struct belay_server *server) {
    if (!server->stopped) {
        bl_loop_flush(&server->loop);
    }
}

belay_socket belay_server_fd(const struct belay_server *server) {
    return server->stopped ? -1 : bl_net_descriptor(server->loop.net);
}

int64_t belay_server_wait_ns(const struct belay_server *server) {
    return server->stopped ? -1 : bl_loop_wait_ns(&server->loop);
}

void belay_server_wake(struct belay_server *server) {
    bl_loop_wake(&server->loop);
}

/** The session behind a handle that is still open, or NULL and the error. */
static struct bl_session *open_session(struct belay_server *server, belay_session handle) {
    struct bl_session *session = bl_coordinator_get(&server->coordinator, handle);
    if (session == NULL || bl_session_has_ended(session)) {
        bl_fail(BELAY_E_GONE, "session: this handle names no open session");
        return NULL;
    }
    return session;
}

enum belay_result belay_server_accept(struct belay_server *server, belay_session session,
                                      const uint8_t user_id[16], const void *welcome,
                                      size_t welcome_size) {
    return bl_coordinator_accept(&server->coordinator, session, user_id, welcome, welcome_size);
}

enum belay_result belay_server_close(struct belay_server *server, belay_session handle,
                                     const struct belay_reason *reason) {
    static const struct belay_reason kicked = {.code = BELAY_REASON_KICKED};
    struct bl_session *session = open_session(server, handle);
    if (session == NULL) {
        return BELAY_E_GONE;
    }
    bl_session_close(session, reason != NULL ? reason : &kicked, CLOSE_DRAIN);
    return BELAY_OK;
}

enum belay_result belay_server_send(struct belay_server *server, belay_session handle,
                                    uint8_t channel, const void *data, size_t size) {
    struct bl_session *session = open_session(server, handle);
    return session != NULL ? bl_session_send(session, channel, data, size) : BELAY_E_GONE;
}

enum belay_result belay_server_subscribe(struct belay_server *server, belay_session handle,
                                         belay_topic topic) {
    struct bl_session *session = open_session(server, handle);
    return session != NULL ? bl_topics_subscribe(&server->topics, session, topic) : BELAY_E_GONE;
}

enum belay_result belay_server_unsubscribe(struct belay_server *server, belay_session handle,
                                           belay_topic topic) {
    struct bl_session *session = open_session(server, handle);
    return session != NULL ? bl_topics_unsubscribe(&server->topics, session, topic) : BELAY_E_GONE;
}

enum belay_result belay_server_publish(struct belay_server *server, belay_topic topic,
                                       uint8_t channel, const void *data, size_t size) {
    return bl_topics_publish(&server->topics, topic, channel, &(struct bl_span){data, size});
}

enum belay_result belay_server_retain(struct belay_server *server, belay_topic topic,
                                      uint8_t channel, const void *data, size_t size) {
    return bl_topics_retain(&server->topics, topic, channel, &(struct bl_span){data, size});
}

enum belay_result belay_server_topic_info(const struct belay_server *server, belay_topic topic,
                                          struct belay_topic_info *out) {
    struct belay_topic_info info;
    bl_topics_info(&server->topics, topic, &info);
    return bl_options_give(out, &info, sizeof info, "info");
}

enum belay_result belay_server_request(struct belay_server *server, belay_session handle,
                                       uint32_t type, const void *data, size_t size,
                                       uint32_t deadline_ms, uint64_t cookie, belay_request *out) {
    struct bl_session *session = open_session(server, handle);
    const struct bl_question question = {
        .type = type, .data = {data, size}, .deadline_ms = deadline_ms, .cookie = cookie};
    return session != NULL ? bl_request_ask(session, &question, out) : BELAY_E_GONE;
}

enum belay_result belay_server_reply(struct belay_server *server, belay_request request,
                                     int32_t code, const void *data, size_t size) {
    return bl_request_answer(&server->loop.shared, request, code, &(struct bl_span){data, size});
}

enum belay_result belay_server_cancel(struct belay_server *server, belay_request request) {
    return bl_request_cancel(&server->loop.shared, request);
}

bool belay_server_next_tick(struct belay_server *server, uint32_t *tick) {
    if (server->stopped) {
        return false;
    }
    return bl_tick_clock_next(&server->moves.clock, bl_loop_expect_tick(&server->loop), tick);
}

enum belay_result belay_server_take_move(struct belay_server *server, belay_session handle,
                                         uint8_t lane, uint32_t tick, struct belay_move *move) {
    struct bl_session *session = open_session(server, handle);
    return session != NULL ? bl_server_moves_use(&server->moves, session, lane, tick, move)
                           : BELAY_E_GONE;
}

belay_session belay_server_next(const struct belay_server *server, belay_session after) {
    return bl_coordinator_next(&server->coordinator, after);
}

belay_session belay_server_find(const struct belay_server *server, const uint8_t user_id[16]) {
    return bl_coordinator_find(&server->coordinator, user_id);
}

enum belay_result belay_server_info(const struct belay_server *server, belay_session handle,
                                    struct belay_session_info *out) {
    const struct bl_session *session = bl_coordinator_get(&server->coordinator, handle);
    if (session == NULL) {
        return bl_fail(BELAY_E_GONE, "session: this handle names no session");
    }
    return bl_options_give_info(out, session);
}

void belay_server_set_user(struct belay_server *server, belay_session handle, void *user) {
    struct bl_session *session = bl_coordinator_get(&server->coordinator, handle);
    if (session != NULL) {
        session->user = user;
    }
}

static uint32_t count_held(const struct belay_server *server) {
    uint32_t held = 0;
    belay_session handle = 0;
    while ((handle = bl_coordinator_next(&server->coordinator, handle)) != 0) {
        const struct bl_session *session = bl_coordinator_get(&server->coordinator, handle);
        held += bl_session_is_held(session);
    }
    return held;
}

enum belay_result belay_server_stats(const struct belay_server *server, struct belay_stats *out) {
    struct belay_stats stats;
    bl_loop_stats(&server->loop, &stats);
    stats.sessions = bl_coordinator_count(&server->coordinator);
    stats.held = count_held(server);
    stats.ticks_run = server->moves.clock.run_count;
    stats.ticks_left_out = server->moves.clock.left_out_count;
    stats.tick_late_us = (uint32_t)(server->moves.clock.lateness / BL_MICROSECOND);
    return bl_options_give(out, &stats, sizeof stats, "stats");
}

enum belay_result belay_server_invite(const struct belay_server *server, const char *host,
                                      char *text, size_t size) {
    if (server->stopped) {
        return bl_fail(BELAY_E_STATE, "invite: the server has been stopped");
    }
    return bl_server_write_invite(&server->loop.net->local, &server->admission.rules, host, text,
                                  size);
}

enum belay_result belay_server_set_public_info(struct belay_server *server, const void *data,
                                               size_t size) {
    return bl_query_desk_set(&server->desk, data, size);
}
