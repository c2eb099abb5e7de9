"""Forwards: local, remote and dynamic, over TCP and Unix sockets; each connection is a splice."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pyssh.aio.channel import Channel
from pyssh.aio.dial import describe, dial, format_address
from pyssh.aio.listen import Acceptor, Listen, UnixListen, open_listeners
from pyssh.aio.socks import SocksDialogue, SocksError
from pyssh.aio.splice import Splice
from pyssh.aio.streams import Address
from pyssh.aio.timeouts import Timeouts, limit
from pyssh.connection import kinds, requests
from pyssh.errors import OpenFailureReason, SSHError
from pyssh.events import ChannelOpenRequested, OpenRefused
from pyssh.record import Record
from pyssh.wire.message import Struct

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from pyssh.aio.link import Link

_SOCKS_READ: Final = 4096
# connections that wait for a link, of each forward; each holds a descriptor
_MOST_WAITING: Final = 64


class ForwardEvent(Record):
    """Something that happened to a connection of a forward: `what` is "opened", "closed" or "failed"."""

    what: str
    peer: str
    target: str
    error: str = ""
    bytes_sent: int = 0
    bytes_received: int = 0


ForwardObserver = Callable[["Forward", ForwardEvent], None]
ChannelKindOf = Callable[[Address, Address | None], Struct]


def direct_kind(address: Address, originator: Address | None = None) -> Struct:
    """Return the kind of channel that has a server connect to an address."""
    if isinstance(address, str):
        return kinds.DirectStreamlocal(os.fsencode(address))
    host, port = originator if isinstance(originator, tuple) else ("127.0.0.1", 0)
    return kinds.DirectTcpip(*address, host, port)


def _peer_of(sock: socket.socket) -> Address:
    name = sock.getpeername()
    return (name[0], name[1]) if isinstance(name, tuple) else os.fsdecode(name)


class Forward:
    """One forward and what goes through it.

    `listen` and `target` are as they were asked for (no target: SOCKS names it), `address` is where it really
    listens. Counters are kept over its whole life; `bytes_sent` went into the tunnel at the listening side.
    """

    kind: str

    def __init__(self, listen: Listen, target: Address | None, observer: ForwardObserver | None) -> None:
        self.listen = listen
        self.target = target
        self.address: Address | None = None
        self.total = 0
        self.last_error = ""
        self.closed = False
        self._observer = observer
        self._splices: set[Splice] = set()
        self._sent_before = 0
        self._received_before = 0
        self._when_closed: list[Callable[[], object]] = []

    @property
    def asked(self) -> Address | None:
        """Where it was asked to listen; None for a socket that listened already."""
        listen = self.listen.path if isinstance(self.listen, UnixListen) else self.listen
        return None if isinstance(listen, socket.socket) else listen

    @property
    def open(self) -> int:
        """How many connections there are now."""
        return len(self._splices)

    @property
    def bytes_sent(self) -> int:
        """Bytes from connections into the tunnel."""
        return self._sent_before + sum(self._sent(splice) for splice in self._splices)

    @property
    def bytes_received(self) -> int:
        """Bytes out of the tunnel to connections."""
        return self._received_before + sum(self._received(splice) for splice in self._splices)

    @staticmethod
    def _sent(splice: Splice) -> int:
        return splice.sent

    @staticmethod
    def _received(splice: Splice) -> int:
        return splice.received

    def __repr__(self) -> str:
        target = "SOCKS" if self.target is None else format_address(self.target)
        where = "" if self.address is None else f" {format_address(self.address)}"
        return f"<{self.kind} forward{where} -> {target}>"

    async def _carry(self, channel: Channel, sock: socket.socket, peer: str, target: str) -> None:
        """Join a channel and a socket until both are done."""
        splice = Splice(channel, sock)
        self._splices.add(splice)
        self.total += 1
        self._tell(ForwardEvent("opened", peer, target))
        error = ""
        try:
            await splice.run()
        except (OSError, SSHError) as caught:
            error = self.last_error = describe(caught)
        finally:
            self._splices.discard(splice)
            sent, received = self._sent(splice), self._received(splice)
            self._sent_before += sent
            self._received_before += received
            self._tell(ForwardEvent("closed", peer, target, error, sent, received))

    def _failed(self, peer: str, target: str, error: str) -> None:
        self.last_error = error
        self._tell(ForwardEvent("failed", peer, target, error))

    def _tell(self, event: ForwardEvent) -> None:
        if self._observer is not None:
            self._observer(self, event)

    def when_closed(self, callback: Callable[[], object]) -> None:
        """Call `callback` when the forward is closed."""
        self._when_closed.append(callback)

    def close(self) -> None:
        """Take no more connections; those that are open go on. Closing twice is harmless."""
        if self.closed:
            return
        self.closed = True
        self._stop()
        callbacks, self._when_closed = self._when_closed, []
        for callback in callbacks:
            callback()

    def _stop(self) -> None:
        raise NotImplementedError


class LocalForward(Forward):
    """Listens here; `ssh -L`, or `ssh -D` without a target.

    It needs a link to carry connections, and may change it: `attach`. Without one, connections wait for it up
    to `patience` seconds and are closed then.
    """

    def __init__(
        self,
        listen: Listen,
        target: Address | None,
        observer: ForwardObserver | None,
        timeouts: Timeouts,
        channel_kind: ChannelKindOf,
        *,
        patience: float,
    ) -> None:
        super().__init__(listen, target, observer)
        self.kind = "dynamic" if target is None else "local"
        self._patience = patience
        self._waiting: dict[socket.socket, tuple[Address, asyncio.TimerHandle]] = {}
        self._timeouts = timeouts
        self._channel_kind = channel_kind
        self._link: Link | None = None
        self._acceptor: Acceptor | None = None

    @classmethod
    async def listen_on(
        cls,
        listen: Listen,
        target: Address | None,
        *,
        observer: ForwardObserver | None = None,
        timeouts: Timeouts | None = None,
        channel_kind: ChannelKindOf = direct_kind,
        patience: float = 0.0,
    ) -> "LocalForward":
        """Start to listen; OSError if that cannot be.

        `channel_kind` makes the kind of channel from the target and the originator's address.
        """
        forward = cls(listen, target, observer, timeouts or Timeouts(), channel_kind, patience=patience)
        forward._acceptor = Acceptor(await open_listeners(listen), forward._accepted)
        forward.address = forward._acceptor.addresses[0]
        return forward

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All addresses that it listens on."""
        return self._acceptor.addresses if self._acceptor is not None else ()

    def attach(self, link: "Link") -> None:
        """Let `link` carry new connections, until it ends or another one is attached."""
        self._link = link
        link.at_end(lambda: self._detach(link))
        waiting, self._waiting = self._waiting, {}
        for sock, (peer, timer) in waiting.items():
            timer.cancel()
            self._start(link, sock, peer)

    def _detach(self, link: "Link") -> None:
        if self._link is link:
            self._link = None

    def _accepted(self, sock: socket.socket) -> None:
        try:
            peer = _peer_of(sock)
        except OSError:
            sock.close()
            return
        if self._link is not None:
            self._start(self._link, sock, peer)
        elif self._patience and len(self._waiting) < _MOST_WAITING:
            timer = asyncio.get_running_loop().call_later(self._patience, self._give_up, sock)
            self._waiting[sock] = (peer, timer)
        else:
            self._turn_away(sock, peer)

    def _give_up(self, sock: socket.socket) -> None:
        peer, _ = self._waiting.pop(sock)
        self._turn_away(sock, peer)

    def _turn_away(self, sock: socket.socket, peer: Address) -> None:
        sock.close()
        self._failed(format_address(peer), "", "not connected to the server")

    def _start(self, link: "Link", sock: socket.socket, peer: Address) -> None:
        link.spawn(self._serve(link, sock, peer), "forwarded connection")

    async def _serve(self, link: "Link", sock: socket.socket, peer: Address) -> None:
        shown = format_address(peer)
        target = self.target
        dialogue: SocksDialogue | None = None
        try:
            sock.setblocking(False)
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if target is None:
                dialogue = SocksDialogue()
                async with asyncio.timeout(limit(self._timeouts.socks)):
                    target = await _receive_target(sock, dialogue)
            channel = await self._open(link, sock, target, peer, dialogue)
        except (OSError, SSHError) as error:
            sock.close()
            self._failed(shown, format_address(target) if target else "", describe(error))
            return
        except BaseException:
            sock.close()
            raise
        await self._carry(channel, sock, shown, format_address(target))

    async def _open(
        self,
        link: "Link",
        sock: socket.socket,
        target: Address,
        peer: Address,
        dialogue: SocksDialogue | None,
    ) -> Channel:
        loop = asyncio.get_running_loop()
        try:
            channel = await link.open_channel(self._channel_kind(target, peer))
        except SSHError:
            if dialogue is not None:
                with contextlib.suppress(OSError):
                    await loop.sock_sendall(sock, dialogue.refused())
            raise
        if dialogue is not None:
            try:
                await loop.sock_sendall(sock, dialogue.granted())
                await channel.write(dialogue.left)
            except BaseException:
                channel.close()
                raise
        return channel

    def _stop(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
        self._link = None
        for sock, (_, timer) in self._waiting.items():
            timer.cancel()
            sock.close()
        self._waiting.clear()


async def _receive_target(sock: socket.socket, dialogue: SocksDialogue) -> tuple[str, int]:
    loop = asyncio.get_running_loop()
    while dialogue.target is None:
        data = await loop.sock_recv(sock, _SOCKS_READ)
        if not data:
            raise SocksError("the SOCKS client went away")
        try:
            reply = dialogue.receive(data)
        except SocksError as error:
            if error.reply:
                with contextlib.suppress(OSError):
                    await loop.sock_sendall(sock, error.reply)
            raise
        if reply:
            await loop.sock_sendall(sock, reply)
    return dialogue.target


class RemoteForward(Forward):
    """The server listens and its connections end here; `ssh -R`. Without a target our end speaks SOCKS."""

    kind = "remote"

    def __init__(
        self,
        forwards: "RemoteForwards",
        listen: Address,
        target: Address | None,
        observer: ForwardObserver | None,
    ) -> None:
        super().__init__(listen, target, observer)
        self._forwards = forwards

    @staticmethod
    def _sent(splice: Splice) -> int:
        return splice.received

    @staticmethod
    def _received(splice: Splice) -> int:
        return splice.sent

    async def connect(
        self, kind: Struct, timeouts: Timeouts
    ) -> "Callable[[Channel], Coroutine[Any, Any, None]]":
        """Connect to the target and return what carries the channel; OSError if it cannot be reached."""
        peer = "unix socket"
        if isinstance(kind, kinds.ForwardedTcpip):
            peer = format_address((kind.originator_address, kind.originator_port))
        if self.target is None:
            return lambda channel: self._carry_socks(channel, peer, timeouts)
        shown = format_address(self.target)
        try:
            sock = await dial(self.target, timeouts)
        except OSError as error:
            self._failed(peer, shown, describe(error))
            raise
        return lambda channel: self._carry(channel, sock, peer, shown)

    async def _carry_socks(self, channel: Channel, peer: str, timeouts: Timeouts) -> None:
        dialogue = SocksDialogue()
        try:
            sock = await self._dial_socks(channel, dialogue, timeouts)
        except (OSError, SSHError) as error:
            self._failed(peer, "", describe(error))
            return
        try:
            await channel.write(dialogue.granted())
            await asyncio.get_running_loop().sock_sendall(sock, dialogue.left)
        except BaseException:
            sock.close()
            raise
        await self._carry(channel, sock, peer, format_address(dialogue.target))

    async def _dial_socks(
        self, channel: Channel, dialogue: SocksDialogue, timeouts: Timeouts
    ) -> socket.socket:
        async with asyncio.timeout(limit(timeouts.socks)):
            while dialogue.target is None:
                data = await channel.read(_SOCKS_READ)
                if not data:
                    raise SocksError("the SOCKS client went away")
                try:
                    reply = dialogue.receive(data)
                except SocksError as error:
                    await channel.write(error.reply)
                    raise
                await channel.write(reply)
        if not self._forwards.permit(dialogue.target):
            await channel.write(dialogue.refused())
            raise SocksError(f"{format_address(dialogue.target)} is not permitted")
        try:
            return await dial(dialogue.target, timeouts)
        except OSError:
            await channel.write(dialogue.refused())
            raise

    def _stop(self) -> None:
        self._forwards.cancel(self)


class RemoteForwards:
    """A client's remote forwards: asks for them, and finds whose a channel is that the server opens."""

    def __init__(self, link: "Link") -> None:
        self._link = link
        self.permit: Callable[[tuple[str, int]], bool] = lambda _: True
        self._forwards: dict[Address, RemoteForward] = {}

    async def add(
        self, listen: Address, target: Address | None, observer: ForwardObserver | None
    ) -> RemoteForward:
        """Ask the server to listen; `RequestError` if it refuses."""
        forward = RemoteForward(self, listen, target, observer)
        if isinstance(listen, str):
            await self._ask(forward, listen, requests.StreamlocalForward(os.fsencode(listen)))
            return forward
        host, port = listen
        request = requests.TcpipForward(host, port)
        if port:
            await self._ask(forward, listen, request)
        else:
            bound = requests.BoundPort.decode(await self._link.global_request(request))
            self._add(forward, (host, bound.port_bound))
        return forward

    async def _ask(self, forward: RemoteForward, address: Address, request: Struct) -> None:
        # the first connection may come together with the reply
        self._add(forward, address)
        try:
            await self._link.global_request(request)
        except BaseException:
            self._forwards.pop(address, None)
            raise

    def _add(self, forward: RemoteForward, address: Address) -> None:
        self._forwards[address] = forward
        forward.address = address

    def cancel(self, forward: RemoteForward) -> None:
        """Ask the server to stop listening."""
        address = forward.address
        if address is None or self._forwards.pop(address, None) is None or self._link.ended:
            return
        request: Struct
        if isinstance(address, str):
            request = requests.CancelStreamlocalForward(os.fsencode(address))
        else:
            request = requests.CancelTcpipForward(*address)
        self._link.send_global_request(request)

    def _find(self, kind: Struct) -> RemoteForward | None:
        match kind:
            case kinds.ForwardedTcpip(address_connected, port_connected):
                exact = self._forwards.get((address_connected, port_connected))
                # servers may name the address that they bound instead of the one asked for
                return exact or next(
                    (
                        forward
                        for address, forward in self._forwards.items()
                        if isinstance(address, tuple) and address[1] == port_connected
                    ),
                    None,
                )
            case kinds.ForwardedStreamlocal(socket_path):
                return self._forwards.get(os.fsdecode(socket_path))
            case _:
                return None

    async def open_channel(
        self, question: ChannelOpenRequested
    ) -> "Callable[[Channel], Coroutine[Any, Any, None]] | OpenRefused":
        """Connect to the target of the forward that a channel belongs to; refuse what nobody asked for."""
        forward = self._find(question.kind)
        if forward is None:
            return OpenRefused(description="nobody asked for this")
        try:
            return await forward.connect(question.kind, self._link.timeouts)
        except OSError:
            return OpenRefused(OpenFailureReason.CONNECT_FAILED, "the target cannot be reached")
