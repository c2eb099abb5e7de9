"""Parsers of keyword values: yes/no, choices, numbers, times, sizes, lists, files and algorithm lists.

A parser takes `Arguments` (what stands after the keyword) and returns the typed value; it raises ConfigError
that says what is wrong and what is allowed, without the place, which the reader of the file adds.
"""

import re
import socket
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from pyssh.record import Record

from .errors import ConfigError, escape

T = TypeVar("T")
INT_MAX = 2**31 - 1  # OpenSSH holds counts and times in an int

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TIME = re.compile(r"([0-9]+)([smhdwSMHDW]?)")
_SIZE = re.compile(r"([0-9]+)(?:\.([0-9]*))?([BKMGTPEbkmgtpe]?)")
_SIZES = {suffix: 1 << 10 * power for power, suffix in enumerate("BKMGTPE")} | {"": 1}
_LEVELS = ("QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG", "DEBUG1", "DEBUG2", "DEBUG3")
_FACILITIES = ("DAEMON", "USER", "AUTH", "AUTHPRIV", *(f"LOCAL{i}" for i in range(8)))


class Arguments(Record):
    """What stands after a keyword: unquoted words, the text as written, and what ${NAME} may refer to."""

    words: tuple[str, ...]
    rest: str
    environ: Mapping[str, str] = MappingProxyType({})
    from_command_line: bool = False


Parser = Callable[[Arguments], T]


def one_word(arguments: Arguments) -> str:
    """Return the only word; fewer, more and an empty one are errors."""
    if not arguments.words or not arguments.words[0]:
        raise ConfigError("the value is missing")
    if len(arguments.words) > 1:
        raise ConfigError(f'only one value is allowed, and "{escape(arguments.words[1])}" follows it')
    return arguments.words[0]


def all_words(arguments: Arguments) -> tuple[str, ...]:
    """Return one or more words, none of them empty."""
    if not arguments.words or not all(arguments.words):
        raise ConfigError("a value is missing or empty")
    return arguments.words


def words_or_none(arguments: Arguments) -> tuple[str, ...]:
    """Return words; the single word `none` is the empty tuple and may not stand beside others."""
    words = all_words(arguments)
    if any(word.lower() == "none" for word in words):
        if len(words) > 1:
            raise ConfigError('"none" must stand alone')
        return ()
    return words


def raw_text(arguments: Arguments) -> str:
    """Return the rest of the line as written: a command, whose quotes are for the shell."""
    text = arguments.rest.lstrip(" \t=")
    if not text:
        raise ConfigError("the value is missing")
    return text


def command_or_none(arguments: Arguments) -> str | None:
    """Return the rest of the line as written, None for `none`."""
    text = raw_text(arguments)
    return None if text.lower() == "none" else text


def text_or_none(arguments: Arguments) -> str | None:
    """Return one word, None for `none`."""
    word = one_word(arguments)
    return None if word.lower() == "none" else word


def choice(*names: str, aliases: Mapping[str, str] = MappingProxyType({})) -> Parser[str]:
    """Make a parser of one of `names`, in any case; an alias (in lower case) stands for a name."""
    table = {name.lower(): name for name in names} | dict(aliases)

    def parse(arguments: Arguments) -> str:
        word = one_word(arguments)
        if word.lower() not in table:
            raise ConfigError(f'"{escape(word)}" is not allowed here; allowed are {", ".join(names)}')
        return table[word.lower()]

    return parse


def yes_or(*names: str, aliases: Mapping[str, str] = MappingProxyType({})) -> Parser[str]:
    """Make a parser of yes, no (also written true, false) or one of `names`."""
    return choice("yes", "no", *names, aliases={"true": "yes", "false": "no"} | dict(aliases))


def flag(arguments: Arguments) -> bool:
    """Parse yes or no, also written true and false."""
    return _YES_OR_NO(arguments) == "yes"


_YES_OR_NO = yes_or()


def plain_flag(arguments: Arguments) -> bool:
    """Parse yes or no; OpenSSH takes no other spelling for some keywords."""
    return _PLAIN_YES_OR_NO(arguments) == "yes"


_PLAIN_YES_OR_NO = choice("yes", "no")


def number(low: int = 0, high: int = INT_MAX) -> Parser[int]:
    """Make a parser of a decimal number in a range."""

    def parse(arguments: Arguments) -> int:
        word = one_word(arguments)
        if not (word.isascii() and word.isdigit() and low <= int(word[:20]) <= high):
            raise ConfigError(f'"{escape(word)}" is not a number from {low} to {high}')
        return int(word)

    return parse


def parse_port(text: str, *, low: int = 1) -> int:
    """Parse a TCP port: a number from `low` to 65535, or the name of a service."""
    if text.isascii() and text.isdigit():
        if len(text) <= 5 and low <= int(text) <= 65535:
            return int(text)
    elif text:
        try:
            return socket.getservbyname(text, "tcp")
        except (OSError, ValueError):
            pass  # said below
    raise ConfigError(f'"{escape(text)}" is not a port ({low} to 65535)')


