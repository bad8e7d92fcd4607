"""The secure layer of Belay, written from docs/protocol.md alone.

It shares no line with the C code, and is there to be held against it: what both agree on is what
the page says. It is neither fast nor careful with secrets; nothing but tests may use it.

Names are those of the page. Whatever is random is an argument, so that vectors.py can repeat it.
"""

import struct
import sys
from dataclasses import dataclass, field

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
    from nacl import bindings as sodium
    from nacl.exceptions import CryptoError
except ImportError as error:
    print(f"skipped: {error.name} is missing; install python3-nacl and python3-cryptography")
    sys.exit(77)

import hashlib

OPEN, ACCEPT, RETRY, DENY, DATA, GONE, CHALLENGE, RESPONSE, QUERY, INFO, RESET = range(1, 12)
VERSION = 2
TOKEN_WAY, KEY_WAY, RESUME_WAY = 1, 2, 3
CHACHA, AES = 0, 1

DATAGRAM_MAX = 1200
OPEN_HEAD = 1152
QUERY_SIZE = 640
ACCEPT_HEAD = 67
DATA_HEAD = 10
TOKEN_HEAD = 53
TICKET_HEAD, TICKET_SIZE = 29, 105
CREDENTIAL_AT = 64
RESUME_AT = CREDENTIAL_AT + TICKET_SIZE
AUTHENTICATOR_SIZE = 16
CHANNELS_MAX = 17  # with the one of requests
WINDOW = 1024
PHASE_BIT = 0x80
NO_COOKIE = bytes(16)
NO_PROOF = bytes(32)


class Dropped(Exception):
    """A datagram that its receiver does not take."""


def need(condition, why):
    if not condition:
        raise Dropped(why)


# Primitives.


def hash32(data):
    return hashlib.blake2b(data, digest_size=32).digest()


def mac(key, data):
    assert len(key) == 32
    return hashlib.blake2b(data, digest_size=32, key=key).digest()


def hkdf(key, data, count):
    temporary = mac(key, data)
    outputs = []
    previous = b""
    for index in range(1, count + 1):
        previous = mac(temporary, previous + bytes([index]))
        outputs.append(previous)
    return outputs


def public_key(secret):
    return sodium.crypto_scalarmult_base(secret)


def dh(secret, public):
    try:
        shared = sodium.crypto_scalarmult(secret, public)
    except RuntimeError as error:  # what libsodium says to an all-zero result
        raise Dropped("a weak X25519 key") from error
    need(any(shared), "a weak X25519 key")
    return shared


def cipher(suite, key):
    return (ChaCha20Poly1305, AESGCM)[suite](key)


def seal_at_rest(key, nonce, head, plain):
    return sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, head, nonce, key)


def unseal_at_rest(key, nonce, head, sealed):
    try:
        return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, head, nonce, key)
    except CryptoError as error:
        raise Dropped("not authentic") from error


def packet_nonce(number):
    return bytes(4) + struct.pack("!Q", number)


def seal(suite, key, number, head, plain):
    return cipher(suite, key).encrypt(packet_nonce(number), plain, head)


def unseal(suite, key, number, head, sealed):
    try:
        return cipher(suite, key).decrypt(packet_nonce(number), sealed, head)
    except InvalidTag as error:
        raise Dropped("not authentic") from error


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


class Reader:
    """Takes fields off the front; a field that is not there drops the whole."""

    def __init__(self, data):
        self.data = data

    def take(self, size):
        need(len(self.data) >= size, "truncated")
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def end(self):
        need(not self.data, "bytes behind the last field")


# Tokens, and the blob in which the login service hands them out.


