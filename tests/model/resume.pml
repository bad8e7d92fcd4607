/*
 * The resume of a session (docs/protocol.md), small enough to be searched completely: a client,
 * the server's side of its session, and the network. check_model.py runs it: as it stands the
 * model must hold, and with one of the rules switched off (NO_...) it must fail.
 *
 * What is left out, and why it may be:
 *
 * - Bytes and keys. What does not open is dropped, so nobody is ever mistaken about a binding: it
 *   is known here by the number of the attempt it was made for. The login's is number 0.
 * - Segments. A position (received, filled) is a place in a row of pieces. Here a message is one
 *   piece, and its position one number.
 * - Time. A timer fires when only it can help, as the other side will not answer any more; and
 *   once on each side after each cut without any reason, which stands for every other length of
 *   it. A repeat is made when it is needed and no copy is under way; what is superfluous counts
 *   as a duplicate.
 * - Duplicates of DATA, which are dropped by their packet number.
 * - An ACCEPT of an attempt that the client has given up: it does not open, and is forgotten at
 *   once.
 * - ENet's acknowledgements, which do no more than stop repeats. Its order stays: the frames of a
 *   link count from 1.
 * - The number of an attempt that is let in a second time: see IS_EXPIRED.
 * - RESET, which does to the client what GONE does.
 * - A copy of the client. Generations and attempts rise together here, as there is one client
 *   only, so the check of the generation is never the only one that stops an OPEN.
 *
 * So everything comes to an end here (check_model.py proves that there is no cycle), and "the
 * session ends up well if the trouble stops" becomes: each state in which nothing is left to do
 * is a good one.
 */
#define MESSAGES 2 /* each way; the bits of FRAME() and HANDLED() are made for 2 */
#define BINDINGS 6 /* the login's, at most two after each cut, and one to hear of the end */
#ifndef CUTS
#define CUTS 2 /* each may lose what is under way, in each direction */
#endif
#ifndef ACCIDENTS
#define ACCIDENTS 1 /* an OPEN, ACCEPT or DENY comes twice, or an OPEN or ACCEPT is lost */
#endif
#ifndef TAKEOVERS
#define TAKEOVERS 1 /* another client logs in as the same user, sooner or later; or never, with 0 */
#endif

#define NONE 7 /* instead of a binding */
#define CLIENT 0
#define SERVER 1
#define OTHER(me) (1 - (me))
#define BIT(n) (1 << (n))

/* What may be under way over a binding, one bit each. Frame 1 of a link carries message 1 or 2. */
#define PING 1
#define FRAME(number, message) (1 << ((number) + (message)-1)) /* 2, 4, 8 */
#define HANDLED(message) (8 << (message))                      /* 16, 32 */
#define DATA (PING | FRAME(1, 1) | FRAME(1, 2) | FRAME(2, 2) | HANDLED(1) | HANDLED(2))
#define GONE 64
#define CLOSE 128

mtype = { open, replaced, stale };

/* One side's end of the stream of messages. The first five begin anew with each link. */
typedef side {
    unsigned link : 3;      /* the binding it sends and receives over */
    unsigned frames : 2;    /* sent */
    unsigned first : 2;     /* message in frame 1; frame 2 can only have message 2 */
    unsigned next : 2;      /* message to send next */
    unsigned taken : 2;     /* frames that ENet has taken, in order */
    unsigned newest : 2;    /* message that was ever sent */
    unsigned freed : 2;     /* newest message that the send buffer has let go: it was handled */
    unsigned received : 2;  /* newest message that was received */
    unsigned delivered : 2; /* the same, as the application counts */
    unsigned handled : 2
};
side at[2];

/* The client. */
mtype client = open;
bool dialing;
unsigned attempt : 3; /* the newest */
unsigned ticket : 3;  /* generation of the ticket it has */

/* The server. */
mtype session = open;
unsigned generation : 3;    /* of the session */
unsigned accepted : 3;      /* the newest attempt that was accepted */
unsigned half : 3 = NONE;   /* the half-open binding */
unsigned half_received : 2; /* what its OPEN said was received */
byte links = 1;     /* bindings with a peer, one bit each */

