/*
 * The text of a key file is a secret: buffers are wiped on every way out, and no error quotes a
 * line.
 */
#include "lib/secure/token_keys.h"

#include "common/bytes.h"
#include "common/error.h"
#include "common/log.h"
#include "lib/secure/lines.h"
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define FILE_SIZE_MAX 4096
#define ID_SIZE       4
#define LINE_SIZE     (2 * ID_SIZE + 1 + 2 * BL_SECRET_SIZE + 1) /* as written; no terminator */

static const char file_head[] =
    "# Keys of Belay's connect tokens, the newest first: it seals new tokens.\n"
    "# A secret of the login service and its servers. `belay-token add` puts a new one on top.\n";

void bl_token_keys_wipe(struct bl_token_keys *keys) {
    bl_wipe(keys, sizeof *keys);
}

const struct bl_token_key *bl_token_keys_find(const struct bl_token_keys *keys, uint32_t id) {
    for (unsigned i = 0; i < keys->count; i++) {
        if (keys->keys[i].id == id) {
            return &keys->keys[i];
        }
    }
    return NULL;
}

enum line_kind { LINE_EMPTY, LINE_KEY, LINE_WRONG };

/** @param out undefined unless it is a LINE_KEY */
static enum line_kind read_line(struct bl_token_key *out, struct bl_slice line) {
    struct bl_slice id_digits = bl_slice_word(&line);
    struct bl_slice digits = bl_slice_word(&line);
    struct bl_slice more = bl_slice_word(&line);
    uint8_t id[ID_SIZE];
    if (bl_slice_size(&id_digits) == 0) {
        return LINE_EMPTY;
    }
    if (!bl_slice_hex(id, sizeof id, id_digits) ||
        !bl_slice_hex(out->secret.bytes, sizeof out->secret.bytes, digits) ||
        bl_slice_size(&more) > 0) {
        return LINE_WRONG;
    }
    struct bl_reader reader = bl_reader_of(id, sizeof id);
    out->id = bl_read_u32(&reader);
    return out->id != 0 ? LINE_KEY : LINE_WRONG;
}

/** Takes in one line. @return NULL, or what is wrong with it and what to do */
static const char *take_line(struct bl_token_keys *keys, struct bl_slice line) {
    struct bl_token_key key;
    const char *problem = NULL;
    enum line_kind kind = read_line(&key, line);
    if (kind == LINE_WRONG) {
        problem = "is no key; write an id of 8 hexadecimal digits, a blank and a key of 64, or "
                  "make a new file with belay-token keygen";
    } else if (kind == LINE_KEY && bl_token_keys_find(keys, key.id) != NULL) {
        problem = "has the id of a key above it; remove one of the two";
    } else if (kind == LINE_KEY && keys->count == BL_TOKEN_KEYS_MAX) {
        problem = "is the fifth key; remove the oldest, at the end";
    } else if (kind == LINE_KEY) {
        keys->keys[keys->count++] = key;
    }
    bl_wipe(&key, sizeof key);
    return problem;
}

enum belay_result bl_token_keys_parse(struct bl_token_keys *out, const void *text, size_t size,
                                      const char *name) {
    struct bl_token_keys keys = {0};
    struct bl_slice rest = {text, (const char *)text + size};
    struct bl_slice line;
    const char *problem = NULL;
    unsigned number = 0;
    while (problem == NULL && bl_slice_line(&line, &rest)) {
        problem = take_line(&keys, line);
        number++;
    }
    enum belay_result result = BELAY_OK;
    if (problem != NULL) {
        result = bl_fail(BELAY_E_KEY, "%.256s: line %u %s", name, number, problem);
    } else if (keys.count == 0) {
        result =
            bl_fail(BELAY_E_KEY, "%.256s has no key; make a file with belay-token keygen", name);
    } else {
        *out = keys;
    }
    bl_token_keys_wipe(&keys);
    return result;
}

enum belay_result bl_token_keys_load(struct bl_token_keys *out, const char *path) {
    uint8_t text[FILE_SIZE_MAX];
    struct bl_file_content content = {.data = text, .capacity = sizeof text};
    enum belay_result result = bl_file_read_secret(&content, path);
    if (result == BELAY_OK) {
        result = bl_token_keys_parse(out, text, content.size, path);
    }
    bl_wipe(text, sizeof text);
    return result;
}

/** Writes the line of a new key, whose id is none of @p keys. */
static void write_new_key(struct bl_writer *writer, const struct bl_token_keys *keys,
                          struct bl_random *random) {
    uint32_t id;
    do {
        id = (uint32_t)bl_random_u64(random);
    } while (id == 0 || bl_token_keys_find(keys, id) != NULL);
    struct bl_secret secret;
    char line[LINE_SIZE + 1];
    char digits[2 * BL_SECRET_SIZE + 1];
    bl_random_bytes(random, secret.bytes, sizeof secret.bytes);
    sodium_bin2hex(digits, sizeof digits, secret.bytes, sizeof secret.bytes);
    snprintf(line, sizeof line, "%08x %s\n", (unsigned)id, digits);
    bl_write_bytes(writer, line, LINE_SIZE);
    bl_wipe(&secret, sizeof secret);
    bl_wipe(line, sizeof line);
    bl_wipe(digits, sizeof digits);
}

