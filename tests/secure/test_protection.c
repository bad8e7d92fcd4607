/*
 * The protection of one binding, both ends of it: by story, and in random runs with loss,
 * overtaking, forgeries and keys that change.
 */
#include "lib/secure/protection.h"

#include "tests/support/test.h"
#include <stdlib.h>
#include <string.h>

#define START (1000 * BL_SECOND)

/** A datagram as it travels. */
struct sent {
    uint8_t bytes[BL_DATA_HEADER_SIZE + BL_DATA_PAYLOAD_MAX + BL_AEAD_SIZE];
    size_t size;
    uint64_t number;
};

static struct bl_random random;
static struct bl_secret up, down;
static struct bl_protection client, server;
static bl_time now;

static void start_with(enum bl_suite suite) {
    bl_random_bytes(&random, &up, sizeof up);
    bl_random_bytes(&random, &down, sizeof down);
    const struct bl_secret of_client[2] = {up, down};
    const struct bl_secret of_server[2] = {down, up};
    now = START;
    bl_protection_init(&client, suite, of_client, now);
    bl_protection_init(&server, suite, of_server, now);
    server.send_number = 1; /* its ACCEPT was number 0 */
}

static void start(void) {
    bl_random_init_seeded(&random, 31);
    start_with(BL_SUITE_CHACHA20);
}

static void seal_kind(struct bl_protection *end, struct sent *out, enum bl_datagram_kind kind,
                      size_t size) {
    struct bl_protected job = {
        .header = {.kind = kind, .steered = end == &client, .tag = 0xcafebabe},
        .datagram = out->bytes,
        .payload_size = size,
    };
    for (size_t i = 0; i < size; i++) {
        out->bytes[BL_DATA_HEADER_SIZE + i] = (uint8_t)i;
    }
    out->size = bl_protection_seal(end, &job, now);
    out->number = job.number;
}

static struct sent sealed(struct bl_protection *end) {
    struct sent out;
    seal_kind(end, &out, BL_DATAGRAM_DATA, 20);
    return out;
}

/** Of a copy, so that a datagram can be tried again. */
static bool open_into(struct bl_protection *end, const struct sent *datagram,
                      struct bl_protected *in) {
    static struct sent copy;
    copy = *datagram;
    *in = (struct bl_protected){.datagram = copy.bytes,
                                .payload_size = copy.size - BL_DATA_HEADER_SIZE - BL_AEAD_SIZE};
    return bl_data_header_read(&in->header, copy.bytes, copy.size) &&
           bl_protection_open(end, in, now);
}

static bool opens(struct bl_protection *end, const struct sent *datagram) {
    struct bl_protected in;
    return open_into(end, datagram, &in);
}

/** One datagram each way. */
static void talk(void) {
    struct sent from_client = sealed(&client);
    ck_assert(opens(&server, &from_client));
    struct sent from_server = sealed(&server);
    ck_assert(opens(&client, &from_server));
}

/** Fails when anything but the count of forgeries is different afterwards. */
static void must_be_refused(struct bl_protection *end, const struct sent *datagram) {
    uint8_t before[sizeof *end];
    uint64_t forged_count = end->forged_count;
    memcpy(before, end, sizeof before);
    ck_assert(!opens(end, datagram));
    ck_assert_uint_le(end->forged_count, forged_count + 1);
    end->forged_count = forged_count;
    ck_assert_mem_eq(before, end, sizeof before);
}

static struct bl_secret key_after(const struct bl_secret *key) {
    struct bl_secret next;
    bl_hkdf(&next, 1, key, "Belay 2 update", 14);
    return next;
}

