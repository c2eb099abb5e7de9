"""`Registry`: name to spec, in order of preference.

A spec says what an algorithm is called, where it is defined and what it needs; what computes it is loaded
when it is chosen (`pyssh.algorithms.modules`).
"""

from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from pyssh.errors import UsageError

__all__ = ["Registry", "Spec"]


class Spec(Protocol):
    """What every algorithm says of itself. A legacy one is off unless asked for; `rfc` defines it."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def legacy(self) -> bool: ...  # noqa: D102
    @property
    def rfc(self) -> str: ...  # noqa: D102


S = TypeVar("S", bound=Spec)


class Registry(Generic[S]):
    """The algorithms of one kind, best first. `kind` is in words, as "key exchange method"."""

    def __init__(self, kind: str, specs: Iterable[S]) -> None:
        self.kind = kind
        self._specs = {spec.name: spec for spec in specs}
        self.names = tuple(self._specs)
        self.default_names = tuple(spec.name for spec in self if not spec.legacy)

    def __getitem__(self, name: str) -> S:
        """Return the spec of that name; `UsageError` if there is none."""
        try:
            return self._specs[name]
        except KeyError:
            raise UsageError(f"unknown {self.kind} {name!r} (known: {', '.join(self.names)})") from None

    def __contains__(self, name: object) -> bool:
        return name in self._specs

    def __iter__(self) -> Iterator[S]:
        return iter(self._specs.values())

    def __len__(self) -> int:
        return len(self._specs)
