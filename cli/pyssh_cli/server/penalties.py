"""Penalties by source address (PerSourcePenalties): who misbehaves is refused for a while that grows.

A machine without a clock. Addresses of one block, as PerSourceNetBlockSize has it, are one source.
"""

import heapq
import ipaddress
from typing import Final

from pyssh_config.addresses import matches_addresses
from pyssh_config.penalties import NetBlockSize, PenaltyRules

__all__ = ["OFFENCES", "Penalties", "Source", "source_of"]

Source = ipaddress.IPv4Network | ipaddress.IPv6Network

OFFENCES: Final = {
    "crash": "caused crash",
    "authfail": "failed authentication",
    "noauth": "connections without attempting authentication",
    "invaliduser": "attempted authentication by invalid user",
    "grace_exceeded": "exceeded LoginGraceTime",
}
"""What is punished: fields of `PenaltyRules`, and what the log says of each."""


def source_of(address: str, sizes: NetBlockSize) -> Source | None:
    """Return where an address counts as coming from; None for what is no IP address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return ipaddress.ip_network((parsed, sizes.ipv4 if parsed.version == 4 else sizes.ipv6), strict=False)


class _Penalty:
    __slots__ = ("expires", "is_active", "reason")

    def __init__(self, expires: float, reason: str, *, is_active: bool) -> None:
        self.expires = expires
        self.reason = reason
        self.is_active = is_active


class _Table:
    """The penalties of one address family, and in which order they expire."""

    def __init__(self) -> None:
        self.penalties: dict[Source, _Penalty] = {}
        # entries of changed penalties stay until they come up: their times are not those of the penalty
        self._order: list[tuple[float, int, Source]] = []
        self._count = 0

    def note(self, source: Source, penalty: _Penalty) -> None:
        self.penalties[source] = penalty
        self._count += 1
        heapq.heappush(self._order, (penalty.expires, self._count, source))

    def expire(self, now: float) -> None:
        while self._order and self._order[0][0] < now:
            self._pop()

    def drop_to(self, size: int) -> None:
        while len(self.penalties) > size:
            self._pop()

    def _pop(self) -> None:
        expires, _, source = heapq.heappop(self._order)
        penalty = self.penalties.get(source)
        if penalty is not None and penalty.expires <= expires:
            del self.penalties[source]


class Penalties:
    """The penalties of all addresses. The rules may be replaced; what was imposed stays."""

    def __init__(self, rules: PenaltyRules, sizes: NetBlockSize, exempt: str | None) -> None:
        self.rules = rules
        self.sizes = sizes
        self.exempt = exempt
        self._tables = {4: _Table(), 6: _Table()}

    def refusal(self, address: str, now: float) -> str | None:
        """Return why a connection from an address is refused; None if it is not."""
        source = self._source(address)
        if source is None:
            return None
        table = self._tables[source.version]
        table.expire(now)
        if self._is_full(source, table):
            return "too many penalised addresses"
        penalty = table.penalties.get(source)
        return f"penalty: {penalty.reason}" if penalty is not None and penalty.is_active else None

    def punish(self, address: str, offence: str, now: float) -> str | None:
        """Impose what an offence costs; return a line for the log if that refuses the address from now on."""
        source = self._source(address)
        seconds = getattr(self.rules, offence)
        if source is None or seconds <= 0:
            return None
        table = self._tables[source.version]
        table.expire(now)
        penalty = table.penalties.get(source)
        if penalty is None and self._is_full(source, table):
            return None
        rules = self.rules
        left = seconds if penalty is None else min(penalty.expires - now + seconds, max(rules.max, seconds))
        was_active = penalty is not None and penalty.is_active
        is_active = was_active or left > rules.min
        table.note(source, _Penalty(now + left, OFFENCES[offence], is_active=is_active))
        table.drop_to(self._most(source))
        if is_active and not was_active:
            return f"{source}: new penalty of {left:.3f} seconds: {OFFENCES[offence]}"
        return None

    def _source(self, address: str) -> Source | None:
        if not self.rules.is_on:
            return None
        if self.exempt is not None and matches_addresses(address, self.exempt):
            return None
        return source_of(address, self.sizes)

    def _most(self, source: Source) -> int:
        return self.rules.max_sources4 if source.version == 4 else self.rules.max_sources6

    def _is_full(self, source: Source, table: _Table) -> bool:
        mode = self.rules.overflow if source.version == 4 else self.rules.overflow6
        return mode == "deny-all" and len(table.penalties) >= self._most(source)
