/*
 * Connect tokens: what a game's login service needs to let its players in.
 *
 * The service and its servers share a key file. Whoever has logged in with the service gets a token
 * from it, over the service's own secure way (HTTPS), and gives it to belay_client_connect(). No
 * server asks the service anything. docs/login.md has it in ten lines.
 *
 * These functions keep nothing and may be called from any thread. The clock they go by is the
 * system's.
 */
#ifndef BELAY_TOKEN_H
#define BELAY_TOKEN_H

#include <belay/init.h>
#include <belay/limits.h>
#include <belay/result.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BELAY_TOKEN_SIZE_MAX     1024 /* bytes that always suffice */
#define BELAY_TOKEN_TEXT_MAX     4096 /* what belay_token_inspect() writes, at most */
#define BELAY_TOKEN_LIFE_DEFAULT 60   /* seconds */
#define BELAY_TOKEN_LIFE_MAX     120
#define BELAY_TOKEN_PLACES_MAX   8
#define BELAY_TOKEN_KEYS_MAX     4 /* active at once in a key file */

/** What a token says. Start from BELAY_TOKEN_OPTS_INIT. Read during the call only. */
struct belay_token_opts {
    size_t struct_size;    /* filled in by the INIT macro */
    const char *key_file;  /* required; read at every call, so a new key counts at once */
    const char *audience;  /* the `name` of the only server that takes it; at most
                              BELAY_TOKEN_AUDIENCE_MAX bytes; NULL or "": any server with the key */
    const char *addresses; /* where the client dials, in this order, as "host:port,[v6]:port"; names
                              are allowed; at most BELAY_TOKEN_PLACES_MAX. Not what is checked: the
                              audience is. NULL: the client knows */
    uint8_t user_id[16];   /* required: who it lets in; the same for the same user, not all zeros */
    uint32_t life_s;       /* to connect in, not to play; default BELAY_TOKEN_LIFE_DEFAULT, at most
                              BELAY_TOKEN_LIFE_MAX */
    const void *data;      /* for the server's LOGIN event, which the client can neither read nor
                              change; may be NULL with data_size 0 */
    size_t data_size;      /* at most BELAY_TOKEN_DATA_MAX */
    const char *game; /* as in the options of client and server; NULL: any game of these keys */
    uint64_t not_before_ms; /* when it begins to be valid, in ms since 1970 UTC; default now. For
                               tests on a virtual clock (<belay/sim.h>) */
};
#define BELAY_TOKEN_OPTS_INIT BELAY_INIT_(struct belay_token_opts)

/**
 * Makes a token for one login, sealed with the newest key, and with it the secret that proves it
 * the client's: keep it off logs and plain HTTP. It is valid from now on and can be used once.
 *
 * @param token  receives it; the caller's memory, untouched on failure
 * @param size   in: bytes of that memory, BELAY_TOKEN_SIZE_MAX always suffices; out: the token's
 * @return BELAY_OK, BELAY_E_INVALID (belay_error() names the field), BELAY_E_ADDRESS (addresses),
 *         BELAY_E_TOO_BIG (audience, data, addresses, or the token for its memory), BELAY_E_KEY
 *         (the key file has no such content), BELAY_E_SYSTEM (it cannot be read)
 */
enum belay_result belay_token_issue(const struct belay_token_opts *opts, void *token, size_t *size);

/**
 * Makes a key file with one random key, which only its owner may read (mode 0600).
 *
 * @return BELAY_OK, BELAY_E_STATE (there is such a file: it is never overwritten),
 *         BELAY_E_INVALID (NULL), BELAY_E_SYSTEM
 */
enum belay_result belay_key_generate(const char *key_file);

/**
 * Adds a random key, with which new tokens are sealed from then on; the file's other keys still
 * open theirs, but the oldest of BELAY_TOKEN_KEYS_MAX goes. Servers see it within a second. Where
 * they have copies of the file, give them the new one first, and then the login service.
 *
 * @return BELAY_OK, BELAY_E_KEY (the file has no such content), BELAY_E_TOO_BIG (too many
 * comments), BELAY_E_INVALID (NULL), BELAY_E_SYSTEM; on failure the file is as it was
 */
enum belay_result belay_key_add(const char *key_file);

/**
 * Says in words what a token holds, its secrets left out, and whether it is valid now or why not.
 * For logs, support and tests. That it has been used already only its server knows.
 *
 * @param token     as belay_token_issue() made it, or the bare token that travels in OPEN
 * @param key_file  NULL: only what is in clear, and the times, are looked at
 * @param text      receives lines, each with its newline, cut to text_size bytes; always terminated
 * @param text_size BELAY_TOKEN_TEXT_MAX shows everything
 * @return BELAY_OK: valid, as far as can be seen; BELAY_E_KEY: not, for the reason in the text and
 *         in belay_error(), or because the key file has no such content; BELAY_E_INVALID (NULL,
 *         or text_size 0); BELAY_E_SYSTEM (the key file cannot be read)
 */
enum belay_result belay_token_inspect(const void *token, size_t size, const char *key_file,
                                      char *text, size_t text_size);

#ifdef __cplusplus
}
#endif
#endif
