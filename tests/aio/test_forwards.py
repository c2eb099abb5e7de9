"""Forwards of all kinds, over TCP and Unix sockets: half-close, counters, refusals, closing."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pyssh.aio import Address, ClientLink, Forward, ForwardEvent, Link, LocalForward, ServerForwarding
from pyssh.connection import kinds
from pyssh.errors import ChannelOpenError, RequestError
from tests.aio.support import MIB, Handler, exists, linked, open_files, pair, running_server, until

LOOPBACK = "127.0.0.1"


@contextlib.asynccontextmanager
async def reversing(path: str | None = None) -> AsyncIterator[Address]:
    """A service that reads to the end and then sends what it got backwards."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read())[::-1])
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    if path is None:
        async with await asyncio.start_server(serve, LOOPBACK, 0) as listener:
            yield listener.sockets[0].getsockname()
    else:
        async with await asyncio.start_unix_server(serve, path):
            yield path


async def exchange(address: Address | None, data: bytes) -> bytes:
    """Send everything, close that direction, read everything."""
    assert address is not None
    if isinstance(address, str):
        reader, writer = await asyncio.open_unix_connection(address)
    else:
        reader, writer = await asyncio.open_connection(*address)
    received = b""
    with contextlib.suppress(OSError):  # a connection that is not served is cut
        writer.write(data)
        writer.write_eof()
        received = await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return received


@pytest.mark.parametrize("target_is_path", [False, True])
@pytest.mark.parametrize("listen_is_path", [False, True])
@pytest.mark.parametrize("direction", ["local", "remote"])
async def test_tcp_and_unix_sockets(
    direction: str, listen_is_path: bool, target_is_path: bool, tmp_path: Path
) -> None:
    data = os.urandom(3 * MIB)
    listen: Address = str(tmp_path / "l") if listen_is_path else (LOOPBACK, 0)
    async with reversing(str(tmp_path / "t") if target_is_path else None) as target, pair() as link:
        make = link.forward_local if direction == "local" else link.forward_remote
        forward = await make(listen, target)
        assert link.forwards == [forward]
        assert await exchange(forward.address, data) == data[::-1]
        await until(lambda: not forward.open)
        assert (forward.total, forward.bytes_sent, forward.bytes_received) == (1, len(data), len(data))
        assert (forward.kind, forward.last_error) == (direction, "")
        forward.close()
        assert link.forwards == []
        await until(lambda: not link.channels)
        # the request to cancel is done when a later one has been answered
        assert (await link.run("true")).exit_status == 0
        with pytest.raises(OSError):  # noqa: PT011  # refused, or no such file
            await exchange(forward.address, b"")
        if listen_is_path:
            assert not exists(str(listen))


async def test_many_connections_at_once() -> None:
    async with reversing() as target, pair() as link:
        forward = await link.forward_local((LOOPBACK, 0), target)
        data = [os.urandom(100_000) for _ in range(30)]
        received = await asyncio.gather(*(exchange(forward.address, one) for one in data))
        assert received == [one[::-1] for one in data]
        assert forward.total == 30


async def test_observer_and_failures() -> None:
    seen: list[ForwardEvent] = []
    with socket.create_server((LOOPBACK, 0)) as closed:
        nowhere = closed.getsockname()

    async with reversing() as target, pair() as link:
        observe = lambda _, event: seen.append(event)  # noqa: E731
        good = await link.forward_local((LOOPBACK, 0), target, observer=observe)
        assert await exchange(good.address, b"ab") == b"ba"
        await until(lambda: len(seen) == 2)
        assert [event.what for event in seen] == ["opened", "closed"]
        assert (seen[1].bytes_sent, seen[1].bytes_received) == (2, 2)
        seen.clear()
        for make in (link.forward_local, link.forward_remote):
            bad = await make((LOOPBACK, 0), nowhere, observer=observe)
            assert await exchange(bad.address, b"") == b""
            await until(lambda: bool(seen))
            assert seen.pop().what == "failed"
            assert "refused" in bad.last_error


async def socks_5(address: Address | None, host: bytes, target: Address) -> tuple[bytes, socket.socket]:
    assert isinstance(address, tuple)
    assert isinstance(target, tuple)
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setblocking(False)
    await loop.sock_connect(sock, address)
    await loop.sock_sendall(sock, b"\x05\x01\x00")
    assert await loop.sock_recv(sock, 2) == b"\x05\x00"
    await loop.sock_sendall(
        sock, b"\x05\x01\x00\x03" + bytes([len(host)]) + host + struct.pack(">H", target[1])
    )
    return await loop.sock_recv(sock, 10), sock


