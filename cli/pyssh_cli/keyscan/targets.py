"""Whom to ask: words and lines of files, each a host, a list of addresses with names, or a range."""

import ipaddress
import itertools
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from pyssh.record import Record
from pyssh_cli.keyscan.request import ScanError
from pyssh_config.errors import escape

__all__ = ["Target", "read_targets"]

_FILE_BYTES: Final = 64 * 1024 * 1024
"""A million hosts, with names; more is no list of hosts."""


class Target(Record):
    """One host. Its `addresses` are tried in turn until one answers; `names` is what it is known by."""

    addresses: tuple[str, ...]
    names: str
    from_range: bool = False


def read_targets(files: Sequence[str | None], words: Sequence[str]) -> Iterator[Target]:
    """Return the hosts of the files, then those of the words. The files are read now: `ScanError`."""
    lines = [line for path in files for line in _read_lines(path)]
    return itertools.chain.from_iterable(map(_targets_of, [*lines, *words]))


def _read_lines(path: str | None) -> list[str]:
    shown = "standard input" if path is None else escape(path)
    try:
        if path is None:
            data = sys.stdin.buffer.read(_FILE_BYTES + 1)
        else:
            with open(path, "rb") as file:  # noqa: PTH123  # paths cost start-up time
                data = file.read(_FILE_BYTES + 1)
    except OSError as error:
        raise ScanError(f"{shown}: {error.strerror}") from error
    if len(data) > _FILE_BYTES:
        raise ScanError(f"{shown}: longer than any list of hosts")
    return [line.partition("#")[0] for line in data.decode(errors="surrogateescape").split("\n")]


def _targets_of(line: str) -> Iterator[Target]:
    words = line.split()
    if not words:
        return
    addresses = _addresses(words[0]) if len(words) == 1 else None
    if addresses is not None:
        yield from (Target((address,), address, from_range=True) for address in addresses)
        return
    listed = tuple(address for address in words[0].split(",") if address)
    if listed:
        yield Target(listed, words[1] if len(words) > 1 else words[0])


def _addresses(text: str) -> Iterator[str] | None:
    """Return the addresses of a range (192.0.2.0/24), from the one that is written on; None if it is none."""
    if "/" not in text:
        return None
    try:
        interface = ipaddress.ip_interface(text)
    except ValueError:
        return None
    last = int(interface.network.broadcast_address)
    make = type(interface.ip)
    return (str(make(number)) for number in _count(int(interface.ip), last))


def _count(first: int, last: int) -> Iterator[int]:
    # not range(): its length must fit a machine word, and a range of IPv6 addresses may not
    while first <= last:
        yield first
        first += 1
