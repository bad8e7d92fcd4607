"""Runs tests/protocol/server.c, and lets it die and start again at the same address."""

import os
import socket
import subprocess
import tempfile

PATIENCE_S = 5


class Server:
    """In a with statement: runs from its beginning, and at its end is gone."""

    def __init__(self, program, token_program, *options):
        self.program, self.options = program, options
        self.folder = tempfile.TemporaryDirectory()
        self.token_keys = os.path.join(self.folder.name, "keys")
        self.ticket_keys = os.path.join(self.folder.name, "tickets")
        keygen = [token_program, "keygen", self.token_keys]
        subprocess.run(keygen, check=True, stdout=subprocess.PIPE)
        # The server gets a bound socket, so that nobody has to guess a free port.
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.address = self.socket.getsockname()
        self.process = None

    def start(self):
        descriptor = self.socket.fileno()
        command = [self.program, str(descriptor), self.token_keys, self.ticket_keys]
        self.process = subprocess.Popen([*command, *self.options], pass_fds=[descriptor])

    def die(self):
        """Without a word to anybody."""
        self.process.kill()
        self.process.wait()

    def must_have_ended(self):
        assert self.process.wait(PATIENCE_S) == 0, "the server did not end well"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.die()
        self.socket.close()
        self.folder.cleanup()
