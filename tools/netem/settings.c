/* One table for the command line and for `set`: what can be said at the start can be said later. */
#include "tools/netem/settings.h"
#include "common/error.h"
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MS_MAX      60000
#define BURST_MAX   10000
#define RATE_MAX    10000000 /* kbit/s */
#define SECONDS_MAX 86400.0
#define CLIENTS_MAX 65536
#define BUFFER_MAX  4096 /* MiB */
#define NAME_SIZE   32

enum kind { PERCENT, WHOLE, SWITCH };

static const struct knob {
    const char *name;
    enum kind kind;
    uint32_t min, max; /* of a whole number */
    size_t offset;     /* of a float or an uint32_t in struct netem_trouble */
} knobs[] = {
    {"delay", WHOLE, 0, MS_MAX, offsetof(struct netem_trouble, path.delay_ms)},
    {"jitter", WHOLE, 0, MS_MAX, offsetof(struct netem_trouble, path.jitter_ms)},
    {"keep-order", SWITCH, 0, 1, offsetof(struct netem_trouble, keep_order)},
    {"loss", PERCENT, 0, 0, offsetof(struct netem_trouble, path.loss)},
    {"burst", WHOLE, 1, BURST_MAX, offsetof(struct netem_trouble, path.burst)},
    {"duplicate", PERCENT, 0, 0, offsetof(struct netem_trouble, path.duplicate)},
    {"reorder", PERCENT, 0, 0, offsetof(struct netem_trouble, reorder)},
    {"hold", WHOLE, 0, MS_MAX, offsetof(struct netem_trouble, hold_ms)},
    {"corrupt", PERCENT, 0, 0, offsetof(struct netem_trouble, path.corrupt)},
    {"rate", WHOLE, 0, RATE_MAX, offsetof(struct netem_trouble, path.rate_kbit)},
    {"queue", WHOLE, 1, MS_MAX, offsetof(struct netem_trouble, path.queue_ms)},
};

static const struct knob *find_knob(const char *name) {
    for (size_t i = 0; i < sizeof knobs / sizeof knobs[0]; i++) {
        if (strcmp(knobs[i].name, name) == 0) {
            return &knobs[i];
        }
    }
    return NULL;
}

bool netem_number_read(uint64_t *out, const char *text, uint64_t max) {
    errno = 0;
    unsigned long long value = strtoull(text, NULL, 10);
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0' || errno != 0 || value > max) {
        return false;
    }
    *out = value;
    return true;
}

static bool decimal_read(double *out, const char *text, double max) {
    char *end;
    if (text[strspn(text, "0123456789.")] != '\0') { /* no sign, no "nan", no exponent */
        return false;
    }
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || value > max) {
        return false;
    }
    *out = value;
    return true;
}

bool netem_seconds_read(bl_duration *out, const char *text) {
    double seconds;
    if (!decimal_read(&seconds, text, SECONDS_MAX)) {
        return false;
    }
    *out = (bl_duration)(seconds * (double)BL_SECOND);
    return true;
}

/** Writes a knob's value into @p out, a float or an uint32_t. */
static enum belay_result read_value(void *out, const struct knob *knob, const char *value) {
    double percent;
    uint64_t whole;
    if (knob->kind == PERCENT) {
        if (!decimal_read(&percent, value, 100.0)) {
            return bl_fail(BELAY_E_INVALID, "%s takes a percentage from 0 to 100, as in 2.5",
                           knob->name);
        }
        *(float *)out = (float)(percent / 100.0);
        return BELAY_OK;
    }
    if (knob->kind == SWITCH) {
        if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0) {
            return bl_fail(BELAY_E_INVALID, "%s takes on or off", knob->name);
        }
        *(uint32_t *)out = strcmp(value, "on") == 0;
        return BELAY_OK;
    }
    if (!netem_number_read(&whole, value, knob->max) || whole < knob->min) {
        return bl_fail(BELAY_E_INVALID, "%s takes a whole number from %u to %u", knob->name,
                       (unsigned)knob->min, (unsigned)knob->max);
    }
    *(uint32_t *)out = (uint32_t)whole;
    return BELAY_OK;
}

/** The name without its direction, and the directions meant as bits. */
static const char *strip_direction(const char *name, unsigned *directions) {
    if (strncmp(name, "up-", 3) == 0) {
        *directions = 1U << NETEM_UP;
        return name + 3;
    }
    if (strncmp(name, "down-", 5) == 0) {
        *directions = 1U << NETEM_DOWN;
        return name + 5;
    }
    *directions = 1U << NETEM_UP | 1U << NETEM_DOWN;
    return name;
}

static bool is_switch(const char *name) {
    unsigned directions;
    const struct knob *knob = find_knob(strip_direction(name, &directions));
    return knob != NULL && knob->kind == SWITCH;
}

enum belay_result netem_settings_change(struct netem_settings *settings, const char *name,
                                        const char *value) {
    unsigned directions;
    const struct knob *knob = find_knob(strip_direction(name, &directions));
    if (knob == NULL) {
        return bl_fail(BELAY_E_INVALID,
                       "\"%.32s\" is unknown; there are delay, jitter, keep-order, loss, burst, "
                       "duplicate, reorder, hold, corrupt, rate and queue, each also with up- or "
                       "down- before it",
                       name);
    }
    for (unsigned i = 0; i < NETEM_DIRECTIONS; i++) {
        if ((directions & 1U << i) != 0) {
            char *trouble = (char *)&settings->troubles[i];
            enum belay_result result = read_value(trouble + knob->offset, knob, value);
            if (result != BELAY_OK) {
                return result;
            }
        }
    }
    return BELAY_OK;
}

