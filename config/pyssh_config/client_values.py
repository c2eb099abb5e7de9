"""Parsers of values that keywords of ssh_config alone have, and the records they return."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeVar

from pyssh.record import Record

from .errors import ConfigError, escape
from .forwards import HostPattern, parse_permit
from .values import (
    INT_MAX,
    Arguments,
    Parser,
    all_words,
    choice,
    one_word,
    parse_time,
    raw_text,
    words_or_none,
    yes_or,
)

DSCP: Final[Mapping[str, int]] = MappingProxyType(
    {f"af{kind}{drop}": kind << 5 | drop << 3 for kind in range(1, 5) for drop in range(1, 4)}
    | {f"cs{kind}": kind << 5 for kind in range(8)}
    | {"ef": 0xB8, "le": 0x04, "va": 0xB0}
)
"""The names that `IPQoS` knows, as values of the whole byte (RFC 2474, 3246, 5865, 8622)."""

_IGNORED_SERVICES: Final = ("none", "lowdelay", "throughput", "reliability")
_DOMAINS_MOST: Final = 32

T = TypeVar("T")


class AddKeys(Record):
    """`AddKeysToAgent`: `mode` is yes, no, ask or confirm; `seconds` is how long the agent keeps the key."""

    mode: str = "no"
    seconds: int = 0


def add_keys(arguments: Arguments) -> AddKeys:
    """Parse `AddKeysToAgent`: yes, no, ask, confirm, a time, or confirm and a time."""
    words = all_words(arguments)
    mode = _ADD_MODES.get(words[0].lower())
    if mode == "confirm" and len(words) == 2:
        return AddKeys(mode, parse_time(words[1]))
    if len(words) > 1:
        raise ConfigError(f'only one value is allowed, and "{escape(words[1])}" follows it')
    if mode is not None:
        return AddKeys(mode)
    try:
        return AddKeys("yes", parse_time(words[0]))
    except ConfigError:
        raise ConfigError(
            f'"{escape(words[0])}" is not allowed here; allowed are yes, no, ask, confirm, a time'
        ) from None


_ADD_MODES: Final = {
    "yes": "yes",
    "true": "yes",
    "no": "no",
    "false": "no",
    "ask": "ask",
    "confirm": "confirm",
}


class IPQoS(Record):
    """Type-of-service bytes for sessions with a terminal and for all others; None leaves it to the system."""

    interactive: int | None = DSCP["ef"]
    bulk: int | None = DSCP["cs0"]


def ip_qos(arguments: Arguments) -> IPQoS:
    """Parse `IPQoS`: one or two of the names in `DSCP`, numbers up to 255, or `none`."""
    words = all_words(arguments)
    if len(words) > 2:
        raise ConfigError(f'two values are allowed, and "{escape(words[2])}" follows them')
    return IPQoS(_service(words[0]), _service(words[-1]))


def _service(word: str) -> int | None:
    name = word.lower()
    if name in _IGNORED_SERVICES:  # the old names of RFC 1349 mean nothing any more
        return None
    if name in DSCP:
        return DSCP[name]
    if word.isascii() and word.isdigit() and int(word[:4]) <= 255:
        return int(word)
    raise ConfigError(
        f'"{escape(word)}" is not a service; allowed are {", ".join(DSCP)}, none, numbers up to 255'
    )


class ChannelTimeout(Record):
    """One entry of `ChannelTimeout`: a pattern of channel types, or `global`, and seconds; 0 is never."""

    kind: str
    seconds: int
    text: str


def channel_timeouts(arguments: Arguments) -> tuple[ChannelTimeout, ...]:
    """Parse `ChannelTimeout`: entries type=time; empty for `none`."""
    entries = []
    for word in words_or_none(arguments):
        kind, equals, interval = word.partition("=")
        if not kind or not equals:
            raise ConfigError(f'"{escape(word)}" is not of the form type=time')
        entries.append(ChannelTimeout(kind, parse_time(interval), word))
    return tuple(entries)


def control_persist(arguments: Arguments) -> int | None:
    """Parse `ControlPersist`: seconds without a client, 0 (or yes) for ever, None for `no`."""
    word = one_word(arguments)
    if word in ("yes", "true"):
        return 0
    return None if word in ("no", "false") else parse_time(word)


def canonical_domains(arguments: Arguments) -> tuple[str, ...]:
    """Parse `CanonicalDomains`: suffixes to try; empty for `none`."""
    words = words_or_none(arguments)
    for word in words:
        if not re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]|\.(?!\.))*", word):
            raise ConfigError(f'"{escape(word)}" is not a domain name')
    return _few(tuple(word.removesuffix(".") for word in words))


class PermittedName(Record):
    """Which names may stand for which: both are lists of patterns; `*` alone is any for any."""

    source: str
    target: str

    def __str__(self) -> str:
        return f"{self.source}:{self.target}"


def permitted_names(arguments: Arguments) -> tuple[PermittedName, ...]:
    """Parse `CanonicalizePermittedCNAMEs`: source:target, both lists of patterns; empty for `none`."""
    names = []
    for word in words_or_none(arguments):
        source, _, target = ("*", ":", "*") if word == "*" else word.lower().partition(":")
        if not target:
            raise ConfigError(f'"{escape(word)}" is not of the form names:names')
        names.append(PermittedName(source, target))
    return _few(tuple(names))


def _few(found: tuple[T, ...]) -> tuple[T, ...]:
    if len(found) > _DOMAINS_MOST:
        raise ConfigError(f"more than {_DOMAINS_MOST} are not allowed")
    return found


class RemotePermit(Record):
    """One target that a remote SOCKS forwarding may reach, and how it was written."""

    target: HostPattern
    text: str


def permitted_targets(arguments: Arguments) -> tuple[RemotePermit, ...] | None:
    """Parse `PermitRemoteOpen`: host:port, either of which may be `*`; None for `any`, empty for `none`."""
    words = all_words(arguments)
    if words in (("any",), ("none",)):
        return None if words == ("any",) else ()
    for word in words:
        if word in ("any", "none"):
            raise ConfigError(f'"{word}" must stand alone')
    return tuple(RemotePermit(parse_permit(word), word) for word in words)


class TunnelDevices(Record):
    """Numbers of the local and the remote tunnel device; None is any."""

    local: int | None = None
    remote: int | None = None

    def __str__(self) -> str:
        return ":".join("any" if number is None else str(number) for number in (self.local, self.remote))


def tunnel_devices(arguments: Arguments) -> TunnelDevices:
    """Parse `TunnelDevice`: local[:remote], numbers or `any`."""
    return parse_devices(one_word(arguments))


def parse_devices(word: str) -> TunnelDevices:
    """Parse the numbers of -w."""
    local, _, remote = word.partition(":")
    try:
        return TunnelDevices(_device(local), _device(remote or "any"))
    except ValueError:
        raise ConfigError(f'"{escape(word)}" is not of the form local:remote, with numbers or any') from None


def _device(text: str) -> int | None:
    if text.lower() == "any":
        return None
    if text.isascii() and text.isdigit() and int(text[:10]) < INT_MAX - 1:
        return int(text[:10])
    raise ValueError


def addendum(arguments: Arguments) -> str:
    """Parse `VersionAddendum`: the rest of the line as written, empty for `none`."""
    text = raw_text(arguments)
    return "" if text.lower() == "none" else text


tunnel: Parser[str] = choice(
    "no",
    "point-to-point",
    "ethernet",
    aliases={"false": "no", "yes": "point-to-point", "true": "point-to-point"},
)
warn_weak_crypto: Parser[str] = yes_or(aliases={"no-pq-kex": "no"})
