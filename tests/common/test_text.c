#include "common/text.h"
#include "tests/support/test.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/** sizeof - 1, so that a text may hold NUL bytes. */
#define TEXT(literal) literal, sizeof(literal) - 1

static const struct cleaning {
    const char *what;
    const char *text;
    size_t size;
    const char *clean;
} cleanings[] = {
    {"nothing", TEXT(""), ""},
    {"ASCII", TEXT("Player_1 ~!"), "Player_1 ~!"},
    {"first and last printable", TEXT(" ~"), " ~"},
    {"NUL does not end it", TEXT("a\0b"), "a?b"},
    {"C0", TEXT("\x01\t\n\r\x1B[2J\x1F"), "?????[2J?"},
    {"DEL", TEXT("a\x7F"), "a?"},
    {"C1 as characters", TEXT("\xC2\x80\xC2\x85\xC2\x9B\xC2\x9F"), "????????"},
    {"C1 as bare bytes", TEXT("\x85\x9B"), "??"},
    {"first after C1: no-break space", TEXT("\xC2\xA0"), "\xC2\xA0"},
    {"two bytes", TEXT("Zo\xC3\xAB \xDF\xBF"), "Zo\xC3\xAB \xDF\xBF"},
    {"three bytes", TEXT("\xE0\xA0\x80\xE2\x82\xAC\xEF\xBF\xBF"),
     "\xE0\xA0\x80\xE2\x82\xAC\xEF\xBF\xBF"},
    {"four bytes", TEXT("\xF0\x90\x80\x80\xF0\x9F\xA7\x97\xF4\x8F\xBF\xBF"),
     "\xF0\x90\x80\x80\xF0\x9F\xA7\x97\xF4\x8F\xBF\xBF"},
    {"overlong slash, 2 bytes", TEXT("\xC0\xAF"), "??"},
    {"overlong slash, 3 bytes", TEXT("\xE0\x80\xAF"), "???"},
    {"overlong slash, 4 bytes", TEXT("\xF0\x80\x80\xAF"), "????"},
    {"overlong NUL", TEXT("\xC0\x80"), "??"},
    {"largest overlong, 2 bytes", TEXT("\xC1\xBF"), "??"},
    {"largest overlong, 3 bytes", TEXT("\xE0\x9F\xBF"), "???"},
    {"largest overlong, 4 bytes", TEXT("\xF0\x8F\xBF\xBF"), "????"},
    {"last before the surrogates", TEXT("\xED\x9F\xBF"), "\xED\x9F\xBF"},
    {"first surrogate", TEXT("\xED\xA0\x80"), "???"},
    {"last surrogate", TEXT("\xED\xBF\xBF"), "???"},
    {"surrogate pair", TEXT("\xED\xA0\xBD\xED\xB8\x80"), "??????"},
    {"first after the surrogates", TEXT("\xEE\x80\x80"), "\xEE\x80\x80"},
    {"first above U+10FFFF", TEXT("\xF4\x90\x80\x80"), "????"},
    {"lead of four, largest", TEXT("\xF7\xBF\xBF\xBF"), "????"},
    {"lead of five", TEXT("\xF8\x88\x80\x80\x80"), "?????"},
    {"lead of six", TEXT("\xFC\x84\x80\x80\x80\x80"), "??????"},
    {"FE and FF", TEXT("\xFE\xFF"), "??"},
    {"continuation alone", TEXT("a\x80\xBF"), "a??"},
    {"truncated at the end, 2 bytes", TEXT("a\xC3"), "a?"},
    {"truncated at the end, 3 bytes", TEXT("a\xE2\x82"), "a??"},
    {"truncated at the end, 4 bytes", TEXT("a\xF0\x9F\xA7"), "a???"},
    {"truncated by ASCII", TEXT("\xC3.\xE2\x82.\xF0\x9F\xA7."), "?.??.???."},
    {"truncated by a lead", TEXT("\xE2\x82\xC3\xAB"), "??\xC3\xAB"},
    {"one continuation too many", TEXT("\xC3\xAB\xAB"), "\xC3\xAB?"},
};

