/*
 * The filter beside a model that is too simple to be wrong: it forgets nothing, numbers ticks with
 * 64 bits, looks for everything from the beginning, and knows no ring.
 *
 * An interleaving is a log of calls, drawn before any is made: several sessions at one server, with
 * datagrams that repeat, floods, stalls, and tick numbers about to wrap. Played for all sessions at
 * once it must tell what the model tells; and the same again, played twice, or for one alone.
 */
#include "server/move_filter.h"

#include "common/random.h"
#include "tests/support/test.h"
#include <belay/limits.h>
#include <stdio.h>
#include <string.h>

#define INTERLEAVINGS 10000
#define SESSIONS_MAX  4
#define CALLS_MAX     1024
#define STEPS         60
#define HALF          (INT64_C(1) << 31) /* of all tick numbers */
#define ALL           (INT64_C(1) << 32)
#define OWN_MAX       64 /* ticks of which it is remembered that their datagram has come */

enum kind { TAKE, USE, REPORT, RESTART, REJECT };

struct call {
    enum kind kind;
    uint32_t session;
    int64_t tick, ran, due;
    uint8_t fraction, value;
    bool repeated; /* or, of a use: something is asked for */
};

/** What a call told. */
enum number { VERDICT, HELD = VERDICT, AS_SENT, SMOOTHED, LOSS, OTHERS, NUMBERS = 20 };
struct answer {
    int64_t numbers[NUMBERS];
    uint8_t data[BELAY_MOVE_SIZE_MAX];
};

static struct interleaving {
    uint64_t seed;
    struct bl_random random;
    uint16_t catch_up;
    uint32_t session_count;
    struct belay_move_opts opts[SESSIONS_MAX];
    int64_t start, ran, due; /* start: newest tick run before all */
    int64_t newest[SESSIONS_MAX];
    struct call calls[CALLS_MAX];
    uint32_t count;
} all;

static struct seen {
    uint64_t verdicts[BELAY_MOVE_VERDICT_COUNT], fates[4], wrapped;
} seen; /* so that the interleavings are what they are for */

/* Drawing an interleaving. */

static uint32_t below(uint32_t bound) {
    return (uint32_t)bl_random_below(&all.random, bound);
}

static bool chance(double probability) {
    return bl_random_chance(&all.random, probability);
}

static void add(struct call call) {
    if (all.count < CALLS_MAX) {
        call.ran = all.ran;
        call.due = all.due;
        call.fraction = (uint8_t)below(256);
        all.calls[all.count++] = call;
    }
}

static void add_take(uint32_t session, int64_t tick, uint32_t values, bool repeated) {
    add((struct call){.kind = TAKE,
                      .session = session,
                      .tick = tick,
                      .value = (uint8_t)(tick * 7 + below(values)),
                      .repeated = repeated});
}

/** As an honest client does, whose ticks may jump. */
static void add_datagram(uint32_t session) {
    int64_t *newest = &all.newest[session];
    *newest += chance(0.9) ? 1 : below(20);
    if (*newest < all.due - 20 || *newest > all.due + 80) {
        *newest = all.due + below(12);
    }
    int64_t overtaken = chance(0.1) ? *newest - below(4) : *newest;
    for (uint32_t age = below(BELAY_MOVES_MAX) + 1; age-- > 0;) {
        add_take(session, overtaken - age, chance(0.02) ? 2 : 1, age > 0);
    }
}

/** Near a limit, or far from any. */
static int64_t draw_tick(uint32_t session) {
    const int64_t limits[] = {
        all.ran,
        all.due,
        all.due - all.catch_up,
        all.due + all.opts[session].future_max,
        all.ran - BL_FATES,
        all.ran + HALF,
        all.due + HALF,
        all.due - all.catch_up + HALF,
        all.ran - HALF,
        (int64_t)bl_random_below(&all.random, (uint64_t)ALL),
    };
    return limits[below(COUNT_OF(limits))] + below(7) - 3;
}