/* The network: what is under way. OPEN and DENY: one bit for each attempt. */
byte opens, denies;
bool answering; /* ACCEPT, of the newest attempt that was accepted */
typedef paper {
    unsigned ticket : 3;
    unsigned received : 2
};
paper offer[BINDINGS]; /* what OPEN says, the same in each repeat */
paper answer;          /* what ACCEPT says */
byte wire[2 * BINDINGS];
#define WIRE(me, a) wire[(me)*BINDINGS + (a)] /* from this side, over this binding */

/* The trouble there has been. */
unsigned cuts : 2;
unsigned accidents : 2;
bool impatient[2]; /* may give up a link, an attempt or a half-open binding without a reason */

hidden byte i; /* of loops without a choice */
unsigned picked : 3;

#define HAS(me, a) (at[me].link == (a) || ((me) == SERVER && half == (a)))
#define IS_HEARD(me) (at[me].link != NONE && HAS(OTHER(me), at[me].link))

/* What nobody will look at any more is forgotten, so that it does not multiply the states. */
inline sweep() {
    d_step {
        i = 0;
        do
        :: i < BINDINGS ->
            if
            :: !HAS(CLIENT, i) && !HAS(SERVER, i) -> WIRE(CLIENT, i) = 0; WIRE(SERVER, i) = 0
            :: else
            fi;
            if
            :: !(opens & BIT(i)) && !(dialing && attempt == i) ->
                offer[i].ticket = 0;
                offer[i].received = 0
            :: else
            fi;
            i++
        :: else -> break
        od;
        i = 0;
        answering = answering && dialing && attempt == accepted;
        if
        :: !answering && half == NONE -> answer.ticket = 0; answer.received = 0
        :: else
        fi
    }
}

inline put(me, datagram) { WIRE(me, at[me].link) = WIRE(me, at[me].link) | datagram }

/* ---- The stream of messages, the same on both sides ---- */

inline start_link(me, binding, position) {
    at[me].link = binding;
    at[me].frames = 0;
    at[me].first = 0;
    at[me].next = position + 1;
    at[me].taken = 0
}

inline stop_link(me) { start_link(me, NONE, 0) }

inline end_stream(me) {
    stop_link(me);
    at[me].newest = 0;
    at[me].freed = 0;
    at[me].received = 0;
    at[me].delivered = 0;
    at[me].handled = 0
}

inline send_message(me) {
    assert(at[me].freed < at[me].next); /* what is to be sent is still in the buffer */
    at[me].frames++;
    if
    :: at[me].frames == 1 -> at[me].first = at[me].next
    :: else
    fi;
    put(me, FRAME(at[me].frames, at[me].next));
    if
    :: at[me].newest < at[me].next -> at[me].newest = at[me].next
    :: else
    fi;
#ifdef NO_BUFFER_UNTIL_HANDLED
    at[me].freed = at[me].next;
#endif
    at[me].next++
}

inline take_message(me, message) {
    at[me].taken++;
    if
#ifndef NO_DROP_BY_SEQUENCE
    :: message <= at[me].received /* it had come over an older link */
#endif
    :: else ->
        assert(message == at[me].delivered + 1); /* each one once, and in order */
        at[me].received = message;
        at[me].delivered++
    fi
}

inline take_handled(me, message) {
    /* Else the other side has broken the protocol, and the session ends. */
#ifdef NO_MEMORY_OF_OLD_LINKS
    assert(message < at[me].next);
#else
    assert(message <= at[me].newest);
#endif
    if
    :: at[me].freed < message -> at[me].freed = message
    :: else
    fi;
    if
#ifndef NO_STEP_OVER_HANDLED
    /* The old link brought it after ACCEPT was built; it was not sent again yet. */
    :: at[me].next <= message -> at[me].next = message + 1
#endif
    :: else
    fi
}

