"""Requests, by a client that shares no line with the library.

usage: requests.py SERVER TOKEN_PROGRAM      tests/protocol/server.c and belay-token

What the server does with each type is said there. Messages of a channel come in order, each once,
and that is checked with every one that is heard: so where nothing may come, the answer to one more
request is what comes next.
"""

import struct
import sys
import time
from dataclasses import dataclass

import frames
import secure
from client import Attempt
from resume import EPOCH_STEP, ODD, REQUESTS, attempt_numbers
from server import Server

ASK, ANSWER, CANCEL = 1, 2, 3
FOREVER = 0xFFFFFFFF
FEATURE, TOPICS_FEATURE = 1 << 2, 1 << 3
TOPICAL = 0x80
REQUEST_MAX = 4  # as tests/protocol/server.c has it, with the types
REVERSE, NEVER, LATER, ASK_BACK, CANCEL_OWN, SUBSCRIBE, PUBLISH, OWN = 1, 2, 3, 4, 5, 6, 7, 9
DEADLINE, CANCELLED, OTHER_PROCESS, NOT_TAKEN = -1, -2, -4, -5
CODE_BROKEN = 19


def make_ask(kind, deadline, data):
    return struct.pack("!BII", ASK, kind, deadline) + data


def make_answer(asked, code, data=b""):
    return struct.pack("!BIi", ANSWER, asked, code) + data


def make_cancel(asked):
    return struct.pack("!BI", CANCEL, asked)


@dataclass(frozen=True)
class Ask:
    sequence: int
    type: int
    deadline: int
    data: bytes


@dataclass(frozen=True)
class Answer:
    asked: int
    code: int
    data: bytes = b""


@dataclass(frozen=True)
class Cancel:
    asked: int


def read_message(sequence, message):
    if message[0] == ASK:
        return Ask(sequence, *struct.unpack("!II", message[1:9]), message[9:])
    if message[0] == ANSWER:
        return Answer(*struct.unpack("!Ii", message[1:9]), message[9:])
    assert message[0] == CANCEL, message
    return Cancel(*struct.unpack("!I", message[1:]))


def told(code):
    """How the server passes on a code that may not travel."""
    return 1000 - code


class Stream:
    """One reliable channel, both ways, whatever link the session has."""

    def __init__(self, channel, received=0, newest=0):
        """As of nothing, or where another process has come to."""
        self.channel = channel
        self.received = self.handled = received
        self.newest = newest
        self.sent, self.part = {}, b""

    def position(self):
        numbers = (self.received, len(self.part), self.handled, self.newest)
        return secure.Position(self.channel, *numbers)

    def write(self, message):
        """Without sending it."""
        self.newest += 1
        self.sent[self.newest] = message
        return self.newest

    def send(self, link, number, filled=0, end=None):
        message = self.sent[number]
        if len(message) <= frames.MESSAGE_MAX:
            pieces = [frames.message(self.channel, number, message)]
        else:
            pieces = [
                frames.segment(self.channel, number, at, message)
                for at in range(filled, end or len(message), frames.SEGMENT_SIZE)
            ]
        for piece in pieces:
            link.send_reliable(piece, channel=self.channel + 1)

    def has(self, frame):
        return frame[0] in (frames.MESSAGE, frames.SEGMENT) and frame[1] == self.channel

    def hear(self, link):
        """The next message, with its number."""
        while True:
            link.until(lambda: any(self.has(frame) for frame in link.inbox))
            frame = next(frame for frame in link.inbox if self.has(frame))
            link.inbox.remove(frame)
            _, number, offset, total, data = frames.read_piece(frame)
            assert (number, offset) == (self.received + 1, len(self.part)), frame[:14]
            self.part += data
            if len(self.part) == total:
                self.received, message, self.part = number, self.part, b""
                return number, message


