/*
 * The primitives against known answers: those of the RFCs and drafts, and where these have none for
 * our use, those of an independent computation (Python's hashlib.blake2b; AES-GCM written out from
 * NIST SP 800-38D).
 */
#include "lib/secure/crypto.h"

#include "tests/support/test.h"
#include <stdio.h>
#include <string.h>

#define SIZE_MAX_OF_A_ROW 512

#define COUNTING "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define ZEROS    "0000000000000000000000000000000000000000000000000000000000000000"
#define ONES     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static struct bl_random random;

static void start(void) {
    bl_random_init_seeded(&random, 23);
}

/** Reads a constant of this file; returns its size. */
static size_t from_hex(void *out, const char *hex) {
    size_t size = strlen(hex) / 2;
    ck_assert_uint_le(size, SIZE_MAX_OF_A_ROW);
    for (size_t i = 0; i < size; i++) {
        unsigned value;
        ck_assert_int_eq(sscanf(hex + 2 * i, "%2x", &value), 1);
        ((uint8_t *)out)[i] = (uint8_t)value;
    }
    return size;
}

static void must_be(const void *bytes, const char *hex) {
    uint8_t wanted[SIZE_MAX_OF_A_ROW];
    size_t size = from_hex(wanted, hex);
    ck_assert_mem_eq(bytes, wanted, size);
}

static struct bl_secret secret_of(const char *hex) {
    struct bl_secret secret;
    ck_assert_uint_eq(from_hex(secret.bytes, hex), sizeof secret.bytes);
    return secret;
}

START_TEST(what_is_wiped_is_zero) {
    uint8_t bytes[40];
    memset(bytes, 0xa5, sizeof bytes);
    bl_wipe(bytes + 4, 32);
    for (size_t i = 0; i < sizeof bytes; i++) {
        ck_assert_uint_eq(bytes[i], i < 4 || i >= 36 ? 0xa5 : 0);
    }
}
END_TEST