static void add_flood(uint32_t session) {
    int64_t tick = all.due + below(all.opts[session].future_max) - 2;
    int64_t step = (int64_t)below(2); /* one tick, or one after the other */
    uint32_t values = 1 + below(3);
    for (uint32_t i = 5 + below(40); i > 0; i--, tick += step) {
        add_take(session, tick, values, chance(0.5));
    }
}

static void add_calls(uint32_t session) {
    switch (below(16)) {
    case 0:
        add_flood(session);
        break;
    case 1:
    case 2:
        add_take(session, draw_tick(session), 2, chance(0.5));
        break;
    case 3:
        add((struct call){.kind = chance(0.1) ? RESTART : REJECT, .session = session});
        break;
    case 4:
    case 5:
        add((struct call){.kind = REPORT, .session = session});
        break;
    default:
        add_datagram(session);
    }
}

/** Time passes; what is due is run, by the rule of the tick clock, or some of it. */
static void add_ticks(void) {
    const int64_t stalls[] = {2, all.catch_up, all.catch_up + 1, 200, HALF / 2};
    int64_t given_out = all.ran;
    all.due += chance(0.9) ? 1 : stalls[below(chance(0.01) ? 5 : 4)];
    if (chance(0.2)) {
        return; /* the server is late */
    }
    int64_t oldest = all.due - all.ran > all.catch_up ? all.due - all.catch_up + 1 : all.ran + 1;
    all.ran = oldest + below((uint32_t)(all.due - oldest + 1));
    for (uint32_t session = 0; session < all.session_count; session++) {
        if (chance(0.2)) {
            add_calls(session); /* between a tick and its use */
        }
        bool skips = chance(0.02); /* ticks that are run without this session */
        for (int64_t tick = oldest; !skips && tick > given_out && tick <= all.ran; tick++) {
            add((struct call){.kind = USE,
                              .session = session,
                              .tick = tick,
                              .value = (uint8_t)below(256),
                              .repeated = chance(0.8)});
        }
    }
}

static void draw_opts(struct belay_move_opts *opts) {
    *opts = (struct belay_move_opts){
        .size = (uint16_t)(1 + below(BELAY_MOVE_SIZE_MAX)),
        .tick_hz = 60,
        .lanes = 1,
        .hold_ticks = (uint8_t)(1 + below(5)),
        .future_max = (uint16_t)(1 + below(chance(0.5) ? 16 : 200)),
        .burst_ticks = (uint16_t)(1 + below(chance(0.8) ? 12 : 400)),
        .when_missing = (uint8_t)below(BELAY_MISSING_ASK + 1),
    };
}

static void draw_interleaving(uint64_t seed) {
    memset(&all, 0, sizeof all);
    all.seed = seed;
    bl_random_init_seeded(&all.random, seed);
    all.catch_up = (uint16_t)(1 + below(BELAY_CATCH_UP_MAX));
    all.session_count = 2 + below(SESSIONS_MAX - 1);
    /* Half of them wrap on their way. */
    all.start = 5 * ALL - (chance(0.5) ? (int64_t)below(STEPS) : (int64_t)below(UINT32_MAX));
    all.ran = all.due = all.start;
    for (uint32_t session = 0; session < all.session_count; session++) {
        draw_opts(&all.opts[session]);
        all.newest[session] = all.due + below(10);
    }
    for (int step = 0; step < STEPS; step++) {
        for (uint32_t session = 0; session < all.session_count; session++) {
            if (chance(0.7)) {
                add_calls(session);
            }
        }
        add_ticks();
    }
    seen.wrapped += all.start / ALL != all.calls[all.count - 1].ran / ALL;
}

static void fill(uint8_t *data, uint16_t size, uint8_t value) {
    memset(data, 7, size);
    data[value % size] = value; /* two inputs differ in a byte or two */
}

/* The model. */

struct model_input {
    int64_t tick;
    uint8_t data[BELAY_MOVE_SIZE_MAX];
};