/** A datagram under any key, as whoever knows that key could send it. */
static struct sent made(const struct bl_secret *key, bool phase, uint64_t number) {
    struct sent out = {.size = BL_DATA_HEADER_SIZE + 20 + BL_AEAD_SIZE, .number = number};
    const struct bl_data_header header = {.kind = BL_DATAGRAM_DATA,
                                          .phase = phase,
                                          .steered = true,
                                          .tag = 0xcafebabe,
                                          .number = (uint32_t)number};
    const struct bl_aead aead = {BL_SUITE_CHACHA20, key, number, out.bytes, BL_DATA_HEADER_SIZE};
    bl_data_header_write(out.bytes, &header);
    bl_aead_seal(&aead, out.bytes + BL_DATA_HEADER_SIZE, 20);
    return out;
}

static const struct shape {
    enum bl_datagram_kind kind;
    size_t payload_size, size;
} shapes[] = {
    {BL_DATAGRAM_DATA, 1, 27},       {BL_DATAGRAM_DATA, 1174, 1200}, {BL_DATAGRAM_GONE, 0, 26},
    {BL_DATAGRAM_CHALLENGE, 12, 38}, {BL_DATAGRAM_RESPONSE, 8, 34},
};

START_TEST(what_is_sealed_opens_at_the_other_end) {
    for (int suite = 0; suite < BL_SUITE_COUNT; suite++) {
        if ((bl_suites() >> suite & 1) == 0) {
            continue;
        }
        start_with((enum bl_suite)suite);
        for (size_t i = 0; i < COUNT_OF(shapes); i++) {
            struct sent datagram;
            struct bl_protected in;
            seal_kind(&client, &datagram, shapes[i].kind, shapes[i].payload_size);
            ck_assert_uint_eq(datagram.size, shapes[i].size);
            ck_assert(open_into(&server, &datagram, &in));
            ck_assert_int_eq(in.header.kind, shapes[i].kind);
            ck_assert_uint_eq(in.number, i);
            ck_assert_uint_eq(in.payload_size, shapes[i].payload_size);
            for (size_t j = 0; j < in.payload_size; j++) {
                ck_assert_uint_eq(in.datagram[BL_DATA_HEADER_SIZE + j], (uint8_t)j);
            }
        }
    }
}
END_TEST

START_TEST(the_first_key_seals_as_the_protocol_says) {
    struct sent datagram = sealed(&client);
    uint8_t wanted[20];
    for (size_t i = 0; i < sizeof wanted; i++) {
        wanted[i] = (uint8_t)i;
    }
    const struct bl_aead aead = {BL_SUITE_CHACHA20, &up, 0, datagram.bytes, BL_DATA_HEADER_SIZE};
    ck_assert(bl_aead_open(&aead, datagram.bytes + BL_DATA_HEADER_SIZE, sizeof wanted));
    ck_assert_mem_eq(datagram.bytes + BL_DATA_HEADER_SIZE, wanted, sizeof wanted);
}
END_TEST

START_TEST(a_datagram_does_not_open_at_the_end_that_sealed_it) {
    struct sent datagram = sealed(&client);
    must_be_refused(&client, &datagram);
}
END_TEST

START_TEST(no_bit_of_a_datagram_can_be_flipped) {
    talk(); /* so that the next key may be tried too */
    struct sent datagram = sealed(&client);
    for (size_t bit = 0; bit < 8 * datagram.size; bit++) {
        datagram.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        must_be_refused(&server, &datagram);
        datagram.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    ck_assert(opens(&server, &datagram));
}
END_TEST

START_TEST(no_byte_can_be_cut_off_or_added) {
    struct sent datagram = sealed(&client);
    const size_t size = datagram.size;
    for (datagram.size = 0; datagram.size < size + 8; datagram.size++) {
        if (datagram.size != size) {
            must_be_refused(&server, &datagram);
        }
    }
    datagram.size = size;
    ck_assert(opens(&server, &datagram));
}
END_TEST

START_TEST(a_datagram_opens_once) {
    struct sent first = sealed(&client), second = sealed(&client);
    ck_assert(opens(&server, &second));
    ck_assert(opens(&server, &first));
    must_be_refused(&server, &first);
    must_be_refused(&server, &second);
}
END_TEST

START_TEST(an_overtaken_datagram_opens_and_is_not_the_newest) {
    struct sent datagrams[3] = {sealed(&client), sealed(&client), sealed(&client)};
    static const struct {
        size_t which;
        bool newest;
    } order[] = {{1, true}, {0, false}, {2, true}};
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        struct bl_protected in;
        ck_assert(open_into(&server, &datagrams[order[i].which], &in));
        ck_assert_int_eq(in.newest, order[i].newest);
        ck_assert_uint_eq(in.number, order[i].which);
    }
}
END_TEST

