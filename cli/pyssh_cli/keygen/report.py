"""What `pyssh keygen` says, in the words of ssh-keygen, and the error that ends it."""

import os
import sys
from contextlib import suppress
from typing import Final

from pyssh.errors import SSHError
from pyssh_config.errors import escape

__all__ = ["FATAL", "KeygenError", "reason", "say", "say_raw", "shown", "warn", "write_text"]

FATAL: Final = 255
"""What ssh-keygen exits with when it gives up; 1 is for wrong usage and for answers that mean no."""


class KeygenError(SSHError):
    """The end of an operation. The text is what to print, or empty if all is said."""

    def __init__(self, text: str, code: int = FATAL) -> None:
        super().__init__(text)
        self.code = code

    @classmethod
    def of_file(cls, path: str, error: OSError) -> "KeygenError":
        """Make the error for a file that could not be used."""
        return cls(f"{shown(path)}: {reason(error)}")


def reason(error: OSError) -> str:
    """Return the system's words for an error."""
    return os.strerror(error.errno) if error.errno else "it cannot be used"


def shown(text: str) -> str:
    """Return text from a file or argument fit for a terminal; it is not cut."""
    return text if text.isprintable() else "".join(c if c.isprintable() else escape(c) for c in text)


def say(text: str, end: str = "\n") -> None:
    """Print a result, or what the user is to know."""
    write_text(text + end)


def say_raw(data: bytes) -> None:
    """Print bytes that must arrive as they are; without standard output nobody wants them."""
    if sys.stdout is None:
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_text(text: str) -> None:
    """Print text, whatever the locale: bytes of files that were not UTF-8 come out as they went in."""
    say_raw(text.encode("utf-8", "surrogateescape"))


def warn(text: str) -> None:
    """Print to standard error; without one there is nobody to tell, which changes nothing else."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(text.encode("utf-8", "replace").decode(), file=sys.stderr, flush=True)
