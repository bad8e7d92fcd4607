/* Lines, words and digits of a text file, and nothing beyond its end. */
#include "lib/secure/lines.h"

#include "tests/support/test.h"
#include <string.h>

/* Each row is a text and its words: '|' ends each word, '/' each line. */
static const struct text {
    const char *text;
    size_t size;
    const char *words;
} texts[] = {
    {"", 0, ""},
    {"\n", 1, "/"},
    {"a", 1, "a|/"},
    {"a\n", 2, "a|/"},
    {"a\nb", 3, "a|/b|/"},
    {"\n\na", 3, "//a|/"},
    {" \ta  b\r\n", 8, "a|b|/"},
    {"a\rb", 3, "a|b|/"},
    {"a # b\nc", 7, "a|/c|/"},
    {"#a\n#", 4, "//"},
    {"a#b #", 5, "a#b|/"}, /* in a word it is a character */
    {"ab", 1, "a|/"},      /* what is behind the end is not looked at */
    {"a\0b c", 5, "a?b|c|/"},
};

START_TEST(a_text_is_cut_into_lines_and_words) {
    const struct text *row = &texts[_i];
    char *copy = malloc(row->size > 0 ? row->size : 1); /* exact, for the sanitizers */
    char words[64] = "";
    memcpy(copy, row->text, row->size);
    struct bl_slice rest = {copy, copy + row->size}, line;
    while (bl_slice_line(&line, &rest)) {
        for (struct bl_slice word = bl_slice_word(&line); bl_slice_size(&word) > 0;
             word = bl_slice_word(&line)) {
            size_t at = strlen(words);
            for (const char *sign = word.at; sign < word.end; sign++) {
                words[at++] = *sign != '\0' ? *sign : '?';
            }
            words[at] = '|';
        }
        words[strlen(words)] = '/';
    }
    ck_assert_str_eq(words, row->words);
    free(copy);
}
END_TEST

/* Each row is a word, and whether it is two bytes. */
static const struct digits {
    const char *word;
    bool good;
} digits[] = {
    {"00fF", true},    {"", false},     {"00", false},    {"00f", false},   {"00ff0", false},
    {"00ff00", false}, {"00fg", false}, {"00ff#", false}, {" 00ff", false}, {"0x00", false},
};

START_TEST(digits_are_read_if_they_are_just_as_many) {
    const struct digits *row = &digits[_i];
    uint8_t bytes[3] = {1, 1, 1};
    size_t size = strlen(row->word);
    char *copy = malloc(size > 0 ? size : 1); /* exact, for the sanitizers */
    memcpy(copy, row->word, size);
    ck_assert(bl_slice_hex(bytes, 2, (struct bl_slice){copy, copy + size}) == row->good);
    ck_assert(!row->good || (bytes[0] == 0 && bytes[1] == 0xff));
    ck_assert_uint_eq(bytes[2], 1);
    free(copy);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_loop_test(tests, a_text_is_cut_into_lines_and_words, 0, COUNT_OF(texts));
    tcase_add_loop_test(tests, digits_are_read_if_they_are_just_as_many, 0, COUNT_OF(digits));
}
TEST_MAIN("secure/lines", add_tests)
