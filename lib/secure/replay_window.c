/* A ring of bits: bit number % 1,024 tells of the one number of that residue inside the window. */
#include "lib/secure/replay_window.h"

#include "common/assert.h"

static uint64_t bit_of(uint64_t number) {
    return UINT64_C(1) << number % 64;
}

static uint64_t *word_of(struct bl_replay_window *window, uint64_t number) {
    return &window->seen[number % BL_REPLAY_WINDOW / 64];
}

uint64_t bl_replay_window_complete(const struct bl_replay_window *window, uint32_t low) {
    const uint64_t span = UINT64_C(1) << 32;
    uint64_t candidate = (window->end & ~(span - 1)) | low;
    if (candidate + span / 2 <= window->end) {
        return candidate + span;
    }
    if (candidate > window->end + span / 2 && candidate >= span) {
        return candidate - span;
    }
    return candidate;
}

bool bl_replay_window_is_fresh(const struct bl_replay_window *window, uint64_t number) {
    if (number >= window->end) {
        return true;
    }
    return window->end - number <= BL_REPLAY_WINDOW &&
           (window->seen[number % BL_REPLAY_WINDOW / 64] & bit_of(number)) == 0;
}

void bl_replay_window_mark(struct bl_replay_window *window, uint64_t number) {
    BELAY_ASSERT(bl_replay_window_is_fresh(window, number));
    uint64_t leap = number >= window->end ? number - window->end : 0;
    for (uint64_t i = 0; i < leap && i < BL_REPLAY_WINDOW; i++) { /* what was leapt over */
        *word_of(window, number - 1 - i) &= ~bit_of(number - 1 - i);
    }
    *word_of(window, number) |= bit_of(number);
    if (number >= window->end) {
        window->end = number + 1;
    }
}
