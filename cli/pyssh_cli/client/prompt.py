"""Questions to the user: on the terminal, or through SSH_ASKPASS where there is none.

The terminal is /dev/tty: standard input stays what it is. Waiting for an answer does not stop the loop.
"""

import asyncio
import contextlib
import os
import signal
import termios
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from pyssh_cli.client.terminal import keep_modes, stop_process

__all__ = ["Prompter"]

_ASKPASS: Final = "ssh-askpass"
_TERMINAL: Final = "/dev/tty"
# what a terminal hands over as one line at most (N_TTY_BUF_SIZE)
_LINE_SIZE: Final = 4096
_LFLAG: Final = 3


class Prompter:
    """Asks, unless `batch` forbids it. An answer of None means that nobody answered."""

    def __init__(self, environ: Mapping[str, str], *, batch: bool = False) -> None:
        self._environ = environ
        self._batch = batch

    async def ask(self, text: str, *, echo: bool = False) -> str | None:
        """Ask for one line; without `echo` it does not show. `text` is fit for a terminal."""
        if self._batch:
            return None
        require = self._environ.get("SSH_ASKPASS_REQUIRE", "")
        if require == "force" or (require == "prefer" and self._has_display):
            return await self._ask_program(text)
        try:
            terminal = os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            if require == "never" or not self._has_display:
                return None
            return await self._ask_program(text)
        try:
            return await _ask_terminal(terminal, text, echo=echo)
        finally:
            os.close(terminal)

    @property
    def _has_display(self) -> bool:
        return bool(self._environ.get("DISPLAY") or self._environ.get("WAYLAND_DISPLAY"))

    async def _ask_program(self, text: str) -> str | None:
        """Run SSH_ASKPASS with the question as its argument; its first line is the answer."""
        program = self._environ.get("SSH_ASKPASS") or _ASKPASS
        try:
            process = await asyncio.create_subprocess_exec(
                program, text, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
            )
        except OSError:
            return None
        answer, _ = await process.communicate()
        if process.returncode != 0:
            return None
        return answer.split(b"\n", 1)[0].removesuffix(b"\r").decode(errors="surrogateescape")


async def _ask_terminal(terminal: int, text: str, *, echo: bool) -> str | None:
    with _modes_for(terminal, echo=echo) as ask_again, _stoppable(terminal, text, ask_again):
        # standard output may have left a half line on the terminal
        os.write(terminal, b"\r" + text.encode(errors="backslashreplace"))
        line = b""
        try:
            line = await _read_line(terminal)
        finally:
            # the end of the line was not echoed, or there was none
            if not (echo and line):
                os.write(terminal, b"\n")
    if not line:
        return None
    return line.rstrip(b"\r\n").decode(errors="surrogateescape")


async def _read_line(terminal: int) -> bytes:
    """Return a line with its end, or b"" at the end of input (control-D)."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[bytes] = loop.create_future()

    def readable() -> None:
        try:
            data = os.read(terminal, _LINE_SIZE)
        except InterruptedError:
            return
        except OSError:
            data = b""
        if not line.done():
            line.set_result(data)

    loop.add_reader(terminal, readable)
    try:
        return await line
    finally:
        loop.remove_reader(terminal)


@contextlib.contextmanager
def _modes_for(terminal: int, *, echo: bool) -> Iterator[Callable[[], None]]:
    """Set the terminal to whole lines, with echo or without; yields what sets it so again."""
    with keep_modes(terminal):

        def apply() -> None:
            modes = termios.tcgetattr(terminal)
            modes[_LFLAG] |= termios.ICANON | termios.ISIG | termios.ECHO
            if not echo:
                modes[_LFLAG] &= ~(termios.ECHO | termios.ECHOE | termios.ECHOK | termios.ECHONL)
            # TCSAFLUSH: what was typed before the question is no answer to it
            termios.tcsetattr(terminal, termios.TCSAFLUSH, modes)

        apply()
        yield apply


@contextlib.contextmanager
def _stoppable(terminal: int, text: str, apply: Callable[[], None]) -> Iterator[None]:
    """Let control-Z stop us with the terminal as it was, and ask again when we go on."""
    loop = asyncio.get_running_loop()
    before = termios.tcgetattr(terminal)
    before[_LFLAG] |= termios.ECHO | termios.ECHOE | termios.ECHOK

    def stop() -> None:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
        stop_process()
        loop.add_signal_handler(signal.SIGTSTP, stop)
        apply()
        os.write(terminal, text.encode(errors="backslashreplace"))

    if signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN:
        yield
        return
    loop.add_signal_handler(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTSTP)
