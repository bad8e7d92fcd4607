"""A client that shares no line with the library, against a server of the library's, on loopback.

usage: client.py SERVER TOKEN_PROGRAM      tests/protocol/server.c and belay-token
"""

import os
import select
import socket
import subprocess
import sys
import time

import frames
import key_file
import secure
from server import Server

PATIENCE_S = 5
GAME = secure.fnv1a("arena/3")
CODE_LEFT, CODE_VERSION = 1, 17
FRAMES_VERSION = 2


class Attempt:
    """A client from its first OPEN to an ACCEPT or a DENY.

    It has a token and its session secret, a ticket, its resume key and what is told behind it
    (`told`), or neither: then it comes by the server's key.
    """

    def __init__(self, address, **more):
        self.address = address
        self.way = more.get("way", secure.KEY_WAY)
        self.suites = more.get("suites", 3)
        self.server_key = more.get("server_key")
        self.secret = os.urandom(32)
        self.nonce = os.urandom(16)
        self.cookie = secure.NO_COOKIE
        self.schedule = None
        if self.way == secure.TOKEN_WAY:
            self.schedule = secure.token_schedule(more["session_secret"])
        elif self.way == secure.RESUME_WAY:
            self.schedule = secure.ticket_schedule(more["resume_key"])
        self.head = secure.open_head(
            self.way,
            self.suites,
            more.get("game", GAME),
            self.nonce,
            secure.public_key(self.secret),
            more.get("token") or more.get("ticket", b""),
        )
        if "told" in more:
            self.head = secure.add_resume(self.head, self.schedule.chain, more["told"])
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.retries = 0

    def datagram(self):
        by_key_at_first = self.way == secure.KEY_WAY and self.cookie == secure.NO_COOKIE
        return secure.make_open(self.head, None if by_key_at_first else self.schedule, self.cookie)

    def exchange(self, opened=None):
        """Sends an OPEN until there is an answer, and gives that."""
        opened = opened or self.datagram()
        for _ in range(PATIENCE_S * 4):
            self.socket.sendto(opened, self.address)
            if select.select([self.socket], [], [], 0.25)[0]:
                return self.socket.recv(2048)
        raise TimeoutError("the server does not answer OPEN")

    def take_retry(self, answer):
        retry = secure.read_retry(answer)
        assert retry["nonce"] == self.nonce and retry["way"] == self.way
        self.cookie = retry["cookie"]
        self.retries += 1
        if self.way == secure.KEY_WAY:
            assert self.server_key in (None, retry["server_key"])
            self.server_key = retry["server_key"]
            shared = secure.dh(self.secret, self.server_key)
            self.schedule = secure.key_schedule(self.server_key, shared)

    def answer(self):
        """ACCEPT or DENY, past a RETRY."""
        answer = self.exchange()
        if answer[0] == secure.RETRY:
            self.take_retry(answer)
            answer = self.exchange()
        return answer

    def open_session(self):
        answer = self.answer()
        assert answer[0] == secure.ACCEPT, answer.hex()
        assert self.exchange() == answer, "a repeated OPEN has another answer"
        if self.way != secure.RESUME_WAY:  # there it is for resume.py to say
            assert self.retries == (1 if self.way == secure.KEY_WAY else 0)
        accepted = secure.read_accept(
            answer, self.datagram(), self.secret, self.schedule, self.suites
        )
        return Session(self, accepted)

    def deny(self):
        answer = self.answer()
        assert answer[0] == secure.DENY, answer.hex()
        deny = secure.read_deny(answer, self.schedule and self.schedule.deny_key)
        assert deny["nonce"] == self.nonce
        self.socket.close()
        return deny

    def denied(self):
        deny = self.deny()
        return deny["code"], deny["hint"]