class Talk:
    """What one process of a client knows of its session: words on channel 0, and requests."""

    def __init__(self, server, link, streams=None):
        self.server = server
        self.words, self.requests = streams or (Stream(0), Stream(REQUESTS))
        self.streams = (self.words, self.requests)
        self.take(link)

    def take(self, link):
        self.link = link
        self.ticket, self.resume_key = link.accepted.parameters.ticket, link.accepted.resume

    def say(self, text):
        """Gives what the server says to it."""
        self.words.send(self.link, self.words.write(text))
        return self.hear_words()

    def hear_words(self):
        return self.words.hear(self.link)[1]

    def post(self, message):
        """Any message of requests; gives its number."""
        number = self.requests.write(message)
        self.requests.send(self.link, number)
        return number

    def ask(self, kind, data=b"", deadline=FOREVER):
        return self.post(make_ask(kind, deadline, data))

    def answer(self, asked, code, data=b""):
        self.post(make_answer(asked, code, data))

    def cancel(self, asked):
        self.post(make_cancel(asked))

    def hear(self):
        return read_message(*self.requests.hear(self.link))

    def hears_nothing_else(self):
        number = self.ask(REVERSE, b"last")
        assert self.hear() == Answer(number, 0, b"tsal")

    def asked_back(self, data, deadline=FOREVER):
        """Gives the number of the client's ASK, and that of the server's."""
        number = self.ask(ASK_BACK, data, deadline)
        own = self.hear()
        assert own == Ask(self.requests.received, OWN, deadline, data), own
        return number, own.sequence

    def lose_link(self):
        self.link.socket.close()

    def miss(self, newest):
        """Loses the link with whatever the server sends, up to this number of requests."""
        link, missed = self.link, set()
        link.socket.settimeout(5)
        while self.requests.received + len(missed) < newest:
            kind, _, plain = link.binding.open(link.socket.recv(2048))
            if kind == secure.DATA:
                _, commands = frames.read_enet_datagram(plain)
                missed |= {
                    frames.read_piece(frame)[1]
                    for command, _, _, frame in commands
                    if command == frames.SEND_RELIABLE and self.requests.has(frame)
                }
        self.lose_link()

    def attempt(self, epoch=0):
        positions = [] if epoch else [stream.position() for stream in self.streams]
        said = secure.make_resume(next(attempt_numbers), epoch, positions)
        known = {"ticket": self.ticket, "resume_key": self.resume_key, "told": said}
        return Attempt(self.server.address, way=secure.RESUME_WAY, **known)

    def greet(self):
        """What a client says first over its new link."""
        self.link.send_reliable(frames.ping(77))
        self.link.frame(frames.PONG)

    def resume(self):
        """Gives the server's position of requests."""
        self.take(self.attempt().open_session())
        self.greet()
        positions = self.link.accepted.parameters.positions
        for stream, theirs in zip(self.streams, positions, strict=True):
            assert theirs.channel == stream.channel
            assert theirs.handled <= theirs.received <= stream.newest
            assert theirs.newest >= stream.received
            for number in range(theirs.received + 1, stream.newest + 1):
                filled = theirs.filled if number == theirs.received + 1 else 0
                stream.send(self.link, number, filled)
        return positions[1]


def log_in(server, requests=REQUEST_MAX):
    link = Attempt(server.address).open_session()
    welcome = link.log_in(b"", features=FEATURE, requests=requests)
    assert (welcome["features"], welcome["requests"]) == (FEATURE, REQUEST_MAX), welcome
    return Talk(server, link)


def answers_are_byte_for_byte(server):
    talk = log_in(server)
    one_frame = ODD[: frames.MESSAGE_MAX - 9]
    for data in (b"", b"hello", one_frame, ODD[: len(one_frame) + 1], ODD):
        number = talk.ask(REVERSE, data)
        assert talk.hear() == Answer(number, 0, data[::-1])

    never, late = talk.ask(NEVER), talk.ask(LATER)
    number = talk.ask(REVERSE, b"abc", deadline=1)
    assert talk.hear() == Answer(number, 0, b"cba")
    assert talk.hear() == Answer(late, 404)
    talk.hears_nothing_else()
    talk.cancel(never)
    talk.link.leave(0)


def the_server_asks(server):
    talk = log_in(server)
    for code, heard in (
        (0, 0),
        (0x7FFFFFFF, 0x7FFFFFFF),
        (OTHER_PROCESS, told(OTHER_PROCESS)),
        (NOT_TAKEN, told(NOT_TAKEN)),
    ):
        number, own = talk.asked_back(b"who is there?", 30_000)
        talk.answer(own, code, b"it is I")
        assert talk.hear() == Answer(number, heard, b"it is I")

    # Several at once, answered in another order, one in several segments.
    first, second = talk.asked_back(b"1"), talk.asked_back(ODD)
    for number, own in (second, first):
        talk.answer(own, number, ODD)
        assert talk.hear() == Answer(number, number, ODD)
    talk.hears_nothing_else()


