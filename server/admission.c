/* By default whoever shows a token comes in where there are keys to read it, else whoever knows the
 * server's own key. */
#include "server/admission.h"

#include "common/error.h"
#include "lib/secure/key_file.h"
#include "lib/session/options.h"
#include <string.h>

static enum belay_result choose_ways(struct bl_admission *rules,
                                     const struct belay_server_opts *opts) {
    unsigned known = BELAY_ADMIT_TOKEN | BELAY_ADMIT_KEY;
    unsigned otherwise = opts->token_keys != NULL ? BELAY_ADMIT_TOKEN : BELAY_ADMIT_KEY;
    unsigned admit = opts->admit != BELAY_ADMIT_DEFAULT ? opts->admit : otherwise;
    if ((admit & ~known) != 0) {
        return bl_fail(BELAY_E_INVALID, "admit: %#x; give BELAY_ADMIT_TOKEN, _KEY or both", admit);
    }
    rules->by_token = (admit & BELAY_ADMIT_TOKEN) != 0;
    rules->by_key = (admit & BELAY_ADMIT_KEY) != 0;
    if (rules->by_token && opts->token_keys == NULL) {
        return bl_fail(BELAY_E_INVALID, "token_keys: NULL, but admit wants tokens; name the key "
                                        "file of the login service");
    }
    return BELAY_OK;
}

/** A second's worth may come at once. */
static struct bl_rate rate_of(uint32_t option, uint32_t otherwise) {
    uint32_t rate = bl_options_count(option, otherwise);
    return (struct bl_rate){.per_second = rate, .burst = rate};
}

static enum belay_result set_name(struct bl_admission *rules, const char *name) {
    size_t size = name != NULL ? strlen(name) : 0;
    if (size > BELAY_TOKEN_AUDIENCE_MAX) {
        return bl_fail(BELAY_E_INVALID, "name: %zu bytes, at most %d", size,
                       BELAY_TOKEN_AUDIENCE_MAX);
    }
    memcpy(rules->name, name != NULL ? name : "", size + 1);
    return BELAY_OK;
}

static enum belay_result open_key(struct bl_admission *rules, const struct belay_server_opts *opts,
                                  struct bl_random *random) {
    if (opts->key_file != NULL) {
        return bl_key_file_open(&rules->key, opts->key_file, random);
    }
    bl_key_pair_make(&rules->key, random);
    return BELAY_OK;
}

/** Tickets outlive this process if their key does: it has a file, or follows from the server's own,
 * which may have one. */
static enum belay_result open_tickets(struct bl_server_admission *admission,
                                      const struct belay_server_opts *opts,
                                      struct bl_memory *memory, struct bl_random *random) {
    const char *path = opts->ticket_key_file;
    admission->rules.ticket_keys = &admission->tickets.keys;
    bl_random_bytes(random, &admission->rules.run, sizeof admission->rules.run);
    if (path == NULL) {
        bl_ticket_keys_derive(&admission->tickets.keys, &admission->rules.key.secret);
        return BELAY_OK;
    }
    enum belay_result made = bl_token_keys_generate(path, random);
    if (made != BELAY_OK && made != BELAY_E_STATE) { /* which is there already */
        return made;
    }
    return bl_token_key_file_init(&admission->tickets, memory, path);
}

enum belay_result bl_server_admission_open(struct bl_server_admission *admission,
                                           const struct belay_server_opts *opts,
                                           struct bl_memory *memory, struct bl_random *random) {
    struct bl_admission *rules = &admission->rules;
    rules->rate = bl_options_count(opts->handshake_rate, BELAY_HANDSHAKE_RATE_DEFAULT);
    rules->datagrams = rate_of(opts->datagram_rate, BELAY_DATAGRAM_RATE_DEFAULT);
    rules->bytes = rate_of(opts->byte_rate, BELAY_BYTE_RATE_DEFAULT);
    rules->token_keys = &admission->tokens.keys;
    enum belay_result result = choose_ways(rules, opts);
    if (result == BELAY_OK) {
        result = set_name(rules, opts->name);
    }
    if (result == BELAY_OK && opts->token_keys != NULL) {
        result = bl_token_key_file_init(&admission->tokens, memory, opts->token_keys);
    }
    if (result == BELAY_OK) {
        result = open_key(rules, opts, random);
    }
    return result == BELAY_OK ? open_tickets(admission, opts, memory, random) : result;
}

void bl_server_admission_refresh(struct bl_server_admission *admission, bl_time now) {
    bl_token_key_file_refresh(&admission->tokens, now);
    bl_token_key_file_refresh(&admission->tickets, now);
}

void bl_server_admission_close(struct bl_server_admission *admission) {
    bl_token_key_file_finish(&admission->tokens);
    bl_token_key_file_finish(&admission->tickets);
    bl_wipe(admission, sizeof *admission);
}
