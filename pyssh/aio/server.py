"""`serve()`, `Server` and `ServerLink`: the server's side."""

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Protocol, Self

from pyssh.aio.channel import Channel
from pyssh.aio.credentials import AnySigner, sign_with
from pyssh.aio.handler import ServerHandler
from pyssh.aio.link import ChannelRunner, Link
from pyssh.aio.listen import Acceptor, Listen, open_listeners
from pyssh.aio.opening import Opening
from pyssh.aio.streams import Address, Stream, as_stream
from pyssh.aio.tasks import Serial, report
from pyssh.aio.timeouts import Timeouts
from pyssh.engine import ServerEngine
from pyssh.errors import UsageError
from pyssh.events import (
    AnyEvent,
    Authenticated,
    AuthenticationRequested,
    ChannelOpenRequested,
    ChannelRequestReceived,
    Event,
    GlobalRequestReceived,
    OpenRefused,
    Question,
    SignatureNeeded,
)
from pyssh.options import ServerOptions
from pyssh.wire.message import Struct

LinkObserver = Callable[["ServerLink", Event], None]

MAX_STARTUPS: Final = (10, 30, 100)
"""OpenSSH's default: with 10 connections not logged in, 30 % of new ones are dropped; with 100, all."""


class _KnownChannel(Protocol):
    """What is known of a channel that was opened in another process."""

    @property
    def number(self) -> int: ...
    @property
    def kind(self) -> Struct: ...
    @property
    def eof_sent(self) -> bool: ...
    @property
    def eof_received(self) -> bool: ...


class ServerLink(Link):
    """A connection of a client to us."""

    def __init__(
        self,
        handler: ServerHandler,
        engine: ServerEngine,
        stream: Stream,
        *,
        signers: Sequence[AnySigner],
        timeouts: Timeouts,
        on_event: LinkObserver | None = None,
    ) -> None:
        super().__init__(engine, stream, timeouts=timeouts)
        self._handler = handler
        self._signers = signers
        self._observer = on_event
        self._global_requests = Serial[GlobalRequestReceived](self.tasks, self._decide_global)

    def start(self) -> None:
        """Begin to move bytes."""
        self.tasks.spawn(self._handler.connected(self), "connected")
        super().start()

    def adopt_channel(self, known: _KnownChannel, runner: ChannelRunner) -> Channel:
        """Take over a channel that was open in another process (`handover.py`)."""
        channel = self.run_channel(known.number, known.kind, runner)
        channel.restore(eof_sent=known.eof_sent, eof_received=known.eof_received)
        return channel

    def restart(self, events: list[AnyEvent], unsent: bytes) -> None:
        """Begin to move bytes where another process stopped."""
        self._pump.prepend(unsent)
        self._dispatch(events)
        super().start()

    async def _decide(self, question: Question[Any]) -> Any:
        answer: Any
        if isinstance(question, AuthenticationRequested):
            answer = await self._handler.authenticate(self, question)
        elif isinstance(question, SignatureNeeded):
            answer = await sign_with(self._signers, question)
        else:
            raise UsageError(f"{type(question).__name__} is not a server's to answer")
        return answer

    async def _decide_open(self, question: ChannelOpenRequested) -> None:
        try:
            runner = await self._handler.open_channel(self, question)
        except Exception as error:
            report(self.loop, "opening a channel failed", error)
            runner = OpenRefused()
        if isinstance(runner, OpenRefused):
            self.settle(question, runner)
        else:
            self.accept_channel(question, runner)

    async def decide_channel_request(self, channel: Channel, question: ChannelRequestReceived) -> bool:
        """Ask the handler."""
        return await self._handler.channel_request(channel, question)

    def _receive_global_request(self, question: GlobalRequestReceived) -> None:
        self._global_requests.push(question)

    async def _decide_global(self, question: GlobalRequestReceived) -> None:
        await self.answer(question, self._handler.global_request(self, question))

    def _show(self, event: Event) -> None:
        if isinstance(event, Authenticated):
            self.tasks.spawn(self._handler.authenticated(self), "authenticated")
        if self._observer is not None:
            self._observer(self, event)

    async def _finished(self) -> None:
        await self._handler.disconnected(self, self.error)


