"""Sets of certificate serial numbers, as revocation lists keep them: numbers, ranges and bitmaps.

What is read from a file stays about as small as it was there; nothing is spread out until it is walked over.
"""

import heapq
import re
from array import array
from collections.abc import Iterable, Iterator
from typing import Final

from pyssh.errors import KeyFormatError
from pyssh.record import Record

__all__ = ["MAX_BITMAP_BITS", "Bitmap", "Run", "SerialSet", "clusters"]

MAX_BITMAP_BITS: Final = 1 << 24
"""OpenSSH's BITMAP_MAX."""

_MAX_SERIAL: Final = 2**64 - 1
_NUMBER_COST: Final = 8
_RANGE_COST: Final = 21
"""Bytes that a number in a list and a range with its section take."""

Run = tuple[int, int]
"""First and last of consecutive numbers."""


class Bitmap(Record):
    """The numbers `offset` + n for each bit n of `bits` that is set."""

    offset: int
    bits: int

    def check(self) -> None:
        """Raise `KeyFormatError` for what no revocation list can mean."""
        if self.bits < 0 or self.bits.bit_length() > MAX_BITMAP_BITS:
            raise KeyFormatError("a bitmap of serial numbers is too large")
        if self.offset + self.bits.bit_length() - 1 > _MAX_SERIAL:
            raise KeyFormatError("a bitmap of serial numbers goes beyond 64 bits")

    def __contains__(self, serial: int) -> bool:
        at = serial - self.offset
        return 0 <= at < self.bits.bit_length() and bool(self.bits >> at & 1)

    def runs(self) -> Iterator[Run]:
        """Walk over the numbers in order."""
        for found in re.finditer("1+", f"{self.bits:b}"[::-1]):
            yield self.offset + found.start(), self.offset + found.end() - 1


class SerialSet:
    """A set of numbers of 64 bits. Zero is never in it: a certificate without a serial number has it."""

    def __init__(self) -> None:
        self._firsts = array("Q")
        self._lasts = array("Q")
        self._bitmaps: list[Bitmap] = []

    def add(self, first: int, last: int) -> None:
        """Add the numbers from `first` to `last`."""
        if not 1 <= first <= last <= _MAX_SERIAL:
            raise KeyFormatError(f"{first}-{last} is not a range of serial numbers")
        self._firsts.append(first)
        self._lasts.append(last)

    def add_bitmap(self, bitmap: Bitmap) -> None:
        """Add the numbers of a bitmap."""
        self._bitmaps.append(bitmap)

    def __contains__(self, serial: int) -> bool:
        return serial != 0 and (
            any(first <= serial <= last for first, last in zip(self._firsts, self._lasts, strict=True))
            or any(serial in bitmap for bitmap in self._bitmaps)
        )

    def runs(self) -> Iterator[Run]:
        """Walk over the numbers in order, each once, neighbours together."""
        ranges = sorted(zip(self._firsts, self._lasts, strict=True))
        walk = heapq.merge(ranges, *(bitmap.runs() for bitmap in self._bitmaps))
        current: Run | None = None
        for first, last in walk:
            if current is None:
                current = first, last
            elif first <= current[1] + 1:
                current = current[0], max(current[1], last)
            else:
                yield current
                current = first, last
        if current is not None:
            yield current


def clusters(runs: Iterable[Run]) -> Iterator[list[Run]]:
    """Group runs: those that are smaller together, as a bitmap, than one by one."""
    cluster: list[Run] = []
    for first, last in runs:
        alone = min(_NUMBER_COST * (last - first + 1), _RANGE_COST)
        if cluster and (last - cluster[-1][1]) // 8 < alone and last - cluster[0][0] < MAX_BITMAP_BITS:
            cluster.append((first, last))
            continue
        if cluster:
            yield cluster
        cluster = [(first, last)]
    if cluster:
        yield cluster