def without_the_feature_nothing_is_sent(server):
    link = Attempt(server.address).open_session()
    welcome = link.log_in(b"")
    assert welcome["features"] == 0, welcome
    talk = Talk(server, link)
    said = talk.say(b"ask").decode()
    assert said.startswith("BELAY_E_STATE: ") and "request" in said, said

    # Whoever asks all the same hears nothing, and the session goes on.
    for kind in (REVERSE, ASK_BACK):
        talk.ask(kind, b"hello")
    for text in (b"one", b"two"):
        talk.greet()
        assert talk.say(text) == text
    assert REQUESTS + 1 not in link.received, "a message of requests"
    talk.lose_link()
    theirs = talk.resume()
    assert theirs.newest == 0, theirs


def as_many_are_pending_as_hello_says(server):
    talk = log_in(server, requests=2)
    for _ in range(2):
        assert talk.say(b"ask") == b"BELAY_OK: asked"
    first, second = talk.hear(), talk.hear()
    assert first == Ask(1, OWN, FOREVER, b"who?") and second == Ask(2, OWN, FOREVER, b"who?")
    assert talk.say(b"ask").startswith(b"BELAY_E_WOULD_BLOCK: ")
    talk.answer(second.sequence, 6)
    assert talk.hear_words() == b"answered 6"
    assert talk.say(b"ask") == b"BELAY_OK: asked"
    assert talk.hear() == Ask(3, OWN, FOREVER, b"who?")

    talk = log_in(server, requests=0)
    assert talk.say(b"ask").startswith(b"BELAY_E_STATE: ")
    talk.hears_nothing_else()


def either_side_cancels(server):
    talk = log_in(server)
    number, own = talk.asked_back(b"")
    cancelling = talk.ask(CANCEL_OWN)
    assert talk.hear() == Cancel(own)
    answers = {talk.hear(), talk.hear()}
    assert answers == {Answer(cancelling, 0), Answer(number, told(CANCELLED))}
    talk.answer(own, 0, b"too late")
    talk.hears_nothing_else()

    late = talk.ask(LATER)
    talk.cancel(late)
    for _ in range(2):
        talk.hears_nothing_else()

    # Each cancelled one makes room for another.
    pending = [talk.ask(NEVER) for _ in range(REQUEST_MAX)]
    for number in pending:
        talk.cancel(number)
        talk.hears_nothing_else()
        talk.ask(NEVER)


def deadlines_are_kept_by_who_asks(server):
    talk = log_in(server)
    begin = time.monotonic()
    number, own = talk.asked_back(b"", 300)
    assert talk.hear() == Cancel(own)
    assert time.monotonic() - begin > 0.29
    assert talk.hear() == Answer(number, told(DEADLINE))

    # While there is no link, too.
    number, own = talk.asked_back(b"", 500)
    talk.lose_link()
    time.sleep(0.6)
    talk.resume()
    assert talk.hear() == Cancel(own)
    assert talk.hear() == Answer(number, told(DEADLINE))

    # The server tells its application of the client's, and does no more.
    late = talk.ask(LATER, deadline=1)
    time.sleep(0.05)
    number = talk.ask(REVERSE)
    assert talk.hear() == Answer(number, 0)
    assert talk.hear() == Answer(late, 404)


def what_is_not_pending_is_dropped(server):
    talk = log_in(server)
    number, own = talk.asked_back(b"")
    for asked in (0, own + 1, 0xFFFFFFFF):
        talk.answer(asked, 0, b"nobody has asked")
        talk.cancel(asked)
    for answer in (b"the first", b"the second"):
        talk.answer(own, 1, answer)
    assert talk.hear() == Answer(number, 1, b"the first")
    talk.cancel(number)  # as if it had crossed its answer
    talk.hears_nothing_else()