START_TEST(only_well_formed_printable_characters_pass) {
    const struct cleaning *row = &cleanings[_i];
    uint8_t *text = malloc(row->size + 1); /* ends with the text, so that a tool sees an overread */
    ck_assert_ptr_nonnull(text);
    uint8_t *start = text + 1;
    memcpy(start, row->text, row->size);
    char out[64];
    memset(out, '#', sizeof(out));
    bl_text_clean(out, sizeof(out), start, row->size);
    ck_assert_msg(strcmp(out, row->clean) == 0, "%s: \"%s\"", row->what, out);
    ck_assert_int_eq(out[strlen(out) + 1], '#');
    free(text);
}
END_TEST

START_TEST(cleaning_what_is_clean_changes_nothing) {
    const struct cleaning *row = &cleanings[_i];
    char out[64];
    bl_text_clean(out, sizeof(out), row->clean, strlen(row->clean));
    ck_assert_str_eq(out, row->clean);
}
END_TEST

/** What is left of "a, euro sign, b, climber" in so many bytes, the terminator included. */
static const struct room {
    size_t size;
    const char *clean;
} rooms[] = {
    {1, ""},
    {2, "a"},
    {3, "a"},
    {4, "a"},
    {5, "a\xE2\x82\xAC"},
    {6, "a\xE2\x82\xAC"
        "b"},
    {7, "a\xE2\x82\xAC"
        "b"},
    {9, "a\xE2\x82\xAC"
        "b"},
    {10, "a\xE2\x82\xAC"
         "b\xF0\x9F\xA7\x97"},
    {11, "a\xE2\x82\xAC"
         "b\xF0\x9F\xA7\x97"},
};

START_TEST(a_character_that_does_not_fit_whole_ends_the_text) {
    char out[16];
    memset(out, '#', sizeof(out));
    bl_text_clean(out, rooms[_i].size,
                  TEXT("a\xE2\x82\xAC"
                       "b\xF0\x9F\xA7\x97"));
    ck_assert_str_eq(out, rooms[_i].clean);
    for (size_t i = rooms[_i].size; i < sizeof(out); i++) {
        ck_assert_int_eq(out[i], '#');
    }
}
END_TEST

START_TEST(bytes_behind_the_end_do_not_complete_a_character) {
    static const char climber[] = "\xF0\x9F\xA7\x97";
    for (size_t size = 0; size < 4; size++) {
        char out[8];
        bl_text_clean(out, sizeof(out), climber, size);
        ck_assert_uint_eq(strlen(out), size);
        ck_assert_uint_eq(strspn(out, "?"), size);
    }
}
END_TEST

START_TEST(no_text_is_an_empty_text) {
    char out[4] = "###";
    bl_text_clean(out, sizeof(out), NULL, 0);
    ck_assert_str_eq(out, "");
}
END_TEST

/** Encodes any number, legal or not, in the form that its size asks for. */
static size_t encode(char *out, uint32_t code) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (char)(leads[size] | code);
    return size;
}

START_TEST(every_code_point_passes_or_not_as_unicode_says) {
    for (uint32_t code = 0; code < 0x120000; code++) {
        char text[4];
        size_t size = encode(text, code);
        char out[8];
        bl_text_clean(out, sizeof(out), text, size);
        bool control = code < 0x20 || (code >= 0x7F && code < 0xA0);
        bool passes = !control && (code < 0xD800 || code > 0xDFFF) && code <= 0x10FFFF;
        const char *expected = passes ? text : "????";
        if (strlen(out) != size || memcmp(out, expected, size) != 0) {
            ck_abort_msg("U+%04X", code);
        }
    }
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, only_well_formed_printable_characters_pass, 0, COUNT_OF(cleanings));
    tcase_add_loop_test(tests, cleaning_what_is_clean_changes_nothing, 0, COUNT_OF(cleanings));
    tcase_add_loop_test(tests, a_character_that_does_not_fit_whole_ends_the_text, 0,
                        COUNT_OF(rooms));
    tcase_add_test(tests, bytes_behind_the_end_do_not_complete_a_character);
    tcase_add_test(tests, no_text_is_an_empty_text);
    tcase_add_test(tests, every_code_point_passes_or_not_as_unicode_says);
}

TEST_MAIN("common/text", add_tests)