enum belay_result bl_token_keys_generate(const char *path, struct bl_random *random) {
    static const struct bl_token_keys none;
    uint8_t text[sizeof file_head + LINE_SIZE];
    struct bl_writer writer = bl_writer_of(text, sizeof text);
    bl_write_bytes(&writer, file_head, sizeof file_head - 1);
    write_new_key(&writer, &none, random);
    enum belay_result result = bl_file_create(path, text, bl_writer_size(&writer));
    bl_wipe(text, sizeof text);
    return result;
}

/** Copies the lines of a key file that has been parsed: a new key first, without the last of 4. */
static void write_with_new_key(struct bl_writer *writer, struct bl_slice text,
                               const struct bl_token_keys *keys, struct bl_random *random) {
    struct bl_slice line;
    struct bl_token_key key;
    for (unsigned index = 0; bl_slice_line(&line, &text);) {
        bool is_key = read_line(&key, line) == LINE_KEY;
        if (is_key && index == 0) {
            write_new_key(writer, keys, random);
        }
        index += is_key;
        if (!is_key || index < BL_TOKEN_KEYS_MAX) {
            bl_write_bytes(writer, line.at, bl_slice_size(&line));
            bl_write_u8(writer, '\n');
        }
    }
    bl_wipe(&key, sizeof key);
}

enum belay_result bl_token_keys_add(const char *path, struct bl_random *random) {
    uint8_t before[FILE_SIZE_MAX], after[FILE_SIZE_MAX];
    struct bl_token_keys keys = {0};
    struct bl_file_content content = {.data = before, .capacity = sizeof before};
    enum belay_result result = bl_file_read_secret(&content, path);
    if (result == BELAY_OK) {
        result = bl_token_keys_parse(&keys, before, content.size, path);
    }
    if (result == BELAY_OK) {
        struct bl_writer writer = bl_writer_of(after, sizeof after);
        struct bl_slice text = {(const char *)before, (const char *)before + content.size};
        write_with_new_key(&writer, text, &keys, random);
        result = writer.failed ? bl_fail(BELAY_E_TOO_BIG,
                                         "%.256s would have more than %d bytes; shorten its "
                                         "comments",
                                         path, FILE_SIZE_MAX)
                               : bl_file_replace(path, after, bl_writer_size(&writer));
    }
    bl_wipe(before, sizeof before);
    bl_wipe(after, sizeof after);
    bl_token_keys_wipe(&keys);
    return result;
}

enum belay_result bl_token_key_file_init(struct bl_token_key_file *file, struct bl_memory *memory,
                                         const char *path) {
    size_t size = strlen(path) + 1;
    *file = (struct bl_token_key_file){.memory = memory};
    /* The stamp first: a change in between is then seen as one, not missed. */
    bl_file_look(&file->used, path);
    enum belay_result result = bl_token_keys_load(&file->keys, path);
    if (result != BELAY_OK) {
        return result;
    }
    file->path = bl_allocate(memory, size);
    if (file->path == NULL) {
        bl_token_keys_wipe(&file->keys);
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for the name of the key file");
    }
    memcpy(file->path, path, size);
    file->told = file->used;
    return BELAY_OK;
}

void bl_token_key_file_finish(struct bl_token_key_file *file) {
    if (file->path != NULL) {
        bl_free(file->memory, file->path, strlen(file->path) + 1);
    }
    bl_wipe(file, sizeof *file);
}

void bl_token_key_file_refresh(struct bl_token_key_file *file, bl_time now) {
    struct bl_file_stamp stamp;
    if (file->path == NULL || now < file->look_at) {
        return;
    }
    file->look_at = now + BL_TOKEN_KEYS_PERIOD;
    bl_file_look(&stamp, file->path);
    if (bl_file_stamp_equal(&stamp, &file->used)) {
        return;
    }
    /* A broken one is tried each time: what is wrong may be its mode, which no stamp shows. */
    if (bl_token_keys_load(&file->keys, file->path) == BELAY_OK) {
        file->used = stamp;
        bl_log(&file->memory->hooks, BELAY_LOG_INFO, 0,
               "token keys read again: %u, the newest %08x", file->keys.count,
               (unsigned)file->keys.keys[0].id);
    } else if (!bl_file_stamp_equal(&stamp, &file->told)) {
        bl_log(&file->memory->hooks, BELAY_LOG_WARNING, 0, "token keys stay as they were: %s",
               belay_error());
    }
    file->told = stamp;
}
