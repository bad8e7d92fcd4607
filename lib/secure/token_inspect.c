/*
 * A token in words. What it quotes may be a stranger's, so every text in it is cleaned; the session
 * secret is compared, never shown.
 */
#include "common/error.h"
#include "common/text.h"
#include "lib/clock/clock.h"
#include "lib/secure/token.h"
#include <belay/token.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/** Lines, as far as there is room. */
struct page {
    char *at;
    size_t left; /* with the terminator */
};

static void say(struct page *page, const char *format, ...) BL_PRINTF(2, 3);
static void say(struct page *page, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(page->at, page->left, format, arguments);
    va_end(arguments);
    size_t put = size < 0 ? 0 : (size_t)size;
    put = put < page->left ? put : page->left - 1;
    page->at += put;
    page->left -= put;
}

static void say_hex(struct page *page, const char *name, const uint8_t *data, size_t size) {
    char digits[2 * BL_TOKEN_DATA_MAX + 1];
    sodium_bin2hex(digits, sizeof digits, data, size);
    say(page, "%s: %s\n", name, digits);
}

/** As text if it is some, else in hexadecimal. */
static void say_data(struct page *page, const uint8_t *data, size_t size) {
    char clean[BL_TOKEN_DATA_MAX + 1];
    bl_text_clean(clean, sizeof clean, data, size);
    if (size == 0) {
        say(page, "data: none\n");
    } else if (strlen(clean) == size && bl_equal(clean, data, size)) {
        say(page, "data: \"%s\"\n", clean);
    } else {
        say_hex(page, "data, in hexadecimal", data, size);
    }
}

/** In the form of RFC 3339; the calendar after Hinnant, "chrono-compatible date algorithms". */
static void say_time(struct page *page, const char *name, uint64_t ms) {
    uint64_t second = ms / 1000;
    uint64_t day = second / 86400 + 719468; /* since the 1st of March of the year 0 */
    uint64_t era = day / 146097;            /* of 400 years */
    uint64_t day_of_era = day % 146097;
    uint64_t year =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * day_of_year + 2) / 153; /* March is 0 */
    say(page,
        "%s: %04" PRIu64 "-%02" PRIu64 "-%02" PRIu64 "T%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64
        ".%03" PRIu64 "Z\n",
        name, year + era * 400 + (month >= 10), month < 10 ? month + 3 : month - 9,
        day_of_year - (153 * month + 2) / 5 + 1, second / 3600 % 24, second / 60 % 60, second % 60,
        ms % 1000);
}

static void say_head(struct page *page, const struct bl_token_head *head) {
    say(page, "key id: %08" PRIx32 "\n", head->key_id);
    if (head->game == 0) {
        say(page, "game: any\n");
    } else {
        say(page, "game: %016" PRIx64 " (hash of its name)\n", head->game);
    }
    say_time(page, "not before", head->not_before_ms);
    say_time(page, "expiry", head->expiry_ms);
}

static void say_body(struct page *page, const struct bl_token *token) {
    char audience[BL_TOKEN_AUDIENCE_MAX + 1];
    bl_text_clean(audience, sizeof audience, token->audience, strlen(token->audience));
    say_hex(page, "user id", token->user_id, sizeof token->user_id);
    say_hex(page, "token id", token->id, sizeof token->id);
    if (audience[0] == '\0') {
        say(page, "audience: any server with the key\n");
    } else {
        say(page, "audience: \"%s\"\n", audience);
    }
    say_data(page, token->data, token->data_size);
}

/** What is inspected: the token within the blob, or alone. */
struct subject {
    const uint8_t *token;
    size_t token_size;
    const struct bl_secret *secret; /* that the blob says; NULL without one */
    const struct bl_token_keys *keys;
};

/** All but the times. */
static enum bl_token_verdict inspect_sealed(struct page *page, const struct subject *subject) {
    struct bl_token token = {0};
    enum bl_token_verdict verdict =
        bl_token_open(&token, subject->token, subject->token_size, subject->keys);
    if (verdict == BL_TOKEN_VALID) {
        say_body(page, &token);
        if (subject->secret != NULL &&
            !bl_equal(subject->secret, &token.secret, sizeof token.secret)) {
            say(page, "the secret beside the token is not the token's\n");
            verdict = BL_TOKEN_ALTERED;
        }
    }
    bl_wipe(&token, sizeof token);
    return verdict;
}

static enum bl_token_verdict inspect_token(struct page *page, const struct subject *subject) {
    struct bl_token_head head = {0};
    say(page, "token: %zu bytes\n", subject->token_size);
    enum bl_token_verdict verdict = bl_token_head_read(&head, subject->token, subject->token_size);
    if (verdict != BL_TOKEN_VALID) {
        return verdict;
    }
    say_head(page, &head);
    if (subject->keys != NULL) {
        verdict = inspect_sealed(page, subject);
    } else {
        say(page, "the rest is sealed: give a key file to see it, and whether it is authentic\n");
    }
    uint64_t now_ms = (uint64_t)(bl_clock_wall() / BL_MILLISECOND);
    say_time(page, "now", now_ms);
    return verdict != BL_TOKEN_VALID ? verdict : bl_token_judge(&head, now_ms);
}

static enum bl_token_verdict inspect_blob(struct page *page, struct subject *subject) {
    struct bl_token_blob blob = {0};
    say(page, "blob: %zu bytes\n", subject->token_size);
    enum bl_token_verdict verdict = bl_token_blob_read(&blob, subject->token, subject->token_size);
    if (verdict == BL_TOKEN_VALID) {
        say(page, "places:%s", blob.place_count == 0 ? " none" : "");
        for (unsigned i = 0; i < blob.place_count; i++) {
            say(page, " %s", blob.places[i]);
        }
        say(page, "\n");
        subject->token = blob.token;
        subject->token_size = blob.token_size;
        subject->secret = &blob.secret;
        verdict = inspect_token(page, subject);
    }
    bl_wipe(&blob, sizeof blob);
    return verdict;
}

/** The last line, and the result. */
static enum belay_result conclude(struct page *page, enum bl_token_verdict verdict, bool opened) {
    const char *why = bl_token_verdict_text(verdict);
    if (verdict != BL_TOKEN_VALID) {
        say(page, "not valid: %s\n", why);
        return bl_fail(BELAY_E_KEY, "the token is not valid: %s", why);
    }
    say(page, "valid%s\n", opened ? "" : ", as far as can be seen without keys");
    return BELAY_OK;
}

enum belay_result belay_token_inspect(const void *token, size_t size, const char *key_file,
                                      char *text, size_t text_size) {
    struct bl_token_keys keys = {0};
    if (token == NULL || text == NULL || text_size == 0) {
        return bl_fail(BELAY_E_INVALID, "%s: give memory",
                       token == NULL  ? "token"
                       : text == NULL ? "text"
                                      : "text_size");
    }
    struct page page = {text, text_size};
    text[0] = '\0';
    enum belay_result result = key_file != NULL ? bl_token_keys_load(&keys, key_file) : BELAY_OK;
    if (result != BELAY_OK) {
        say(&page, "not inspected: %s\n", belay_error());
        return result;
    }
    struct subject subject = {token, size, NULL, key_file != NULL ? &keys : NULL};
    enum bl_token_verdict verdict = bl_token_is_blob(token, size) ? inspect_blob(&page, &subject)
                                                                  : inspect_token(&page, &subject);
    bl_token_keys_wipe(&keys);
    return conclude(&page, verdict, key_file != NULL);
}
