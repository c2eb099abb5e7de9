"""X11 connections that a server sends back (RFC 4254 section 6.3): the client's end.

The server is given a cookie that means nothing to the X server. Whoever connects must show it, in the first
packet of the X protocol, and there the real one takes its place.
"""

import asyncio
import hmac
import os
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

from pyssh.aio.channel import Channel
from pyssh.aio.dial import describe, dial
from pyssh.aio.link import Link
from pyssh.aio.splice import splice
from pyssh.aio.streams import Address
from pyssh.aio.timeouts import limit
from pyssh.connection import requests
from pyssh.errors import OpenFailureReason, SSHError
from pyssh.events import ChannelOpenRequested, OpenRefused
from pyssh.record import Record

__all__ = ["CookieSwap", "X11Display", "X11Error", "X11Target"]

_HEADER: Final = 12
_BYTE_ORDERS: Final[Mapping[int, Literal["big", "little"]]] = {0x42: "big", 0x6C: "little"}
_READ: Final = 4096


class X11Error(SSHError):
    """A connection that does not begin as it must."""


class X11Target(Record):
    """An X server: where it may listen, the first that answers counts, and how to get in."""

    addresses: tuple[Address, ...]
    screen: int
    protocol: str
    cookie: bytes

    redacted_fields: ClassVar[frozenset[str]] = frozenset({"cookie"})


class CookieSwap:
    """Reads the first packet of an X connection and puts the real cookie in the place of the fake one.

    Both are of one length. It keeps no more than such a packet has, and the read that completed it.
    """

    def __init__(self, protocol: str, fake: bytes, real: bytes) -> None:
        self._protocol = protocol.encode()
        self._fake = fake
        self._real = real
        self._received = b""

    def receive(self, data: bytes) -> bytes | None:
        """Take bytes from the X client; return what to send on, or None while the packet is not whole."""
        self._received += data
        received = self._received
        if len(received) < _HEADER:
            return None
        order = _BYTE_ORDERS.get(received[0])
        if order is None:
            raise X11Error(f"an X11 connection begins with byte {received[0]:#04x}, which is no byte order")
        # behind byte order and version: the lengths of the protocol's name and of its data, each padded
        name_length = int.from_bytes(received[6:8], order)
        data_length = int.from_bytes(received[8:10], order)
        if name_length != len(self._protocol) or data_length != len(self._fake):
            raise X11Error("an X11 connection uses another authentication protocol")
        cookie_at = _HEADER + _padded(name_length)
        end = cookie_at + _padded(data_length)
        if len(received) < end:
            return None
        name = received[_HEADER : _HEADER + name_length]
        shown = received[cookie_at : cookie_at + data_length]
        # compared together, so that time tells nothing about either
        if not hmac.compare_digest(name + shown, self._protocol + self._fake):
            raise X11Error("an X11 connection shows the wrong cookie")
        return received[:cookie_at] + self._real + received[cookie_at + data_length :]


def _padded(length: int) -> int:
    return (length + 3) & ~3


class X11Display:
    """Takes a link's `x11` channels to an X server: see `ClientLink.let_open`, and `request` for the server.

    `refuse_at` is the loop's time from which on no connection is taken (ForwardX11Timeout); `on_refused` is
    told of those that are turned away.
    """

    def __init__(
        self,
        target: X11Target,
        *,
        refuse_at: float | None = None,
        on_refused: Callable[[str], None] | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._target = target
        self._fake = random(len(target.cookie))
        self._on_refused = on_refused
        self.refuse_at = refuse_at

    def request(self, *, single_connection: bool = False) -> requests.X11Req:
        """Return what asks the server to forward X11 to here."""
        target = self._target
        return requests.X11Req(single_connection, target.protocol, self._fake.hex().encode(), target.screen)

    async def open_channel(
        self, link: Link, question: ChannelOpenRequested
    ) -> Callable[[Channel], Coroutine[Any, Any, None]] | OpenRefused:
        """Connect to the X server; a runner for the channel, or why not."""
        if self.refuse_at is not None and link.loop.time() >= self.refuse_at:
            self._refused("an X11 connection came after ForwardX11Timeout")
            return OpenRefused(OpenFailureReason.ADMINISTRATIVELY_PROHIBITED, "the time is over")
        try:
            sock = await _connect(self._target.addresses, link)
        except OSError as error:
            self._refused(f"the X server cannot be reached: {describe(error)}")
            return OpenRefused(OpenFailureReason.CONNECT_FAILED, "the X server cannot be reached")
        return lambda channel: self._carry(channel, sock)

    async def _carry(self, channel: Channel, sock: socket.socket) -> None:
        try:
            begun = await self._first_packet(channel)
            await channel.link.loop.sock_sendall(sock, begun)
        except (X11Error, OSError, TimeoutError) as error:
            sock.close()
            self._refused(describe(error))
            return
        except BaseException:
            sock.close()
            raise
        await splice(channel, sock)

    async def _first_packet(self, channel: Channel) -> bytes:
        swap = CookieSwap(self._target.protocol, self._fake, self._target.cookie)
        async with asyncio.timeout(limit(channel.link.timeouts.socks)):
            while data := await channel.read(_READ):
                begun = swap.receive(data)
                if begun is not None:
                    return begun
        raise X11Error("an X11 connection ended before it began")

    def _refused(self, reason: str) -> None:
        if self._on_refused is not None:
            self._on_refused(reason)


async def _connect(addresses: Sequence[Address], link: Link) -> socket.socket:
    failure: OSError = ConnectionRefusedError("no address")
    for address in addresses:
        try:
            return await dial(address, link.timeouts)
        except OSError as error:
            failure = error
    raise failure