static struct model {
    const struct belay_move_opts *opts;
    struct model_input inputs[CALLS_MAX]; /* that were taken */
    uint32_t input_count;
    int64_t accepted_at[CALLS_MAX]; /* what ran was */
    uint32_t accepted_count;
    struct {
        int64_t tick;
        enum bl_fate fate;
    } used[CALLS_MAX];
    uint32_t used_count;
    int64_t own[CALLS_MAX]; /* ticks whose own datagram has come */
    uint32_t own_count;
    int64_t consumed, first, received;
    bool begun, sampled, has_min;
    int64_t margin, margin_min;
    double smoothed, loss;
    uint32_t missing;
    uint8_t held[BELAY_MOVE_SIZE_MAX];
    uint64_t verdicts[BELAY_MOVE_VERDICT_COUNT], fates[4];
} models[SESSIONS_MAX];

static int64_t model_oldest(const struct call *call) {
    int64_t oldest = call->due - all.catch_up + 1;
    return oldest > call->ran ? oldest : call->ran + 1;
}

/** What a number on the wire says: the one of its ticks that is nearest. */
static int64_t model_tick(const struct call *call) {
    int64_t tick = call->tick % ALL;
    while (tick < model_oldest(call) - HALF) {
        tick += ALL;
    }
    return tick;
}

static const struct model_input *model_find(const struct model *model, int64_t tick) {
    for (uint32_t i = 0; i < model->input_count; i++) {
        if (model->inputs[i].tick == tick) {
            return &model->inputs[i];
        }
    }
    return NULL;
}

static enum bl_fate *model_fate(struct model *model, int64_t tick) {
    static enum bl_fate none;
    none = BL_FATE_NONE;
    for (uint32_t i = 0; i < model->used_count && tick > model->consumed - BL_FATES; i++) {
        if (model->used[i].tick == tick) {
            return &model->used[i].fate;
        }
    }
    return &none;
}

/** Whether one more would be too many since any moment. */
static bool model_over_budget(const struct model *model, int64_t due) {
    for (uint32_t i = 0; i < model->accepted_count; i++) {
        int64_t ticks = due - model->accepted_at[i];
        if (model->accepted_count - i + 1 > ticks + model->opts->burst_ticks) {
            return true;
        }
    }
    return false;
}

static enum belay_move_verdict model_judge(const struct model *model, const struct call *call,
                                           const struct model_input *input) {
    if (input->tick < model_oldest(call) || input->tick <= model->consumed) {
        return BELAY_MOVE_STALE;
    }
    if (input->tick > call->due + model->opts->future_max) {
        return BELAY_MOVE_FUTURE;
    }
    const struct model_input *known = model_find(model, input->tick);
    if (known != NULL) {
        bool same = memcmp(known->data, input->data, model->opts->size) == 0;
        return same ? BELAY_MOVE_DUPLICATE : BELAY_MOVE_CONFLICT;
    }
    return model_over_budget(model, call->due) ? BELAY_MOVE_OVER_BUDGET : BELAY_MOVE_ACCEPTED;
}

static bool model_came_alone(const struct model *model, int64_t tick) {
    for (uint32_t i = 0; i < model->own_count; i++) {
        if (model->own[i] == tick) {
            return model->received - tick < OWN_MAX;
        }
    }
    return false;
}

static int64_t clamp(int64_t value, int64_t min, int64_t max) {
    return value < min ? min : value > max ? max : value;
}

static void model_learn(struct model *model, const struct call *call, int64_t tick, bool fresh) {
    int64_t margin = clamp((tick - call->due) * 256 - call->fraction, INT16_MIN, INT16_MAX);
    bool newest = !call->repeated && (!model->sampled || tick > model->received);
    bool alone = model->sampled && model_came_alone(model, tick);
    if (fresh || newest) {
        double lost = call->repeated && !alone ? 1 : 0;
        model->margin_min =
            model->has_min && model->margin_min < margin ? model->margin_min : margin;
        model->has_min = true;
        model->loss += (lost - model->loss) / 64;
    } else if (!call->repeated && !alone && model->received - tick < OWN_MAX) {
        model->loss = model->loss > 1.0 / 64 ? model->loss - 1.0 / 64 : 0;
    }
    if (newest) {
        model->smoothed = model->sampled ? model->smoothed + ((double)margin - model->smoothed) / 8
                                         : (double)margin;
        model->margin = margin;
        model->received = tick;
        model->sampled = true;
    }
    if (!call->repeated) {
        model->own[model->own_count++] = tick;
    }
}

