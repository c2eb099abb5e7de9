"""The local terminal: raw mode with restore on every way out, size, modes for the server's terminal.

Modes are put back by whoever changed them, and at exit of the process for the case that nobody came that far.
"""

import atexit
import contextlib
import fcntl
import os
import signal
import struct
import sys
import termios
from collections.abc import Iterator
from typing import Any, Final

from pyssh.connection.requests import PtyReq
from pyssh.connection.terminal_modes import OPCODES, encode_terminal_modes

__all__ = ["LocalTerminal", "keep_modes", "stop_process"]

_Modes = list[Any]

_IFLAG, _OFLAG, _CFLAG, _LFLAG, _ISPEED, _OSPEED, _CC = range(7)
_DISABLED: Final = 255
"""What stands for "no character" on the wire (RFC 4254 section 8), and 0 is what Linux has for it."""

# by the letter that begins the wire's name in `OPCODES`, or by name, where the flag stands in termios
# fmt: off
_INPUT: Final = (
    "IGNPAR", "PARMRK", "INPCK", "ISTRIP", "INLCR", "IGNCR", "ICRNL", "IUCLC", "IXON", "IXANY", "IXOFF",
    "IMAXBEL", "IUTF8",
)
_LOCAL: Final = (
    "ISIG", "ICANON", "XCASE", "ECHO", "ECHOE", "ECHOK", "ECHONL", "NOFLSH", "TOSTOP", "IEXTEN", "ECHOCTL",
    "ECHOKE", "PENDIN",
)
_OUTPUT: Final = ("OPOST", "OLCUC", "ONLCR", "OCRNL", "ONOCR", "ONLRET")
_CONTROL: Final = ("CS7", "CS8", "PARENB", "PARODD")
# fmt: on
# flags of Linux that some versions of the termios module have no names for (asm-generic/termbits.h)
_LINUX: Final = (
    {"IUTF8": 0o40000, "IUCLC": 0o1000, "XCASE": 0o4, "OLCUC": 0o2} if sys.platform == "linux" else {}
)

_at_exit: dict[int, _Modes] = {}


def _restore_all() -> None:
    for fd, modes in list(_at_exit.items()):
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(fd, termios.TCSADRAIN, modes)
    _at_exit.clear()


@contextlib.contextmanager
def keep_modes(fd: int) -> Iterator[None]:
    """Put a terminal's modes back at the end, or at exit of the process if that comes first."""
    modes = termios.tcgetattr(fd)
    _register(fd, modes)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(fd, termios.TCSADRAIN, modes)
        _at_exit.pop(fd, None)


def _register(fd: int, modes: _Modes) -> None:
    if not _at_exit:
        atexit.unregister(_restore_all)
        atexit.register(_restore_all)
    _at_exit.setdefault(fd, modes)


def stop_process() -> None:
    """Stop, as on control-Z; returns when somebody continues us. A handler of SIGTSTP is gone afterwards."""
    signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTSTP)


class LocalTerminal:
    """The terminal that standard input is. Raw mode can be entered and left any number of times."""

    def __init__(self, fd: int = 0) -> None:
        self._fd = fd
        self._before: _Modes | None = None

    @property
    def is_raw(self) -> bool:
        """Whether keys go to the other side as they are."""
        return self._before is not None

    def enter_raw(self) -> None:
        """Pass each key on as it is, control-C too; output is not touched either."""
        if self._before is not None:
            return
        before = termios.tcgetattr(self._fd)
        modes = termios.tcgetattr(self._fd)
        modes[_IFLAG] |= termios.IGNPAR
        modes[_IFLAG] &= ~(
            termios.ISTRIP | termios.INLCR | termios.IGNCR | termios.ICRNL
            | termios.IXON | termios.IXANY | termios.IXOFF | _LINUX.get("IUCLC", 0)
        )  # fmt: skip
        modes[_LFLAG] &= ~(
            termios.ISIG | termios.ICANON | termios.ECHO | termios.ECHOE
            | termios.ECHOK | termios.ECHONL | termios.IEXTEN
        )  # fmt: skip
        modes[_OFLAG] &= ~termios.OPOST
        modes[_CC][termios.VMIN] = 1
        modes[_CC][termios.VTIME] = 0
        self._before = before
        _register(self._fd, before)
        termios.tcsetattr(self._fd, termios.TCSADRAIN, modes)

    def leave_raw(self) -> None:
        """Put the modes back that were found; harmless when there is nothing to put back."""
        before, self._before = self._before, None
        if before is not None:
            _at_exit.pop(self._fd, None)
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._fd, termios.TCSADRAIN, before)

    @contextlib.contextmanager
    def line_mode(self) -> Iterator[None]:
        """Take whole lines with echo, and no signals from keys, for as long as this lasts."""
        with keep_modes(self._fd):
            modes = termios.tcgetattr(self._fd)
            modes[_LFLAG] &= ~termios.ISIG
            termios.tcsetattr(self._fd, termios.TCSADRAIN, modes)
            yield

    def suspend(self) -> None:
        """Stop the process with the terminal as it was; return, in raw mode again, when it is continued."""
        was_raw = self.is_raw
        self.leave_raw()
        stop_process()
        if was_raw:
            self.enter_raw()

    def size(self) -> tuple[int, int, int, int]:
        """Return width and height in characters and in pixels; zeros for what is not known."""
        try:
            packed = fcntl.ioctl(self._fd, termios.TIOCGWINSZ, bytes(8))
        except OSError:
            return 0, 0, 0, 0
        rows, columns, width, height = struct.unpack("HHHH", packed)
        return columns, rows, width, height

    def describe(self, term: str) -> PtyReq:
        """Return what to ask a server for: a terminal like this one."""
        return PtyReq(term, *self.size(), self._encoded_modes())

    def _encoded_modes(self) -> bytes:
        try:
            modes = termios.tcgetattr(self._fd)
        except termios.error:
            return encode_terminal_modes({})
        return encode_terminal_modes(dict(_wire_modes(modes)))


def _wire_modes(modes: _Modes) -> Iterator[tuple[int, int]]:
    """Yield opcodes of RFC 4254 section 8 with their values, for what this system knows."""
    for name, speed in (("TTY_OP_ISPEED", modes[_ISPEED]), ("TTY_OP_OSPEED", modes[_OSPEED])):
        yield OPCODES[name], _baud(speed)
    characters = modes[_CC]
    for name, opcode in OPCODES.items():
        index = getattr(termios, name, None) if name.startswith("V") else None
        if index is not None and index < len(characters):
            value = characters[index]
            code = value if isinstance(value, int) else value[0]
            yield opcode, code or _DISABLED
    for names, place in ((_INPUT, _IFLAG), (_LOCAL, _LFLAG), (_OUTPUT, _OFLAG), (_CONTROL, _CFLAG)):
        for name in names:
            flag = getattr(termios, name, _LINUX.get(name))
            if flag is not None:
                mask = termios.CSIZE if name.startswith("CS") else flag
                yield OPCODES[name], int(modes[place] & mask == flag)


_BAUD: Final = {
    getattr(termios, name): int(name[1:]) for name in dir(termios) if name[0] == "B" and name[1:].isdigit()
}


def _baud(speed: int) -> int:
    return _BAUD.get(speed, 0)
