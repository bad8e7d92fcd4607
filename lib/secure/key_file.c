/*
 * A server whose key changes is refused by every client that has pinned the old one. So the file is
 * made only where there is none, and one that cannot be read is an error, never replaced.
 *
 * The text is a secret: it is wiped on every way out, and no error quotes it.
 */
#include "lib/secure/key_file.h"

#include "common/error.h"
#include "lib/net/file.h"
#include "lib/secure/invite.h"
#include "lib/secure/lines.h"
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define FILE_SIZE_MAX 4096
#define KIND          "x25519-secret"
#define CURE                                                                                       \
    "put back a copy of the file, or remove it to have a new key made, which clients "             \
    "that know the old one will refuse"

/** @return NULL, or what is wrong with the line */
static const char *take_line(struct bl_key_pair *pair, bool *has_key, struct bl_slice line) {
    struct bl_slice kind = bl_slice_word(&line);
    struct bl_slice digits = bl_slice_word(&line);
    struct bl_slice more = bl_slice_word(&line);
    if (bl_slice_size(&kind) == 0) {
        return NULL;
    }
    if (bl_slice_size(&kind) != strlen(KIND) || !bl_equal(kind.at, KIND, strlen(KIND)) ||
        bl_slice_size(&more) > 0) {
        return "is not \"" KIND "\" and a key";
    }
    if (*has_key) {
        return "has a second key";
    }
    if (!bl_slice_hex(pair->secret.bytes, sizeof pair->secret.bytes, digits) ||
        sodium_is_zero(pair->secret.bytes, sizeof pair->secret.bytes)) {
        return "has no key of 64 hexadecimal digits";
    }
    *has_key = true;
    return NULL;
}

enum belay_result bl_key_file_parse(struct bl_key_pair *out, const void *text, size_t size,
                                    const char *name) {
    struct bl_key_pair pair = {0};
    struct bl_slice rest = {text, (const char *)text + size};
    struct bl_slice line;
    const char *problem = NULL;
    unsigned number = 0;
    bool has_key = false;
    while (problem == NULL && bl_slice_line(&line, &rest)) {
        problem = take_line(&pair, &has_key, line);
        number++;
    }
    enum belay_result result = BELAY_OK;
    if (problem != NULL) {
        result = bl_fail(BELAY_E_KEY, "%.256s: line %u %s; " CURE, name, number, problem);
    } else if (!has_key) {
        result = bl_fail(BELAY_E_KEY, "%.256s has no key; " CURE, name);
    } else {
        bl_key_pair_complete(&pair);
        *out = pair;
    }
    bl_wipe(&pair, sizeof pair);
    return result;
}

static enum belay_result load(struct bl_key_pair *out, const char *path) {
    uint8_t text[FILE_SIZE_MAX];
    struct bl_file_content content = {.data = text, .capacity = sizeof text};
    enum belay_result result = bl_file_read_secret(&content, path);
    if (result == BELAY_OK) {
        result = bl_key_file_parse(out, text, content.size, path);
    }
    bl_wipe(text, sizeof text);
    return result;
}

static enum belay_result save(const struct bl_key_pair *pair, const char *path) {
    char digits[2 * BL_SECRET_SIZE + 1];
    char public_half[BL_KEY_TEXT_SIZE];
    char text[512];
    sodium_bin2hex(digits, sizeof digits, pair->secret.bytes, sizeof pair->secret.bytes);
    bl_key_text(public_half, pair->public);
    int size = snprintf(text, sizeof text,
                        "# The secret key of a Belay server: whoever has it can pass for this "
                        "server. Keep a copy.\n"
                        "# Its public half, as in invites: %s\n" KIND " %s\n",
                        public_half, digits);
    enum belay_result result = bl_file_create(path, text, (size_t)size);
    bl_wipe(digits, sizeof digits);
    bl_wipe(text, sizeof text);
    return result;
}

enum belay_result bl_key_file_open(struct bl_key_pair *out, const char *path,
                                   struct bl_random *random) {
    if (!bl_file_is_missing(path)) {
        return load(out, path);
    }
    struct bl_key_pair pair;
    bl_key_pair_make(&pair, random);
    enum belay_result result = save(&pair, path);
    if (result == BELAY_OK) {
        *out = pair;
    }
    bl_wipe(&pair, sizeof pair);
    /* Somebody else was faster: his key is everybody's. */
    return result == BELAY_E_STATE ? load(out, path) : result;
}
