/* Limits and defaults, all of them. A zero field in an options struct means its default here. */
#ifndef BELAY_LIMITS_H
#define BELAY_LIMITS_H

#define BELAY_FOREVER UINT32_MAX /* for a duration in an option: never */

/* Liveness and login, in milliseconds. */
#define BELAY_HEARTBEAT_MS_DEFAULT     1000  /* a ping after this much silence */
#define BELAY_SUSPECT_MS_MIN           1500  /* suspect after max(3 round trips, this) of silence */
#define BELAY_LOST_MS_DEFAULT          6000  /* the peer is gone after this much silence */
#define BELAY_LOGIN_MS_DEFAULT         5000  /* from the first datagram to accept() */
#define BELAY_RESUME_WINDOW_MS_DEFAULT 60000 /* how long a session without a link is kept */
#define BELAY_CONNECT_MS_DEFAULT       10000 /* a client's attempt gives up after this */
#define BELAY_PAUSE_MS_MAX             30000 /* the longest silence that pause() can announce */
#define BELAY_HAND_OVER_MS             10000 /* how long two processes of a server wait */
#define BELAY_QUERY_MS                 2000  /* a server that has not answered by then will not */

/* Requests. */
#define BELAY_REQUEST_MS_DEFAULT 10000 /* for an answer to come */
#define BELAY_REQUESTS_DEFAULT   64    /* of one session and side, that wait for an answer */
#define BELAY_REQUESTS_MAX       1024

/* What may come in, on average over a second. */
#define BELAY_HANDSHAKE_RATE_DEFAULT 8        /* handshakes from one address; 64 at once */
#define BELAY_DATAGRAM_RATE_DEFAULT  20000    /* datagrams of one session */
#define BELAY_BYTE_RATE_DEFAULT      33554432 /* and their bytes */

/* Movement. */
#define BELAY_MOVE_SIZE_MAX      64 /* bytes of an input */
#define BELAY_MOVES_MAX          16 /* inputs of one datagram and lane */
#define BELAY_LANES_MAX          8  /* players on one session */
#define BELAY_TICK_HZ_DEFAULT    60
#define BELAY_TICK_HZ_MAX        240
#define BELAY_HOLD_TICKS_DEFAULT 3  /* a missing input is the last one again for so long */
#define BELAY_FUTURE_DEFAULT     64 /* ticks ahead that an input may be */
#define BELAY_FUTURE_MAX         1000
#define BELAY_BURST_DEFAULT                                                                        \
    8 /* inputs beyond one for each tick; an eighth of a second's,                                 \
         where that is more */
#define BELAY_CATCH_UP_MAX                                                                         \
    16 /* ticks that are run at once after a stall, or a quarter of a                              \
          second's; the others are left out */

/* Sizes. */
#define BELAY_SESSIONS_DEFAULT   64
#define BELAY_SESSIONS_MAX       4095 /* peers of one ENet host */
#define BELAY_CHANNELS_MAX       16
#define BELAY_CHANNEL_NAME_MAX   31      /* bytes */
#define BELAY_MESSAGE_MAX        1048576 /* one reliable message: 1 MiB */
#define BELAY_UNRELIABLE_MAX     8192    /* one unreliable or sequenced message */
#define BELAY_LOGIN_MAX          1024    /* login and welcome payloads */
#define BELAY_REASON_TEXT_MAX    128     /* bytes of a reason's text, without its end */
#define BELAY_PUBLIC_INFO_MAX    512     /* what QUERY is answered with */
#define BELAY_TICKET_SIZE_MAX    640     /* of a TICKET event */
#define BELAY_INVITE_SIZE        320     /* room for any invite, with its end */
#define BELAY_TOKEN_AUDIENCE_MAX 64      /* bytes of a server's name, as tokens name it */
#define BELAY_TOKEN_DATA_MAX     128     /* bytes of application data in a token */
#define BELAY_SEND_MESSAGES_DEFAULT                                                                \
    1024 /* per session, kept until the other side has handled them */
#define BELAY_SEND_BYTES_DEFAULT 2097152
#define BELAY_CREDIT_MESSAGES    256 /* received and not yet handled, per session */
#define BELAY_CREDIT_BYTES       1310720
#define BELAY_MEMORY_DEFAULT     67108864 /* all queues of one server or client */

#endif