START_TEST(a_datagram_1024_behind_is_too_late) {
    struct sent lost = sealed(&client), late = sealed(&client);
    client.send_number = lost.number + BL_REPLAY_WINDOW;
    struct sent newest = sealed(&client);
    ck_assert(opens(&server, &newest));
    must_be_refused(&server, &lost);
    ck_assert(opens(&server, &late));
}
END_TEST

START_TEST(numbers_go_on_where_the_header_wraps) {
    struct bl_protected in;
    talk();
    client.send_number = UINT32_MAX / 2;
    struct sent middle = sealed(&client);
    ck_assert(opens(&server, &middle));
    client.send_number = UINT32_MAX;
    struct sent last = sealed(&client), first = sealed(&client);
    ck_assert(open_into(&server, &first, &in));
    ck_assert_uint_eq(in.number, UINT64_C(1) << 32);
    ck_assert(open_into(&server, &last, &in));
    ck_assert_uint_eq(in.number, UINT32_MAX);
}
END_TEST

static void must_be_in_phase(bool phase) {
    ck_assert_int_eq(client.phase, phase);
    ck_assert_int_eq(server.phase, phase);
}

START_TEST(a_phase_ends_after_an_hour) {
    talk();
    now = START + BL_PHASE_TIME - 1;
    talk();
    must_be_in_phase(false);
    now = START + BL_PHASE_TIME;
    talk();
    must_be_in_phase(true);
    talk();
    now += BL_PHASE_TIME - 1;
    talk();
    must_be_in_phase(true);
    now += 1;
    talk();
    must_be_in_phase(false);
}
END_TEST

START_TEST(a_phase_ends_after_so_many_datagrams) {
    talk();
    client.send_number = BL_PHASE_DATAGRAMS - 1;
    talk();
    must_be_in_phase(false);
    talk();
    must_be_in_phase(true);
    client.send_number = 2 * BL_PHASE_DATAGRAMS - 1;
    talk();
    must_be_in_phase(true);
    talk();
    must_be_in_phase(false);
}
END_TEST

START_TEST(both_directions_get_their_next_keys) {
    struct bl_secret up_next = key_after(&up), down_next = key_after(&down);
    talk();
    now += BL_PHASE_TIME;
    talk();
    ck_assert_mem_eq(&client.send_key, &up_next, sizeof up_next);
    ck_assert_mem_eq(&server.now, &up_next, sizeof up_next);
    ck_assert_mem_eq(&server.send_key, &down_next, sizeof down_next);
    ck_assert_mem_eq(&client.now, &down_next, sizeof down_next);
}
END_TEST

START_TEST(a_phase_the_other_side_was_not_seen_in_is_not_left) {
    now += BL_PHASE_TIME;
    sealed(&client);
    ck_assert(!client.phase); /* nothing has been opened at all */
    struct sent from_server = sealed(&server);
    ck_assert(opens(&client, &from_server));
    sealed(&client);
    ck_assert(client.phase);
    now += 5 * BL_PHASE_TIME;
    sealed(&client);
    ck_assert(client.phase); /* the server may not have followed yet */
}
END_TEST

START_TEST(a_side_that_heard_nothing_of_the_first_phase_follows_into_the_next) {
    struct sent from_client = sealed(&client);
    ck_assert(opens(&server, &from_client));
    sealed(&server); /* lost */
    now += BL_PHASE_TIME;
    struct sent from_server = sealed(&server);
    ck_assert(server.phase);
    ck_assert(opens(&client, &from_server));
    must_be_in_phase(true);
    talk();
}
END_TEST

