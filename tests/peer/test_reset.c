/* RESET: how a client finds out that its server knows nothing of it, and whom it believes that. */
#include "tests/peer/bare.h"
#include "tests/support/test.h"

#define RESETS_A_SECOND 4000

/** As the server writes it. */
static size_t reset_of(uint32_t tag, uint8_t out[BL_RESET_SIZE]) {
    struct bl_reset reset = {.tag = tag};
    bl_reset_token(reset.token, server.endpoint->gate.opts.admission->ticket_keys, tag);
    return bl_reset_write(out, &reset);
}

/** The client of a link that stands hears it from the server's address. */
static void client_hears(const uint8_t *data, size_t size) {
    uint8_t copy[BL_DATAGRAM_SIZE_MAX];
    memcpy(copy, data, size);
    const struct bl_datagram datagram = {.address = client.net->local, .data = copy, .size = size};
    ck_assert_uint_eq(bl_net_send(server.net, &datagram, 1), 1);
    serve(&client);
}

START_TEST(a_reset_of_either_tag_tells_the_client_that_its_link_is_gone) {
    uint8_t reset[BL_RESET_SIZE];
    open_all();
    link_up();
    const struct bl_accept_params *params = &client.dialed.params;
    client_hears(reset, reset_of(_i == 0 ? params->tag : params->spare_tag, reset));
    ck_assert_uint_eq(client.gone_count, 1);
    ck_assert_uint_eq(dropped_count(&client), 0);
    close_all();
}
END_TEST

START_TEST(a_reset_is_believed_from_any_address) {
    uint8_t reset[BL_RESET_SIZE];
    open_all();
    link_up();
    bare_send(&client.net->local, reset, reset_of(client.dialed.params.tag, reset));
    serve(&client);
    ck_assert_uint_eq(client.gone_count, 1); /* a server of many addresses answers from its own */
    close_all();
}
END_TEST

START_TEST(a_reset_with_any_bit_altered_is_dropped) {
    uint8_t reset[BL_RESET_SIZE];
    open_all();
    link_up();
    size_t size = reset_of(client.dialed.params.tag, reset);
    for (size_t bit = 8 * 2; bit < 8 * size; bit++) { /* kind and steering are not proven */
        reset[bit / 8] ^= (uint8_t)(1U << bit % 8);
        client_hears(reset, size);
        reset[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    ck_assert_uint_eq(client.gone_count, 0);
    ck_assert_uint_eq(client.stats.dropped[BELAY_DROP_FORGED], 8 * (size - 2));
    client_hears(reset, size);
    ck_assert_uint_eq(client.gone_count, 1);
    close_all();
}
END_TEST

START_TEST(a_reset_of_any_other_length_is_dropped) {
    uint8_t reset[BL_RESET_SIZE + 1] = {0};
    open_all();
    link_up();
    size_t size = reset_of(client.dialed.params.tag, reset);
    for (size_t i = 1; i <= size + 1; i++) {
        if (i != size) {
            client_hears(reset, i);
        }
    }
    ck_assert_uint_eq(client.gone_count, 0);
    ck_assert_uint_eq(client.stats.dropped[BELAY_DROP_KIND], size);
    close_all();
}
END_TEST

/** Proven for one tag, it says nothing of the other. */
START_TEST(a_reset_of_another_tag_is_dropped) {
    uint8_t reset[BL_RESET_SIZE], other[BL_RESET_SIZE];
    open_all();
    link_up();
    const struct bl_accept_params *params = &client.dialed.params;
    client_hears(reset,
                 reset_of(params->tag ^ 1, reset)); /* a true one of the server, for nobody */
    reset_of(params->tag, reset);
    size_t size = reset_of(params->spare_tag, other);
    memcpy(reset + 6, other + 6, BL_RESET_TOKEN_SIZE);
    client_hears(reset, size);
    ck_assert_uint_eq(client.gone_count, 0);
    ck_assert_uint_eq(client.stats.dropped[BELAY_DROP_FORGED], 2);
    close_all();
}
END_TEST

START_TEST(a_reset_of_a_link_that_was_released_is_dropped_and_ends_its_last_words) {
    uint8_t reset[BL_RESET_SIZE];
    open_all();
    link_up();
    set_link(&(struct belay_link){.cut_up = true});
    say(&client, BL_ORDERED);
    bl_endpoint_release(client.endpoint, client.peer, PATIENCE, LINGER);
    serve(&client);
    ck_assert(bl_endpoint_is_lingering(client.endpoint));
    client_hears(reset, reset_of(client.dialed.params.tag, reset));
    ck_assert(!bl_endpoint_is_lingering(client.endpoint)); /* nobody is there to acknowledge them */
    ck_assert_uint_eq(client.gone_count, 0);
    client_hears(reset, reset_of(client.dialed.params.tag, reset)); /* a tombstone by now */
    ck_assert_uint_eq(client.stats.dropped[BELAY_DROP_FORGED], 1);
    close_all();
}
END_TEST

START_TEST(without_a_link_a_reset_is_dropped) {
    uint8_t reset[BL_RESET_SIZE];
    open_all();
    client_hears(reset, reset_of(0, reset)); /* the tag that a client without a link knows */
    client_hears(reset, reset_of(7, reset));
    ck_assert_uint_eq(client.stats.dropped[BELAY_DROP_FORGED], 2);
    close_all();
}
END_TEST

START_TEST(a_server_takes_no_reset_and_answers_none) {
    uint8_t reset[BL_RESET_SIZE];
    struct bl_datagram answer;
    open_all();
    link_up();
    bare_send(&server.net->local, reset, reset_of(client.dialed.params.tag, reset));
    serve(&server);
    ck_assert_uint_eq(server.gone_count, 0);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_KIND], 1);
    ck_assert_uint_eq(bl_net_receive(bare, &answer, 1), 0);
    close_all();
}
END_TEST

