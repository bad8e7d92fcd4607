/* What both sides must agree on: channels and movement. */
#include "lib/session/shared.h"

#include "common/error.h"
#include "lib/session/inbox.h"
#include <stdio.h>
#include <string.h>

static enum belay_result check_channel(const struct belay_channel *channel, size_t index) {
    if (channel->name == NULL || channel->name[0] == '\0' ||
        strlen(channel->name) > BELAY_CHANNEL_NAME_MAX) {
        return bl_fail(BELAY_E_INVALID, "channels[%zu].name: give a name of 1 to %d bytes", index,
                       BELAY_CHANNEL_NAME_MAX);
    }
    if ((unsigned)channel->mode > BELAY_SEQUENCED) {
        return bl_fail(BELAY_E_INVALID, "channels[%zu].mode: %d is no enum belay_mode", index,
                       (int)channel->mode);
    }
    if (channel->when_full > BELAY_COALESCE) {
        return bl_fail(BELAY_E_INVALID, "channels[%zu].when_full: %d is no enum belay_when_full",
                       index, channel->when_full);
    }
    return BELAY_OK;
}

static void sort_by_priority(struct bl_shared *shared) {
    shared->reliable_count = 0;
    for (uint8_t i = 0; i < shared->stream_count; i++) {
        if (shared->channels[i].mode != BELAY_RELIABLE) {
            continue;
        }
        uint8_t at = shared->reliable_count++;
        while (at > 0 && shared->channels[shared->priority_order[at - 1]].priority <
                             shared->channels[i].priority) {
            shared->priority_order[at] = shared->priority_order[at - 1];
            at--;
        }
        shared->priority_order[at] = i;
    }
}

enum belay_result bl_shared_set_channels(struct bl_shared *shared,
                                         const struct belay_channel *channels, size_t count) {
    static const struct belay_channel defaults[] = {
        {.name = "reliable", .mode = BELAY_RELIABLE},
        {.name = "unreliable", .mode = BELAY_UNRELIABLE},
    };
    if (channels != NULL && count == 0) {
        return bl_fail(BELAY_E_INVALID, "channel_count: 0, with channels given");
    }
    if (count == 0) {
        channels = defaults;
        count = 2;
    }
    if (count > BELAY_CHANNELS_MAX || channels == NULL) {
        return bl_fail(BELAY_E_INVALID, "channel_count: %zu, at most %d, with channels to match",
                       count, BELAY_CHANNELS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        enum belay_result result = check_channel(&channels[i], i);
        if (result != BELAY_OK) {
            return result;
        }
        struct bl_channel *channel = &shared->channels[i];
        *channel = (struct bl_channel){
            .mode = channels[i].mode,
            .priority = channels[i].priority,
            .when_full = (enum belay_when_full)channels[i].when_full,
            .life = bl_from_ms(channels[i].life_ms),
            .name_hash = (uint16_t)bl_wire_hash(channels[i].name),
        };
        memcpy(channel->name, channels[i].name, strlen(channels[i].name) + 1);
    }
    shared->channel_count = (uint8_t)count;
    shared->stream_count = (uint8_t)(count + 1);
    shared->channels[bl_request_channel(shared)] =
        (struct bl_channel){.mode = BELAY_RELIABLE, .name = "requests"};
    sort_by_priority(shared);
    return BELAY_OK;
}

static enum belay_result check_move(const struct belay_move_opts *move) {
    if (move->size > BELAY_MOVE_SIZE_MAX) {
        return bl_fail(BELAY_E_INVALID, "move.size: %u, at most %d bytes", move->size,
                       BELAY_MOVE_SIZE_MAX);
    }
    if (move->tick_hz > BELAY_TICK_HZ_MAX) {
        return bl_fail(BELAY_E_INVALID, "move.tick_hz: %u, at most %d", move->tick_hz,
                       BELAY_TICK_HZ_MAX);
    }
    if (move->lanes > BELAY_LANES_MAX) {
        return bl_fail(BELAY_E_INVALID, "move.lanes: %u, at most %d", move->lanes, BELAY_LANES_MAX);
    }
    if (move->future_max > BELAY_FUTURE_MAX) {
        return bl_fail(BELAY_E_INVALID, "move.future_max: %u, at most %d ticks", move->future_max,
                       BELAY_FUTURE_MAX);
    }
    if (move->when_missing > BELAY_MISSING_ASK) {
        return bl_fail(BELAY_E_INVALID, "move.when_missing: %u is no enum belay_when_missing",
                       move->when_missing);
    }
    return BELAY_OK;
}

enum belay_result bl_shared_set_move(struct bl_shared *shared, const struct belay_move_opts *move) {
    enum belay_result result = check_move(move);
    if (result != BELAY_OK) {
        return result;
    }
    struct belay_move_opts *ours = &shared->move;
    *ours = *move;
    ours->tick_hz = ours->tick_hz != 0 ? ours->tick_hz : BELAY_TICK_HZ_DEFAULT;
    ours->lanes = ours->lanes != 0 ? ours->lanes : 1;
    ours->hold_ticks = ours->hold_ticks != 0 ? ours->hold_ticks : BELAY_HOLD_TICKS_DEFAULT;
    ours->future_max = ours->future_max != 0 ? ours->future_max : BELAY_FUTURE_DEFAULT;
    if (ours->burst_ticks == 0) {            /* jitter in ticks grows with their rate */
        uint16_t eighth = ours->tick_hz / 8; /* of a second */
        ours->burst_ticks = eighth > BELAY_BURST_DEFAULT ? eighth : BELAY_BURST_DEFAULT;
    }
    return BELAY_OK;
}

uint64_t bl_shared_hash_declared(const struct bl_shared *shared) {
    char text[BELAY_CHANNELS_MAX * (BELAY_CHANNEL_NAME_MAX + 2) + 32];
    char move[32] = "";
    struct bl_writer writer = bl_writer_of(text, sizeof text - 1);
    for (uint8_t i = 0; i < shared->channel_count; i++) {
        const struct bl_channel *channel = &shared->channels[i];
        bl_write_u8(&writer, (uint8_t)('0' + channel->mode));
        bl_write_bytes(&writer, channel->name, strlen(channel->name));
        bl_write_u8(&writer, '\n');
    }
    if (shared->move.size > 0) {
        snprintf(move, sizeof move, "%u %u %u", shared->move.size, shared->move.tick_hz,
                 shared->move.lanes);
    }
    bl_write_bytes(&writer, move, strlen(move));
    text[bl_writer_size(&writer)] = '\0';
    return bl_wire_hash(text);
}

void bl_shared_finish(struct bl_shared *shared) {
    bl_message_free(shared, shared->polled.message);
    bl_free(shared->memory, shared->polled.gaps, shared->polled.gaps_size);
    shared->polled = (struct bl_polled){0};
    bl_slot_map_finish(&shared->requests);
    while (shared->free_messages != NULL) {
        struct bl_message *message = shared->free_messages;
        shared->free_messages = message->next;
        bl_free(shared->memory, message, sizeof *message);
    }
}
