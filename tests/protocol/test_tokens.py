"""Tokens across the two implementations: each opens what the other has made.

usage: test_tokens.py TOKEN_PROGRAM        belay-token
"""

import os
import subprocess
import sys
import tempfile
import time

import key_file
import secure


class Program:
    def __init__(self, path, folder):
        self.path = path
        self.keys = os.path.join(folder, "keys")
        self.token = os.path.join(folder, "token")
        self.run("keygen", self.keys)

    def run(self, *arguments):
        return subprocess.run([self.path, *arguments], check=True, stdout=subprocess.PIPE).stdout

    def inspect(self, token):
        """Gives whether it is valid, and the lines that say what is in it."""
        with open(self.token, "wb") as file:
            file.write(token)
        done = subprocess.run(
            [self.path, "inspect", self.token, "--key", self.keys],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return done.returncode == 0, done.stdout.decode().splitlines()


def the_program_opens_ours(program):
    key_id, key = next(iter(key_file.read(program.keys).items()))
    now = int(time.time() * 1000)
    token = secure.Token(
        key_id,
        now,
        now + 60_000,
        bytes(range(16)),
        os.urandom(16),
        os.urandom(32),
        secure.fnv1a("arena/3"),
        b"eu-1",
        b"team red",
    )
    sealed = token.sealed(key, os.urandom(24))
    blob = secure.make_blob(sealed, token.secret, ["play.example.org:7777", "[::1]:1"])
    for form in (sealed, blob):
        is_valid, lines = program.inspect(form)
        assert is_valid and lines[-1] == "valid", lines
        for line in (
            f"user id: {token.user_id.hex()}",
            f"token id: {token.token_id.hex()}",
            'audience: "eu-1"',
            'data: "team red"',
        ):
            assert line in lines, f"{line} is not among {lines}"
    assert "places: play.example.org:7777 [::1]:1" in lines

    for at in range(len(sealed)):
        altered = bytearray(sealed)
        altered[at] ^= 1
        assert not program.inspect(bytes(altered))[0], f"byte {at} may be altered"


def we_open_the_programs(program):
    program.run("add", program.keys)
    user_id = bytes(range(16))
    blob = program.run(
        *("issue", "--key", program.keys, "--user", user_id.hex(), "--life", "30"),
        *("--audience", "eu-1", "--addresses", "play.example.org:7777,[::1]:1"),
        *("--game", "arena/3", "--data", "team red"),
    )
    sealed, secret, places = secure.read_blob(blob)
    keys = key_file.read(program.keys)
    token = secure.open_token(sealed, keys)
    assert places == ["play.example.org:7777", "[::1]:1"]
    assert token.key_id == next(iter(keys)), "not sealed with the newest key"
    assert token.expiry - token.not_before == 30_000
    assert abs(token.not_before - time.time() * 1000) < 10_000
    assert token.user_id == user_id and token.secret == secret
    assert token.game == secure.fnv1a("arena/3")
    assert token.audience == b"eu-1" and token.data == b"team red"


def main(arguments):
    if len(arguments) != 1:
        print(__doc__)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        program = Program(arguments[0], folder)
        the_program_opens_ours(program)
        we_open_the_programs(program)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
