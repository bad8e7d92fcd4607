/*
 * A session as bytes, for the next process of its server: what a resume needs, and nothing of its
 * link. What was received and not handled stays behind: its client has it still, and sends it
 * again.
 */
#ifndef BL_SESSION_RECORD_H
#define BL_SESSION_RECORD_H

#include "lib/session/coordinator.h"

/** How many bytes bl_record_write() may take. */
size_t bl_record_size_max(const struct bl_session *session);
void bl_record_write(struct bl_writer *writer, const struct bl_session *session);
/**
 * Makes the session that was written, held for its client to come back, with an OPEN to be polled.
 *
 * @return BELAY_OK, BELAY_E_KEY (not what was written, or of other channels), BELAY_E_NO_MEMORY (or
 *         no room for one more); the session is not there then
 */
enum belay_result bl_record_read(struct bl_reader *reader, struct bl_coordinator *coordinator);

#endif