def what_cannot_be_read_is_dropped(server):
    talk = log_in(server)
    number, own = talk.asked_back(b"")
    for message in (
        b"",
        b"\0",
        bytes([0]) + make_ask(REVERSE, FOREVER, b"hello")[1:],
        bytes([4]) + make_ask(REVERSE, FOREVER, b"hello")[1:],
        make_answer(own, 0)[:-1],
        make_answer(own, DEADLINE),
        make_answer(own, CANCELLED),
        make_answer(own, -3),
        make_answer(own, -6),
        make_answer(own, -(2**31)),
        make_cancel(number)[:-1],
        make_cancel(number) + b"\0",
    ):
        talk.post(message)
        talk.hears_nothing_else()
    whole = make_ask(REVERSE, FOREVER, b"")
    for ask in (whole[:1], whole[:5], whole[:8], make_ask(REVERSE, 0, b"no deadline")):
        asked = talk.post(ask)
        assert talk.hear() == Answer(asked, NOT_TAKEN)
    talk.answer(own, 2, b"still pending")
    assert talk.hear() == Answer(number, 2, b"still pending")

    # Handled is what was answered, what waits for its answer, and what was dropped.
    talk.ask(NEVER)
    talk.post(b"")
    handled = {}
    while handled.get(REQUESTS) != talk.requests.newest:
        talk.link.send_unreliable(frames.ping(78))
        handled = frames.read_handled(talk.link.frame(frames.HANDLED))


def they_count_towards_credit(server):
    talk = log_in(server)
    for _ in range(frames.CREDIT_MESSAGES):
        talk.hears_nothing_else()
    number = talk.ask(REVERSE, b"one more")
    talk.link.until(lambda: not talk.link.unacknowledged)
    talk.greet()
    assert not any(talk.requests.has(frame) for frame in talk.link.inbox)
    talk.link.send_unreliable(frames.handled(REQUESTS, talk.requests.received))
    assert talk.hear() == Answer(number, 0, b"erom eno")


def one_more_than_may_be_pending_closes(server):
    talk = log_in(server)
    for _ in range(REQUEST_MAX):
        talk.ask(NEVER)
    short = talk.post(bytes([ASK]))  # is not pending
    assert talk.hear() == Answer(short, NOT_TAKEN)
    talk.ask(REVERSE)
    assert frames.read_close(talk.link.frame(frames.CLOSE))[0] == CODE_BROKEN
    assert not any(talk.requests.has(frame) for frame in talk.link.inbox)


def the_end_of_a_session_ends_all_without_a_word(server):
    talk = log_in(server)
    talk.asked_back(b"")
    talk.ask(LATER)
    talk.words.send(talk.link, talk.words.write(b"close"))
    assert frames.read_close(talk.link.frame(frames.CLOSE)) == (1000, "as you wished")
    assert not any(talk.requests.has(frame) for frame in talk.link.inbox)


def each_arrives_once_over_the_next_link(server):
    talk = log_in(server)
    late = talk.ask(LATER)
    talk.link.until(lambda: not talk.link.unacknowledged)

    # An ASK of the client's never came.
    talk.lose_link()
    number = talk.requests.write(make_ask(REVERSE, FOREVER, ODD))
    assert talk.resume().received == late
    assert talk.hear() == Answer(number, 0, ODD[::-1])
    assert talk.hear() == Answer(late, 404)
    talk.hears_nothing_else()

    # The link ends in the middle of one.
    number = talk.requests.write(make_ask(REVERSE, FOREVER, ODD))
    talk.requests.send(talk.link, number, end=3 * frames.SEGMENT_SIZE)
    talk.link.until(lambda: not talk.link.unacknowledged)
    talk.lose_link()
    assert talk.resume().filled == 3 * frames.SEGMENT_SIZE
    assert talk.hear() == Answer(number, 0, ODD[::-1])

    # An ANSWER of the server's, and an ASK, are lost with the link.
    number, back = talk.ask(REVERSE, b"abc"), talk.ask(ASK_BACK, b"def", 60_000)
    talk.miss(talk.requests.received + 2)
    assert talk.resume().received == back
    assert talk.hear() == Answer(number, 0, b"cba")
    own = talk.hear()
    assert own == Ask(talk.requests.received, OWN, 60_000, b"def"), own
    talk.hears_nothing_else()

    # The client's ANSWER is lost; then it has come, but what the server says to it is lost.
    talk.lose_link()
    talk.requests.write(make_answer(own.sequence, 5, b"fed"))
    talk.resume()
    talk.miss(talk.requests.received + 1)
    talk.resume()
    assert talk.hear() == Answer(back, 5, b"fed")
    talk.hears_nothing_else()

    # What was heard does not come again, whether it was told as handled or not.
    for stream in (talk.requests, talk.words):
        talk.lose_link()
        talk.resume()
        talk.hears_nothing_else()
        stream.handled = stream.received


