/*
 * What a session has for its application: events and messages, until they are polled.
 *
 * Events are short records in a small ring; what they point to is kept in the session. Messages
 * wait behind them in a list, under credit. The end of the session waits behind both.
 */
#ifndef BL_SESSION_INBOX_H
#define BL_SESSION_INBOX_H

#include "lib/session/shared.h"

enum bl_message_kind {
    BL_MESSAGE_RECEIVED,
    BL_MESSAGE_SKIPPED,  /* expired at the sender: only moves the sequence on */
    BL_MESSAGE_EXPIRED,  /* our own, before it was sent */
    BL_MESSAGE_RETURNED, /* our own, to a side that has lost its memory */
    BL_MESSAGE_REQUEST,  /* received: the other side asks */
    BL_MESSAGE_REPLY,    /* received: the end of a request of ours */
    BL_MESSAGE_ENDED,    /* the same, and nothing was received */
};

/** A message that waits to be polled. Its data are in a packet or in a block, which it owns. */
struct bl_message {
    struct bl_message *next;
    enum bl_message_kind kind;
    uint8_t channel;
    bool topical; /* the data begin with a topic */
    uint32_t sequence;
    const uint8_t *data;
    size_t size;
    struct bl_packet *packet;
    struct bl_request *request; /* REQUEST, REPLY, ENDED */
    uint8_t *block;
    size_t block_size;
};

/** It came from the other side, which waits to hear that it was handled. */
static inline bool bl_message_came_in(const struct bl_message *message) {
    return message->kind == BL_MESSAGE_RECEIVED || message->kind == BL_MESSAGE_SKIPPED ||
           message->kind == BL_MESSAGE_REQUEST || message->kind == BL_MESSAGE_REPLY;
}

/** And on a reliable channel: it draws on credit. */
static inline bool bl_message_is_reliable(const struct bl_shared *shared,
                                          const struct bl_message *message) {
    return bl_message_came_in(message) && shared->channels[message->channel].mode == BELAY_RELIABLE;
}

#define BL_RECORDS_MAX      12  /* more transitions than any session makes between two polls */
#define BL_UNREAD_MAX       256 /* unreliable messages of a session that may wait */
#define BL_UNREAD_BYTES_MAX (256U * 1024U)

/** One event, without what it points to. */
struct bl_record {
    uint8_t type; /* enum belay_event_type */
    uint8_t from, to;
    bool flag;
    enum belay_who who;
    uint32_t code;
    uint32_t numbers[2];
    uint64_t time_ms;
};

struct bl_inbox {
    struct bl_record records[BL_RECORDS_MAX];
    uint8_t record_first, record_count;
    bool closed; /* the end is to be polled, after everything else */
    bool ready;  /* in the list of sessions that have something */
    struct bl_message *first, *last;
    uint32_t message_count, unread_count;
    size_t unread_bytes; /* of unreliable messages */
};

/** A node, empty; NULL when memory is out. */
struct bl_message *bl_message_create(struct bl_shared *shared);
/** Gives back the node and what it owns. NULL is fine. */
void bl_message_free(struct bl_shared *shared, struct bl_message *message);

/** Queues an event; those of which only the newest matters (LINK, BACKPRESSURE, DRAIN, DOWN,
 * RESUMED, TICKET) replace one of their kind that still waits. */
void bl_inbox_record(struct bl_inbox *inbox, const struct bl_record *record);
/** MOVE_REFUSED: adds one to the event that waits for this verdict, or queues it. */
void bl_inbox_count_refused(struct bl_inbox *inbox, enum belay_move_verdict verdict, uint8_t lane,
                            uint32_t tick);
/** The oldest event leaves the queue; false when there is none. */
bool bl_inbox_take_record(struct bl_inbox *inbox, struct bl_record *out);
void bl_inbox_push(struct bl_inbox *inbox, struct bl_message *message);
struct bl_message *bl_inbox_pop(struct bl_inbox *inbox);
bool bl_inbox_is_empty(const struct bl_inbox *inbox);

/**
 * The next event of any session, each in its turn. What it points to is lent until the next call;
 * what the last call lent is handled and given back.
 */
bool bl_poll(struct bl_shared *shared, struct belay_event *event);

#endif
