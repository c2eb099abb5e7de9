"""A server whose sessions do what the tests ask by name, and links to it."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from pyssh.aio import (
    Channel,
    ChannelRunner,
    ClientLink,
    Link,
    Server,
    ServerForwarding,
    ServerSession,
    SessionHandler,
    Sink,
    Source,
    connect,
    serve,
)
from pyssh.events import ChannelOpenRequested, GlobalRequestReceived, OpenRefused
from pyssh.keys.public import PublicKey
from tests.support.pair import HOST_KEY, USER_KEY

PASSWORD = "open sesame"
MIB = 1 << 20


class Handler(SessionHandler):
    """Serves the commands that `Programs` has, and all forwards."""

    def __init__(self) -> None:
        self.forwarding = ServerForwarding(lambda *_: True, lambda *_: True)
        self.sessions: list[ServerSession] = []
        self.ended: list[Exception | None] = []
        self.programs: dict[bytes, Callable[[ServerSession], Awaitable[int | None]]] = {}
        self.sources: list[Source] = []

    async def check_password(self, link: Link, user: str, password: str) -> bool:
        return password == PASSWORD

    async def check_key(self, link: Link, user: str, key: PublicKey) -> bool:
        return key == USER_KEY.key

    async def disconnected(self, link: Link, error: Exception | None) -> None:
        self.ended.append(error)

    async def env_requested(self, session: ServerSession, name: str, value: str) -> bool:
        return name.startswith("TEST_")

    async def start_requested(self, session: ServerSession) -> bool:
        return session.command is None or not session.command.startswith(b"forbidden")

    async def session(self, session: ServerSession) -> int | None:
        self.sessions.append(session)
        words = (session.command or b"").split()
        name = words[0] if words else b"shell"
        program = self.programs.get(name) or getattr(self, f"run_{name.decode()}")
        status: int | None = await program(session)
        return status

    async def open_channel(self, link: Link, question: ChannelOpenRequested) -> ChannelRunner | OpenRefused:
        accepted = await super().open_channel(link, question)
        return (
            await self.forwarding.open_channel(link, question)
            if isinstance(accepted, OpenRefused)
            else accepted
        )

    async def global_request(self, link: Link, question: GlobalRequestReceived) -> bytes | None:
        return await self.forwarding.global_request(link, question)

    # --- programs

    async def run_true(self, session: ServerSession) -> int:
        return 0

    async def run_shell(self, session: ServerSession) -> int:
        await session.write(b"shell of " + session.user.encode())
        return 0

    async def run_echo(self, session: ServerSession) -> int:
        assert session.command is not None
        await session.write(session.command[5:])
        return 0

    async def run_exit(self, session: ServerSession) -> int:
        assert session.command is not None
        return int(session.command.split()[1])

    async def run_die(self, session: ServerSession) -> None:
        session.exit_with_signal("SIGSEGV", core_dumped=True, message="oops")

    async def run_env(self, session: ServerSession) -> None:
        await session.write(repr(sorted(session.env.items())).encode())

    async def run_terminal(self, session: ServerSession) -> None:
        terminal = session.terminal
        await session.write(b"none" if terminal is None else repr(terminal).encode())

    async def run_cat(self, session: ServerSession) -> None:
        async for chunk in session:
            await session.write(chunk)

    async def run_hash(self, session: ServerSession) -> None:
        digest = hashlib.sha256()
        async for chunk in session:
            digest.update(chunk)
        await session.write(digest.hexdigest().encode())

    async def run_both(self, session: ServerSession) -> None:
        """All of stderr before any of stdout: a reader that takes them one after the other never ends."""
        assert session.command is not None
        size = int(session.command.split()[1])
        await session.write_stderr(bytes(size))
        await session.write(bytes(size))

    async def run_yes(self, session: ServerSession) -> None:
        while True:
            await session.write(b"y\n" * 16384)

    async def run_wait(self, session: ServerSession) -> None:
        await session.read()

    async def run_sh(self, session: ServerSession) -> int:
        """The rest of the command in a shell, its three streams through the fast lane."""
        assert session.command is not None
        received, sent, errors = os.pipe(), os.pipe(), os.pipe()
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", session.command[3:], stdin=received[0], stdout=sent[1], stderr=errors[1]
        )
        for fd in (received[0], sent[1], errors[1]):
            os.close(fd)
        channel = session.channel
        stdout = Source(channel, sent[0], send_eof=False, close_fd=True)
        stderr = Source(channel, errors[0], stderr=True, send_eof=False, close_fd=True)
        stdin = Sink(channel, received[1], close_fd=True)
        self.sources = [stdout, stderr]
        try:
            await stdout.wait()
            await stderr.wait()
            return await process.wait()
        finally:
            for end in (stdin, stdout, stderr):
                end.stop()
            if process.returncode is None:
                process.kill()
                await process.wait()


@contextlib.asynccontextmanager
async def running_server(handler: SessionHandler | None = None, **settings: Any) -> AsyncIterator[Server]:
    """A server on a free loopback port."""
    async with serve(handler or Handler(), signers=[HOST_KEY], **settings) as server:
        yield server


def linked(server: Server, **settings: Any) -> Any:
    """What `connect` returns, for the server's address and a user who may log in."""
    fixed = {"user": "guest", "password": PASSWORD, "host_keys": [HOST_KEY.key]}
    return connect("127.0.0.1", server.port, **fixed | settings)


@contextlib.asynccontextmanager
async def pair(handler: SessionHandler | None = None, **settings: Any) -> AsyncIterator[ClientLink]:
    """A link to a server of its own."""
    async with running_server(handler) as server, linked(server, **settings) as link:
        yield link


async def until(condition: Callable[[], bool]) -> None:
    """Let others run until something is so."""
    while not condition():  # noqa: ASYNC110  # of things that know no events
        await asyncio.sleep(0)


async def settled(measure: Callable[[], object], turns: int = 2000) -> None:
    """Let others run until a measure has not changed for many turns of the loop."""
    before, same = measure(), 0
    while same < turns:
        await asyncio.sleep(0)
        now = measure()
        same = same + 1 if now == before else 0
        before = now


def exists(path: str) -> bool:
    """Whether there is something of that name."""
    return os.path.lexists(path)  # sockets count as well


def open_files() -> int:
    """How many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # no object for each is needed


async def finish(channel: Channel) -> bytes:
    """Send EOF and return what comes until the end."""
    channel.send_eof()
    return await channel.read()
