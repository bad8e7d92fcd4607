"""Makes the known answers in tests/data/protocol.txt, or checks that the file has them.

usage: vectors.py FILE            writes it
       vectors.py --check FILE    fails unless it is what would be written, byte for byte

The file has sections, "[name]", of lines "field = hex"; test_vectors.c reads it.
"""

import sys
from dataclasses import dataclass

import moves
import secure

GAME = secure.fnv1a("arena/3")
NOT_BEFORE = 1_700_000_000_000
KEY_ID = 0x0A0B0C0D
TICKET_KEY_ID = 0x1A1B1C1D
TAG, SPARE, NEXT_SPARE = 0x51A2B3C4, 0x61626364, 0x71727374
SUITE_NAMES = {secure.CHACHA: "chacha20-poly1305", secure.AES: "aes-256-gcm"}


def pattern(label, size):
    """Bytes that look random, and are the same every time."""
    made = b""
    while len(made) < size:
        made += secure.hash32(f"{label} {len(made)}".encode())
    return made[:size]


CLIENT_SECRET = pattern("client's ephemeral", 32)
SERVER_SECRET = pattern("server's ephemeral", 32)
STATIC_SECRET = pattern("server's static", 32)
STATIC_KEY = secure.public_key(STATIC_SECRET)
CLIENT_NONCE = pattern("client nonce", 16)
SERVER_NONCE = pattern("server nonce", 16)
TICKET_KEY = pattern("ticket key", 32)
COOKIE_SECRET = pattern("cookie", 32)
ADDRESS = bytes(10) + b"\xff\xff\x7f\0\0\1"
COOKIE = secure.make_cookie(COOKIE_SECRET, ADDRESS, 5000, CLIENT_NONCE)


class Vectors:
    def __init__(self):
        self.lines = ["# Known answers of docs/protocol.md, made by tests/protocol/vectors.py."]

    def section(self, name, **fields):
        self.lines += ["", f"[{name}]"]
        for field, value in fields.items():
            if isinstance(value, int):
                value = value.to_bytes(8, "big")
            self.lines.append(f"{field} = {value.hex()}".rstrip())

    def text(self):
        return "\n".join(self.lines) + "\n"


def add_primitives(vectors):
    key, data = pattern("key", 32), b"what is hashed"
    one, two, three = secure.hkdf(key, data, 3)
    shared = secure.dh(CLIENT_SECRET, secure.public_key(SERVER_SECRET))
    vectors.section(
        "primitives",
        key=key,
        data=data,
        hash=secure.hash32(data),
        mac=secure.mac(key, data),
        hkdf_1=one,
        hkdf_2=two,
        hkdf_3=three,
        dh_secret=CLIENT_SECRET,
        dh_public=secure.public_key(SERVER_SECRET),
        dh=shared,
        next_key=secure.next_key(key),
    )


def add_token(vectors):
    """Gives the token and its session secret."""
    key, nonce = pattern("token key", 32), pattern("token nonce", 24)
    user_id, token_id = pattern("user id", 16), pattern("token id", 16)
    secret = pattern("session secret", 32)
    full = {"game": GAME, "audience": b"eu-1", "data": b"team red"}
    kinds = {
        "smallest": {},
        "full": full,
        "largest": full | {"audience": b"a" * 64, "data": pattern("data", 128)},
    }
    for name, more in kinds.items():
        token = secure.Token(
            KEY_ID, NOT_BEFORE, NOT_BEFORE + 60_000, user_id, token_id, secret, **more
        )
        sealed = token.sealed(key, nonce)
        assert secure.open_token(sealed, {KEY_ID: key}) == token
        vectors.section(
            f"token {name}",
            key_id=KEY_ID,
            key=key,
            nonce=nonce,
            game=token.game,
            not_before=token.not_before,
            expiry=token.expiry,
            user_id=user_id,
            token_id=token_id,
            secret=secret,
            audience=token.audience,
            data=token.data,
            token=sealed,
        )
        places = ["play.example.org:7777", "[2001:db8::1]:7778"] if name == "full" else []
        blob = secure.make_blob(sealed, secret, places)
        assert secure.read_blob(blob) == (sealed, secret, places)
        vectors.section(
            f"blob {name}",
            token=sealed,
            secret=secret,
            places=" ".join(places).encode(),
            blob=blob,
        )
        if name == "full":
            used = sealed
    return used, secret