static void model_take(struct model *model, const struct call *call, struct answer *answer) {
    struct model_input input = {.tick = model_tick(call)};
    fill(input.data, model->opts->size, call->value);
    enum belay_move_verdict verdict = model_judge(model, call, &input);
    enum bl_fate *fate = model_fate(model, input.tick);
    bool late = verdict == BELAY_MOVE_STALE && *fate == BL_FATE_SUBSTITUTED;
    if (late) {
        *fate = BL_FATE_LATE;
        seen.fates[BL_FATE_LATE]++;
    }
    if (verdict == BELAY_MOVE_ACCEPTED) {
        model->inputs[model->input_count++] = input;
        model->accepted_at[model->accepted_count++] = call->ran;
        model->first = model->begun ? model->first : input.tick;
        model->begun = true;
    }
    model_learn(model, call, input.tick, late || verdict == BELAY_MOVE_ACCEPTED);
    model->verdicts[verdict]++;
    seen.verdicts[verdict]++;
    answer->numbers[VERDICT] = verdict;
}

/** Everything at once: what each policy does in the so-manieth tick without an input. */
static void model_substitute(const struct model *model, const struct call *call, uint8_t *data) {
    enum belay_when_missing policy = (enum belay_when_missing)model->opts->when_missing;
    bool holds = policy == BELAY_MISSING_HOLD || (policy == BELAY_MISSING_HOLD_THEN_NEUTRAL &&
                                                  model->missing <= model->opts->hold_ticks);
    if (holds) {
        memcpy(data, model->held, model->opts->size);
    } else if (policy == BELAY_MISSING_ASK && call->repeated) {
        fill(data, model->opts->size, call->value);
    }
}

static void model_use(struct model *model, const struct call *call, struct answer *answer) {
    const struct model_input *input = model_find(model, call->tick);
    enum bl_fate fate = BL_FATE_NONE;
    model->missing = input != NULL ? 0 : model->missing + 1;
    if (input != NULL) {
        memcpy(model->held, input->data, model->opts->size);
        memcpy(answer->data, input->data, model->opts->size);
        fate = BL_FATE_USED;
    } else {
        model_substitute(model, call, answer->data);
        fate = model->begun && call->tick > model->first ? BL_FATE_SUBSTITUTED : BL_FATE_NONE;
    }
    model->used[model->used_count].tick = call->tick;
    model->used[model->used_count++].fate = fate;
    model->consumed = call->tick;
    model->fates[fate]++;
    seen.fates[fate]++;
    answer->numbers[AS_SENT] = input != NULL;
    answer->numbers[HELD] = clamp(model->missing, 0, UINT8_MAX);
}

/** Of what waits, those whose tick may still be run: what is left out may be forgotten or not. */
static uint32_t to_come(const struct call *call, int64_t consumed) {
    int64_t gone = model_oldest(call) - 1 - consumed;
    return gone < 32 ? UINT32_MAX << gone : 0;
}

static void model_report(struct model *model, const struct call *call, struct answer *answer) {
    int64_t *numbers = answer->numbers, *other = &numbers[OTHERS];
    uint32_t fates = 0, waiting = 0;
    for (uint32_t i = 0; i < BL_FATES; i++) {
        fates |= (uint32_t)*model_fate(model, model->consumed - i) << 2 * i;
    }
    for (uint32_t i = 0; i < 32; i++) {
        waiting |= (uint32_t)(model_find(model, model->consumed + 1 + i) != NULL) << i;
    }
    numbers[SMOOTHED] = (int64_t)model->smoothed;
    numbers[LOSS] = clamp((int64_t)(model->loss * 256), 0, UINT8_MAX);
    *other++ = (uint32_t)model->consumed;
    *other++ = fates;
    *other++ = waiting & to_come(call, model->consumed);
    *other++ = (uint32_t)(model->sampled ? model->received : model->consumed);
    *other++ = model->margin;
    *other++ = model->has_min ? model->margin_min : model->margin;
    *other++ = (int64_t)model->fates[BL_FATE_SUBSTITUTED] << 1 | model->sampled;
    *other++ = (int64_t)model->fates[BL_FATE_USED];
    for (int i = 0; i < BELAY_MOVE_VERDICT_COUNT; i++) {
        *other++ = (int64_t)model->verdicts[i];
    }
    model->has_min = false;
}

