"""ENet datagrams and frames, from docs/protocol.md alone, as far as client.py needs them."""

import struct

from secure import Reader, fnv1a, need

ACKNOWLEDGE, SEND_RELIABLE, SEND_UNSEQUENCED = 0x01, 0x86, 0x49
HELLO, WELCOME, REFUSE, CLOSE, PING, PONG, HANDLED = 1, 2, 3, 4, 7, 8, 9
MESSAGE, SEGMENT, DATAGRAM, FRAGMENT = 16, 17, 19, 20
MESSAGE_MAX, SEGMENT_SIZE = 1140, 1132
SENT_TIME = 0x8000
CREDIT_MESSAGES = 256  # what HELLO says
NO_MOVEMENT = (0, 0, 0)


def acknowledge(channel, sequence, sent_time):
    return struct.pack("!BBHHH", ACKNOWLEDGE, channel, sequence, sequence, sent_time)


def send_reliable(channel, sequence, frame):
    return struct.pack("!BBHH", SEND_RELIABLE, channel, sequence, len(frame)) + frame


def send_unsequenced(group, frame):
    return struct.pack("!BBHHH", SEND_UNSEQUENCED, 0, 0, group, len(frame)) + frame


def enet_datagram(sent_time, commands):
    return struct.pack("!HH", SENT_TIME, sent_time % 65536) + b"".join(commands)


def read_enet_datagram(datagram):
    """Gives the sent time and the commands: (command, channel, sequence or group, frame)."""
    reader = Reader(datagram)
    sent_time = reader.number(2) & SENT_TIME and reader.number(2)
    commands = []
    while reader.data:
        command, channel, sequence = reader.number(1), reader.number(1), reader.number(2)
        need(command in (ACKNOWLEDGE, SEND_RELIABLE, SEND_UNSEQUENCED), "another ENet command")
        if command == ACKNOWLEDGE:
            need(reader.number(2) == sequence, "an acknowledgement of two sequences")
            reader.take(2)
            commands.append((command, channel, sequence, b""))
            continue
        if command == SEND_UNSEQUENCED:
            need(channel == 0 and sequence == 0, "unsequenced, but not on channel 0")
            sequence = reader.number(2)
        frame = reader.take(reader.number(2))
        need(1 <= len(frame) <= 1146, "size of the frame")
        commands.append((command, channel, sequence, frame))
    need(1 <= len(commands) <= 32, "number of commands")
    return sent_time, commands


def hello(version, login, movement=NO_MOVEMENT, features=0, requests=64):
    """Of movement: size of an input, ticks a second, lanes."""
    channels = b"".join(
        struct.pack("!BH", mode, fnv1a(name) & 0xFFFF)
        for mode, name in ((0, "reliable"), (1, "unreliable"))
    )
    head = struct.pack("!BHII", HELLO, version, features, 0)
    head += struct.pack("!HIHHHBB", CREDIT_MESSAGES, 1 << 20, requests, *movement, 2)
    return head + channels + login


def read_welcome(frame):
    fields = struct.unpack("!BHIIIIHIH", frame[:27])
    names = ("type", "version", "features", "heartbeat", "lost", "window", "messages", "bytes")
    names += ("requests",)
    return dict(zip(names, fields)) | {"user_id": frame[27:43], "payload": frame[43:]}


def message(channel, sequence, data):
    return struct.pack("!BBI", MESSAGE, channel, sequence) + data


def segment(channel, sequence, offset, data):
    """The one at this offset of a message, all of which is data."""
    head = struct.pack("!BBIII", SEGMENT, channel, sequence, offset, len(data))
    return head + data[offset : offset + SEGMENT_SIZE]


def read_piece(frame):
    """Of MESSAGE and SEGMENT: channel, sequence, offset, total and data."""
    if frame[0] == MESSAGE:
        return *struct.unpack("!BI", frame[1:6]), 0, len(frame) - 6, frame[6:]
    return *struct.unpack("!BIII", frame[1:14]), frame[14:]


def ping(nonce):
    return struct.pack("!BI", PING, nonce)


def datagram(channel, sequence, data):
    return struct.pack("!BBI", DATAGRAM, channel, sequence) + data


def handled(channel, sequence):
    return struct.pack("!BBBI", HANDLED, 1, channel, sequence)


def close(code, text):
    words = text.encode()
    return struct.pack("!BIBIB", CLOSE, code, 0, 0, len(words)) + words


def read_handled(frame):
    """From channel to the newest message of it that was handled."""
    need(len(frame) == 2 + 5 * frame[1], "size of HANDLED")
    return dict(struct.iter_unpack("!BI", frame[2:]))


def read_close(frame):
    """Of CLOSE and REFUSE: code and text."""
    _, code, _, _, size = struct.unpack("!BIBIB", frame[:11])
    need(len(frame) == 11 + size, "size of the text")
    return code, frame[11:].decode()