class Session:
    """Everything after ACCEPT, as long as there is this link. Frames that came wait in `inbox`."""

    def __init__(self, attempt, accepted):
        self.address, self.socket = attempt.address, attempt.socket
        self.accepted, self.suite = accepted, accepted.suite
        self.tag, self.spare = accepted.parameters.tag, accepted.parameters.spare
        self.binding = secure.Binding(accepted.suite, accepted.up, accepted.down, is_client=True)
        self.sequences = {}
        self.received, self.early = {}, {}
        self.unacknowledged = []
        self.group = 0
        self.inbox = []
        self.phase_heard = self.tag_heard = None
        self.challenges = 0
        self.is_gone = False

    def send_datagram(self, kind, plain):
        self.socket.sendto(self.binding.seal(kind, self.tag, plain), self.address)

    def send_commands(self, commands):
        now = time.monotonic_ns() // 1_000_000
        self.send_datagram(secure.DATA, frames.enet_datagram(now, commands))

    def send_reliable(self, frame, channel=0):
        sequence = self.sequences[channel] = self.sequences.get(channel, 0) + 1
        self.unacknowledged.append((channel, sequence, frame))
        self.send_commands([frames.send_reliable(channel, sequence, frame)])

    def send_unreliable(self, frame):
        self.send_together([frame])

    def send_together(self, several):
        """Frames that are not reliable, in one datagram."""
        commands = []
        for frame in several:
            self.group += 1
            commands.append(frames.send_unsequenced(self.group, frame))
        self.send_commands(commands)

    def receive(self, datagram):
        kind, tag, plain = self.binding.open(datagram)
        assert datagram[1] == 0, "a steering byte from the server"
        self.phase_heard, self.tag_heard = datagram[0] >> 7, tag
        if kind == secure.CHALLENGE:
            self.challenges += 1
            assert len(plain) == 12
            self.spare = int.from_bytes(plain[8:], "big")
            self.send_datagram(secure.RESPONSE, plain[:8])
        elif kind == secure.GONE:
            self.is_gone = True
        elif kind == secure.DATA:
            self.receive_commands(plain)

    def receive_commands(self, plain):
        sent_time, commands = frames.read_enet_datagram(plain)
        answers = []
        for command, channel, sequence, frame in commands:
            if command == frames.ACKNOWLEDGE:
                self.unacknowledged = [
                    sent for sent in self.unacknowledged if sent[:2] != (channel, sequence)
                ]
            elif command == frames.SEND_UNSEQUENCED:
                self.inbox.append(frame)
            else:
                answers.append(frames.acknowledge(channel, sequence, sent_time))
                self.take_in_order(channel, sequence, frame)
        if answers:
            self.send_commands(answers)

    def take_in_order(self, channel, sequence, frame):
        """Each once. What came too early is acknowledged, so it does not come again, and waits."""
        newest = self.received.get(channel, 0)
        if sequence > newest:
            self.early[channel, sequence] = frame
        while (channel, newest + 1) in self.early:
            newest += 1
            self.inbox.append(self.early.pop((channel, newest)))
            self.received[channel] = newest

    def until(self, condition):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, "what was waited for did not come"
            if select.select([self.socket], [], [], 0.25)[0]:
                self.receive(self.socket.recv(2048))
                continue
            for channel, sequence, frame in self.unacknowledged:
                self.send_commands([frames.send_reliable(channel, sequence, frame)])

    def frame(self, *kinds):
        """Waits for the next frame of one of these types, and takes it."""
        self.until(lambda: any(frame[0] in kinds for frame in self.inbox))
        found = next(frame for frame in self.inbox if frame[0] in kinds)
        self.inbox.remove(found)
        return found

    def log_in(self, payload, movement=frames.NO_MOVEMENT, **offered):
        self.send_reliable(frames.hello(FRAMES_VERSION, payload, movement, **offered))
        welcome = frames.read_welcome(self.frame(frames.WELCOME))
        assert welcome["version"] == FRAMES_VERSION
        return welcome

    def echo(self, count, data=b"hello"):
        """A reliable message each way, the count-th."""
        sent = frames.message(0, count, data)
        self.send_reliable(sent, channel=1)
        assert self.frame(frames.MESSAGE) == sent

    def leave(self, handled):
        # CLOSE comes after everything else has been acknowledged.
        self.until(lambda: not self.unacknowledged)
        self.send_reliable(frames.handled(0, handled))
        self.send_reliable(frames.close(CODE_LEFT, "left"))
        self.until(lambda: not self.unacknowledged)

    def move(self, tag):
        """To another port, under this tag."""
        old = self.socket
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tag = tag
        return old


def make_token(keys, **more):
    """Gives token and session secret, made here."""
    now = int(time.time() * 1000)
    key_id, key = next(iter(keys.items()))
    fields = {"key_id": key_id, "not_before": now - 100, "expiry": now + 60_000}
    fields |= {"user_id": b"the id of a user", "token_id": os.urandom(16)}
    fields |= {"secret": os.urandom(32), "game": GAME, "data": b"team red"}
    token = secure.Token(**fields | more)
    return {
        "way": secure.TOKEN_WAY,
        "token": token.sealed(key, os.urandom(24)),
        "session_secret": token.secret,
    }


def issued_token(program, path):
    """The same, made by belay-token."""
    issue = [program, "issue", "--key", path, "--user", "eve", "--data", "team red"]
    blob = subprocess.run(issue, check=True, stdout=subprocess.PIPE).stdout
    token, secret, places = secure.read_blob(blob)
    assert places == []
    return {"way": secure.TOKEN_WAY, "token": token, "session_secret": secret}


