"""Lines and words of ssh_config and sshd_config: quoting, comments, `=`, and `Include`.

The syntax is that of ssh_config(5) as OpenSSH 10.x reads it. What keywords mean is not known here.
"""

import glob
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pyssh.record import Record

from .errors import ConfigError, escape

INCLUDE_DEPTH = 16  # OpenSSH's limit, which also ends files that include themselves
FILE_BYTES = 16 * 1024 * 1024  # no configuration is larger; keeps /dev/zero from being read to its end
_BLANKS = " \t\r\n"


class Line(Record):
    """One line that is not empty. `rest` is its text after the keyword, `words` that text in words."""

    path: str
    number: int
    keyword: str
    words: tuple[str, ...]
    rest: str


def split_words(text: str) -> list[str]:
    r"""Split at blanks; quotes of both kinds hold words together, `\` escapes quotes, itself and blanks.

    A word that begins with `#` outside quotes ends the line. Raises ConfigError for a quote that stays open.
    """
    words: list[str] = []
    at = 0
    while True:
        while at < len(text) and text[at] in _BLANKS:
            at += 1
        if at == len(text) or text[at] == "#":
            return words
        word, at = _take_word(text, at)
        words.append(word)


def _take_word(text: str, at: int) -> tuple[str, int]:
    taken: list[str] = []
    quote = ""
    while at < len(text):
        character = text[at]
        if character == "\\" and _is_escaped(text, at + 1, quote):
            at += 1
            taken.append(text[at])
        elif quote and character == quote:
            quote = ""
        elif not quote and character in "\"'":
            quote = character
        elif not quote and character in _BLANKS:
            break
        else:
            taken.append(character)
        at += 1
    if quote:
        raise ConfigError(f"the quote {quote} is never closed")
    return "".join(taken), at


def _is_escaped(text: str, at: int, quote: str) -> bool:
    return at < len(text) and (text[at] in "\"'\\" or (not quote and text[at] == " "))


def parse_line(text: str, path: str, number: int) -> Line | None:
    """Parse one line; None for a comment or an empty one. Blanks or one `=` stand after the keyword."""
    text = text.strip(_BLANKS + "\f")
    if not text or text.startswith("#"):
        return None
    keyword, rest = _split_keyword(text, path, number)
    if not rest:
        raise ConfigError("there is no value after the keyword", path=path, line=number, keyword=keyword)
    try:
        words = tuple(split_words(rest))
    except ConfigError as error:
        raise error.at(path, number, keyword) from None
    return Line(path, number, keyword, words, rest)


def _split_keyword(text: str, path: str, number: int) -> tuple[str, str]:
    if text.startswith('"'):
        keyword, quote, rest = text[1:].partition('"')
        if not quote:
            raise ConfigError('the quote " is never closed', path=path, line=number)
    else:
        end = next((i for i, c in enumerate(text) if c in _BLANKS + "="), len(text))
        keyword, rest = text[:end], text[end:]
    rest = rest.lstrip(_BLANKS)
    if rest.startswith("="):
        rest = rest[1:].lstrip(_BLANKS)
    return keyword, rest


def read_lines(path: str, *, own_files_only: bool = False) -> Iterator[Line]:
    """Read a file's lines.

    With `own_files_only` the file must belong to root or to us and be writable by nobody else, as ssh asks of
    a user's configuration: whoever writes to it runs commands as us. Raises ConfigError with the reason when
    the file cannot be read; FileNotFoundError passes through.
    """
    try:
        with Path(path).open("rb") as file:
            if own_files_only:
                _check_owner(path, os.fstat(file.fileno()))
            data = file.read(FILE_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"cannot read it: {error.strerror}", path=path) from None
    if len(data) > FILE_BYTES:
        raise ConfigError(f"it is larger than {FILE_BYTES} bytes", path=path)
    if b"\0" in data:
        raise ConfigError("it holds NUL bytes, so it is no configuration", path=path)
    yield from parse_lines(data.decode("utf-8", "surrogateescape"), path)


def parse_lines(text: str, path: str) -> Iterator[Line]:
    """Parse a whole file's text."""
    for number, line in enumerate(text.split("\n"), 1):
        parsed = parse_line(line, path, number)
        if parsed is not None:
            yield parsed


def _check_owner(path: str, found: os.stat_result) -> None:
    if found.st_uid not in (0, os.getuid()):
        raise ConfigError("bad owner: it must belong to you or to root", path=path)
    # Debian lets a user's own group write; whether somebody else is in that group cannot be seen cheaply
    if stat.S_ISREG(found.st_mode) and found.st_mode & 0o022:
        raise ConfigError("bad permissions: others can write to it; try chmod go-w", path=path)


def include_paths(line: Line, directory: str, home: str | None) -> list[str]:
    """Return the files that an `Include` line names, in order; patterns that match nothing name none.

    Relative names lie in `directory`. A leading `~` is `home`'s; None says that it is not allowed here.
    """
    found: list[str] = []
    for word in line.words:
        if not word:
            raise _include_error(line, "a file name is empty")
        if word.startswith("~") and home is None:
            raise _include_error(line, f"{escape(word)} is not allowed in a system-wide file")
        pattern = Path(directory) / expand_tilde(word, home or "")
        found += sorted(glob.glob(str(pattern)))  # noqa: PTH207  Path.glob takes no absolute pattern
    return found


def expand_tilde(path: str, home: str) -> str:
    """Return `path` with a leading `~` (then it is `home`) or `~user` replaced by that home directory."""
    if path == "~":
        return f"{home}/"
    if path.startswith("~/"):
        return home + path[1:]
    return os.path.expanduser(path) if path.startswith("~") else path  # noqa: PTH111  pathlib raises for unknown users


def _include_error(line: Line, problem: str) -> ConfigError:
    return ConfigError(problem, path=line.path, line=line.number, keyword=line.keyword)
