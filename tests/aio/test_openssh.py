"""Stock OpenSSH at the other end, in both roles: large transfers, rekeying, forwards, half-close."""

import asyncio
import contextlib
import hashlib
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pyssh.aio import Address, ClientLink, Terminal, connect
from pyssh.keys.openssh import decode_private_key, encode_private_key
from pyssh.keys.public import parse_public_line
from pyssh.options import ClientOptions
from tests.aio.support import MIB, Handler, running_server, settled, until
from tests.aio.test_forwards import exchange, reversing
from tests.support.pair import USER_KEY
from tests.support.peers import (
    DISTRIBUTION,
    NEWEST,
    OpenSSH,
    Server,
    openssh_server,
    require,
    ssh_command,
)
from tests.support.processes import free_port

PEERS = pytest.mark.parametrize("peer", [NEWEST, DISTRIBUTION], ids=str)
LOOPBACK = "127.0.0.1"


# --- their server


@pytest.fixture(scope="module", params=[NEWEST, DISTRIBUTION], ids=str)
def sshd(request: pytest.FixtureRequest) -> Iterator[Server]:
    with openssh_server(request.param, lines=["AcceptEnv TEST_*"]) as server:
        yield server


def to_sshd(server: Server, **settings: Any) -> Any:
    key, _ = decode_private_key(server.identity.read_bytes(), None)
    host_keys = [parse_public_line(path.read_text())[0] for path in server.host_keys]
    return connect(LOOPBACK, server.port, user=server.user, keys=[key], host_keys=host_keys, **settings)


async def test_commands(sshd: Server) -> None:
    async with to_sshd(sshd) as link:
        assert isinstance(link, ClientLink)
        completed = await link.run("echo out; echo err >&2; exit 3", env={"TEST_X": "y"})
        assert (completed.stdout, completed.stderr, completed.exit_status) == (b"out\n", b"err\n", 3)
        assert (await link.run("echo $TEST_X", env={"TEST_X": "y"})).stdout == b"y\n"
        assert (await link.run("kill -9 $$")).exit_signal == "KILL"
        completed = await link.run("tty; stty size", term=Terminal("xterm", 99, 44))
        assert completed.stdout.startswith(b"/dev/")
        assert completed.stdout.endswith(b"44 99\r\n")


@pytest.mark.parametrize("rekey", [0, 8 * MIB])
async def test_large_transfers(sshd: Server, rekey: int) -> None:
    data = os.urandom(MIB) * 64
    digest = hashlib.sha256(data).hexdigest()
    options = ClientOptions(rekey_bytes=rekey)
    async with to_sshd(sshd, options=options) as link:
        up = await link.run("sha256sum", input=data)
        assert up.stdout.decode().split()[0] == digest
        both = await link.run("cat", input=data)
        assert hashlib.sha256(both.stdout).hexdigest() == digest
        both = await link.run("cat >&2", input=data[: 8 * MIB])
        assert both.stderr == data[: 8 * MIB]


async def test_forwards_through_sshd(sshd: Server, tmp_path: Path) -> None:
    data = os.urandom(8 * MIB)
    async with to_sshd(sshd) as link, reversing() as target, reversing(str(tmp_path / "t")) as path:
        forwards = [
            await link.forward_local((LOOPBACK, 0), target),
            await link.forward_local(str(tmp_path / "l"), path),
            await link.forward_remote((LOOPBACK, 0), target),
            await link.forward_remote(str(tmp_path / "r"), path),
        ]
        results = await asyncio.gather(*(exchange(forward.address, data) for forward in forwards))
        assert all(result == data[::-1] for result in results)
        for forward in forwards:
            forward.close()


# --- their client


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    key = tmp_path / "key"
    key.write_bytes(encode_private_key(USER_KEY, "", None))
    key.chmod(0o600)
    return key


