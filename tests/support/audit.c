/*
 * An end is one side's view of a session. Two of them become partners at their OPEN, and complaints
 * name the session after what its client said at LOGIN.
 */
#include "tests/support/audit.h"

#include <belay/limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 24

/** A set of sequence numbers. */
struct marks {
    uint8_t *at;
    uint32_t size, newest, count;
};

/** One channel of an end, both ways. */
struct lane {
    uint32_t sent; /* the newest */
    struct marks returned, polled, lost_out, lost_in;
};

/** Bits by channel. */
struct kinds {
    uint16_t reliable, mortal, coalescing;
};

struct party {
    struct party *next;
    const void *it;
    bool server;
    struct kinds kinds;
};

struct end {
    struct end *next, *partner;
    const void *party; /* NULL once that has left */
    bool server;
    struct kinds kinds;
    belay_session session;
    char name[NAME_SIZE]; /* server: as the client said at LOGIN */
    uint8_t user_id[16];
    bool open, closed, settled;
    bool newborn;       /* client: another process of it; what came before is not in its books */
    enum belay_who who; /* the rest of CLOSED */
    uint32_t code, unacked, undelivered;
    uint32_t loose_sent, loose_polled; /* on unreliable channels */
    struct lane lanes[BELAY_CHANNELS_MAX];
    belay_request *requests; /* made, and not ended */
    uint32_t request_count, request_max;
};

struct audit {
    struct party *parties;
    struct end *ends; /* newest first */
    char complaint[256];
};

