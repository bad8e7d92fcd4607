/* The login service of a goal: a key file of its own, and tokens sealed with it. */
#ifndef BL_BENCH_TOKENS_H
#define BL_BENCH_TOKENS_H

#include <belay/token.h>
#include <stdbool.h>

struct bl_tokens {
    char folder[64], key_file[96];
    uint32_t issued; /* each token is for a user of its own */
};

struct bl_issued_token {
    uint8_t blob[BELAY_TOKEN_SIZE_MAX];
    size_t size;
};

/** Makes a new key file in the system's folder for temporary files; false, with the reason on
 * standard error, when that fails. */
bool bl_tokens_open(struct bl_tokens *tokens);
/** Removes it. Zeroed memory is fine. */
void bl_tokens_close(struct bl_tokens *tokens);

/** A token for @p audience (NULL = any server), good from @p not_before_ms on for @p life_s. */
bool bl_tokens_issue(struct bl_tokens *tokens, struct bl_issued_token *out, const char *audience,
                     uint64_t not_before_ms, uint32_t life_s);

#endif
