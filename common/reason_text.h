/* The text of our own reason codes, for a reason that was given none. */
#ifndef BL_COMMON_REASON_TEXT_H
#define BL_COMMON_REASON_TEXT_H

#include <stdint.h>

/** Empty for the game's codes and for unknown ones. A constant string. */
const char *bl_reason_text(uint32_t code);

#endif
