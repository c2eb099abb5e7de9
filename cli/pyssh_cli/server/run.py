"""The server's life: start, loop, signals, end."""

import asyncio
import contextlib
import os
import signal
import socket
import stat
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from pyssh.aio import Server, Stream, serve, serve_stream
from pyssh_cli import exit_codes
from pyssh_cli.output import Level, Output
from pyssh_cli.server.accounts import Account
from pyssh_cli.server.background import Background
from pyssh_cli.server.handler import Handler
from pyssh_cli.server.settings import Request, Settings, load_settings
from pyssh_config.errors import ConfigError, escape

__all__ = [
    "become_daemon",
    "ends_with_terminal",
    "listen_for_ever",
    "reset_signals",
    "serve_standard_streams",
]

_BACKLOG: Final = 128
_UNLIMITED: Final = (1 << 31, 100, 1 << 31)
"""The adapter's own MaxStartups, switched off: the handler counts, and says so in the log."""

_TERMINAL: Final = "/dev/tty"

_CLOSE_SECONDS: Final = 10.0
"""How long the end of the server waits for connections and the processes of sessions."""


def reset_signals() -> None:
    """Let signals that are ignored act again.

    A script's background job ignores some, and what is ignored stays so in every program that it starts.
    """
    for number in (
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGTSTP,
        signal.SIGTTIN,
        signal.SIGTTOU,
        signal.SIGHUP,
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def has_terminal() -> bool:
    """Whether this process has a controlling terminal that is still there."""
    try:
        os.close(os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def ends_with_terminal() -> bool:
    """Whether the end of the terminal ends the server; not so under nohup. Ask before `reset_signals`."""
    return signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and has_terminal()


def become_daemon() -> None:
    """Go to the background: the caller's process ends here, the rest runs in one without a terminal."""
    for _ in range(2):
        if os.fork() != 0:
            os._exit(exit_codes.OK)
        # after the first fork; the second one gives up the lead of the session, and with it any terminal
        with contextlib.suppress(PermissionError):
            os.setsid()
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(nothing, fd)


def listen_for_ever(
    request: Request,
    settings: Settings,
    own: Account,
    sockets: Sequence[socket.socket],
    *,
    output: Output,
    in_terminal: bool,
    ready: Callable[[], None],
) -> int:
    """Serve everybody who connects, until SIGTERM or SIGINT. Returns the exit code.

    `ready` is called when all is in place, signals and PidFile too. With `in_terminal` the SIGHUP of a
    terminal that is closed ends the server.
    """
    return asyncio.run(_Listening(request, settings, own, output, in_terminal).run(sockets, ready))


class _Listening:
    def __init__(
        self, request: Request, settings: Settings, own: Account, output: Output, in_terminal: bool
    ) -> None:
        self._in_terminal = in_terminal
        self._request = request
        self._settings = settings
        self._own = own
        self._output = output
        self._background = Background()
        self._handler = Handler(settings, output, self._background)
        self._stop = asyncio.Event()
        self._reloading = False

    async def run(self, sockets: Sequence[socket.socket], ready: Callable[[], None]) -> int:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(partial(report_failure, self._output))
        settings = self._settings
        server = await serve(
            self._handler,
            signers=settings.all_signers,
            options=settings.options,
            socks=sockets,
            backlog=_BACKLOG,
            max_startups=_UNLIMITED,
            on_event=self._handler.observe,
        )
        self._handler.server = server
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._terminate, number)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up, server)
        pid_file = settings.config.pid_file
        with _pid_file(pid_file, self._output):
            ready()
            await self._stop.wait()
            server.close()
            server.close_links()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await server.wait_closed()
                    await self._background.wait()
        return exit_codes.OK

    def _terminate(self, number: int) -> None:
        if self._stop.is_set():
            # asked twice: at once
            os._exit(exit_codes.FAILED)
        self._output.info(f"Received {signal.Signals(number).name}; terminating.")
        self._stop.set()

    def _hang_up(self, server: Server) -> None:
        if self._in_terminal and not has_terminal():
            self._terminate(signal.SIGHUP)
        elif not self._reloading:
            self._reloading = True
            self._background.spawn(self._read_again(server))

    async def _read_again(self, server: Server) -> None:
        loop = asyncio.get_running_loop()
        try:
            read = partial(load_settings, self._request, self._own, self._output)
            settings = await loop.run_in_executor(None, read)
        except ConfigError as error:
            self._output.error(f"SIGHUP: the configuration stays as it was: {error}")
            return
        finally:
            self._reloading = False
        if settings.config.listeners() != self._settings.config.listeners():
            self._output.info("SIGHUP: where the server listens changes when it is started anew")
        self._settings = self._handler.settings = settings
        server.options, server.signers = settings.options, settings.all_signers
        self._output.info("Received SIGHUP; new connections have the configuration as it is now.")


@contextlib.contextmanager
def _pid_file(path: str | None, output: Output) -> Iterator[None]:
    if path is None:
        yield
        return
    try:
        Path(path).write_text(f"{os.getpid()}\n")
    except OSError as error:
        output.error(f"cannot write PidFile {escape(path)}: {error.strerror}")
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            Path(path).unlink()


def report_failure(output: Output, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what a task raised that nobody waits for; as the loop's exception handler."""
    error = context.get("exception")
    what = f"{type(error).__name__}: {escape(str(error))}" if error is not None else ""
    output.error(f"unforeseen: {escape(str(context.get('message')))}: {what}")
    if error is not None and output.is_shown(Level.DEBUG):
        import traceback  # noqa: PLC0415  # for finding faults only

        output.debug(escape_trace(traceback.format_exception(error)))


def escape_trace(lines: Sequence[str]) -> str:
    """Return a traceback fit for the log."""
    return "\n".join(escape(line) for text in lines for line in text.rstrip().split("\n"))


def serve_standard_streams(settings: Settings, output: Output) -> int:
    """Serve the one connection on standard input and output (`-i`). Returns the exit code."""
    return asyncio.run(_serve_one(settings, output))


async def _serve_one(settings: Settings, output: Output) -> int:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(partial(report_failure, output))
    background = Background()
    handler = Handler(settings, output, background)
    link = serve_stream(
        handler,
        _standard_stream(),
        signers=settings.all_signers,
        options=settings.options,
        on_event=handler.observe,
    )
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, link.close)
    # why it ended is in the log
    with contextlib.suppress(Exception):
        await link.wait_closed()
    await background.wait()
    return exit_codes.OK


def _standard_stream() -> Stream:
    if stat.S_ISSOCK(os.fstat(0).st_mode):
        return Stream.from_socket(socket.socket(fileno=os.dup(0)))
    # moved away, so that nothing we print can come between packets
    streams = os.dup(0), os.dup(1)
    with Path(os.devnull).open("r+b") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(nothing.fileno(), 1)
    return Stream.from_fds(*streams)
