"""MOVES and MOVE_ACK, from docs/protocol.md alone."""

import struct
from dataclasses import astuple, dataclass

from secure import Reader, need

MOVES, MOVE_ACK = 21, 22
FRAME_MAX = 1146
MOVES_MAX = FATES = 16
NO_FATE, USED, SUBSTITUTED, LATE = range(4)
BEGUN = 1
ACK = "!BBBIIIIIhhhHB"


def difference(data, newer):
    """The mask of the bytes that differ, and these."""
    mask, changed = bytearray((len(data) + 7) // 8), b""
    for at, (mine, theirs) in enumerate(zip(data, newer)):
        if mine != theirs:
            mask[at // 8] |= 1 << at % 8
            changed += bytes([mine])
    return bytes(mask) + changed


def make_moves(lane, newest, inputs, room=FRAME_MAX, also_new=0):
    """Of inputs by age, of which some beside the newest have never been sent before; gives the frame, and the ages of those for which there was room."""
    kept, same, body, newer = [0], 0, inputs[0], inputs[0]
    for age in sorted(inputs)[1:]:
        if inputs[age] == newer:
            same |= 1 << age
        elif 10 + len(body) + len(difference(inputs[age], newer)) <= room:
            body += difference(inputs[age], newer)
        else:
            break
        kept.append(age)
        newer = inputs[age]
    lane |= min(also_new, kept[-1]) << 4
    head = struct.pack("!BBIHH", MOVES, lane, newest, mask_of(kept), same)
    return head + body, kept


def mask_of(ages):
    return sum(1 << age for age in ages)


def read_difference(reader, newer):
    data = bytearray(newer)
    mask = int.from_bytes(reader.take((len(newer) + 7) // 8), "little")
    need(0 < mask < 1 << len(newer), "a mask of nothing, or beyond the input")
    for at, byte in enumerate(newer):
        if mask >> at & 1:
            data[at] = reader.number(1)
            need(data[at] != byte, "a byte that does not differ")
    return bytes(data)


def read_moves(frame, move_size):
    """Gives lane, newest tick, inputs by age, and how many but the newest are new."""
    reader = Reader(frame)
    need(reader.number(1) == MOVES, "another frame")
    lane, newest = reader.number(1), reader.number(4)
    present, same = reader.number(2), reader.number(2)
    need(present & 1 and not same & 1 and not same & ~present, "present and same")
    need(present >> (lane >> 4), "what is new is not there")
    inputs = {0: reader.take(move_size)}
    newer = inputs[0]
    for age in range(1, MOVES_MAX):
        if present >> age & 1:
            newer = newer if same >> age & 1 else read_difference(reader, newer)
            inputs[age] = newer
    reader.end()
    return lane & 15, newest, inputs, lane >> 4


@dataclass
class MoveAck:
    lane: int
    flags: int
    consumed: int
    age_us: int
    fates: int
    waiting: int
    received: int
    margin: int
    smoothed: int
    least: int
    starved: int
    loss: int

    def made(self):
        return struct.pack(ACK, MOVE_ACK, *astuple(self))

    def fate(self, tick):
        """None: it is too old, or has not been run."""
        age = (self.consumed - tick) % 2**32
        return self.fates >> 2 * age & 3 if age < FATES else None


def read_ack(frame):
    need(len(frame) == struct.calcsize(ACK), "size of MOVE_ACK")
    kind, *fields = struct.unpack(ACK, frame)
    ack = MoveAck(*fields)
    need(kind == MOVE_ACK and not ack.flags & ~BEGUN, "flags")
    return ack
