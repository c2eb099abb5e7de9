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
from pyssh.aio.link import Link
from pyssh.aio.reader import Reader
from pyssh.aio.streams import Stream
from pyssh.aio.timeouts import Timeouts
from pyssh.connection import requests
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

__all__ = ["serve_proxied"]

_READ_SIZE: Final = 128 * 1024
# what a client may have the server do for the whole connection; the rest is the master's
_PASSED_ON: Final = (
    requests.TcpipForward,
    requests.CancelTcpipForward,
    requests.StreamlocalForward,
    requests.CancelStreamlocalForward,
)


async def serve_proxied(link: ClientLink, sock: socket.socket, received: bytes) -> None:
    """Pass the connection protocol on until the client or the connection ends."""
    engine = ProxyEngine(Options(), is_client=False, user=link.user)
    proxied = _ProxiedLink(link, engine, Stream.from_socket(sock))
    link.at_end(proxied.close)
    proxied.adopt([*engine.first_events(), *engine.receive_data(received)], {})
    try:
        await proxied.wait_over()
    except BaseException:
        proxied.abort()
        raise


class _ProxiedLink(Link):
    """The link with the client. `link` is the one with the server."""

    def __init__(self, link: ClientLink, engine: ProxyEngine, stream: Stream) -> None:
        super().__init__(engine, stream, timeouts=Timeouts())
        self._server = link

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
        self.accept_channel(question, partial(_join, far))

    def _receive_global_request(self, question: GlobalRequestReceived) -> None:
        self.spawn(self.answer(question, self._pass_on(question)), "global request")

    async def _pass_on(self, question: GlobalRequestReceived) -> bytes | None:
        request = question.request
        # connections to these could not be told from the master's own
        if not isinstance(request, _PASSED_ON):
            return None
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