def port(arguments: Arguments) -> int:
    """Parse a port of a peer."""
    return parse_port(one_word(arguments))


def parse_time(text: str) -> int:
    """Parse a time in the format of sshd_config(5), such as 90, 10m, 1h30m; seconds."""
    total = at = 0
    for match in _TIME.finditer(text):
        if match.start() != at:
            break
        total += int(match[1][:12]) * _UNITS[match[2].lower()]
        at = match.end()
    if not text or at != len(text) or total > INT_MAX:
        raise ConfigError(
            f'"{escape(text)}" is not a time; write seconds, or units as in 10m or 1h30m (s m h d w)'
        )
    return total


def time(arguments: Arguments) -> int:
    """Parse a time; seconds."""
    return parse_time(one_word(arguments))


def time_or_zero(arguments: Arguments) -> int:
    """Parse a time, 0 for `none`; seconds."""
    return time_or_none(arguments) or 0


def time_or_none(arguments: Arguments) -> int | None:
    """Parse a time, None for `none`; seconds."""
    word = one_word(arguments)
    return None if word.lower() == "none" else parse_time(word)


def parse_size(text: str) -> int:
    """Parse a size such as 4096, 512K, 1.5G (powers of 1024); bytes."""
    match = _SIZE.fullmatch(text)
    if match is None or len(match[1]) > 19:
        raise ConfigError(
            f'"{escape(text)}" is not a size; write bytes, or a unit as in 512K or 1G (K M G T P E)'
        )
    whole, fraction, suffix = match[1], match[2] or "", match[3].upper()
    scale = _SIZES[suffix]
    size = int(whole) * scale
    if fraction:
        size += int(fraction[:15]) * scale // int("1" + "0" * len(fraction[:15]))
    if size >= 2**63:
        raise ConfigError(f'"{escape(text)}" is too large')
    return size


class RekeyLimit(Record):
    """When keys are renewed: after so many bytes or seconds; 0 leaves it to the cipher, or to no clock."""

    bytes: int = 0
    seconds: int = 0

    def __str__(self) -> str:
        return f"{self.bytes} {self.seconds}"


def rekey_limit(arguments: Arguments) -> RekeyLimit:
    """Parse `RekeyLimit`: a size or `default`, then perhaps a time or `none`."""
    words = all_words(arguments)
    if len(words) > 2:
        raise ConfigError(f'a size and a time are allowed, and "{escape(words[2])}" follows them')
    size = 0 if words[0] == "default" else parse_size(words[0])
    if 0 < size < 16:  # fewer bytes than one packet has
        raise ConfigError("the size is too small; at least 16 bytes are needed")
    seconds = 0 if len(words) < 2 or words[1] == "none" else parse_time(words[1])
    return RekeyLimit(size, seconds)


def parse_environment(word: str) -> tuple[str, str]:
    """Parse NAME=VALUE."""
    name, equals, value = word.partition("=")
    if not name or not equals:
        raise ConfigError(f'"{escape(word)}" is not of the form NAME=VALUE')
    return name, value


def environment(arguments: Arguments) -> tuple[tuple[str, str], ...]:
    """Parse `SetEnv`; of two values for one name the first counts."""
    pairs: dict[str, str] = {}
    for word in all_words(arguments):
        name, value = parse_environment(word)
        pairs.setdefault(name, value)
    return tuple(pairs.items())


def environment_names(arguments: Arguments) -> tuple[str, ...]:
    """Parse patterns of names of environment variables."""
    words = all_words(arguments)
    for word in words:
        if "=" in word:
            raise ConfigError(f'"{escape(word)}" is not a name of an environment variable')
    return words


def mask(arguments: Arguments) -> int:
    """Parse an octal file mode mask."""
    word = one_word(arguments)
    if not re.fullmatch("[0-7]{1,4}", word) or int(word, 8) > 0o777:
        raise ConfigError(f'"{escape(word)}" is not an octal mask from 0 to 0777')
    return int(word, 8)


def escape_character(arguments: Arguments) -> str | None:
    """Parse `EscapeChar`: one character, `^` and a letter for a control character, or `none` for None."""
    word = one_word(arguments)
    if word == "none":
        return None
    if len(word) == 1:
        return word
    if len(word) == 2 and word[0] == "^" and 64 <= ord(word[1]) < 128:
        return chr(ord(word[1]) & 31)
    raise ConfigError(
        f'"{escape(word)}" is not an escape character; allowed are one character, ^ and a letter, none'
    )


log_level: Parser[str] = choice(*_LEVELS, aliases={"silent": "QUIET"})
log_facility: Parser[str] = choice(*_FACILITIES)
fingerprint_hash: Parser[str] = choice("md5", "sha1", "sha256", "sha384", "sha512")
address_family: Parser[str] = choice("any", "inet", "inet6")