@pytest.mark.parametrize("kind", ["local", "remote"])
async def test_dynamic(kind: str) -> None:
    loop = asyncio.get_running_loop()
    async with reversing() as target, pair() as link:
        assert isinstance(target, tuple)
        forward: Forward
        if kind == "local":
            forward = await link.forward_dynamic((LOOPBACK, 0))
            assert forward.kind == "dynamic"
        else:
            forward = await link.forward_remote((LOOPBACK, 0), None)
        assert isinstance(forward.address, tuple)
        # SOCKS 5, with a name
        reply, sock = await socks_5(forward.address, b"localhost", target)
        assert reply == b"\x05\x00\x00\x01" + bytes(6)
        await loop.sock_sendall(sock, b"abc")
        sock.shutdown(socket.SHUT_WR)
        assert await loop.sock_recv(sock, 10) == b"cba"
        sock.close()
        # SOCKS 4 and 4a, with data behind the request
        port = struct.pack(">H", target[1])
        for request in (
            b"\x04\x01" + port + bytes([127, 0, 0, 1]) + b"me\0",
            b"\x04\x01" + port + bytes([0, 0, 0, 1]) + b"\0localhost\0",
        ):
            answer = await exchange(forward.address, request + b"abc")
            assert answer == b"\x00\x5a" + bytes(6) + b"cba"
        assert await exchange(forward.address, b"GET / HTTP/1.0\r\n") == b""
        assert "SOCKS" in forward.last_error


async def test_dynamic_to_nowhere() -> None:
    with socket.create_server((LOOPBACK, 0)) as closed:
        nowhere = closed.getsockname()
    async with pair() as link:
        for forward in (
            await link.forward_dynamic((LOOPBACK, 0)),
            await link.forward_remote((LOOPBACK, 0), None),
        ):
            reply, sock = await socks_5(forward.address, b"127.0.0.1", nowhere)
            sock.close()
            assert reply[1] == 1


async def test_what_the_server_does_not_permit() -> None:
    handler = Handler()
    asked: list[Address] = []

    def refuse(link: Link, address: Address) -> bool:
        asked.append(address)
        return False

    handler.forwarding = ServerForwarding(refuse, refuse)
    async with pair(handler) as link:
        with pytest.raises(ChannelOpenError, match="not permitted"):
            await link.open_connection(("db.example", 5432))
        with pytest.raises(ChannelOpenError, match="not permitted"):
            await link.open_connection("/run/x")
        with pytest.raises(RequestError):
            await link.forward_remote(("", 8080), (LOOPBACK, 1))
        with pytest.raises(RequestError):
            await link.forward_remote("/tmp/x", (LOOPBACK, 1))
        assert asked == [("db.example", 5432), "/run/x", ("", 8080), "/tmp/x"]
        with pytest.raises(ChannelOpenError):
            await link.open_connection(("h", 70000))
        assert link.forwards == []


async def test_a_server_opens_only_what_was_asked_for() -> None:
    async with running_server() as server, linked(server):
        (served,) = server.links
        for kind in (kinds.ForwardedTcpip("x", 1, "y", 2), kinds.ForwardedStreamlocal(b"/x")):
            with pytest.raises(ChannelOpenError):
                await served.open_channel(kind)


async def test_the_same_address_twice() -> None:
    async with pair() as link:
        forward = await link.forward_remote((LOOPBACK, 0), (LOOPBACK, 1))
        assert isinstance(forward.address, tuple)
        with pytest.raises(RequestError):
            await link.forward_remote(forward.address, (LOOPBACK, 1))
        local = await link.forward_local((LOOPBACK, 0), (LOOPBACK, 1))
        assert isinstance(local.address, tuple)
        with pytest.raises(OSError, match=f"cannot listen on {LOOPBACK} port {local.address[1]}"):
            await link.forward_local(local.address, (LOOPBACK, 1))


async def test_a_listener_that_outlives_links() -> None:
    before = open_files()
    async with reversing() as target, running_server() as server:
        forward = await LocalForward.listen_on((LOOPBACK, 0), target)
        for _ in range(2):
            assert await exchange(forward.address, b"ab") == b""
            assert forward.last_error == "not connected to the server"
            async with linked(server) as link:
                forward.attach(link)
                assert await exchange(forward.address, b"ab") == b"ba"
        forward.close()
        forward.close()
    assert forward.total == 2
    await until(lambda: open_files() <= before)


async def test_the_link_breaks_under_a_connection() -> None:
    async with running_server() as server:
        async with linked(server) as link, reversing() as target:
            forward = await link.forward_local((LOOPBACK, 0), target)
            assert isinstance(forward.address, tuple)
            reader, writer = await asyncio.open_connection(*forward.address)
            await until(lambda: forward.open == 1)
            link.abort()
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
            await link.wait_over()
        assert forward.closed
        await until(lambda: not server.links)


async def test_a_socket_that_breaks_closes_the_channel() -> None:
    async with pair() as link, reversing() as target:
        forward = await link.forward_local((LOOPBACK, 0), target)
        assert isinstance(forward.address, tuple)
        with socket.socket() as sock:
            sock.setblocking(False)
            await link.loop.sock_connect(sock, forward.address)
            await link.loop.sock_sendall(sock, bytes(100))
            await until(lambda: forward.open == 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await until(lambda: not forward.open)
        await until(lambda: not link.channels)


async def test_direct_connections(tmp_path: Path) -> None:
    async def talk(link: ClientLink, address: Address) -> None:
        async with await link.open_connection(address) as channel:
            await channel.write(b"abc")
            channel.send_eof()
            assert await channel.read() == b"cba"

    async with pair() as link, reversing() as target, reversing(str(tmp_path / "s")) as path:
        await talk(link, target)
        await talk(link, path)
