/* What the options of client and server have in common: how they are copied, checked and filled in.
 */
#ifndef BL_SESSION_OPTIONS_H
#define BL_SESSION_OPTIONS_H

#include "lib/net/net.h"
#include "lib/session/session.h"

/**
 * Copies an options struct of the caller's size over zeroes, so that a program compiled against an
 * older header leaves the newer fields at their defaults.
 *
 * @param in    begins with its size_t struct_size
 * @param init  the name of its INIT macro, for the error
 * @return BELAY_OK, BELAY_E_INVALID
 */
enum belay_result bl_options_copy(void *out, size_t out_size, const void *in, const char *init);

/** Milliseconds of an option: 0 is @p otherwise, BELAY_FOREVER never ends. */
bl_duration bl_options_duration(uint32_t ms, uint32_t otherwise);
static inline uint32_t bl_options_count(uint32_t value, uint32_t otherwise) {
    return value != 0 ? value : otherwise;
}

/**
 * Checks and sets heartbeat and lost: what is not given follows from the other, a third of lost at
 * most, or stays 0 where @p adopt says that the other side's will be taken.
 *
 * @return BELAY_OK, BELAY_E_INVALID: a heartbeat must be shorter than what it is to prevent
 */
enum belay_result bl_options_liveness(struct bl_limits *limits, uint32_t heartbeat_ms,
                                      uint32_t lost_ms, bool adopt);

/** A feature of the secure layer, which is not there yet: BELAY_E_INVALID naming the field. */
enum belay_result bl_options_need_secure_layer(const char *field);

/** Reads an address; without the secure layer a real one must be loopback. @param field names it in
 * the error */
enum belay_result bl_options_address(struct bl_address *out, const char *text, bool simulated,
                                     const char *field);

/**
 * Copies @p size bytes to a struct of the caller's size.
 *
 * @param out    begins with its size_t struct_size, which stays as it is
 * @param field  names it in the error
 * @return BELAY_OK, BELAY_E_INVALID
 */
enum belay_result bl_options_give(void *out, const void *value, size_t size, const char *field);
/** The same for what is known of a session; NULL gives a disconnected one. */
enum belay_result bl_options_give_info(struct belay_session_info *out,
                                       const struct bl_session *session);

#endif
