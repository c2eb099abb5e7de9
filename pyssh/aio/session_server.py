"""`SessionHandler` and `ServerSession`: the server's side of `session` channels (RFC 4254 section 6)."""

import asyncio
from collections.abc import AsyncIterator, Callable

from pyssh.aio.channel import Channel
from pyssh.aio.handler import ServerHandler
from pyssh.aio.link import ChannelRunner, Link
from pyssh.aio.reader import LINE_SIZE
from pyssh.aio.session import Terminal
from pyssh.connection import kinds, requests
from pyssh.errors import UsageError
from pyssh.events import ChannelOpenRequested, ChannelRequestReceived, OpenRefused
from pyssh.wire.message import Struct

# bounds of what a client may set before it starts something; OpenSSH allows 1024 variables
_VARIABLES = 1024
_ENVIRONMENT_SIZE = 64 * 1024
_FAILED = 255


class ServerSession:
    """One session on the server: what the client asked for, its input and its outputs.

    `command` and `subsystem` are None for a shell; `terminal` is None without one. Assign `on_resize`,
    `on_signal` (its name, as "TERM") and `on_break` (milliseconds) to hear of those.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.command: bytes | None = None
        self.subsystem: str | None = None
        self.terminal: Terminal | None = None
        self.env: dict[str, str] = {}
        self.on_resize: Callable[[Terminal], None] | None = None
        self.on_signal: Callable[[str], None] | None = None
        self.on_break: Callable[[int], bool] | None = None
        self.exited = False

    @property
    def link(self) -> Link:
        """The connection that it belongs to."""
        return self.channel.link

    @property
    def user(self) -> str:
        """Who is logged in."""
        return self.channel.link.user

    async def read(self, n: int = -1) -> bytes:
        """Return between 1 and `n` bytes of input as soon as there are any; with -1, all up to its end."""
        return await self.channel.read(n)

    async def readline(self, limit: int = LINE_SIZE) -> bytes:
        """Return a line of input with its newline; b"" at the end."""
        return await self.channel.readline(limit)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self.channel)

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write to the client's standard output."""
        await self.channel.write(data)

    async def write_stderr(self, data: bytes | bytearray | memoryview) -> None:
        """Write to the client's standard error."""
        await self.channel.write_stderr(data)

    def exit(self, status: int) -> None:
        """Tell the client how the program ended; the low 8 bits count, as in `os._exit`."""
        self._exit(requests.ExitStatus(status & 0xFF))

    def exit_with_signal(self, name: str, *, core_dumped: bool = False, message: str = "") -> None:
        """Tell the client that a signal ended the program; `name` as "TERM"."""
        self._exit(requests.ExitSignal(name.removeprefix("SIG"), core_dumped, message))

    def _exit(self, request: Struct) -> None:
        if self.exited:
            raise UsageError("the session has ended already")
        self.exited = True
        if not self.channel.closed:
            self.channel.send_request(request)


class SessionHandler(ServerHandler):
    r"""Serves sessions: override `session`, and who may log in.

    >>> class Hello(SessionHandler):
    ...     async def check_password(self, link, user, password):
    ...         return password == "secret"
    ...     async def session(self, session):
    ...         await session.write(b"hello " + session.user.encode() + b"\n")
    ...         return 0
    """

    async def session(self, session: ServerSession) -> int | None:
        """Do what the client wants and return the exit status, None for 0 (or call `session.exit` before)."""
        await session.write_stderr(b"nothing is served here\n")
        return _FAILED

    async def pty_requested(self, session: ServerSession, terminal: Terminal) -> bool:
        """Say whether the session may have a terminal."""
        return True

    async def env_requested(self, session: ServerSession, name: str, value: str) -> bool:
        """Say whether the client may set a variable. Many are dangerous: allow names that you know."""
        return False

    async def start_requested(self, session: ServerSession) -> bool:
        """Say whether the command, subsystem or shell may start."""
        return True

    async def other_request(self, session: ServerSession, question: ChannelRequestReceived) -> bool:
        """Decide a request that sessions do not know."""
        return False

    async def open_channel(self, link: Link, question: ChannelOpenRequested) -> ChannelRunner | OpenRefused:
        """Accept sessions and nothing else."""
        if isinstance(question.kind, kinds.Session):
            return self.run_session
        return await super().open_channel(link, question)

    async def run_session(self, channel: Channel) -> None:
        """Run `session` in a channel once the client has said what to start, and send how it ended."""
        requested = _Requests(self, channel)
        channel.handle_requests(requested.decide)
        channel.when_closed(requested.give_up)
        await requested.started
        if channel.closed:
            return
        session = requested.session
        status: int | None = _FAILED
        try:
            status = await self.session(session)
        finally:
            if not session.exited:
                session.exit(0 if status is None else status)
            channel.send_eof()