def process_that_dies(server):
    """With requests pending both ways; gives the number of its LATER."""
    dead = log_in(server)
    dead.ask(NEVER)
    late = dead.ask(LATER)
    for _ in range(2):
        assert dead.say(b"ask") == b"BELAY_OK: asked"
    for number in (1, 2):
        assert dead.hear() == Ask(number, OWN, FOREVER, b"who?")
    return dead, late


def another_process(dead):
    """The link of the one before is still there."""
    link = dead.attempt(epoch=1).open_session()
    streams = [
        Stream(theirs.channel, theirs.handled, theirs.received + EPOCH_STEP)
        for theirs in link.accepted.parameters.positions
    ]
    return Talk(dead.server, link, streams)


def nothing_of_another_process_comes(server):
    dead, _ = process_that_dies(server)

    # And a part of a message each way.
    dead.ask(ASK_BACK, ODD)
    dead.link.until(lambda: any(dead.requests.has(frame) for frame in dead.link.inbox))
    dead.ask(LATER)  # the one before it is answered now
    half = dead.requests.write(make_ask(REVERSE, FOREVER, ODD))
    dead.requests.send(dead.link, half, end=3 * frames.SEGMENT_SIZE)
    dead.link.until(lambda: not dead.link.unacknowledged)
    dead.lose_link()
    talk = another_process(dead)
    theirs = talk.link.accepted.parameters.positions[1]
    assert theirs == secure.Position(REQUESTS, half - 1, 0, 4, 4), theirs
    talk.greet()
    for _ in range(2):
        assert talk.hear_words() == b"BELAY_OK: asked"  # not told as handled: again
    assert {talk.hear_words(), talk.hear_words()} == {b"answered 1004"}
    talk.hears_nothing_else()
    talk.answer(1, 0, b"to the process before")
    number = talk.ask(CANCEL_OWN)
    assert talk.hear() == Answer(number, 0)

    # And anew: as many as ever, both ways, and over a link more.
    number, own = talk.asked_back(b"anew")
    pending = [talk.ask(NEVER) for _ in range(REQUEST_MAX - 1)]
    talk.lose_link()
    talk.requests.write(make_answer(own, 3, b"and again"))
    talk.resume()
    assert talk.hear() == Answer(number, 3, b"and again")
    talk.hears_nothing_else()
    for asked in pending:
        talk.cancel(asked)
    assert talk.say(b"ask") == b"BELAY_OK: asked"
    talk.answer(talk.hear().sequence, 8)
    assert talk.hear_words() == b"answered 8"


def what_is_asked_since_comes(server):
    """After the new process was told how far the server is, and before it has spoken."""
    dead, late = process_that_dies(server)
    talk = another_process(dead)
    assert talk.requests.received == 2
    assert dead.say(b"ask") == b"BELAY_OK: asked"
    assert dead.hear() == Ask(3, OWN, FOREVER, b"who?")
    old = dead.ask(REVERSE, b"abc")
    answers = {dead.hear(), dead.hear()}
    assert answers == {Answer(old, 0, b"cba"), Answer(late, 404)}
    dead.ask(LATER)
    dead.greet()
    dead.lose_link()
    talk.greet()
    assert talk.hear() == Ask(3, OWN, FOREVER, b"who?")
    assert {talk.hear(), talk.hear()} == answers
    for _ in range(3):
        assert talk.hear_words() == b"BELAY_OK: asked"
    assert {talk.hear_words(), talk.hear_words()} == {b"answered 1004"}
    talk.answer(3, 7)
    assert talk.hear_words() == b"answered 7"
    talk.hears_nothing_else()


def subscribe(talk, topic):
    number = talk.ask(SUBSCRIBE, topic.to_bytes(4, "big"))
    answer = talk.hear()
    assert answer.asked == number, answer
    return answer.code


