"""Pictures of keys that people can compare at a glance: the drunken bishop of `ssh-keygen -lv`.

The walk is described in "The drunken bishop: An analysis of the OpenSSH fingerprint visualization algorithm"
by Loss, Limmer and von Gernler.
"""

from typing import Final

from pyssh.keys.names import short_name
from pyssh.keys.public import PublicKey

__all__ = ["randomart"]

_WIDTH: Final = 17
_HEIGHT: Final = 9
_COINS: Final = " .o+=*BOX@%&#/^"
_START: Final = "S"
_END: Final = "E"


def randomart(key: PublicKey, hash_name: str = "sha256") -> str:
    """Return the picture of a key's fingerprint: eleven lines, without the last line's end."""
    rows = _walk(key.digest(hash_name))
    # OpenSSH makes the titles in a buffer of the picture's width, the last byte of which is a NUL
    title = f"[{short_name(key)} {key.bits}]"
    if len(title) > _WIDTH:
        title = f"[{short_name(key)}]"
    return "\n".join(
        [_border(title[: _WIDTH - 1]), *(f"|{row}|" for row in rows), _border(f"[{hash_name.upper()}]")]
    )


def _walk(digest: bytes) -> list[str]:
    """Walk a bishop from the middle, one diagonal step for each two bits; show how often it was where."""
    visits = [[0] * _WIDTH for _ in range(_HEIGHT)]
    start = x, y = _WIDTH // 2, _HEIGHT // 2
    for byte in digest:
        for shift in (0, 2, 4, 6):
            step = byte >> shift
            x = min(max(x + (1 if step & 1 else -1), 0), _WIDTH - 1)
            y = min(max(y + (1 if step & 2 else -1), 0), _HEIGHT - 1)
            visits[y][x] += 1
    rows = [[_COINS[min(count, len(_COINS) - 1)] for count in row] for row in visits]
    rows[start[1]][start[0]] = _START
    rows[y][x] = _END
    return ["".join(row) for row in rows]


def _border(title: str) -> str:
    left = (_WIDTH - len(title)) // 2
    return f"+{'-' * left}{title}{'-' * (_WIDTH - left - len(title))}+"
