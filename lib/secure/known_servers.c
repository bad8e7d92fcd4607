/*
 * A player edits this file too, so what is not the line in question is kept byte for byte, and what
 * is wrong is named with its line. Several clients on one machine share it: a change is read and
 * written under a lock, and whoever only reads finds the old or the new file.
 */
#include "lib/secure/known_servers.h"

#include "common/assert.h"
#include "common/bytes.h"
#include "common/error.h"
#include "lib/net/file.h"
#include "lib/secure/lines.h"
#include <stdio.h>
#include <string.h>

#define LINE_SIZE (BL_INVITE_TEXT_SIZE + sizeof " \n")
#define SLACK     4096 /* for lines that another process adds while we look */

static const char file_head[] = "# Belay: the servers met, and their keys. Remove the line of a "
                                "server to trust it anew.\n";

/** A file in memory, with room for one more line. */
struct book {
    struct bl_memory *memory;
    uint8_t *data;
    size_t capacity;
    size_t size;
};

static void close_book(struct book *book) {
    bl_free(book->memory, book->data, book->capacity);
}

static enum belay_result fail_big(const char *path) {
    return bl_fail(BELAY_E_TOO_BIG,
                   "%.256s would have more than %d bytes; remove lines of servers that nobody "
                   "needs any more",
                   path, BL_KNOWN_SERVERS_SIZE_MAX);
}

/** What is there, or nothing. On failure there is nothing to be closed. */
static enum belay_result open_book(struct book *book, const char *path, struct bl_memory *memory) {
    struct bl_file_stamp stamp;
    bl_file_look(&stamp, path);
    *book = (struct book){.memory = memory};
    if (stamp.size > BL_KNOWN_SERVERS_SIZE_MAX) {
        return fail_big(path);
    }
    book->capacity = (size_t)stamp.size + SLACK;
    book->data = bl_allocate(memory, book->capacity);
    if (book->data == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for the %zu bytes of %.256s", book->capacity,
                       path);
    }
    if (bl_file_is_missing(path)) {
        return BELAY_OK;
    }
    struct bl_file_content content = {.data = book->data, .capacity = book->capacity};
    enum belay_result result = bl_file_read(&content, path);
    book->size = content.size;
    if (result != BELAY_OK) {
        close_book(book);
    }
    return result;
}

/** Where the line of a server is. */
struct finding {
    unsigned line; /* 0: nowhere */
    struct bl_invite server;
};

enum line_kind { LINE_EMPTY, LINE_SERVER, LINE_WRONG };

/** @param out undefined unless it is a LINE_SERVER */
static enum line_kind read_line(struct finding *out, struct bl_slice line) {
    struct bl_slice place = bl_slice_word(&line);
    struct bl_slice key = bl_slice_word(&line);
    struct bl_slice more = bl_slice_word(&line);
    char text[BL_INVITE_TEXT_SIZE];
    if (bl_slice_size(&place) == 0) {
        return LINE_EMPTY;
    }
    size_t size = strlen("belay://") + bl_slice_size(&place) + 1 + bl_slice_size(&key);
    snprintf(text, sizeof text, "belay://%.*s/%.*s", (int)bl_slice_size(&place), place.at,
             (int)bl_slice_size(&key), key.at);
    if (strlen(text) != size || bl_slice_size(&more) > 0) { /* too long, or a zero byte in it */
        bl_fail(BELAY_E_KEY, "it is not \"host:port KEY\"");
        return LINE_WRONG;
    }
    return bl_invite_parse(&out->server, text) == BELAY_OK ? LINE_SERVER : LINE_WRONG;
}