/* The server's side. */

/** DATA, the least there is, of a tag that leads nowhere. */
static size_t stray_data(uint32_t tag, uint8_t out[BL_DATA_HEADER_SIZE + BL_DATA_TAG_SIZE]) {
    const struct bl_data_header header = {
        .kind = BL_DATAGRAM_DATA, .steered = true, .tag = tag, .number = 1};
    memset(out, 0, BL_DATA_HEADER_SIZE + BL_DATA_TAG_SIZE);
    bl_data_header_write(out, &header);
    return BL_DATA_HEADER_SIZE + BL_DATA_TAG_SIZE;
}

START_TEST(data_of_a_tag_that_leads_nowhere_is_answered_with_less_than_it_is) {
    uint8_t data[BL_DATA_HEADER_SIZE + BL_DATA_TAG_SIZE], wanted[BL_RESET_SIZE];
    struct bl_datagram answer;
    open_all();
    size_t size = stray_data(0xcafebabe, data);
    bare_send(&server.net->local, data, size);
    serve(&server);
    ck_assert_uint_eq(bl_net_receive(bare, &answer, 1), 1);
    ck_assert_uint_lt(answer.size, size);
    ck_assert_uint_eq(answer.size, reset_of(0xcafebabe, wanted));
    ck_assert_mem_eq(answer.data, wanted, sizeof wanted);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_BINDING], 1);
    close_all();
}
END_TEST

START_TEST(a_client_answers_no_data_of_a_tag_that_leads_nowhere) {
    uint8_t data[BL_DATA_HEADER_SIZE + BL_DATA_TAG_SIZE];
    struct bl_datagram answer;
    open_all();
    bare_send(&client.net->local, data, stray_data(0xcafebabe, data));
    serve(&client);
    ck_assert_uint_eq(bl_net_receive(bare, &answer, 1), 0);
    ck_assert_uint_eq(client.stats.dropped[BELAY_DROP_BINDING], 1);
    close_all();
}
END_TEST

/** Else two that know nothing of each other would tell each other so. */
START_TEST(only_data_is_answered_so) {
    static const struct {
        uint8_t kind;
        size_t size;
    } others[] = {{BL_DATAGRAM_GONE, 26}, {BL_DATAGRAM_CHALLENGE, 38}, {BL_DATAGRAM_RESPONSE, 34}};
    struct bl_datagram answer;
    open_all();
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        uint8_t datagram[40] = {0};
        stray_data(0xcafebabe, datagram);
        datagram[0] = others[i].kind;
        bare_send(&server.net->local, datagram, others[i].size);
    }
    serve(&server);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_BINDING], COUNT_OF(others));
    ck_assert_uint_eq(bl_net_receive(bare, &answer, 1), 0);
    close_all();
}
END_TEST