def publish(talk, topic, channel, data):
    number = talk.ask(PUBLISH, struct.pack("!IB", topic, channel) + data)
    assert talk.hear() == Answer(number, 0)


def pieces_of(talk, count):
    """The next so many frames of messages that are not requests."""
    kinds = (frames.MESSAGE, frames.SEGMENT, frames.DATAGRAM, frames.FRAGMENT)
    found = []
    while len(found) < count:
        talk.link.until(
            lambda: any(f[0] in kinds and f[1] != REQUESTS for f in talk.link.inbox)
        )
        found += [f for f in talk.link.inbox if f[0] in kinds and f[1] != REQUESTS]
        talk.link.inbox = [f for f in talk.link.inbox if f not in found]
    return found


def what_is_published_names_its_topic(server):
    link = Attempt(server.address).open_session()
    welcome = link.log_in(b"", features=FEATURE | TOPICS_FEATURE, requests=REQUEST_MAX)
    assert welcome["features"] == FEATURE | TOPICS_FEATURE, welcome
    talk = Talk(server, link)
    topic = 0x12345678
    name = topic.to_bytes(4, "big")
    publish(talk, topic, 0, b"nobody is there yet")
    assert subscribe(talk, topic) == 0

    publish(talk, topic, 0, b"small")
    (frame,) = pieces_of(talk, 1)
    assert frame == frames.message(0 | TOPICAL, 1, name + b"small"), frame

    # The topic counts: this is one byte too many for a frame.
    whole = name + ODD[: frames.MESSAGE_MAX - 3]
    publish(talk, topic, 0, whole[4:])
    first, last = pieces_of(talk, 2)
    for at, frame in ((0, first), (frames.SEGMENT_SIZE, last)):
        piece = whole[at : at + frames.SEGMENT_SIZE]
        head = struct.pack("!BBIII", frames.SEGMENT, 0 | TOPICAL, 2, at, len(whole))
        assert frame == head + piece, frame[:14]

    publish(talk, topic, 1, b"")
    (frame,) = pieces_of(talk, 1)
    assert frame == frames.datagram(1 | TOPICAL, 1, name), frame
    publish(talk, topic, 1, whole[4:])
    first, last = pieces_of(talk, 2)
    assert first == struct.pack("!BBIBB", frames.FRAGMENT, 1 | TOPICAL, 2, 0, 2) + whole[:1138]
    assert last == struct.pack("!BBIBB", frames.FRAGMENT, 1 | TOPICAL, 2, 1, 2) + whole[1138:]

    # To everybody: no topic.
    publish(talk, 0, 0, b"all")
    (frame,) = pieces_of(talk, 1)
    assert frame == frames.message(0, 3, b"all"), frame

    # A client has nothing to publish, and a topic cut short is no message.
    link.send_reliable(frames.message(0 | TOPICAL, 1, b"abc"), channel=1)
    assert link.frame(frames.CLOSE)[1:5] == CODE_BROKEN.to_bytes(4, "big")


def without_the_feature_no_topic_is_sent(server):
    talk = log_in(server)
    assert subscribe(talk, 5) == 1000
    publish(talk, 0, 0, b"all")
    (frame,) = pieces_of(talk, 1)
    assert frame == frames.message(0, 1, b"all"), frame


def main(arguments):
    if len(arguments) != 2:
        print(__doc__)
        return 2
    with Server(*arguments, "requests") as server:
        answers_are_byte_for_byte(server)
        the_server_asks(server)
        without_the_feature_nothing_is_sent(server)
        as_many_are_pending_as_hello_says(server)
        either_side_cancels(server)
        deadlines_are_kept_by_who_asks(server)
        what_is_not_pending_is_dropped(server)
        what_cannot_be_read_is_dropped(server)
        they_count_towards_credit(server)
        one_more_than_may_be_pending_closes(server)
        the_end_of_a_session_ends_all_without_a_word(server)
        each_arrives_once_over_the_next_link(server)
        nothing_of_another_process_comes(server)
        what_is_asked_since_comes(server)
        what_is_published_names_its_topic(server)
        without_the_feature_no_topic_is_sent(server)

        # It ends well with some still pending.
        last = log_in(server)
        last.asked_back(b"")
        last.ask(LATER)
        assert last.say(b"stop") == b"stop"
        server.must_have_ended()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
