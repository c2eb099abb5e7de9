"""Which message numbers are legal in which phase.

One table a phase, a byte a number: the first line of defence against messages sent too early (the libssh hole
of 2018) and against what is slipped into a strict key exchange (the Terrapin attack of 2023).
"""

from enum import Enum
from typing import Final

FORBID: Final = 0  # ends the connection
ALLOW: Final = 1
DROP: Final = 2  # ignored without a word
UNKNOWN: Final = 3  # answered with UNIMPLEMENTED


class Phase(Enum):
    """Where a connection stands, from what the peer has sent."""

    FIRST_EXCHANGE = "first key exchange"
    AUTHENTICATION = "authentication"
    OPEN = "open"
    REKEYING = "rekeying"


_KNOWN: Final = frozenset((1, 2, 3, 4, 5, 6, 7, 20, 21, *range(30, 128), 192, 193))


def verdict(number: int, phase: Phase, *, strict: bool, is_client: bool) -> int:
    """Return FORBID, ALLOW, DROP or UNKNOWN for a received message.

    `strict` is strict key exchange (OpenSSH's PROTOCOL section 1.10), which only matters in the first one.
    """
    if phase is Phase.FIRST_EXCHANGE:
        return _first_exchange(number, strict=strict)
    if number == 0:
        return FORBID
    if number <= 4 or number == 20:
        return FORBID if number == 20 and phase is Phase.REKEYING else ALLOW
    if phase is Phase.REKEYING:
        return ALLOW if number == 21 or 30 <= number <= 49 else FORBID
    if number == 21 or 30 <= number <= 49:
        return FORBID
    if phase is Phase.AUTHENTICATION:
        return _authentication(number, is_client=is_client)
    return _open(number, is_client=is_client)


def _first_exchange(number: int, *, strict: bool) -> int:
    if number in (1, 20, 21) or 30 <= number <= 49:
        return ALLOW
    if number in (2, 3, 4):
        return FORBID if strict else ALLOW
    return FORBID if strict or number == 0 or number >= 50 or number in _KNOWN else UNKNOWN


def _authentication(number: int, *, is_client: bool) -> int:
    if number == (6 if is_client else 5) or number in (7, 192, 193) or 50 <= number <= 79:
        return ALLOW
    return UNKNOWN if number < 50 and number not in _KNOWN else FORBID


def _open(number: int, *, is_client: bool) -> int:
    if 80 <= number <= 127 or number in (192, 193):
        return ALLOW
    if 50 <= number <= 79:
        # RFC 4252 section 5.1: requests that the client sent ahead of its success are ignored
        return FORBID if is_client else DROP
    return UNKNOWN if number not in _KNOWN else FORBID


# made when first asked for: a server would spend a twentieth of each login on them
_tables: Final[dict[tuple[Phase, bool, bool], bytes]] = {}


def table(phase: Phase, *, strict: bool, is_client: bool) -> bytes:
    """Return the verdicts on all 256 numbers."""
    found = _tables.get((phase, strict, is_client))
    if found is None:
        found = bytes(verdict(number, phase, strict=strict, is_client=is_client) for number in range(256))
        _tables[phase, strict, is_client] = found
    return found
