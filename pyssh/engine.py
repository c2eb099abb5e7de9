"""`ClientEngine` and `ServerEngine`: the sans-IO face of a connection.

Bytes in, events out; calls in, bytes out. An engine builds the three protocols and routes by message number;
it opens nothing, reads no clock and holds no private key.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self, TypeVar

from pyssh.connection.keepalive import Keepalive
from pyssh.connection.protocol import ConnectionProtocol
from pyssh.connection.state import ConnectionState
from pyssh.errors import (
    ConnectionLost,
    Disconnected,
    DisconnectReason,
    LoginGraceError,
    ProtocolError,
    SSHError,
    UsageError,
)
from pyssh.events import (
    AnyEvent,
    Authenticated,
    ChannelOpenRequested,
    ChannelRequestReceived,
    Ended,
    ExtensionsReceived,
    GlobalRequestReceived,
    HostKeyQuestion,
    KeysExchanged,
    Question,
    SignatureNeeded,
)
from pyssh.options import ClientOptions, Options, ServerOptions
from pyssh.transport.protocol import TransportProtocol
from pyssh.transport.state import TransportState
from pyssh.userauth.client import ClientAuthentication
from pyssh.userauth.server import ServerAuthentication
from pyssh.wire.message import Message, Struct
from pyssh.wire.types import Boolean, Secret, Text, UInt32

A = TypeVar("A")
_STATE_VERSION = 1


class EngineState(Struct):
    """An engine as bytes that can travel (see `export_state`)."""

    version: UInt32
    is_client: Boolean
    user: Text
    transport: Secret
    connection: Secret


class Engine(ABC):
    """What both roles share. Use `ClientEngine` or `ServerEngine`.

    After an `Ended` event nothing is received any more, and `data_to_send` is the only legal call. `user` is
    the name logged in with, once `authenticated` is true.
    """

    is_client: bool

    def __init__(self, options: Options) -> None:
        self._options = options
        self._events: list[AnyEvent] = []
        self._ended = False
        self._running = False
        self._login_grace_seconds = 0.0
        self._login_deadline: float | None = None
        self._userauth: ClientAuthentication | ServerAuthentication | None = None
        self.user = ""
        self.authenticated = False
        self.transport = TransportProtocol(options, is_client=self.is_client, emit=self._emit)
        self._build_connection()

    def _build_connection(self) -> None:
        transport = self.transport
        self.connection = ConnectionProtocol(
            self._options,
            is_client=self.is_client,
            send=self._send,
            send_strings=transport.send_strings,
            can_send=transport.can_send,
            emit=self._events.append,
        )
        self._keepalive = Keepalive(self._options, self.connection.send_keepalive)

    # --- the stream

    def receive_data(self, data: bytes | bytearray | memoryview, now: float = 0.0) -> list[AnyEvent]:
        """Take bytes from the peer, cut anywhere. The caller may reuse its buffer at once.

        `now` is the time on the clock of `tick`. Without it all works but that windows do not grow with the
        length of the way.
        """
        self.connection.set_time(now)
        return self._run(self._receive, data)

    def receive_eof(self) -> list[AnyEvent]:
        """Take note that the stream ended."""
        if not self._ended:
            self._end(self.transport.finish())
        return self._take_events()

    def data_to_send(self) -> list[bytes | bytearray]:
        """Return what is ready to leave, in order, and forget it."""
        return self.transport.drain()

    def prepare(self) -> None:
        """Do what can be done for the next packets while nobody waits; a key's echo is sooner then.

        Optional: for when all that was received is worked off, and all that there is to send is sent.
        """
        self.transport.prepare()

    @property
    def wants_data(self) -> bool:
        """Whether more bytes would be worked off; false while a blocking question is open."""
        return not self._ended and not self._parked

    @property
    def _parked(self) -> bool:
        if self.transport.waiting:
            return True
        # what asks questions before the user is in, and no more then
        return not self.authenticated and self._userauth is not None and self._userauth.waiting

    def _receive(self, data: bytes | bytearray | memoryview) -> None:
        self.transport.feed(data)
        self._work()

    def _work(self) -> None:
        """Work off what was fed, until it is used up or a question parks it."""
        transport = self.transport
        next_payload = transport.next_payload
        connection_receive = self.connection.receive
        while self.authenticated or self._userauth is None or not self._userauth.waiting:
            payload = next_payload()
            if payload is None:
                break
            if payload[0] >= 80:
                handled = connection_receive(payload)
            else:
                assert self._userauth is not None
                handled = self._userauth.receive(payload)
            if not handled:
                transport.send_unimplemented()
        transport.keep()

    def set_keepalive(self, seconds: float, count: int) -> None:
        """Let others than the options' hold from the next `tick` on, as for a user who has just logged in."""
        options = self._options.replace(keepalive_seconds=seconds, keepalive_count=count)
        self._keepalive = Keepalive(options, self.connection.send_keepalive)

    # --- questions and time

    def answer(self, question: Question[A], answer: A) -> list[AnyEvent]:
        """Settle a question. After the end of the connection this does nothing."""
        return self._run(self._answer, question, answer)

    def _answer(self, question: Question[A], answer: A) -> None:
        match question:
            case HostKeyQuestion() | SignatureNeeded(purpose="host key"):
                self.transport.answer(question, answer)  # type: ignore[arg-type]  # A is the question's
            case ChannelOpenRequested() | ChannelRequestReceived() | GlobalRequestReceived():
                self.connection.answer(question, answer)
            case _:
                if self._userauth is None:
                    raise UsageError("that question is not open")
                self._userauth.answer(question, answer)  # type: ignore[arg-type]  # as above
        if question.blocking:
            self._work()

    def deadline(self) -> float | None:
        """When `tick` is due, in seconds on the clock of its argument; None when nothing waits for time."""
        due = self._login_deadline
        for at in (self.transport.deadline(), self._keepalive.deadline()):
            if at is not None and (due is None or at < due):
                due = at
        return due

    def tick(self, now: float) -> list[AnyEvent]:
        """Let time pass. Call it once at the start, and when `deadline` is reached."""
        return self._run(self._tick, now)

    def _tick(self, now: float) -> None:
        self.transport.tick(now)
        if self.authenticated:
            self._login_deadline = None
        elif self._login_grace_seconds and self._login_deadline is None:
            self._login_deadline = now + self._login_grace_seconds
        elif self._login_deadline is not None and now >= self._login_deadline:
            raise LoginGraceError("the time to log in is over")
        if self.authenticated and not self._keepalive.tick(now, self.transport.packets_received):
            raise ConnectionLost("the peer no longer answers")

    def disconnect(
        self, reason: int = DisconnectReason.BY_APPLICATION, description: str = ""
    ) -> list[AnyEvent]:
        """Say goodbye. What is ready to leave, and the goodbye, are still to be sent."""
        if not self._ended:
            self.transport.disconnect(reason, description)
            self._end(None)
        return self._take_events()

    # --- inside

    def _run(self, step: Callable[..., None], *arguments: object) -> list[AnyEvent]:
        """Do one step; turn what ends the connection into its last event."""
        if not self._ended:
            self._running = True
            try:
                step(*arguments)
            except ProtocolError as error:
                self._fail(error)
            except (Disconnected, ConnectionLost) as error:
                self._end(error)
            finally:
                self._running = False
        return self._take_events()

    def _send(self, message: Message) -> None:
        """Send for the connection layer, which the owner also calls by itself.

        That too many messages wait is the peer's fault, not the caller's: `Ended` comes with the next events.
        """
        try:
            self.transport.send(message)
        except ProtocolError as error:
            if self._running:
                raise
            self._fail(error)

    def _fail(self, error: ProtocolError) -> None:
        self.transport.disconnect(error.reason, error.description)
        self._end(error)

    def _end(self, error: SSHError | None) -> None:
        self._ended = True
        self.transport.end()
        self.connection.ended()
        self._events.append(Ended(error))

    def _take_events(self) -> list[AnyEvent]:
        events = self._events.copy()
        self._events.clear()
        return events

    def _emit(self, event: AnyEvent) -> None:
        """Take an event of the layers below the connection's, some of which change what the engine does."""
        self._events.append(event)
        match event:
            case KeysExchanged(first=True):
                self._userauth = self._start_userauth(event)
            case ExtensionsReceived(extensions):
                if isinstance(self._userauth, ClientAuthentication):
                    self._userauth.update_extensions(extensions)
            case Authenticated(user):
                self.user = user
                self.authenticated = True
                self.transport.authenticated()

    @abstractmethod
    def _start_userauth(self, keys: KeysExchanged) -> ClientAuthentication | ServerAuthentication:
        """Make the role's machine."""

    # --- state that travels

    def export_state(self) -> bytes:
        """Return the whole engine as bytes, for another process that gets the socket.

        Legal after authentication and between key exchanges (`UsageError` otherwise). The bytes hold keys.
        Call `data_to_send` first or let the restored engine send what is left; this engine is of no more use.
        """
        transport = self.transport.export_state()
        state = EngineState(
            _STATE_VERSION,
            self.is_client,
            self.user,
            transport.encode(),
            self.connection.export_state().encode(),
        )
        self._ended = True
        self.transport.end()
        return state.encode()

    @classmethod
    def _restore(cls, options: Options, encoded: bytes) -> tuple[Self, list[AnyEvent]]:
        state = EngineState.decode(encoded)
        if state.version != _STATE_VERSION or state.is_client != cls.is_client:
            raise UsageError("the state is of another version or of the other role")
        engine = cls(options)
        engine._events.clear()
        engine.user = state.user
        engine.authenticated = True
        engine.transport = TransportProtocol.restore(
            options, TransportState.decode(state.transport), is_client=cls.is_client, emit=engine._emit
        )
        engine._build_connection()
        engine.connection.restore_state(ConnectionState.decode(state.connection))
        return engine, engine._run(engine._work)