/* A frame of this side's link that the other side will take has not come, and is not on its way. */
#define IS_MISSING(me, number, message)                                    \
    (IS_HEARD(me) && at[me].frames >= (number) &&                          \
     (at[OTHER(me)].link != at[me].link || at[OTHER(me)].taken < (number)) && \
     !(WIRE(me, at[me].link) & FRAME(number, message)))

/* The same of the newest report. */
#define IS_UNREPORTED(me)                                        \
    (IS_HEARD(me) && at[OTHER(me)].freed < at[me].handled && \
     !(WIRE(me, at[me].link) & HANDLED(at[me].handled)))

proctype Stream(byte me) {
end:
    do
    :: atomic { at[me].link != NONE && at[me].next <= MESSAGES -> send_message(me) }
    :: atomic { IS_MISSING(me, 1, at[me].first) -> put(me, FRAME(1, at[me].first)) }
    :: atomic { IS_MISSING(me, 2, 2) -> put(me, FRAME(2, 2)) }
    :: atomic {
            at[me].handled < at[me].received ->
            at[me].handled++;
            if
            :: at[me].link != NONE -> put(me, HANDLED(at[me].handled))
            :: else
            fi
        }
    :: atomic { IS_UNREPORTED(me) -> put(me, HANDLED(at[me].handled)) }
    od
}

/* ---- The client ---- */

/* The link before is given up first, so the positions that OPEN names do not move any more. */
inline dial() {
#ifndef NO_GIVING_UP_BEFORE_OPEN
    stop_link(CLIENT);
#endif
    dialing = true;
    attempt++;
    assert(attempt < BINDINGS);
    offer[attempt].ticket = ticket;
    offer[attempt].received = at[CLIENT].received;
    opens = opens | BIT(attempt);
    sweep()
}

inline take_accept() {
    if
    :: dialing && attempt == accepted ->
        /* Else the server has broken the protocol, and the session ends. */
        assert(at[CLIENT].freed <= answer.received && answer.received <= at[CLIENT].newest);
        dialing = false;
        ticket = answer.ticket;
        start_link(CLIENT, accepted, answer.received);
        put(CLIENT, PING)
    :: else
    fi;
    sweep()
}

inline end_client(reason) {
    client = reason;
    dialing = false;
    ticket = 0;
    end_stream(CLIENT);
    sweep()
}

#ifdef NO_MEMORY_OF_REASON
#define REASON stale
#else
#define REASON (session == open -> stale : session)
#endif

inline take_deny(a) {
    if
#ifdef NO_NONCE_IN_DENY
    :: client == open ->
#else
    :: dialing && attempt == a ->
#endif
        assert(REASON == replaced); /* no other reason can be true */
        end_client(replaced)
    :: else
    fi
}

#define IS_UNDER_WAY (answering || ((opens | denies) & BIT(attempt)))
/* Accepted once, but its half-open binding has expired. If the server took a repeat for an old
   copy, nobody would ever be answered again. It lets the same attempt in once more, with other keys:
   that is a new attempt in all but its number, and has a new one here. */
#define IS_EXPIRED (session == open && accepted == attempt && half != attempt)

proctype Client() {
end:
    do
    :: atomic { dialing && !IS_UNDER_WAY && !IS_EXPIRED -> opens = opens | BIT(attempt) }
#ifndef NO_NEW_ATTEMPT
    :: atomic { dialing && !IS_UNDER_WAY && IS_EXPIRED -> dial() }
#endif
    :: atomic { client == open && !dialing && !IS_HEARD(CLIENT) -> dial() }
    :: atomic { client == open && impatient[CLIENT] -> impatient[CLIENT] = false; dial() }
    :: atomic {
            half != NONE && at[CLIENT].link == half && !(WIRE(CLIENT, half) & DATA) ->
            put(CLIENT, PING)
        }
    od
}

/* ---- The server ---- */

inline accept(a) {
    assert(half == NONE || half < a); /* the newest attempt wins */
    /* Else the client has broken the protocol, and the session ends. */
    assert(at[SERVER].freed <= offer[a].received && offer[a].received <= at[SERVER].newest);
    half = a;
    half_received = offer[a].received;
    accepted = a;
    answer.ticket = offer[a].ticket + 1;
#ifdef NO_TRUE_POSITIONS
    answer.received = at[CLIENT].newest;
#else
    answer.received = at[SERVER].received; /* the old link may bring more after this */
#endif
#ifdef NO_WAITING_FOR_PROOF
    generation = answer.ticket;
#endif
    answering = true
}

