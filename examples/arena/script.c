#include "examples/arena/script.h"

#include <math.h>

#define TICKS_MIN 15
#define TICKS_MAX 90
#define SIGHT     12.0F /* units */

void script_init(struct script *script, uint64_t seed) {
    *script = (struct script){.seed = seed * 2 + 1};
}

/** From 0 up to @p end; by splitmix64. */
static uint32_t draw(struct script *script, uint32_t end) {
    script->seed += 0x9E3779B97F4A7C15U;
    uint64_t mixed = script->seed;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBU;
    return (uint32_t)((mixed ^ mixed >> 31) % end);
}

static int8_t draw_axis(struct script *script) {
    return (int8_t)((int)draw(script, 255) - 127);
}

/** Aims at the nearest; false when nobody is in sight. */
static bool aim(struct arena_input *input, const struct remote_view *view, uint8_t who,
                struct point at) {
    float nearest = SIGHT * SIGHT;
    bool found = false;
    for (int i = 0; i < view->count; i++) {
        const struct state_other *other = &view->others[i];
        float x = other->at.x - at.x, y = other->at.y - at.y;
        if (other->who != who && !other->is_away && x * x + y * y < nearest) {
            nearest = x * x + y * y;
            input->aim = atan2f(y, x);
            found = true;
        }
    }
    return found;
}

struct arena_input script_next(struct script *script, const struct remote_view *view, uint8_t who,
                               struct point at) {
    if (script->ticks_left-- <= 0) {
        script->ticks_left = TICKS_MIN + (int)draw(script, TICKS_MAX - TICKS_MIN);
        script->input.x = draw_axis(script);
        script->input.y = draw_axis(script);
    }
    script->input.buttons = aim(&script->input, view, who, at) ? ARENA_FIRE : 0;
    return script->input;
}
