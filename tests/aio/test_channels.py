"""Reading and writing channels: pieces, ends, pressure, cancellation."""

import asyncio
import os

import pytest

from pyssh.aio import ClientLink, ServerSession, Source
from pyssh.aio.pump import SEND_MARK, SMALL_WRITE_ROOM
from pyssh.connection import kinds, requests
from pyssh.errors import ChannelOpenError, ConnectionLost, UsageError
from pyssh.options import ClientOptions, Limits, ServerOptions
from tests.aio.support import MIB, Handler, linked, pair, running_server, settled, until
from tests.support.pair import HOST_KEY


async def test_read_pieces() -> None:
    async with pair() as link, link.open_session("cat") as channel:
        await channel.write(b"one\ntwo\nthree")
        assert await channel.readline() == b"one\n"
        assert await channel.readexactly(2) == b"tw"
        assert await channel.read(1) == b"o"
        assert await channel.readline(limit=1) == b"\n"
        assert await channel.read(0) == b""
        channel.send_eof()
        assert await channel.readline() == b"three"
        assert await channel.readline() == await channel.read(5) == await channel.read() == b""
        with pytest.raises(asyncio.IncompleteReadError):
            await channel.readexactly(1)
        assert channel.stdout.at_eof


async def test_lines_and_exact_reads_larger_than_the_window() -> None:
    size = 3 * MIB
    options = ClientOptions(user="guest", limits=Limits(window_size=64 * 1024))
    async with pair(options=options) as link, link.open_session("cat") as channel:
        line = os.urandom(size).replace(b"\n", b" ") + b"\n"
        sending = asyncio.ensure_future(channel.write(line + bytes(size)))
        assert await channel.readline(limit=2 * size) == line
        assert await channel.readexactly(size) == bytes(size)
        await sending


async def test_iteration_and_views() -> None:
    async with pair() as link, link.open_session("cat") as channel:
        await channel.write(b"abc")
        assert b"".join(await channel.stdout.read_some()) == b"abc"
        await channel.write(b"def")
        channel.send_eof()
        assert b"".join([chunk async for chunk in channel]) == b"def"
        assert await channel.stdout.read_some() == []


async def test_a_cancelled_read_loses_nothing() -> None:
    async with pair() as link, link.open_session("cat") as channel:
        for read in (channel.read(100), channel.readexactly(6), channel.readline(), channel.read()):
            reading = asyncio.ensure_future(read)
            await until(lambda: not channel.stdout.at_eof)
            await channel.write(b"abc")
            await asyncio.sleep(0)
            reading.cancel()
            result = await asyncio.gather(reading, return_exceptions=True)
            if isinstance(result[0], bytes):
                assert result[0] == b"abc"
            else:
                assert await channel.readexactly(3) == b"abc"


async def test_one_reader_at_a_time() -> None:
    async with pair() as link, link.open_session("cat") as channel:
        first = asyncio.ensure_future(channel.read(1))
        await asyncio.sleep(0)
        with pytest.raises(UsageError, match="another task"):
            await channel.read(1)
        await channel.write(b"x")
        assert await first == b"x"


async def test_writing_after_the_end() -> None:
    async with pair() as link:
        async with link.open_session("cat") as channel:
            channel.send_eof()
            with pytest.raises(BrokenPipeError, match="EOF"):
                await channel.write(b"x")
        assert channel.closed
        with pytest.raises(BrokenPipeError, match="closed"):
            await channel.write(b"x")
        with pytest.raises(BrokenPipeError):
            await channel.request(requests.Signal("INT"))
        assert await channel.read() == b""


async def test_writing_what_nobody_reads_waits_and_can_be_cancelled() -> None:
    handler = Handler()

    async def deaf(session: ServerSession) -> None:
        await session.channel.wait_closed()

    handler.programs[b"deaf"] = deaf
    async with pair(handler) as link, link.open_session("deaf") as channel:
        writing = asyncio.ensure_future(channel.write(bytes(64 * MIB)))
        await settled(lambda: link.engine.connection.writable(channel.number))
        assert not writing.done()
        second = asyncio.ensure_future(channel.write(b"behind it"))
        await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        assert not second.done()
        channel.close()
        with pytest.raises(BrokenPipeError):
            await second


