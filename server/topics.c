/*
 * Each subscription is in two lists: of its topic, in the order in which sessions came, and of its
 * session. Publishing may end the session that it has come to (a channel's when_full), which takes
 * that one out of both; so the next one is looked up before.
 */
#include "server/topics.h"

#include "common/error.h"
#include "lib/session/session.h"
#include <string.h>

struct topic {
    belay_topic number;
    struct bl_subscription *first, *last;
    uint32_t subscribers;
    struct bl_body *retained; /* or NULL */
    uint8_t retained_channel;
    uint64_t published, delivered, skipped;
};

struct bl_subscription {
    struct topic *topic;
    struct bl_session *session;
    struct bl_subscription *previous, *next; /* of the topic */
    struct bl_subscription *other;           /* the session's next */
};

static void make_key(uint8_t key[BL_HASH_KEY_SIZE], belay_topic number) {
    memset(key, 0, BL_HASH_KEY_SIZE);
    memcpy(key, &number, sizeof number);
}

static struct bl_memory *memory_of(const struct bl_topics *topics) {
    return topics->coordinator->shared->memory;
}

static struct topic *find(const struct bl_topics *topics, belay_topic number) {
    uint8_t key[BL_HASH_KEY_SIZE];
    make_key(key, number);
    return bl_hash_map_get(&topics->by_number, key);
}

/** The topic, made if it is not there; NULL: no memory. */
static struct topic *require(struct bl_topics *topics, belay_topic number) {
    uint8_t key[BL_HASH_KEY_SIZE];
    struct topic *topic = find(topics, number);
    if (topic != NULL) {
        return topic;
    }
    make_key(key, number);
    topic = bl_allocate(memory_of(topics), sizeof *topic);
    if (topic != NULL && bl_hash_map_put(&topics->by_number, key, topic) != BELAY_OK) {
        bl_free(memory_of(topics), topic, sizeof *topic);
        return NULL;
    }
    if (topic != NULL) {
        topic->number = number;
    }
    return topic;
}

/** Forgets a topic that nobody has anything of. */
static void let_go(struct bl_topics *topics, struct topic *topic) {
    uint8_t key[BL_HASH_KEY_SIZE];
    if (topic->subscribers == 0 && topic->retained == NULL) {
        make_key(key, topic->number);
        bl_hash_map_remove(&topics->by_number, key);
        bl_free(memory_of(topics), topic, sizeof *topic);
    }
}

/** Where the session's list refers to this subscription; to NULL when it has none to the topic. */
static struct bl_subscription **place_of(struct bl_session *session, const struct topic *topic) {
    struct bl_subscription **at = &session->subscriptions;
    while (*at != NULL && (*at)->topic != topic) {
        at = &(*at)->other;
    }
    return at;
}

static void leave(struct bl_topics *topics, struct bl_subscription **place) {
    struct bl_subscription *subscription = *place;
    struct topic *topic = subscription->topic;
    struct bl_subscription *previous = subscription->previous, *next = subscription->next;
    *place = subscription->other;
    *(previous != NULL ? &previous->next : &topic->first) = next;
    *(next != NULL ? &next->previous : &topic->last) = previous;
    topic->subscribers--;
    bl_free(memory_of(topics), subscription, sizeof *subscription);
    let_go(topics, topic);
}

static void ended(void *user, struct bl_session *session) {
    while (session->subscriptions != NULL) {
        leave(user, &session->subscriptions);
    }
}

void bl_topics_init(struct bl_topics *topics, struct bl_coordinator *coordinator) {
    const struct bl_shared *shared = coordinator->shared;
    topics->coordinator = coordinator;
    bl_hash_map_init(&topics->by_number, shared->memory, shared->random);
    coordinator->ended = ended;
    coordinator->user = topics;
}

void bl_topics_finish(struct bl_topics *topics) {
    uint32_t cursor = 0;
    struct topic *topic;
    while ((topic = bl_hash_map_next(&topics->by_number, &cursor)) != NULL) {
        for (struct bl_subscription *at = topic->first, *next; at != NULL; at = next) {
            next = at->next;
            at->session->subscriptions = NULL;
            bl_free(memory_of(topics), at, sizeof *at);
        }
        bl_body_release(topic->retained);
        bl_free(memory_of(topics), topic, sizeof *topic);
    }
    bl_hash_map_finish(&topics->by_number);
}

static enum belay_result join(struct bl_topics *topics, struct topic *topic,
                              struct bl_session *session) {
    struct bl_subscription *made = bl_allocate(memory_of(topics), sizeof *made);
    if (made == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for a subscription");
    }
    made->topic = topic;
    made->session = session;
    made->previous = topic->last;
    made->other = session->subscriptions;
    *(topic->last != NULL ? &topic->last->next : &topic->first) = made;
    topic->last = made;
    topic->subscribers++;
    session->subscriptions = made;
    return BELAY_OK;
}

static enum belay_result check_subscriber(const struct bl_session *session, belay_topic number) {
    if (number == BELAY_TOPIC_ALL) {
        return bl_fail(BELAY_E_INVALID, "topic: BELAY_TOPIC_ALL is everybody's already");
    }
    if (session->closing) {
        return bl_fail(BELAY_E_GONE, "session: it is closed");
    }
    if (!session->accepted) {
        return bl_fail(BELAY_E_STATE, "subscribe: wait for the OPEN event");
    }
    if ((session->features & BL_FEATURE_TOPICS) == 0) {
        return bl_fail(BELAY_E_STATE, "subscribe: the client's version knows no topics");
    }
    return BELAY_OK;
}