/** Zeroed. */
static void *allocate(size_t size) {
    void *memory = calloc(1, size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

struct audit *audit_create(void) {
    return allocate(sizeof(struct audit));
}

/* ---- numbers */

static bool is_marked(const struct marks *marks, uint32_t number) {
    return number < marks->size && marks->at[number] != 0;
}

static void mark(struct marks *marks, uint32_t number) {
    if (number >= marks->size) {
        uint32_t size = 2 * number + 64;
        marks->at = realloc(marks->at, size);
        if (marks->at == NULL) {
            abort();
        }
        memset(marks->at + marks->size, 0, size - marks->size);
        marks->size = size;
    }
    marks->count += marks->at[number] == 0;
    marks->at[number] = 1;
    marks->newest = number > marks->newest ? number : marks->newest;
}

static void mark_range(struct marks *marks, uint32_t from, uint32_t to) {
    for (uint32_t i = from; i <= to; i++) {
        mark(marks, i);
    }
}

/* ---- parties and ends */

static struct party *find_party(const struct audit *audit, const void *it) {
    struct party *party = audit->parties;
    while (party != NULL && party->it != it) {
        party = party->next;
    }
    return party;
}

static struct kinds kinds_of(const struct audit_party *party) {
    static const struct belay_channel defaults[] = {{.mode = BELAY_RELIABLE},
                                                    {.mode = BELAY_UNRELIABLE}};
    bool given = party->channels != NULL;
    const struct belay_channel *channels = given ? party->channels : defaults;
    unsigned count = given ? party->channel_count : 2;
    struct kinds kinds = {0};
    for (unsigned i = 0; i < count && i < BELAY_CHANNELS_MAX; i++) {
        uint16_t bit = (uint16_t)(1U << i);
        kinds.reliable |= channels[i].mode == BELAY_RELIABLE ? bit : 0;
        kinds.mortal |= channels[i].life_ms > 0 ? bit : 0;
        kinds.coalescing |= channels[i].when_full == BELAY_COALESCE ? bit : 0;
    }
    return kinds;
}

void audit_join(struct audit *audit, const struct audit_party *given) {
    struct party *party = allocate(sizeof *party);
    *party = (struct party){
        .next = audit->parties, .it = given->it, .server = given->server, .kinds = kinds_of(given)};
    audit->parties = party;
}

/** The end of this session, from the first thing that is heard of it on; NULL of a stranger. */
static struct end *end_of(struct audit *audit, const void *it, belay_session session) {
    const struct party *party = find_party(audit, it);
    struct end *end = audit->ends;
    if (party == NULL) {
        return NULL;
    }
    while (end != NULL && (end->party != it || end->session != session)) {
        end = end->next;
    }
    if (end == NULL) {
        end = allocate(sizeof *end);
        *end = (struct end){.next = audit->ends,
                            .party = it,
                            .server = party->server,
                            .kinds = party->kinds,
                            .session = session};
        audit->ends = end;
    }
    return end;
}

belay_session audit_next(const struct audit *audit, const void *party, belay_session after) {
    const struct end *end = audit->ends;
    bool passed = after == 0;
    for (; end != NULL; end = end->next) {
        if (end->party == party && passed && !end->closed) {
            return end->session;
        }
        passed |= end->party == party && end->session == after;
    }
    return 0;
}

struct audit_count audit_count(struct audit *audit, const void *party, belay_session session,
                               uint8_t channel) {
    const struct end *end = end_of(audit, party, session);
    if (end == NULL) {
        return (struct audit_count){0};
    }
    const struct lane *lane = &end->lanes[channel];
    return (struct audit_count){
        .sent = lane->sent, .polled = lane->polled.count, .returned = lane->returned.count};
}

void audit_settle(struct audit *audit, const void *party) {
    for (struct end *end = audit->ends; end != NULL; end = end->next) {
        end->settled |= end->party == party;
    }
}

void audit_leave(struct audit *audit, const void *it) {
    struct party **at = &audit->parties;
    while (*at != NULL && (*at)->it != it) {
        at = &(*at)->next;
    }
    if (*at == NULL) {
        return;
    }
    struct party *gone = *at;
    *at = gone->next;
    free(gone);
    for (struct end *end = audit->ends; end != NULL; end = end->next) {
        end->party = end->party == it ? NULL : end->party;
    }
}

static void free_end(struct end *end) {
    for (unsigned i = 0; i < BELAY_CHANNELS_MAX; i++) {
        free(end->lanes[i].returned.at);
        free(end->lanes[i].polled.at);
        free(end->lanes[i].lost_out.at);
        free(end->lanes[i].lost_in.at);
    }
    free(end->requests);
    free(end);
}

void audit_destroy(struct audit *audit) {
    if (audit == NULL) {
        return;
    }
    while (audit->ends != NULL) {
        struct end *end = audit->ends;
        audit->ends = end->next;
        free_end(end);
    }
    while (audit->parties != NULL) {
        struct party *party = audit->parties;
        audit->parties = party->next;
        free(party);
    }
    free(audit);
}

/* ---- complaints */

const char *audit_complaint(const struct audit *audit) {
    return audit->complaint[0] != '\0' ? audit->complaint : NULL;
}

/** @param channel -1 = of all */
__attribute__((format(printf, 4, 5))) static void
complain(struct audit *audit, const struct end *sender, int channel, const char *format, ...) {
    const struct end *server = sender->server ? sender : sender->partner;
    const char *name = server != NULL && server->name[0] != '\0' ? server->name : "a session";
    char on[24] = "all channels", text[160];
    va_list arguments;
    if (audit_complaint(audit) != NULL) {
        return;
    }
    if (channel >= 0) {
        snprintf(on, sizeof on, "channel %d", channel);
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(audit->complaint, sizeof audit->complaint, "%s (%llx), %s, %s: %s", name,
             (unsigned long long)sender->session, sender->server ? "down" : "up", on, text);
}

/* ---- a whole way */

struct sums {
    uint32_t sent, polled, returned;
    uint32_t passed; /* polled, returned or lost; numbers that count once */
};

static bool is_reliable(const struct end *end, unsigned channel) {
    return channel < BELAY_CHANNELS_MAX && (end->kinds.reliable >> channel & 1) != 0;
}

static bool is_mortal(const struct end *end, unsigned channel) {
    return (end->kinds.mortal >> channel & 1) != 0;
}

/** Whether all is known that was returned on a channel; else what was not polled may have been. */
static bool knows_returned(const struct end *sender, unsigned channel) {
    return sender->closed || sender->settled || !is_mortal(sender, channel);
}

static void sum_channel(struct sums *sums, const struct end *sender, const struct end *receiver,
                        unsigned channel) {
    const struct lane *out = &sender->lanes[channel];
    const struct lane *in = &receiver->lanes[channel];
    sums->sent += out->sent;
    for (uint32_t i = 1; i <= out->sent; i++) {
        bool polled = is_marked(&in->polled, i);
        bool returned = is_marked(&out->returned, i);
        sums->polled += polled;
        sums->returned += returned;
        bool of_old = receiver->newborn && in->polled.newest == 0; /* handled by its predecessor */
        sums->passed += of_old || polled || returned || is_marked(&out->lost_out, i) ||
                        is_marked(&in->lost_in, i) || !knows_returned(sender, channel);
    }
}

static struct sums sum_way(const struct end *sender, const struct end *receiver) {
    struct sums sums = {0};
    for (unsigned i = 0; i < BELAY_CHANNELS_MAX; i++) {
        sum_channel(&sums, sender, receiver, i);
    }
    return sums;
}

static void judge_holes(struct audit *audit, const struct end *sender, const struct end *receiver,
                        unsigned channel) {
    const struct lane *out = &sender->lanes[channel];
    const struct lane *in = &receiver->lanes[channel];
    if (in->polled.newest > out->sent) {
        complain(audit, sender, (int)channel, "message %u came, and only %u were sent",
                 in->polled.newest, out->sent);
        return;
    }
    for (uint32_t i = 1; i < in->polled.newest && knows_returned(sender, channel); i++) {
        if (!is_marked(&in->polled, i) && !is_marked(&out->returned, i) &&
            !is_marked(&out->lost_out, i) && !is_marked(&in->lost_in, i)) {
            complain(audit, sender, (int)channel, "message %u is missing, though %u came", i,
                     in->polled.newest);
            return;
        }
    }
}

static void judge_endings(struct audit *audit, const struct end *sender,
                          const struct end *receiver) {
    const struct sums sums = sum_way(sender, receiver);
    if (sender->closed && sums.passed + sender->unacked < sums.sent) {
        complain(audit, sender, -1, "%u sent, %u came or were returned, and CLOSED says %u unacked",
                 sums.sent, sums.passed, sender->unacked);
    }
    if (sender->closed && receiver->closed && sender->who == BELAY_WHO_PEER &&
        receiver->who == BELAY_WHO_LOCAL && sender->code == receiver->code &&
        sender->unacked + sums.polled > sums.sent + 1) {
        complain(audit, sender, -1, "%u sent, %u came before the close, and CLOSED says %u unacked",
                 sums.sent, sums.polled, sender->unacked);
    }
    if (receiver->closed && sums.polled + receiver->loose_polled + receiver->undelivered >
                                sums.sent - sums.returned + sender->loose_sent) {
        complain(audit, sender, -1, "%u sent, %u came, and CLOSED says %u undelivered",
                 sums.sent - sums.returned + sender->loose_sent,
                 sums.polled + receiver->loose_polled, receiver->undelivered);
    }
}

static void judge_way(struct audit *audit, const struct end *sender, const struct end *receiver) {
    for (unsigned i = 0; i < BELAY_CHANNELS_MAX; i++) {
        judge_holes(audit, sender, receiver, i);
    }
    judge_endings(audit, sender, receiver);
}

static void judge_session(struct audit *audit, const struct end *end) {
    if (end->partner != NULL) {
        judge_way(audit, end, end->partner);
        judge_way(audit, end->partner, end);
    }
}

void audit_judge(struct audit *audit) {
    for (const struct end *end = audit->ends; end != NULL; end = end->next) {
        if (end->server) { /* each pair once */
            judge_session(audit, end);
        }
    }
}

/** What send() took is what the session has numbered. */
static void compare_sent(struct audit *audit, const struct end *end, uint32_t sequence_out) {
    uint32_t sent = 0;
    for (unsigned i = 0; i < BELAY_CHANNELS_MAX; i++) {
        sent += end->lanes[i].sent;
    }
    if (sequence_out != sent) {
        complain(audit, end, -1, "send() took %u messages, and sequence_out says %u", sent,
                 sequence_out);
    }
}

void audit_compare(struct audit *audit, const void *party, const struct belay_session_info *info) {
    const struct end *end = end_of(audit, party, info->session);
    if (end == NULL || end->closed) {
        return;
    }
    compare_sent(audit, end, info->sequence_out);
    if (end->partner != NULL) {
        const struct sums sums = sum_way(end, end->partner);
        if (info->handled_out > sums.passed) {
            complain(audit, end, -1, "%u came or were returned, and handled_out says %u",
                     sums.passed, info->handled_out);
        }
    }
}

/* ---- what happens */

void audit_send(struct audit *audit, const void *party, belay_session session, uint8_t channel,
                uint32_t numbers) {
    struct end *end = end_of(audit, party, session);
    if (end == NULL) {
        return;
    }
    if (!is_reliable(end, channel)) {
        end->loose_sent++;
        return;
    }
    bool coalesced = numbers == 0 && (end->kinds.coalescing >> channel & 1) != 0;
    if (numbers != 1 && !coalesced) {
        complain(audit, end, channel, "send() took a message, and sequence_out rose by %u",
                 numbers);
    }
    end->lanes[channel].sent += numbers;
}

static void take_login(struct end *end, const struct belay_login_event *login) {
    const char *data = login->data;
    for (size_t i = 0; i < login->size && i < sizeof end->name - 1; i++) {
        end->name[i] = (char)(data[i] >= ' ' && data[i] <= '~' ? data[i] : '?');
    }
}

static void part(struct end *end) {
    if (end->partner != NULL) {
        end->partner->partner = NULL;
        end->partner = NULL;
    }
}

static void take_open(struct audit *audit, struct end *end, const struct belay_open_event *open) {
    end->open = true;
    memcpy(end->user_id, open->user_id, sizeof end->user_id);
    for (struct end *other = audit->ends; other != NULL && end->partner == NULL;
         other = other->next) {
        bool alone = other->partner == NULL || other->partner->party == NULL;
        if (other->server != end->server && other->open && !other->closed && alone &&
            memcmp(other->user_id, end->user_id, sizeof end->user_id) == 0) {
            part(other); /* from a client that has died and lives on in another process */
            other->partner = end;
            end->partner = other;
        }
    }
}

/** Who sent what this end polls, as far as that is known. */
static const struct end *sender_to(const struct end *end) {
    return end->partner != NULL ? end->partner : end;
}

static void take_message(struct audit *audit, struct end *end,
                         const struct belay_message_event *message) {
    if (!is_reliable(end, message->channel)) {
        end->loose_polled++;
        return;
    }
    struct lane *lane = &end->lanes[message->channel];
    const struct end *sender = sender_to(end);
    const struct lane *out = end->partner != NULL ? &end->partner->lanes[message->channel] : NULL;
    uint32_t number = message->sequence;
    if (end->newborn && lane->polled.newest == 0) { /* its predecessor has handled the others */
        mark_range(&lane->lost_in, 1, number - 1);
    }
    uint32_t newest =
        lane->lost_in.newest > lane->polled.newest ? lane->lost_in.newest : lane->polled.newest;
    if (is_marked(&lane->polled, number)) {
        complain(audit, sender, message->channel, "message %u came twice", number);
    } else if (number <= newest) {
        complain(audit, sender, message->channel, "message %u came after %u", number, newest);
    } else if (number != newest + 1 && !is_mortal(end, message->channel)) {
        complain(audit, sender, message->channel, "message %u came after %u: %u is missing", number,
                 newest, newest + 1);
    } else if (out != NULL && number > out->sent) {
        complain(audit, sender, message->channel, "message %u came, and only %u were sent", number,
                 out->sent);
    } else if (out != NULL && is_marked(&out->returned, number)) {
        complain(audit, sender, message->channel, "message %u came, though it was returned",
                 number);
    } else {
        mark(&lane->polled, number);
    }
}

static void take_returned(struct audit *audit, struct end *end,
                          const struct belay_returned_event *returned) {
    uint32_t number = returned->sequence;
    if (!is_reliable(end, returned->channel)) {
        complain(audit, end, returned->channel, "message %u was returned, of unreliable ones",
                 number);
        return;
    }
    struct lane *lane = &end->lanes[returned->channel];
    if (number > lane->sent) {
        complain(audit, end, returned->channel, "message %u was returned, and only %u were sent",
                 number, lane->sent);
    } else if (number <= lane->returned.newest) {
        complain(audit, end, returned->channel, "message %u was returned %s %u", number,
                 number == lane->returned.newest ? "twice, after" : "after", lane->returned.newest);
    } else if (!returned->expired) { /* the other side has forgotten whether it handled it */
        mark(&lane->lost_out, number);
    } else if (end->partner != NULL &&
               is_marked(&end->partner->lanes[returned->channel].polled, number)) {
        complain(audit, end, returned->channel, "message %u was returned, though it came", number);
    } else {
        mark(&lane->returned, number);
    }
}

static void take_closed(struct audit *audit, struct end *end,
                        const struct belay_closed_event *closed) {
    end->closed = true;
    end->who = closed->reason->who;
    end->code = closed->reason->code;
    end->unacked = closed->unacked;
    end->undelivered = closed->undelivered;
    compare_sent(audit, end, closed->info->sequence_out);
    if (end->request_count > 0) {
        complain(audit, end, -1, "CLOSED before the REPLY to %u requests", end->request_count);
    }
    uint32_t known = closed->info->handled_out + closed->unacked;
    uint32_t returned = 0; /* an expired one is told at once, and counts as handled later */
    for (unsigned i = 0; i < BELAY_CHANNELS_MAX; i++) {
        returned += end->lanes[i].returned.count;
    }
    if (known > closed->info->sequence_out || known + returned < closed->info->sequence_out) {
        complain(audit, end, -1, "CLOSED says %u sent, %u handled and %u unacked",
                 closed->info->sequence_out, closed->info->handled_out, closed->unacked);
    }
    judge_session(audit, end);
}

/** A session that is resumed goes on where it was, but for its gaps, which another process of its
 * client makes. What is sent again from the server to the client is in its books once. */
static void take_resumed(struct end *end, const struct belay_resumed_event *resumed) {
    end->newborn = !end->server && resumed->gap_count > 0;
    for (uint32_t i = 0; i < resumed->gap_count; i++) {
        const struct belay_gap *gap = &resumed->gaps[i];
        struct lane *lane = &end->lanes[gap->channel];
        if (gap->inbound && end->server) {
            mark_range(&lane->lost_in, gap->from, gap->to);
        } else if (!gap->inbound && !end->server) {
            mark_range(&lane->lost_out, 1, gap->to);
            lane->sent = gap->to;
        }
    }
}

void audit_request(struct audit *audit, const void *party, belay_session session,
                   belay_request request) {
    struct end *end = end_of(audit, party, session);
    if (end == NULL) {
        return;
    }
    if (end->request_count == end->request_max) {
        end->request_max = 2 * end->request_max + 16;
        end->requests = realloc(end->requests, end->request_max * sizeof *end->requests);
        if (end->requests == NULL) {
            abort();
        }
    }
    end->requests[end->request_count++] = request;
}

static void take_reply(struct audit *audit, struct end *end,
                       const struct belay_reply_event *reply) {
    uint32_t at = 0;
    while (at < end->request_count && end->requests[at] != reply->id) {
        at++;
    }
    if (at == end->request_count) {
        complain(audit, end, -1, "a REPLY that nobody waits for, code %d", (int)reply->code);
    } else if (at > 0 && reply->code == BELAY_REPLY_GONE) {
        complain(audit, end, -1, "a request ended with the session before an older one");
    } else {
        end->request_count--;
        memmove(&end->requests[at], &end->requests[at + 1],
                (end->request_count - at) * sizeof *end->requests);
    }
}

void audit_event(struct audit *audit, const void *party, const struct belay_event *event) {
    struct end *end = end_of(audit, party, event->session);
    if (end == NULL) {
        return;
    }
    if (end->closed) {
        complain(audit, event->type == BELAY_EVENT_MESSAGE ? sender_to(end) : end, -1,
                 "%s after its CLOSED", belay_event_name(event->type));
        return;
    }
    switch (event->type) {
    case BELAY_EVENT_LOGIN:
        take_login(end, &event->login);
        break;
    case BELAY_EVENT_OPEN:
        take_open(audit, end, &event->open);
        break;
    case BELAY_EVENT_MESSAGE:
        take_message(audit, end, &event->message);
        break;
    case BELAY_EVENT_RETURNED:
        take_returned(audit, end, &event->returned);
        break;
    case BELAY_EVENT_CLOSED:
        take_closed(audit, end, &event->closed);
        break;
    case BELAY_EVENT_REPLY:
        take_reply(audit, end, &event->reply);
        break;
    case BELAY_EVENT_RESUMED:
        take_resumed(end, &event->resumed);
        break;
    default:
        break;
    }
}
