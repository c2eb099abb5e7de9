"""Which algorithms may be used, in which order, and the list edits of OpenSSH's configuration files."""

from collections.abc import Collection, Sequence
from typing import Final, Self

from pyssh.algorithms.ciphers import CIPHERS
from pyssh.algorithms.compression import COMPRESSION
from pyssh.algorithms.kex import KEX
from pyssh.algorithms.macs import MACS
from pyssh.algorithms.registry import Registry, S
from pyssh.errors import UsageError
from pyssh.keys.signing import SIGNATURE_ALGORITHMS
from pyssh.record import Record

__all__ = ["SIGNATURES", "Algorithms", "edit_list"]

SIGNATURES: Final = Registry("signature algorithm", SIGNATURE_ALGORITHMS)


class Algorithms(Record):
    """What we offer and accept, best first. `user_key` is what a server takes (PubkeyAcceptedAlgorithms)."""

    kex: tuple[str, ...] = KEX.default_names
    host_key: tuple[str, ...] = SIGNATURES.default_names
    ciphers: tuple[str, ...] = CIPHERS.default_names
    macs: tuple[str, ...] = MACS.default_names
    compression: tuple[str, ...] = ("none",)
    user_key: tuple[str, ...] = SIGNATURES.default_names

    def check(self) -> None:
        """Refuse names that nobody knows, and lists with which nothing could be agreed on."""
        _check_list(KEX, self.kex)
        _check_list(SIGNATURES, self.host_key)
        _check_list(CIPHERS, self.ciphers)
        _check_list(MACS, self.macs)
        _check_list(COMPRESSION, self.compression)
        _check_list(SIGNATURES, self.user_key)

    @classmethod
    def legacy(cls) -> Self:
        """Return everything that is implemented, the legacy algorithms last in each list."""
        return cls(
            KEX.names, SIGNATURES.names, CIPHERS.names, MACS.names, COMPRESSION.names, SIGNATURES.names
        )


def _check_list(registry: Registry[S], names: Sequence[str]) -> None:
    if not names:
        raise UsageError(f"at least one {registry.kind} is needed")
    for name in names:
        registry[name]


def edit_list(text: str, default: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """Apply a list as OpenSSH's files write it: names that replace `default`, or an edit of it.

    `+` appends, `-` removes, `^` puts in front. Names may be patterns with `*` and `?`, which stand for
    `known` names. `UsageError` for a name or pattern that stands for nothing; `-` may name what is not there.
    """
    patterns = text[1:] if text[:1] in {"+", "-", "^"} else text
    wanted = [name.strip() for name in patterns.split(",")]
    if text.startswith("-"):
        return tuple(name for name in default if not any(_matches(name, pattern) for pattern in wanted))
    named = [name for pattern in wanted for name in _expand(pattern, known)]
    match text[:1]:
        case "+":
            names = [*default, *named]
        case "^":
            names = [*named, *default]
        case _:
            names = named
    return tuple(dict.fromkeys(names))


def _expand(pattern: str, known: Collection[str]) -> list[str]:
    names = [name for name in known if _matches(name, pattern)]
    if not names:
        raise UsageError(f"unknown algorithm {pattern!r} (known: {', '.join(known)})")
    return names


def _matches(name: str, pattern: str) -> bool:
    """Match `*` and `?` as OpenSSH does (its patterns know no brackets, so `fnmatch` is not it)."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(_matches(name[start:], pattern[1:]) for start in range(len(name) + 1))
    return bool(name) and pattern[0] in (name[0], "?") and _matches(name[1:], pattern[1:])