inline take_open(a) {
    if
    :: session != open -> denies = denies | BIT(a)
#ifndef NO_ACCEPT_AGAIN
    :: session == open && half == a -> answering = true /* the same again */
#endif
    :: session == open && at[SERVER].link == a /* a late copy */
#ifdef NO_TICKET_AHEAD
    :: session == open && half != a && at[SERVER].link != a && offer[a].ticket != generation ->
#else
    :: session == open && half != a && at[SERVER].link != a && offer[a].ticket < generation ->
#endif
        denies = denies | BIT(a)
    :: else ->
        if
#ifndef NO_RISING_ATTEMPTS
        :: a <= accepted
#endif
        :: else -> accept(a)
        fi
    fi;
    sweep()
}

/* The first datagram under the new keys: now, and not before, the session changes. */
inline rebind() {
    assert(session == open);
#ifndef NO_RESET_OF_OLD_LINK
    links = 0;
#endif
    links = links | BIT(half);
    assert((links & (links - 1)) == 0); /* one at a time */
#ifdef NO_SENDING_AGAIN
    start_link(SERVER, half, at[SERVER].newest);
#else
    start_link(SERVER, half, half_received);
#endif
    generation = answer.ticket;
    half = NONE;
    half_received = 0;
    impatient[CLIENT] = false;
    impatient[SERVER] = false;
    sweep()
}

inline give_up_link() {
    links = 0;
    stop_link(SERVER);
    sweep()
}

inline expire() {
    half = NONE;
    half_received = 0;
    sweep()
}

/* Another login of the user: the session ends, its half-open binding with it. */
inline take_over() {
    session = replaced;
    if
    :: at[SERVER].link != NONE -> put(SERVER, CLOSE)
    :: else
    fi;
#ifndef NO_END_OF_HALF_OPEN
    half = NONE;
    half_received = 0;
#endif
    links = 0;
    generation = 0;
    end_stream(SERVER);
    sweep()
}

/* Nobody will prove it any more. */
#define IS_ABANDONED (half != NONE && at[CLIENT].link != half && !(dialing && attempt == half))

proctype Server() {
end:
    do
    :: atomic { at[SERVER].link != NONE && at[CLIENT].link != at[SERVER].link -> give_up_link() }
    :: atomic {
            at[SERVER].link != NONE && impatient[SERVER] ->
            impatient[SERVER] = false;
            give_up_link()
        }
    :: atomic { IS_ABANDONED -> expire() }
    :: atomic { half != NONE && impatient[SERVER] -> impatient[SERVER] = false; expire() }
    :: atomic { TAKEOVERS && session == open -> take_over() }
    od
}

/* ---- The network: everything that can arrive arrives, in any order ---- */

/* Takes what arrives off the network, or leaves a duplicate there. */
inline arrive(under_way, datagram) {
    if
    :: under_way = under_way & ~(datagram)
    :: accidents < ACCIDENTS -> accidents++
    fi
}

inline lose(under_way, datagram) {
    atomic {
        (under_way & (datagram)) && accidents < ACCIDENTS ->
        accidents++;
        under_way = under_way & ~(datagram);
        sweep()
    }
}

/* Sets picked to any attempt in this set. */
inline pick(attempts) {
    picked = 1;
    do
    :: (attempts & BIT(picked)) -> break
    :: (attempts >> (picked + 1)) -> picked++
    od
}

/* What comes to one side over its link. */
#define COMES(me, datagram) (at[me].link != NONE && (WIRE(OTHER(me), at[me].link) & (datagram)))

/* Frame n waits in ENet until frame n - 1 has come. */
inline deliver_frame(me, number, message) {
    atomic {
        COMES(me, FRAME(number, message)) && (number) == at[me].taken + 1 ->
        WIRE(OTHER(me), at[me].link) = WIRE(OTHER(me), at[me].link) & ~FRAME(number, message);
        take_message(me, message)
    }
}