class Server:
    """A listening server. As an async context manager it is closed at the end, with its connections.

    `options` and `signers` may be replaced: new connections get the new ones.
    """

    def __init__(
        self,
        handler: ServerHandler,
        *,
        options: ServerOptions,
        signers: Sequence[AnySigner],
        timeouts: Timeouts,
        max_startups: tuple[int, int, int] = MAX_STARTUPS,
        on_event: LinkObserver | None = None,
    ) -> None:
        self.handler = handler
        self.options = options
        self.signers = signers
        self.timeouts = timeouts
        self.max_startups = max_startups
        self.links: set[ServerLink] = set()
        self._starting: set[ServerLink] = set()
        self._on_event = on_event
        self._acceptor: Acceptor | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = asyncio.Event()

    async def listen(self, *places: Listen, backlog: int = 128) -> None:
        """Begin to listen; OSError if that cannot be."""
        sockets: list[socket.socket] = []
        try:
            for place in places:
                sockets += await open_listeners(place, backlog=backlog)
        except BaseException:
            for sock in sockets:
                sock.close()
            raise
        self._acceptor = Acceptor(sockets, self._accepted)

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The listening sockets."""
        return self._acceptor.sockets if self._acceptor is not None else ()

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The addresses that it listens on."""
        return self._acceptor.addresses if self._acceptor is not None else ()

    @property
    def port(self) -> int:
        """The port of the first address."""
        return next((address[1] for address in self.addresses if isinstance(address, tuple)), 0)

    def _accepted(self, sock: socket.socket) -> None:
        try:
            stream = Stream.from_socket(sock)
        except OSError:  # gone already
            sock.close()
            return
        if not self.handler.accept(stream.peer_address) or self._is_dropped():
            stream.close()
            return
        self.add(stream)

    def _is_dropped(self) -> bool:
        """Random early drop: some of those who log in now get through, whoever floods us."""
        start, percent, full = self.max_startups
        waiting = len(self._starting)
        if waiting < start:
            return False
        if waiting >= full:
            return True
        chance = percent + (100 - percent) * (waiting - start) / max(full - start, 1)
        return os.urandom(1)[0] * 100 < chance * 256

    def add(self, stream: Stream | socket.socket) -> ServerLink:
        """Serve one connection that came by another way."""
        link = ServerLink(
            self.handler,
            ServerEngine(self.options),
            as_stream(stream),
            signers=self.signers,
            timeouts=self.timeouts,
            on_event=self._on_event,
        )
        self.links.add(link)
        self._starting.add(link)
        link.when_authenticated(lambda: self._starting.discard(link))
        link.at_end(lambda: self._gone(link))
        link.start()
        return link

    def _gone(self, link: ServerLink) -> None:
        self.links.discard(link)
        ending = link.loop.create_task(link.wait_over(), name="end of connection")
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def close(self) -> None:
        """Listen no more; connections go on."""
        if self._acceptor is not None:
            self._acceptor.close()
        self._closed.set()

    def close_links(self) -> None:
        """Close all connections."""
        for link in list(self.links):
            link.close()

    async def serve_forever(self) -> None:
        """Wait until `close` is called."""
        await self._closed.wait()

    async def wait_closed(self) -> None:
        """Wait until it listens no more and all connections are over."""
        await self._closed.wait()
        while self.links or self._ending:
            await asyncio.wait(
                [*self._ending, *(asyncio.ensure_future(link.wait_over()) for link in self.links)]
            )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        self.close_links()
        await self.wait_closed()


def make_options(options: ServerOptions | None, signers: Sequence[AnySigner]) -> ServerOptions:
    """Return options whose host keys are those that `signers` sign with."""
    if not signers:
        raise UsageError("a server needs a signer: a host key")
    if options is None:
        return ServerOptions(host_keys=tuple(signer.key for signer in signers))
    held = {signer.key for signer in signers}
    if not set(options.host_keys) <= held:
        raise UsageError("options.host_keys has a key that no signer holds")
    return options


def serve(
    handler: ServerHandler,
    host: str | Sequence[str] = "127.0.0.1",
    port: int = 0,
    *,
    signers: Sequence[AnySigner],
    options: ServerOptions | None = None,
    timeouts: Timeouts | None = None,
    socks: Sequence[socket.socket] = (),
    backlog: int = 128,
    max_startups: tuple[int, int, int] = MAX_STARTUPS,
    on_event: LinkObserver | None = None,
) -> Opening[Server]:
    """Listen for SSH clients and let `handler` answer them.

    For `await`, or `async with`, which closes server and connections at the end. It listens on `host`, one
    name or several ("*" is everywhere), or on `socks`, which listen already; port 0 lets the system choose.
    `signers` are the private host keys, or who holds them. `max_startups` is start, percent, full, as in
    sshd_config.
    """
    options = make_options(options, signers)
    places: list[Listen] = list(socks) or [
        (name, port) for name in ([host] if isinstance(host, str) else host)
    ]

    async def open_server() -> Server:
        server = Server(
            handler,
            options=options,
            signers=signers,
            timeouts=timeouts or Timeouts(),
            max_startups=max_startups,
            on_event=on_event,
        )
        await server.listen(*places, backlog=backlog)
        return server

    return Opening(open_server())


def serve_stream(
    handler: ServerHandler,
    stream: Stream | socket.socket,
    *,
    signers: Sequence[AnySigner],
    options: ServerOptions | None = None,
    timeouts: Timeouts | None = None,
    on_event: LinkObserver | None = None,
) -> ServerLink:
    """Serve one connection, which exists already, in the running loop."""
    link = ServerLink(
        handler,
        ServerEngine(make_options(options, signers)),
        as_stream(stream),
        signers=signers,
        timeouts=timeouts or Timeouts(),
        on_event=on_event,
    )
    link.start()
    return link