enum belay_result bl_topics_subscribe(struct bl_topics *topics, struct bl_session *session,
                                      belay_topic number) {
    enum belay_result result = check_subscriber(session, number);
    struct topic *topic = result == BELAY_OK ? require(topics, number) : NULL;
    if (result != BELAY_OK) {
        return result;
    }
    if (topic == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory for a topic");
    }
    if (*place_of(session, topic) != NULL) {
        return BELAY_OK;
    }
    result = join(topics, topic, session);
    if (result != BELAY_OK) {
        let_go(topics, topic);
        return result;
    }
    if (topic->retained != NULL) {
        result = bl_session_send_body(session, topic->retained_channel, topic->retained, true);
    }
    if (result != BELAY_OK && session->subscriptions != NULL) { /* else it ended the session */
        leave(topics, place_of(session, topic));
    }
    return result;
}

enum belay_result bl_topics_unsubscribe(struct bl_topics *topics, struct bl_session *session,
                                        belay_topic number) {
    const struct topic *topic = find(topics, number);
    struct bl_subscription **place = topic != NULL ? place_of(session, topic) : NULL;
    if (place != NULL && *place != NULL) {
        leave(topics, place);
    }
    return BELAY_OK;
}

/** What is published, with its topic if it names one; NULL: no memory. */
static struct bl_body *write_body(const struct bl_topics *topics, belay_topic number,
                                  const struct bl_span *data) {
    size_t head = number != BELAY_TOPIC_ALL ? BL_TOPIC_SIZE : 0;
    struct bl_body *body = bl_body_create(memory_of(topics), head + data->size);
    if (body != NULL) {
        struct bl_writer writer = bl_writer_of(body->bytes, body->size);
        if (head > 0) {
            bl_write_u32(&writer, number);
        }
        bl_write_bytes(&writer, data->data, data->size);
    }
    return body;
}

static void send_to_all(const struct bl_topics *topics, uint8_t channel, struct bl_body *body) {
    belay_session handle = 0;
    while ((handle = bl_coordinator_next(topics->coordinator, handle)) != 0) {
        struct bl_session *session = bl_coordinator_get(topics->coordinator, handle);
        if (session->accepted && !session->closing && !bl_session_has_ended(session)) {
            (void)bl_session_send_body(session, channel, body, false);
        }
    }
}

/** The topic stays while it is gone through, though its last subscriber may leave it. */
static void send_to_subscribers(struct bl_topics *topics, struct topic *topic, uint8_t channel,
                                struct bl_body *body) {
    topic->published++;
    topic->subscribers++;
    for (struct bl_subscription *at = topic->first, *next; at != NULL; at = next) {
        next = at->next;
        bool sent = bl_session_send_body(at->session, channel, body, true) == BELAY_OK;
        topic->delivered += sent;
        topic->skipped += !sent;
    }
    topic->subscribers--;
    let_go(topics, topic);
}

static enum belay_result publish_body(struct bl_topics *topics, belay_topic number, uint8_t channel,
                                      const struct bl_span *data) {
    struct bl_body *body = write_body(topics, number, data);
    if (body == NULL) {
        return bl_fail(BELAY_E_NO_MEMORY, "no memory to publish %zu bytes", data->size);
    }
    if (number == BELAY_TOPIC_ALL) {
        send_to_all(topics, channel, body);
    } else {
        send_to_subscribers(topics, find(topics, number), channel, body);
    }
    bl_body_release(body);
    return BELAY_OK;
}

enum belay_result bl_topics_publish(struct bl_topics *topics, belay_topic number, uint8_t channel,
                                    const struct bl_span *data) {
    const struct bl_shared *shared = topics->coordinator->shared;
    enum belay_result result = bl_check_message(shared, channel, data, number != BELAY_TOPIC_ALL);
    if (result != BELAY_OK || (number != BELAY_TOPIC_ALL && find(topics, number) == NULL)) {
        return result; /* OK: there is nobody */
    }
    return publish_body(topics, number, channel, data);
}

/** Keeps nothing any more. */
static void forget_retained(struct bl_topics *topics, struct topic *topic) {
    bl_body_release(topic->retained);
    topic->retained = NULL;
    let_go(topics, topic);
}

enum belay_result bl_topics_retain(struct bl_topics *topics, belay_topic number, uint8_t channel,
                                   const struct bl_span *data) {
    if (number == BELAY_TOPIC_ALL) {
        return bl_fail(BELAY_E_INVALID, "topic: BELAY_TOPIC_ALL retains nothing");
    }
    struct topic *topic = find(topics, number);
    if (data->data == NULL && data->size == 0) {
        if (topic != NULL) {
            forget_retained(topics, topic);
        }
        return BELAY_OK;
    }
    enum belay_result result = bl_check_message(topics->coordinator->shared, channel, data, true);
    if (result != BELAY_OK) {
        return result;
    }
    struct bl_body *body = write_body(topics, number, data);
    topic = body != NULL ? require(topics, number) : NULL;
    if (topic == NULL) {
        bl_body_release(body);
        return bl_fail(BELAY_E_NO_MEMORY, "no memory to retain %zu bytes", data->size);
    }
    bl_body_release(topic->retained);
    topic->retained = body;
    topic->retained_channel = channel;
    send_to_subscribers(topics, topic, channel, body);
    return BELAY_OK;
}

void bl_topics_info(const struct bl_topics *topics, belay_topic number,
                    struct belay_topic_info *info) {
    const struct topic *topic = find(topics, number);
    *info = (struct belay_topic_info){.struct_size = sizeof *info};
    if (topic != NULL) {
        info->subscribers = topic->subscribers;
        info->published = topic->published;
        info->delivered = topic->delivered;
        info->skipped = topic->skipped;
        info->retains = topic->retained != NULL;
    }
}
