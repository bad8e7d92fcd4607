/*
 * The attacks that stock ENet 1.3.17 falls to, one by one, against an endpoint with a client that
 * is busy all the while. Each is called by its name; bench/ shows what it does to ENet alone.
 *
 * An off-path attacker knows addresses and ports and can write them on his datagrams; here he sends
 * from the party's own socket. A token holder has been let in, and seals what he says (bare.h).
 */
#include "tests/peer/bare.h"
#include "tests/support/test.h"

#define FRAGMENT 0x88 /* SEND_FRAGMENT, to be acknowledged */

/** Client and server have said 20 words each, and hear them. */
static void must_be_well(void) {
    unsigned server_words = server.word_count, client_words = client.word_count;
    for (int i = 0; i < 20; i++) {
        say_word(&client);
        say_word(&server);
        run(10 * BL_MILLISECOND);
    }
    run(20 * BL_MILLISECOND);
    ck_assert_uint_eq(server.word_count, server_words + 20);
    ck_assert_uint_eq(client.word_count, client_words + 20);
    ck_assert_uint_eq(server.gone_count + client.gone_count + server.migrated_count, 0);
}

static void begin(void) {
    open_all();
    link_up();
    must_be_well();
}

static void spoof(const struct party *from, const struct party *to, const void *data, size_t size) {
    uint8_t copy[BL_DATAGRAM_SIZE_MAX];
    memcpy(copy, data, size);
    ck_assert_uint_eq(
        bl_net_send(from->net,
                    &(struct bl_datagram){.address = to->net->local, .data = copy, .size = size},
                    1),
        1);
}

/** The header of DATA with the binding's true tag, and zeros where the seal would be. */
static size_t unsealed(const struct party *party, const void *payload, size_t size,
                       uint8_t out[BL_DATAGRAM_SIZE_MAX]) {
    const struct bl_binding *binding = party->peer->binding;
    const struct bl_data_header header = {
        .kind = BL_DATAGRAM_DATA, .steered = true, .tag = binding->tag, .number = 1000};
    bl_data_header_write(out, &header);
    memcpy(out + BL_DATA_HEADER_SIZE, payload, size);
    memset(out + BL_DATA_HEADER_SIZE + size, 0, BL_DATA_TAG_SIZE);
    return BL_DATA_HEADER_SIZE + size + BL_DATA_TAG_SIZE;
}

/** Throws ENet's bytes at both ends from the other's address, as they are and behind a header. */
static void throw_at_both(const void *payload, size_t size) {
    uint8_t datagram[BL_DATAGRAM_SIZE_MAX];
    spoof(&client, &server, payload, size);
    spoof(&server, &client, payload, size);
    size_t whole = unsealed(&client, payload, size, datagram);
    spoof(&client, &server, datagram, whole);
    spoof(&server, &client, datagram, whole);
}

/* One of 256 datagrams ends a session of ENet's: peer id and session bits are all it checks. */
START_TEST(off_path_disconnect) {
    begin();
    uint64_t dropped = dropped_count(&server) + dropped_count(&client);
    for (unsigned id = 0; id < 64; id++) {
        for (unsigned session = 0; session < 4; session++) {
            const uint8_t disconnect[] = {(uint8_t)(0x80 | session << 4),
                                          (uint8_t)id,
                                          0,
                                          0,
                                          0x04 | 0x40,
                                          0xff,
                                          0,
                                          1,
                                          0,
                                          0,
                                          0,
                                          0};
            throw_at_both(disconnect, sizeof disconnect);
        }
        run(5 * BL_MILLISECOND);
    }
    ck_assert_uint_eq(dropped_count(&server) + dropped_count(&client) - dropped, 4 * 256);
    ck_assert(server.peer->connected && client.peer->connected);
    must_be_well();
    close_all();
}
END_TEST

START_TEST(message_injection) {
    begin();
    unsigned packets = server.packet_count + client.packet_count;
    for (unsigned session = 0; session < 4; session++) {
        for (uint16_t sequence = 0; sequence < 100; sequence++) {
            uint8_t message[100];
            struct bl_writer writer = enet_begin(message, sizeof message, 0);
            message[0] |= (uint8_t)(session << 4);
            enet_reliable(&writer, 0, sequence, "injected", 8);
            enet_unsequenced(&writer, sequence, "injected", 8);
            throw_at_both(message, bl_writer_size(&writer));
        }
        run(5 * BL_MILLISECOND);
    }
    ck_assert_uint_eq(server.packet_count + client.packet_count, packets);
    must_be_well();
    close_all();
}
END_TEST

/* 200 CONNECT take every slot of ENet's for 31.5 s. Here a stranger's OPEN holds nothing until its
 * address is proven, and ENet's own CONNECT is no datagram of ours at all. */