static enum belay_result find(struct finding *out, const struct book *book, const char *path,
                              const struct bl_invite *server) {
    struct bl_slice rest = {(const char *)book->data, (const char *)book->data + book->size};
    struct bl_slice line;
    struct finding now;
    *out = (struct finding){0};
    for (unsigned number = 1; bl_slice_line(&line, &rest); number++) {
        enum line_kind kind = read_line(&now, line);
        if (kind == LINE_WRONG) {
            return bl_fail(BELAY_E_KEY, "%.128s: line %u: %s; mend the line or remove it", path,
                           number, belay_error());
        }
        if (kind == LINE_EMPTY || !bl_invite_same_place(&now.server, server)) {
            continue;
        }
        if (out->line > 0) {
            return bl_fail(BELAY_E_KEY,
                           "%.256s: lines %u and %u are of the same server; remove one", path,
                           out->line, number);
        }
        *out = now;
        out->line = number;
    }
    return BELAY_OK;
}

enum belay_result bl_known_servers_find(struct bl_invite *known, const char *path,
                                        const struct bl_invite *server, struct bl_memory *memory) {
    struct book book;
    struct finding found;
    enum belay_result result = open_book(&book, path, memory);
    if (result != BELAY_OK) {
        return result;
    }
    result = find(&found, &book, path, server);
    close_book(&book);
    if (result == BELAY_OK) {
        *known = *server;
        known->has_key = found.line > 0;
        memcpy(known->key, found.server.key, sizeof known->key);
    }
    return result;
}

/** Behind all others; in a new file behind its head. */
static void write_line(struct bl_writer *writer, const struct book *book,
                       const struct bl_invite *server) {
    char text[LINE_SIZE];
    char key[BL_KEY_TEXT_SIZE];
    struct bl_invite place = *server;
    place.has_key = false;
    enum belay_result result = bl_invite_format(&place, text, sizeof text);
    BELAY_ASSERT(result == BELAY_OK);
    bl_key_text(key, server->key);
    bl_write_bytes(writer, file_head, book->size == 0 ? sizeof file_head - 1 : 0);
    bl_write_bytes(writer, book->data, book->size);
    if (book->size > 0 && book->data[book->size - 1] != '\n') {
        bl_write_u8(writer, '\n');
    }
    bl_write_bytes(writer, text, strlen(text));
    bl_write_u8(writer, ' ');
    bl_write_bytes(writer, key, strlen(key));
    bl_write_u8(writer, '\n');
}

static enum belay_result add_line(const struct book *book, const char *path,
                                  const struct bl_invite *server) {
    size_t capacity = book->size + sizeof file_head + LINE_SIZE;
    uint8_t *text = bl_allocate(book->memory, capacity);
    if (text == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for the %zu bytes of %.256s", capacity, path);
    }
    struct bl_writer writer = bl_writer_of(text, capacity);
    write_line(&writer, book, server);
    BELAY_ASSERT(!writer.failed);
    size_t size = bl_writer_size(&writer);
    enum belay_result result =
        size > BL_KNOWN_SERVERS_SIZE_MAX ? fail_big(path) : bl_file_replace(path, text, size);
    bl_free(book->memory, text, capacity);
    return result;
}

static enum belay_result remember_locked(const char *path, const struct bl_invite *server,
                                         struct bl_memory *memory) {
    struct book book;
    struct finding found;
    enum belay_result result = open_book(&book, path, memory);
    if (result != BELAY_OK) {
        return result;
    }
    result = find(&found, &book, path, server);
    if (result == BELAY_OK && found.line == 0) {
        result = add_line(&book, path, server);
    } else if (result == BELAY_OK && !bl_equal(found.server.key, server->key, sizeof server->key)) {
        result = bl_fail(BELAY_E_KEY,
                         "%.256s: line %u, written meanwhile, has another key for this server; if "
                         "the server's key was changed on purpose, remove that line",
                         path, found.line);
    }
    close_book(&book);
    return result;
}

enum belay_result bl_known_servers_remember(const char *path, const struct bl_invite *server,
                                            struct bl_memory *memory) {
    intptr_t lock;
    BELAY_ASSERT(server->has_key);
    enum belay_result result = bl_file_lock(&lock, path);
    if (result == BELAY_OK) {
        result = remember_locked(path, server, memory);
        bl_file_unlock(lock);
    }
    return result;
}
