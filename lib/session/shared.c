/* Channels as both sides must agree on them. */
#include "lib/session/shared.h"

#include "common/error.h"
#include "lib/session/inbox.h"
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
    for (uint8_t i = 0; i < shared->channel_count; i++) {
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
    sort_by_priority(shared);
    return BELAY_OK;
}

uint64_t bl_shared_hash_channels(const struct bl_shared *shared) {
    char text[BELAY_CHANNELS_MAX * (BELAY_CHANNEL_NAME_MAX + 2) + 1];
    struct bl_writer writer = bl_writer_of(text, sizeof text - 1);
    for (uint8_t i = 0; i < shared->channel_count; i++) {
        const struct bl_channel *channel = &shared->channels[i];
        bl_write_u8(&writer, (uint8_t)('0' + channel->mode));
        bl_write_bytes(&writer, channel->name, strlen(channel->name));
        bl_write_u8(&writer, '\n');
    }
    text[bl_writer_size(&writer)] = '\0';
    return bl_wire_hash(text);
}

void bl_shared_finish(struct bl_shared *shared) {
    bl_message_free(shared, shared->polled.message);
    bl_free(shared->memory, shared->polled.gaps, shared->polled.gaps_size);
    shared->polled = (struct bl_polled){0};
    while (shared->free_messages != NULL) {
        struct bl_message *message = shared->free_messages;
        shared->free_messages = message->next;
        bl_free(shared->memory, message, sizeof *message);
    }
}
