"""Channels that a server opens: only of kinds that somebody waits for, and X11 ones only with the cookie."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from functools import partial

import pytest

from pyssh.aio import Channel, ClientLink, ServerLink
from pyssh.aio.x11 import X11Display, X11Target
from pyssh.connection import kinds
from pyssh.errors import ChannelOpenError, OpenFailureReason
from pyssh.wire.message import Struct
from tests.aio.support import linked, running_server, until

COOKIE = bytes(range(16))
HEAD = b"l\0\x0b\0\0\0\x12\0\x10\0\0\0MIT-MAGIC-COOKIE-1\0\0"
X11 = kinds.X11("192.0.2.1", 40000)


@contextlib.asynccontextmanager
async def both_ends() -> AsyncIterator[tuple[ClientLink, ServerLink]]:
    async with running_server() as server, linked(server) as link:
        await until(lambda: all(found.engine.authenticated for found in server.links))
        yield link, next(iter(server.links))


@contextlib.asynccontextmanager
async def x_server(received: asyncio.Queue[bytes]) -> AsyncIterator[X11Target]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.put_nowait(await reader.read(1000))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        address = listener.sockets[0].getsockname()
        yield X11Target((address,), 0, "MIT-MAGIC-COOKIE-1", COOKIE)


@pytest.mark.parametrize("kind", [X11, kinds.AuthAgent(), kinds.ForwardedTcpip("localhost", 1, "", 0)])
async def test_nothing_is_opened_that_nobody_asked_for(kind: Struct) -> None:
    async with both_ends() as (_, server):
        with pytest.raises(ChannelOpenError):
            await server.open_channel(kind)


async def test_leave_for_one_kind_is_none_for_another() -> None:
    async with both_ends() as (link, server), x_server(asyncio.Queue()) as target:
        link.let_open(kinds.X11, partial(X11Display(target).open_channel, link))
        assert isinstance(await server.open_channel(X11), Channel)
        with pytest.raises(ChannelOpenError):
            await server.open_channel(kinds.AuthAgent())


async def test_the_cookie_of_the_request_opens_the_display() -> None:
    received: asyncio.Queue[bytes] = asyncio.Queue()
    async with both_ends() as (link, server), x_server(received) as target:
        display = X11Display(target)
        link.let_open(kinds.X11, partial(display.open_channel, link))
        channel = await server.open_channel(X11)
        fake = bytes.fromhex(display.request().authentication_cookie.decode())
        assert fake != COOKIE
        await channel.write(HEAD + fake)
        assert await received.get() == HEAD + COOKIE


async def test_another_cookie_closes_the_channel() -> None:
    refused: list[str] = []
    async with both_ends() as (link, server), x_server(asyncio.Queue()) as target:
        link.let_open(kinds.X11, partial(X11Display(target, on_refused=refused.append).open_channel, link))
        channel = await server.open_channel(X11)
        await channel.write(HEAD + COOKIE)
        async with asyncio.timeout(30):
            await channel.wait_closed()
    assert refused == ["an X11 connection shows the wrong cookie"]


async def test_after_its_time_no_connection_is_taken() -> None:
    async with both_ends() as (link, server), x_server(asyncio.Queue()) as target:
        display = X11Display(target, refuse_at=link.loop.time())
        link.let_open(kinds.X11, partial(display.open_channel, link))
        with pytest.raises(ChannelOpenError) as caught:
            await server.open_channel(X11)
    assert caught.value.reason == OpenFailureReason.ADMINISTRATIVELY_PROHIBITED


async def test_without_an_x_server_the_channel_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    async with both_ends() as (link, server):
        display = X11Display(X11Target((address,), 0, "MIT-MAGIC-COOKIE-1", COOKIE))
        link.let_open(kinds.X11, partial(display.open_channel, link))
        with pytest.raises(ChannelOpenError, match="cannot be reached"):
            await server.open_channel(X11)
