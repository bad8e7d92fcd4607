/* What belay-netem takes on its command line and from `set`, and what it says of the rest. */
#include "tests/support/test.h"
#include "tools/netem/settings.h"
#include <string.h>

#define WORD_MAX 16

static struct netem_settings settings;

static enum belay_result read_line(const char *line) {
    static char copy[256];
    char *words[WORD_MAX];
    int count = 0;
    strcpy(copy, line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        ck_assert_int_lt(count, WORD_MAX);
        words[count++] = word;
    }
    netem_settings_init(&settings);
    return netem_settings_read(&settings, count, words);
}

#define ENDS " 127.0.0.1:7000 127.0.0.1:7777"

START_TEST(the_defaults_are_no_trouble) {
    ck_assert_int_eq(read_line(ENDS), BELAY_OK);
    for (unsigned i = 0; i < NETEM_DIRECTIONS; i++) {
        const struct netem_trouble *trouble = &settings.troubles[i];
        ck_assert(trouble->path.loss <= 0.0F && trouble->reorder <= 0.0F);
        ck_assert_uint_eq(trouble->path.delay_ms, 0);
        ck_assert_uint_eq(trouble->path.rate_kbit, 0);
        ck_assert_uint_eq(trouble->path.queue_ms, 200);
    }
    ck_assert_uint_eq(settings.clients_max, 1024);
    ck_assert_int_eq(settings.idle, 60 * BL_SECOND);
    ck_assert_int_eq(settings.blackout, 3 * BL_SECOND);
    ck_assert_int_eq(settings.rebind_every, 0);
    ck_assert_uint_eq(settings.listen.port, 7000);
    ck_assert_uint_eq(settings.target.port, 7777);
    ck_assert(!settings.seeded);
}
END_TEST

START_TEST(a_trouble_is_for_both_directions_or_for_one) {
    ck_assert_int_eq(read_line("--delay 40 --down-delay=90 --up-loss 2.5 --keep-order" ENDS),
                     BELAY_OK);
    ck_assert_uint_eq(settings.troubles[NETEM_UP].path.delay_ms, 40);
    ck_assert_uint_eq(settings.troubles[NETEM_DOWN].path.delay_ms, 90);
    ck_assert_float_eq(settings.troubles[NETEM_UP].path.loss, 0.025F);
    ck_assert_float_eq(settings.troubles[NETEM_DOWN].path.loss, 0.0F);
    ck_assert_uint_eq(settings.troubles[NETEM_UP].keep_order, 1);
    ck_assert_uint_eq(settings.troubles[NETEM_DOWN].keep_order, 1);
}
END_TEST

START_TEST(a_later_option_overrides_an_earlier_one) {
    ck_assert_int_eq(read_line("--up-delay 90 --delay 40 --up-keep-order --keep-order=off" ENDS),
                     BELAY_OK);
    ck_assert_uint_eq(settings.troubles[NETEM_UP].path.delay_ms, 40);
    ck_assert_uint_eq(settings.troubles[NETEM_UP].keep_order, 0);
}
END_TEST

START_TEST(the_rest_is_read) {
    ck_assert_int_eq(read_line("--seed=18446744073709551615 --idle 0.5 --control /tmp/c "
                               "--rebind-every=2 --max-clients=8" ENDS),
                     BELAY_OK);
    ck_assert(settings.seeded);
    ck_assert_uint_eq(settings.seed, UINT64_MAX);
    ck_assert_int_eq(settings.idle, BL_SECOND / 2);
    ck_assert_int_eq(settings.rebind_every, 2 * BL_SECOND);
    ck_assert_uint_eq(settings.clients_max, 8);
    ck_assert_str_eq(settings.control, "/tmp/c");
}
END_TEST

/* Each says what to do. */
static const struct mistake {
    const char *line;
    const char *cure;
} mistakes[] = {
    {"", "name LISTEN and TARGET"},
    {"127.0.0.1:7000", "name LISTEN and TARGET"},
    {"a b", "needs a port"},
    {"127.0.0.1:7000 example.org:7777", "no numeric address"},
    {"127.0.0.1:7000 127.0.0.1:0", "TARGET needs the address and the port"},
    {"127.0.0.1:7000 0.0.0.0:7777", "TARGET needs the address and the port"},
    {"127.0.0.1:7777 127.0.0.1:7777", "LISTEN and TARGET are the same"},
    {"127.0.0.1:7777" ENDS, "one word too many"},
    {"--loss", "lacks its value"},
    {"--loss=" ENDS, "loss takes a percentage"},
    {"--loss 101" ENDS, "loss takes a percentage"},
    {"--loss -1" ENDS, "loss takes a percentage"},
    {"--loss nan" ENDS, "loss takes a percentage"},
    {"--loss 1.2.3" ENDS, "loss takes a percentage"},
    {"--up-delay 60001" ENDS, "delay takes a whole number from 0 to 60000"},
    {"--delay 5ms" ENDS, "delay takes a whole number"},
    {"--delay 99999999999999999999999" ENDS, "delay takes a whole number"},
    {"--burst 0" ENDS, "burst takes a whole number from 1"},
    {"--keep-order=yes" ENDS, "keep-order takes on or off"},
    {"--left-loss 5" ENDS, "each also with up- or down-"},
    {"--up-seed 5" ENDS, "\"up-seed\" is unknown"},
    {"--a-name-that-is-much-longer-than-any-option 5" ENDS, "is no option"},
    {"--seed x" ENDS, "seed takes a whole number"},
    {"--seed 18446744073709551616" ENDS, "seed takes a whole number"},
    {"--idle 0" ENDS, "idle takes seconds"},
    {"--blackout 86401" ENDS, "blackout takes seconds"},
    {"--max-clients 0" ENDS, "max-clients takes a whole number from 1"},
};

START_TEST(a_mistake_is_refused_with_its_cure) {
    const struct mistake *mistake = &mistakes[_i];
    ck_assert_msg(read_line(mistake->line) != BELAY_OK, "\"%s\" is taken", mistake->line);
    ck_assert_msg(strstr(belay_error(), mistake->cure) != NULL, "\"%s\" gives \"%s\"",
                  mistake->line, belay_error());
}
END_TEST

START_TEST(a_refused_change_changes_nothing) {
    ck_assert_int_eq(read_line("--loss 5" ENDS), BELAY_OK);
    ck_assert_int_eq(netem_settings_change(&settings, "loss", "500"), BELAY_E_INVALID);
    ck_assert_float_eq(settings.troubles[NETEM_UP].path.loss, 0.05F);
    ck_assert_int_eq(netem_settings_change(&settings, "down-loss", "50"), BELAY_OK);
    ck_assert_float_eq(settings.troubles[NETEM_UP].path.loss, 0.05F);
    ck_assert_float_eq(settings.troubles[NETEM_DOWN].path.loss, 0.5F);
}
END_TEST

static void add_tests(TCase *tests) {
    tcase_add_test(tests, the_defaults_are_no_trouble);
    tcase_add_test(tests, a_trouble_is_for_both_directions_or_for_one);
    tcase_add_test(tests, a_later_option_overrides_an_earlier_one);
    tcase_add_test(tests, the_rest_is_read);
    tcase_add_loop_test(tests, a_mistake_is_refused_with_its_cure, 0, COUNT_OF(mistakes));
    tcase_add_test(tests, a_refused_change_changes_nothing);
}

TEST_MAIN("netem settings", add_tests)
