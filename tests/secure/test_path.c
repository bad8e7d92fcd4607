/*
 * The path of a binding: by story, and in a small world where a client moves between addresses over
 * links that lose and overtake, and a stranger sends copies of its datagrams from his own.
 */
#include "lib/secure/path.h"

#include "tests/support/test.h"
#include <string.h>

enum { HOME, AWAY, THIRD, STRANGER, PLACES };
static const char *const place_names[PLACES] = {"192.0.2.1:1000", "192.0.2.1:2000",
                                                "[2001:db8::1]:1000", "198.51.100.66:666"};
static struct bl_address places[PLACES];

static struct bl_random random;
static struct bl_path path;

static void start(void) {
    for (int i = 0; i < PLACES; i++) {
        ck_assert_int_eq(bl_address_parse(&places[i], place_names[i], false), BELAY_OK);
    }
    bl_random_init_seeded(&random, 17);
    bl_path_init(&path, &(struct bl_address_pair){.remote = places[HOME]});
}

static int place_of(const struct bl_address *address) {
    for (int i = 0; i < PLACES; i++) {
        if (bl_address_equal(address, &places[i])) {
            return i;
        }
    }
    ck_abort_msg("an address of nowhere");
}

static bool heard(int from, size_t size, bool newest) {
    const struct bl_address_pair pair = {.remote = places[from]};
    const struct bl_heard heard_ = {.from = &pair, .size = size, .newest = newest};
    return bl_path_heard(&path, &heard_, &random);
}

static int where_to(size_t size) {
    return place_of(&bl_path_where_to(&path, size)->remote);
}

static void sent(int to, size_t size) {
    bl_path_sent(&path, &places[to], size);
}

static bool answered(int from, const uint8_t challenge[BL_CHALLENGE_SIZE]) {
    uint8_t response[BL_CHALLENGE_SIZE];
    memcpy(response, challenge, sizeof response); /* not the path's own bytes */
    return bl_path_answered(&path, &places[from], response);
}

START_TEST(the_address_in_use_gets_everything) {
    ck_assert(!heard(HOME, 100, true));
    ck_assert(!heard(HOME, 100, false));
    ck_assert_int_eq(where_to(1200), HOME);
    sent(HOME, 1200);
    ck_assert_int_eq(where_to(1200), HOME);
}
END_TEST

START_TEST(the_newest_datagram_from_elsewhere_is_challenged) {
    ck_assert(heard(AWAY, 100, true));
    ck_assert_int_eq(place_of(&path.candidate.remote), AWAY);
    ck_assert_int_eq(place_of(&path.used.remote), HOME);
}
END_TEST

START_TEST(an_overtaken_datagram_from_elsewhere_is_not) {
    ck_assert(!heard(AWAY, 100, false));
    ck_assert_int_eq(where_to(1), HOME);
}
END_TEST

START_TEST(every_fourth_datagram_is_challenged_with_the_same_bytes) {
    uint8_t challenge[BL_CHALLENGE_SIZE];
    for (int i = 0; i < 3 * BL_CHALLENGE_EVERY; i++) {
        bool due = i % BL_CHALLENGE_EVERY == 0;
        ck_assert_int_eq(heard(AWAY, 100, i % 2 == 0), due);
        if (i == 0) {
            memcpy(challenge, path.challenge, sizeof challenge);
        }
        if (due) {
            sent(AWAY, BL_CHALLENGE_DATAGRAM_SIZE);
        }
    }
    ck_assert_mem_eq(challenge, path.challenge, sizeof challenge);
}
END_TEST

START_TEST(a_postponed_challenge_comes_with_the_next_datagram) {
    ck_assert(heard(AWAY, 100, true));
    bl_path_postpone(&path);
    ck_assert_uint_eq(bl_path_room(&path), 100);
    ck_assert(heard(AWAY, 100, true));
    ck_assert(!heard(AWAY, 100, true));
}
END_TEST

/* What may still go there, for whoever wants to fill it. */
START_TEST(the_room_at_a_candidate_is_known) {
    ck_assert_uint_eq(bl_path_room(&path), 0);
    ck_assert(!heard(AWAY, 30, true)); /* the challenge comes first */
    ck_assert_uint_eq(bl_path_room(&path), 0);
    ck_assert(heard(AWAY, 100, true));
    sent(AWAY, BL_CHALLENGE_DATAGRAM_SIZE);
    ck_assert_uint_eq(bl_path_room(&path), 130 - BL_CHALLENGE_DATAGRAM_SIZE);
    sent(AWAY, 50);
    ck_assert_uint_eq(bl_path_room(&path), 80 - BL_CHALLENGE_DATAGRAM_SIZE);
    ck_assert(answered(AWAY, path.challenge));
    ck_assert_uint_eq(bl_path_room(&path), 0);
}
END_TEST

