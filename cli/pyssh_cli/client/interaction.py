"""A session with a terminal: raw mode, resizes, stopping and continuing, escape characters."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final

from pyssh.aio.channel import Channel
from pyssh.aio.client import ClientLink
from pyssh.aio.dial import format_address
from pyssh.aio.forward import LocalForward
from pyssh.aio.splice import Source
from pyssh_cli.client.escapes import EscapeFilter, help_lines
from pyssh_cli.client.resizes import follow_resizes
from pyssh_cli.client.terminal import LocalTerminal
from pyssh_cli.output import Level, Output, escape, stream_sink
from pyssh_config.client import ClientConfig

__all__ = ["Interaction"]

_CONTROL_Z: Final = "\x1a"


class Interaction:
    """The user's side of a channel with a terminal, from `start` to `stop`.

    `on_disconnect` is called for `~.`, `on_background` for `~&`. `source` is where the typed bytes come from,
    once there is one.
    """

    def __init__(
        self,
        channel: Channel,
        link: ClientLink,
        output: Output,
        config: ClientConfig,
        terminal: LocalTerminal,
        *,
        logs_to_terminal: bool,
        on_disconnect: Callable[[], None],
        on_background: Callable[[], None],
    ) -> None:
        self.source: Source | None = None
        self._config = config
        self._channel = channel
        self._link = link
        self._output = output
        self._character = config.escape_char
        self._logs_to_terminal = logs_to_terminal
        self._on_disconnect = on_disconnect
        self._on_background = on_background
        self._is_stopped = False
        self._terminal = terminal
        self._plain_sink = output.sink
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop_following: Callable[[], None] | None = None

    # --- the terminal

    def start(self, *, has_terminal: bool) -> None:
        """Enter raw mode and follow the terminal's size; without a terminal here do nothing."""
        if not has_terminal:
            return
        self._enter_raw()
        loop = self._link.loop
        self._stop_following = follow_resizes(loop, self._resized)
        loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        loop.add_signal_handler(signal.SIGCONT, self._continued)

    def stop(self) -> None:
        """Put the terminal back. Calling it twice is harmless."""
        self._is_stopped = True
        for task in self._tasks:
            task.cancel()
        self._leave_raw()
        if self._stop_following is not None:
            self._stop_following()
        for number in (signal.SIGTSTP, signal.SIGCONT):
            self._link.loop.remove_signal_handler(number)

    def _enter_raw(self) -> None:
        self._terminal.enter_raw()
        if self._logs_to_terminal:
            self._output.sink = stream_sink(end="\r\n")

    def _leave_raw(self) -> None:
        self._terminal.leave_raw()
        self._output.sink = self._plain_sink

    def _resized(self) -> None:
        if not self._channel.closed:
            self._channel.change_window(*self._terminal.size())

    def _suspend(self) -> None:
        self._leave_raw()
        loop = self._link.loop
        # SIGCONT comes with the return from it; what is to be done then is done here
        loop.remove_signal_handler(signal.SIGCONT)
        self._terminal.suspend()
        loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        loop.add_signal_handler(signal.SIGCONT, self._continued)
        self._continued()

    def _continued(self) -> None:
        """Somebody stopped us without asking (SIGSTOP) and the shell has changed the terminal since."""
        self._terminal.leave_raw()
        self._enter_raw()
        self._resized()

    # --- escape characters

    @property
    def transform(self) -> EscapeFilter | None:
        """What takes the escape sequences out of the input; None without an escape character."""
        return None if self._character is None else EscapeFilter(self._character, self._command)

    def _command(self, letter: str) -> bool:
        actions: dict[str, Callable[[], None]] = {
            ".": self._disconnect,
            _CONTROL_Z: lambda: self._soon(self._suspend),
            "#": self._list,
            "?": self._help,
            "B": self._break,
            "R": self._rekey,
            "v": lambda: self._change_level(1),
            "V": lambda: self._change_level(-1),
            "&": lambda: self._soon(self._background),
            "C": lambda: self._soon(self._open_command_line),
        }
        if not self._config.enable_escape_commandline:
            actions["C"] = lambda: self._say("commandline disabled")
        action = actions.get(letter)
        if action is None:
            return False
        shown = "^Z" if letter == _CONTROL_Z else letter
        self._say(f"{self._character}{shown}")
        action()
        return True

    def _soon(self, action: Callable[[], None]) -> None:
        # stopping must not happen in the middle of handling input
        self._link.loop.call_soon(action)

    def _say(self, *lines: str) -> None:
        # to who typed, wherever the log goes
        write = stream_sink(end="\r\n")
        for line in lines:
            write(Level.ERROR, line)

    def _disconnect(self) -> None:
        self._on_disconnect()

    def _help(self) -> None:
        assert self._character is not None
        has_command_line = self._config.enable_escape_commandline
        self._say(*help_lines(self._character, has_command_line=has_command_line))

    def _list(self) -> None:
        lines = ["Open on this connection:"]
        for number, channel in self._link.channels.items():
            state = "the session" if channel is self._channel else _kind(channel)
            lines.append(f"  #{number} {state}")
        for forward in self._link.forwards:
            target = "SOCKS" if forward.target is None else format_address(forward.target)
            where = escape(f"{format_address(forward.address)} to {target}")
            lines.append(
                f"  {forward.kind} forward {where}: {forward.open} connections now, {forward.total} in all, "
                f"{forward.bytes_sent} bytes sent, {forward.bytes_received} received"
            )
        self._say(*lines)

    def _background(self) -> None:
        """Let go of the terminal: no new connections, no input; what is open goes on until it ends."""
        for forward in list(self._link.forwards):
            if isinstance(forward, LocalForward):
                forward.close()
        self._say("[backgrounded]")
        self.stop()
        if not self._channel.closed:
            # what a user types at the end, for a shell that reads a terminal
            self._channel.send(memoryview(_CONTROL_D))
            if self.source is not None:
                self.source.stop()
            self._channel.send_eof()
        self._on_background()

    def _open_command_line(self) -> None:
        self._spawn(self._run_command_line())

    async def _run_command_line(self) -> None:
        from pyssh_cli.client.command_line import PROMPT, run_line  # noqa: PLC0415  # few open it

        source = self.source
        if source is None or not self._terminal.is_raw:
            return
        source.pause()
        self._leave_raw()
        try:
            with self._terminal.line_mode():
                line = await _read_line(PROMPT)
                await run_line(line, self._link, self._config, self._output)
        finally:
            if not self._is_stopped:
                self._enter_raw()
                source.resume()

    def _break(self) -> None:
        self._spawn(self._send_break())

    async def _send_break(self) -> None:
        if not await self._channel.send_break(_BREAK_MILLISECONDS):
            self._say("The server did not take the break.")

    def _rekey(self) -> None:
        self._link.engine.transport.start_rekey()
        self._link.flush_soon()

    def _change_level(self, by: int) -> None:
        level = min(max(self._output.level + by, Level.QUIET), Level.DEBUG3)
        self._output.level = Level(level)
        self._say(f"LogLevel {self._output.level.name}")

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_BREAK_MILLISECONDS: Final = 1000
_CONTROL_D: Final = b"\x04"
_STDIN: Final = 0
_LINE: Final = 4096


async def _read_line(prompt: str) -> str:
    """Ask for a line on a terminal that takes whole ones; "" at its end. The loop goes on meanwhile."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    os.write(_STDIN, prompt.encode())
    loop.add_reader(_STDIN, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(_STDIN)
    return os.read(_STDIN, _LINE).decode(errors="replace")


def _kind(channel: Channel) -> str:
    return escape(repr(channel.kind))