START_TEST(slot_exhaustion) {
    static struct bare it;
    static const uint8_t connect[52] = {0x8f, 0xff, 0, 0, 0x82, 0xff};
    begin();
    size_t used = server.memory.used, enet_used = enet_heap.used;
    struct bl_peer *peer = server.peer;
    bare_create(&it);
    for (uint32_t i = 0; i < 5000; i++) {
        uint8_t open[BL_OPEN_SIZE];
        memcpy(open, it.dial.open, sizeof open);
        memcpy(open + 14, &i, sizeof i); /* another nonce */
        bare_throw(&it, open, sizeof open);
        bare_throw(&it, connect, sizeof connect);
        if (i % 100 == 0) {
            run(5 * BL_MILLISECOND);
        }
    }
    run(5 * BL_MILLISECOND);
    ck_assert_uint_eq(bl_endpoint_pending_count(server.endpoint), 0);
    ck_assert_uint_eq(server.memory.used, used);
    ck_assert_uint_eq(enet_heap.used, enet_used);
    ck_assert_uint_eq(server.bound_count, 1);
    bare_destroy(&it);
    bare_enter(&it);
    bare_say_data(&it);
    serve(&server);
    ck_assert_uint_eq(server.bound_count, 2);
    server.peer = peer;
    must_be_well();
    bare_destroy(&it);
    close_all();
}
END_TEST

/** Bytes that have come to a socket since the last look. */
static uint64_t received(struct bl_net *net) {
    struct bl_datagram batch[BL_NET_BATCH_MAX];
    uint64_t bytes = 0;
    for (size_t count; (count = bl_net_receive(net, batch, BL_NET_BATCH_MAX)) > 0;) {
        for (size_t i = 0; i < count; i++) {
            bytes += batch[i].size;
        }
    }
    return bytes;
}

/* A CONNECT of 52 bytes makes ENet send 288. Here the answer is never larger than the question, and
 * nothing that a stranger has asked for is sent twice. */
START_TEST(amplification) {
    static struct bare it;
    begin();
    bare_create(&it);
    uint64_t sent = 0, got = 0;
    for (unsigned kind = 0; kind <= 0xff; kind++) {
        static const size_t sizes[] = {1, 26, 34, 52, 67, 640, 1200};
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            uint8_t datagram[BL_OPEN_SIZE];
            memcpy(datagram, it.dial.open, sizeof datagram); /* well-formed but for the kind */
            datagram[0] = (uint8_t)kind;
            datagram[4] = (uint8_t)(1 + i % 3);
            bare_throw(&it, datagram, sizes[i]);
            serve(&server);
            uint64_t answer = received(it.net);
            ck_assert_msg(answer <= sizes[i], "kind %u, %zu bytes", kind, sizes[i]);
            sent += sizes[i];
            got += answer;
        }
    }
    run(30 * BL_SECOND);
    got += received(it.net);
    ck_assert_uint_gt(got, 0);
    ck_assert_uint_lt(got, sent);

    bare_get_cookie(&it); /* and one that gets as far as an ACCEPT, and is silent then */
    bare_open(&it);
    bare_answer_of_kind(&it, BL_DATAGRAM_ACCEPT);
    run(30 * BL_SECOND);
    ck_assert_uint_eq(received(it.net), 0);
    must_be_well();
    bare_destroy(&it);
    close_all();
}
END_TEST

/* Whoever has been let in writes a victim's address on its first word: the victim has proven
 * nothing, so it gets no more than "it" has sent. */
START_TEST(amplification_by_a_client_that_gives_another_address_as_its_own) {
    static struct bare it;
    uint64_t sent = 0, got = 0;
    open_all();
    bare_enter(&it);
    it.net = bare; /* the victim's */
    for (int i = 0; i < 100; i++) {
        uint8_t ack[100], datagram[BL_DATAGRAM_SIZE_MAX];
        size_t size = bare_seal(&it, BL_DATAGRAM_DATA, ack, bare_ack(ack), datagram);
        bare_throw(&it, datagram, size);
        sent += size;
        serve(&server);
        for (int j = 0; j < 10; j++) {
            struct bl_packet *packet = bl_packet_create(1000, BL_UNSEQUENCED);
            memset(bl_packet_data(packet), 0, 1000);
            ck_assert(bl_peer_send(server.peer, 0, packet));
            bl_packet_release(packet);
        }
        run(20 * BL_MILLISECOND);
        got += received(bare);
        ck_assert_uint_le(got, sent);
    }
    ck_assert_uint_gt(received(it.own_net), 0); /* the rest goes where ACCEPT was received */
    bare_destroy(&it);
    close_all();
}
END_TEST

/* One datagram over 4,096 bytes makes enet_host_service() fail. */
START_TEST(oversize_datagram) {
    static uint8_t large[65507];
    static const size_t sizes[] = {1201, 4096, 4097, sizeof large};
    begin();
    uint64_t in = server.stats.datagrams_in;
    for (unsigned kind = 0; kind <= 10; kind++) {
        large[0] = (uint8_t)kind;
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            const struct bl_datagram datagram = {
                .address = server.net->local, .data = large, .size = sizes[i]};
            ck_assert_uint_eq(bl_net_send(bare, &datagram, 1), 1);
        }
    }
    serve(&server);
    ck_assert_uint_eq(server.net->oversize_count, 11 * COUNT_OF(sizes));
    ck_assert_uint_eq(server.stats.datagrams_in, in);
    must_be_well();
    close_all();
}
END_TEST