START_TEST(bytes_are_equal_when_every_bit_is) {
    uint8_t a[9] = "12345678", b[9] = "12345678";
    ck_assert(bl_equal(a, b, sizeof a));
    for (unsigned bit = 0; bit < 8 * sizeof a; bit++) {
        b[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert(!bl_equal(a, b, sizeof a));
        ck_assert(bl_equal(a, b, bit / 8));
        b[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}
END_TEST

/* BLAKE2b with 32 bytes out; keyed where there is a key. */
static const struct hashed {
    const char *key, *data, *out;
} hashes[] = {
    {NULL, "", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"},
    {NULL, "616263", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"},
    {COUNTING, "", "4e51e7a913fc80137da52880fecca175bf81e117d5c68126dc2774033517ea0d"},
    {COUNTING, "616263", "d63a32d3e44738d7907f964316c241adaba0abfeabc32349677578a15a203f7f"},
};

START_TEST(hash_and_mac_are_blake2b) {
    const struct hashed *row = &hashes[_i];
    uint8_t data[SIZE_MAX_OF_A_ROW], out[BL_HASH_SIZE];
    size_t size = from_hex(data, row->data);
    if (row->key == NULL) {
        bl_hash(out, data, size);
    } else {
        struct bl_secret key = secret_of(row->key);
        bl_mac(out, &key, data, size);
    }
    must_be(out, row->out);
}
END_TEST

/* Computed with hashlib.blake2b alone: t = MAC(k, x); o1 = MAC(t, 01); o2 = MAC(t, o1 02) ... */
static const struct derived {
    const char *key, *input;
    const char *out[3];
} derivations[] = {
    {COUNTING,
     "42656c6179203220746f6b656e", /* "Belay 2 token" */
     {"9f87365bb07e353e2669d61783ed120022c91b4155cccbd6c82ea8dd87fbe7b9",
      "97704e0931fd905d4c7135805993ec79297d3a4a6ab03685667d16313e784e26",
      "099b73d7d14dc2443a43c85db123293e6dc1c2ab0a15eb0bec1223cf3338a0d0"}},
    {ZEROS,
     "",
     {"b1b8a3446d607332a9411c706d5f324edc633620b20aa55c4ecd01fd5224ff1b",
      "e7632c2f3c3353b35288aa4cf0eeba3e7958a82981818cacb7963b4c6156339d",
      "ed6859578c44480cebb172319b439953a7533c410b648e75b19aa2b06e1367b8"}},
    {ONES,
     COUNTING COUNTING COUNTING COUNTING COUNTING, /* more than a block */
     {"1a037b6fe2a7b7217c87cd5cf97c9a19b785937e5590f2cff224785b85884ca2",
      "2fad5c271cf0b6a8362f665e0279c7e12ebeccb98e4a55b17ac8e0c213061714",
      "08cd3d551d8dac3f32711ccf0a4b2565910c2cddcbfcdf0eadc2a677c82081ff"}},
};

START_TEST(hkdf_is_that_of_noise) {
    const struct derived *row = &derivations[_i];
    struct bl_secret key = secret_of(row->key);
    uint8_t input[SIZE_MAX_OF_A_ROW];
    size_t size = from_hex(input, row->input);
    for (unsigned count = 1; count <= 3; count++) {
        struct bl_secret out[4];
        memset(out, 0xa5, sizeof out);
        bl_hkdf(out, count, &key, input, size);
        for (unsigned i = 0; i < count; i++) {
            must_be(out[i].bytes, row->out[i]);
        }
        ck_assert_uint_eq(out[count].bytes[0], 0xa5);
    }
}
END_TEST

/* RFC 7748 5.2, and 6.1 with 9 as the public key. */
static const struct exchange {
    const char *secret, *public, *out;
} exchanges[] = {
    {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
     "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
     "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
    {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
     "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
     "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
    {"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
     "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
     "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
    {"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
     "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
     "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
};

START_TEST(dh_is_x25519) {
    const struct exchange *row = &exchanges[_i];
    struct bl_secret secret = secret_of(row->secret), out;
    struct bl_secret public = secret_of(row->public);
    ck_assert(bl_dh(&out, &secret, public.bytes));
    must_be(out.bytes, row->out);
}
END_TEST

START_TEST(the_public_half_is_completed) {
    struct bl_key_pair pair = {.secret = secret_of(exchanges[2].secret)};
    bl_key_pair_complete(&pair);
    must_be(pair.public, exchanges[3].public);
}
END_TEST

START_TEST(two_key_pairs_agree_on_a_secret) {
    struct bl_key_pair a, b;
    struct bl_secret of_a, of_b;
    bl_key_pair_make(&a, &random);
    bl_key_pair_make(&b, &random);
    ck_assert_mem_ne(a.public, b.public, sizeof a.public);
    ck_assert(bl_dh(&of_a, &a.secret, b.public));
    ck_assert(bl_dh(&of_b, &b.secret, a.public));
    ck_assert_mem_eq(&of_a, &of_b, sizeof of_a);
}
END_TEST

/* The points of small order, RFC 7748 7 and cr.yp.to/ecdh.html; high bits are ignored. */
static const char *const weak_keys[] = {
    ZEROS,
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
};

START_TEST(a_public_key_that_fixes_the_secret_is_refused) {
    struct bl_key_pair pair;
    struct bl_secret out;
    struct bl_secret weak = secret_of(weak_keys[_i]);
    bl_key_pair_make(&pair, &random);
    ck_assert(!bl_dh(&out, &pair.secret, weak.bytes));
}
END_TEST

#define DRAFT_TEXT                                                                                 \
    "496e7465726e65742d4472616674732061726520647261667420646f63756d656e74732076616c696420666f"     \
    "722061206d6178696d756d206f6620736978206d6f6e74687320616e64206d61792062652075706461746564"     \
    "2c207265706c616365642c206f72206f62736f6c65746564206279206f7468657220646f63756d656e747320"     \
    "617420616e792074696d652e20497420697320696e617070726f70726961746520746f2075736520496e7465"     \
    "726e65742d447261667473206173207265666572656e6365206d6174657269616c206f7220746f2063697465"     \
    "207468656d206f74686572207468616e206173202fe2809c776f726b20696e2070726f67726573732e2fe280"     \
    "9d"

/* Those whose nonce begins with four zero bytes, as ours do. */
static const struct sealed {
    const char *name;
    enum bl_suite suite;
    const char *key;
    uint64_t number;
    const char *head, *text, *out;
} sealings[] = {
    {"RFC 8439 A.5", BL_SUITE_CHACHA20,
     "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0", 0x0102030405060708,
     "f33388860000000000004e91", DRAFT_TEXT,
     "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e"
     "382d26b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd"
     "60f982b1ff37c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c76"
     "7b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a"
     "0d072b04b3564eea1b422273f548271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a67276"
     "27097a1049e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b0270"
     "9beead9d67890cbb22392336fea1851f38"},
    {"McGrew and Viega, GCM, case 13", BL_SUITE_AES256, ZEROS, 0, "", "",
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {"McGrew and Viega, GCM, case 14", BL_SUITE_AES256, ZEROS, 0, "",
     "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {"case 16, with a nonce of ours", BL_SUITE_AES256,
     "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", 0x0102030405060708,
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e24"
     "49a6b525b16aedf5aa0de657ba637b39",
     "b1b79828d09247ae27ef9f7bcf223c1178d0f8196508e9bd6023d76de5ea61f2d20a71bf6d957a99beb93765"
     "eabbd80ba5b815b087a4b440bc2ef89cdb8664fe8ae6c59b81883a2ca57cfbc3"},
};

/** A machine without AES instructions never chooses that suite. */
static bool can(enum bl_suite suite) {
    return (bl_suites() >> suite & 1) != 0;
}

START_TEST(datagrams_are_sealed_as_the_standards_say) {
    const struct sealed *row = &sealings[_i];
    struct bl_secret key = secret_of(row->key);
    uint8_t head[SIZE_MAX_OF_A_ROW], text[SIZE_MAX_OF_A_ROW + BL_AEAD_SIZE];
    struct bl_aead aead = {.suite = row->suite, .key = &key, .number = row->number, .head = head};
    aead.head_size = from_hex(head, row->head);
    size_t size = from_hex(text, row->text);
    ck_assert_uint_eq(strlen(row->out), 2 * (size + BL_AEAD_SIZE));
    if (!can(row->suite)) {
        return;
    }
    bl_aead_seal(&aead, text, size);
    must_be(text, row->out);
    ck_assert(bl_aead_open(&aead, text, size));
    must_be(text, row->text);
}
END_TEST

START_TEST(what_is_not_exactly_what_was_sealed_does_not_open) {
    enum { SIZE = 33, HEAD = 10 };
    enum bl_suite suite = (enum bl_suite)_i;
    struct bl_secret key = secret_of(COUNTING), other = key;
    uint8_t head[HEAD] = "head....", sealed[SIZE + BL_AEAD_SIZE] = "text", tried[sizeof sealed];
    struct bl_aead aead = {suite, &key, 5, head, HEAD};
    if (!can(suite)) {
        return;
    }
    bl_aead_seal(&aead, sealed, SIZE);
    for (unsigned bit = 0; bit < 8 * (HEAD + sizeof sealed); bit++) {
        memcpy(tried, sealed, sizeof tried);
        uint8_t *byte = bit < 8 * HEAD ? &head[bit / 8] : &tried[bit / 8 - HEAD];
        *byte ^= (uint8_t)(1U << bit % 8);
        ck_assert_msg(!bl_aead_open(&aead, tried, SIZE), "bit %u", bit);
        *byte ^= (uint8_t)(1U << bit % 8);
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        memcpy(tried, sealed, sizeof tried);
        aead.number = 5 ^ UINT64_C(1) << bit;
        ck_assert_msg(!bl_aead_open(&aead, tried, SIZE), "bit %u of the number", bit);
    }
    aead.number = 5;
    other.bytes[31] ^= 1;
    aead.key = &other;
    memcpy(tried, sealed, sizeof tried);
    ck_assert(!bl_aead_open(&aead, tried, SIZE));
    aead.key = &key;
    memcpy(tried, sealed, sizeof tried);
    ck_assert(!bl_aead_open(&aead, tried, SIZE - 1));
    ck_assert(bl_aead_open(&aead, sealed, SIZE));
    ck_assert_str_eq((char *)sealed, "text");
}
END_TEST

/* draft-irtf-cfrg-xchacha-03, A.3.1. */
START_TEST(boxes_are_xchacha20_poly1305) {
    static const char plain[] = "4c616469657320616e642047656e746c656d656e206f662074686520636c617373"
                                "206f66202739393a204966204920636f756c64206f6666657220796f75206f6e6c"
                                "79206f6e652074697020666f7220746865206675747572652c2073756e73637265"
                                "656e20776f756c642062652069742e";
    static const char boxed[] = "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb73"
                                "1c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c"
                                "9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f966"
                                "4c97637da9768812f615c68b13b52e"
                                "c0875924c1c7987947deafd8780acf49";
    struct bl_secret key =
        secret_of("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
    uint8_t nonce[BL_BOX_NONCE_SIZE], head[12], text[SIZE_MAX_OF_A_ROW];
    from_hex(nonce, "404142434445464748494a4b4c4d4e4f5051525354555657");
    from_hex(head, "50515253c0c1c2c3c4c5c6c7");
    const struct bl_box box = {.key = &key, .nonce = nonce, .head = head, .head_size = sizeof head};
    size_t size = from_hex(text, plain);
    bl_box_seal(&box, text, size);
    must_be(text, boxed);
    ck_assert(bl_box_open(&box, text, size));
    must_be(text, plain);
}
END_TEST

START_TEST(a_box_that_was_changed_does_not_open) {
    enum { SIZE = 9, HEAD = 5 };
    struct bl_secret key = secret_of(COUNTING);
    uint8_t nonce[BL_BOX_NONCE_SIZE] = "nonce", head[HEAD] = "head";
    uint8_t sealed[SIZE + BL_AEAD_SIZE] = "text", tried[sizeof sealed];
    const struct bl_box box = {&key, nonce, head, HEAD};
    struct {
        uint8_t *bytes;
        size_t size;
    } parts[] = {
        {tried, sizeof tried}, {nonce, sizeof nonce}, {head, HEAD}, {key.bytes, sizeof key.bytes}};
    bl_box_seal(&box, sealed, SIZE);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        for (unsigned bit = 0; bit < 8 * parts[i].size; bit++) {
            memcpy(tried, sealed, sizeof tried);
            parts[i].bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            ck_assert_msg(!bl_box_open(&box, tried, SIZE), "part %zu, bit %u", i, bit);
            parts[i].bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
    ck_assert(bl_box_open(&box, sealed, SIZE));
}
END_TEST

/* Sets of suites as they stand in OPEN, and the best that both have. */
static const struct choice {
    uint8_t ours, theirs;
    enum bl_suite best;
} choices[] = {
    {1, 1, BL_SUITE_CHACHA20}, {3, 1, BL_SUITE_CHACHA20},    {1, 3, BL_SUITE_CHACHA20},
    {3, 3, BL_SUITE_AES256},   {1, 0xff, BL_SUITE_CHACHA20}, {3, 0xff, BL_SUITE_AES256},
};

START_TEST(the_best_suite_of_both_is_chosen) {
    ck_assert_int_eq(bl_suite_choose(choices[_i].ours, choices[_i].theirs), choices[_i].best);
}
END_TEST

START_TEST(every_machine_has_chacha20) {
    ck_assert(can(BL_SUITE_CHACHA20));
    ck_assert_uint_lt(bl_suites(), 1U << BL_SUITE_COUNT);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_checked_fixture(tests, start, NULL);
    tcase_add_test(tests, what_is_wiped_is_zero);
    tcase_add_test(tests, bytes_are_equal_when_every_bit_is);
    tcase_add_loop_test(tests, hash_and_mac_are_blake2b, 0, COUNT_OF(hashes));
    tcase_add_loop_test(tests, hkdf_is_that_of_noise, 0, COUNT_OF(derivations));
    tcase_add_loop_test(tests, dh_is_x25519, 0, COUNT_OF(exchanges));
    tcase_add_test(tests, the_public_half_is_completed);
    tcase_add_test(tests, two_key_pairs_agree_on_a_secret);
    tcase_add_loop_test(tests, a_public_key_that_fixes_the_secret_is_refused, 0,
                        COUNT_OF(weak_keys));
    tcase_add_loop_test(tests, datagrams_are_sealed_as_the_standards_say, 0, COUNT_OF(sealings));
    tcase_add_loop_test(tests, what_is_not_exactly_what_was_sealed_does_not_open, 0,
                        BL_SUITE_COUNT);
    tcase_add_test(tests, boxes_are_xchacha20_poly1305);
    tcase_add_test(tests, a_box_that_was_changed_does_not_open);
    tcase_add_loop_test(tests, the_best_suite_of_both_is_chosen, 0, COUNT_OF(choices));
    tcase_add_test(tests, every_machine_has_chacha20);
}
TEST_MAIN("secure/crypto", add_tests)