static void model_restart(struct model *model) {
    model->input_count = 0;
    model->own_count = 0;
    model->begun = model->sampled = model->has_min = false;
    model->margin = 0;
    model->smoothed = model->loss = 0;
}

static struct answer ask_model(const struct call *call) {
    struct model *model = &models[call->session];
    struct answer answer = {0};
    switch (call->kind) {
    case TAKE:
        model_take(model, call, &answer);
        break;
    case USE:
        model_use(model, call, &answer);
        break;
    case REPORT:
        model_report(model, call, &answer);
        break;
    case RESTART:
        model_restart(model);
        break;
    case REJECT:
        model->verdicts[BELAY_MOVE_MALFORMED]++;
        break;
    }
    return answer;
}

/* The filter, asked the same. */

static struct bl_move_filter *filters[SESSIONS_MAX];

static void use(struct bl_move_filter *filter, const struct bl_tick_time *now,
                const struct call *call, struct answer *answer) {
    uint16_t size = all.opts[call->session].size;
    uint8_t asked[BELAY_MOVE_SIZE_MAX];
    struct belay_move move;
    fill(asked, size, call->value);
    bl_move_filter_use(filter, now, (uint32_t)call->tick, call->repeated ? asked : NULL, &move);
    memcpy(answer->data, move.data, size);
    answer->numbers[HELD] = move.held_ticks;
    answer->numbers[AS_SENT] = move.as_sent;
}

static void report(struct bl_move_filter *filter, const struct call *call, struct answer *answer) {
    int64_t *numbers = answer->numbers, *other = &numbers[OTHERS];
    const struct bl_move_counts *counts = bl_move_filter_counts(filter);
    struct bl_move_ack ack;
    bl_move_filter_report(filter, &ack);
    numbers[SMOOTHED] = ack.margin_smoothed;
    numbers[LOSS] = ack.loss;
    *other++ = ack.consumed;
    *other++ = ack.fates;
    *other++ =
        ack.waiting & to_come(call, call->ran - (uint32_t)((uint32_t)call->ran - ack.consumed));
    *other++ = ack.received;
    *other++ = ack.margin;
    *other++ = ack.margin_min;
    *other++ = (int64_t)ack.starved << 1 | ack.begun;
    *other++ = (int64_t)counts->used;
    for (int i = 0; i < BELAY_MOVE_VERDICT_COUNT; i++) {
        *other++ = (int64_t)counts->verdicts[i];
    }
}

static struct answer ask_filter(const struct call *call) {
    struct bl_move_filter *filter = filters[call->session];
    const struct bl_tick_time now = {.ran = (uint32_t)call->ran,
                                     .due = (uint32_t)call->due,
                                     .fraction = call->fraction,
                                     .catch_up = all.catch_up};
    struct answer answer = {0};
    uint8_t data[BELAY_MOVE_SIZE_MAX];
    struct bl_move_input input = {
        .tick = (uint32_t)call->tick, .data = data, .repeated = call->repeated};
    switch (call->kind) {
    case TAKE:
        fill(data, all.opts[call->session].size, call->value);
        answer.numbers[VERDICT] = bl_move_filter_take(filter, &now, &input);
        break;
    case USE:
        use(filter, &now, call, &answer);
        break;
    case REPORT:
        report(filter, call, &answer);
        break;
    case RESTART:
        bl_move_filter_restart(filter);
        break;
    case REJECT:
        bl_move_filter_reject(filter);
        break;
    }
    return answer;
}