def add_ticket(vectors, generation, resume_key):
    """Gives it sealed."""
    nonce = pattern(f"ticket nonce {generation}", 24)
    run, name = pattern("run", 8), pattern("session name", 16)
    ticket = secure.Ticket(TICKET_KEY_ID, run, name, generation, resume_key)
    sealed = ticket.sealed(TICKET_KEY, nonce)
    assert len(sealed) == secure.TICKET_SIZE
    assert secure.open_ticket(sealed, {TICKET_KEY_ID: TICKET_KEY}) == ticket
    vectors.section(
        f"ticket {generation}",
        key_id=TICKET_KEY_ID,
        key=TICKET_KEY,
        nonce=nonce,
        run=run,
        session_name=name,
        generation=generation,
        resume_key=resume_key,
        ticket=sealed,
    )
    return sealed


# How far the reliable channels of a session have come: of one, of some, of as many as there can be.
POSITIONS = {
    "none": [],
    "one": [secure.Position(0, 7, 3 * 1132, 5, 9)],
    "some": [secure.Position(0, 2**32 - 1, 0, 2**32 - 3, 1), secure.Position(3, 0, 0, 0, 2**31)],
    "all": [
        secure.Position(channel, 1000 + channel, 1132 * channel, 900 + channel, 70_000 + channel)
        for channel in range(secure.CHANNELS_MAX)
    ],
}


def add_positions(vectors):
    for name, positions in POSITIONS.items():
        written = secure.make_positions(positions)
        assert secure.read_positions(secure.Reader(written)) == positions
        columns = {
            field: b"".join(
                getattr(position, field).to_bytes(4, "big") for position in positions
            )
            for field in ("channel", "received", "filled", "handled", "newest")
        }
        vectors.section(f"positions {name}", **columns, positions=written)


def add_reset(vectors):
    token = secure.reset_token(TICKET_KEY, TAG)
    datagram = secure.make_reset(TAG, token)
    assert len(datagram) == 22 and secure.read_reset(datagram) == (TAG, token)
    vectors.section("reset", key=TICKET_KEY, tag=TAG, token=token, datagram=datagram)
    derived = secure.ticket_key(STATIC_SECRET)
    vectors.section("derived ticket key", server_secret=STATIC_SECRET, key_id=1, key=derived)


@dataclass
class Way:
    """How a client of the vectors comes in."""

    way: int
    schedule: secure.Schedule
    credential: bytes = b""
    told: bytes = b""  # behind a ticket
    first_secret: bytes = b""  # a token's session secret, or a ticket's resume key

    def head(self, ephemeral):
        head = secure.open_head(self.way, 3, GAME, CLIENT_NONCE, ephemeral, self.credential)
        if self.way != secure.RESUME_WAY:
            return head
        return secure.add_resume(head, self.schedule.chain, self.told)


def resume_way(ticket, resume_key, attempt, epoch, positions):
    schedule = secure.ticket_schedule(resume_key)
    told = secure.make_resume(attempt, epoch, positions)
    way = Way(secure.RESUME_WAY, schedule, ticket, told, resume_key)
    opened = secure.make_open(way.head(bytes(32)), schedule)
    assert secure.read_resume(opened, schedule.chain) == (attempt, epoch, positions)
    return way


def parameters_of(ticket, positions):
    resets = [secure.reset_token(TICKET_KEY, tag) for tag in (TAG, SPARE)]
    return secure.Parameters(TAG, SPARE, *resets, ticket, positions)