@dataclass
class Token:
    key_id: int
    not_before: int
    expiry: int
    user_id: bytes
    token_id: bytes
    secret: bytes
    game: int = 0
    audience: bytes = b""
    data: bytes = b""

    def head(self):
        return struct.pack("!BIQQQ", 1, self.key_id, self.game, self.not_before, self.expiry)

    def body(self):
        names = bytes([len(self.audience)]) + self.audience + bytes([len(self.data)]) + self.data
        return self.user_id + self.token_id + self.secret + bytes(1) + names

    def sealed(self, key, nonce):
        head = self.head() + nonce
        return head + seal_at_rest(key, nonce, head, self.body())


def open_token(token, keys):
    """keys: from key id to key."""
    need(136 <= len(token) <= 328, "size of the token")
    head = token[:TOKEN_HEAD]
    version, key_id, game, not_before, expiry = struct.unpack("!BIQQQ", head[:29])
    need(version == 1, "version of the token")
    need(not_before < expiry <= not_before + 120_000, "life of the token")
    need(key_id != 0 and key_id in keys, "a token of an unknown key")
    reader = Reader(unseal_at_rest(keys[key_id], head[29:], head, token[TOKEN_HEAD:]))
    user_id, token_id, secret = reader.take(16), reader.take(16), reader.take(32)
    reader.take(1)
    audience = reader.take(reader.number(1))
    data = reader.take(reader.number(1))
    reader.end()
    need(len(audience) <= 64 and 0 not in audience and len(data) <= 128, "fields of the token")
    return Token(key_id, not_before, expiry, user_id, token_id, secret, game, audience, data)


def make_blob(token, secret, places):
    listed = b"".join(bytes([len(place)]) + place.encode("ascii") for place in places)
    return (
        b"BelayTk1"
        + struct.pack("!H", len(token))
        + token
        + secret
        + bytes([len(places)])
        + listed
    )


def read_blob(blob):
    """Gives token, session secret and places."""
    need(len(blob) <= 1024, "size of the blob")
    reader = Reader(blob)
    need(reader.take(8) == b"BelayTk1", "not a token blob")
    size = reader.number(2)
    need(136 <= size <= 328, "size of the token")
    token, secret, count = reader.take(size), reader.take(32), reader.number(1)
    need(count <= 8, "too many places")
    places = [reader.take(reader.number(1)).decode("ascii") for _ in range(count)]
    reader.end()
    return token, secret, places


# Tickets, and how far the two sides of a session have come.


@dataclass
class Ticket:
    key_id: int
    run: bytes
    name: bytes
    generation: int
    resume_key: bytes

    def sealed(self, key, nonce):
        head = struct.pack("!BI", 1, self.key_id) + nonce
        body = self.run + self.name + struct.pack("!I", self.generation) + self.resume_key
        return head + seal_at_rest(key, nonce, head, body)


def open_ticket(ticket, keys):
    """keys: from key id to key."""
    need(len(ticket) == TICKET_SIZE, "size of the ticket")
    head = ticket[:TICKET_HEAD]
    version, key_id = struct.unpack("!BI", head[:5])
    need(version == 1, "version of the ticket")
    need(key_id in keys, "a ticket of an unknown key")
    reader = Reader(unseal_at_rest(keys[key_id], head[5:], head, ticket[TICKET_HEAD:]))
    run, name, generation = reader.take(8), reader.take(16), reader.number(4)
    resume_key = reader.take(32)
    reader.end()
    return Ticket(key_id, run, name, generation, resume_key)


def ticket_key(server_secret):
    """Of a server without a file of them; its id is 1."""
    return hkdf(server_secret, b"Belay 2 ticket", 1)[0]


@dataclass
class Position:
    """Of one reliable channel, as its teller sees it."""

    channel: int
    received: int
    filled: int
    handled: int
    newest: int

    def written(self):
        numbers = (self.channel, self.received, self.filled, self.handled, self.newest)
        return struct.pack("!BIIII", *numbers)


def make_positions(positions):
    return bytes([len(positions)]) + b"".join(position.written() for position in positions)


