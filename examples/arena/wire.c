#include "examples/arena/wire.h"

#include <math.h>
#include <string.h>

#define FINE 1000.0F /* steps in a unit, where a place is only drawn */

/* ---- numbers */

struct writer {
    uint8_t *at;
};

static void put(struct writer *writer, uint32_t value, int size) {
    for (int i = 0; i < size; i++) {
        *writer->at++ = (uint8_t)(value >> 8 * i);
    }
}

static void put_float(struct writer *writer, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(writer, bits, 4);
}

static void put_place(struct writer *writer, struct point place) {
    put(writer, (uint32_t)(place.x * FINE + 0.5F), 2);
    put(writer, (uint32_t)(place.y * FINE + 0.5F), 2);
}

/** After the first thing that is wrong, everything read is 0. */
struct reader {
    const uint8_t *at;
    size_t left;
    bool failed;
};

static uint32_t get(struct reader *reader, int size) {
    uint32_t value = 0;
    if (reader->failed || reader->left < (size_t)size) {
        reader->failed = true;
        return 0;
    }
    for (int i = 0; i < size; i++) {
        value |= (uint32_t)reader->at[i] << 8 * i;
    }
    reader->at += size;
    reader->left -= (size_t)size;
    return value;
}

/** Never a NaN, never infinite. */
static float get_float(struct reader *reader) {
    uint32_t bits = get(reader, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    if (!isfinite(value)) {
        reader->failed = true;
        return 0;
    }
    return value;
}

static struct point get_place(struct reader *reader) {
    float x = (float)get(reader, 2) / FINE;
    float y = (float)get(reader, 2) / FINE;
    return (struct point){x, y};
}

static bool is_whole(const struct reader *reader) {
    return !reader->failed && reader->left == 0;
}

/* ---- inputs */

void wire_write_input(uint8_t out[WIRE_INPUT_SIZE], const struct arena_input *input) {
    struct writer writer = {out};
    put(&writer, (uint8_t)input->x, 1);
    put(&writer, (uint8_t)input->y, 1);
    put(&writer, input->buttons, 1);
    put_float(&writer, input->aim);
}

bool wire_read_input(struct arena_input *input, const uint8_t data[WIRE_INPUT_SIZE]) {
    struct reader reader = {data, WIRE_INPUT_SIZE, false};
    input->x = (int8_t)get(&reader, 1);
    input->y = (int8_t)get(&reader, 1);
    input->buttons = (uint8_t)get(&reader, 1);
    input->aim = get_float(&reader);
    if (!is_whole(&reader)) {
        *input = (struct arena_input){0};
        return false;
    }
    return true;
}

/* ---- states */

static void put_other(struct writer *writer, const struct state_other *other) {
    put(writer, other->who, 1);
    put(writer, (uint32_t)other->health | (other->is_away ? 0x80U : 0), 1);
    put_place(writer, other->at);
}

static struct state_other get_other(struct reader *reader) {
    struct state_other other = {.who = (uint8_t)get(reader, 1)};
    uint32_t health = get(reader, 1);
    other.health = health & 0x7F;
    other.is_away = (health & 0x80) != 0;
    other.at = get_place(reader);
    reader->failed = reader->failed || other.who >= ARENA_PLAYERS_MAX;
    return other;
}

size_t wire_write_state(uint8_t out[WIRE_STATE_SIZE_MAX], const struct state *state) {
    struct writer writer = {out};
    put(&writer, state->tick, 4);
    put(&writer, state->missed, 4);
    put(&writer, state->who, 1);
    put(&writer, state->life, 1);
    put(&writer, state->health, 1);
    put(&writer, state->score, 2);
    put_float(&writer, state->body.at.x);
    put_float(&writer, state->body.at.y);
    put_float(&writer, state->body.velocity.x);
    put_float(&writer, state->body.velocity.y);
    put(&writer, state->body.reload, 1);
    put(&writer, state->other_count, 1);
    for (int i = 0; i < state->other_count; i++) {
        put_other(&writer, &state->others[i]);
    }
    put(&writer, state->bullet_count, 1);
    for (int i = 0; i < state->bullet_count; i++) {
        put_place(&writer, state->bullets[i]);
    }
    return (size_t)(writer.at - out);
}

bool wire_read_state(struct state *state, const void *data, size_t size) {
    struct reader reader = {data, size, false};
    state->tick = get(&reader, 4);
    state->missed = get(&reader, 4);
    state->who = (uint8_t)get(&reader, 1);
    state->life = (uint8_t)get(&reader, 1);
    state->health = (uint8_t)get(&reader, 1);
    state->score = (uint16_t)get(&reader, 2);
    state->body.at.x = get_float(&reader);
    state->body.at.y = get_float(&reader);
    state->body.velocity.x = get_float(&reader);
    state->body.velocity.y = get_float(&reader);
    state->body.reload = (uint8_t)get(&reader, 1);
    state->other_count = (uint8_t)get(&reader, 1);
    if (state->who >= ARENA_PLAYERS_MAX || state->other_count > ARENA_PLAYERS_MAX) {
        return false;
    }
    for (int i = 0; i < state->other_count; i++) {
        state->others[i] = get_other(&reader);
    }
    state->bullet_count = (uint8_t)get(&reader, 1);
    if (state->bullet_count > ARENA_BULLETS_MAX) {
        return false;
    }
    for (int i = 0; i < state->bullet_count; i++) {
        state->bullets[i] = get_place(&reader);
    }
    return is_whole(&reader);
}

/* ---- events */

static size_t text_length(const char text[EVENT_TEXT_SIZE]) {
    const char *end = memchr(text, '\0', EVENT_TEXT_SIZE);
    return end != NULL ? (size_t)(end - text) : EVENT_TEXT_SIZE - 1;
}

size_t wire_write_event(uint8_t out[WIRE_EVENT_SIZE_MAX], const struct event *event) {
    struct writer writer = {out};
    size_t length = text_length(event->text);
    put(&writer, event->kind, 1);
    put(&writer, event->number, 4);
    put(&writer, event->who, 1);
    put(&writer, event->whom, 1);
    put(&writer, event->score, 2);
    put(&writer, (uint32_t)length, 1);
    memcpy(writer.at, event->text, length);
    return (size_t)(writer.at - out) + length;
}

/** A terminal obeys bytes that are not printable. */
static void get_text(struct reader *reader, char text[EVENT_TEXT_SIZE]) {
    size_t length = get(reader, 1);
    if (length >= EVENT_TEXT_SIZE) {
        reader->failed = true;
        length = 0;
    }
    for (size_t i = 0; i < length; i++) {
        uint32_t byte = get(reader, 1);
        text[i] = byte >= ' ' && byte <= '~' ? (char)byte : '?';
    }
    text[length] = '\0';
}

bool wire_read_event(struct event *event, const void *data, size_t size) {
    struct reader reader = {data, size, false};
    uint32_t kind = get(&reader, 1);
    event->number = get(&reader, 4);
    event->who = (uint8_t)get(&reader, 1);
    event->whom = (uint8_t)get(&reader, 1);
    event->score = (uint16_t)get(&reader, 2);
    get_text(&reader, event->text);
    if (!is_whole(&reader) || kind >= EVENT_KIND_COUNT || event->who >= ARENA_PLAYERS_MAX ||
        event->whom >= ARENA_PLAYERS_MAX) {
        return false;
    }
    event->kind = (enum event_kind)kind;
    return true;
}
