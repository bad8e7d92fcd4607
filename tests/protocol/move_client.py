"""Movement, by a client that shares no line with the library, in real time on loopback.

usage: move_client.py SERVER TOKEN_PROGRAM      tests/protocol/server.c and belay-token

The server says in a message of channel 1 what it has run each tick of each lane with. That, what it
acknowledges and what was sent must be one story.
"""

import math
import select
import struct
import sys
import time
from dataclasses import dataclass

import frames
import moves
from client import FRAMES_VERSION, Attempt
from server import Server

SIZE, HZ, LANES = MOVEMENT = (8, 60, 2)  # as tests/protocol/server.c has them
ACK_EVERY = 3
HOLD_TICKS, FUTURE_MAX, BURST = 3, 64, 8
NEUTRAL = bytes(SIZE)
LEAD = 8  # ticks by which inputs are sent before they are due
CODE_FEATURE = 24


@dataclass
class Run:
    """What a tick was run with."""

    as_sent: bool
    held: int
    data: bytes


def input_of(lane, tick):
    """Of lane 0 it changes with each tick, of lane 1 now and then."""
    return struct.pack("!BIBH", lane + 1, tick if lane == 0 else tick // 10, 0, 7)


class Player:
    """Two lanes of one session. Ticks are due at epoch + tick / HZ on the client's own clock."""

    def __init__(self, server):
        self.link = Attempt(server.address).open_session()
        self.link.log_in(b"", MOVEMENT)
        self.epoch = math.inf
        self.acks = [[] for _ in range(LANES)]
        self.ran = [{} for _ in range(LANES)]
        self.inputs = [{} for _ in range(LANES)]
        self.sent_at = {}  # of (lane, tick), in its own datagram
        while not all(self.acks):
            self.hear(time.monotonic() + 0.02)
        self.next = self.now() + LEAD + 2

    def now(self):
        return math.floor((time.monotonic() - self.epoch) * HZ)

    def due(self, tick):
        return self.epoch + tick / HZ

    def hear(self, until):
        while True:
            left = max(until - time.monotonic(), 0)
            if not select.select([self.link.socket], [], [], left)[0]:
                return
            self.link.receive(self.link.socket.recv(2048))
            for frame in self.link.inbox:
                self.take(frame)
            self.link.inbox.clear()

    def take(self, frame):
        if frame[0] == moves.MOVE_ACK:
            self.take_ack(moves.read_ack(frame))
        elif frame[0] == frames.DATAGRAM:
            tick, lane, as_sent, held = struct.unpack("!IBBB", frame[6:13])
            assert all(earlier < tick for earlier in self.ran[lane]), "a tick was run twice"
            self.ran[lane][tick] = Run(bool(as_sent), held, frame[13:])

    def take_ack(self, ack):
        before = self.acks[ack.lane]
        if before:
            crossed = ack.consumed // ACK_EVERY > before[-1].consumed // ACK_EVERY
            assert crossed, (before[-1], ack)
            assert not before[-1].flags & ~ack.flags, "what had begun has not"
        before.append(ack)
        due = time.monotonic() - ack.age_us / 1e6
        self.epoch = min(self.epoch, due - ack.consumed / HZ)

    def send(self, lane, newest, inputs):
        """Inputs by age."""
        frame, kept = moves.make_moves(lane, newest, inputs)
        assert kept == sorted(inputs)
        self.link.send_unreliable(frame)

    def send_moves(self, lane, tick, also=()):
        """The input of this tick and all that are not known to be used; also those of others."""
        inputs, consumed = self.inputs[lane], self.acks[lane][-1].consumed
        ticks = {known for known in inputs if consumed < known <= tick} | set(also)
        self.sent_at[lane, tick] = time.monotonic()
        self.send(lane, tick, {tick - known: inputs[known] for known in ticks if tick - known < 16})

    def play(self, count, lost=(), late=()):
        """Datagrams of the ticks in lost do not leave; the last one brings the late ones as well."""
        last = self.next + count - 1
        for tick in range(self.next, last + 1):
            self.hear(self.due(tick - LEAD))
            for lane in range(LANES):
                self.inputs[lane][tick] = input_of(lane, tick)
                if tick not in lost:
                    self.send_moves(lane, tick, late if tick == last else ())
        self.next = last + 1

    def leave_out(self, count):
        """Gives the ticks for which there is no input."""
        self.next += count
        return range(self.next - count, self.next)

    def wait_for(self, tick):
        """Until it has been run, and what is said of it has come."""
        self.hear(self.due(tick + 2 * ACK_EVERY) + 0.1)

    def newest_fate(self, lane, tick):
        """The last that was said."""
        fates = [ack.fate(tick) for ack in self.acks[lane]]
        return next((fate for fate in reversed(fates) if fate is not None), None)


def fates_agree(player, lane):
    """Each that was ever told, with what the tick was run with. Gives how many were used."""
    ran, inputs = player.ran[lane], player.inputs[lane]
    first = min((tick for tick in ran if ran[tick].as_sent), default=math.inf)
    used = set()
    for ack in player.acks[lane]:
        for tick in range(ack.consumed - moves.FATES + 1, ack.consumed + 1):
            fate, run = ack.fate(tick), ran.get(tick)
            story = (lane, tick, fate, run)
            if fate == moves.NO_FATE:
                assert run is None or tick < first, story
                continue
            assert run and run.as_sent == (fate == moves.USED), story
            assert not run.as_sent or run.data == inputs[tick], story
            assert tick >= first, story
            used |= {tick} if run.as_sent else set()
    last = player.acks[lane][-1]
    missing = [tick for tick in ran if first < tick <= last.consumed and not ran[tick].as_sent]
    assert last.starved == len(missing), (last, missing)
    return len(used)


def margins_agree(player, lane):
    """They cannot be more than what the client has left; less, as far as the machine is busy."""
    lags, ages, before = [], [], None
    for ack in player.acks[lane]:
        sent_at = player.sent_at.get((lane, ack.received))
        if not ack.flags & moves.BEGUN:
            continue
        assert sent_at, ack
        left = (player.due(ack.received) - sent_at) * HZ * 256
        assert ack.margin <= left + 256, (ack, left)
        assert ack.received == before or ack.least <= ack.margin, ack
        assert abs(ack.smoothed) < 2 * LEAD * 256, ack
        lags.append(left - ack.margin)
        ages.append(ack.age_us * HZ / 1e6)
        before = ack.received
    assert min(lags) < 256, lags
    assert min(ages) < 2, ages


def each_tick_gets_its_input(server):
    player = Player(server)
    begun_at, count = player.next, 120
    acks_before = len(player.acks[0])
    player.play(count)
    # Datagrams are lost, but not their inputs.
    player.play(20, lost=range(player.next + 3, player.next + 7))
    player.wait_for(player.next)
    for lane in range(LANES):
        used = fates_agree(player, lane)
        assert used > count / 2, f"{used} inputs were used"
        assert any(ack.loss for ack in player.acks[lane]), "no loss was seen"
        margins_agree(player, lane)
        acks, ticks = len(player.acks[lane]) - acks_before, player.now() - begun_at
        assert 0 < acks < (ticks + 2 * LEAD) / ACK_EVERY + 2, (acks, ticks)
    player.link.leave(0)


def a_missing_input_is_held_and_then_neutral(server):
    player = Player(server)
    player.play(10)
    missing = player.leave_out(5)
    player.play(LEAD + 1)
    for lane in range(LANES):
        player.inputs[lane] |= {tick: input_of(lane, tick) for tick in missing}
    player.play(1, late=missing)  # by now they have been run
    player.wait_for(player.next)
    for lane in range(LANES):
        fates_agree(player, lane)
        held = player.inputs[lane][missing[0] - 1]
        for count, tick in enumerate(missing, 1):
            stands = held if count <= HOLD_TICKS else NEUTRAL
            assert player.ran[lane][tick] == Run(False, count, stands), (tick, player.ran[lane])
            fates = [ack.fate(tick) for ack in player.acks[lane]]
            told = [fate for fate in fates if fate is not None]
            assert told == sorted(told) and told[-1] == moves.LATE, (tick, told)
            assert told[0] in (moves.SUBSTITUTED, moves.LATE), (tick, told)
    player.link.leave(0)


def inputs_beyond_the_rules_are_not_taken(server):
    """Of lane 1; lane 0 does not begin."""
    player = Player(server)
    first = player.now() + 12
    inputs = {tick: input_of(1, tick) for tick in range(first, first + 16)}
    newest = first + 15
    player.inputs[1] = inputs
    one, _ = moves.make_moves(1, first, {0: inputs[first]})
    conflict, _ = moves.make_moves(1, first, {0: b"conflict"})
    every, _ = moves.make_moves(1, newest, {newest - tick: inputs[tick] for tick in inputs})
    # In one datagram: no tick passes meanwhile, which would bring back an input.
    player.link.send_together([one, conflict, every, every])
    player.send(0, player.now() + FUTURE_MAX + 5, {0: b"too soon"})
    player.send(0, player.now() - 200, {0: b"too late"} | {1: b"and this"})
    frame, _ = moves.make_moves(0, player.now() + 5, {0: b"no lane."})
    player.link.send_unreliable(frame[:1] + bytes([LANES]) + frame[2:])
    player.link.send_unreliable(frame + b"x")
    player.link.send_unreliable(frame[:-1])
    acks = len(player.acks[1])
    while len(player.acks[1]) < acks + 2:
        player.hear(time.monotonic() + 0.02)
    ack = player.acks[1][-1]
    waiting = {ack.consumed + 1 + i for i in range(32) if ack.waiting >> i & 1}
    assert ack.consumed < first, (ack, first)
    taken = range(first, first + len(waiting))
    # One more for each tick that was due and not yet run, if the machine is busy.
    assert waiting == set(taken) and BURST <= len(waiting) < 16, (first, waiting)
    player.wait_for(newest)
    for tick in inputs:
        run = player.ran[1][tick]
        assert run.as_sent == (tick in taken), (tick, run)
        assert not run.as_sent or run.data == inputs[tick], (tick, run)
    assert not any(run.as_sent for run in player.ran[0].values())
    assert not any(ack.waiting or ack.fates for ack in player.acks[0])
    player.link.leave(0)


def other_movement_is_refused(address, ours):
    rows = [("size", SIZE - 4, HZ, LANES), ("tick_hz", SIZE, 30, LANES), ("lanes", SIZE, HZ, 1)]
    rows = [*rows, ("size", 0, 0, 0)] if ours else [("size", *MOVEMENT)]
    for name, *theirs in rows:
        link = Attempt(address).open_session()
        link.send_reliable(frames.hello(FRAMES_VERSION, b"", theirs))
        code, text = frames.read_close(link.frame(frames.REFUSE))
        assert code == CODE_FEATURE and f"move.{name}" in text, (theirs, code, text)
        link.socket.close()


def main(arguments):
    if len(arguments) != 2:
        print(__doc__)
        return 2
    with Server(*arguments, "moves") as server:
        each_tick_gets_its_input(server)
        a_missing_input_is_held_and_then_neutral(server)
        inputs_beyond_the_rules_are_not_taken(server)
        other_movement_is_refused(server.address, True)
    with Server(*arguments) as server:
        other_movement_is_refused(server.address, False)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
