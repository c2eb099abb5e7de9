"""Programs under a pseudo-terminal, through ptyprocess: size, modes, login shells, and the end of it all.

The child sets up its terminal itself, with the rights of the server, before it drops them and becomes the
program; so nothing the program does can come before its terminal is as the client asked.
"""

import asyncio
import contextlib
import fcntl
import os
import select
import signal
import struct
import termios
from typing import Any, Final

import ptyprocess

from pyssh.aio import Channel, Sink, Source, Terminal
from pyssh.connection.terminal_modes import NAMES, TTY_OP_ISPEED, TTY_OP_OSPEED, decode_terminal_modes
from pyssh.errors import DecodeError
from pyssh_cli.server.as_user import drop_privileges
from pyssh_cli.server.process import Process, Program, enter_home

__all__ = ["TerminalSession", "start_in_terminal"]

_DISABLED: Final = 255
"""The value of a special character that stands for none (RFC 4254 section 8)."""

_MAX_SIZE: Final = 0xFFFF
_TTY_MODE: Final = 0o620  # others may not read what is typed; members of tty may write (wall, mesg)
_TTY_GROUP: Final = 5  # devpts' own number for it on every Linux distribution

_QUIET: Final = 0.1
"""Seconds without output after which a terminal, whose session has ended, is taken to be drained."""

# where termios keeps the flags of each range of opcodes: iflag, lflag, oflag, cflag
_FLAG_FIELDS: Final = ((30, 42, 0), (50, 62, 3), (70, 75, 1), (90, 93, 2))
_IUTF8: Final = 0x4000  # Linux; Python's termios has no name for it
_ISPEED, _OSPEED, _CC = 4, 5, 6


def _apply_size(fd: int, terminal: Terminal) -> None:
    fields = (terminal.height, terminal.width, terminal.width_pixels, terminal.height_pixels)
    packed = struct.pack("HHHH", *(min(field, _MAX_SIZE) for field in fields))
    fcntl.ioctl(fd, termios.TIOCSWINSZ, packed)


def _apply_modes(fd: int, encoded: bytes) -> None:
    attributes = termios.tcgetattr(fd)
    for opcode, argument in decode_terminal_modes(encoded).items():
        name = NAMES.get(opcode, "")
        if opcode in (TTY_OP_ISPEED, TTY_OP_OSPEED):
            _set_speed(attributes, _ISPEED if opcode == TTY_OP_ISPEED else _OSPEED, argument)
        elif name.startswith("V"):
            _set_character(attributes, name, argument)
        else:
            _set_flag(attributes, opcode, name, bool(argument))
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


def _set_speed(attributes: list[Any], field: int, baud: int) -> None:
    speed = getattr(termios, f"B{baud}", None)
    if speed is not None:
        attributes[field] = speed


def _set_character(attributes: list[Any], name: str, argument: int) -> None:
    index = getattr(termios, "VSWTC" if name == "VSWTCH" else name, None)
    if index is not None:
        attributes[_CC][index] = b"\0" if argument == _DISABLED else bytes((argument & 0xFF,))


def _set_flag(attributes: list[Any], opcode: int, name: str, on: bool) -> None:
    flag = _IUTF8 if name == "IUTF8" else getattr(termios, name, None) if name else None
    for first, last, field in _FLAG_FIELDS:
        if flag is not None and first <= opcode <= last:
            if name in ("CS7", "CS8"):
                # a size, not a switch
                attributes[field] = (attributes[field] & ~termios.CSIZE) | flag if on else attributes[field]
            else:
                attributes[field] = attributes[field] | flag if on else attributes[field] & ~flag


def _become(program: Program, terminal: Terminal) -> None:
    """Turn this child, whose standard streams are the terminal, into the program. Raises OSError."""
    # signals that arrive now must not wake the parent's loop, whose handlers this child inherited
    signal.set_wakeup_fd(-1)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python
        signal.signal(ignored, signal.SIG_DFL)
    account = program.account
    environment = dict(program.environment) | {"SSH_TTY": os.ttyname(0), "TERM": terminal.term}
    with contextlib.suppress(termios.error, DecodeError):
        _apply_modes(0, terminal.modes)
    _apply_size(0, terminal)
    if not account.is_own:
        os.fchown(0, account.uid, _TTY_GROUP)
        os.fchmod(0, _TTY_MODE)
        drop_privileges(account)
    enter_home(account)
    os.execve(program.path, program.arguments, environment)  # noqa: S606  # the user's shell it is


def _spawn(program: Program, terminal: Terminal) -> tuple[int, int]:
    """Fork and become the program; return its number and the terminal's master. Blocks until it runs."""
    try:
        spawned = ptyprocess.PtyProcess.spawn([program.path], preexec_fn=lambda: _become(program, terminal))
    except OSError:
        raise
    except Exception as error:
        raise OSError(str(error)) from None
    # ptyprocess would signal the child and sleep when its object goes
    master = os.dup(spawned.fd)
    spawned.fileobj.close()
    spawned.closed = True
    # it has set the size again, without the pixels
    _apply_size(master, terminal)
    os.set_blocking(master, False)
    return spawned.pid, master


async def start_in_terminal(channel: Channel, program: Program, terminal: Terminal) -> "TerminalSession":
    """Start a program under a new terminal. Raises OSError when it cannot be executed."""
    # on a thread: the child may have to wait for a network file system before it can answer
    pid, master = await asyncio.get_running_loop().run_in_executor(None, _spawn, program, terminal)
    return TerminalSession(channel, Process(pid), master)


class TerminalSession:
    """A program under a terminal, joined to a channel."""

    def __init__(self, channel: Channel, process: Process, master: int) -> None:
        self.process: Final = process
        self._master = master
        self._source = Source(channel, master, send_eof=False)
        self._sink = Sink(channel, master)

    async def drain(self) -> None:
        """Wait until the channel has all output of a program that has ended.

        End of file comes when the last program that has the terminal is gone; one left in the background may
        keep it for ever, so some time of silence will do.
        """
        ended = asyncio.ensure_future(self._source.wait())
        try:
            while True:
                before = self._source.bytes
                await asyncio.wait([ended], timeout=_QUIET)
                if ended.done() or (before == self._source.bytes and not _is_readable(self._master)):
                    return
        finally:
            ended.cancel()

    def close(self) -> None:
        """Give the terminal up; what still runs in it is hung up by the kernel."""
        self._source.stop()
        self._sink.stop()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def stop_output(self) -> None:
        """Read no more from the program: the client wants nothing any more."""
        self._source.stop()

    def resize(self, terminal: Terminal) -> None:
        """Change the size; the kernel tells the program in the foreground."""
        with contextlib.suppress(OSError):
            _apply_size(self._master, terminal)

    def send_signal(self, number: int) -> None:
        """Signal what runs in the foreground."""
        with contextlib.suppress(OSError):
            self.process.send_signal(number, os.tcgetpgrp(self._master))

    def send_break(self) -> bool:
        """Send a break; a pseudo-terminal takes it and does nothing, as under sshd."""
        with contextlib.suppress(termios.error):
            termios.tcsendbreak(self._master, 0)
        return True


def _is_readable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return any(events & select.POLLIN for _, events in poll.poll(0))