class ClientEngine(Engine):
    """The client's side of a connection."""

    is_client = True

    def __init__(self, options: ClientOptions) -> None:
        self._client_options = options
        super().__init__(options)

    def _start_userauth(self, keys: KeysExchanged) -> ClientAuthentication:
        userauth = ClientAuthentication(
            self._client_options,
            session_identifier=keys.session_identifier,
            host_key=keys.host_key,
            extensions=self.transport.extensions,
            send=self.transport.send,
            emit=self._emit,
        )
        userauth.start()
        return userauth

    @classmethod
    def restore(cls, options: ClientOptions, encoded: bytes) -> tuple[Self, list[AnyEvent]]:
        """Return an engine that goes on where an exported one stood, and the events that waited in it."""
        return cls._restore(options, encoded)


class ServerEngine(Engine):
    """The server's side of a connection."""

    is_client = False

    def __init__(self, options: ServerOptions) -> None:
        self._server_options = options
        super().__init__(options)
        # from the first tick on: it covers the version exchange too, and nothing that drips in extends it
        self._login_grace_seconds = options.login_grace_seconds

    def send_banner(self, text: str) -> None:
        """Show a text to a user who logs in; `UsageError` unless authentication is going on."""
        if not isinstance(self._userauth, ServerAuthentication):
            raise UsageError("nobody is logging in")
        self._userauth.send_banner(text)

    def _start_userauth(self, keys: KeysExchanged) -> ServerAuthentication:
        return ServerAuthentication(
            self._server_options,
            session_identifier=keys.session_identifier,
            host_key=keys.host_key,
            extensions=self.transport.extensions,
            send=self.transport.send,
            emit=self._emit,
        )

    @classmethod
    def restore(cls, options: ServerOptions, encoded: bytes) -> tuple[Self, list[AnyEvent]]:
        """Return an engine that goes on where an exported one stood, and the events that waited in it."""
        return cls._restore(options, encoded)