def read_positions(reader):
    count = reader.number(1)
    need(count <= CHANNELS_MAX, "too many positions")
    positions = [Position(*struct.unpack("!BIIII", reader.take(17))) for _ in range(count)]
    channels = [position.channel for position in positions]
    need(channels == sorted(set(channels)), "order of the channels")
    return positions


# The handshake.


@dataclass
class Schedule:
    chain: bytes
    proof_key: bytes
    deny_key: bytes


def token_schedule(secret):
    return Schedule(*hkdf(secret, b"Belay 2 token", 3))


def key_schedule(server_key, shared):
    """shared: DH of the client's ephemeral and the server's static key."""
    return Schedule(*hkdf(hash32(b"Belay 2 key" + server_key), shared, 3))


def ticket_schedule(resume_key):
    return Schedule(*hkdf(resume_key, b"Belay 2 resume", 3))


def open_head(way, suites, game, nonce, ephemeral, credential=b""):
    """What stays the same in each repeat; ephemeral is the public half."""
    head = struct.pack("!BBHBBQ", OPEN, nonce[0], VERSION, way, suites, game)
    head += nonce + ephemeral + struct.pack("!H", len(credential)) + credential
    return head.ljust(OPEN_HEAD, b"\0")


def make_resume(attempt, epoch, positions):
    """What a client tells behind its ticket."""
    return struct.pack("!QB", attempt, epoch) + make_positions(positions)


def resume_body_key(chain, nonce):
    return mac(chain, b"Belay 2 resume body" + nonce)


def add_resume(head, chain, plain):
    """Seals it behind the ticket, which is all of the credential in this head so far."""
    size = TICKET_SIZE + len(plain) + AUTHENTICATOR_SIZE
    covered = head[:62] + struct.pack("!H", size) + head[CREDENTIAL_AT:RESUME_AT]
    key = resume_body_key(chain, head[14:30])
    return (covered + seal(CHACHA, key, 0, covered, plain)).ljust(OPEN_HEAD, b"\0")


def read_resume(opened, chain):
    """Of an OPEN of way 3: attempt, epoch and positions."""
    credential = read_open(opened)["credential"]
    need(131 <= len(credential) <= 420, "size of the credential")
    key = resume_body_key(chain, opened[14:30])
    reader = Reader(unseal(CHACHA, key, 0, opened[:RESUME_AT], credential[TICKET_SIZE:]))
    attempt, epoch, positions = reader.number(8), reader.number(1), read_positions(reader)
    reader.end()
    need(epoch == 0 or epoch == 1 and not positions, "epoch")
    return attempt, epoch, positions


def make_open(head, schedule, cookie=NO_COOKIE):
    """schedule None: way 2 before the first cookie."""
    covered = head + cookie
    return covered + (mac(schedule.proof_key, covered) if schedule else NO_PROOF)


def read_open(datagram):
    need(len(datagram) == DATAGRAM_MAX, "size")
    reader = Reader(datagram)
    need(reader.number(1) == OPEN, "kind")
    reader.take(1)
    need(reader.number(2) == VERSION, "version")
    said = {"way": reader.number(1), "suites": reader.number(1), "game": reader.number(8)}
    said |= {"nonce": reader.take(16), "ephemeral": reader.take(32)}
    said["credential"] = reader.take(reader.number(2))
    need(len(said["credential"]) <= OPEN_HEAD - 64, "size of the credential")
    return said | {"cookie": datagram[1152:1168], "proof": datagram[1168:]}


def make_retry(nonce, cookie, way, server_key):
    return bytes([RETRY, 0]) + nonce + cookie + bytes([way]) + server_key


def make_cookie(secret, address, port, nonce):
    """address: 16 bytes, IPv4 in its mapped form."""
    return mac(secret, address + struct.pack("!H", port) + nonce)[:16]


def read_retry(datagram):
    need(len(datagram) == 67 and datagram[0] == RETRY, "not a RETRY")
    reader = Reader(datagram[2:])
    fields = {"nonce": reader.take(16), "cookie": reader.take(16)}
    return fields | {"way": reader.number(1), "server_key": reader.take(32)}


