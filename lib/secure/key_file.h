/* The file of a server's own key pair, which outlives the server: clients know it by the key. */
#ifndef BL_SECURE_KEY_FILE_H
#define BL_SECURE_KEY_FILE_H

#include "lib/secure/crypto.h"
#include <belay/result.h>

/**
 * Reads the key pair in a file, or makes both on the first run (mode 0600). Of several processes
 * that make it at the same time all end with the same key.
 *
 * @param out  to be wiped by the caller; untouched on failure
 * @return BELAY_OK, BELAY_E_KEY (no key in it, or others may read it), BELAY_E_TOO_BIG,
 *         BELAY_E_SYSTEM
 */
enum belay_result bl_key_file_open(struct bl_key_pair *out, const char *path,
                                   struct bl_random *random);
/**
 * Reads what is in such a file: one line "x25519-secret" and 64 hexadecimal digits.
 *
 * @param name  of the file, for the error, which never quotes a line
 * @return BELAY_OK, BELAY_E_KEY
 */
enum belay_result bl_key_file_parse(struct bl_key_pair *out, const void *text, size_t size,
                                    const char *name);

#endif
