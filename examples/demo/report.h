/*
 * How the processes of the demo talk about it: the server and the clients write reports into one
 * pipe that the director reads, and the director writes orders to the server and to the network. A
 * report is smaller than PIPE_BUF, so reports of several processes never mix.
 */
#ifndef DEMO_REPORT_H
#define DEMO_REPORT_H

#include <belay/belay.h>

#define REPORT_EVERY_MS  200
#define REPORT_TEXT_SIZE 80
#define REPORT_GAPS_MAX  2 /* one channel, both ways */

enum report_source {
    REPORT_OF_HOST,    /* the server process: text is what it says */
    REPORT_OF_SESSION, /* the server, about one client's session */
    REPORT_OF_CLIENT,  /* a client, about its own end */
};

struct report {
    enum report_source source;
    int who;                     /* in the cast; -1 for the host */
    enum belay_event_type event; /* what has just happened; NONE = only counters */

    enum belay_state state;
    bool suspect;
    bool moved; /* LINK: has another address */
    uint32_t rtt_ms;
    uint32_t queued;  /* reliable, not known to be handled by the other side */
    uint32_t wait_ms; /* DOWN: how long the session is kept; DRAIN: until the server ends */

    uint32_t down_ms;   /* RESUMED: for so long there was no link */
    uint32_t gap_count; /* RESUMED: what may be lost or repeated */
    struct belay_gap gaps[REPORT_GAPS_MAX];

    uint32_t code;     /* CLOSED: the reason; DOWN likewise */
    enum belay_who by; /* CLOSED: whose decision it was */
    bool come_back;    /* CLOSED: may it try again */
    uint32_t unacked;  /* CLOSED: out, and not known to be handled */
    uint16_t port;     /* of the host */
    bool failed;       /* text says why this process cannot go on */
    char text[REPORT_TEXT_SIZE];
};

/** Blocks while the pipe is full; ends the process when nobody reads any more. */
void report_send(int pipe, const struct report *report);
/** False when nothing is there, or at the end of the pipe, which *ended tells. */
bool report_receive(int pipe, struct report *report, bool *ended);
void report_set_text(struct report *report, const char *text);
/** What an event says of a session, at either end. */
void report_set_event(struct report *report, const struct belay_event *ev);
/** Of one direction; NULL when there is none. */
const struct belay_gap *report_gap(const struct report *report, bool inbound);

enum order_kind {
    ORDER_EVICT, /* to the server */
    ORDER_DRAIN,
    ORDER_CUT,    /* to the network: nothing passes from and to a client */
    ORDER_CUT_UP, /* nothing passes from it */
    ORDER_MEND,
    ORDER_REBIND, /* its NAT forgets: it has another port from now on */
};

struct order {
    enum order_kind kind;
    int who;
};

/** False when nobody is there to follow it. */
bool order_send(int pipe, const struct order *order);
/** False when there is none. */
bool order_receive(int pipe, struct order *order);

/** Milliseconds of the monotonic clock. */
uint64_t now_ms(void);

#endif
