"""A server of its own for stock clients: engines on sockets, each in a thread, and four small commands."""

import hashlib
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pyssh.connection import requests
from pyssh.engine import ServerEngine
from pyssh.events import (
    Accept,
    AnyEvent,
    Attempt,
    AuthenticationRequested,
    ChannelClosed,
    ChannelOpenRequested,
    ChannelRequestReceived,
    DataReceived,
    EofReceived,
    GlobalRequestReceived,
    OpenAccepted,
    PasswordAttempt,
    PublicKeyAttempt,
    Refuse,
    SignatureNeeded,
    Verdict,
)
from pyssh.keys.signing import Signer
from pyssh.options import ServerOptions
from tests.support.drive import SECONDS_OF_SILENCE, UNSENT, Answers, Drive, signed_by
from tests.support.processes import LOOPBACK

_BLOCK = hashlib.shake_128(b"a pattern that repeats late").digest(1 << 20)


def pattern(offset: int, size: int) -> bytes:
    """A piece of the endless data that `give` sends; each MiB starts with its number."""
    number, within = divmod(offset, len(_BLOCK))
    block = number.to_bytes(8, "big") + _BLOCK[8:]
    return block[within : within + size]


def pattern_digest(size: int) -> str:
    """The sha256 of the first bytes of that data, in hexadecimal."""
    digest = hashlib.sha256()
    for offset in range(0, size, len(_BLOCK)):
        digest.update(pattern(offset, size - offset))
    return digest.hexdigest()


class Program:
    """What a session of the server runs: one of four small commands, whose state can travel.

    `cat`; `give N`, that many bytes of the pattern; `sha256`, of the input; `store PATH`, the input.
    """

    def __init__(self, drive: "ServerDrive", channel: int, command: str) -> None:
        self.drive = drive
        self.channel = channel
        self.command = command
        self.name, _, self.argument = command.partition(" ")
        self.pending = bytearray()
        self.sent = 0
        self.received = 0
        self.eof = False
        self._digest = hashlib.sha256()

    def take(self, data: memoryview | bytes) -> None:
        """Take input."""
        self.received += len(data)
        if self.name == "cat":
            self.pending += data
            return
        if self.name == "store":
            with Path(self.argument).open("ab") as file:
                file.write(data)
        elif self.name == "sha256":
            self._digest.update(data)
        self.drive.engine.connection.consumed(self.channel, len(data))

    def end_input(self) -> None:
        """The input is over."""
        self.eof = True
        if self.name == "sha256":
            self.pending += self._digest.hexdigest().encode()

    def pump(self) -> bool:
        """Send what can be sent; whether that was all there will ever be."""
        connection = self.drive.engine.connection
        if self.name == "give":
            size = int(self.argument)
            while self.sent < size and (room := connection.writable(self.channel)):
                piece = pattern(self.sent, min(room, size - self.sent))
                self.sent += connection.send_data(self.channel, piece)
                self.drive.flush()
                if len(self.drive.unsent) > UNSENT:
                    break
            return self.sent == size
        while self.pending and (sent := connection.send_data(self.channel, bytes(self.pending))):
            del self.pending[:sent]
            self.sent += sent
            if self.name == "cat":
                connection.consumed(self.channel, sent)
        return self.eof and not self.pending

    def export_state(self) -> dict[str, Any]:
        """What another process needs to go on."""
        return {
            "channel": self.channel,
            "command": self.command,
            "pending": self.pending.hex(),
            "sent": self.sent,
            "received": self.received,
            "eof": self.eof,
        }

    @classmethod
    def restored(cls, drive: "ServerDrive", state: dict[str, Any]) -> "Program":
        """Go on with what another process exported."""
        program = cls(drive, state["channel"], state["command"])
        program.pending = bytearray.fromhex(state["pending"])
        program.sent, program.received, program.eof = state["sent"], state["received"], state["eof"]
        return program


