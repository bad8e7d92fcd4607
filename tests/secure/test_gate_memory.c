/* What the gate takes from memory and leaves in it: nothing leaks where an allocation fails, and no
 * secret stays behind in a block that is given back. */
#define _GNU_SOURCE /* memmem() */
#include "tests/secure/gate_fixture.h"

#define BLOCKS_MAX  64
#define SECRETS_MAX 32

/* The allocator: knows its blocks, fails on command, looks for secrets in what is given back. */
static struct block {
    void *data;
    size_t size;
} blocks[BLOCKS_MAX];
static struct named_secret {
    const char *name;
    uint8_t bytes[BL_SECRET_SIZE];
} secrets[SECRETS_MAX];
static unsigned secret_count, block_count, leaked_count;
static int fail_in; /* allocations until one fails; below 0: none does */

static const char *secret_in(const void *data, size_t size) {
    for (unsigned i = 0; i < secret_count; i++) {
        if (memmem(data, size, secrets[i].bytes, BL_SECRET_SIZE) != NULL) {
            return secrets[i].name;
        }
    }
    return NULL;
}

static struct block *block_at(const void *data) {
    struct block *block = blocks;
    while (block->data != data) {
        block++;
        ck_assert(block < blocks + BLOCKS_MAX);
    }
    return block;
}

static void give_back(void *data, size_t size) {
    struct block *block = block_at(data);
    ck_assert_uint_eq(block->size, size);
    leaked_count += secret_in(data, size) != NULL;
    free(data);
    *block = (struct block){0};
    block_count--;
}

static void *hand_out(size_t size) {
    if (fail_in >= 0 && fail_in-- == 0) {
        return NULL;
    }
    struct block *block = block_at(NULL);
    *block = (struct block){malloc(size), size};
    ck_assert_ptr_nonnull(block->data);
    block_count++;
    return block->data;
}

/** Never in place, so that what a block was before is looked at too. */
static void *record(void *data, size_t old_size, size_t new_size, void *user) {
    (void)user;
    void *moved = new_size > 0 ? hand_out(new_size) : NULL;
    if (new_size > 0 && moved == NULL) {
        return NULL;
    }
    if (data != NULL && moved != NULL) {
        memcpy(moved, data, old_size < new_size ? old_size : new_size);
    }
    if (data != NULL) {
        give_back(data, old_size);
    }
    return moved;
}

static void start(void) {
    static const struct belay_hooks hooks = {.realloc = record};
    secret_count = 0;
    leaked_count = 0;
    fail_in = -1;
    ck_assert_int_eq(open_gate_with(&hooks), BELAY_OK);
}

static void finish(void) {
    close_gate();
    ck_assert_uint_eq(block_count, 0);
    ck_assert_uint_eq(leaked_count, 0);
}

static void keep_secret(const char *name, const void *bytes) {
    ck_assert_uint_lt(secret_count, SECRETS_MAX);
    secrets[secret_count].name = name;
    memcpy(secrets[secret_count].bytes, bytes, BL_SECRET_SIZE);
    secret_count++;
}

static void keep_secrets_of(const struct bl_protection *protection) {
    keep_secret("the key to seal with", &protection->send_key);
    keep_secret("the key to open with", &protection->now);
    keep_secret("the next key to open with", &protection->next);
}

/** Whether each secret is somewhere in the blocks or the gate: else not finding it means nothing.
 */
