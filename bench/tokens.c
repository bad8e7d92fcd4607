#define _GNU_SOURCE
#include "bench/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool complain(void) {
    fprintf(stderr, "tokens: %s\n", belay_error());
    return false;
}

bool bl_tokens_open(struct bl_tokens *tokens) {
    *tokens = (struct bl_tokens){.folder = "/tmp/belay-goal-XXXXXX"};
    if (mkdtemp(tokens->folder) == NULL) {
        perror("tokens: /tmp");
        *tokens = (struct bl_tokens){0};
        return false;
    }
    snprintf(tokens->key_file, sizeof tokens->key_file, "%s/keys", tokens->folder);
    return belay_key_generate(tokens->key_file) == BELAY_OK || complain();
}

void bl_tokens_close(struct bl_tokens *tokens) {
    if (tokens->folder[0] != '\0') {
        unlink(tokens->key_file);
        rmdir(tokens->folder);
    }
}

bool bl_tokens_issue(struct bl_tokens *tokens, struct bl_issued_token *out, const char *audience,
                     uint64_t not_before_ms, uint32_t life_s) {
    struct belay_token_opts opts = BELAY_TOKEN_OPTS_INIT;
    opts.key_file = tokens->key_file;
    opts.audience = audience;
    opts.not_before_ms = not_before_ms;
    opts.life_s = life_s;
    tokens->issued++;
    memcpy(opts.user_id, &tokens->issued, sizeof tokens->issued);
    out->size = sizeof out->blob;
    return belay_token_issue(&opts, out->blob, &out->size) == BELAY_OK || complain();
}
