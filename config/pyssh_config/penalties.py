"""Values of `PerSourcePenalties` and its like (sshd_config(5)): what an address pays for, and how much."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pyssh.record import Record

from .addresses import matches_addresses
from .errors import ConfigError, escape
from .values import Arguments, all_words, one_word, parse_time

__all__ = [
    "NetBlockSize",
    "PenaltyRules",
    "exempt_list",
    "net_block_size",
    "penalties",
    "source_startups",
]

_TIMES: Final = (
    "crash", "authfail", "noauth", "invaliduser", "grace-exceeded", "refuseconnection", "max", "min",
)  # fmt: skip
_NUMBERS: Final = ("max-sources4", "max-sources6")
_MODES: Final = {"overflow": ("permissive", "deny-all"), "overflow6": ("permissive", "deny-all")}
_SWITCHES: Final = {"yes": True, "true": True, "no": False, "false": False}
_FRACTION: Final = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}")
_MOST_SOURCES: Final = 10_000_000


class PenaltyRules(Record):
    """What is paid for, in seconds. Below `min` a penalty only adds up; `max` is the most it adds up to."""

    is_on: bool = True
    crash: float = 90.0
    authfail: float = 5.0
    noauth: float = 1.0
    invaliduser: float = 5.0
    grace_exceeded: float = 10.0
    refuseconnection: float = 10.0
    max: float = 600.0
    min: float = 15.0
    max_sources4: int = 65536
    max_sources6: int = 65536
    overflow: str = "permissive"
    overflow6: str = "permissive"

    @classmethod
    def of(cls, words: Sequence[str]) -> "PenaltyRules":
        """Return what the words of all lines mean together; of each kind the first one counts."""
        values: dict[str, Any] = {}
        for word in words:
            for field, value in _parse(word).items():
                values.setdefault(field, value)
        if "overflow" in values:
            values.setdefault("overflow6", values["overflow"])
        return cls(**values)

    def __str__(self) -> str:
        if not self.is_on:
            return "no"
        parts = [f"{name}:{getattr(self, _field(name)):.6f}" for name in _TIMES]
        parts += [f"{name}:{getattr(self, _field(name))}" for name in _NUMBERS]
        return " ".join([*parts, f"overflow:{self.overflow}", f"overflow6:{self.overflow6}"])


def _field(name: str) -> str:
    return name.replace("-", "_")


def _parse(word: str) -> Mapping[str, Any]:
    if word.lower() in _SWITCHES:
        return {"is_on": _SWITCHES[word.lower()]}
    name, colon, value = word.partition(":")
    field = _field(name)
    if colon and name in _TIMES:
        return {field: _seconds(value)}
    if colon and name in _NUMBERS and value.isascii() and value.isdigit():
        if 0 < int(value[:9]) <= _MOST_SOURCES:
            return {field: int(value)}
    elif colon and value in _MODES.get(name, ()):
        return {field: value}
    allowed = ", ".join(f"{name}:" for name in (*_TIMES, *_NUMBERS, *_MODES))
    raise ConfigError(f'"{escape(word)}" is not a penalty; allowed are yes, no, {allowed}')


def _seconds(text: str) -> float:
    """Parse a time, which may be seconds with a fraction."""
    return float(text) if _FRACTION.fullmatch(text) else float(parse_time(text))


def penalties(arguments: Arguments) -> tuple[str, ...]:
    """Parse `PerSourcePenalties`: words for `PenaltyRules.of`."""
    words = all_words(arguments)
    PenaltyRules.of(words)
    return words


class NetBlockSize(Record):
    """How many bits of an IPv4 and of an IPv6 address say where it comes from."""

    ipv4: int = 32
    ipv6: int = 128

    def __str__(self) -> str:
        return f"{self.ipv4}:{self.ipv6}"


def net_block_size(arguments: Arguments) -> NetBlockSize:
    """Parse `PerSourceNetBlockSize`: bits of IPv4, perhaps a colon and those of IPv6."""
    word = one_word(arguments)
    first, colon, second = word.partition(":")
    numbers = [first, second] if colon else [first]
    if all(part.isascii() and part.isdigit() and len(part) <= 3 for part in numbers):
        sizes = NetBlockSize(*map(int, numbers))
        if sizes.ipv4 <= 32 and sizes.ipv6 <= 128:
            return sizes
    raise ConfigError(f'"{escape(word)}" is not of the form 32:128')


def source_startups(arguments: Arguments) -> int | None:
    """Parse `PerSourceMaxStartups`: a number, None for `none`."""
    word = one_word(arguments)
    if word.lower() == "none":
        return None
    if not (word.isascii() and word.isdigit() and int(word[:9]) > 0):
        raise ConfigError(f'"{escape(word)}" is neither a number from 1 on nor none')
    return int(word[:9])


def exempt_list(arguments: Arguments) -> str | None:
    """Parse `PerSourcePenaltyExemptList`: a list of addresses and networks, None for `none`."""
    word = one_word(arguments)
    if word.lower() == "none":
        return None
    matches_addresses("", word)  # raises for a network that is none
    return word
