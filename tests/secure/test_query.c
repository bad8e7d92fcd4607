/* QUERY and INFO: what a server tells to strangers, how often, and what a client believes. */
#include "lib/secure/query.h"
#include "tests/support/test.h"
#include <stdio.h>
#include <string.h>

#define NOW  (1000 * BL_SECOND)
#define GAME UINT64_C(0x1122334455667788)

static struct bl_memory memory;
static struct bl_random random_source;
static struct belay_stats stats;
static struct bl_admission admission;
static struct bl_query_desk desk;
static struct bl_queries queries;
static const struct bl_query_crowd crowd = {3, 64};

static struct bl_address address_of(const char *text) {
    struct bl_address address;
    ck_assert_msg(bl_address_parse(&address, text, true) == BELAY_OK, "%s", belay_error());
    return address;
}

static void start(void) {
    bl_memory_init(&memory, NULL, 0);
    bl_random_init_seeded(&random_source, 7);
    stats = (struct belay_stats){0};
    admission = (struct bl_admission){.by_key = true};
    bl_key_pair_make(&admission.key, &random_source);
    const struct bl_query_desk_opts opts = {.memory = &memory,
                                            .random = &random_source,
                                            .stats = &stats,
                                            .admission = &admission,
                                            .game = GAME};
    ck_assert_int_eq(bl_query_desk_init(&desk, &opts), BELAY_OK);
    bl_queries_init(&queries, &memory, &random_source, GAME);
}

static void finish(void) {
    bl_query_desk_finish(&desk);
    bl_queries_finish(&queries);
    ck_assert_uint_eq(memory.used, 0);
}

/* ---- the server's desk */

static const struct bl_query plain = {
    .version = BL_WIRE_VERSION, .game = GAME, .nonce = {9, 8, 7, 6, 5, 4, 3, 2}};

static uint8_t answer[BL_QUERY_SIZE];

/** Asks from @p from; the answer's size. */
static size_t ask_from(const char *from, const struct bl_query *query, bl_time now) {
    uint8_t data[BL_QUERY_SIZE];
    struct bl_datagram datagram = {.address = address_of(from), .data = data};
    datagram.size = bl_query_write(data, query);
    size_t size = bl_query_desk_answer(&desk, &datagram, &crowd, now, answer);
    ck_assert_uint_lt(size, datagram.size); /* no amplification, whatever it says */
    return size;
}

static struct bl_info must_answer(const struct bl_query *query) {
    struct bl_info info;
    size_t size = ask_from("10.0.0.9:9", query, NOW);
    ck_assert(bl_info_read(&info, answer, size));
    return info;
}

START_TEST(an_answer_tells_what_anybody_may_know) {
    ck_assert_int_eq(bl_query_desk_set(&desk, "castle", 6), BELAY_OK);
    struct bl_info info = must_answer(&plain);
    ck_assert_mem_eq(info.nonce, plain.nonce, sizeof info.nonce);
    ck_assert_mem_eq(info.key, admission.key.public, sizeof info.key);
    ck_assert_uint_eq(info.sessions, 3);
    ck_assert_uint_eq(info.session_max, 64);
    ck_assert_uint_eq(info.data_size, 6);
    ck_assert_mem_eq(info.data, "castle", 6);
}
END_TEST

START_TEST(the_key_is_shown_only_where_it_lets_in) {
    static const uint8_t no_key[BL_PUBLIC_SIZE] = {0};
    admission.by_key = false;
    admission.by_token = true;
    struct bl_info info = must_answer(&plain);
    ck_assert_mem_eq(info.key, no_key, sizeof no_key);
}
END_TEST

START_TEST(public_info_has_a_limit) {
    static uint8_t data[BELAY_PUBLIC_INFO_MAX + 1];
    memset(data, 'x', sizeof data);
    ck_assert_int_eq(bl_query_desk_set(&desk, data, BELAY_PUBLIC_INFO_MAX), BELAY_OK);
    struct bl_info info = must_answer(&plain);
    ck_assert_uint_eq(info.data_size, BELAY_PUBLIC_INFO_MAX);
    ck_assert_mem_eq(info.data, data, BELAY_PUBLIC_INFO_MAX);
    ck_assert_int_eq(bl_query_desk_set(&desk, data, BELAY_PUBLIC_INFO_MAX + 1), BELAY_E_TOO_BIG);
    ck_assert_ptr_nonnull(strstr(belay_error(), "513"));
    ck_assert_int_eq(bl_query_desk_set(&desk, NULL, 1), BELAY_E_INVALID);
    ck_assert_uint_eq(must_answer(&plain).data_size, BELAY_PUBLIC_INFO_MAX); /* as it was */
    ck_assert_int_eq(bl_query_desk_set(&desk, NULL, 0), BELAY_OK);
    ck_assert_uint_eq(must_answer(&plain).data_size, 0);
}
END_TEST