START_TEST(both_sides_may_begin_the_next_phase_at_once) {
    talk();
    now += BL_PHASE_TIME;
    struct sent from_client = sealed(&client), from_server = sealed(&server);
    must_be_in_phase(true);
    ck_assert(opens(&server, &from_client));
    ck_assert(opens(&client, &from_server));
    must_be_in_phase(true);
    talk();
    must_be_in_phase(true);
}
END_TEST

START_TEST(late_datagrams_of_the_phase_before_open_for_three_seconds) {
    talk();
    struct sent late = sealed(&client), later = sealed(&client);
    now += BL_PHASE_TIME;
    talk();
    must_be_in_phase(true);
    now += BL_PHASE_OVERLAP - 1;
    ck_assert(opens(&server, &late));
    must_be_in_phase(true);
    now += 1;
    ck_assert(!opens(&server, &later));
    must_be_in_phase(true);
    talk();
}
END_TEST

START_TEST(the_key_before_is_wiped_by_whatever_comes_next) {
    const struct bl_secret zeros = {{0}};
    for (int i = 0; i < 2; i++) {
        start();
        talk();
        now += BL_PHASE_TIME;
        talk();
        ck_assert_mem_ne(&server.before, &zeros, sizeof zeros);
        now += BL_PHASE_OVERLAP;
        struct sent datagram = sealed(i == 0 ? &client : &server);
        if (i == 0) {
            ck_assert(opens(&server, &datagram));
        }
        ck_assert_mem_eq(&server.before, &zeros, sizeof zeros);
    }
}
END_TEST

START_TEST(who_begins_a_phase_hears_the_one_before_until_the_other_follows) {
    talk();
    now += BL_PHASE_TIME;
    struct sent first = sealed(&client); /* takes its time */
    now -= BL_PHASE_TIME / 2;            /* the server's hour begins later */
    struct sent before = sealed(&server), after = sealed(&server);
    now += BL_PHASE_TIME / 2;
    ck_assert(opens(&client, &before));
    now += 100 * BL_PHASE_OVERLAP;
    ck_assert(opens(&client, &after));
    ck_assert(client.phase);
    ck_assert(opens(&server, &first));
    talk();
    must_be_in_phase(true);
}
END_TEST

START_TEST(the_first_datagram_of_a_phase_may_be_lost_or_overtaken) {
    talk();
    now += BL_PHASE_TIME;
    sealed(&client);
    struct sent second = sealed(&client), third = sealed(&client);
    ck_assert(opens(&server, &third));
    ck_assert(opens(&server, &second));
    must_be_in_phase(true);
    talk();
}
END_TEST

/* Anybody can flip the bit, and knows which numbers are good. */
START_TEST(forgeries_with_the_other_phase_bit_change_nothing) {
    struct bl_secret wrong = {{1, 2, 3}};
    for (int phase = 0; phase < 3; phase++) {
        for (uint64_t number = 0; number < 40; number++) {
            struct sent forged = made(&wrong, !server.phase, number);
            must_be_refused(&server, &forged);
            forged = made(&up, !server.phase, number); /* under a key that is not its phase's */
            must_be_refused(&server, &forged);
        }
        talk();
        talk();
        talk();
        now += phase == 0 ? BL_PHASE_TIME : BL_PHASE_OVERLAP;
        talk();
    }
}
END_TEST

START_TEST(nothing_opens_under_a_key_of_zeros) {
    const struct bl_secret zeros = {{0}};
    for (int stage = 0; stage < 4; stage++) {
        for (int phase = 0; phase < 2; phase++) {
            for (uint64_t number = 0; number < 40; number++) {
                struct sent forged = made(&zeros, phase == 1, number);
                must_be_refused(&server, &forged);
            }
        }
        client.send_number += 4; /* leaves numbers below the lowest of the phase */
        now += stage == 1 ? BL_PHASE_TIME : BL_PHASE_OVERLAP; /* after the last: before is wiped */
        talk();
        talk();
    }
}
END_TEST