static bool are_all_to_be_found(void) {
    for (unsigned i = 0; i < secret_count; i++) {
        bool found = memmem(&host.gate, sizeof host.gate, secrets[i].bytes, BL_SECRET_SIZE) != NULL;
        for (size_t j = 0; j < BLOCKS_MAX && !found; j++) {
            found = blocks[j].data != NULL && memmem(blocks[j].data, blocks[j].size,
                                                     secrets[i].bytes, BL_SECRET_SIZE) != NULL;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static struct bl_binding *admit_one(struct caller *caller) {
    come_with_fresh_token(caller);
    const struct reply reply = knock(caller);
    must_be(&reply, ADMITTED, 0);
    return binding_of(caller, &reply);
}

START_TEST(a_gate_that_ends_leaves_no_secret) {
    struct caller caller;
    admit_one(&caller);
    keep_secret("the ephemeral key", &host.gate.ephemeral.secret);
    keep_secret("the secret of cookies", &host.gate.cookies.now);
    keep_secret("the secret of cookies before", &host.gate.cookies.before);
    ck_assert(are_all_to_be_found());
    bl_gate_finish(&host.gate);
    ck_assert_ptr_null(secret_in(&host.gate, sizeof host.gate));
    ck_assert_uint_eq(leaked_count, 0);
}
END_TEST

START_TEST(bindings_that_end_leave_no_secret) {
    struct caller callers[3];
    struct bl_binding *bound = admit_one(&callers[0]), *ended = admit_one(&callers[1]);
    admit_one(&callers[2]);
    bl_binding_bind(bound, &host);
    bl_binding_bind(ended, &host);
    bl_binding_end(ended, NOW + BL_SECOND);
    for (size_t i = 0; i < 3; i++) {
        keep_secrets_of(&bl_bindings_by_nonce(&host.bindings, callers[i].dial.nonce)->protection);
    }
    ck_assert(are_all_to_be_found());
    bl_bindings_finish(&host.bindings);
    ck_assert_ptr_null(secret_in(&host.bindings, sizeof host.bindings));
    ck_assert_uint_eq(leaked_count, 0);
}
END_TEST

START_TEST(a_binding_that_is_forgotten_leaves_no_secret) {
    struct caller caller;
    keep_secrets_of(&admit_one(&caller)->protection);
    ck_assert(are_all_to_be_found());
    bl_timer_wheel_advance(&host.wheel, NOW + BL_PENDING_TIMEOUT);
    ck_assert_uint_eq(host.bindings.pending_count, 0);
    ck_assert_uint_eq(leaked_count, 0);
}
END_TEST

START_TEST(neither_tickets_nor_resume_keys_stay_in_memory) {
    struct bl_ticket ticket = fresh_ticket();
    struct caller caller;
    keep_secret("the resume key of the ticket", &ticket.resume_key);
    keep_secret("the key of tickets", &host.ticket_keys.keys[0].secret);
    come_with_ticket(&caller, &ticket, &(struct bl_resume){.attempt = 1});
    keep_secret("the chain", &caller.dial.credentials.chain);
    const struct reply reply = knock(&caller);
    must_be(&reply, ADMITTED, 0);
    const struct bl_dialed dialed = dialed_of(&caller, &reply);
    keep_secret("the next resume key", &dialed.keys.resume);
    for (size_t i = 0; i < BLOCKS_MAX; i++) { /* not even while the binding is pending */
        ck_assert(blocks[i].data == NULL || secret_in(blocks[i].data, blocks[i].size) == NULL);
    }
    ck_assert_ptr_null(secret_in(&host.gate, sizeof host.gate));
}
END_TEST

/** The user's data are wiped as well, though no key. */
START_TEST(a_newcomer_leaves_no_trace) {
    struct bl_token token = fresh_token();
    struct caller caller;
    token.data_size = BL_SECRET_SIZE;
    bl_random_bytes(&host.random, token.data, token.data_size);
    come_with(&caller, &token);
    const struct reply reply = knock(&caller);
    struct bl_binding *binding = binding_of(&caller, &reply);
    keep_secret("what the service said", token.data);
    ck_assert(are_all_to_be_found());
    bl_binding_forget_newcomer(binding);
    ck_assert_uint_eq(leaked_count, 0);
}
END_TEST

START_TEST(neither_refusals_nor_tokens_leave_secrets_in_memory) {
    struct bl_token token = fresh_token();
    struct caller caller;
    come_with(&caller, &token);
    keep_secret("the token's", &token.secret);
    keep_secret("the chain", &caller.dial.credentials.chain);
    keep_secret("the proof key", &caller.dial.credentials.proof);
    keep_secret("the deny key", &caller.dial.credentials.deny);
    keep_secret("the key of tokens", &host.keys.keys[0].secret);
    keep_secret("the server's key", &host.admission.key.secret);
    host.turned_away = &(struct belay_reason){.code = BELAY_REASON_FULL};
    must_get(&caller, DENIED, BELAY_REASON_FULL, BELAY_DROP_REFUSED);
    host.turned_away = NULL;
    must_be_admitted(&caller);
    for (size_t i = 0; i < BLOCKS_MAX; i++) {
        ck_assert(blocks[i].data == NULL || secret_in(blocks[i].data, blocks[i].size) == NULL);
    }
    ck_assert_ptr_null(secret_in(&host.gate, sizeof host.gate));
}
END_TEST

/** Fails one allocation of an admission, the next one after that, and so on. */
static unsigned admit_with_failures(void (*come)(struct caller *caller)) {
    unsigned failed_count = 0;
    for (;; failed_count++) {
        start();
        struct caller caller;
        come(&caller);
        fail_in = (int)failed_count;
        const struct reply reply = knock(&caller);
        fail_in = -1;
        if (reply.verdict == ADMITTED) {
            break;
        }
        ck_assert(reply.verdict == SILENCE || reply.code == BELAY_REASON_OVERLOAD);
        ck_assert_uint_eq(host.stats.dropped[BELAY_DROP_MEMORY], reply.verdict == SILENCE);
        ck_assert_uint_eq(host.bindings.pending_count, 0);
        ck_assert_uint_eq(host.gate.used.count, 0);
        must_be_admitted(&caller); /* with the same token */
        ck_assert_uint_eq(host.bindings.pending_count, 1);
        finish();
    }
    finish();
    return failed_count;
}

static void come_by_key_with_cookie(struct caller *caller) {
    come_by_key(caller);
    take_cookie(caller);
}

START_TEST(wherever_memory_ends_nothing_leaks_and_no_token_is_used_up) {
    ck_assert_uint_eq(admit_with_failures(come_with_fresh_token), 6);
    ck_assert_uint_eq(admit_with_failures(come_by_key_with_cookie), 4);
    ck_assert_uint_eq(admit_with_failures(come_with_fresh_ticket), 6);
}
END_TEST

START_TEST(wherever_memory_ends_a_resume_is_abandoned) {
    for (int failing = 0; failing < 6; failing++) {
        struct caller caller;
        start();
        come_with_fresh_ticket(&caller);
        fail_in = failing;
        must_get(&caller, SILENCE, 0, BELAY_DROP_MEMORY);
        fail_in = -1;
        ck_assert_uint_eq(host.resume_count, 1);
        ck_assert_uint_eq(host.abandoned_count, 1);
        ck_assert_mem_eq(host.abandoned.name, host.resumption.name, BL_SESSION_NAME_SIZE);
        ck_assert_uint_eq(host.bindings.resuming.count, 0);
        finish();
    }
}
END_TEST

/** Without memory for the newer one nothing is taken from it. */
START_TEST(wherever_memory_ends_an_older_attempt_stands) {
    const struct bl_ticket ticket = fresh_ticket();
    struct caller first, second;
    come_with_ticket(&first, &ticket, &(struct bl_resume){.attempt = 1});
    const struct reply reply = knock(&first);
    struct bl_binding *binding = binding_of(&first, &reply);
    come_with_ticket(&second, &ticket, &(struct bl_resume){.attempt = 2});
    for (fail_in = 0;; fail_in = (int)host.resume_count - 1) {
        const struct reply newer = knock(&second);
        if (newer.verdict == ADMITTED) {
            break;
        }
        must_be(&newer, SILENCE, 0);
        ck_assert_ptr_eq(bl_bindings_by_nonce(&host.bindings, first.dial.nonce), binding);
        ck_assert_uint_eq(host.bindings.pending_count, 1);
        ck_assert_uint_eq(host.abandoned_count, 0); /* of the session one is still pending */
    }
    fail_in = -1;
    ck_assert_uint_ge(host.resume_count, 4); /* three blocks at least */
    ck_assert_ptr_null(bl_bindings_by_nonce(&host.bindings, first.dial.nonce));
    ck_assert_uint_eq(host.abandoned_count, 0);
}
END_TEST

START_TEST(a_gate_without_memory_is_not_made) {
    static const struct belay_hooks hooks = {.realloc = record};
    fail_in = 0;
    ck_assert_int_eq(open_gate_with(&hooks), BELAY_E_NO_MEMORY);
    close_gate();
    ck_assert_uint_eq(block_count, 0);
}
END_TEST

START_TEST(a_gate_that_never_was_can_be_ended) {
    struct bl_gate gate = {0};
    bl_gate_finish(&gate);
    bl_gate_finish(&gate);
}
END_TEST

static Suite *make_suite(void) {
    Suite *suite = suite_create("secure/gate_memory");
    TCase *secrecy = tcase_create("secrets"), *failing = tcase_create("failures");
    tcase_add_checked_fixture(secrecy, start, finish);
    tcase_add_test(secrecy, a_gate_that_ends_leaves_no_secret);
    tcase_add_test(secrecy, bindings_that_end_leave_no_secret);
    tcase_add_test(secrecy, a_binding_that_is_forgotten_leaves_no_secret);
    tcase_add_test(secrecy, a_newcomer_leaves_no_trace);
    tcase_add_test(secrecy, neither_tickets_nor_resume_keys_stay_in_memory);
    tcase_add_test(secrecy, neither_refusals_nor_tokens_leave_secrets_in_memory);
    tcase_add_test(secrecy, wherever_memory_ends_an_older_attempt_stands);
    tcase_add_test(failing, wherever_memory_ends_nothing_leaks_and_no_token_is_used_up);
    tcase_add_test(failing, wherever_memory_ends_a_resume_is_abandoned);
    tcase_add_test(failing, a_gate_without_memory_is_not_made);
    tcase_add_test(failing, a_gate_that_never_was_can_be_ended);
    suite_add_tcase(suite, secrecy);
    suite_add_tcase(suite, failing);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(make_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
