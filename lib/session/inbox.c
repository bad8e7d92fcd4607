/*
 * Records never overtake each other. When the ring is full the oldest STATE or MOVE_REFUSED record
 * goes first: an application that asked for them and does not poll loses those, and never a
 * lifecycle event.
 */
#include "lib/session/inbox.h"

#include "common/assert.h"
#include "lib/session/requests.h"

struct bl_message *bl_message_create(struct bl_shared *shared) {
    struct bl_message *message = shared->free_messages;
    if (message == NULL) {
        return bl_allocate(shared->memory, sizeof *message);
    }
    shared->free_messages = message->next;
    *message = (struct bl_message){0};
    return message;
}

void bl_message_free(struct bl_shared *shared, struct bl_message *message) {
    if (message == NULL) {
        return;
    }
    bl_request_release(shared, message);
    bl_packet_release(message->packet);
    bl_free(shared->memory, message->block, message->block_size);
    message->next = shared->free_messages;
    shared->free_messages = message;
}

static struct bl_record *record_at(struct bl_inbox *inbox, uint8_t index) {
    return &inbox->records[(inbox->record_first + index) % BL_RECORDS_MAX];
}

static void remove_record(struct bl_inbox *inbox, uint8_t index) {
    for (uint8_t i = index; i + 1 < inbox->record_count; i++) {
        *record_at(inbox, i) = *record_at(inbox, (uint8_t)(i + 1));
    }
    inbox->record_count--;
}

static bool merges(uint8_t type) {
    return type == BELAY_EVENT_LINK || type == BELAY_EVENT_BACKPRESSURE ||
           type == BELAY_EVENT_DRAIN || type == BELAY_EVENT_DOWN || type == BELAY_EVENT_RESUMED ||
           type == BELAY_EVENT_TICKET;
}

/** The index of the first record of this type; record_count when there is none. */
static uint8_t find_record(struct bl_inbox *inbox, uint8_t type) {
    uint8_t index = 0;
    while (index < inbox->record_count && record_at(inbox, index)->type != type) {
        index++;
    }
    return index;
}

void bl_inbox_count_refused(struct bl_inbox *inbox, enum belay_move_verdict verdict, uint8_t lane,
                            uint32_t tick) {
    for (uint8_t i = 0; i < inbox->record_count; i++) {
        struct bl_record *record = record_at(inbox, i);
        if (record->type == BELAY_EVENT_MOVE_REFUSED && record->from == verdict) {
            record->to = lane;
            record->numbers[0] = tick;
            record->numbers[1]++;
            return;
        }
    }
    bl_inbox_record(inbox, &(struct bl_record){.type = BELAY_EVENT_MOVE_REFUSED,
                                               .from = (uint8_t)verdict,
                                               .to = lane,
                                               .numbers = {tick, 1}});
}

void bl_inbox_record(struct bl_inbox *inbox, const struct bl_record *record) {
    uint8_t goes = inbox->record_count;
    if (merges(record->type)) {
        goes = find_record(inbox, record->type);
    }
    if (goes == inbox->record_count && inbox->record_count == BL_RECORDS_MAX) {
        goes = find_record(inbox, BELAY_EVENT_STATE);
        goes = goes == inbox->record_count ? find_record(inbox, BELAY_EVENT_MOVE_REFUSED) : goes;
        goes = goes == inbox->record_count ? 0 : goes;
    }
    if (goes < inbox->record_count) {
        remove_record(inbox, goes);
    }
    inbox->record_count++;
    *record_at(inbox, (uint8_t)(inbox->record_count - 1)) = *record;
}

bool bl_inbox_take_record(struct bl_inbox *inbox, struct bl_record *out) {
    if (inbox->record_count == 0) {
        return false;
    }
    *out = *record_at(inbox, 0);
    inbox->record_first = (uint8_t)((inbox->record_first + 1) % BL_RECORDS_MAX);
    inbox->record_count--;
    return true;
}

void bl_inbox_push(struct bl_inbox *inbox, struct bl_message *message) {
    message->next = NULL;
    if (inbox->last != NULL) {
        inbox->last->next = message;
    } else {
        inbox->first = message;
    }
    inbox->last = message;
    inbox->message_count++;
}

struct bl_message *bl_inbox_pop(struct bl_inbox *inbox) {
    struct bl_message *message = inbox->first;
    if (message == NULL) {
        return NULL;
    }
    inbox->first = message->next;
    if (inbox->first == NULL) {
        inbox->last = NULL;
    }
    BELAY_ASSERT(inbox->message_count > 0);
    inbox->message_count--;
    return message;
}

bool bl_inbox_is_empty(const struct bl_inbox *inbox) {
    return inbox->record_count == 0 && inbox->first == NULL && !inbox->closed;
}
