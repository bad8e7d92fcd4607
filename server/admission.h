/* Who may come in: the server's options, as the gate of the secure layer wants them. */
#ifndef BL_SERVER_ADMISSION_H
#define BL_SERVER_ADMISSION_H

#include "lib/secure/gate.h"
#include <belay/server.h>

struct bl_server_admission {
    struct bl_admission rules;
    struct bl_token_key_file tokens;
    struct bl_token_key_file tickets; /* with opts.ticket_key_file; else its keys alone */
};

/**
 * Reads the files that the options name. Zeroed memory before; on failure too
 * bl_server_admission_close() is called.
 *
 * @return BELAY_OK, BELAY_E_INVALID, BELAY_E_KEY, BELAY_E_NO_MEMORY, BELAY_E_SYSTEM
 */
enum belay_result bl_server_admission_open(struct bl_server_admission *admission,
                                           const struct belay_server_opts *opts,
                                           struct bl_memory *memory, struct bl_random *random);
/** Reads again the files that have changed. */
void bl_server_admission_refresh(struct bl_server_admission *admission, bl_time now);
/** Wipes the keys. Zeroed memory is fine. */
void bl_server_admission_close(struct bl_server_admission *admission);

#endif