async def test_a_reader_that_stopped_costs_one_window() -> None:
    handler = Handler()
    async with pair(handler) as link, link.open_session("sh yes") as channel:
        await until(lambda: bool(handler.sources))
        source = handler.sources[0]
        served = source.channel
        await until(lambda: served.link.engine.connection.writable(served.number) == 0 < source.bytes)
        assert source.bytes <= Limits().window_size
        # it goes on where it stopped
        assert await channel.readexactly(8 * MIB) == b"y\n" * (4 * MIB)


async def stalled(link: ClientLink) -> None:
    """Read nothing from the socket any more."""
    link.loop.remove_reader(link.stream.read_fd)


async def test_a_peer_with_a_huge_window_that_reads_nothing_costs_one_buffer() -> None:
    handler = Handler()
    options = ClientOptions(user="guest", limits=Limits(window_size=2**32 - 1))
    async with running_server(handler) as server, linked(server, options=options) as link:
        channel = await link.open_session("sh yes")
        await until(lambda: bool(handler.sources))
        await stalled(link)
        (served,) = server.links
        await until(lambda: served.unsent > 0)
        await settled(lambda: handler.sources[0].bytes)
        assert 0 < served.unsent <= SEND_MARK + SMALL_WRITE_ROOM + 64 * 1024
        assert not channel.closed
        link.abort()
        await until(lambda: not server.links)


async def test_a_small_write_passes_a_transfer() -> None:
    async with pair() as link:
        bulk = await link.open_session("hash")
        writing = asyncio.ensure_future(bulk.write(bytes(256 * MIB)))
        async with link.open_session("cat") as channel:
            for _ in range(20):
                await channel.write(b"k")
                assert await channel.read(1) == b"k"
        assert not writing.done()
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


async def test_writers_share_the_link() -> None:
    handler = Handler()
    counts: list[int] = []

    async def count(session: ServerSession) -> None:
        number = len(counts)
        counts.append(0)
        async for chunk in session:
            counts[number] += len(chunk)

    handler.programs[b"count"] = count
    async with pair(handler) as link:
        channels = [await link.open_session("count") for _ in range(4)]
        writes = [asyncio.ensure_future(channel.write(bytes(16 * MIB))) for channel in channels]
        await asyncio.wait(writes, return_when=asyncio.FIRST_COMPLETED)
        # who finishes first is not far ahead of the others
        assert min(counts) > 8 * MIB
        await asyncio.gather(*writes)


async def test_transfers_survive_rekeys() -> None:
    options = ClientOptions(user="guest", rekey_bytes=MIB)
    data = os.urandom(MIB) * 12
    async with pair(options=options) as link:
        assert (await link.run("cat", input=data)).stdout == data


async def test_the_server_rekeys() -> None:
    options = ServerOptions(host_keys=(HOST_KEY.key,), rekey_bytes=MIB)
    data = os.urandom(MIB) * 12
    async with running_server(options=options) as server, linked(server) as link:
        assert (await link.run("sh cat", input=data)).stdout == data


async def test_opening_is_refused_or_cancelled() -> None:
    async with pair() as link:
        with pytest.raises(ChannelOpenError):
            await link.open_channel(kinds.UnknownKind("nothing@example.com", b""))
        opening = asyncio.ensure_future(link.open_session_channel())
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert (await link.run("true")).exit_status == 0
        await until(lambda: not link.channels)


async def test_what_a_broken_link_leaves_is_read_before_the_error() -> None:
    async with pair() as link:
        channel = await link.open_session("echo abc")
        await channel.wait_exit()
        second = await link.open_session("cat")
        await second.write(b"abc")
        assert await second.readexactly(1) == b"a"
        link.abort()
        assert await second.read(10) == b"bc"
        with pytest.raises(ConnectionLost):
            await second.read(10)
        with pytest.raises(ConnectionLost):
            await second.write(b"x")
        with pytest.raises(ConnectionLost):
            await second.wait_exit()


async def test_a_transform_changes_what_a_source_sends() -> None:
    async with pair() as link, link.open_session("cat") as channel:
        read_fd, write_fd = os.pipe()
        source = Source(channel, read_fd, transform=lambda view: bytes(view).upper(), close_fd=True)
        os.write(write_fd, b"quiet")
        assert await channel.readexactly(5) == b"QUIET"
        source.pause()
        os.close(write_fd)
        await asyncio.sleep(0)
        assert not source.done
        source.resume()
        await source.wait()
        assert await channel.read() == b""
