"""An engine on a real socket, without an event loop: what the engine itself does with a stock peer.

A test can step in between any two reads. `tests.interop.support_serving` has the server's side.
"""

import contextlib
import hashlib
import select
import socket
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Self

from pyssh.connection import requests
from pyssh.connection.kinds import Session
from pyssh.engine import ClientEngine, Engine
from pyssh.events import (
    AgreedAlgorithms,
    AnyEvent,
    AuthenticationFailed,
    ChannelClosed,
    ChannelOpened,
    ChannelRequestReceived,
    Credential,
    CredentialNeeded,
    DataReceived,
    Ended,
    GlobalRequestReceived,
    HostKeyQuestion,
    KeysExchanged,
    PublicKeyCredential,
    Question,
    SignatureNeeded,
)
from pyssh.keys.signing import Signer
from pyssh.options import ClientOptions
from tests.support.processes import LOOPBACK

SECONDS_OF_SILENCE = 60.0
"""A peer that neither sends nor takes anything for so long is stuck."""
UNSENT = 256 * 1024
READ = 256 * 1024
Answers = dict[type[Question[Any]], Any]


def signed_by(signers: Iterable[Signer]) -> Callable[[SignatureNeeded], bytes | None]:
    """An answer to `SignatureNeeded`: whichever signer shows the asked-for key, certificates too."""
    known = {signer.key: signer for signer in signers}

    def sign(question: SignatureNeeded) -> bytes | None:
        signer = known.get(question.key)
        return signer.sign(question.algorithm, question.data) if signer else None

    return sign


class Drive:
    """An engine on a socket. `read_size` cuts what comes in, so that exports meet packets in the middle."""

    def __init__(self, engine: Engine, sock: socket.socket, answers: Answers) -> None:
        self.engine = engine
        self.answers = answers
        self.events: list[AnyEvent] = []
        self.sock = sock
        self.read_size = READ
        self.unsent = bytearray()
        self.ended: Ended | None = None
        sock.setblocking(False)
        if sock.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def agreed(self) -> AgreedAlgorithms:
        """What the last key exchange chose."""
        found: KeysExchanged = self.of(KeysExchanged)[-1]
        return found.algorithms

    @property
    def exchanges(self) -> int:
        """How many key exchanges are done."""
        return len(self.of(KeysExchanged))

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of one class so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def take(self, events: Iterable[AnyEvent]) -> None:
        """Keep all events but data, answer questions, and tell what happened."""
        waiting = deque(events)
        while waiting:
            event = waiting.popleft()
            if isinstance(event, DataReceived):
                self.receive_data(event)
                continue
            self.events.append(event)
            if isinstance(event, Ended):
                self.ended = event
            if isinstance(event, Question) and type(event) in self.answers:
                answer = self.answers[type(event)]
                answer = answer(event) if callable(answer) else answer
                waiting.extendleft(reversed(self.engine.answer(event, answer)))
            self.happened(event)

    def receive_data(self, event: DataReceived) -> None:
        """Take data; what consumes it gives the window back."""
        raise NotImplementedError

    def happened(self, event: AnyEvent) -> None:
        """React to an event; a question is answered already."""

    def pump(self) -> None:
        """Hand the engine what is to be sent; called before each wait."""

    def flush(self) -> None:
        """Send what the socket takes; the rest stays in `unsent`."""
        for piece in self.engine.data_to_send():
            self.unsent += piece
        with contextlib.suppress(BlockingIOError):
            while self.unsent:
                try:
                    del self.unsent[: self.sock.send(self.unsent)]
                except ConnectionError:
                    # the peer is gone; why may still be there to be read
                    self.unsent.clear()

    def step(self) -> None:
        """Send, wait for the socket, receive once."""
        if len(self.unsent) < UNSENT:
            self.pump()
        self.flush()
        wants = [self.sock] if self.engine.wants_data else []
        waits = [self.sock] if self.unsent else []
        readable, writable, _ = select.select(wants, waits, [], SECONDS_OF_SILENCE)
        assert readable or writable, f"silence; the last events: {self.events[-5:]}"
        if readable:
            try:
                data = self.sock.recv(self.read_size)
            except ConnectionResetError:
                data = b""
            self.take(self.engine.receive_data(data) if data else self.engine.receive_eof())

    def until(self, condition: Callable[[], object]) -> None:
        """Work until something is so."""
        while not condition():
            assert not self.ended, f"the connection ended: {self.ended}; before: {self.events[-5:]}"
            self.step()

    def close(self) -> None:
        """Send what is left, as far as the peer takes it, and close."""
        with contextlib.suppress(OSError), self.sock:
            self.sock.settimeout(SECONDS_OF_SILENCE)
            self.sock.sendall(bytes(self.unsent) + b"".join(self.engine.data_to_send()))


