/*
 * The keys that a login service and its servers share, and the file they are in.
 *
 * One key a line, the newest first: "id key", 8 and 64 hexadecimal digits; `#` begins a comment,
 * where a word could. Only its owner may read it.
 * New tokens are sealed with the first; the others still open what was sealed before a rotation.
 */
#ifndef BL_SECURE_TOKEN_KEYS_H
#define BL_SECURE_TOKEN_KEYS_H

#include "common/memory.h"
#include "lib/clock/time.h"
#include "lib/net/file.h"
#include "lib/secure/crypto.h"

#define BL_TOKEN_KEYS_MAX 4

struct bl_token_key {
    uint32_t id; /* never 0 */
    struct bl_secret secret;
};

struct bl_token_keys {
    struct bl_token_key keys[BL_TOKEN_KEYS_MAX]; /* newest first */
    unsigned count;
};

void bl_token_keys_wipe(struct bl_token_keys *keys);
/** NULL when there is none of that id. */
const struct bl_token_key *bl_token_keys_find(const struct bl_token_keys *keys, uint32_t id);

/**
 * Reads what is in a key file.
 *
 * @param out   one to BL_TOKEN_KEYS_MAX keys, to be wiped by the caller; untouched on failure
 * @param name  of the file, for the error, which never quotes a line
 * @return BELAY_OK, BELAY_E_KEY
 */
enum belay_result bl_token_keys_parse(struct bl_token_keys *out, const void *text, size_t size,
                                      const char *name);
/** @return as bl_token_keys_parse() and bl_file_read_secret() */
enum belay_result bl_token_keys_load(struct bl_token_keys *out, const char *path);

/** Makes a key file with one new key. @return as bl_file_create() */
enum belay_result bl_token_keys_generate(const char *path, struct bl_random *random);
/**
 * Puts a new key before those of a file; the last of BL_TOKEN_KEYS_MAX goes, comments stay.
 *
 * @return as bl_token_keys_load() and bl_file_replace(); on failure the file is as it was
 */
enum belay_result bl_token_keys_add(const char *path, struct bl_random *random);

#define BL_TOKEN_KEYS_PERIOD BL_SECOND /* how often a server looks for a change */

/** A server's view of a key file that may change while it runs. */
struct bl_token_key_file {
    struct bl_token_keys keys; /* in use */
    struct bl_memory *memory;
    char *path;
    struct bl_file_stamp used, told; /* of what the keys are from; of what was last told of */
    bl_time look_at;
};

/**
 * @param path  copied
 * @return BELAY_OK, BELAY_E_NO_MEMORY, and as bl_token_keys_load(); nothing is left behind then
 */
enum belay_result bl_token_key_file_init(struct bl_token_key_file *file, struct bl_memory *memory,
                                         const char *path);
/** Wipes the keys. Zeroed memory is fine. */
void bl_token_key_file_finish(struct bl_token_key_file *file);
/**
 * Reads the file again if it has changed; looks at most once a period, so it may be called as often
 * as one likes. A broken or missing file leaves the keys in use as they are, and is told to the log
 * once. Zeroed memory is fine: there is no file.
 */
void bl_token_key_file_refresh(struct bl_token_key_file *file, bl_time now);

#endif