START_TEST(after_too_many_forgeries_nothing_opens) {
    struct sent forged = sealed(&client), good = sealed(&client);
    forged.bytes[forged.size - 1] ^= 1;
    server.forged_count = BL_FORGERIES_MAX - 1;
    struct sent still = sealed(&client);
    ck_assert(opens(&server, &still));
    ck_assert(!opens(&server, &forged));
    ck_assert(!opens(&server, &good));
}
END_TEST

START_TEST(what_is_wiped_holds_no_key) {
    uint8_t zeros[sizeof client] = {0};
    talk();
    bl_protection_wipe(&client);
    ck_assert_mem_eq(&client, zeros, sizeof zeros);
}
END_TEST

/* Random runs. */

enum { STEPS = 6000, PAUSE_EVERY = 300, FLIGHTS = 64, SEALED_MAX = 3 * STEPS };

/** What was sealed with, ever. */
struct used {
    struct bl_secret key;
    uint64_t number;
};

static struct {
    struct bl_random chance;
    double loss;
    struct flight {
        struct bl_protection *to; /* NULL: no flight */
        struct sent datagram;
        bl_time due;
        bool copy; /* of what has come, or may come */
        bool forged;
    } flights[FLIGHTS];
    struct used used[SEALED_MAX];
    size_t used_count;
    unsigned opened, lost, updates;
    bool phase;
} run;

static void fly(const struct flight *flight) {
    for (int i = 0; i < FLIGHTS; i++) {
        if (run.flights[i].to == NULL) {
            run.flights[i] = *flight;
            run.flights[i].due =
                now + (bl_time)bl_random_below(&run.chance, (uint64_t)BL_PHASE_OVERLAP - 1);
            return;
        }
    }
}

/** Notes key and number of a datagram, having seen that it was sealed with these. */
static void note(const struct bl_protection *end, const struct sent *datagram) {
    struct sent copy = *datagram;
    const struct bl_aead aead = {end->suite, &end->send_key, copy.number, copy.bytes,
                                 BL_DATA_HEADER_SIZE};
    ck_assert(bl_aead_open(&aead, copy.bytes + BL_DATA_HEADER_SIZE,
                           copy.size - BL_DATA_HEADER_SIZE - BL_AEAD_SIZE));
    ck_assert_uint_lt(run.used_count, SEALED_MAX);
    run.used[run.used_count++] = (struct used){.key = end->send_key, .number = datagram->number};
}

