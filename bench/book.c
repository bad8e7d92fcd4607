#include "bench/book.h"

#include <string.h>

struct message {
    uint32_t client, way, number;
    uint8_t padding[BL_BOOK_MESSAGE_SIZE - 3 * sizeof(uint32_t)];
};

void bl_book_open(struct bl_book *book) {
    memset(book->lines, 0, sizeof book->lines);
}

static void note_sending(struct bl_book *book, struct bl_book_line *line,
                         enum belay_result result) {
    line->sent += result == BELAY_OK;
    book->sent += result == BELAY_OK;
    book->refused += result != BELAY_OK;
}

void bl_book_send(struct bl_book *book, struct bl_fleet *fleet, uint32_t client) {
    const struct bl_fleet_client *who = &fleet->clients[client];
    struct bl_book_line *lines = book->lines[client];
    struct message message = {.client = client, .way = BL_BOOK_UP};
    message.number = lines[BL_BOOK_UP].sent;
    note_sending(book, &lines[BL_BOOK_UP],
                 belay_client_send(who->client, 0, &message, sizeof message));
    message.way = BL_BOOK_DOWN;
    message.number = lines[BL_BOOK_DOWN].sent;
    note_sending(book, &lines[BL_BOOK_DOWN],
                 belay_server_send(fleet->server, who->session, 0, &message, sizeof message));
}

bool bl_book_receive(struct bl_book *book, bool at_server, uint32_t client,
                     const struct belay_event *event) {
    enum bl_book_way way = at_server ? BL_BOOK_UP : BL_BOOK_DOWN;
    struct bl_book_line *line = &book->lines[client][way];
    struct message message = {.client = UINT32_MAX};
    if (event->message.size == sizeof message) {
        memcpy(&message, event->message.data, sizeof message);
    }
    if (message.client != client || message.way != way || message.number >= line->sent) {
        book->misordered++; /* another's, or nobody's */
        return false;
    }
    if (message.number < line->expected) {
        book->repeated++;
        return false;
    }
    bool due = message.number == line->expected;
    book->misordered += message.number - line->expected;
    line->expected = message.number + 1;
    return due;
}

static uint64_t count_missing(const struct bl_book *book) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < BL_BOOK_CLIENTS; i++) {
        for (int way = 0; way < BL_BOOK_WAY_COUNT; way++) {
            count += book->lines[i][way].sent - book->lines[i][way].expected;
        }
    }
    return count;
}

bool bl_book_is_balanced(const struct bl_book *book) {
    return count_missing(book) == 0;
}

void bl_book_close(struct bl_book *book) {
    book->missing += count_missing(book);
}
