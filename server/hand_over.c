/*
 * A graceful restart: one process gives its socket, its keys and the records of its sessions to the
 * next one.
 *
 * What must never be is two processes that speak on one socket, or none. So the old one goes on as
 * if nothing had been until the new one has taken everything in and says so; then it tells each
 * client that its link has ended, falls silent, and says "yours". Links are not handed over: their
 * keys and packet numbers end with the process that used them, and each client resumes.
 */
#include "lib/net/hand_over.h"
#include "common/assert.h"
#include "common/error.h"
#include "lib/session/record.h"
#include "server/parts.h"
#include <belay/server.h>
#include <string.h>

#define WAIT          bl_from_ms(BELAY_HAND_OVER_MS)
#define VERSION       2
#define STATE_MAX     (SIZE_MAX / 4)
#define HEAD_MAX      512U                  /* with the ticket keys */
#define LOOK_INTERVAL (20 * BL_MILLISECOND) /* for the next process, while it is waited for */

/** What is said beside the state, each in a record of one byte. */
enum word {
    TAKEN_IN = 1, /* by the next process: go */
    YOURS = 2,    /* by the old one: it is silent */
};

static enum belay_result say(intptr_t link, enum word word, bl_duration timeout) {
    uint8_t byte = (uint8_t)word;
    return bl_hand_over_send(
        link, &(struct bl_hand_over_record){.data = &byte, .size = 1, .descriptor = -1}, timeout);
}

/** Whatever else comes is as good as nothing. */
static enum belay_result hear(intptr_t link, enum word word, bl_duration timeout,
                              struct bl_memory *memory) {
    struct bl_hand_over_record heard;
    if (bl_hand_over_receive(&heard, link, 1, timeout, memory) != BELAY_OK) {
        return BELAY_E_SYSTEM;
    }
    bool is_word = heard.size == 1 && heard.data[0] == word && heard.descriptor < 0;
    bl_hand_over_close(heard.descriptor);
    bl_free(memory, heard.data, heard.size);
    return is_word ? BELAY_OK : BELAY_E_SYSTEM;
}

/* ---- the old process */

static const struct bl_session *next_kept(const struct belay_server *server,
                                          belay_session *handle) {
    while ((*handle = bl_coordinator_next(&server->coordinator, *handle)) != 0) {
        const struct bl_session *session = bl_coordinator_get(&server->coordinator, *handle);
        if (bl_session_is_kept(session)) {
            return session;
        }
    }
    return NULL;
}

static void write_head(struct bl_writer *writer, const struct belay_server *server,
                       uint32_t session_count) {
    const struct bl_admission *rules = &server->admission.rules;
    bl_write_u16(writer, VERSION);
    bl_write_u64(writer, server->game);
    bl_write_u64(writer, bl_shared_hash_declared(&server->loop.shared));
    bl_write_u64(writer, rules->run);
    bl_write_bytes(writer, rules->key.secret.bytes, BL_SECRET_SIZE);
    bl_write_u8(writer, (uint8_t)rules->ticket_keys->count);
    for (unsigned i = 0; i < rules->ticket_keys->count; i++) {
        bl_write_u32(writer, rules->ticket_keys->keys[i].id);
        bl_write_bytes(writer, rules->ticket_keys->keys[i].secret.bytes, BL_SECRET_SIZE);
    }
    bl_write_u32(writer, server->moves.clock.ran + 1);
    bl_write_u64(writer, (uint64_t)bl_tick_clock_due(&server->moves.clock));
    bl_write_u32(writer, session_count);
}

/** Who is being closed when this process falls silent hears why from the next one. */
static void note_closing(struct belay_server *server) {
    belay_session handle = 0;
    while ((handle = bl_coordinator_next(&server->coordinator, handle)) != 0) {
        const struct bl_session *session = bl_coordinator_get(&server->coordinator, handle);
        if (session->closing) {
            bl_endings_note(&server->coordinator.endings, session);
        }
    }
}

/** Everything, with a hash behind it; false: no memory. The caller wipes it. */
static bool write_state(struct belay_server *server, struct bl_hand_over_record *out,
                        size_t *capacity) {
    uint32_t count = 0;
    belay_session handle = 0;
    const struct bl_session *session;
    note_closing(server);
    *capacity = HEAD_MAX + BL_HASH_SIZE + bl_endings_size_max(&server->coordinator.endings);
    while ((session = next_kept(server, &handle)) != NULL) {
        *capacity += bl_record_size_max(session);
        count++;
    }
    out->data = bl_allocate(&server->loop.memory, *capacity);
    if (out->data == NULL) {
        bl_fail(BELAY_E_NO_MEMORY, "no memory for the records of %u sessions", count);
        return false;
    }
    struct bl_writer writer = bl_writer_of(out->data, *capacity - BL_HASH_SIZE);
    write_head(&writer, server, count);
    while ((session = next_kept(server, &handle)) != NULL) {
        bl_record_write(&writer, session);
    }
    bl_endings_write(&writer, &server->coordinator.endings, server->loop.shared.now);
    BELAY_ASSERT(!writer.failed);
    out->size = bl_writer_size(&writer);
    bl_hash(out->data + out->size, out->data, out->size);
    out->size += BL_HASH_SIZE;
    return true;
}

