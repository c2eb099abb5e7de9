"""What may stand where: the candidates for one word of a command line that begins with `pyssh`."""

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from pyssh.record import Record
from pyssh_cli.commands import COMMANDS, DEFAULT
from pyssh_cli.completion.hosts import host_names
from pyssh_cli.getopt import Flag

__all__ = ["FILES", "SHELLS", "Candidate", "candidates"]

SHELLS: Final = ("bash", "zsh", "fish")

FILES: Final = ":files"
"""Stands for the names of files, which a shell knows best itself."""

# first words behind the flags that name hosts
_HOST_COMMANDS: Final = ("connect", "forward", "copy-id", "keyscan")
_FILE_COMMANDS: Final = ("add",)
_FILE_VALUES: Final = ("file", "path", "directory", "key", "identity")
_HOST_VALUES: Final = ("host", "hosts")
_KEYWORD_VALUES: Final = ("Keyword=value", "keyword=value")


class Candidate(Record):
    """A word, and what it means."""

    text: str
    meaning: str = ""


class _Line:
    """A command line up to the word at the cursor: whose it is, and what stands before that word."""

    def __init__(self, words: Sequence[str], index: int) -> None:
        before = list(words[:index])
        self.current = words[index] if index < len(words) else ""
        self.is_first = not before
        self.command = before.pop(0) if before and before[0] in COMMANDS else DEFAULT
        self.flags = _flags(self.command)
        self.config_file: str | None = None
        self.positions = 0
        self.value_of: Flag | None = None
        self._read(before)

    def _read(self, before: Sequence[str]) -> None:
        for word in before:
            if self.value_of is not None:
                if self.value_of.letter == "F":
                    self.config_file = os.path.expanduser(word)  # noqa: PTH111  # pathlib costs 5 ms
                self.value_of = None
            elif word.startswith("-") and len(word) > 1:
                self.value_of = self._flag_with_open_value(word)
            else:
                self.positions += 1

    def _flag_with_open_value(self, word: str) -> Flag | None:
        """Return the flag whose value is the next word; None if there is none or it is joined."""
        if word.startswith("--"):
            return next((flag for flag in self.flags if f"--{flag.name}" == word and flag.value), None)
        for place, letter in enumerate(word[1:], 2):
            flag = next((flag for flag in self.flags if flag.letter == letter), None)
            if flag is None or flag.value:
                return flag if flag is not None and place == len(word) else None
        return None


def _flags(command: str) -> Sequence[Flag]:
    module = importlib.import_module(COMMANDS[command].module)
    flags: Sequence[Flag] = getattr(module, "FLAGS", ()) or getattr(module, "SSH_FLAGS", ())
    # those without a help line are known only in order to be refused
    return [flag for flag in flags if flag.help]


def candidates(words: Sequence[str], index: int, home: str) -> tuple[Candidate, ...]:
    """Return what `words[index]` may become; `words` are those behind `pyssh`."""
    line = _Line(words, index)
    found = tuple(_all(line, home))
    if any(candidate.text == FILES for candidate in found):
        return (Candidate(FILES),)
    return tuple(candidate for candidate in found if candidate.text.startswith(line.current))


def _all(line: _Line, home: str) -> Iterator[Candidate]:
    def hosts() -> Iterator[Candidate]:
        # behind user@, and behind the hosts before a comma
        start = line.current[: max(line.current.rfind(mark) for mark in "@,") + 1]
        yield from (Candidate(start + name) for name in host_names(home, line.config_file))

    if line.value_of is not None:
        yield from _values(line.value_of.value, hosts)
    elif line.current.startswith("-"):
        yield from _spellings(line.flags)
    elif line.is_first:
        yield from (Candidate(name, command.help) for name, command in COMMANDS.items())
        yield from hosts()
    elif line.command in _HOST_COMMANDS:
        yield from hosts() if not line.positions or line.command == "keyscan" else ()
    elif line.command == "completion":
        yield from map(Candidate, SHELLS if not line.positions else ())
    elif line.command in _FILE_COMMANDS:
        yield Candidate(FILES)


def _spellings(flags: Sequence[Flag]) -> Iterator[Candidate]:
    for flag in flags:
        yield from (Candidate(f"-{flag.letter}", flag.help) for _ in flag.letter)
        yield from (Candidate(f"--{flag.name}", flag.help) for _ in flag.name[:1])


def _values(value: str, hosts: Callable[[], Iterator[Candidate]]) -> Iterator[Candidate]:
    if value in _HOST_VALUES:
        yield from hosts()
    elif value in _KEYWORD_VALUES:
        from pyssh_config.keywords import CLIENT_KEYWORDS, Support  # noqa: PLC0415  # only behind -o

        names = {row.name for row in CLIENT_KEYWORDS.values() if row.support is Support.BUILT}
        yield from (Candidate(f"{name}=") for name in sorted(names))
    elif value in _FILE_VALUES:
        yield Candidate(FILES)