class _Requests:
    """Takes a session's requests: first those that say what to start, later resizes and signals."""

    def __init__(self, handler: SessionHandler, channel: Channel) -> None:
        self._handler = handler
        self._env_size = 0
        self.session = ServerSession(channel)
        self.started: asyncio.Future[None] = channel.link.loop.create_future()

    def give_up(self) -> None:
        """Nothing can start any more."""
        if not self.started.done():
            self.started.set_result(None)

    async def decide(self, question: ChannelRequestReceived) -> bool:
        """Decide one request."""
        session = self.session
        match question.request:
            case requests.WindowChange(columns, rows, width_pixels, height_pixels):
                return self._resize(columns, rows, width_pixels, height_pixels)
            case requests.Signal(signal_name):
                if session.on_signal is not None:
                    session.on_signal(requests.plain_signal_name(signal_name))
                return session.on_signal is not None
            case requests.Break(break_length):
                return session.on_break is not None and session.on_break(break_length)
        if self.started.done():
            return await self._handler.other_request(session, question)
        return await self._prepare(question)

    async def _prepare(self, question: ChannelRequestReceived) -> bool:
        session = self.session
        match question.request:
            case requests.PtyReq() as request:
                return await self._give_terminal(request)
            case requests.Env(variable_name, variable_value):
                return await self._set_variable(variable_name, variable_value)
            case requests.Shell():
                return await self._start()
            case requests.Exec(command):
                session.command = command
                return await self._start()
            case requests.Subsystem(subsystem_name):
                session.subsystem = subsystem_name
                return await self._start()
            case _:
                return await self._handler.other_request(session, question)

    async def _start(self) -> bool:
        session = self.session
        if await self._handler.start_requested(session):
            # the program's output must not come before the reply to the request
            session.link.loop.call_soon(self.give_up)
            return True
        session.command = session.subsystem = None
        return False

    async def _give_terminal(self, request: requests.PtyReq) -> bool:
        if self.session.terminal is not None:
            return False
        terminal = Terminal(
            request.term,
            request.columns,
            request.rows,
            request.width_pixels,
            request.height_pixels,
            request.terminal_modes,
        )
        if not await self._handler.pty_requested(self.session, terminal):
            return False
        self.session.terminal = terminal
        return True

    async def _set_variable(self, name: bytes, value: bytes) -> bool:
        session = self.session
        self._env_size += len(name) + len(value)
        if len(session.env) >= _VARIABLES or self._env_size > _ENVIRONMENT_SIZE:
            return False
        if not name or b"\0" in name + value or b"=" in name:
            return False
        # as Python has the environment: bytes that are not UTF-8 survive (PEP 383)
        text, content = name.decode(errors="surrogateescape"), value.decode(errors="surrogateescape")
        if not await self._handler.env_requested(session, text, content):
            return False
        session.env[text] = content
        return True

    def _resize(self, width: int, height: int, width_pixels: int, height_pixels: int) -> bool:
        session = self.session
        if session.terminal is None:
            return False
        session.terminal = session.terminal.replace(
            width=width, height=height, width_pixels=width_pixels, height_pixels=height_pixels
        )
        if session.on_resize is not None:
            session.on_resize(session.terminal)
        return True