/** Goes on serving until the next process asks; what comes meanwhile is polled by that one. */
static enum belay_result await_successor(struct belay_server *server,
                                         struct bl_hand_over_listener *listener, intptr_t *link) {
    struct bl_loop *loop = &server->loop;
    bl_time until = loop->shared.now + WAIT;
    enum belay_result result = bl_hand_over_accept(link, listener);
    while (result == BELAY_OK && *link < 0) {
        bl_time next = bl_earlier(until, loop->shared.now + LOOK_INTERVAL);
        while (bl_loop_work_on(loop, next)) {
        }
        if (loop->shared.now >= until) {
            return bl_fail(BELAY_E_GONE,
                           "hand_over: nobody asked for %d ms; start the next process "
                           "with options.take_over naming the same path",
                           BELAY_HAND_OVER_MS);
        }
        result = bl_hand_over_accept(link, listener);
    }
    return result;
}

/**
 * Sends everything, and hears whether the next process has taken it in. Meanwhile nobody is served:
 * what has been written down must stay true. So that no client notices a next process that hangs,
 * there is half the time of a silence that ends a link; and none of it is held against anybody.
 */
static enum belay_result give(struct belay_server *server, intptr_t link) {
    struct bl_loop *loop = &server->loop;
    struct bl_hand_over_record state = {0};
    size_t capacity;
    bl_time until = bl_net_now(loop->net) + bl_earlier(WAIT, loop->shared.limits.lost / 2);
    loop->due = loop->shared.now;
    if (!write_state(server, &state, &capacity)) {
        return BELAY_E_NO_MEMORY;
    }
    state.descriptor = bl_net_socket(loop->net);
    enum belay_result result = bl_hand_over_send(link, &state, until - bl_net_now(loop->net));
    bl_wipe(state.data, capacity);
    bl_free(&loop->memory, state.data, capacity);
    bl_duration left = until - bl_net_now(loop->net);
    if (result == BELAY_OK) {
        result = hear(link, TAKEN_IN, left > 0 ? left : 0, &loop->memory);
    }
    return result == BELAY_OK
               ? BELAY_OK
               : bl_fail(BELAY_E_SYSTEM, "hand_over: the next process has not taken over, and this "
                                         "one goes on; look into its log, then try again");
}

/** From here on this process is silent. */
static void fall_silent(struct belay_server *server, intptr_t link) {
    bl_endpoint_say_gone(server->loop.endpoint);
    bl_timer_cancel(&server->loop.wheel, &server->drain_timer);
    bl_coordinator_finish(&server->coordinator);
    bl_coordinator_init(&server->coordinator, &server->loop.shared, server->session_max);
    bl_loop_close(&server->loop);
    server->stopped = true;
    say(link, YOURS, WAIT); /* if it is gone by now, nobody serves: as after a crash */
}

enum belay_result belay_server_hand_over(struct belay_server *server, const char *path) {
    struct bl_hand_over_listener listener;
    intptr_t link = -1;
    if (server->stopped) {
        return bl_fail(BELAY_E_STATE, "hand_over: the server has been stopped");
    }
    if (server->loop.net->simulated) {
        return bl_fail(BELAY_E_INVALID, "hand_over: a simulated server has no socket to give");
    }
    if (server->loop.shared.limits.resume_window == 0) {
        return bl_fail(BELAY_E_INVALID, "hand_over: with no_resume no session can go on");
    }
    enum belay_result result = bl_hand_over_listen(&listener, path);
    if (result != BELAY_OK) {
        return result;
    }
    bl_loop_look_at_clock(&server->loop);
    result = await_successor(server, &listener, &link);
    if (result == BELAY_OK) {
        result = give(server, link);
    }
    bl_hand_over_stop(&listener);
    if (result == BELAY_OK) {
        fall_silent(server, link);
    }
    bl_hand_over_close(link);
    return result;
}

/* ---- the next process */