# --- client


class Outcome(NamedTuple):
    """How a command ended."""

    stdout: bytes
    stderr: bytes
    status: int | None


class Client(Drive):
    """A client, logged in after `log_in`. It trusts any host key, and tries `credentials` or all `signers`.

    `where` is a port on loopback, or a socket.
    """

    engine: ClientEngine

    def __init__(
        self,
        where: int | socket.socket,
        options: ClientOptions,
        *,
        signers: Iterable[Signer] = (),
        credentials: Iterable[Credential] = (),
        answers: Answers | None = None,
    ) -> None:
        signers = tuple(signers)
        tries = iter(tuple(credentials) or [PublicKeyCredential(signer.key) for signer in signers])
        defaults: Answers = {
            HostKeyQuestion: True,
            CredentialNeeded: lambda _: next(tries, None),
            SignatureNeeded: signed_by(signers),
            GlobalRequestReceived: None,
        }
        sock = where if isinstance(where, socket.socket) else socket.create_connection((LOOPBACK, where))
        super().__init__(ClientEngine(options), sock, defaults | (answers or {}))
        self._output = {0: bytearray(), 1: bytearray()}
        self._digest: Any = None
        self._input = memoryview(b"")
        self._channel: int | None = None
        self._received = 0
        self._closed: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.take(self.engine.disconnect())
        self.close()

    def log_in(self) -> Self:
        """Wait until the user is in."""
        self.until(lambda: self.engine.authenticated)
        return self

    def open_session(self) -> int:
        """Open a session channel."""
        channel = self.engine.connection.open_channel(Session())
        opened = len(self.of(ChannelOpened))
        self.until(lambda: len(self.of(ChannelOpened)) > opened)
        return channel

    def run(
        self,
        command: str,
        data: bytes = b"",
        *,
        hashed: bool = False,
        meanwhile: Callable[[int], None] | None = None,
    ) -> Outcome:
        """Run a command to its end. With `hashed`, stdout is the sha256 of it, in hexadecimal.

        `meanwhile` is called in between with the bytes received so far.
        """
        channel = self.open_session()
        self._channel, self._input = channel, memoryview(data)
        self._output = {0: bytearray(), 1: bytearray()}
        self._digest = hashlib.sha256() if hashed else None
        self._received = 0
        self.engine.connection.request(channel, requests.Exec(command.encode()))
        before = len(self.events)

        def over() -> bool:
            if meanwhile is not None:
                meanwhile(self._received)
            return channel in self._closed

        self.until(over)
        statuses = [
            event.request.exit_status
            for event in self.events[before:]
            if isinstance(event, ChannelRequestReceived) and isinstance(event.request, requests.ExitStatus)
        ]
        stdout = self._digest.hexdigest().encode() if hashed else bytes(self._output[0])
        return Outcome(stdout, bytes(self._output[1]), statuses[0] if statuses else None)

    def receive_data(self, event: DataReceived) -> None:
        """Keep or hash output."""
        if self._digest is not None and not event.data_type_code:
            self._digest.update(event.data)
        else:
            self._output[event.data_type_code] += event.data
        self._received += len(event.data)
        self.engine.connection.consumed(event.channel, len(event.data))

    def happened(self, event: AnyEvent) -> None:
        """Note closed channels; a login that failed is an error here."""
        assert not isinstance(event, AuthenticationFailed), event
        if isinstance(event, ChannelClosed):
            self._closed.add(event.channel)

    def pump(self) -> None:
        """Send input, then EOF."""
        channel = self._channel
        if channel is None or channel not in self.engine.connection.channels:
            return
        connection = self.engine.connection
        while len(self.unsent) < UNSENT and self._input:
            sent = connection.send_data(channel, self._input)
            if not sent:
                return
            self._input = self._input[sent:]
            self.flush()
        if not self._input:
            connection.send_eof(channel)