def open_door(question: AuthenticationRequested) -> Verdict:
    """Any key whose signature is right, and the password "secret"."""
    attempt: Attempt = question.attempt
    allowed = isinstance(attempt, PublicKeyAttempt) or (
        isinstance(attempt, PasswordAttempt) and attempt.password == "secret"
    )
    return Accept() if allowed else Refuse()


class ServerDrive(Drive):
    """One connection of the server."""

    engine: ServerEngine

    def __init__(self, engine: ServerEngine, sock: socket.socket, answers: Answers) -> None:
        self.programs: dict[int, Program] = {}
        defaults: Answers = {
            AuthenticationRequested: open_door,
            ChannelOpenRequested: OpenAccepted(),
            ChannelRequestReceived: self._start,
            GlobalRequestReceived: None,
        }
        super().__init__(engine, sock, defaults | answers)

    def _start(self, question: ChannelRequestReceived) -> bool:
        if not isinstance(question.request, requests.Exec):
            return isinstance(question.request, requests.Env)
        command = question.request.command.decode()
        self.programs[question.channel] = Program(self, question.channel, command)
        return True

    def receive_data(self, event: DataReceived) -> None:
        """Data is a program's input."""
        self.programs[event.channel].take(event.data)

    def happened(self, event: AnyEvent) -> None:
        """EOF ends a program's input; a closed channel its life."""
        if isinstance(event, EofReceived) and event.channel in self.programs:
            self.programs[event.channel].end_input()
        elif isinstance(event, ChannelClosed):
            self.programs.pop(event.channel, None)

    def pump(self) -> None:
        """Let each program send, and end those that are through."""
        connection = self.engine.connection
        for channel, program in list(self.programs.items()):
            if program.pump():
                del self.programs[channel]
                connection.request(channel, requests.ExitStatus(0), want_reply=False)
                connection.send_eof(channel)
                connection.close(channel)

    def work(self) -> None:
        """Serve until the connection ends."""
        while not self.ended:
            self.step()


class Serving:
    """A listening server. A connection takes the `options`, `answers` and `drive_class` of its moment."""

    def __init__(self, options: ServerOptions, signers: Sequence[Signer]) -> None:
        self.options = options
        self.signers = tuple(signers)
        self.answers: Answers = {}
        self.drive_class: type[ServerDrive] = ServerDrive
        self._listener = socket.create_server((LOOPBACK, 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._drives: list[ServerDrive] = []
        self._errors: list[BaseException] = []
        self._is_closed = False
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        while not self._is_closed:
            with suppress(OSError):  # who connects may be gone already
                sock, _ = self._listener.accept()
                answers = {SignatureNeeded: signed_by(self.signers)} | self.answers
                words = (sock, self.drive_class, self.options, answers)
                thread = threading.Thread(target=self._work, args=words, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _work(
        self, sock: socket.socket, drive_class: type[ServerDrive], options: ServerOptions, answers: Answers
    ) -> None:
        with sock:
            try:
                drive = drive_class(ServerEngine(options), sock, answers)
                self._drives.append(drive)
                drive.work()
                drive.close()
            except BaseException as error:
                self._errors.append(error)

    def finish(self) -> ServerDrive:
        """The latest connection, once it is over; what went wrong in its thread is raised here."""
        self._threads[-1].join(SECONDS_OF_SILENCE)
        if self._errors:
            raise self._errors.pop()
        return self._drives[-1]

    @contextmanager
    def as_it_is(self) -> Iterator["Serving"]:
        """For one test, which may change what connections take."""
        before = self.options, self.answers, self.drive_class
        try:
            yield self
        finally:
            self.options, self.answers, self.drive_class = before

    def close(self) -> None:
        """Listen no more."""
        self._is_closed = True
        # a thread in accept does not notice that its socket is closed
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(SECONDS_OF_SILENCE)


@contextmanager
def serving(options: ServerOptions, signers: Sequence[Signer]) -> Iterator[Serving]:
    """A server for the time of a `with` block."""
    server = Serving(options, signers)
    try:
        yield server
    finally:
        server.close()