def add_handshake(vectors, name, how, suite, parameters):
    """Gives the keys of the two directions."""
    ephemeral, server_ephemeral = map(secure.public_key, (CLIENT_SECRET, SERVER_SECRET))
    way, schedule = how.way, how.schedule
    head = how.head(ephemeral)
    by_key = way == secure.KEY_WAY
    first = secure.make_open(head, None if by_key else schedule)
    again = secure.make_open(head, schedule, COOKIE)
    retry_key = STATIC_KEY if by_key else bytes(32)
    retry = secure.make_retry(CLIENT_NONCE, COOKIE, way, retry_key)

    accept_head = secure.accept_head(suite, CLIENT_NONCE, SERVER_NONCE, server_ephemeral)
    shared = secure.dh(SERVER_SECRET, ephemeral)
    up, down, resume = secure.session_keys(schedule.chain, shared, head, accept_head)
    accept = secure.make_accept(accept_head, down, parameters)
    assert secure.read_accept(accept, again, CLIENT_SECRET, schedule, 3) == secure.Accepted(
        suite, up, down, resume, parameters
    )

    deny = secure.make_deny(CLIENT_NONCE, 5, 1, 5000, "full: 64 of 64", schedule.deny_key)
    hint = secure.make_deny(CLIENT_NONCE, 13, 0, 0, "")
    vectors.section(
        f"handshake {name}",
        way=way,
        suites=3,
        suite=suite,
        game=GAME,
        client_nonce=CLIENT_NONCE,
        client_secret=CLIENT_SECRET,
        client_ephemeral=ephemeral,
        server_nonce=SERVER_NONCE,
        server_secret=SERVER_SECRET,
        server_ephemeral=server_ephemeral,
        static_secret=STATIC_SECRET if by_key else b"",
        static_key=STATIC_KEY if by_key else b"",
        first_secret=how.first_secret,
        credential=secure.read_open(first)["credential"],
        told=how.told,
        cookie=COOKIE,
        chain=schedule.chain,
        proof_key=schedule.proof_key,
        deny_key=schedule.deny_key,
        up=up,
        down=down,
        resume=resume,
        tag=TAG,
        spare=SPARE,
        reset_token=parameters.reset,
        spare_reset_token=parameters.spare_reset,
        ticket=parameters.ticket,
        positions=secure.make_positions(parameters.positions),
        open_first=first,
        retry_key=retry_key,
        retry=retry,
        open_again=again,
        accept=accept,
        deny=deny,
        deny_code=5,
        deny_retry_ms=5000,
        deny_text=b"full: 64 of 64",
        hint=hint,
        hint_code=13,
    )
    return up, down


def sealed_once(suite, key, is_client, phase, number, kind, plain):
    """One datagram, which the other side, having seen all before it, has opened as well."""
    sender = secure.Binding(suite, key, key, is_client)
    receiver = secure.Binding(suite, key, key, not is_client)
    sender.phase = receiver.phase = phase % 2
    sender.next_number, receiver.highest = number, number - 1
    datagram = sender.seal(kind, TAG, plain)
    assert receiver.open(datagram) == (kind, TAG, plain)
    return datagram


def add_datagrams(vectors, suite, up, down):
    """Each kind in each direction that has it, before and after a key update, and past 32 bits."""
    echo = pattern("challenge", 8)
    kinds = {
        "data up": (secure.DATA, True, pattern("an ENet datagram", 40)),
        "data down": (secure.DATA, False, pattern("another ENet datagram", 1174)),
        "challenge": (secure.CHALLENGE, False, echo + NEXT_SPARE.to_bytes(4, "big")),
        "response": (secure.RESPONSE, True, echo),
        "gone up": (secure.GONE, True, b""),
        "gone down": (secure.GONE, False, b""),
    }
    for phase, number in ((0, 1), (1, 1000), (2, 2**32 + 5)):
        for what, (kind, is_client, plain) in kinds.items():
            key = up if is_client else down
            for _ in range(phase):
                key = secure.next_key(key)
            vectors.section(
                f"{what} {SUITE_NAMES[suite]} phase {phase}",
                suite=suite,
                first_key=up if is_client else down,
                key=key,
                phase=phase,
                number=number,
                kind=kind,
                from_client=int(is_client),
                tag=TAG,
                plain=plain,
                datagram=sealed_once(suite, key, is_client, phase, number, kind, plain),
            )


def add_cookie(vectors):
    vectors.section(
        "cookie",
        secret=COOKIE_SECRET,
        address=b"127.0.0.1:5000",
        client_nonce=CLIENT_NONCE,
        cookie=COOKIE,
    )


def add_query(vectors):
    nonce, data = pattern("query nonce", 8), b"Eve's arena, 3 of 8"
    query = secure.make_query(GAME, nonce)
    info = secure.make_info(nonce, STATIC_KEY, 3, 8, data)
    said = {"nonce": nonce, "server_key": STATIC_KEY, "sessions": 3, "session_max": 8}
    assert secure.read_info(info) == said | {"data": data}
    vectors.section("query", game=GAME, query=query, info=info, data=data, **said)


def wild(size, count):
    """Inputs of which each differs from the others in every byte."""
    return {age: bytes([17 * age]) * size for age in range(count)}


