"""Proxy mode at the master: what a client opens and asks for is opened and asked for on our connection.

Windows are those of two channels, so who does not read is waited for by both ends of the way.
"""

import asyncio
import contextlib
import socket
from functools import partial
from typing import Any, Final

from pyssh.aio.channel import STDERR, Channel
from pyssh.aio.client import ClientLink
from pyssh.aio.link import ChannelRunner, Link
from pyssh.aio.reader import Reader
from pyssh.aio.streams import Stream
from pyssh.aio.timeouts import Timeouts
from pyssh.connection import kinds, requests
from pyssh.errors import ChannelOpenError, SSHError, UsageError
from pyssh.events import (
    ChannelOpenRequested,
    ChannelRequestReceived,
    GlobalRequestReceived,
    OpenRefused,
    Question,
)
from pyssh.mux.proxy import ProxyEngine
from pyssh.options import Options

__all__ = ["Relays"]

_READ_SIZE: Final = 128 * 1024

_Place = tuple[str, int] | bytes
"""Where the server listens: a host and port, or a path."""


class Relays:
    """All proxied clients of one connection; finds whose a channel is that the server opens."""

    def __init__(self, link: ClientLink) -> None:
        self.link = link
        self.places: dict[_Place, _ProxiedLink] = {}
        self._has_openers = False

    async def serve(self, sock: socket.socket, received: bytes) -> None:
        """Pass the connection protocol on until the client or the connection ends."""
        engine = ProxyEngine(Options(), is_client=False, user=self.link.user)
        proxied = _ProxiedLink(self, engine, Stream.from_socket(sock))
        self.link.at_end(proxied.close)
        proxied.adopt([*engine.first_events(), *engine.receive_data(received)], {})
        try:
            await proxied.wait_over()
        except BaseException:
            proxied.abort()
            raise
        finally:
            self._forget(proxied)

    def add(self, place: _Place, proxied: "_ProxiedLink") -> None:
        """Note that a client listens at the server."""
        self.places[place] = proxied
        if not self._has_openers:
            self._has_openers = True
            self.link.let_open(kinds.ForwardedTcpip, self._open)
            self.link.let_open(kinds.ForwardedStreamlocal, self._open)

    def _forget(self, proxied: "_ProxiedLink") -> None:
        for place in [place for place, owner in self.places.items() if owner is proxied]:
            del self.places[place]
            if self.link.ended:
                continue
            if isinstance(place, bytes):
                self.link.send_global_request(requests.CancelStreamlocalForward(place))
            else:
                self.link.send_global_request(requests.CancelTcpipForward(*place))

    async def _open(self, question: ChannelOpenRequested) -> ChannelRunner | OpenRefused:
        place: _Place = b""
        match question.kind:
            case kinds.ForwardedTcpip(host, port):
                place = host, port
            case kinds.ForwardedStreamlocal(path):
                place = path
        proxied = self.places.get(place)
        if proxied is None:
            return await self.link.open_forwarded(question)
        try:
            near = await proxied.open_channel(question.kind)
        except (SSHError, OSError):
            return OpenRefused()
        return lambda far: _join(far, near)


class _ProxiedLink(Link):
    """The link with one client."""

    def __init__(self, relays: Relays, engine: ProxyEngine, stream: Stream) -> None:
        super().__init__(engine, stream, timeouts=Timeouts())
        self._relays = relays
        self._server = relays.link

    async def _decide(self, question: Question[Any]) -> Any:
        raise UsageError(f"{type(question).__name__} through a proxy")

    async def _decide_open(self, question: ChannelOpenRequested) -> None:
        try:
            far = await self._server.open_channel(question.kind)
        except ChannelOpenError as error:
            self.settle(question, OpenRefused(error.reason, error.description))
            return
        except (SSHError, OSError):
            self.settle(question, OpenRefused())
            return
        if self.ended:
            far.close()
            return
        self.accept_channel(question, lambda near: _join(far, near))

    def _receive_global_request(self, question: GlobalRequestReceived) -> None:
        self.spawn(self.answer(question, self._pass_on(question)), "global request")

    async def _pass_on(self, question: GlobalRequestReceived) -> bytes | None:
        """Ask the server for what a client may have it do; the rest is the master's."""
        request = question.request
        places = self._relays.places
        try:
            match request:
                case requests.TcpipForward(host, port):
                    data = await self._server.global_request(request)
                    bound = requests.BoundPort(port) if port else requests.BoundPort.decode(data)
                    self._relays.add((host, bound.port_bound), self)
                    # OpenSSH 10.6 as the client takes no reply without data (its master sends none at all)
                    return bound.encode()
                case requests.StreamlocalForward(path):
                    await self._server.global_request(request)
                    self._relays.add(path, self)
                    return requests.BoundPort(0).encode()
                case requests.CancelTcpipForward(host, port) if places.get((host, port)) is self:
                    del places[host, port]
                    return await self._server.global_request(request)
                case requests.CancelStreamlocalForward(path) if places.get(path) is self:
                    del places[path]
                    return await self._server.global_request(request)
        except (SSHError, OSError):
            pass  # the server has refused, and so do we
        return None


async def _join(far: Channel, near: Channel) -> None:
    """Pass everything between two channels until both are closed."""
    near.handle_requests(partial(_ask, far))
    far.handle_requests(partial(_ask, near))
    near.when_closed(far.close)
    sending = asyncio.ensure_future(_copy_all(((near.stdout, 0),), far))
    receiving = asyncio.ensure_future(_copy_all(((far.stdout, 0), (far.stderr, STDERR)), near))
    try:
        await far.wait_closed()
        await receiving
        _tell_exit(far, near)
    finally:
        sending.cancel()
        receiving.cancel()
        far.close()
        near.close()


async def _copy_all(readers: tuple[tuple[Reader, int], ...], to: Channel) -> None:
    with contextlib.suppress(OSError, SSHError):
        await asyncio.gather(*(_copy(reader, to, code) for reader, code in readers))
        to.send_eof()


async def _copy(reader: Reader, to: Channel, code: int) -> None:
    while data := await reader.read(_READ_SIZE):
        await to.write(data, code)


async def _ask(of: Channel, question: ChannelRequestReceived) -> bool:
    try:
        if question.want_reply:
            return await of.request(question.request)
        of.send_request(question.request)
    except (SSHError, OSError):
        return False
    return True


def _tell_exit(far: Channel, near: Channel) -> None:
    ended = far.exit
    if ended is None or near.closed:
        return
    with contextlib.suppress(OSError, SSHError):
        if ended.signal is not None:
            near.send_request(requests.ExitSignal(ended.signal, ended.core_dumped, ended.message))
        elif ended.status is not None:
            near.send_request(requests.ExitStatus(ended.status))