def accept_head(suite, client_nonce, server_nonce, ephemeral):
    return bytes([ACCEPT, 0, suite]) + client_nonce + server_nonce + ephemeral


def session_keys(chain, shared, first_open_bytes, first_accept_bytes):
    """Gives up, down and resume; shared: DH of the two ephemeral keys."""
    transcript = hash32(hash32(first_open_bytes) + first_accept_bytes)
    return hkdf(chain, shared + transcript, 3)


@dataclass
class Parameters:
    """What is sealed in ACCEPT."""

    tag: int
    spare: int
    reset: bytes
    spare_reset: bytes
    ticket: bytes
    positions: list

    def written(self):
        head = struct.pack("!II", self.tag, self.spare) + self.reset + self.spare_reset
        ticket = struct.pack("!H", len(self.ticket)) + self.ticket
        return head + ticket + make_positions(self.positions)


def read_parameters(data):
    reader = Reader(data)
    tag, spare = reader.number(4), reader.number(4)
    reset, spare_reset = reader.take(16), reader.take(16)
    ticket, positions = reader.take(reader.number(2)), read_positions(reader)
    reader.end()
    need(tag and spare and tag != spare and len(ticket) == TICKET_SIZE, "parameters")
    return Parameters(tag, spare, reset, spare_reset, ticket, positions)


def make_accept(head, down, parameters):
    return head + seal(head[2], down, 0, head, parameters.written())


@dataclass
class Accepted:
    suite: int
    up: bytes
    down: bytes
    resume: bytes
    parameters: Parameters


def read_accept(datagram, opened, secret, schedule, suites):
    """opened: the OPEN it must answer; secret: of the client's ephemeral key."""
    need(148 <= len(datagram) - ACCEPT_HEAD - AUTHENTICATOR_SIZE <= 437, "size")
    head, sealed = datagram[:ACCEPT_HEAD], datagram[ACCEPT_HEAD:]
    suite = head[2]
    need(head[0] == ACCEPT and suite in (CHACHA, AES) and suites & 1 << suite, "suite")
    need(head[3:19] == opened[14:30], "answers another OPEN")
    shared = dh(secret, head[35:67])
    up, down, resume = session_keys(schedule.chain, shared, opened[:OPEN_HEAD], head)
    parameters = read_parameters(unseal(suite, down, 0, head, sealed))
    return Accepted(suite, up, down, resume, parameters)


def make_deny(nonce, code, come_back, retry_ms, text, deny_key=None):
    """Without a key it is a hint."""
    words = text.encode()
    head = bytes([DENY, 0]) + nonce + struct.pack("!IBIB", code, come_back, retry_ms, len(words))
    head += words
    return head + (mac(deny_key, head) if deny_key else bytes(32))


def read_deny(datagram, deny_key):
    """deny_key None: not known yet, so that an authentic one cannot be told."""
    need(60 <= len(datagram) <= 60 + 128 and datagram[0] == DENY, "size")
    head, authenticator = datagram[:-32], datagram[-32:]
    code, come_back, retry_ms, size = struct.unpack("!IBIB", head[18:28])
    need(len(head) == 28 + size and come_back <= 1, "fields")
    hint = not any(authenticator)
    need(hint or deny_key and mac(deny_key, head) == authenticator, "not authentic")
    text = head[28:].decode(errors="replace")
    return {"hint": hint, "nonce": head[2:18], "code": code, "come_back": come_back} | {
        "retry_ms": retry_ms,
        "text": text,
    }


# What travels over a binding.


def next_key(key):
    return hkdf(key, b"Belay 2 update", 1)[0]


