/* Slots go by the tick's low bits. A tick that was skipped holds what the server will use instead,
 * as far as one can know, so that stepping through it meets no hole; and so do those before the
 * first one. */
#include "client/move_history.h"

#include "common/serial.h"
#include <string.h>

static size_t slot_of(uint32_t tick) {
    return tick % BL_HISTORY_TICKS;
}

static uint8_t *input_of(const struct bl_move_history *history, uint32_t tick) {
    return history->inputs + slot_of(tick) * history->opts->size;
}

bool bl_move_history_init(struct bl_move_history *history, const struct belay_move_opts *opts,
                          struct bl_memory *memory) {
    history->opts = opts;
    history->inputs = bl_allocate(memory, (size_t)BL_HISTORY_TICKS * opts->size);
    history->held = bl_allocate(memory, BL_HISTORY_TICKS);
    return history->inputs != NULL && history->held != NULL;
}

void bl_move_history_finish(struct bl_move_history *history, struct bl_memory *memory) {
    if (history->opts != NULL) {
        bl_free(memory, history->inputs, (size_t)BL_HISTORY_TICKS * history->opts->size);
        bl_free(memory, history->held, BL_HISTORY_TICKS);
    }
}

void bl_move_history_clear(struct bl_move_history *history) {
    *history = (struct bl_move_history){
        .opts = history->opts, .inputs = history->inputs, .held = history->held};
}

static bool is_neutral(const struct belay_move_opts *opts, unsigned missing) {
    switch (opts->when_missing) {
    case BELAY_MISSING_HOLD:
        return false;
    case BELAY_MISSING_HOLD_THEN_NEUTRAL:
        return missing > opts->hold_ticks;
    default: /* what the server's application answers cannot be known */
        return true;
    }
}

/** The tick behind the newest was skipped. */
static void add_missing(struct bl_move_history *history) {
    uint8_t before = history->held[slot_of(history->newest)];
    uint8_t missing = before < UINT8_MAX ? (uint8_t)(before + 1) : before;
    const uint8_t *last = input_of(history, history->newest++);
    uint8_t *input = input_of(history, history->newest);
    history->held[slot_of(history->newest)] = missing;
    if (is_neutral(history->opts, missing)) {
        memset(input, 0, history->opts->size);
    } else {
        memcpy(input, last, history->opts->size);
    }
}

/** Nothing that is kept goes on into @p tick: what was before the first input, or in a gap as long
 * as the history, is what the server has used since. */
static void begin_at(struct bl_move_history *history, uint32_t tick) {
    bool goes_on = history->begun && !is_neutral(history->opts, UINT8_MAX);
    uint8_t before[BELAY_MOVE_SIZE_MAX] = {0};
    if (goes_on) {
        memcpy(before, input_of(history, history->newest), history->opts->size);
    }
    for (uint32_t i = 0; i < BL_HISTORY_TICKS; i++) {
        memcpy(input_of(history, i), before, history->opts->size);
        history->held[i] = UINT8_MAX;
    }
    history->newest = tick;
    history->left = tick - 1;
    history->begun = true;
}

void bl_move_history_add(struct bl_move_history *history, uint32_t tick, const void *data) {
    if (!history->begun || tick - history->newest > BL_HISTORY_TICKS) {
        begin_at(history, tick);
    } else {
        while (history->newest != tick - 1) {
            add_missing(history);
        }
        history->newest = tick;
    }
    memcpy(input_of(history, tick), data, history->opts->size);
    history->held[slot_of(tick)] = 0;
}

const void *bl_move_history_at(const struct bl_move_history *history, uint32_t tick) {
    bool holds = history->begun && history->newest - tick < BL_HISTORY_TICKS;
    return holds ? input_of(history, tick) : NULL;
}

static bool is_acknowledged(const struct bl_move_history *history, uint32_t tick) {
    int32_t ahead = bl_serial_distance(tick, history->ack.consumed);
    if (!history->acknowledged || ahead > 32) {
        return false;
    }
    return ahead <= 0 || (history->ack.waiting >> (ahead - 1) & 1) != 0;
}

bool bl_move_history_collect(struct bl_move_history *history, struct bl_moves *out) {
    uint32_t fresh = history->newest - history->left;
    if (!history->begun || fresh == 0) {
        return false;
    }
    out->also_new = (uint8_t)(fresh <= BELAY_MOVES_MAX ? fresh - 1 : BELAY_MOVES_MAX - 1);
    out->newest = history->left = history->newest;
    out->present = 0;
    for (unsigned age = 0; age < BELAY_MOVES_MAX; age++) {
        uint32_t tick = history->newest - age;
        if (age == 0 || (history->held[slot_of(tick)] == 0 && !is_acknowledged(history, tick))) {
            out->present |= (uint16_t)(1U << age);
            memcpy(out->inputs[age], input_of(history, tick), history->opts->size);
        }
    }
    return true;
}

/** Counts what became of ticks that no MOVE_ACK has told of before. */
static void count_fates(struct bl_move_history *history, const struct bl_move_ack *ack) {
    uint32_t told = history->acknowledged ? ack->consumed - history->ack.consumed : BL_FATES;
    for (unsigned i = 0; i < told && i < BL_FATES; i++) {
        enum bl_fate fate = (enum bl_fate)(ack->fates >> (2 * i) & 3);
        history->used += fate == BL_FATE_USED;
        history->substituted += fate == BL_FATE_SUBSTITUTED || fate == BL_FATE_LATE;
    }
}

bool bl_move_history_acknowledge(struct bl_move_history *history, const struct bl_move_ack *ack) {
    if (history->acknowledged && !bl_serial_after(ack->consumed, history->ack.consumed)) {
        return false;
    }
    count_fates(history, ack);
    history->ack = *ack;
    history->acknowledged = true;
    return true;
}
