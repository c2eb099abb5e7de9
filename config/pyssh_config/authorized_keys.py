"""authorized_keys: which keys log a user in, and what each may do (sshd(8), "AUTHORIZED_KEYS FILE FORMAT").

A line that is not wholly understood grants nothing: an option that we do not know may be a restriction.
"""

import calendar
import re
import time
from base64 import b64decode
from collections.abc import Iterator
from typing import Any, Final

from pyssh.errors import KeyFormatError
from pyssh.keys.lines import end_of_options
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.record import Record

from .addresses import matches_addresses, matches_host_or_address
from .errors import ConfigError, escape
from .forwards import HostPattern, parse_permit
from .values import parse_environment

_KEY_TYPE: Final = re.compile(r"(ssh|ecdsa|sk)-[a-z0-9@.-]+", re.IGNORECASE)
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_ENVIRONMENT_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TIME_FORMATS: Final = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


class KeyOptions(Record):
    """What a key may do. Everything is allowed unless a line says otherwise.

    `permit_open` and `permit_listen` None set no limits. `from_patterns` None is from anywhere. `expiry_time`
    is in seconds since 1970. `principals` is for lines with `cert_authority` and None without that option.
    """

    pty: bool = True
    port_forwarding: bool = True
    agent_forwarding: bool = True
    x11_forwarding: bool = True
    user_rc: bool = True
    command: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    from_patterns: str | None = None
    permit_open: tuple[HostPattern, ...] | None = None
    permit_listen: tuple[HostPattern, ...] | None = None
    expiry_time: float | None = None
    cert_authority: bool = False
    principals: tuple[str, ...] | None = None
    touch_required: bool = True
    verify_required: bool = False

    def refusal(self, *, host: str, address: str, now: float) -> str | None:
        """Return why a client may not use the key now, in words for the log; None if it may.

        `host` is the client's name, or its address again if names are not looked up.
        """
        if self.expiry_time is not None and now >= self.expiry_time:
            return "its expiry-time has passed"
        if self.from_patterns is not None and not matches_host_or_address(host, address, self.from_patterns):
            return f"its from= does not allow {escape(host)} ({escape(address)})"
        return None


class AuthorizedKey(Record):
    """A line that grants something."""

    key: PublicKey
    options: KeyOptions
    comment: str
    path: str
    line: int


class AuthorizedKeys(Record):
    """A file's lines; `unusable` says which of them grant nothing, and why."""

    keys: tuple[AuthorizedKey, ...]
    unusable: tuple[ConfigError, ...]


def parse_authorized_keys(text: str, path: str) -> AuthorizedKeys:
    """Parse a whole file; no line of it raises."""
    keys: list[AuthorizedKey] = []
    unusable: list[ConfigError] = []
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip(" \t\r")
        if stripped and not stripped.startswith("#"):
            try:
                keys.append(parse_authorized_key(stripped, path, number))
            except ConfigError as error:
                unusable.append(error.at(path, number))
    return AuthorizedKeys(tuple(keys), tuple(unusable))


def parse_authorized_key(text: str, path: str, line: int) -> AuthorizedKey:
    """Parse one line: perhaps options, then key type, key, comment."""
    options = KeyOptions()
    rest = text
    if not _KEY_TYPE.match(text):
        end, closed = end_of_options(text)
        if not closed:
            raise ConfigError('a quote " is never closed')
        options, rest = parse_options(text[:end]), text[end:].lstrip(" \t")
    key_type, _, after = rest.partition(" ")
    encoded, _, comment = after.strip().partition(" ")
    try:
        key = decode_public_key(b64decode(encoded, validate=True))
    except ValueError:
        raise ConfigError("the key is not base64") from None
    except KeyFormatError as error:
        raise ConfigError(escape(str(error))) from None
    if key.key_type != key_type:
        raise ConfigError(f"the line says {escape(key_type)}, its key says {key.key_type}")
    return AuthorizedKey(key, options, comment.strip(), path, line)


def parse_options(text: str) -> KeyOptions:
    """Parse options with commas between them, as they stand before a key. Raises ConfigError."""
    fields: dict[str, Any] = {}
    for name, value in _split_options(text):
        lowered = name.lower()
        if lowered in _SWITCHES and value is None:
            fields |= _SWITCHES[lowered]
        elif lowered in _VALUES and value is not None:
            _VALUES[lowered](fields, value)
        elif lowered in _SWITCHES or lowered in _VALUES:
            raise ConfigError(
                f"the option {lowered} " + ("needs a value" if value is None else "takes no value")
            )
        else:
            raise ConfigError(f"the option {escape(name)} is not known, so the line is not used")
    if fields.get("principals") is not None and not fields.get("cert_authority"):
        raise ConfigError("the option principals is for lines with cert-authority")
    return KeyOptions(**fields)