def talk(attempt, heard):
    """A whole conversation, with all that the secure layer can do in it."""
    session = attempt.open_session()
    welcome = session.log_in(b"let me in")
    assert welcome["payload"] == heard, welcome
    session.echo(1)
    session.send_unreliable(frames.datagram(1, 1, b"hello"))
    assert session.frame(frames.DATAGRAM) == frames.datagram(1, 1, b"hello")

    for phase in (1, 0):
        session.binding.update()
        session.echo(2 if phase else 3)
        assert session.phase_heard == phase, "the server does not follow a key update"

    # A NAT gives another port; then the client's own network changes, which takes another tag.
    old = session.move(session.tag)
    session.echo(4)
    session.until(lambda: session.challenges)
    first_tag = session.tag
    older = session.move(session.spare)
    session.echo(5)
    session.until(lambda: session.challenges > 1)
    session.echo(6)
    assert session.tag_heard == session.tag != first_tag, "the server does not follow in the tag"

    session.leave(6)
    session.send_unreliable(frames.datagram(1, 2, b"late"))
    session.until(lambda: session.is_gone)
    for used in (old, older, session.socket):
        used.close()
    return session.suite, welcome


def hear_the_server_close(attempt):
    session = attempt.open_session()
    session.log_in(b"")
    session.send_reliable(frames.message(0, 1, b"close"), channel=1)
    assert frames.read_close(session.frame(frames.CLOSE)) == (1000, "as you wished")


def be_denied(address, keys):
    """Each row: code, whether it may be a mere hint, and the attempt that gets it."""
    used = make_token(keys)
    Attempt(address, **used).open_session()
    now = int(time.time() * 1000)
    of_yesterday = {"not_before": now - 90_000, "expiry": now - 30_000}
    of_tomorrow = {"not_before": now + 30_000, "expiry": now + 90_000}
    broken = make_token(keys)
    broken["token"] = broken["token"][:-1] + bytes([broken["token"][-1] ^ 1])
    rows = [
        (14, False, used),
        (12, False, make_token(keys, **of_yesterday)),
        (23, False, make_token(keys, **of_tomorrow)),
        (15, False, make_token(keys, audience=b"eu-2")),
        (17, False, make_token(keys, game=GAME ^ 1)),
        (17, False, make_token(keys) | {"game": GAME ^ 1}),
        (17, False, {"game": GAME ^ 1}),
        (13, True, broken),
        (13, True, make_token({keys_unknown(keys): os.urandom(32)})),
        (13, True, make_token(keys, expiry=now + 121_000)),
    ]
    for number, (code, hint, how) in enumerate(rows):
        said = Attempt(address, **how).denied()
        assert said == (code, hint), f"row {number}: {said}, not {(code, hint)}"

    attempt = Attempt(address)
    attempt.head = attempt.head[:2] + b"\0\3" + attempt.head[4:]
    assert attempt.denied() == (CODE_VERSION, True)


def keys_unknown(keys):
    return next(key_id for key_id in range(1, 9) if key_id not in keys)


def ask_who_is_there(address):
    nonce = os.urandom(8)
    asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asker.settimeout(PATIENCE_S)
    asker.sendto(secure.make_query(GAME, nonce), address)
    info = secure.read_info(asker.recv(2048))
    assert info["nonce"] == nonce
    return info


def run(address, keys_path, token_program):
    keys = key_file.read(keys_path)
    for suites in (1, 3):
        by_key = Attempt(address, suites=suites)
        suite, _ = talk(by_key, b"let me in")
        assert suites & 1 << suite
        talk(Attempt(address, suites=suites, server_key=by_key.server_key), b"let me in")
        info = ask_who_is_there(address)
        assert info["server_key"] == by_key.server_key and info["data"] == b"ours", info
    # By now the server has run for more than a second, which tokens must be younger than.
    time.sleep(1.2)
    for suites in (1, 3):
        _, welcome = talk(Attempt(address, suites=suites, **make_token(keys)), b"team red")
        assert welcome["user_id"] == b"the id of a user"
        talk(Attempt(address, **issued_token(token_program, keys_path)), b"team red")
    hear_the_server_close(Attempt(address))
    be_denied(address, keys)

    last = Attempt(address).open_session()
    last.log_in(b"")
    last.echo(1, b"stop")


def main(arguments):
    if len(arguments) != 2:
        print(__doc__)
        return 2
    program, token_program = arguments
    with Server(program, token_program) as server:
        run(server.address, server.token_keys, token_program)
        server.must_have_ended()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