static void send_one(struct bl_protection *from) {
    struct flight flight = {.to = from == &client ? &server : &client, .datagram = sealed(from)};
    note(from, &flight.datagram);
    if (bl_random_chance(&run.chance, run.loss)) {
        run.lost++;
    } else {
        fly(&flight);
    }
    if (bl_random_chance(&run.chance, 0.2)) { /* somebody replays it, perhaps changed */
        flight.copy = true;
        flight.forged = bl_random_chance(&run.chance, 0.5);
        if (flight.forged) {
            size_t bit = (size_t)bl_random_below(&run.chance, 8 * flight.datagram.size);
            bit = bl_random_chance(&run.chance, 0.3) ? 7 : bit; /* the phase */
            flight.datagram.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        fly(&flight);
    }
}

static void land(struct flight *flight) {
    struct bl_protection *to = flight->to;
    struct bl_protected in;
    bool fresh = bl_replay_window_is_fresh(&to->window, flight->datagram.number);
    bool good = open_into(to, &flight->datagram, &in);
    ck_assert_msg(!good || !flight->forged, "a forged datagram opens");
    ck_assert_msg(good == (fresh && !flight->forged), "number %llu %s",
                  (unsigned long long)flight->datagram.number, good ? "opens" : "is refused");
    run.opened += good;
    flight->to = NULL;
}

static void land_what_is_due(void) {
    size_t first = (size_t)bl_random_below(&run.chance, FLIGHTS);
    for (size_t i = 0; i < FLIGHTS; i++) {
        struct flight *flight = &run.flights[(first + i) % FLIGHTS];
        if (flight->to != NULL && flight->due <= now) {
            land(flight);
        }
    }
}

static int used_order(const void *a, const void *b) {
    return memcmp(a, b, sizeof(struct used));
}

static void must_have_used_each_pair_once(void) {
    qsort(run.used, run.used_count, sizeof *run.used, used_order);
    for (size_t i = 1; i < run.used_count; i++) {
        ck_assert_msg(memcmp(&run.used[i - 1], &run.used[i], sizeof *run.used) != 0,
                      "number %llu twice", (unsigned long long)run.used[i].number);
    }
}

/** What was sent within three seconds of its landing opens, exactly once, whatever keys change. */
START_TEST(random_runs_lose_nothing_and_reuse_nothing) {
    memset(&run, 0, sizeof run);
    bl_random_init_seeded(&run.chance, (uint64_t)_i + 1);
    run.loss = _i % 4 * 0.1;
    for (int i = 0; i < STEPS; i++) {
        now += (bl_time)bl_random_below(&run.chance, BL_SECOND / 5);
        if (i % PAUSE_EVERY == 0) { /* all lands; then nobody says anything for a while */
            now += BL_PHASE_OVERLAP;
            land_what_is_due();
            now += (bl_time)bl_random_below(&run.chance, (uint64_t)BL_PHASE_TIME);
        }
        if (bl_random_chance(&run.chance, 0.5)) {
            send_one(bl_random_chance(&run.chance, 0.5) ? &client : &server);
        }
        land_what_is_due();
        run.updates += client.phase != run.phase;
        run.phase = client.phase;
    }
    must_have_used_each_pair_once();
    ck_assert_uint_gt(run.updates, 4);
    ck_assert_uint_gt(run.opened, STEPS / 4);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, NULL);
    tcase_add_test(tests, what_is_sealed_opens_at_the_other_end);
    tcase_add_test(tests, the_first_key_seals_as_the_protocol_says);
    tcase_add_test(tests, a_datagram_does_not_open_at_the_end_that_sealed_it);
    tcase_add_test(tests, no_bit_of_a_datagram_can_be_flipped);
    tcase_add_test(tests, no_byte_can_be_cut_off_or_added);
    tcase_add_test(tests, a_datagram_opens_once);
    tcase_add_test(tests, an_overtaken_datagram_opens_and_is_not_the_newest);
    tcase_add_test(tests, a_datagram_1024_behind_is_too_late);
    tcase_add_test(tests, numbers_go_on_where_the_header_wraps);
    tcase_add_test(tests, a_phase_ends_after_an_hour);
    tcase_add_test(tests, a_phase_ends_after_so_many_datagrams);
    tcase_add_test(tests, both_directions_get_their_next_keys);
    tcase_add_test(tests, a_phase_the_other_side_was_not_seen_in_is_not_left);
    tcase_add_test(tests, a_side_that_heard_nothing_of_the_first_phase_follows_into_the_next);
    tcase_add_test(tests, both_sides_may_begin_the_next_phase_at_once);
    tcase_add_test(tests, late_datagrams_of_the_phase_before_open_for_three_seconds);
    tcase_add_test(tests, the_key_before_is_wiped_by_whatever_comes_next);
    tcase_add_test(tests, who_begins_a_phase_hears_the_one_before_until_the_other_follows);
    tcase_add_test(tests, the_first_datagram_of_a_phase_may_be_lost_or_overtaken);
    tcase_add_test(tests, forgeries_with_the_other_phase_bit_change_nothing);
    tcase_add_test(tests, nothing_opens_under_a_key_of_zeros);
    tcase_add_test(tests, after_too_many_forgeries_nothing_opens);
    tcase_add_test(tests, what_is_wiped_holds_no_key);
    tcase_add_loop_test(tests, random_runs_lose_nothing_and_reuse_nothing, 0, 12);
}
TEST_MAIN("secure/protection", add_tests)