void netem_settings_init(struct netem_settings *settings) {
    *settings = (struct netem_settings){
        .clients_max = 1024,
        .buffer_mib = 64,
        .blackout = 3 * BL_SECOND,
        .idle = 60 * BL_SECOND,
    };
    for (unsigned i = 0; i < NETEM_DIRECTIONS; i++) {
        settings->troubles[i].path = bl_sim_link_clean(NULL);
        settings->troubles[i].hold_ms = 50;
    }
}

/* ---- the command line ---- */

static enum belay_result read_seconds(bl_duration *out, const char *name, const char *value) {
    bl_duration seconds;
    if (!netem_seconds_read(&seconds, value) || seconds == 0) {
        return bl_fail(BELAY_E_INVALID, "%s takes seconds, more than 0 and at most a day", name);
    }
    *out = seconds;
    return BELAY_OK;
}

static enum belay_result read_count(uint32_t *out, const char *name, const char *value,
                                    uint32_t max) {
    uint64_t count;
    if (!netem_number_read(&count, value, max) || count == 0) {
        return bl_fail(BELAY_E_INVALID, "%s takes a whole number from 1 to %u", name,
                       (unsigned)max);
    }
    *out = (uint32_t)count;
    return BELAY_OK;
}

static enum belay_result read_option(struct netem_settings *settings, const char *name,
                                     const char *value) {
    if (strcmp(name, "seed") == 0) {
        settings->seeded = netem_number_read(&settings->seed, value, UINT64_MAX);
        return settings->seeded ? BELAY_OK
                                : bl_fail(BELAY_E_INVALID, "seed takes a whole number from 0 on");
    }
    if (strcmp(name, "blackout") == 0) {
        return read_seconds(&settings->blackout, name, value);
    }
    if (strcmp(name, "rebind-every") == 0) {
        return read_seconds(&settings->rebind_every, name, value);
    }
    if (strcmp(name, "idle") == 0) {
        return read_seconds(&settings->idle, name, value);
    }
    if (strcmp(name, "max-clients") == 0) {
        return read_count(&settings->clients_max, name, value, CLIENTS_MAX);
    }
    if (strcmp(name, "buffer") == 0) {
        return read_count(&settings->buffer_mib, name, value, BUFFER_MAX);
    }
    if (strcmp(name, "control") == 0) {
        settings->control = value;
        return BELAY_OK;
    }
    return netem_settings_change(settings, name, value);
}

/** Reads words[*at], "--name" or "--name=value", and its value, which may be the next word. */
static enum belay_result read_words(struct netem_settings *settings, int *at, int count,
                                    char **words) {
    char name[NAME_SIZE] = "";
    const char *word = words[*at] + 2;
    const char *equal = strchr(word, '=');
    size_t length = equal != NULL ? (size_t)(equal - word) : strlen(word);
    if (length >= sizeof name) {
        return bl_fail(BELAY_E_INVALID, "\"%.64s\" is no option", words[*at]);
    }
    memcpy(name, word, length);
    if (equal != NULL) {
        return read_option(settings, name, equal + 1);
    }
    if (is_switch(name)) {
        return read_option(settings, name, "on");
    }
    if (*at + 1 >= count) {
        return bl_fail(BELAY_E_INVALID, "\"%s\" is unknown, or lacks its value", words[*at]);
    }
    (*at)++;
    return read_option(settings, name, words[*at]);
}

static enum belay_result read_addresses(struct netem_settings *settings, const char *listen,
                                        const char *target) {
    enum belay_result result = bl_address_parse(&settings->listen, listen, true);
    if (result == BELAY_OK) {
        result = bl_address_parse(&settings->target, target, false);
    }
    if (result != BELAY_OK) {
        return result;
    }
    if (settings->target.port == 0 || bl_address_is_any(&settings->target)) {
        return bl_fail(BELAY_E_INVALID, "TARGET needs the address and the port of a server");
    }
    if (bl_address_equal(&settings->listen, &settings->target)) {
        return bl_fail(BELAY_E_INVALID,
                       "LISTEN and TARGET are the same; clients need a port of their own to "
                       "send to");
    }
    return BELAY_OK;
}

enum belay_result netem_settings_read(struct netem_settings *settings, int count, char **words) {
    const char *addresses[2] = {NULL, NULL};
    unsigned address_count = 0;
    for (int at = 0; at < count; at++) {
        if (strncmp(words[at], "--", 2) == 0) {
            enum belay_result result = read_words(settings, &at, count, words);
            if (result != BELAY_OK) {
                return result;
            }
        } else if (address_count < 2) {
            addresses[address_count++] = words[at];
        } else {
            return bl_fail(BELAY_E_INVALID, "\"%.64s\" is one word too many", words[at]);
        }
    }
    if (address_count < 2) {
        return bl_fail(BELAY_E_INVALID, "name LISTEN and TARGET, each as 127.0.0.1:7777");
    }
    return read_addresses(settings, addresses[0], addresses[1]);
}