async def ssh(
    port: int, identity: Path, *words: str, peer: OpenSSH, options: Sequence[str] = (), data: bytes = b""
) -> tuple[bytes, bytes, int]:
    """Run stock ssh to its end."""
    process = await asyncio.create_subprocess_exec(
        *ssh_command(port, identity, *words, peer=peer, user="guest", options=options),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    stdout, stderr = await process.communicate(data)
    assert process.returncode is not None
    return stdout, stderr, process.returncode


@PEERS
async def test_commands_for_ssh(peer: OpenSSH, identity: Path) -> None:
    require(peer)
    async with running_server() as server:
        result = await ssh(server.port, identity, "sh echo out; echo err >&2; exit 3", peer=peer)
        assert result == (b"out\n", b"err\n", 3)
        assert (await ssh(server.port, identity, "die", peer=peer))[2] == 255
        assert (await ssh(server.port, identity, "sh exit 0", peer=peer, data=bytes(4 * MIB)))[2] == 0
        await until(lambda: not server.links)


@PEERS
@pytest.mark.parametrize("rekey", [(), ("-o", "RekeyLimit=8M")], ids=["", "rekey"])
async def test_large_transfers_for_ssh(peer: OpenSSH, identity: Path, rekey: tuple[str, ...]) -> None:
    require(peer)
    data = os.urandom(MIB) * 64
    digest = hashlib.sha256(data).hexdigest()
    async with running_server() as server:
        for command in ("hash", "sh sha256sum"):
            stdout, _, _ = await ssh(server.port, identity, command, peer=peer, options=rekey, data=data)
            assert stdout.decode().split()[0] == digest
        for command in ("cat", "sh cat"):
            stdout, _, status = await ssh(server.port, identity, command, peer=peer, options=rekey, data=data)
            assert (hashlib.sha256(stdout).hexdigest(), status) == (digest, 0)


@contextlib.asynccontextmanager
async def forwarding_ssh(port: int, identity: Path, peer: OpenSSH, *options: str) -> AsyncIterator[None]:
    """Stock ssh that forwards, from when it is ready."""
    process = await asyncio.create_subprocess_exec(
        *ssh_command(
            port,
            identity,
            "sh echo ready; cat",
            peer=peer,
            user="guest",
            options=[*options, "-o", "ExitOnForwardFailure=yes"],
        ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    yield
    process.stdin.close()
    assert await process.wait() == 0


@PEERS
async def test_forwards_for_ssh(peer: OpenSSH, identity: Path, tmp_path: Path) -> None:
    require(peer)
    data = os.urandom(8 * MIB)
    local, remote, dynamic = free_port(), free_port(), free_port()
    async with running_server() as server, reversing() as target, reversing(str(tmp_path / "t")) as path:
        assert isinstance(target, tuple)
        to = f"{LOOPBACK}:{target[1]}"
        options = [
            *("-L", f"{local}:{to}", "-R", f"{remote}:{to}", "-D", f"{LOOPBACK}:{dynamic}"),
            *("-L", f"{tmp_path}/l:{path}", "-R", f"{tmp_path}/r:{path}"),
        ]
        async with forwarding_ssh(server.port, identity, peer, *options):
            addresses: list[Address] = [
                (LOOPBACK, local),
                (LOOPBACK, remote),
                f"{tmp_path}/l",
                f"{tmp_path}/r",
            ]
            results = await asyncio.gather(*(exchange(address, data) for address in addresses))
            assert all(result == data[::-1] for result in results)
            head = b"\x04\x01" + target[1].to_bytes(2, "big") + socket.inet_aton(LOOPBACK) + b"\0"
            assert (await exchange((LOOPBACK, dynamic), head + data))[8:] == data[::-1]
        await until(lambda: not server.links)


def resident() -> int:
    """Bytes of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@PEERS
async def test_a_client_that_stopped_reading(peer: OpenSSH, identity: Path) -> None:
    require(peer)
    handler = Handler()
    read_fd, write_fd = os.pipe()
    async with running_server(handler) as server:
        await ssh(server.port, identity, "sh yes | head -c 9000000", peer=peer)
        before = resident()
        process = await asyncio.create_subprocess_exec(
            *ssh_command(server.port, identity, "sh yes", peer=peer, user="guest"),
            stdin=subprocess.DEVNULL,
            stdout=write_fd,
        )
        os.close(write_fd)
        await until(lambda: len(handler.sessions) == 2 and bool(handler.sources))
        (link,) = server.links
        (channel,) = link.channels.values()
        # until ssh's window is shut, because nobody reads its output
        await until(lambda: link.engine.connection.writable(channel.number) == 0 and not link.unsent)
        await settled(lambda: handler.sources[0].bytes)
        assert resident() < before + 10 * MIB
        process.kill()
        await process.wait()
        await until(lambda: not server.links)
    os.close(read_fd)
