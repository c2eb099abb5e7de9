"""The times of certificates and signatures: `-V`, and how ssh-keygen shows them."""

import time

from pyssh.keys.certificate import FOREVER
from pyssh_config.authorized_keys import parse_timestamp
from pyssh_config.errors import ConfigError
from pyssh_config.values import parse_time

from .report import KeygenError, shown

__all__ = ["format_moment", "format_validity", "parse_validity"]

_MAX_TIME = 2**63 - 1
_BACKDATE_SECONDS = 59
"""A certificate from now on begins at the last full minute but one: clocks differ."""


def parse_validity(text: str, now: float) -> tuple[int, int]:
    """Parse an interval as `-V` has it; seconds since 1970, the second one being `FOREVER` for no end."""
    moment = int(now)
    if text.startswith("+") and ":" not in text:
        try:
            return (moment - _BACKDATE_SECONDS) // 60 * 60, moment + parse_time(text[1:])
        except ConfigError:
            raise KeygenError(
                f"Invalid relative certificate life {shown(text)}; try +52w or +1d12h"
            ) from None
    first, colon, last = text.partition(":")
    if not (first and colon and last):
        raise KeygenError(
            f"Invalid certificate life specification {shown(text)}; try +52w or 20260101:20270101"
        )
    valid_after = 0 if first == "always" else _moment(first, moment, "from")
    valid_before = FOREVER if last == "forever" else _moment(last, moment, "to")
    if valid_before <= valid_after:
        raise KeygenError("Empty certificate validity interval")
    return valid_after, valid_before


def _moment(text: str, now: int, which: str) -> int:
    if text[0] in "+-":
        try:
            seconds = parse_time(text[1:])
        except ConfigError:
            raise KeygenError(f"Invalid relative certificate time {shown(text)}") from None
        if text[0] == "-" and seconds > now:
            raise KeygenError(f"Certificate time {shown(text)} cannot be represented")
        return now + seconds if text[0] == "+" else now - seconds
    if text.startswith("0x"):
        return _hexadecimal(text)
    try:
        return int(parse_timestamp(text))
    except ConfigError:
        raise KeygenError(f'Invalid {which} time "{shown(text)}"') from None


def _hexadecimal(text: str) -> int:
    try:
        value = int(text[2:18], 16)
    except ValueError:
        value = -1
    if value < 0 or len(text) > 18 or not text[2:].isalnum():
        raise KeygenError("Invalid certificate time: not a number")
    return value


def format_moment(seconds: int) -> str:
    """Return a moment in local time."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(min(seconds, _MAX_TIME)))
    except (OverflowError, OSError, ValueError):
        return "UNKNOWN-TIME"


def format_validity(valid_after: int, valid_before: int) -> str:
    """Return an interval in ssh-keygen's words."""
    if valid_before == FOREVER:
        return f"after {format_moment(valid_after)}" if valid_after else "forever"
    if not valid_after:
        return f"before {format_moment(valid_before)}"
    return f"from {format_moment(valid_after)} to {format_moment(valid_before)}"