START_TEST(a_candidate_gets_as_many_bytes_as_came_from_it) {
    ck_assert(heard(AWAY, 138, true));
    sent(AWAY, BL_CHALLENGE_DATAGRAM_SIZE);
    ck_assert_int_eq(where_to(101), HOME);
    ck_assert_int_eq(where_to(100), AWAY);
    sent(AWAY, 60);
    ck_assert_int_eq(where_to(41), HOME);
    ck_assert_int_eq(where_to(40), AWAY);
    sent(HOME, 1200); /* counts for nobody */
    ck_assert_int_eq(where_to(40), AWAY);
    sent(AWAY, 40);
    ck_assert_int_eq(where_to(1), HOME);
    ck_assert(!heard(AWAY, 30, false)); /* and it is not time for a challenge */
    ck_assert_int_eq(where_to(30), AWAY);
}
END_TEST

START_TEST(a_challenge_waits_until_enough_has_come_and_data_wait_for_it) {
    ck_assert(!heard(AWAY, BL_CHALLENGE_DATAGRAM_SIZE - 1, true));
    ck_assert_int_eq(where_to(1), HOME);
    ck_assert(heard(AWAY, 1, true));
}
END_TEST

START_TEST(the_right_response_moves_the_path) {
    ck_assert(heard(AWAY, 100, true));
    ck_assert(answered(AWAY, path.challenge));
    ck_assert_int_eq(where_to(1200), AWAY);
    ck_assert(!heard(AWAY, 34, true)); /* the datagram it came in */
    sent(AWAY, 1200);
    ck_assert_int_eq(where_to(1200), AWAY);
}
END_TEST

START_TEST(a_response_counts_once) {
    uint8_t challenge[BL_CHALLENGE_SIZE];
    ck_assert(heard(AWAY, 100, true));
    memcpy(challenge, path.challenge, sizeof challenge);
    ck_assert(answered(AWAY, challenge));
    ck_assert(!answered(AWAY, challenge));
    ck_assert(heard(HOME, 100, true)); /* the old address has to prove itself again */
    ck_assert(!answered(HOME, challenge));
    ck_assert(!answered(AWAY, challenge));
    ck_assert_int_eq(place_of(&path.used.remote), AWAY);
}
END_TEST