inline deliver_handled(me, message) {
    atomic {
        COMES(me, HANDLED(message)) ->
        WIRE(OTHER(me), at[me].link) = WIRE(OTHER(me), at[me].link) & ~HANDLED(message);
        take_handled(me, message)
    }
}

/* Data over a binding that this side has no more is answered with GONE. */
inline deliver_late(me) {
    atomic {
        at[OTHER(me)].link != NONE && !HAS(me, at[OTHER(me)].link) &&
            (WIRE(OTHER(me), at[OTHER(me)].link) & DATA) ->
        WIRE(OTHER(me), at[OTHER(me)].link) = WIRE(OTHER(me), at[OTHER(me)].link) & ~DATA;
        WIRE(me, at[OTHER(me)].link) = WIRE(me, at[OTHER(me)].link) | GONE
    }
}

proctype To_server() {
end:
    do
    :: atomic { opens -> pick(opens); arrive(opens, BIT(picked)); take_open(picked); picked = 0 }
    :: lose(opens, BIT(attempt))
    :: atomic { half != NONE && (WIRE(CLIENT, half) & DATA) -> rebind() }
    :: deliver_frame(SERVER, 1, 1)
    :: deliver_frame(SERVER, 1, 2)
    :: deliver_frame(SERVER, 2, 2)
    :: deliver_handled(SERVER, 1)
    :: deliver_handled(SERVER, 2)
    :: deliver_late(SERVER)
    :: atomic { COMES(SERVER, GONE) -> give_up_link() }
    od
}

proctype To_client() {
end:
    do
    :: atomic { answering -> arrive(answering, 1); take_accept() }
    :: lose(answering, 1)
    :: atomic { denies -> pick(denies); arrive(denies, BIT(picked)); take_deny(picked); picked = 0 }
    :: deliver_frame(CLIENT, 1, 1)
    :: deliver_frame(CLIENT, 1, 2)
    :: deliver_frame(CLIENT, 2, 2)
    :: deliver_handled(CLIENT, 1)
    :: deliver_handled(CLIENT, 2)
    :: deliver_late(CLIENT)
    :: atomic { COMES(CLIENT, GONE) && !dialing -> dial() }
    :: atomic { COMES(CLIENT, CLOSE) -> end_client(replaced) }
    od
}

inline lose_data(me) {
    i = 0;
    do
    :: i < BINDINGS -> WIRE(me, i) = 0; i++
    :: else -> break
    od;
    i = 0
}

inline cut_to_server() {
    lose_data(CLIENT);
    opens = 0
}

inline cut_to_client() {
    lose_data(SERVER);
    answering = false;
    denies = 0
}

proctype Trouble() {
end:
    do
    :: atomic {
            cuts < CUTS && client == open ->
            cuts++;
            impatient[CLIENT] = true;
            impatient[SERVER] = true;
            if
            :: cut_to_server()
            :: cut_to_client()
            :: cut_to_server(); cut_to_client()
            :: true /* a long delay */
            fi;
            sweep()
        }
    od
}

/* ---- How it must end ---- */

#define IS_BOUND (at[CLIENT].link != NONE && at[CLIENT].link == at[SERVER].link && half == NONE)
#define IS_DONE(me) (at[me].handled == MESSAGES && at[me].freed == MESSAGES)
#define LIVES_ON \
    (client == open && session == open && IS_BOUND && IS_DONE(CLIENT) && IS_DONE(SERVER))
#define IS_REPLACED (client == replaced && session == replaced)

/* timeout: nothing else can happen. */
proctype Judge() {
end:
    timeout -> assert(LIVES_ON || IS_REPLACED)
}

init {
    atomic {
        start_link(CLIENT, 0, 0);
        start_link(SERVER, 0, 0);
        run Stream(CLIENT);
        run Stream(SERVER);
        run Client();
        run Server();
        run To_server();
        run To_client();
        run Trouble();
        run Judge()
    }
}