/* Each row is one question, and why it gets no answer. */
static const struct {
    uint16_t version;
    uint64_t game;
    bool answered;
} questions[] = {
    {BL_WIRE_VERSION, GAME, true},
    {BL_WIRE_VERSION, 0, true},
    {BL_WIRE_VERSION, GAME + 1, false},
    {BL_WIRE_VERSION + 1, GAME, false},
};

START_TEST(only_who_plays_the_game_is_answered) {
    const struct bl_query query = {.version = questions[_i].version, .game = questions[_i].game};
    ck_assert_int_eq(ask_from("10.0.0.9:9", &query, NOW) > 0, questions[_i].answered);
    ck_assert_uint_eq(stats.dropped[BELAY_DROP_VERSION], !questions[_i].answered);
}
END_TEST

/* A question that is shorter than its answer could be is none. */
START_TEST(a_short_or_a_long_question_is_dropped) {
    uint8_t data[BL_QUERY_SIZE + 1] = {0};
    struct bl_datagram datagram = {.address = address_of("10.0.0.9:9"), .data = data};
    bl_query_write(data, &plain);
    static const size_t sizes[] = {1, 2, 20, 52, BL_QUERY_SIZE - 1, BL_QUERY_SIZE + 1};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        datagram.size = sizes[i];
        ck_assert_uint_eq(bl_query_desk_answer(&desk, &datagram, &crowd, NOW, answer), 0);
    }
    ck_assert_uint_eq(stats.dropped[BELAY_DROP_HANDSHAKE], COUNT_OF(sizes));
}
END_TEST

START_TEST(a_flood_from_one_address_is_limited_and_costs_others_nothing) {
    unsigned answered = 0;
    for (int i = 0; i < 1000; i++) {
        answered += ask_from("10.0.0.9:9", &plain, NOW) > 0;
    }
    ck_assert_uint_eq(answered, BL_QUERY_BURST);
    ck_assert_uint_eq(stats.dropped[BELAY_DROP_RATE], 1000 - BL_QUERY_BURST);
    ck_assert_uint_eq(ask_from("10.0.0.9:10", &plain, NOW), 0); /* another port is nobody else */
    ck_assert_uint_gt(ask_from("10.9.0.9:9", &plain, NOW), 0);
    answered = 0;
    for (int i = 0; i < 1000; i++) {
        answered += ask_from("10.0.0.9:9", &plain, NOW + BL_SECOND) > 0;
    }
    ck_assert_uint_eq(answered, BL_QUERY_RATE);
}
END_TEST

START_TEST(a_flood_from_a_whole_network_is_limited) {
    unsigned answered = 0;
    for (unsigned i = 0; i < 256 * 16; i++) {
        char from[32];
        snprintf(from, sizeof from, "10.0.0.%u:9", i % 256);
        answered += ask_from(from, &plain, NOW) > 0;
    }
    ck_assert_uint_eq(answered, 4 * BL_QUERY_BURST);
}
END_TEST

/* ---- the client's questions */

static uint8_t question[BL_QUERY_SIZE];

static struct bl_query_target target_of(const char *address) {
    return (struct bl_query_target){.addresses = {address_of(address)}, .address_count = 1};
}

static void must_ask(const struct bl_query_target *target) {
    ck_assert_msg(bl_queries_ask(&queries, target, NOW) == BELAY_OK, "%s", belay_error());
}

/** The next question that goes out. */
static struct bl_query must_go_out(bl_time now) {
    struct bl_query query;
    ck_assert_ptr_nonnull(bl_queries_next(&queries, now, question));
    ck_assert(bl_query_read(&query, question, sizeof question));
    return query;
}

/** What a server with this key would say to the last question that went out. */
static struct bl_info reply_to(const struct bl_query *query, uint8_t key) {
    struct bl_info info = {.sessions = 1, .session_max = 8, .data = question, .data_size = 0};
    memcpy(info.nonce, query->nonce, sizeof info.nonce);
    memset(info.key, key, sizeof info.key);
    return info;
}

static bool hear(const struct bl_info *info, const char *from, bl_time now,
                 struct bl_query_answer *out) {
    static uint8_t data[BL_QUERY_SIZE];
    struct bl_datagram datagram = {.address = address_of(from), .data = data};
    datagram.size = bl_info_write(data, info);
    return bl_queries_take(&queries, &datagram, now, out);
}

