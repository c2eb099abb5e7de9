"""A front that reads arguments as getopt does, for commands that stand in for OpenSSH's.

Flags may be joined with one another and with their values (`-tt`, `-vp22`, `-p22`, `-p 22`), `--` ends them,
and the long names that pyssh adds are written `--name value` or `--name=value`.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from pyssh.errors import SSHError
from pyssh.record import Record
from pyssh_config.errors import escape

__all__ = [
    "BadUsageError",
    "Flag",
    "HostCommand",
    "Scanner",
    "Words",
    "format_flags",
    "parse",
    "parse_host_command",
]

_FLAGS_WIDTH: Final = 24


class BadUsageError(SSHError):
    """The arguments make no sense; the text says which and why."""


class Flag(Record):
    """One flag: a letter, a long name, or both. `value` names what follows it and is empty for a switch."""

    letter: str = ""
    name: str = ""
    value: str = ""
    help: str = ""

    @property
    def key(self) -> str:
        """What the flag goes by in what was parsed: its long name, or the letter where it has none."""
        return self.name or self.letter

    @property
    def spelling(self) -> str:
        """The flag as help and errors show it."""
        spellings = ([f"-{self.letter}"] if self.letter else []) + ([f"--{self.name}"] if self.name else [])
        return ", ".join(spellings)


Given = tuple[str, str]
"""A flag's key and its value, which is empty for a switch."""


class Words(Record):
    """The flags in the order they were given, and the words behind them."""

    flags: tuple[Given, ...]
    words: tuple[str, ...]


class HostCommand(Record):
    """As ssh reads its arguments: flags before and behind the host; `host` is empty if there is none.

    `before` is how many of the flags stand before it.
    """

    flags: tuple[Given, ...]
    host: str
    command: tuple[str, ...]
    before: int = 0


class Scanner:
    """Takes flags from the front of a list of arguments, up to the first word."""

    def __init__(self, arguments: Sequence[str], flags: Sequence[Flag]) -> None:
        self.rest = list(arguments)
        self.terminated = False
        self._letters = {flag.letter: flag for flag in flags if flag.letter}
        self._names = {flag.name: flag for flag in flags if flag.name}

    def take_flags(self) -> Iterator[Given]:
        """Yield flags until a word, `--` or the end; `rest` then begins with the word.

        A lone `-` is a word, as for getopt. Raises `BadUsageError`.
        """
        while self.rest and len(self.rest[0]) > 1 and self.rest[0].startswith("-"):
            argument = self.rest.pop(0)
            if argument == "--":
                self.terminated = True
                return
            if argument.startswith("--"):
                yield self._long(argument[2:])
            else:
                yield from self._letters_of(argument[1:])

    def _long(self, text: str) -> Given:
        name, equals, value = text.partition("=")
        flag = self._names.get(name)
        if flag is None:
            raise BadUsageError(f"unknown option --{escape(name)}")
        if flag.value:
            return flag.key, value if equals else self._next_value(f"--{name}", flag)
        if equals:
            raise BadUsageError(f"option --{name} takes no value")
        return flag.key, ""

    def _letters_of(self, letters: str) -> Iterator[Given]:
        while letters:
            letter, letters = letters[0], letters[1:]
            flag = self._letters.get(letter)
            if flag is None:
                raise BadUsageError(f"unknown option -{escape(letter)}")
            if flag.value:
                yield flag.key, letters or self._next_value(f"-{letter}", flag)
                return
            yield flag.key, ""

    def _next_value(self, spelling: str, flag: Flag) -> str:
        if not self.rest:
            raise BadUsageError(f"option {spelling} needs a value: {flag.value}")
        return self.rest.pop(0)


def parse(arguments: Sequence[str], flags: Sequence[Flag]) -> Words:
    """Read flags up to the first word; the rest is words."""
    scanner = Scanner(arguments, flags)
    given = tuple(scanner.take_flags())
    return Words(given, tuple(scanner.rest))


def parse_host_command(arguments: Sequence[str], flags: Sequence[Flag]) -> HostCommand:
    """Read arguments as ssh does: flags, host, more flags, command. Behind `--` there are none."""
    scanner = Scanner(arguments, flags)
    given = list(scanner.take_flags())
    if not scanner.rest:
        return HostCommand(tuple(given), "", ())
    host = scanner.rest.pop(0)
    before = len(given)
    if not scanner.terminated:
        given += scanner.take_flags()
    return HostCommand(tuple(given), host, tuple(scanner.rest), before)


def format_flags(flags: Sequence[Flag]) -> str:
    """Return the lines about the flags for a help text."""
    lines = []
    for flag in flags:
        left = f"  {flag.spelling} {flag.value}".rstrip()
        gap = " " * (_FLAGS_WIDTH - len(left)) if len(left) < _FLAGS_WIDTH else "\n" + " " * _FLAGS_WIDTH
        lines.append(f"{left}{gap}{flag.help}")
    return "\n".join(lines)
