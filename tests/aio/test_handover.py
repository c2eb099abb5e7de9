"""A server's connection that goes on in another place, with the client none the wiser."""

import asyncio
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from pyssh.aio import Channel, ServerLink, ServerSession, detach, resume
from pyssh.errors import ConnectionLost, UsageError
from pyssh.keys.openssh import encode_private_key
from pyssh.options import ServerOptions
from tests.aio.support import MIB, Handler, linked, running_server, settled, until
from tests.support.pair import HOST_KEY, USER_KEY
from tests.support.peers import DISTRIBUTION, NEWEST, OpenSSH, require, ssh_command

OPTIONS = ServerOptions(host_keys=(HOST_KEY.key,))


class Second(Handler):
    """Goes on with what the first server did not do."""

    def __init__(self, digest: "hashlib._Hash") -> None:
        super().__init__()
        self.digest = digest

    async def resumed(self, channel: Channel) -> None:
        async for chunk in channel:
            self.digest.update(chunk)
        await channel.write(self.digest.hexdigest().encode())
        channel.send_eof()


async def hand_over(link: ServerLink, digest: "hashlib._Hash") -> ServerLink:
    """Detach a link and resume it at once."""
    state, stream = detach(link)
    again = resume(Second(digest), state, stream, signers=[HOST_KEY], options=OPTIONS)
    await link.wait_over()
    assert isinstance(link.error, ConnectionLost)
    return again


async def test_in_the_middle_of_a_transfer() -> None:
    data = os.urandom(MIB) * 32
    digest = hashlib.sha256()
    handler = Handler()

    async with running_server(handler) as server, linked(server) as link:
        (served,) = server.links
        running = asyncio.ensure_future(link.run("first", input=data))
        started: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()

        async def first(session: ServerSession) -> int:
            channel = session.channel
            for _ in range(20):
                digest.update(await channel.read(100_000))
            started.set_result(channel)
            await asyncio.get_running_loop().create_future()
            return 0

        handler.programs[b"first"] = first
        channel = await started
        # some data waits in the old process unread, and some in the middle of a read that wants all
        reading = asyncio.ensure_future(channel.readexactly(64 * MIB))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await settled(lambda: channel.stdout.unread().credited, 50)
        again = await hand_over(served, digest)
        completed = await running
        assert completed.stdout.decode() == hashlib.sha256(data).hexdigest()
        # the connection is a whole one: it also opens new channels
        assert (await link.run("echo new")).stdout == b"new"
        link.close()
        await again.wait_over()


async def test_before_any_channel() -> None:
    async with running_server() as server, linked(server) as link:
        (served,) = server.links
        again = await hand_over(served, hashlib.sha256())
        assert again.user == "guest"
        assert (await link.run("cat", input=bytes(MIB))).stdout == bytes(MIB)
        link.close()
        await again.wait_over()


async def test_not_before_the_login() -> None:
    async with running_server() as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await until(lambda: bool(server.links))
        with pytest.raises(UsageError):
            detach(next(iter(server.links)))
        writer.close()


@pytest.mark.parametrize("peer", [NEWEST, DISTRIBUTION], ids=str)
async def test_with_stock_ssh(peer: OpenSSH, tmp_path: Path) -> None:
    require(peer)
    key = tmp_path / "key"
    key.write_bytes(encode_private_key(USER_KEY, "", None))
    key.chmod(0o600)
    data = os.urandom(MIB) * 64
    handler = Handler()
    halfway: asyncio.Future[ServerLink] = asyncio.get_running_loop().create_future()
    digest = hashlib.sha256()

    async def first(session: ServerSession) -> None:
        channel = session.channel
        for _ in range(200):
            digest.update(await channel.read(100_000))
        assert isinstance(channel.link, ServerLink)
        halfway.set_result(channel.link)
        await asyncio.get_running_loop().create_future()

    handler.programs[b"first"] = first
    async with running_server(handler) as server:
        process = await asyncio.create_subprocess_exec(
            *ssh_command(server.port, key, "first", peer=peer, user="guest"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        talking = asyncio.ensure_future(process.communicate(data))
        again = await hand_over(await halfway, digest)
        stdout, _ = await talking
        assert stdout.decode() == hashlib.sha256(data).hexdigest()
        await again.wait_over()