# Inputs by age, of lane and newest tick; and how many but the newest are new.
MOVES = {
    "example": (0, 101, {0: b"\1\0\x7f\x20", 1: b"\1\0\x7f\x20", 3: b"\1\0\x80\x21"}, 0),
    "of one": (7, 0, {0: b"\x2a"}, 0),
    "all the same": (1, 2**32 - 1, {age: pattern("held", 8) for age in range(16)}, 2),
    "across the wrap": (2, 3, {age: bytes([age // 3] * 2 + [0] * 7) for age in range(0, 16, 2)}, 1),
    "full": (3, 70_000, wild(64, 15), 14),
    "beyond a frame": (4, 70_000, wild(64, 16), 15),
    "that just fit": (5, 70_000, wild(64, 15) | {15: wild(64, 15)[14][:8] + b"\xff" * 56}, 0),
}
MOVE_ACKS = {
    "before the first input": moves.MoveAck(0, 0, 600, 4321, 0, 0, 0, 0, 0, 0, 0, 0),
    "in play": moves.MoveAck(
        3, moves.BEGUN, 1000, 16_666, 0xE4555555, 0b1011, 1004, 700, 512, -31, 5, 12
    ),
    "at the limits": moves.MoveAck(
        7, moves.BEGUN, *[2**32 - 1] * 5, 32_767, -32_768, -1, 65_535, 255
    ),
}


def add_moves(vectors):
    for name, (lane, newest, inputs, also_new) in MOVES.items():
        size = len(inputs[0])
        frame, kept = moves.make_moves(lane, newest, inputs, also_new=also_new)
        assert len(frame) <= moves.FRAME_MAX
        read = moves.read_moves(frame, size)
        told_new = min(also_new, kept[-1])
        assert read == (lane, newest, {age: inputs[age] for age in kept}, told_new)
        vectors.section(
            f"moves {name}",
            move_size=size,
            lane=lane,
            also_new=also_new,
            told_new=told_new,
            newest=newest,
            given=moves.mask_of(inputs),
            present=moves.mask_of(kept),
            inputs=b"".join(inputs[age] for age in sorted(inputs)),
            frame=frame,
        )
    for name, ack in MOVE_ACKS.items():
        assert moves.read_ack(ack.made()) == ack
        fields = {field: value % 2**64 for field, value in vars(ack).items()}
        vectors.section(f"move ack {name}", **fields, frame=ack.made())


def way_of_token(token, secret):
    return Way(secure.TOKEN_WAY, secure.token_schedule(secret), token, first_secret=secret)


def way_of_key():
    shared = secure.dh(CLIENT_SECRET, STATIC_KEY)
    return Way(secure.KEY_WAY, secure.key_schedule(STATIC_KEY, shared))


def make_all():
    vectors = Vectors()
    add_primitives(vectors)
    token, secret = add_token(vectors)
    resume_key = pattern("resume key", 32)
    tickets = [add_ticket(vectors, generation, resume_key) for generation in (0, 1, 2**32 - 1)]
    add_positions(vectors)
    at_login = parameters_of(tickets[0], [])
    ways = {"token": (way_of_token(token, secret), at_login), "key": (way_of_key(), at_login)}
    # Told, and answered. Whether it can be true is not for who reads it to say.
    resumes = {
        "resume": (0, POSITIONS["one"], POSITIONS["some"]),
        "full resume": (0, POSITIONS["all"], POSITIONS["all"]),
        "new epoch": (1, [], POSITIONS["one"]),
    }
    for name, (epoch, told, answered) in resumes.items():
        way = resume_way(tickets[0], resume_key, NOT_BEFORE, epoch, told)
        ways[name] = (way, parameters_of(tickets[1], answered))
    for suite, suite_name in SUITE_NAMES.items():
        keys = {
            name: add_handshake(vectors, f"{name} {suite_name}", way, suite, parameters)
            for name, (way, parameters) in ways.items()
        }
        add_datagrams(vectors, suite, *keys["key"])
    add_cookie(vectors)
    add_reset(vectors)
    add_query(vectors)
    add_moves(vectors)
    return vectors.text()


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--check":
        with open(arguments[1], encoding="ascii") as file:
            if file.read() != make_all():
                print(f"{arguments[1]} is not what vectors.py makes: run it, and look at git diff")
                return 1
        return 0
    if len(arguments) != 1:
        print(__doc__)
        return 2
    with open(arguments[0], "w", encoding="ascii") as file:
        file.write(make_all())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
