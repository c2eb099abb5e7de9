"""-f: the client is a child from the start, and whoever waits for the parent learns when the login is done.

The event loop could not be forked later on. Until then parent and child share the terminal, so that questions
can be asked and control-C reaches both.
"""

import contextlib
import os
from typing import Final

from pyssh_cli import exit_codes
from pyssh_cli.output import Level, Output

__all__ = ["Background"]

_LOGGED_IN: Final = b"+"


class Background:
    """The child's side. `detach` lets go of the parent and of the terminal."""

    def __init__(self, to_parent: int) -> None:
        self._to_parent = to_parent

    @classmethod
    def start(cls) -> "Background":
        """Fork. Returns in the child; the parent exits when the child has detached itself, or as it did."""
        from_child, to_parent = os.pipe()
        child = os.fork()
        if not child:
            os.close(from_child)
            return cls(to_parent)
        os.close(to_parent)
        if os.read(from_child, 1) == _LOGGED_IN:
            os._exit(exit_codes.OK)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        os._exit(code if code >= 0 else exit_codes.SSH_FAILED)

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
