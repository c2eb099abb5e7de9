"""How channel types and requests are declared: a name on the wire, a class, and who may send it.

An application declares its own the same way as `kinds` and `requests` do; from then on they are decoded and
asked about like the built-in ones.
"""

from enum import Enum
from typing import Generic, TypeVar

from pyssh.wire.message import Struct

S = TypeVar("S", bound=Struct)


class Role(Enum):
    """Which end may open a kind of channel or send a request."""

    CLIENT = "client"
    SERVER = "server"
    EITHER = "either"

    def includes(self, *, is_client: bool) -> bool:
        """Say whether the client (or the server) is meant."""
        return self is Role.EITHER or (self is Role.CLIENT) is is_client


class Declarations(Generic[S]):
    """Names and the classes that stand for them; each name once."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._classes: dict[str, type[S]] = {}

    def add(self, name: str, cls: type[S]) -> None:
        """Declare `cls` under `name`; `ValueError` if the name is taken."""
        if name in self._classes:
            raise ValueError(f"{self._what} {name} is declared already")
        self._classes[name] = cls

    def find(self, name: str) -> type[S] | None:
        """Return what is declared under `name`."""
        return self._classes.get(name)

    def names(self) -> tuple[str, ...]:
        """Return all names, in the order of declaration."""
        return tuple(self._classes)
