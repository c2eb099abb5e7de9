"""Escape characters: `~.` and its like, at the beginning of a line of what the user types."""

from collections.abc import Callable, Sequence
from typing import Final

__all__ = ["EscapeFilter", "help_lines"]

HELP: Final[Sequence[tuple[str, str]]] = (
    (".", "end the connection"),
    ("^Z", "suspend pyssh"),
    ("#", "list what is open on the connection"),
    ("B", "send a break"),
    ("C", "open a command line"),
    ("R", "ask for new keys"),
    ("v", "say more of what happens"),
    ("V", "say less"),
    ("&", "go to the background, where connections that are forwarded may end"),
    ("?", "show this list"),
)
_LINE_ENDS: Final = b"\r\n"


class EscapeFilter:
    """Takes escape sequences out of typed bytes; `on_command(letter)` is called for each.

    It returns whether the letter means something: if not, both characters go to the other side. The escape
    character twice is sent once.
    """

    def __init__(self, character: str, on_command: Callable[[str], bool]) -> None:
        self._character = character.encode("latin-1")
        self._on_command = on_command
        self._at_line_start = True
        self._is_escaped = False

    def __call__(self, data: bytes | bytearray | memoryview) -> bytes:
        """Return what is left of `data`."""
        typed = bytes(data)
        if not typed:
            return typed
        if not self._is_escaped and self._character not in typed:
            self._at_line_start = typed[-1] in _LINE_ENDS
            return typed
        out = bytearray()
        for byte in typed:
            self._take(byte, out)
        return bytes(out)

    def _take(self, byte: int, out: bytearray) -> None:
        if self._is_escaped:
            self._is_escaped = False
            if byte == self._character[0]:
                out.append(byte)
                self._at_line_start = False
            elif not self._on_command(chr(byte)):
                out += self._character
                out.append(byte)
                self._at_line_start = byte in _LINE_ENDS
            else:
                # after a command one may follow at once, as in ~v~v
                self._at_line_start = True
        elif self._at_line_start and byte == self._character[0]:
            self._is_escaped = True
        else:
            out.append(byte)
            self._at_line_start = byte in _LINE_ENDS


def help_lines(character: str, *, has_command_line: bool = False) -> list[str]:
    """Return what `~?` shows."""
    known = [row for row in HELP if has_command_line or row[0] != "C"]
    rows = [*known, (character, f"send one {character}")]
    return [
        # ssh's words, which programs look for
        "Supported escape sequences:",
        *(f"  {character}{letters:<3} {meaning}" for letters, meaning in rows),
        f"{character} is only special at the beginning of a line.",
    ]
