/*
 * A nonce is 7 random bytes, which name the question, and the number of its sending: so the answer
 * to a repeat gives a round trip too, and somebody who has not seen the question cannot answer it.
 *
 * A server has several addresses, and may answer from each: among those that answer a question to
 * everybody it is told by its key, or without one by its address.
 */
#include "lib/secure/query.h"

#include "common/error.h"
#include <assert.h>
#include <string.h>

/* ---- the server's side */

enum belay_result bl_query_desk_init(struct bl_query_desk *desk,
                                     const struct bl_query_desk_opts *opts) {
    static const struct bl_rate narrow = {BL_QUERY_RATE, BL_QUERY_BURST};
    static const struct bl_rate wide = {4 * BL_QUERY_RATE, 4 * BL_QUERY_BURST};
    *desk = (struct bl_query_desk){
        .stats = opts->stats, .admission = opts->admission, .game = opts->game};
    return bl_rate_table_init(&desk->rates, opts->memory, opts->random, narrow, wide);
}

void bl_query_desk_finish(struct bl_query_desk *desk) {
    bl_rate_table_finish(&desk->rates);
}

enum belay_result bl_query_desk_set(struct bl_query_desk *desk, const void *data, size_t size) {
    if (size > BELAY_PUBLIC_INFO_MAX) {
        return bl_fail(BELAY_E_TOO_BIG, "public info: %zu bytes, at most %d", size,
                       BELAY_PUBLIC_INFO_MAX);
    }
    if (data == NULL && size > 0) {
        return bl_fail(BELAY_E_INVALID, "public info: NULL with a size of %zu", size);
    }
    if (size > 0) {
        memcpy(desk->data, data, size);
    }
    desk->data_size = (uint16_t)size;
    return BELAY_OK;
}

static size_t drop(struct bl_query_desk *desk, enum belay_drop cause) {
    desk->stats->dropped[cause]++;
    return 0;
}

size_t bl_query_desk_answer(struct bl_query_desk *desk, const struct bl_datagram *query,
                            const struct bl_query_crowd *crowd, bl_time now, uint8_t *answer) {
    struct bl_query asked;
    if (!bl_query_read(&asked, query->data, query->size)) {
        return drop(desk, BELAY_DROP_HANDSHAKE);
    }
    if (asked.version != BL_WIRE_VERSION || (asked.game != 0 && asked.game != desk->game)) {
        return drop(desk, BELAY_DROP_VERSION);
    }
    if (!bl_rate_table_take(&desk->rates, &query->address, now)) {
        return drop(desk, BELAY_DROP_RATE);
    }
    struct bl_info info = {
        .sessions = crowd->sessions,
        .session_max = crowd->session_max,
        .data = desk->data,
        .data_size = desk->data_size,
    };
    memcpy(info.nonce, asked.nonce, sizeof info.nonce);
    if (desk->admission->by_key) {
        memcpy(info.key, desk->admission->key.public, sizeof info.key);
    }
    return bl_info_write(answer, &info);
}

/* ---- the client's side */

#define NONCE_SIZE    sizeof((struct bl_query *)0)->nonce
#define QUESTION_SIZE (NONCE_SIZE - 1) /* of the nonce; the rest is the number of the sending */

static_assert((BL_QUERY_SENDINGS + 1) * BL_QUERY_INTERVAL == BELAY_QUERY_MS * BL_MILLISECOND,
              "how long a question stands");

/** Who has answered a question to everybody: a key, or an address with zeros behind it. */
struct server_name {
    uint8_t bytes[BL_PUBLIC_SIZE];
};

struct bl_question {
    struct bl_question *next;
    struct bl_query_target target;
    uint8_t nonce[NONCE_SIZE];
    bl_time sent_at[BL_QUERY_SENDINGS];
    uint8_t sent_count;
    bl_time next_at;           /* of the next sending, or of the end */
    struct server_name *heard; /* to everybody: BL_QUERY_SERVERS_MAX of them */
    size_t heard_count;
};

#define HEARD_SIZE (BL_QUERY_SERVERS_MAX * sizeof(struct server_name))

void bl_queries_init(struct bl_queries *queries, struct bl_memory *memory, struct bl_random *random,
                     uint64_t game) {
    *queries = (struct bl_queries){.memory = memory, .random = random, .game = game};
}

/** Takes a question off the list and frees it. */
static void forget(struct bl_queries *queries, struct bl_question **at) {
    struct bl_question *question = *at;
    *at = question->next;
    queries->count--;
    bl_free(queries->memory, question->heard, HEARD_SIZE);
    bl_free(queries->memory, question, sizeof *question);
}

void bl_queries_finish(struct bl_queries *queries) {
    while (queries->first != NULL) {
        forget(queries, &queries->first);
    }
}