static void begin(void) {
    const struct bl_tick_time now = {
        .ran = (uint32_t)all.start, .due = (uint32_t)all.start, .catch_up = all.catch_up};
    for (uint32_t i = 0; i < all.session_count; i++) {
        free(filters[i]);
        filters[i] = calloc(1, bl_move_filter_size(&all.opts[i]));
        bl_move_filter_init(filters[i], &all.opts[i], &now);
        models[i].opts = &all.opts[i];
        models[i].consumed = all.start;
        models[i].input_count = models[i].accepted_count = models[i].used_count = 0;
        models[i].missing = 0;
        memset(models[i].held, 0, sizeof models[i].held);
        memset(models[i].verdicts, 0, sizeof models[i].verdicts);
        memset(models[i].fates, 0, sizeof models[i].fates);
        model_restart(&models[i]);
    }
}

static void end(void) {
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        free(filters[i]);
        filters[i] = NULL;
    }
}

/* The properties. */

static void give_up(uint32_t at, const char *what) {
    ck_abort_msg("%s: call %u of seed %llu; again by\n"
                 "    BELAY_TEST_SEED=%llu meson test -C build 'server move_properties'",
                 what, at, (unsigned long long)all.seed, (unsigned long long)all.seed);
}

/** The smoothed numbers are floats in the filter and doubles in the model. */
static bool agree(const struct answer *filter, const struct answer *model) {
    struct answer near = *model;
    for (int i = SMOOTHED; i <= LOSS; i++) {
        if (llabs(filter->numbers[i] - near.numbers[i]) <= 1) {
            near.numbers[i] = filter->numbers[i];
        }
    }
    return memcmp(&near, filter, sizeof near) == 0;
}

static struct answer answers[CALLS_MAX];

static void compare_with_model(void) {
    begin();
    for (uint32_t i = 0; i < all.count; i++) {
        struct answer model = ask_model(&all.calls[i]);
        answers[i] = ask_filter(&all.calls[i]);
        if (!agree(&answers[i], &model)) {
            give_up(i, "the filter and the model differ");
        }
    }
}

static void compare_with_itself(uint32_t from, uint32_t until, const char *what) {
    begin();
    for (uint32_t i = 0; i < all.count; i++) {
        const struct call *call = &all.calls[i];
        if (call->session < from || call->session >= until) {
            continue;
        }
        struct answer again = ask_filter(call);
        if (memcmp(&again, &answers[i], sizeof again) != 0) {
            give_up(i, what);
        }
    }
}

static void check_interleaving(uint64_t seed) {
    draw_interleaving(seed);
    compare_with_model();
    compare_with_itself(0, all.session_count, "the same log tells something else");
    for (uint32_t session = 0; session < all.session_count; session++) {
        compare_with_itself(session, session + 1, "another session has changed an answer");
    }
}

/* R11, R13. */
START_TEST(any_interleaving_is_judged_as_the_model_judges_and_each_session_as_if_alone) {
    const char *given = getenv("BELAY_TEST_SEED");
    if (given != NULL) {
        check_interleaving(strtoull(given, NULL, 0));
        end();
        return;
    }
    for (uint64_t seed = 1; seed <= INTERLEAVINGS; seed++) {
        check_interleaving(seed);
    }
    for (int i = 0; i < BELAY_MOVE_MALFORMED; i++) {
        ck_assert_msg(seen.verdicts[i] > INTERLEAVINGS, "too little was %s",
                      belay_move_verdict_name((enum belay_move_verdict)i));
    }
    for (int i = 0; i < 4; i++) {
        ck_assert_msg(seen.fates[i] > INTERLEAVINGS, "too few ticks of fate %d", i);
    }
    ck_assert_uint_gt(seen.wrapped, INTERLEAVINGS / 4);
    end();
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests,
                   any_interleaving_is_judged_as_the_model_judges_and_each_session_as_if_alone);
}
TEST_MAIN("server/move_properties", add_tests)