START_TEST(a_question_is_answered_once) {
    struct bl_query_answer got;
    const struct bl_query_target target = target_of("10.0.0.1:7777");
    must_ask(&target);
    struct bl_query query = must_go_out(NOW);
    ck_assert_uint_eq(query.game, GAME);
    struct bl_info info = reply_to(&query, 5);
    ck_assert(hear(&info, "10.0.0.1:7777", NOW + 30 * BL_MILLISECOND, &got));
    ck_assert(got.has_key);
    ck_assert_int_eq(got.round_trip, 30 * BL_MILLISECOND);
    ck_assert(!hear(&info, "10.0.0.1:7777", NOW + 30 * BL_MILLISECOND, &got));
    ck_assert_int_eq(bl_queries_due(&queries), BL_TIME_NEVER);
}
END_TEST

/* Each row is one answer that is not to be believed. */
static const struct {
    const char *name;
    unsigned nonce_at; /* this byte of the nonce is another; 8 = none */
    const char *from;
    uint8_t key;
} lies[] = {
    {"a wrong nonce", 0, "10.0.0.1:7777", 5},
    {"a nonce wrong in the middle", 6, "10.0.0.1:7777", 5},
    {"a sending that never was", 7, "10.0.0.1:7777", 5},
    {"from another address", 8, "10.0.0.2:7777", 5},
    {"from another port", 8, "10.0.0.1:7778", 5},
    {"another key than the invite's", 8, "10.0.0.1:7777", 6},
    {"no key", 8, "10.0.0.1:7777", 0},
};

START_TEST(a_lie_is_not_heard) {
    struct bl_query_answer got;
    struct bl_query_target target = target_of("10.0.0.1:7777");
    target.has_key = true;
    memset(target.key, 5, sizeof target.key);
    must_ask(&target);
    struct bl_query query = must_go_out(NOW);
    struct bl_info info = reply_to(&query, lies[_i].key);
    if (lies[_i].nonce_at < sizeof info.nonce) {
        info.nonce[lies[_i].nonce_at] ^= 1;
    }
    ck_assert_msg(!hear(&info, lies[_i].from, NOW, &got), "%s", lies[_i].name);
    info = reply_to(&query, 5);
    ck_assert(hear(&info, "10.0.0.1:7777", NOW, &got)); /* and changes nothing */
}
END_TEST

/* Any bytes at all may come from a network. */
START_TEST(a_malformed_answer_is_not_heard) {
    struct bl_query_answer got;
    uint8_t data[BL_QUERY_SIZE];
    struct bl_datagram datagram = {.address = address_of("10.0.0.1:7777"), .data = data};
    const struct bl_query_target target = target_of("10.0.0.1:7777");
    must_ask(&target);
    struct bl_query query = must_go_out(NOW);
    struct bl_info info = reply_to(&query, 5);
    size_t size = bl_info_write(data, &info);
    for (datagram.size = 1; datagram.size < size; datagram.size++) {
        ck_assert(!bl_queries_take(&queries, &datagram, NOW, &got));
    }
    datagram.size = size + 1;
    ck_assert(!bl_queries_take(&queries, &datagram, NOW, &got));
    datagram.size = size;
    ck_assert(bl_queries_take(&queries, &datagram, NOW, &got));
}
END_TEST

START_TEST(a_question_is_repeated_and_then_forgotten) {
    static const bl_time times[] = {0, 500, 1000};
    struct bl_query_answer got;
    struct bl_query query = {0};
    const struct bl_query_target target = target_of("10.0.0.1:7777");
    must_ask(&target);
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        bl_time now = NOW + times[i] * BL_MILLISECOND;
        ck_assert_int_eq(bl_queries_due(&queries), now);
        query = must_go_out(now);
        ck_assert_ptr_null(bl_queries_next(&queries, now, question));
    }
    bl_time end = NOW + BELAY_QUERY_MS * BL_MILLISECOND;
    ck_assert_int_eq(bl_queries_due(&queries), end);
    ck_assert_ptr_null(bl_queries_next(&queries, end - 1, question));
    ck_assert_uint_eq(queries.count, 1);
    ck_assert_ptr_null(bl_queries_next(&queries, end, question));
    ck_assert_uint_eq(queries.count, 0);
    struct bl_info info = reply_to(&query, 5);
    ck_assert(!hear(&info, "10.0.0.1:7777", end, &got));
}
END_TEST

/* The answer to the first sending may come after the second: its round trip is its own. */
START_TEST(each_sending_has_a_round_trip_of_its_own) {
    struct bl_query_answer got;
    const struct bl_query_target target = target_of("10.0.0.1:7777");
    must_ask(&target);
    struct bl_query first = must_go_out(NOW);
    struct bl_query second = must_go_out(NOW + BL_QUERY_INTERVAL);
    ck_assert_mem_eq(first.nonce, second.nonce, 7); /* the same process behind a balancer */
    struct bl_info info = reply_to(_i == 0 ? &first : &second, 5);
    ck_assert(hear(&info, "10.0.0.1:7777", NOW + 600 * BL_MILLISECOND, &got));
    ck_assert_int_eq(got.round_trip, (_i == 0 ? 600 : 100) * BL_MILLISECOND);
}
END_TEST