def complete_number(highest, low):
    """RFC 9000 A.3, for a half of 32 bits: the value next to the highest so far plus 1."""
    expected = highest + 1
    candidate = expected & ~0xFFFFFFFF | low
    if candidate <= expected - 2**31 and candidate < 2**64 - 2**32:
        return candidate + 2**32
    if candidate > expected + 2**31 and candidate >= 2**32:
        return candidate - 2**32
    return candidate


@dataclass
class Binding:
    """One side's keys and numbers. A server seals from 1 on, since its ACCEPT was 0."""

    suite: int
    send_key: bytes
    receive_key: bytes
    is_client: bool
    phase: int = 0
    next_number: int = 0
    highest: int = -1
    seen: set = field(default_factory=set)
    old_receive_key: bytes = None
    phase_lowest: int = None

    def __post_init__(self):
        if self.is_client:
            # ACCEPT was number 0 of the server's, and the first one opened under phase 0.
            self.highest = 0
            self.phase_lowest = 0
            self.seen.add(0)
        else:
            self.next_number = 1

    def update(self):
        """Goes on to the next phase, in both directions."""
        self.send_key = next_key(self.send_key)
        self.old_receive_key = self.receive_key
        self.receive_key = next_key(self.receive_key)
        self.phase ^= 1
        self.phase_lowest = None

    def seal(self, kind, tag, plain):
        number, self.next_number = self.next_number, self.next_number + 1
        steering = tag >> 24 if self.is_client else 0
        first = kind | (PHASE_BIT if self.phase else 0)
        head = struct.pack("!BBII", first, steering, tag, number & 0xFFFFFFFF)
        return head + seal(self.suite, self.send_key, number, head, plain)

    def open(self, datagram):
        """Gives kind, tag and what was sealed."""
        need(len(datagram) >= DATA_HEAD + 16, "size")
        head, sealed = datagram[:DATA_HEAD], datagram[DATA_HEAD:]
        first, _, tag, low = struct.unpack("!BBII", head)
        number = complete_number(self.highest, low)
        need(number > self.highest - WINDOW and number not in self.seen, "seen, or too old")

        is_next = False
        key = self.receive_key
        if bool(first & PHASE_BIT) != bool(self.phase):
            is_next = self.phase_lowest is not None and number > self.phase_lowest
            key = next_key(self.receive_key) if is_next else self.old_receive_key
            need(key, "no key of the phase before")
        plain = unseal(self.suite, key, number, head, sealed)

        if is_next:
            self.update()
        if key == self.receive_key:
            lowest = number if self.phase_lowest is None else self.phase_lowest
            self.phase_lowest = min(lowest, number)
        self.highest = max(self.highest, number)
        self.seen.add(number)
        return first & ~PHASE_BIT, tag, plain


# The server does not know of it.


def reset_token(key, tag):
    """key: the newest ticket key of the server."""
    return mac(key, b"Belay 2 reset" + struct.pack("!I", tag))[:16]


def make_reset(tag, token):
    return struct.pack("!BBI", RESET, 0, tag) + token


def read_reset(datagram):
    """Gives tag and reset token."""
    need(len(datagram) == 22 and datagram[0] == RESET, "not a RESET")
    return int.from_bytes(datagram[2:6], "big"), datagram[6:]


# Who is there?


def make_query(game, nonce):
    head = struct.pack("!BBHQ", QUERY, nonce[0], VERSION, game) + nonce
    return head.ljust(QUERY_SIZE, b"\0")


def make_info(nonce, server_key, sessions, session_max, data):
    head = bytes([INFO, 0]) + nonce + server_key
    return head + struct.pack("!IIH", sessions, session_max, len(data)) + data


def read_info(datagram):
    need(len(datagram) >= 52 and datagram[0] == INFO, "not an INFO")
    reader = Reader(datagram[2:])
    said = {"nonce": reader.take(8), "server_key": reader.take(32)}
    said |= {"sessions": reader.number(4), "session_max": reader.number(4)}
    said["data"] = reader.take(reader.number(2))
    reader.end()
    need(len(said["data"]) <= 512, "too much data")
    return said
