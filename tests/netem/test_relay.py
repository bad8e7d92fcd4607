"""belay-netem over real sockets on loopback: what the unit tests cannot see.

usage: test_relay.py PROGRAM [TEST...]
"""

import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = ""
PATIENCE = 10  # seconds for what must come
SILENCE = 0.15  # and for what must not


def udp(family=socket.AF_INET):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
    sock.settimeout(PATIENCE)
    return sock


class Relay:
    """A relay that runs, its server and its clients, all closed at the end of the test."""

    def __init__(self, test, *options, family=socket.AF_INET):
        self.family = family
        self.test = test
        self.server = self.open()
        host, port = self.server.getsockname()[:2]
        form = "[%s]:%d" if family == socket.AF_INET6 else "%s:%d"
        self.process = subprocess.Popen(
            [PROGRAM, *options, form % (host, 0), form % (host, port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        test.addCleanup(self.process.stdout.close)
        test.addCleanup(self.process.stderr.close)
        test.addCleanup(self.process.wait)
        test.addCleanup(self.process.kill)
        line = self.process.stdout.readline()
        found = re.fullmatch(r"listening on (.+):(\d+)\n", line)
        assert found, f"the first line is {line!r}"
        self.address = (host, int(found[2]))

    def open(self):
        sock = udp(self.family)
        self.test.addCleanup(sock.close)
        return sock

    def client(self):
        sock = self.open()
        sock.connect(self.address)
        return sock

    def carry(self, client, data):
        """A datagram of the client's comes to the server; from where."""
        client.send(data)
        got, address = self.server.recvfrom(65536)
        self.test.assertEqual(got, data)
        return address

    def end(self):
        """The counts of the summary by name, (up, down), and what else was said."""
        self.process.terminate()
        said = self.process.communicate(timeout=PATIENCE)[1]
        self.test.assertEqual(self.process.returncode, 0, said)
        rows = re.findall(r"^(\S.*?) +(\d+) +(\d+)$", said, re.MULTILINE)
        return {name: (int(up), int(down)) for name, up, down in rows}, said

    def wait_said(self, word):
        line = self.process.stderr.readline()
        while word not in line:
            self.test.assertNotEqual(line, "", f"it ended without {word!r}")
            line = self.process.stderr.readline()


def is_silent(sock):
    return not select.select([sock], [], [], SILENCE)[0]


def drain(sock, silence=SILENCE):
    """All that comes until nothing has come for a while."""
    got = []
    while select.select([sock], [], [], silence)[0]:
        got.append(sock.recv(65536))
    return got


class RelayTest(unittest.TestCase):
    def test_each_client_has_a_port_of_its_own_and_its_own_answers(self):
        for family in (socket.AF_INET, socket.AF_INET6):
            with self.subTest(family):
                relay = Relay(self, family=family)
                clients = [relay.client() for _ in range(3)]
                seen = [relay.carry(client, b"hello") for client in clients]
                self.assertEqual(len(set(seen)), 3)
                for number, address in enumerate(seen):
                    relay.server.sendto(bytes([number]), address)
                for number, client in enumerate(clients):
                    self.assertEqual(client.recv(100), bytes([number]))
                self.assertEqual(relay.carry(clients[0], b"again"), seen[0])
                counts, _ = relay.end()
                self.assertEqual(counts["in"], (4, 3))
                self.assertEqual(counts["out"], (4, 3))

    def test_many_clients_are_kept_apart(self):
        relay = Relay(self)
        clients = [relay.client() for _ in range(200)]
        for number, client in enumerate(clients):
            relay.server.sendto(b"%d" % number, relay.carry(client, b"hello"))
        for number, client in enumerate(clients):
            self.assertEqual(client.recv(100), b"%d" % number)

    def test_datagrams_of_every_size_pass_unchanged(self):
        relay = Relay(self)
        client = relay.client()
        for size in (0, 1, 1200, 1472, 9000, 65507):
            address = relay.carry(client, os.urandom(size))
            data = os.urandom(size)
            relay.server.sendto(data, address)
            self.assertEqual(client.recv(65536), data)

    def test_what_others_send_to_a_clients_port_does_not_reach_it(self):
        relay = Relay(self)
        client = relay.client()
        address = relay.carry(client, b"hello")
        relay.open().sendto(b"forged", address)
        relay.server.sendto(b"true", address)
        self.assertEqual(client.recv(100), b"true")
        self.assertTrue(is_silent(client))

    def test_each_direction_is_delayed_by_its_own_delay(self):
        relay = Relay(self, "--delay", "80", "--down-delay", "160")
        client = relay.client()
        began = time.monotonic()
        address = relay.carry(client, b"up")
        self.assertGreaterEqual(time.monotonic() - began, 0.08)
        began = time.monotonic()
        relay.server.sendto(b"down", address)
        client.recv(100)
        self.assertGreaterEqual(time.monotonic() - began, 0.16)

    def survivors(self, seed, chatter=False):
        """What comes through of a client's datagrams, and of those of another, if that sends."""
        relay = Relay(self, "--loss", "30", "--burst", "3", "--duplicate", "10", "--seed", seed)
        client, other = relay.client(), relay.client()
        got = []
        for number in range(200):
            client.send(b"a%d" % number)
            if chatter:
                other.send(b"b%d" % number)
            if number % 40 == 39:  # before a socket's buffer overflows
                got += drain(relay.server)
        counts, said = relay.end()
        self.assertEqual(counts["in"][0], 400 if chatter else 200)
        self.assertIn("--seed " + seed, said)
        self.assert_adds_up(counts)
        return [[data[1:] for data in got if data[:1] == sender] for sender in (b"a", b"b")]

    def assert_adds_up(self, counts):
        for way in (0, 1):
            ends = (
                "out", "lost", "lost in a blackout", "dropped by the rate", "dropped, buffer full",
                "dropped, too many clients", "not taken by the system", "still under way",
            )
            gone = sum(counts[name][way] for name in ends)
            self.assertEqual(counts["in"][way] + counts["duplicated"][way], gone, counts)

    def test_a_seed_repeats_one_clients_fates_whatever_the_others_do(self):
        alone, _ = self.survivors("11")
        beside, other = self.survivors("11", chatter=True)
        self.assertEqual(beside, alone)
        self.assertNotEqual(other, alone)
        self.assertNotEqual(self.survivors("12")[0], alone)
        self.assertTrue(100 < len(alone) < 200, len(alone))

    def test_a_corrupt_datagram_differs_by_one_bit(self):
        relay = Relay(self, "--corrupt", "100")
        client = relay.client()
        client.send(bytes(100))
        got = relay.server.recv(1000)
        self.assertEqual(len(got), 100)
        self.assertEqual(sum(bin(byte).count("1") for byte in got), 1)

    def test_signals_black_out_and_rebind_all_clients(self):
        relay = Relay(self, "--blackout", "1")
        clients = [relay.client(), relay.client()]
        before = [relay.carry(client, b"before") for client in clients]
        relay.process.send_signal(signal.SIGUSR2)
        relay.wait_said("new ports for 2 clients")
        after = [relay.carry(client, b"after") for client in clients]
        self.assertEqual(len(set(before + after)), 4)
        relay.server.sendto(b"to a port that is gone", before[0])
        self.assertTrue(is_silent(clients[0]))

        relay.process.send_signal(signal.SIGUSR1)
        relay.wait_said("a blackout of 1 s")
        newcomer = relay.client()
        for client in (*clients, newcomer):
            client.send(b"lost")
        relay.server.sendto(b"lost", after[0])
        self.assertTrue(is_silent(relay.server))
        self.assertTrue(is_silent(clients[0]))
        time.sleep(1)
        relay.carry(clients[0], b"back")
        relay.carry(newcomer, b"back")
        counts, said = relay.end()
        self.assertEqual(counts["lost in a blackout"], (3, 1))
        self.assertIn("rebound 2 times", said)
        self.assert_adds_up(counts)

    def test_a_blackout_takes_what_is_under_way(self):
        relay = Relay(self, "--delay", "600", "--blackout", "1")
        client = relay.client()
        relay.carry(client, b"hello")
        client.send(b"under way")
        time.sleep(0.1)
        relay.process.send_signal(signal.SIGUSR1)
        relay.wait_said("a blackout")
        self.assertEqual(drain(relay.server, 1.5), [])

    def test_what_is_sent_in_a_blackout_does_not_come_after_it(self):
        relay = Relay(self, "--delay", "700", "--blackout", "0.5")
        client = relay.client()
        relay.carry(client, b"hello")
        relay.process.send_signal(signal.SIGUSR1)
        relay.wait_said("a blackout")
        client.send(b"lost")
        self.assertEqual(drain(relay.server, 1.2), [])

    def test_ports_change_by_themselves(self):
        relay = Relay(self, "--rebind-every", "0.2")
        client = relay.client()
        first = relay.carry(client, b"first")
        deadline = time.monotonic() + PATIENCE
        while relay.carry(client, b"more") == first and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertNotEqual(relay.carry(client, b"last"), first)

    def test_clients_are_bounded_and_the_idle_ones_forgotten(self):
        relay = Relay(self, "--max-clients", "1", "--idle", "1")
        first, second = relay.client(), relay.client()
        relay.carry(first, b"hello")
        second.send(b"one too many")
        self.assertTrue(is_silent(relay.server))
        relay.wait_said("raise --max-clients")
        time.sleep(1.3)
        relay.carry(second, b"now there is room")
        counts, said = relay.end()
        self.assertEqual(counts["dropped, too many clients"][0], 1)
        self.assertIn("clients 2,", said)

    def test_memory_is_bounded(self):
        relay = Relay(self, "--delay", "60000", "--buffer", "1")
        client = relay.client()
        for _ in range(40):
            client.send(bytes(60000))
            time.sleep(0.005)
        self.assertTrue(is_silent(relay.server))
        counts, _ = relay.end()
        self.assertEqual(counts["still under way"][0], 17)
        self.assertGreater(counts["dropped, buffer full"][0], 0)
        self.assert_adds_up(counts)


class ControlTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "control")

    def tell(self, *words):
        """The status and what is said."""
        done = subprocess.run(
            [PROGRAM, "--tell", self.path, *words],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        return done.returncode, done.stdout

    def test_one_client_alone_is_cut_off_and_rebound(self):
        relay = Relay(self, "--control", self.path)
        cut, other = relay.client(), relay.client()
        before = [relay.carry(client, b"hello") for client in (cut, other)]
        port = str(cut.getsockname()[1])
        self.assertEqual(self.tell("blackout", "60", port), (0, "ok\n"))
        cut.send(b"lost")
        relay.server.sendto(b"lost", before[0])
        self.assertEqual(relay.carry(other, b"passes"), before[1])
        self.assertTrue(is_silent(relay.server))
        self.assertTrue(is_silent(cut))

        self.assertEqual(self.tell("blackout", "0", port), (0, "ok\n"))
        self.assertEqual(relay.carry(cut, b"passes"), before[0])
        self.assertEqual(self.tell("rebind", port), (0, "ok\n"))
        self.assertNotEqual(relay.carry(cut, b"moved"), before[0])
        self.assertEqual(relay.carry(other, b"stays"), before[1])
        self.assertEqual(self.tell("rebind"), (0, "ok\n"))
        self.assertNotEqual(relay.carry(other, b"moved"), before[1])

    def test_trouble_is_set_while_it_runs(self):
        relay = Relay(self, "--control", self.path)
        client = relay.client()
        address = relay.carry(client, b"hello")
        self.assertEqual(self.tell("set", "up-loss", "100"), (0, "ok\n"))
        for sock in (client, relay.client()):
            sock.send(b"lost")
        relay.server.sendto(b"passes", address)
        self.assertEqual(client.recv(100), b"passes")
        self.assertTrue(is_silent(relay.server))
        self.assertEqual(self.tell("set", "loss", "0"), (0, "ok\n"))
        relay.carry(client, b"passes")

    def test_a_wrong_command_is_answered_with_its_cure(self):
        relay = Relay(self, "--control", self.path)
        address = relay.carry(relay.client(), b"hello")
        for command, cure in (
            ("dance", "say"),
            ("blackout", "say"),
            ("blackout soon", "say"),
            ("blackout 3 x", "is no port"),
            ("blackout 3 0", "is no port"),
            (f"blackout 3 {address[1]}", "no client sends from port"),
            ("rebind 1 2", "say"),
            (f"rebind {address[1]}", "no client sends from port"),
            ("set loss", "say"),
            ("set loss 101", "loss takes a percentage"),
            ("set seed 5", "is unknown"),
            ("set loss 5 6 7", "say"),
        ):
            with self.subTest(command):
                status, said = self.tell(command)
                self.assertEqual(status, 1, said)
                self.assertIn(cure, said)

    def test_the_answer_is_one_line_to_who_has_an_address(self):
        Relay(self, "--control", self.path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nobody:
            nobody.sendto(b"set loss 5", self.path)  # nothing breaks
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(self.path + ".mine")
            sock.settimeout(PATIENCE)
            for command, answer in (
                (b"set loss 5\n", b"ok\n"),
                (b"", b"error: say"),
                (b"\0\xff" * 100, b"error: say"),
                (b"x" * 2000, b"error: say"),
            ):
                sock.sendto(command, self.path)
                got = sock.recv(1000)
                self.assertTrue(got.startswith(answer) and got.endswith(b"\n"), got)

    def test_the_path_is_private_freed_and_never_taken_from_another(self):
        relay = Relay(self, "--control", self.path)
        self.assertEqual(os.stat(self.path).st_mode & 0o077, 0)
        self.assert_refused("is taken")
        relay.end()
        self.assertFalse(os.path.exists(self.path))

        relay = Relay(self, "--control", self.path)
        relay.process.kill()
        relay.process.wait()
        self.assertTrue(os.path.exists(self.path))
        Relay(self, "--control", self.path).end()  # what the dead one left is no hindrance

        with open(self.path, "w", encoding="utf-8") as file:
            file.write("precious")
        self.assert_refused("is taken")
        with open(self.path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "precious")

    def test_a_socket_of_another_kind_stays(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.bind(self.path)
            sock.listen()
            self.assert_refused("is taken")
        self.assertTrue(os.path.exists(self.path))

    def assert_refused(self, word):
        done = run("--control", self.path, "127.0.0.1:0", "127.0.0.1:9")
        self.assertEqual(done.returncode, 1)
        self.assertIn(word, done.stderr)

    def test_nobody_there_is_told(self):
        status, said = self.tell("rebind")
        self.assertEqual(status, 1)
        self.assertIn("cannot be reached", said)


def run(*words):
    return subprocess.run(
        [PROGRAM, *words], check=False, capture_output=True, text=True, timeout=PATIENCE
    )


class UsageTest(unittest.TestCase):
    def test_help_is_given_and_wrong_usage_named(self):
        done = run("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("usage: belay-netem", done.stdout)
        for words, said in (
            ((), "name LISTEN and TARGET"),
            (("--loss", "x", "127.0.0.1:0", "127.0.0.1:9"), "loss takes a percentage"),
            (("--tell",), "--tell takes"),
            (("--tell", "path"), "--tell takes"),
        ):
            done = run(*words)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)
            self.assertIn("see belay-netem --help", done.stderr)

    def test_a_taken_port_and_a_foreign_address_are_named(self):
        with udp() as taken:
            done = run("127.0.0.1:%d" % taken.getsockname()[1], "127.0.0.1:9")
        self.assertEqual(done.returncode, 1)
        self.assertIn("is taken", done.stderr)
        done = run("192.0.2.1:0", "127.0.0.1:9")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no address of this machine", done.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        print(__doc__)
        sys.exit(2)
    PROGRAM = sys.argv.pop(1)
    unittest.main()