START_TEST(who_forges_a_tag_that_stands_hears_nothing) {
    uint8_t data[BL_DATA_HEADER_SIZE + BL_DATA_TAG_SIZE];
    struct bl_datagram answer;
    open_all();
    link_up();
    const struct bl_accept_params *params = &client.dialed.params;
    bare_send(&server.net->local, data, stray_data(params->tag, data));
    bare_send(&server.net->local, data, stray_data(params->spare_tag, data));
    serve(&server);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_FORGED], 2);
    ck_assert_uint_eq(bl_net_receive(bare, &answer, 1), 0); /* its proof would end the link */
    close_all();
}
END_TEST

/** Stray datagrams at once. @return how many are answered */
static unsigned answered_of(unsigned count) {
    uint64_t before = server.stats.datagrams_out;
    for (unsigned i = 0; i < count; i++) {
        uint8_t data[BL_DATA_HEADER_SIZE + BL_DATA_TAG_SIZE];
        bare_send(&server.net->local, data, stray_data(0x10000 + i, data));
        if (i % 100 == 99) {
            struct bl_datagram batch[BL_NET_BATCH_MAX];
            serve(&server);
            while (bl_net_receive(bare, batch, BL_NET_BATCH_MAX) > 0) {
            }
        }
    }
    return (unsigned)(server.stats.datagrams_out - before);
}

START_TEST(a_flood_of_such_data_is_answered_at_a_rate) {
    open_all();
    ck_assert_uint_eq(answered_of(RESETS_A_SECOND + 500), RESETS_A_SECOND);
    belay_sim_advance(sim, 250);
    ck_assert_uint_eq(answered_of(RESETS_A_SECOND), RESETS_A_SECOND / 4);
    close_all();
}
END_TEST

/** Everything of the server's life is lost but the key of its tickets. */
static void restart_server(void) {
    struct bl_endpoint *endpoint = server.endpoint;
    const struct bl_endpoint_opts opts = {
        .memory = &server.memory,
        .wheel = &server.wheel,
        .net = server.net,
        .ops = endpoint->ops,
        .user = &server,
        .stats = &server.stats,
        .game = GAME,
        .peer_max = PEERS_MAX,
        .channel_count = 2,
        .admission = endpoint->gate.opts.admission,
    };
    bl_endpoint_destroy(endpoint);
    ck_assert_int_eq(bl_endpoint_create(&server.endpoint, &opts), BELAY_OK);
}

START_TEST(a_server_that_has_started_again_is_found_out_within_a_round_trip) {
    open_all();
    link_up();
    set_link(&(struct belay_link){.delay_ms = 40});
    restart_server();
    say(&client, BL_ORDERED);
    run(70 * BL_MILLISECOND);
    ck_assert_uint_eq(client.gone_count, 0);
    run(20 * BL_MILLISECOND);
    ck_assert_uint_eq(client.gone_count, 1);
    close_all();
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_reset_of_either_tag_tells_the_client_that_its_link_is_gone, 0, 2);
    tcase_add_test(tests, a_reset_is_believed_from_any_address);
    tcase_add_test(tests, a_reset_with_any_bit_altered_is_dropped);
    tcase_add_test(tests, a_reset_of_any_other_length_is_dropped);
    tcase_add_test(tests, a_reset_of_another_tag_is_dropped);
    tcase_add_test(tests, a_reset_of_a_link_that_was_released_is_dropped_and_ends_its_last_words);
    tcase_add_test(tests, without_a_link_a_reset_is_dropped);
    tcase_add_test(tests, a_server_takes_no_reset_and_answers_none);
    tcase_add_test(tests, data_of_a_tag_that_leads_nowhere_is_answered_with_less_than_it_is);
    tcase_add_test(tests, a_client_answers_no_data_of_a_tag_that_leads_nowhere);
    tcase_add_test(tests, only_data_is_answered_so);
    tcase_add_test(tests, who_forges_a_tag_that_stands_hears_nothing);
    tcase_add_test(tests, a_flood_of_such_data_is_answered_at_a_rate);
    tcase_add_test(tests, a_server_that_has_started_again_is_found_out_within_a_round_trip);
}

TEST_MAIN("peer reset", add_tests)
