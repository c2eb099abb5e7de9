"""Connections to a local forward whose link is down: they wait, for as long and as many as is said."""

import asyncio
import contextlib
import socket

from pyssh.aio import Address, LocalForward
from tests.aio.support import linked, open_files, running_server, until
from tests.aio.test_forwards import LOOPBACK, reversing


async def connected(forward: LocalForward) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    assert isinstance(forward.address, tuple)
    reader, writer = await asyncio.open_connection(*forward.address)
    writer.write(b"ab")
    writer.write_eof()
    return reader, writer


async def read_all(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def test_connections_wait_for_a_link() -> None:
    async with running_server() as server, reversing() as target:
        forward = await LocalForward.listen_on((LOOPBACK, 0), target, patience=60.0)
        early = [await connected(forward) for _ in range(3)]
        async with linked(server) as link:
            forward.attach(link)
            assert [await read_all(reader) for reader, _ in early] == [b"ba"] * 3
        for _, writer in early:
            writer.close()
        assert forward.total == 3
        assert not forward.last_error
        forward.close()


async def test_patience_ends() -> None:
    forward = await LocalForward.listen_on((LOOPBACK, 0), "/nowhere", patience=0.01)
    reader, writer = await connected(forward)
    assert await read_all(reader) == b""
    writer.close()
    assert forward.last_error == "not connected to the server"
    forward.close()


async def test_so_many_wait_and_no_more() -> None:
    before = open_files()
    forward = await LocalForward.listen_on((LOOPBACK, 0), "/nowhere", patience=60.0)
    address: Address | None = forward.address
    assert isinstance(address, tuple)
    with contextlib.ExitStack() as stack:
        for _ in range(64):
            stack.enter_context(socket.create_connection(address))
        await until(lambda: open_files() >= before + 1 + 2 * 64)
        reader, writer = await asyncio.open_connection(*address)
        assert await read_all(reader) == b""
        writer.close()
        assert forward.last_error == "not connected to the server"
        forward.close()
    await until(lambda: open_files() <= before)
