"""Questions to the user: on the terminal, or through SSH_ASKPASS where there is none.

The terminal is /dev/tty, so that standard input stays what it is. Everything else waits for the answer, as
with ssh: during a login nothing else has to move, and there may be no loop yet.
"""

import contextlib
import os
import signal
import termios
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pyssh_cli.client.terminal import keep_modes, stop_process

__all__ = ["Prompter"]

_TERMINAL: Final = "/dev/tty"
_ASKPASS: Final = "ssh-askpass"
_STDIN: Final = 0
_STDERR: Final = 2
# what a terminal hands over as one line at most (N_TTY_BUF_SIZE)
_LINE_SIZE: Final = 4096
_IFLAG, _OFLAG, _LFLAG = 0, 1, 3
_FATAL: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


class Prompter:
    """Asks, unless `batch` forbids it. An answer of None means that nobody answered.

    With `from_stdin`, where there is no terminal standard input may answer, as with ssh-add.
    """

    def __init__(self, environ: Mapping[str, str], *, batch: bool = False, from_stdin: bool = False) -> None:
        self._environ = environ
        self._batch = batch
        self._from_stdin = from_stdin

    def ask(self, text: str, *, echo: bool = False) -> str | None:
        """Ask for one line; without `echo` it does not show. `text` is fit for a terminal."""
        if self._batch:
            return None
        if self._may_run_program and (self._required in ("force", "prefer") or self._is_stdin_elsewhere):
            return self._ask_program(text)
        try:
            terminal = os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            if self._from_stdin:
                return _ask_stdin(text)
            return self._ask_program(text) if self._may_run_program else None
        try:
            return _ask_terminal(terminal, text, echo=echo)
        finally:
            os.close(terminal)

    def confirm(self, text: str) -> bool:
        """Ask a program for permission; without one, or a display for it to ask on, it is not given."""
        if self._batch or not self._may_run_program:
            return False
        answer = self._ask_program(text, SSH_ASKPASS_PROMPT="confirm")
        return answer is not None and answer.lower() in ("", "yes")

    @property
    def _required(self) -> str:
        return self._environ.get("SSH_ASKPASS_REQUIRE", "").lower()

    @property
    def _may_run_program(self) -> bool:
        has_display = bool(self._environ.get("DISPLAY") or self._environ.get("WAYLAND_DISPLAY"))
        return self._required == "force" or (has_display and self._required != "never")

    @property
    def _is_stdin_elsewhere(self) -> bool:
        return self._from_stdin and not os.isatty(_STDIN)

    def _ask_program(self, text: str, **variables: str) -> str | None:
        """Run SSH_ASKPASS with the question as its argument; its first line is the answer."""
        import subprocess  # noqa: PLC0415  # few logins come here

        program = self._environ.get("SSH_ASKPASS") or _ASKPASS
        try:
            # the user's own program, named by the user's own environment
            answer = subprocess.run(  # noqa: S603
                [program, text],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                env={**self._environ, **variables},
            ).stdout
        except (OSError, subprocess.CalledProcessError):
            return None
        return answer.split(b"\n", 1)[0].removesuffix(b"\r").decode(errors="surrogateescape")


def _ask_stdin(text: str) -> str | None:
    """Read a line byte by byte: what a pipe holds for the next question must stay in it."""
    os.write(_STDERR, text.encode(errors="backslashreplace"))
    line = bytearray()
    while (byte := os.read(_STDIN, 1)) not in (b"", b"\n"):
        if len(line) < _LINE_SIZE:
            line += byte
    return None if not byte and not line else line.decode(errors="surrogateescape")


class _BrokenOffError(BaseException):
    """A signal came that ends the process; the terminal is put back before. No error: nobody handles it."""


def _ask_terminal(terminal: int, text: str, *, echo: bool) -> str | None:
    # standard output may have left a half line on the terminal
    question = b"\r" + text.encode(errors="backslashreplace")
    caught: list[int] = []
    line = b""
    with (
        contextlib.suppress(_BrokenOffError),
        _signals(caught),
        _modes(terminal, echo=echo) as apply,
        _stoppable(terminal, question, apply),
    ):
        os.write(terminal, question)
        try:
            line = os.read(terminal, _LINE_SIZE)
        finally:
            # the end of the line was not echoed, or there was none
            if not (echo and line):
                os.write(terminal, b"\n")
    for number in caught:
        os.kill(os.getpid(), number)
    if not line or caught:
        return None
    return line.rstrip(b"\r\n").decode(errors="surrogateescape")


@contextlib.contextmanager
def _handling(numbers: tuple[int, ...], handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Handle signals for a while; those that are ignored stay so."""
    before = {number: signal.getsignal(number) for number in numbers}
    handled = [number for number in numbers if before[number] is not signal.SIG_IGN]
    for number in handled:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, before[number])


@contextlib.contextmanager
def _signals(caught: list[int]) -> Iterator[None]:
    """Note signals that would end us, and break off; whoever handles them otherwise gets them afterwards."""

    def catch(number: int, _: Any) -> None:
        caught.append(number)
        raise _BrokenOffError

    with _handling(_FATAL, catch):
        yield


@contextlib.contextmanager
def _modes(terminal: int, *, echo: bool) -> Iterator[Callable[[], None]]:
    """Set the terminal to whole lines, with echo or without; yields what sets it so again."""
    with keep_modes(terminal):

        def apply() -> None:
            modes = termios.tcgetattr(terminal)
            # a session may have put it into raw mode, where Enter is no end of a line
            modes[_IFLAG] |= termios.ICRNL
            modes[_OFLAG] |= termios.OPOST | termios.ONLCR
            modes[_LFLAG] |= termios.ICANON | termios.ISIG | termios.ECHO
            if not echo:
                modes[_LFLAG] &= ~(termios.ECHO | termios.ECHOE | termios.ECHOK | termios.ECHONL)
            # TCSAFLUSH: what was typed before the question is no answer to it
            termios.tcsetattr(terminal, termios.TCSAFLUSH, modes)

        apply()
        yield apply


@contextlib.contextmanager
def _stoppable(terminal: int, question: bytes, apply: Callable[[], None]) -> Iterator[None]:
    """Let control-Z stop us with the terminal showing what is typed, and ask again when we go on."""
    shown = termios.tcgetattr(terminal)
    shown[_LFLAG] |= termios.ECHO | termios.ECHOE | termios.ECHOK

    def stop(number: int, _: Any) -> None:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, shown)
        stop_process()
        signal.signal(number, stop)
        apply()
        os.write(terminal, question)

    with _handling((signal.SIGTSTP,), stop):
        yield
