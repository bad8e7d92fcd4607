"""A session that outlives its links, by a client that shares no line with the library.

usage: resume.py SERVER TOKEN_PROGRAM      tests/protocol/server.c and belay-token
"""

import itertools
import os
import sys
import time
from dataclasses import replace

import frames
import key_file
import secure
from client import Attempt
from server import Server

# Messages of several segments: one of an odd size, one of a whole number of them.
ODD = b"".join(number.to_bytes(4, "big") for number in range(25_000))
EVEN = ODD[: 3 * frames.SEGMENT_SIZE]
EPOCH_STEP = 65_536
REQUESTS = 2  # the channel behind those that the server declares
attempt_numbers = itertools.count(time.time_ns() // 1_000_000)


class Conversation:
    """What one process of a client knows of its session, whatever link that has."""

    def __init__(self, server, link):
        self.server = server
        self.sent, self.newest, self.newest_request = {}, 0, 0
        self.heard, self.received, self.part, self.handled = {}, 0, b"", 0
        self.take(link)

    def take(self, link):
        self.link = link
        self.ticket, self.resume_key = link.accepted.parameters.ticket, link.accepted.resume

    def opened_ticket(self):
        return secure.open_ticket(self.ticket, key_file.read(self.server.ticket_keys))

    def write(self, data):
        """Without sending it."""
        self.newest += 1
        self.sent[self.newest] = data

    def send(self, number, offset=0, end=None):
        """From this offset on, and before the end."""
        data = self.sent[number]
        if len(data) <= frames.MESSAGE_MAX:
            self.link.send_reliable(frames.message(0, number, data), channel=1)
            return
        for at in range(offset, end or len(data), frames.SEGMENT_SIZE):
            self.link.send_reliable(frames.segment(0, number, at, data), channel=1)

    def say(self, *texts):
        for data in texts:
            self.write(data)
            self.send(self.newest)

    def hear_piece(self):
        """It must be what follows: nothing is left out, and nothing comes twice."""
        frame = self.link.frame(frames.MESSAGE, frames.SEGMENT)
        channel, number, offset, total, data = frames.read_piece(frame)
        if self.received is None:  # another process: whatever comes first
            self.received = number - 1
        assert (channel, number, offset) == (0, self.received + 1, len(self.part)), frame[:14]
        self.part += data
        if len(self.part) == total:
            self.received, self.heard[number], self.part = number, self.part, b""

    def hear_all(self, newest):
        while self.received != newest:
            self.hear_piece()

    def report(self, handled):
        self.handled = handled
        self.link.send_unreliable(frames.handled(0, handled))

    def settle(self):
        self.link.until(lambda: not self.link.unacknowledged)

    def positions(self):
        return [
            secure.Position(0, self.received, len(self.part), self.handled, self.newest),
            secure.Position(REQUESTS, 0, 0, 0, self.newest_request),
        ]

    def attempt(self, **other):
        """To resume: with the truth, but for what is other."""
        said = {"ticket": self.ticket, "resume_key": self.resume_key, "epoch": 0}
        said |= {"number": next(attempt_numbers), "positions": self.positions()} | other
        said["told"] = secure.make_resume(said["number"], said["epoch"], said.pop("positions"))
        return Attempt(self.server.address, way=secure.RESUME_WAY, **said)

    def resume(self):
        return self.go_on(self.attempt().open_session())

    def go_on(self, link):
        """Gives what the server has told."""
        self.take(link)
        self.ask()
        theirs, requests = link.accepted.parameters.positions
        assert requests == secure.Position(
            REQUESTS, self.newest_request, 0, self.newest_request, 0
        )
        assert theirs.channel == 0 and theirs.newest >= self.received
        assert theirs.handled <= theirs.received <= self.newest
        for number in range(theirs.received + 1, self.newest + 1):
            self.send(number, theirs.filled if number == theirs.received + 1 else 0)
        return theirs

    def ask(self):
        """What a client says first over its new link."""
        self.link.send_reliable(frames.ping(77))
        assert self.link.frame(frames.PONG)[1:5] == (77).to_bytes(4, "big")

    def lose_link(self):
        self.link.socket.close()


def log_in(server):
    link = Attempt(server.address).open_session()
    assert link.accepted.parameters.positions == [], "positions at a login"
    welcome = link.log_in(b"")
    assert welcome["window"] > 0, "a session that is not kept"
    return Conversation(server, link)


def nothing_is_lost_or_repeated(server):
    talk = log_in(server)
    talk.say(b"one", b"two")
    talk.hear_all(2)
    talk.report(1)

    # The link ends in the middle of a message to the client.
    talk.say(ODD)
    talk.hear_piece()
    assert 0 < len(talk.part) < len(ODD)
    talk.lose_link()
    talk.write(b"said while there was no link")
    theirs = talk.resume()
    assert (theirs.received, theirs.filled) == (3, 0), theirs
    talk.hear_all(4)

    # And in the middle of one to the server.
    talk.write(ODD)
    talk.send(5, end=3 * frames.SEGMENT_SIZE)
    talk.settle()
    talk.write(b"behind it")
    talk.lose_link()
    theirs = talk.resume()
    assert (theirs.received, theirs.filled) == (4, 3 * frames.SEGMENT_SIZE), theirs
    talk.hear_all(6)
    assert talk.heard == talk.sent

    # The old link is still there when a third comes: it ends, and no sooner.
    old = talk.link
    unused = talk.attempt().open_session()
    talk.say(b"the old link goes on")
    talk.hear_all(7)
    unused.socket.close()
    talk.resume()
    old.send_unreliable(frames.datagram(1, 1, b"late"))
    old.until(lambda: old.is_gone)
    talk.say(b"and so does the session")
    talk.hear_all(8)
    assert talk.heard == talk.sent
    talk.link.leave(8)


def each_ticket_is_good_until_the_next_is_proven(server):
    talk = log_in(server)
    talk.say(b"one")
    talk.hear_all(1)
    tickets, used = [talk.opened_ticket()], []
    for _ in range(2):
        used.append({"ticket": talk.ticket, "resume_key": talk.resume_key})
        # That of an ACCEPT over which nothing came is none.
        number = next(attempt_numbers)
        talk.attempt().open_session().socket.close()
        assert talk.attempt(number=number).denied() == (21, False), "an older attempt"
        talk.lose_link()
        talk.resume()
        tickets.append(talk.opened_ticket())
        assert tickets[-1].resume_key == talk.resume_key
    assert [ticket.generation for ticket in tickets] == [0, 1, 2]
    assert len({(ticket.run, ticket.name) for ticket in tickets}) == 1
    assert len({ticket.resume_key for ticket in tickets}) == 3

    for ticket in used:
        assert talk.attempt(**ticket).denied() == (21, False), "an older ticket"
    talk.say(b"two")
    talk.hear_all(2)
    assert talk.heard == talk.sent


def what_cannot_be_true_is_refused(server):
    """The last that the server has said is of three segments, and three are known as handled."""
    talk = log_in(server)
    talk.say(b"one", b"two", b"three", b"four")
    talk.hear_all(4)
    talk.report(3)
    talk.say(EVEN)
    talk.hear_all(5)
    talk.lose_link()
    true, quiet = talk.positions()
    assert true == secure.Position(0, 5, 0, 3, 5)
    size = frames.SEGMENT_SIZE
    lies = [
        [replace(true, received=6)],
        [replace(true, handled=6)],
        [replace(true, received=4, handled=5)],
        [replace(true, handled=2)],
        [replace(true, filled=size)],
        [replace(true, received=4, filled=size - 1)],
        [replace(true, received=4, filled=3 * size)],
        [replace(true, received=3, filled=size)],
        [replace(true, newest=4)],
        [replace(true, channel=1)],
    ]
    lies = [lie + [quiet] for lie in lies]
    lies += [[true, replace(true, channel=1), quiet], [true], [quiet], []]
    lies += [[true, replace(quiet, received=1)], [true, replace(quiet, channel=3)]]
    for lie in lies:
        said = talk.attempt(positions=lie).denied()
        assert said == (19, False), f"{said} to {lie}"

    talk.received, talk.part = 4, EVEN[: 2 * size]
    talk.resume()
    talk.hear_all(5)
    assert talk.heard == talk.sent


def others_are_refused(server):
    """Each row: code, whether it may be a mere hint, whether to come back, and the attempt."""
    talk = log_in(server)
    ticket = talk.opened_ticket()
    key_id, key = next(iter(key_file.read(server.ticket_keys).items()))

    def forged(key=key, **other):
        return {"ticket": replace(ticket, **other).sealed(key, os.urandom(24))}

    altered = {"ticket": talk.ticket[:-1] + bytes([talk.ticket[-1] ^ 1])}
    rows = [
        (21, True, 1, altered),
        (21, True, 1, forged(key=os.urandom(32))),
        (21, True, 1, forged(key_id=key_id ^ 1)),
        (21, True, 1, {"ticket": b"\2" + talk.ticket[1:]}),
        (8, False, 1, forged(run=os.urandom(8))),
        (21, False, 1, forged(name=os.urandom(16))),
        (17, False, 0, {"game": 1}),
    ]
    for number, (code, hint, come_back, how) in enumerate(rows):
        deny = talk.attempt(**how).deny()
        said = deny["code"], deny["hint"], deny["come_back"]
        assert said == (code, hint, come_back), f"row {number}: {said}"
    for size in (0, secure.TICKET_SIZE, 421):
        attempt = talk.attempt()
        head = attempt.head
        attempt.head = head[:62] + size.to_bytes(2, "big") + head[64:]
        assert attempt.denied() == (21, True), f"a credential of {size} bytes"

    talk.link.leave(0)
    deny = talk.attempt().deny()
    assert (deny["code"], deny["hint"], deny["come_back"]) == (21, False, 1), deny

    talk = log_in(server)
    talk.say(b"close")
    talk.link.frame(frames.CLOSE)
    deny = talk.attempt().deny()
    assert (deny["code"], deny["hint"], deny["text"]) == (1000, False, "as you wished"), deny


def a_busy_server_wants_a_cookie(server):
    """Of whoever comes too often without one."""
    talk = log_in(server)
    talk.say(b"one")
    talk.hear_all(1)
    for _ in range(200):
        attempt = talk.attempt()
        answer = attempt.exchange()
        if answer[0] == secure.RETRY:
            break
        attempt.socket.close()
    attempt.take_retry(answer)
    assert not any(secure.read_retry(answer)["server_key"])
    talk.lose_link()
    talk.go_on(attempt.open_session())
    talk.say(b"two")
    talk.hear_all(2)


def reset_of(link, tag, nobody):
    """Past what the dead server had sent, and RESETs for what it had not read."""
    while True:
        datagram = link.socket.recv(2048)
        if datagram[0] == secure.RESET:
            named, token = secure.read_reset(datagram)
            assert named != nobody
            if named == tag:
                return token


def a_restarted_server_says_so(server):
    talk = log_in(server)
    talk.say(b"one")
    talk.hear_all(1)
    old, parameters = talk.link, talk.link.accepted.parameters
    server.die()
    server.start()

    key = next(iter(key_file.read(server.ticket_keys).values()))
    for tag, token in (
        (parameters.tag, parameters.reset),
        (parameters.spare, parameters.spare_reset),
        (0x01020304, secure.reset_token(key, 0x01020304)),
    ):
        nobody = tag ^ 0x80  # is told about what is not DATA
        old.tag = nobody
        old.send_datagram(secure.GONE, b"")
        old.tag = tag
        old.send_unreliable(frames.datagram(1, 1, b"are you there?"))
        old.socket.settimeout(5)
        assert reset_of(old, tag, nobody) == token
        assert secure.reset_token(key, tag) == token
    deny = talk.attempt().deny()
    assert (deny["code"], deny["hint"], deny["come_back"]) == (8, False, 1), deny


def conversation_of_another_process(server):
    """That of the one that died, and of the one that has nothing but its ticket.

    The server has handled five messages; of its own five, two are known to be handled.
    """
    dead = log_in(server)
    dead.say(b"one", b"two", b"three", b"four")
    dead.hear_all(4)
    dead.report(2)
    dead.say(b"five")
    dead.hear_all(5)
    dead.write(ODD)
    dead.send(6, end=2 * frames.SEGMENT_SIZE)
    dead.settle()
    dead.lose_link()
    talk = Conversation(server, dead.attempt(epoch=1, positions=[]).open_session())
    talk.received = None
    return dead, talk


def another_process_goes_on(server):
    dead, talk = conversation_of_another_process(server)
    theirs, requests = talk.link.accepted.parameters.positions
    assert requests == secure.Position(REQUESTS, 0, 0, 0, 0)
    assert (theirs.channel, theirs.received, theirs.filled, theirs.newest) == (0, 5, 0, 5), theirs
    assert theirs.handled == 2, theirs
    talk.ask()
    talk.handled = theirs.handled
    talk.newest = theirs.received + EPOCH_STEP
    talk.newest_request = EPOCH_STEP
    talk.say(b"anew")
    talk.hear_all(6)
    repeated = {number: dead.sent[number] for number in (3, 4, 5)}
    assert talk.heard == repeated | {6: b"anew"}, talk.heard
    assert list(talk.sent) == [5 + 65_537]

    talk.lose_link()
    theirs = talk.resume()
    assert theirs.received == 5 + 65_537
    talk.say(b"and again", ODD)
    talk.hear_all(8)
    assert (talk.heard[7], talk.heard[8]) == (b"and again", ODD)
    assert dead.attempt().denied() == (21, False), "the ticket of the process that died"


def another_process_is_turned_away(server):
    _, talk = conversation_of_another_process(server)
    talk.link.send_reliable(frames.ping(77))
    assert frames.read_close(talk.link.frame(frames.CLOSE))[0] == 21


def main(arguments):
    if len(arguments) != 2:
        print(__doc__)
        return 2
    with Server(*arguments) as server:
        nothing_is_lost_or_repeated(server)
        each_ticket_is_good_until_the_next_is_proven(server)
        what_cannot_be_true_is_refused(server)
        others_are_refused(server)
        another_process_is_turned_away(server)
        a_busy_server_wants_a_cookie(server)
        a_restarted_server_says_so(server)
    with Server(*arguments, "gaps") as server:
        nothing_is_lost_or_repeated(server)
        another_process_goes_on(server)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
