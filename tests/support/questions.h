/*
 * Numbered requests between the server and the clients of a world, and what became of each.
 *
 * A request carries its number, and so does its answer. The other side handles it when it is told
 * of it, and answers at once unless the test says otherwise. The audit sees to it that each ends
 * exactly once; here is who handled what, and with which code it ended.
 */
#ifndef BL_TESTS_SUPPORT_QUESTIONS_H
#define BL_TESTS_SUPPORT_QUESTIONS_H

#include "tests/support/world.h"

#define QUESTIONS_MAX 4096
#define QUESTION_TYPE 7
#define PENDING       INT32_MAX /* as a code: it has not ended */

struct question {
    enum world_way way; /* UP: the client asks */
    unsigned client;
    belay_request asked, received; /* how each side names it */
    uint32_t handled;              /* how often */
    int32_t code;
    uint32_t ended_at; /* ms */
};

struct questions {
    struct world *world;
    bool silent[2];     /* by who is asked: as questions[].way */
    size_t answer_size; /* of the data of an answer, beyond its number */
    uint32_t count;
    struct question all[QUESTIONS_MAX];
};

/** The world's own watch() is taken by it. To be freed with questions_end(). */
struct questions *questions_begin(struct world *world);
void questions_end(struct questions *questions);

/** Asks, with @p size bytes beyond the number. */
enum belay_result ask_with(struct questions *questions, enum world_way way, unsigned client,
                           size_t size, uint32_t deadline_ms);
/** The same without data, with the default deadline; fails when it was not taken. @return its
 * number */
uint32_t ask(struct questions *questions, enum world_way way, unsigned client);
/** Answers one that the other side has been told of. */
enum belay_result answer(struct questions *questions, uint32_t number, int32_t code);
enum belay_result cancel(struct questions *questions, uint32_t number);
/** Fails unless every one was handled once and answered. */
void questions_check_all_done(const struct questions *questions);
/** Fails unless every one has ended, those with an answer were handled once, and no other twice. */
void questions_check_sound(const struct questions *questions);

#endif