START_TEST(every_bit_of_a_response_counts) {
    ck_assert(heard(AWAY, 100, true));
    for (unsigned bit = 0; bit < 8 * BL_CHALLENGE_SIZE; bit++) {
        uint8_t wrong[BL_CHALLENGE_SIZE];
        memcpy(wrong, path.challenge, sizeof wrong);
        wrong[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert_msg(!answered(AWAY, wrong), "bit %u", bit);
    }
    ck_assert(answered(AWAY, path.challenge));
}
END_TEST

START_TEST(without_a_candidate_no_response_means_anything) {
    const uint8_t zeros[BL_CHALLENGE_SIZE] = {0};
    ck_assert(!answered(HOME, zeros));
    ck_assert(!answered(AWAY, zeros));
    ck_assert_int_eq(where_to(1200), HOME);
}
END_TEST

/* A stranger may pass a challenge on to the client, which answers it from its own address. */
START_TEST(a_response_from_elsewhere_does_not_move_the_path) {
    ck_assert(heard(STRANGER, 100, true));
    ck_assert(!answered(HOME, path.challenge));
    ck_assert(!answered(THIRD, path.challenge));
    ck_assert_int_eq(place_of(&path.used.remote), HOME);
}
END_TEST

START_TEST(the_newest_datagram_from_the_address_in_use_ends_the_attempt) {
    uint8_t challenge[BL_CHALLENGE_SIZE];
    ck_assert(heard(AWAY, 100, true));
    memcpy(challenge, path.challenge, sizeof challenge);
    ck_assert(!heard(HOME, 100, false));
    ck_assert_int_eq(where_to(10), AWAY);
    ck_assert(!heard(HOME, 100, true));
    ck_assert_int_eq(where_to(10), HOME);
    ck_assert(!answered(AWAY, challenge));
    ck_assert(heard(AWAY, 100, true));
    ck_assert_mem_ne(path.challenge, challenge, sizeof challenge);
}
END_TEST

START_TEST(a_third_address_replaces_the_candidate) {
    uint8_t challenge[BL_CHALLENGE_SIZE];
    ck_assert(heard(AWAY, 1000, true));
    memcpy(challenge, path.challenge, sizeof challenge);
    ck_assert(!heard(THIRD, 1000, false));
    ck_assert(heard(THIRD, 50, true));
    ck_assert_mem_ne(path.challenge, challenge, sizeof challenge);
    ck_assert_int_eq(where_to(50), THIRD);
    ck_assert_int_eq(where_to(51), HOME); /* what came from the one before is not its own */
    ck_assert(!answered(AWAY, challenge));
    ck_assert(answered(THIRD, path.challenge));
}
END_TEST

START_TEST(addresses_differ_by_scope_too) {
    struct bl_address_pair other = {.remote = places[HOME]};
    other.remote.scope = 3;
    const struct bl_heard heard_ = {.from = &other, .size = 100, .newest = true};
    ck_assert(bl_path_heard(&path, &heard_, &random));
}
END_TEST

/* ---- at which of our own addresses the other side is met: HOME and AWAY stand for two of them */

static bool heard_at(int from, int local, bool newest) {
    const struct bl_address_pair pair = {.remote = places[from], .local = places[local]};
    const struct bl_heard heard_ = {.from = &pair, .size = 100, .newest = newest};
    return bl_path_heard(&path, &heard_, &random);
}

/** From where the next datagram leaves. */
static int leaves_from(void) {
    return place_of(&bl_path_where_to(&path, 1)->local);
}

START_TEST(what_leaves_does_so_from_where_the_newest_came_to) {
    ck_assert(!heard_at(HOME, AWAY, true)); /* nothing to be proven: it gets all anyway */
    ck_assert_int_eq(leaves_from(), AWAY);
    ck_assert(!heard_at(HOME, THIRD, false)); /* was overtaken */
    ck_assert_int_eq(leaves_from(), AWAY);
    ck_assert(!heard_at(HOME, THIRD, true));
    ck_assert_int_eq(leaves_from(), THIRD);
    ck_assert_int_eq(where_to(1200), HOME);
}
END_TEST

START_TEST(a_candidate_is_met_where_it_came_to_and_the_other_where_it_was) {
    heard_at(HOME, HOME, true);
    ck_assert(heard_at(AWAY, THIRD, true));
    ck_assert_int_eq(leaves_from(), THIRD);
    heard_at(AWAY, AWAY, false);
    ck_assert_int_eq(leaves_from(), THIRD);
    heard_at(AWAY, AWAY, true);
    ck_assert_int_eq(leaves_from(), AWAY);
    sent(AWAY, 300); /* all that it may get */
    ck_assert_int_eq(where_to(1), HOME);
    ck_assert_int_eq(leaves_from(), HOME);
}
END_TEST

START_TEST(who_is_proven_to_have_moved_is_met_where_it_was_as_a_candidate) {
    heard_at(HOME, HOME, true);
    heard_at(AWAY, THIRD, true);
    ck_assert(answered(AWAY, path.challenge));
    ck_assert_int_eq(where_to(1200), AWAY);
    ck_assert_int_eq(leaves_from(), THIRD);
}
END_TEST

/* The world. */

enum kind { DATA, CHALLENGE, RESPONSE };
enum { STEPS = 4000, FLIGHTS = 512, DELAY_MAX = 12 };

struct flight {
    bool up;
    int from, to; /* places; of datagrams up the first, down the second */
    enum kind kind;
    uint32_t number; /* up; 0 = no flight, as for those down when they are over */
    size_t size;
    unsigned due;
    uint8_t bytes[BL_CHALLENGE_SIZE];
};

static struct {
    unsigned now;
    int client_at;
    uint32_t number, highest;
    bool seen[3 * STEPS + FLIGHTS];
    struct flight flights[FLIGHTS];
    struct bl_random chance;
    double loss;
    bool stranger_copies, stranger_copies_responses, stranger_forwards;
    /* the judge */
    uint64_t came[PLACES], went[PLACES]; /* all time; went: while unproven */
    unsigned moves;
} world;

/** What the path must be, from the rules alone. */
static struct {
    int in_use, newest_from;
    uint64_t came, went; /* since the newest one comes from there */
    unsigned count;
    bool due, challenge;
} model;

static void fly(const struct flight *flight) {
    for (int i = 0; i < FLIGHTS; i++) {
        if (world.flights[i].number == 0) {
            world.flights[i] = *flight;
            world.flights[i].due =
                world.now + 1 + (unsigned)bl_random_below(&world.chance, DELAY_MAX);
            return;
        }
    }
    ck_abort_msg("the sky is full");
}

static void launch(const struct flight *flight) {
    if (!bl_random_chance(&world.chance, world.loss)) {
        fly(flight);
    }
    if (flight->up && world.stranger_copies && bl_random_chance(&world.chance, 0.3) &&
        (flight->kind != RESPONSE || world.stranger_copies_responses)) {
        struct flight copy = *flight;
        copy.from = STRANGER;
        fly(&copy);
    }
}

static void client_sends(enum kind kind, size_t size, const uint8_t *bytes) {
    struct flight flight = {
        .up = true, .from = world.client_at, .kind = kind, .number = ++world.number, .size = size};
    if (bytes != NULL) {
        memcpy(flight.bytes, bytes, sizeof flight.bytes);
    }
    launch(&flight);
}

static void server_sends(int to, enum kind kind, size_t size) {
    struct flight flight = {.to = to, .kind = kind, .number = 1, .size = size};
    memcpy(flight.bytes, path.challenge, sizeof flight.bytes);
    if (to != model.in_use) {
        world.went[to] += size;
        ck_assert_msg(world.went[to] <= world.came[to],
                      "step %u: %llu bytes to place %d, %llu came", world.now,
                      (unsigned long long)world.went[to], to, (unsigned long long)world.came[to]);
        model.went += size;
    }
    sent(to, size);
    launch(&flight);
}

static void model_hears(const struct flight *flight, bool newest, bool moved) {
    if (moved) {
        ck_assert_int_eq(flight->from, model.newest_from);
        model.in_use = flight->from;
        world.moves++;
    }
    if (newest && flight->from != model.newest_from) {
        model.newest_from = flight->from;
        model.came = model.went = 0;
        model.count = 0;
        model.due = false;
    }
    model.challenge = false;
    if (flight->from == model.newest_from && flight->from != model.in_use) {
        model.came += flight->size;
        model.due |= model.count++ % BL_CHALLENGE_EVERY == 0;
        model.challenge = model.due && model.came >= model.went + BL_CHALLENGE_DATAGRAM_SIZE;
        model.due &= !model.challenge;
    }
}

static void server_receives(const struct flight *flight) {
    if (world.seen[flight->number]) {
        return;
    }
    bool newest = flight->number > world.highest;
    world.seen[flight->number] = true;
    world.highest = newest ? flight->number : world.highest;
    world.came[flight->from] += flight->size;
    bool moved = flight->kind == RESPONSE && answered(flight->from, flight->bytes);
    bool challenge = heard(flight->from, flight->size, newest);
    model_hears(flight, newest, moved);
    ck_assert_int_eq(challenge, model.challenge);
    if (challenge) {
        server_sends(place_of(&path.candidate.remote), CHALLENGE, BL_CHALLENGE_DATAGRAM_SIZE);
    }
}

static void client_receives(const struct flight *flight) {
    bool forwarded = flight->to == STRANGER && world.stranger_forwards;
    if (flight->kind == CHALLENGE && (flight->to == world.client_at || forwarded)) {
        client_sends(RESPONSE, 34, flight->bytes);
    }
}

static void land_what_is_due(void) {
    unsigned first = (unsigned)bl_random_below(&world.chance, FLIGHTS);
    for (unsigned i = 0; i < FLIGHTS; i++) {
        struct flight *place = &world.flights[(first + i) % FLIGHTS];
        if (place->number != 0 && place->due <= world.now) {
            struct flight flight = *place;
            place->number = 0;
            if (flight.up) {
                server_receives(&flight);
            } else {
                client_receives(&flight);
            }
        }
    }
}

static void step(void) {
    world.now++;
    land_what_is_due();
    if (bl_random_chance(&world.chance, 0.4)) {
        client_sends(DATA, 26 + bl_random_below(&world.chance, 200), NULL);
    }
    if (bl_random_chance(&world.chance, 0.6)) {
        size_t size = 26 + bl_random_below(&world.chance, 400);
        bool allowed =
            model.newest_from != model.in_use && !model.due && model.went + size <= model.came;
        int to = where_to(size);
        ck_assert_int_eq(to, allowed ? model.newest_from : model.in_use);
        server_sends(to, DATA, size);
    }
    ck_assert_int_eq(place_of(&path.used.remote), model.in_use);
}

static void begin(int seed) {
    memset(&world, 0, sizeof world);
    memset(&model, 0, sizeof model);
    bl_random_init_seeded(&world.chance, (uint64_t)seed + 1);
    world.loss = seed % 3 * 0.15;
}

/** In the end the client stays where it is, and nobody disturbs it. */
static void must_settle(void) {
    world.stranger_copies = false;
    world.loss = 0.1;
    for (unsigned i = 0; i < 300; i++) {
        step();
    }
    ck_assert_int_eq(place_of(&path.used.remote), world.client_at);
}

START_TEST(a_moving_client_is_followed) {
    begin(_i);
    for (unsigned i = 0; i < STEPS; i++) {
        if (bl_random_chance(&world.chance, 0.02)) {
            world.client_at = (int)bl_random_below(&world.chance, STRANGER);
        }
        step();
    }
    ck_assert_uint_gt(world.moves, 10);
    must_settle();
}
END_TEST

/** He never gets the path, nor (as for everybody) more bytes than he sent. */
static void must_withstand(int seed, bool copies_responses, bool forwards) {
    begin(seed);
    world.stranger_copies = true;
    world.stranger_copies_responses = copies_responses;
    world.stranger_forwards = forwards;
    for (unsigned i = 0; i < STEPS; i++) {
        if (seed % 2 == 1 && bl_random_chance(&world.chance, 0.005)) {
            world.client_at = (int)bl_random_below(&world.chance, STRANGER);
        }
        step();
        ck_assert_int_ne(model.in_use, STRANGER);
    }
    ck_assert_uint_gt(world.went[STRANGER], 0); /* he has been a candidate */
    must_settle();
}

START_TEST(a_stranger_who_replays_the_newest_datagram_gets_nothing) {
    must_withstand(_i, true, false);
}
END_TEST

START_TEST(nor_does_one_who_passes_the_challenges_on) {
    must_withstand(_i, false, true);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, NULL);
    tcase_add_test(tests, the_address_in_use_gets_everything);
    tcase_add_test(tests, the_newest_datagram_from_elsewhere_is_challenged);
    tcase_add_test(tests, an_overtaken_datagram_from_elsewhere_is_not);
    tcase_add_test(tests, every_fourth_datagram_is_challenged_with_the_same_bytes);
    tcase_add_test(tests, a_postponed_challenge_comes_with_the_next_datagram);
    tcase_add_test(tests, the_room_at_a_candidate_is_known);
    tcase_add_test(tests, a_candidate_gets_as_many_bytes_as_came_from_it);
    tcase_add_test(tests, a_challenge_waits_until_enough_has_come_and_data_wait_for_it);
    tcase_add_test(tests, the_right_response_moves_the_path);
    tcase_add_test(tests, a_response_counts_once);
    tcase_add_test(tests, every_bit_of_a_response_counts);
    tcase_add_test(tests, without_a_candidate_no_response_means_anything);
    tcase_add_test(tests, a_response_from_elsewhere_does_not_move_the_path);
    tcase_add_test(tests, the_newest_datagram_from_the_address_in_use_ends_the_attempt);
    tcase_add_test(tests, a_third_address_replaces_the_candidate);
    tcase_add_test(tests, addresses_differ_by_scope_too);
    tcase_add_test(tests, what_leaves_does_so_from_where_the_newest_came_to);
    tcase_add_test(tests, a_candidate_is_met_where_it_came_to_and_the_other_where_it_was);
    tcase_add_test(tests, who_is_proven_to_have_moved_is_met_where_it_was_as_a_candidate);
    tcase_add_loop_test(tests, a_moving_client_is_followed, 0, 30);
    tcase_add_loop_test(tests, a_stranger_who_replays_the_newest_datagram_gets_nothing, 0, 30);
    tcase_add_loop_test(tests, nor_does_one_who_passes_the_challenges_on, 0, 30);
}
TEST_MAIN("secure/path", add_tests)
