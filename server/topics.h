/*
 * Topics: groups of sessions that the server's application forms, and publishes to.
 *
 * What is published is written once; its recipients' packets refer to it. A topic is there while it
 * has a subscriber or a retained value; a session leaves its topics when it ends.
 */
#ifndef BL_SERVER_TOPICS_H
#define BL_SERVER_TOPICS_H

#include "common/hash_map.h"
#include "lib/session/coordinator.h"
#include <belay/server.h>

struct bl_topics {
    struct bl_coordinator *coordinator;
    struct bl_hash_map by_number;
};

/** Takes over coordinator->ended. */
void bl_topics_init(struct bl_topics *topics, struct bl_coordinator *coordinator);
/** Sessions may be there still; they are in no topic any more. Zeroed memory is fine. */
void bl_topics_finish(struct bl_topics *topics);

/* As the public functions of these names, for a session that is open. */

enum belay_result bl_topics_subscribe(struct bl_topics *topics, struct bl_session *session,
                                      belay_topic number);
enum belay_result bl_topics_unsubscribe(struct bl_topics *topics, struct bl_session *session,
                                        belay_topic number);
enum belay_result bl_topics_publish(struct bl_topics *topics, belay_topic number, uint8_t channel,
                                    const struct bl_span *data);
enum belay_result bl_topics_retain(struct bl_topics *topics, belay_topic number, uint8_t channel,
                                   const struct bl_span *data);
void bl_topics_info(const struct bl_topics *topics, belay_topic number,
                    struct belay_topic_info *info);

#endif