enum belay_result bl_queries_ask(struct bl_queries *queries, const struct bl_query_target *target,
                                 bl_time now) {
    if (queries->count >= BL_QUERIES_MAX) {
        return bl_fail(BELAY_E_WOULD_BLOCK,
                       "query: %d are under way; go on when some have been answered",
                       BL_QUERIES_MAX);
    }
    struct bl_question *question = bl_allocate(queries->memory, sizeof *question);
    struct server_name *heard = NULL;
    if (question != NULL && target->everybody) {
        heard = bl_allocate(queries->memory, HEARD_SIZE);
    }
    if (question == NULL || (target->everybody && heard == NULL)) {
        bl_free(queries->memory, question, sizeof *question);
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for a query");
    }
    question->target = *target;
    question->heard = heard;
    question->next_at = now;
    bl_random_bytes(queries->random, question->nonce, QUESTION_SIZE);
    question->next = queries->first;
    queries->first = question;
    queries->count++;
    return BELAY_OK;
}

bl_time bl_queries_due(const struct bl_queries *queries) {
    bl_time due = BL_TIME_NEVER;
    for (const struct bl_question *at = queries->first; at != NULL; at = at->next) {
        due = bl_earlier(due, at->next_at);
    }
    return due;
}

static void write_next(const struct bl_queries *queries, struct bl_question *question, bl_time now,
                       uint8_t *out) {
    struct bl_query query = {.version = BL_WIRE_VERSION, .game = queries->game};
    question->nonce[QUESTION_SIZE] = question->sent_count;
    memcpy(query.nonce, question->nonce, sizeof query.nonce);
    bl_query_write(out, &query);
    question->sent_at[question->sent_count++] = now;
    bool last = question->sent_count == BL_QUERY_SENDINGS;
    question->next_at = now + (last ? 2 : 1) * BL_QUERY_INTERVAL;
}

const struct bl_query_target *bl_queries_next(struct bl_queries *queries, bl_time now,
                                              uint8_t *out) {
    struct bl_question **at = &queries->first;
    while (*at != NULL) {
        struct bl_question *question = *at;
        if (question->next_at > now) {
            at = &question->next;
        } else if (question->sent_count == BL_QUERY_SENDINGS) {
            forget(queries, at);
        } else {
            write_next(queries, question, now, out);
            return &question->target;
        }
    }
    return NULL;
}

static struct bl_question **find(struct bl_queries *queries, const uint8_t *nonce) {
    struct bl_question **at = &queries->first;
    while (*at != NULL && !bl_equal((*at)->nonce, nonce, QUESTION_SIZE)) {
        at = &(*at)->next;
    }
    return at;
}

static bool was_asked(const struct bl_query_target *target, const struct bl_address *from) {
    if (target->everybody) {
        return true;
    }
    for (size_t i = 0; i < target->address_count; i++) {
        if (bl_address_equal(&target->addresses[i], from)) {
            return true;
        }
    }
    return false;
}

static struct server_name name_of(const struct bl_query_answer *answer,
                                  const struct bl_address *from) {
    struct server_name name = {0};
    struct bl_writer writer = bl_writer_of(name.bytes, sizeof name.bytes);
    if (answer->has_key) {
        bl_write_bytes(&writer, answer->info.key, sizeof answer->info.key);
    } else {
        bl_write_bytes(&writer, from->ip, sizeof from->ip);
        bl_write_u32(&writer, from->scope);
        bl_write_u16(&writer, from->port);
    }
    return name;
}

/** Notes that a server has answered a question to everybody; false: it had, or there are too many.
 */
static bool note_server(struct bl_question *question, const struct server_name *name) {
    for (size_t i = 0; i < question->heard_count; i++) {
        if (bl_equal(question->heard[i].bytes, name->bytes, sizeof name->bytes)) {
            return false;
        }
    }
    if (question->heard_count == BL_QUERY_SERVERS_MAX) {
        return false;
    }
    question->heard[question->heard_count++] = *name;
    return true;
}

bool bl_queries_take(struct bl_queries *queries, const struct bl_datagram *datagram, bl_time now,
                     struct bl_query_answer *out) {
    static const uint8_t no_key[BL_PUBLIC_SIZE] = {0};
    if (!bl_info_read(&out->info, datagram->data, datagram->size)) {
        return false;
    }
    struct bl_question **at = find(queries, out->info.nonce);
    struct bl_question *question = *at;
    if (question == NULL || out->info.nonce[QUESTION_SIZE] >= question->sent_count ||
        !was_asked(&question->target, &datagram->address)) {
        return false;
    }
    if (question->target.has_key &&
        !bl_equal(question->target.key, out->info.key, sizeof out->info.key)) {
        return false;
    }
    out->has_key = !bl_equal(out->info.key, no_key, sizeof no_key);
    out->round_trip = now - question->sent_at[out->info.nonce[QUESTION_SIZE]];
    if (question->target.everybody) {
        const struct server_name name = name_of(out, &datagram->address);
        return note_server(question, &name);
    }
    forget(queries, at);
    return true;
}
