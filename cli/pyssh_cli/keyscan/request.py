"""What a command line of keyscan asks for."""

import socket
from collections.abc import Mapping, Sequence
from typing import Final

from pyssh.errors import SSHError
from pyssh.keys.modules import certificate_name
from pyssh.keys.sshfp import FINGERPRINT_TYPES
from pyssh.record import Record
from pyssh_cli.getopt import BadUsageError, Flag, parse
from pyssh_cli.output import Level
from pyssh_config.errors import ConfigError, escape
from pyssh_config.values import parse_time

__all__ = ["FLAGS", "KEY_TYPES", "Request", "ScanError", "parse_request"]

FLAGS: Final = (
    Flag("4", help="use IPv4 only"),
    Flag("6", help="use IPv6 only"),
    Flag("c", help="ask for certificates instead of plain keys"),
    Flag("D", help="print SSHFP records for DNS instead of lines for known_hosts"),
    Flag("f", value="file", help="read hosts from a file, or - for standard input"),
    Flag("H", help="hide the names"),
    Flag("O", value="option", help="hashalg=sha1 or sha256: the only kind of fingerprint for -D"),
    Flag("p", value="port", help="port of the hosts (default 22)"),
    Flag("q", help="print no remarks, only keys"),
    Flag("T", value="timeout", help="how long each connection may take in all (default 5 s)"),
    Flag(
        "t", value="types", help="rsa, ecdsa, ed25519, mldsa44-ed25519, ecdsa-sk, ed25519-sk (default: all)"
    ),
    Flag("v", help="say what happens; up to three times for more"),
    Flag(name="help", help="print this"),
)

KEY_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"),
    "ecdsa": ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    "ed25519": ("ssh-ed25519",),
    "ecdsa-sk": ("sk-ecdsa-sha2-nistp256@openssh.com",),
    "ed25519-sk": ("sk-ssh-ed25519@openssh.com",),
    "mldsa44-ed25519": ("ssh-mldsa44-ed25519",),
}
"""The signature algorithms to ask for by the short names of key types, in the order of asking."""

_FATAL: Final = 255
_SECONDS: Final = 5.0
_HIGHEST_PORT: Final = 65535


class ScanError(SSHError):
    """The end of a scan; the text is what to print, `code` what to exit with."""

    def __init__(self, text: str, code: int = _FATAL) -> None:
        super().__init__(text)
        self.code = code


class Request(Record):
    """What to ask which hosts. `files` come first; None there is standard input."""

    words: tuple[str, ...] = ()
    files: tuple[str | None, ...] = ()
    key_types: tuple[str, ...] = tuple(KEY_TYPES)
    certificates: bool = False
    as_sshfp: bool = False
    hashes: tuple[str, ...] = tuple(FINGERPRINT_TYPES)
    hide_names: bool = False
    family: int = socket.AF_UNSPEC
    port: int = 22
    seconds: float = _SECONDS
    level: Level = Level.INFO

    def algorithms(self, key_type: str) -> tuple[str, ...]:
        """Return the host key algorithms that ask for a type."""
        names = KEY_TYPES[key_type]
        return tuple(certificate_name(name) for name in names) if self.certificates else names


def parse_request(arguments: Sequence[str]) -> Request | None:
    """Read a command line; None if help is asked for. Raises `BadUsageError` and `ScanError`."""
    given = parse(arguments, FLAGS)
    changes: dict[str, object] = {"words": given.words}
    files: list[str | None] = []
    for key, value in given.flags:
        match key:
            case "help":
                return None
            case "f":
                files.append(None if value == "-" else value)
            case "v":
                level = changes.get("level", Level.INFO)
                assert isinstance(level, Level)
                changes["level"] = Level.DEBUG if level < Level.DEBUG else Level(min(level + 1, Level.DEBUG3))
            case _:
                changes.update(_change(key, value))
    if not given.words and not files:
        raise BadUsageError("which hosts? None was given")
    return Request(files=tuple(files)).replace(**changes)


def _change(key: str, value: str) -> dict[str, object]:
    match key:
        case "O":
            return {"hashes": _hashes(value)}
        case "p":
            return {"port": _port(value)}
        case "T":
            return {"seconds": _timeout(value)}
        case "t":
            return {"key_types": _types(value)}
    return dict([_SWITCHES[key]])


_SWITCHES: Final[Mapping[str, tuple[str, object]]] = {
    "4": ("family", socket.AF_INET),
    "6": ("family", socket.AF_INET6),
    "c": ("certificates", True),
    "D": ("as_sshfp", True),
    "H": ("hide_names", True),
    "q": ("level", Level.QUIET),
}


def _hashes(value: str) -> tuple[str, ...]:
    name, _, chosen = value.partition("=")
    if name.lower() != "hashalg" or chosen.lower() not in FINGERPRINT_TYPES:
        raise ScanError(f"-O {escape(value)}: there is hashalg=sha1 and hashalg=sha256")
    return (chosen.lower(),)


def _port(value: str) -> int:
    if not (value.isascii() and value.isdigit() and 0 < int(value[:9]) <= _HIGHEST_PORT):
        raise ScanError(f"Bad port '{escape(value)}'", 1)
    return int(value)


def _timeout(value: str) -> float:
    try:
        seconds = parse_time(value)
    except ConfigError:
        seconds = 0
    if seconds <= 0:
        raise ScanError(f"Bad timeout '{escape(value)}'", 1)
    return float(seconds)


def _types(value: str) -> tuple[str, ...]:
    chosen = {_type(name) for name in value.split(",") if name}
    return tuple(name for name in KEY_TYPES if name in chosen)


def _type(name: str) -> str:
    """Return a type's short name for that, or for the name that its keys or signatures bear."""
    for short, algorithms in KEY_TYPES.items():
        if name.lower() == short or name in algorithms:
            return short
    raise ScanError(f'Unknown key type "{escape(name)}"')
