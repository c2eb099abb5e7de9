"""All that the commands print: results, log lines by verbosity, the one error line.

Text from outside (peers, files) goes through `escape` or `escape_lines` before it gets here.
"""

import contextlib
import io
import os
import sys
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Final, TextIO

from pyssh_config.errors import escape

__all__ = [
    "LOG_LEVELS",
    "Level",
    "Output",
    "escape",
    "escape_lines",
    "file_sink",
    "stream_sink",
    "syslog_sink",
]


class Level(IntEnum):
    """How much is told; the names are those of `LogLevel`."""

    QUIET = 0
    FATAL = 1
    ERROR = 2
    INFO = 3
    VERBOSE = 4
    DEBUG = 5
    DEBUG2 = 6
    DEBUG3 = 7


LOG_LEVELS: Final = {level.name: level for level in Level} | {"DEBUG1": Level.DEBUG}

Sink = Callable[[Level, str], None]
"""Takes one line without its end."""

_LOG_FILE_MODE: Final = 0o600  # who logs in from where is nobody else's business


def escape_lines(text: str) -> str:
    """Return a text of several lines fit for a terminal: control characters made harmless, lines kept.

    It is not cut; the caller knows how much it took from the peer.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join("\t".join(_escape_whole(part) for part in line.split("\t")) for line in lines)


def _escape_whole(text: str) -> str:
    return "".join(c if c.isprintable() else escape(c) for c in text)


class Output:
    """Prints for one command. `program` begins error lines; `sink` takes log lines.

    Log lines below `level` are dropped; `result` is for what the command was asked to print.
    """

    def __init__(self, program: str, *, level: Level = Level.INFO, sink: Sink | None = None) -> None:
        self.program = program
        self.level = level
        self.sink = self._usual_sink = sink or stream_sink()
        self.always: tuple[str, ...] = ()
        """Lists of patterns of places in the program, as in LogVerbose, that log whatever the level."""

    def is_shown(self, level: Level) -> bool:
        """Whether a line of this level would appear; saves making costly ones."""
        return level <= self.level or bool(self.always)

    def _is_always_shown(self) -> bool:
        from pyssh_config.patterns import matches_list  # noqa: PLC0415  # for finding faults only

        frame = sys._getframe(1)
        while frame.f_code.co_filename == __file__ and frame.f_back is not None:
            frame = frame.f_back
        name = frame.f_code.co_filename.rpartition("/")[2]
        place = f"{name}:{frame.f_code.co_name}():{frame.f_lineno}"
        return any(matches_list(place, patterns) for patterns in self.always)

    @property
    def reaches_terminal(self) -> bool:
        """Whether log lines appear on a terminal, where somebody may read them."""
        return self.sink is self._usual_sink and sys.stderr is not None and sys.stderr.isatty()

    def log(self, level: Level, text: str) -> None:
        """Log one line, or several."""
        if level <= self.level or (self.always and self._is_always_shown()):
            for line in text.split("\n"):
                self.sink(level, line)

    def error(self, text: str) -> None:
        """Say what failed, where, and what to try: one line."""
        self.log(Level.ERROR, f"{self.program}: {text}")

    def info(self, text: str) -> None:
        """Say what everybody wants to know."""
        self.log(Level.INFO, text)

    def banner(self, text: str) -> None:
        """Show what the server says before the login, on standard error wherever the log goes."""
        if self.level >= Level.INFO:
            stream_sink(end="")(Level.INFO, text)

    def verbose(self, text: str) -> None:
        """Say what `-v` asks for."""
        self.log(Level.VERBOSE, text)

    def debug(self, text: str, level: Level = Level.DEBUG) -> None:
        """Say what helps to find faults."""
        self.log(level, f"debug{level - Level.DEBUG + 1}: {text}")

    def trace(self, direction: str, message: object) -> None:
        """Log a message of the protocol at DEBUG3: an `options.observer`. Its repr hides the secrets."""
        if self.level >= Level.DEBUG3:
            self.debug(f"{direction} {escape_lines(repr(message))}", Level.DEBUG3)

    def result(self, text: str) -> None:
        """Print what was asked for on standard output; raises `BrokenPipeError` when nobody reads it."""
        print(text, flush=True)


def stream_sink(stream: TextIO | None = None, end: str = "\n") -> Sink:
    r"""Make a sink that writes to a stream, by default whatever is standard error at the time.

    `end` is `\r\n` while a terminal is in raw mode. A stream that cannot be written to is no reason to stop.
    """

    def write(_level: Level, line: str) -> None:
        target = stream or sys.stderr
        # without standard error (closed by who started us) there is no stream at all
        if target is not None:
            with contextlib.suppress(OSError, ValueError):
                target.write(line + end)
                target.flush()

    return write


def file_sink(path: str, *, with_time: bool = False) -> Sink:
    """Make a sink that appends to a file, with the time before each line or as it is. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _LOG_FILE_MODE)
    file = io.TextIOWrapper(io.FileIO(descriptor, "w"), errors="backslashreplace", write_through=True)
    write = stream_sink(file)
    if not with_time:
        return write

    def write_with_time(level: Level, line: str) -> None:
        write(level, f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {line}")

    return write_with_time


def syslog_sink(program: str, facility: str = "AUTH") -> Sink:
    """Make a sink that sends lines to syslog, in a facility of SyslogFacility."""
    import syslog  # noqa: PLC0415  # few commands need it

    priorities = {
        Level.FATAL: syslog.LOG_CRIT,
        Level.ERROR: syslog.LOG_ERR,
        Level.INFO: syslog.LOG_INFO,
        Level.VERBOSE: syslog.LOG_INFO,
    }
    syslog.openlog(program, syslog.LOG_PID, getattr(syslog, f"LOG_{facility}", syslog.LOG_AUTH))

    def write(level: Level, line: str) -> None:
        syslog.syslog(priorities.get(level, syslog.LOG_DEBUG), line)

    return write