def _split_options(text: str) -> Iterator[tuple[str, str | None]]:
    at = 0
    while at < len(text):
        name = _NAME.match(text, at)
        if name is None:
            raise ConfigError(f"there is no option and no key at {escape(text[at : at + 20])}")
        at = name.end()
        value = None
        if text.startswith("=", at):
            value, at = _take_quoted(text, at + 1, name[0])
        yield name[0], value
        if at < len(text) and not (text[at] == "," and at + 1 < len(text)):
            raise ConfigError(f"there is no comma after the option {escape(name[0])}")
        at += 1


def _take_quoted(text: str, at: int, name: str) -> tuple[str, int]:
    if not text.startswith('"', at):
        raise ConfigError(f'the value of {escape(name)} must stand in quotes "')
    taken: list[str] = []
    at += 1
    while not text.startswith('"', at):
        at += text.startswith('\\"', at)
        if at >= len(text):
            raise ConfigError(f'the quote " after {escape(name)} is never closed')
        taken.append(text[at])
        at += 1
    return "".join(taken), at + 1


_RESTRICTIONS: Final = ("pty", "port_forwarding", "agent_forwarding", "x11_forwarding", "user_rc")

_SWITCHES: Final[dict[str, dict[str, bool]]] = {
    "restrict": dict.fromkeys(_RESTRICTIONS, False),
    "cert-authority": {"cert_authority": True},
    "no-touch-required": {"touch_required": False},
    "touch-required": {"touch_required": True},
    "verify-required": {"verify_required": True},
    "no-verify-required": {"verify_required": False},
}
for _field in _RESTRICTIONS:
    _SWITCHES[_field.replace("_", "-")] = {_field: True}
    _SWITCHES["no-" + _field.replace("_", "-")] = {_field: False}


def _set_once(fields: dict[str, Any], field: str, value: object) -> None:
    if field in fields:
        raise ConfigError(f"the option {field.partition('_p')[0].replace('_', '-')} stands there twice")
    fields[field] = value


def _command(fields: dict[str, Any], value: str) -> None:
    _set_once(fields, "command", value)


def _from(fields: dict[str, Any], value: str) -> None:
    matches_addresses("", value)  # raises for a network that is none, which would else fail at each login
    _set_once(fields, "from_patterns", value)


def _environment(fields: dict[str, Any], value: str) -> None:
    name, content = parse_environment(value)
    if not _ENVIRONMENT_NAME.fullmatch(name):
        raise ConfigError(f"{escape(name)} is not a name of an environment variable")
    found: tuple[tuple[str, str], ...] = fields.get("environment", ())
    if name not in dict(found):  # the first counts, as in sshd
        fields["environment"] = (*found, (name, content))


def _permit_open(fields: dict[str, Any], value: str) -> None:
    fields["permit_open"] = (*fields.get("permit_open", ()), parse_permit(value))


def _permit_listen(fields: dict[str, Any], value: str) -> None:
    fields["permit_listen"] = (*fields.get("permit_listen", ()), parse_permit(value, listen=True))


def _expiry_time(fields: dict[str, Any], value: str) -> None:
    # of several the earliest counts, as in sshd
    fields["expiry_time"] = min(parse_timestamp(value), fields.get("expiry_time", float("inf")))


def _principals(fields: dict[str, Any], value: str) -> None:
    names = tuple(value.split(","))
    if not all(names):
        raise ConfigError("the option principals has an empty name")
    _set_once(fields, "principals", names)


_VALUES: Final = {
    "command": _command,
    "from": _from,
    "environment": _environment,
    "permitopen": _permit_open,
    "permitlisten": _permit_listen,
    "expiry-time": _expiry_time,
    "principals": _principals,
}


def parse_timestamp(text: str) -> float:
    """Parse YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS: local time, or with a `Z` behind it UTC."""
    digits = text.upper().removesuffix("UTC").removesuffix("Z")
    form = _TIME_FORMATS.get(len(digits)) if digits.isascii() and digits.isdigit() else None
    try:
        parsed = time.strptime(digits, form or "never")
        return float(calendar.timegm(parsed)) if digits != text else time.mktime(parsed)
    except (ValueError, OverflowError):
        raise ConfigError(f'"{escape(text)}" is not a time of the form YYYYMMDD[HHMM[SS]][Z]') from None
