"""-f: the client is a child from the start, and whoever waits for the parent learns when the login is done.

The event loop could not be forked later on. Until then parent and child share the terminal, so that questions
can be asked and control-C reaches both.
"""

import contextlib
import os
from typing import Final

from pyssh_cli import exit_codes
from pyssh_cli.output import Level, Output

__all__ = ["Background", "Waiting"]

_LOGGED_IN: Final = b"+"


class Waiting:
    """The parent's side."""

    def __init__(self, child: int, from_child: int) -> None:
        self._child = child
        self._from_child = from_child

    def is_detached(self) -> bool:
        """Wait until the child has detached itself, or has ended before it could."""
        return os.read(self._from_child, 1) == _LOGGED_IN

    def exit_code(self) -> int:
        """Wait for the end of the child and return how it exited."""
        _, status = os.waitpid(self._child, 0)
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else exit_codes.SSH_FAILED


class Background:
    """The child's side. `detach` lets go of the parent and of the terminal."""

    def __init__(self, to_parent: int) -> None:
        self._to_parent = to_parent

    @classmethod
    def start(cls) -> "Background":
        """Fork. Returns in the child; the parent exits when the child has detached itself, or as it did."""
        started = cls.fork()
        if isinstance(started, cls):
            return started
        assert isinstance(started, Waiting)
        os._exit(exit_codes.OK if started.is_detached() else started.exit_code())

    @classmethod
    def fork(cls) -> "Background | Waiting":
        """Fork. Returns both in the child and in the parent, which waits."""
        from_child, to_parent = os.pipe()
        child = os.fork()
        if not child:
            os.close(from_child)
            return cls(to_parent)
        os.close(to_parent)
        return Waiting(child, from_child)

    def detach(self, output: Output) -> None:
        """Go on alone, in a session of our own, without the terminal; streams still needed are copies."""
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        # a shell's $(pyssh -f ...) waits until nobody has its pipe any more; only -v keeps standard error
        for descriptor in (0, 1) if output.is_shown(Level.DEBUG) else (0, 1, 2):
            os.dup2(null, descriptor)
        if null > 2:
            os.close(null)
        with contextlib.suppress(BrokenPipeError):
            os.write(self._to_parent, _LOGGED_IN)
        os.close(self._to_parent)