/** A first fragment of 32 MiB in a million pieces, 29 bytes long with its header. */
static size_t bomb(uint8_t out[100], uint16_t sequence) {
    struct bl_writer writer = enet_begin(out, 100, 0);
    enet_command(&writer, FRAGMENT, 0, sequence);
    bl_write_u16(&writer, sequence);
    bl_write_u16(&writer, 1);
    bl_write_u32(&writer, 1024 * 1024);
    bl_write_u32(&writer, 0);
    bl_write_u32(&writer, 32 * 1024 * 1024);
    bl_write_u32(&writer, 0);
    bl_write_u8(&writer, 'x');
    return bl_writer_size(&writer);
}

/* Of a stranger and of a token holder alike. */
START_TEST(fragment_bomb) {
    static struct bare it;
    uint8_t fragment[100];
    begin();
    struct bl_peer *peer = server.peer;
    bare_enter(&it);
    bare_say_data(&it);
    serve(&server);
    enet_heap.used_max = enet_heap.used;
    size_t used = enet_heap.used;
    for (uint16_t sequence = 1; sequence <= 20; sequence++) {
        size_t size = bomb(fragment, sequence);
        throw_at_both(fragment, size);
        bare_say(&it, BL_DATAGRAM_DATA, fragment, size);
        serve(&server);
        serve(&client);
    }
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_COMMAND], 20);
    ck_assert_uint_lt(enet_heap.used_max - used, 1024);
    server.peer = peer;
    must_be_well();
    bare_destroy(&it);
    close_all();
}
END_TEST

/* An empty datagram ends ENet's receive loop: a few hundred a second starve everybody behind them.
 */
START_TEST(empty_datagrams) {
    begin();
    unsigned words = server.word_count;
    for (int i = 0; i < 1000; i++) {
        uint8_t nothing[1];
        const struct bl_datagram empty = {.address = server.net->local, .data = nothing, .size = 0};
        ck_assert_uint_eq(bl_net_send(bare, &empty, 1), 1);
    }
    say_word(&client);
    serve(&client);
    while (bl_endpoint_receive(server.endpoint)) {
    }
    ck_assert_uint_eq(server.word_count, words + 1); /* in the same call, behind all of them */
    ck_assert_uint_eq(server.net->empty_count, 1000);
    must_be_well();
    close_all();
}
END_TEST

#define RATE 2 /* handshakes a second; BL_HANDSHAKE_BURST seconds' worth may come at once */

/* A stranger who really has his address, and as many ports as he likes. */
START_TEST(one_address_taking_every_slot) {
    static struct bare bares[100];
    unsigned accepted = 0;
    open_all_with(&(struct setting){.peer_max = 64, .rate = RATE});
    for (size_t i = 0; i < COUNT_OF(bares); i++) {
        struct bare *it = &bares[i];
        char place[32];
        bare_create(it);
        bl_net_close(it->own_net);
        snprintf(place, sizeof place, "10.66.66.66:%u", 1000U + (unsigned)i);
        it->net = it->own_net = open_net(place, it);
        bare_get_cookie(it);
        bare_open(it);
        const struct bl_datagram *answer = bare_answer(it);
        if (answer != NULL) {
            bare_take_accept(it, answer);
            bare_say_data(it);
            serve(&server);
            accepted++;
        }
    }
    ck_assert_uint_eq(accepted, BL_HANDSHAKE_BURST * RATE);
    ck_assert_uint_eq(server.stats.dropped[BELAY_DROP_RATE], COUNT_OF(bares) - accepted);
    ck_assert_uint_eq(server.bound_count, accepted);
    dial(); /* from elsewhere, at the same moment */
    run(20 * BL_MILLISECOND);
    say(&client, BL_ORDERED);
    run(20 * BL_MILLISECOND);
    ck_assert_uint_eq(client.bound_count, 1);
    ck_assert_uint_eq(server.bound_count, accepted + 1);
    for (size_t i = 0; i < COUNT_OF(bares); i++) {
        bare_destroy(&bares[i]);
    }
    close_all();
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, off_path_disconnect);
    tcase_add_test(tests, message_injection);
    tcase_add_test(tests, slot_exhaustion);
    tcase_add_test(tests, amplification);
    tcase_add_test(tests, amplification_by_a_client_that_gives_another_address_as_its_own);
    tcase_add_test(tests, oversize_datagram);
    tcase_add_test(tests, fragment_bomb);
    tcase_add_test(tests, empty_datagrams);
    tcase_add_test(tests, one_address_taking_every_slot);
}

TEST_MAIN("peer attacks", add_tests)
