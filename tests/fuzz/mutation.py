"""Changes inputs, mostly a little, in the ways that parsers stumble over."""

import random
from collections.abc import Callable, Sequence
from typing import Final

_INTERESTING: Final = (
    0,
    1,
    4,
    5,
    8,
    16,
    127,
    128,
    255,
    256,
    32768,
    65535,
    65536,
    2**31 - 1,
    2**31,
    2**32 - 1,
)
MAX_SIZE: Final = 4096


def _flip(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _byte(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] = chance.randrange(256)


def _add(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data))
    data[at] = (data[at] + chance.choice((-1, 1, 4, -4))) % 256


def _number(data: bytearray, chance: random.Random) -> None:
    size = chance.choice((1, 2, 4, 4, 4, 8))
    value = chance.choice(_INTERESTING) % (1 << 8 * size)
    at = chance.randrange(len(data))
    data[at : at + size] = value.to_bytes(size, "big")


def _insert(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.randbytes(chance.randrange(1, 9))


def _delete(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data))
    del data[at : at + chance.randrange(1, 9)]


def _repeat(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data))
    data[at:at] = data[at : at + chance.randrange(1, 65)] * chance.choice((1, 1, 2, 20))


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


_CHANGES: Final[tuple[Callable[[bytearray, random.Random], None], ...]] = (
    _flip,
    _byte,
    _add,
    _number,
    _number,
    _insert,
    _delete,
    _repeat,
    _cut,
)


def mutate(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Return `data` with one to eight changes; now and then with the end of one of `others`."""
    changed = bytearray(data)
    if others and chance.random() < 0.1:
        other = chance.choice(others)
        changed[chance.randrange(len(changed) + 1) :] = other[chance.randrange(len(other) + 1) :]
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4, 8))):
        if changed:
            chance.choice(_CHANGES)(changed, chance)
        else:
            changed += chance.randbytes(chance.randrange(1, 17))
    return bytes(changed[:MAX_SIZE])
