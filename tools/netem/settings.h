/* What a user can say: on the command line, and while the relay runs. */
#ifndef BL_TOOLS_NETEM_SETTINGS_H
#define BL_TOOLS_NETEM_SETTINGS_H

#include "lib/net/address.h"
#include "tools/netem/link.h"

struct netem_settings {
    struct netem_trouble troubles[NETEM_DIRECTIONS];
    struct bl_address listen, target;
    uint64_t seed;
    bool seeded; /* else the caller chooses one */
    uint32_t clients_max;
    uint32_t buffer_mib;
    bl_duration blackout, rebind_every, idle; /* rebind_every 0: never */
    const char *control;                      /* a path; NULL: none */
};

/** The defaults. */
void netem_settings_init(struct netem_settings *settings);
/**
 * Changes the trouble of both directions, or of one ("up-loss", "down-loss").
 *
 * @return BELAY_OK, or BELAY_E_INVALID with a text for belay_error()
 */
enum belay_result netem_settings_change(struct netem_settings *settings, const char *name,
                                        const char *value);
/**
 * Reads options and the two addresses: words[0] is the first of them. Texts are borrowed.
 *
 * @return BELAY_OK, or BELAY_E_INVALID with a text for belay_error()
 */
enum belay_result netem_settings_read(struct netem_settings *settings, int count, char **words);
/** From 0 to a day; decimals are fine. False: @p text is no such number, and out untouched. */
bool netem_seconds_read(bl_duration *out, const char *text);
/** Decimal digits only. False: no such number, and out untouched. */
bool netem_number_read(uint64_t *out, const char *text, uint64_t max);

#endif