START_TEST(everybody_may_answer_and_each_server_counts_once) {
    struct bl_query_answer got;
    struct bl_query_target target = target_of("255.255.255.255:7777");
    target.everybody = true;
    must_ask(&target);
    struct bl_query query = must_go_out(NOW);
    struct bl_info info = reply_to(&query, 5);
    ck_assert(hear(&info, "10.0.0.1:7777", NOW, &got));
    ck_assert(!hear(&info, "10.0.0.1:7777", NOW, &got));
    ck_assert(!hear(&info, "[fe80::1]:7777", NOW, &got)); /* the same one over IPv6 */
    info = reply_to(&query, 6);
    ck_assert(hear(&info, "10.0.0.1:7777", NOW, &got));
    info = reply_to(&query, 0); /* without keys, addresses tell servers apart */
    ck_assert(hear(&info, "10.0.0.3:7777", NOW, &got));
    ck_assert(!got.has_key);
    ck_assert(!hear(&info, "10.0.0.3:7777", NOW, &got));
    ck_assert(hear(&info, "10.0.0.4:7777", NOW, &got));
}
END_TEST

START_TEST(a_crowd_of_answers_has_an_end) {
    struct bl_query_answer got;
    struct bl_query_target target = target_of("255.255.255.255:7777");
    unsigned heard = 0;
    target.everybody = true;
    must_ask(&target);
    struct bl_query query = must_go_out(NOW);
    size_t used = memory.used;
    for (unsigned i = 1; i < 1000; i++) {
        struct bl_info info = reply_to(&query, 0);
        memcpy(info.key, &i, sizeof i);
        heard += hear(&info, "10.0.0.1:7777", NOW, &got);
    }
    ck_assert_uint_eq(heard, BL_QUERY_SERVERS_MAX);
    ck_assert_uint_eq(memory.used, used);
}
END_TEST

START_TEST(questions_are_limited_in_number) {
    const struct bl_query_target target = target_of("10.0.0.1:7777");
    for (int i = 0; i < BL_QUERIES_MAX; i++) {
        must_ask(&target);
    }
    ck_assert_int_eq(bl_queries_ask(&queries, &target, NOW), BELAY_E_WOULD_BLOCK);
    struct bl_query query = must_go_out(NOW);
    struct bl_query_answer got;
    struct bl_info info = reply_to(&query, 5);
    ck_assert(hear(&info, "10.0.0.1:7777", NOW, &got));
    must_ask(&target);
}
END_TEST

START_TEST(no_memory_for_a_question_leaves_nothing_behind) {
    struct bl_query_target target = target_of("255.255.255.255:7777");
    target.everybody = true;
    must_ask(&target);
    memory.used_max = memory.used + (_i == 0 ? 1 : 1024);
    ck_assert_int_eq(bl_queries_ask(&queries, &target, NOW), BELAY_E_NO_MEMORY);
    ck_assert_uint_eq(queries.count, 1);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, an_answer_tells_what_anybody_may_know);
    tcase_add_test(tests, the_key_is_shown_only_where_it_lets_in);
    tcase_add_test(tests, public_info_has_a_limit);
    tcase_add_loop_test(tests, only_who_plays_the_game_is_answered, 0, COUNT_OF(questions));
    tcase_add_test(tests, a_short_or_a_long_question_is_dropped);
    tcase_add_test(tests, a_flood_from_one_address_is_limited_and_costs_others_nothing);
    tcase_add_test(tests, a_flood_from_a_whole_network_is_limited);
    tcase_add_test(tests, a_question_is_answered_once);
    tcase_add_loop_test(tests, a_lie_is_not_heard, 0, COUNT_OF(lies));
    tcase_add_test(tests, a_malformed_answer_is_not_heard);
    tcase_add_test(tests, a_question_is_repeated_and_then_forgotten);
    tcase_add_loop_test(tests, each_sending_has_a_round_trip_of_its_own, 0, 2);
    tcase_add_test(tests, everybody_may_answer_and_each_server_counts_once);
    tcase_add_test(tests, a_crowd_of_answers_has_an_end);
    tcase_add_test(tests, questions_are_limited_in_number);
    tcase_add_loop_test(tests, no_memory_for_a_question_leaves_nothing_behind, 0, 2);
}

TEST_MAIN("query", add_tests)
