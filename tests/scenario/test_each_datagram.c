/*
 * Every datagram of an exchange, one after the other: lost, doubled, or the last before the network
 * is gone for nine seconds, or the first that it swallows. What was asked is done once and
 * answered, what was published is heard once, and a job's story is whole.
 */
#include "lib/net/sim.h"
#include "tests/support/questions.h"
#include "tests/support/work.h"

#define WAY      (50 * BL_MILLISECOND)
#define LATE     (130 * BL_MILLISECOND)
#define GONE_MS  9000
#define STORY_MS 13000
#define MOST     400 /* datagrams that an exchange may have */

enum fate { LOST, TWICE, CUT_BEFORE, CUT_AFTER, FATES };

/** What becomes of the datagrams from when the exchange begins. */
struct network {
    struct world *world;
    enum fate fate;
    unsigned at, count; /* the one that it befalls; how many there were */
    uint32_t gone_until_ms;
};

static bool steer(void *user, const struct bl_address *from, const struct bl_datagram *to,
                  struct bl_sim_steered *out) {
    struct network *network = user;
    bool struck = network->count++ == network->at;
    (void)from;
    (void)to;
    *out = (struct bl_sim_steered){1, {WAY}};
    if (network->world->ms < network->gone_until_ms) {
        out->copy_count = 0;
    } else if (struck && network->fate == TWICE) {
        *out = (struct bl_sim_steered){2, {WAY, LATE}};
    } else if (struck && network->fate != CUT_AFTER) {
        out->copy_count = 0;
    }
    if (struck && network->fate >= CUT_BEFORE) {
        network->gone_until_ms = network->world->ms + GONE_MS;
    }
    return true;
}

static void begin(struct network *network, struct world *world, enum fate fate, unsigned at) {
    *network = (struct network){.world = world, .fate = fate, .at = at};
    bl_sim_steer(world->sim, steer, network);
}

/** Fails unless the network has done what it should, and the session is well. */
static void check_network(const struct network *network, unsigned client) {
    uint32_t resumes = world_info(network->world, CLIENT, client).resumes;
    ck_assert(world_is_open(network->world, client));
    ck_assert_uint_eq(resumes, network->fate >= CUT_BEFORE ? 1 : 0);
}

/** How many datagrams the exchange had before it was over. */
typedef unsigned story(enum fate fate, unsigned at);

/* R47, A47: asked and answered both ways, in one datagram and in several. */
static unsigned requests(enum fate fate, unsigned at) {
    struct network network;
    struct world *world = world_create(&(struct world_opts){.link = {.delay_ms = 50}});
    world_open(world);
    world_run(world, 1000);
    struct questions *questions = questions_begin(world);
    questions->answer_size = 3000;
    begin(&network, world, fate, at);
    ck_assert_int_eq(ask_with(questions, UP, 0, 3000, BELAY_FOREVER), BELAY_OK);
    ck_assert_int_eq(ask_with(questions, DOWN, 0, 10, BELAY_FOREVER), BELAY_OK);
    world_run(world, 400);
    unsigned count = network.count;
    uint32_t late = ask(questions, UP, 0);
    world_run(world, 100);
    (void)cancel(questions, late); /* whichever of the two comes first */
    world_run(world, STORY_MS);
    questions_check_sound(questions);
    ck_assert_int_eq(questions->all[0].code, 0);
    ck_assert_int_eq(questions->all[1].code, 0);
    check_network(&network, 0);
    world_destroy(world);
    questions_end(questions);
    return count;
}

#define PUBLISHED 6

static uint32_t heard[2][PUBLISHED + 1];
static uint32_t newest[2];

static void hear(struct world *world, enum world_side side, const struct belay_event *event) {
    if (side == CLIENT && event->type == BELAY_EVENT_MESSAGE) {
        uint32_t number = ((const uint8_t *)event->message.data)[0];
        must(event->message.topic == 7 && number <= PUBLISHED && number > newest[world->watched]);
        newest[world->watched] = number;
        heard[world->watched][number]++;
    }
}

/* A30, A31: one of two subscribers is struck, large and small. */
static unsigned topics(enum fate fate, unsigned at) {
    static uint8_t data[2500];
    struct network network;
    struct world *world =
        world_create(&(struct world_opts){.clients = 2, .link = {.delay_ms = 50}});
    memset(heard, 0, sizeof heard);
    memset(newest, 0, sizeof newest);
    world->watch = hear;
    world_open(world);
    world_run(world, 1000);
    begin(&network, world, fate, at);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(belay_server_subscribe(world->server, world->clients[i].session, 7),
                         BELAY_OK);
    }
    for (uint8_t i = 1; i <= PUBLISHED; i++) {
        data[0] = i;
        ck_assert_int_eq(
            belay_server_publish(world->server, 7, 0, data, i % 3 == 0 ? sizeof data : 20),
            BELAY_OK);
        world_run(world, 40);
    }
    world_run(world, 200);
    unsigned count = network.count;
    world_run(world, STORY_MS);
    for (unsigned client = 0; client < 2; client++) {
        for (unsigned i = 1; i <= PUBLISHED; i++) {
            ck_assert_uint_eq(heard[client][i], 1);
        }
        check_network(&network, client);
    }
    world_destroy(world);
    return count;
}

/* A48, F9: submitted twice by one key, watched by its owner, with a result in chunks. */
static unsigned jobs(enum fate fate, unsigned at) {
    struct network network;
    struct work *work = work_open((struct work_opts){.world = {.link = {.delay_ms = 50}}});
    struct world *world = work->world;
    world_run(world, 1000);
    begin(&network, world, fate, at);
    uint32_t submit = work_submit(work, 0, "once", "dig");
    uint32_t again = work_submit(work, 0, "once", "dig");
    belay_job job = 0;
    unsigned count = 0;
    for (uint32_t ms = 0; ms < STORY_MS; ms += WORLD_STEP_MS) {
        world_step(world);
        job = work->task_count > 0 ? work->tasks[0].job : 0;
        if (job != 0 && ms % 50 == 0 && work_info(work, job).state <= BELAY_JOB_RUNNING) {
            if (work_info(work, job).newest < 3) {
                work_emit(work, job, 1);
            } else {
                work_succeed(work, job, 40000);
            }
        }
        count = ms < 800 ? network.count : count;
    }
    ck_assert_int_eq(work_code(work, submit), 0);
    ck_assert_int_eq(work_code(work, again), 0);
    ck_assert_uint_eq(work->task_count, 1);
    ck_assert_str_eq(work_story(work, 0, job), "1 2 3 SUCCEEDED@4");
    check_network(&network, 0);
    work_end(work);
    return count;
}

static story *const stories[] = {requests, topics, jobs};

START_TEST(whatever_becomes_of_any_datagram_nothing_is_lost_or_done_twice) {
    story *tell = stories[_i / FATES];
    enum fate fate = (enum fate)(_i % FATES);
    unsigned at = 0;
    while (at < tell(fate, at)) {
        at++;
        ck_assert_uint_lt(at, MOST);
    }
    ck_assert_uint_ge(at, 10); /* there was something to befall */
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, whatever_becomes_of_any_datagram_nothing_is_lost_or_done_twice, 0,
                        (int)COUNT_OF(stories) * FATES);
}

TEST_MAIN("each datagram", add_tests)
