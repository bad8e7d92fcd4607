#include "tests/support/questions.h"

#include <stdlib.h>
#include <string.h>

static bool is_ours(const void *data, size_t size, uint32_t *number) {
    if (size < sizeof *number) {
        return false;
    }
    memcpy(number, data, sizeof *number);
    return true;
}

enum belay_result answer(struct questions *questions, uint32_t number, int32_t code) {
    const struct question *question = &questions->all[number];
    struct world *world = questions->world;
    size_t size = sizeof number + questions->answer_size;
    uint8_t *data = calloc(1, size);
    memcpy(data, &number, sizeof number);
    enum belay_result result =
        question->way == UP
            ? belay_server_reply(world->server, question->received, code, data, size)
            : belay_client_reply(world->clients[question->client].it, question->received, code,
                                 data, size);
    free(data);
    return result;
}

static void take_request(struct questions *questions, enum world_side side,
                         const struct belay_request_event *request) {
    uint32_t number;
    must(request->type == QUESTION_TYPE && is_ours(request->data, request->size, &number));
    must(number < questions->count && request->id != 0);
    struct question *question = &questions->all[number];
    must(question->way == (side == SERVER ? UP : DOWN));
    question->handled++;
    question->received = request->id;
    if (!questions->silent[question->way]) {
        must(answer(questions, number, 0) == BELAY_OK);
    }
}

static void take_reply(struct questions *questions, const struct belay_reply_event *reply) {
    must(reply->cookie < questions->count);
    struct question *question = &questions->all[reply->cookie];
    uint32_t number;
    must(question->code == PENDING && question->asked == reply->id);
    question->code = reply->code;
    question->ended_at = questions->world->ms;
    if (reply->code >= 0) {
        must(is_ours(reply->data, reply->size, &number) && number == reply->cookie);
    } else {
        must(reply->size == 0 && reply->data != NULL);
    }
}

static void watch(struct world *world, enum world_side side, const struct belay_event *event) {
    struct questions *questions = world->user;
    if (event->type == BELAY_EVENT_REQUEST) {
        take_request(questions, side, &event->request);
    } else if (event->type == BELAY_EVENT_REPLY) {
        take_reply(questions, &event->reply);
    }
}

struct questions *questions_begin(struct world *world) {
    struct questions *questions = calloc(1, sizeof *questions);
    ck_assert_ptr_nonnull(questions);
    questions->world = world;
    world->user = questions;
    world->watch = watch;
    return questions;
}

void questions_end(struct questions *questions) {
    free(questions);
}

enum belay_result ask_with(struct questions *questions, enum world_way way, unsigned client,
                           size_t size, uint32_t deadline_ms) {
    struct world *world = questions->world;
    const struct world_client *it = &world->clients[client];
    uint32_t number = questions->count;
    must(number < QUESTIONS_MAX);
    struct question *question = &questions->all[number];
    *question = (struct question){.way = way, .client = client, .code = PENDING};
    uint8_t *data = calloc(1, sizeof number + size);
    memcpy(data, &number, sizeof number);
    questions->count++; /* before: its REPLY may come with the call that ends the session */
    enum belay_result result =
        way == UP
            ? belay_client_request(it->it, QUESTION_TYPE, data, sizeof number + size, deadline_ms,
                                   number, &question->asked)
            : belay_server_request(world->server, it->session, QUESTION_TYPE, data,
                                   sizeof number + size, deadline_ms, number, &question->asked);
    free(data);
    questions->count -= result != BELAY_OK;
    return result;
}

uint32_t ask(struct questions *questions, enum world_way way, unsigned client) {
    uint32_t number = questions->count;
    enum belay_result result = ask_with(questions, way, client, 0, 0);
    if (result != BELAY_OK) {
        ck_abort_msg("request %u: %s", number, belay_error());
    }
    return number;
}

enum belay_result cancel(struct questions *questions, uint32_t number) {
    const struct question *question = &questions->all[number];
    struct world *world = questions->world;
    return question->way == UP
               ? belay_client_cancel(world->clients[question->client].it, question->asked)
               : belay_server_cancel(world->server, question->asked);
}

void questions_check_all_done(const struct questions *questions) {
    for (uint32_t i = 0; i < questions->count; i++) {
        const struct question *question = &questions->all[i];
        ck_assert_msg(question->handled == 1 && question->code == 0,
                      "request %u (%s): handled %u times, ended with %d", i,
                      question->way == UP ? "up" : "down", question->handled, question->code);
    }
}

void questions_check_sound(const struct questions *questions) {
    for (uint32_t i = 0; i < questions->count; i++) {
        const struct question *question = &questions->all[i];
        bool sound = question->code != PENDING && question->handled <= 1 &&
                     (question->code < 0 || question->handled == 1);
        ck_assert_msg(sound, "request %u (%s): handled %u times, ended with %d", i,
                      question->way == UP ? "up" : "down", question->handled, question->code);
    }
}