static enum belay_result check_state(struct bl_take_over *taken,
                                     const struct belay_server *server) {
    uint8_t hash[BL_HASH_SIZE];
    if (taken->size < BL_HASH_SIZE || taken->socket < 0) {
        return bl_fail(BELAY_E_KEY, "take_over: what came is no server's state");
    }
    size_t size = taken->size - BL_HASH_SIZE;
    bl_hash(hash, taken->data, size);
    if (!bl_equal(hash, taken->data + size, sizeof hash)) {
        return bl_fail(BELAY_E_KEY, "take_over: the state is damaged");
    }
    taken->reader = bl_reader_of(taken->data, size);
    uint16_t version = bl_read_u16(&taken->reader);
    if (version != VERSION) {
        return bl_fail(BELAY_E_KEY,
                       "take_over: the other process writes records of version %u, this one reads "
                       "%d; restart without it",
                       version, VERSION);
    }
    uint64_t game = bl_read_u64(&taken->reader);
    if (game != server->game ||
        bl_read_u64(&taken->reader) != bl_shared_hash_declared(&server->loop.shared)) {
        return bl_fail(BELAY_E_INVALID,
                       "take_over: the other process has another game, or other channels");
    }
    return BELAY_OK;
}

enum belay_result bl_take_over_begin(struct bl_take_over *out, struct belay_server *server,
                                     const struct belay_server_opts *opts) {
    struct bl_hand_over_record state;
    *out = (struct bl_take_over){.link = -1, .socket = -1};
    enum belay_result result = bl_hand_over_connect(&out->link, opts->take_over, WAIT);
    if (result == BELAY_OK) {
        result = bl_hand_over_receive(&state, out->link, STATE_MAX, WAIT, &server->loop.memory);
    }
    if (result != BELAY_OK) {
        return result;
    }
    out->data = state.data;
    out->size = state.size;
    out->socket = state.descriptor;
    return check_state(out, server);
}

enum belay_result bl_take_over_keys(struct bl_take_over *taken,
                                    struct bl_server_admission *admission) {
    struct bl_reader *reader = &taken->reader;
    struct bl_token_keys keys = {0};
    admission->rules.run = bl_read_u64(reader);
    bl_read_copy(reader, admission->rules.key.secret.bytes, BL_SECRET_SIZE);
    bl_key_pair_complete(&admission->rules.key);
    keys.count = bl_read_u8(reader);
    if (keys.count == 0 || keys.count > BL_TOKEN_KEYS_MAX) {
        return bl_fail(BELAY_E_KEY, "take_over: %u ticket keys, 1 to %d are possible", keys.count,
                       BL_TOKEN_KEYS_MAX);
    }
    for (unsigned i = 0; i < keys.count; i++) {
        keys.keys[i].id = bl_read_u32(reader);
        bl_read_copy(reader, keys.keys[i].secret.bytes, BL_SECRET_SIZE);
    }
    admission->tickets.keys = keys;
    bl_wipe(&keys, sizeof keys);
    return reader->failed ? bl_fail(BELAY_E_KEY, "take_over: the keys are cut short") : BELAY_OK;
}

/** Ticks go on, so that no client has to move: both processes have the machine's one clock. */
static void take_clock(struct bl_reader *reader, struct belay_server *server) {
    uint32_t next = bl_read_u32(reader);
    bl_time due = (bl_time)bl_read_u64(reader);
    if (!reader->failed && due >= 0) {
        bl_server_moves_start_at(&server->moves, next, due);
    }
}

static enum belay_result take_sessions(struct bl_take_over *taken, struct belay_server *server) {
    take_clock(&taken->reader, server);
    uint32_t count = bl_read_u32(&taken->reader);
    enum belay_result result = BELAY_OK;
    for (uint32_t i = 0; i < count && result == BELAY_OK; i++) {
        result = bl_record_read(&taken->reader, &server->coordinator);
    }
    if (result == BELAY_OK &&
        !bl_endings_read(&taken->reader, &server->coordinator.endings, server->loop.shared.now)) {
        return bl_fail(BELAY_E_KEY, "take_over: the endings cannot be read");
    }
    if (result == BELAY_OK && (taken->reader.failed || bl_reader_left(&taken->reader) > 0)) {
        return bl_fail(BELAY_E_KEY, "take_over: the records do not end where they should");
    }
    return result;
}

enum belay_result bl_take_over_sessions(struct bl_take_over *taken, struct belay_server *server) {
    struct bl_memory *memory = &server->loop.memory;
    enum belay_result result = take_sessions(taken, server);
    if (result == BELAY_OK) {
        result = say(taken->link, TAKEN_IN, WAIT);
    }
    if (result == BELAY_OK && hear(taken->link, YOURS, WAIT, memory) != BELAY_OK) {
        return bl_fail(BELAY_E_SYSTEM, "take_over: the other process has not let go; look into its "
                                       "log whether it goes on");
    }
    return result;
}

void bl_take_over_end(struct bl_take_over *taken, struct bl_memory *memory) {
    bl_hand_over_close(taken->link);
    bl_hand_over_close(taken->socket);
    if (taken->data != NULL) {
        bl_wipe(taken->data, taken->size);
        bl_free(memory, taken->data, taken->size);
    }
    *taken = (struct bl_take_over){.link = -1, .socket = -1};
}
