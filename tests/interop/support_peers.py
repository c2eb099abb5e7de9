"""What tests see of a stock peer in one of its roles, whatever it is."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from pyssh.algorithms.preferences import Algorithms
from pyssh.keys.signing import SIGNATURE_ALGORITHMS
from tests.interop.support_keys import KEY_TYPES, KeyRing
from tests.support import peers

SECONDS = 120.0
"""A peer that does nothing for so long is stuck."""
CLASSICAL_KEYS = tuple(kind for kind in KEY_TYPES if "mldsa" not in kind)
Names = dict[str, tuple[str, ...]]
"""For each field of `Algorithms` the names that a peer has."""


def common(peer: "Stock") -> list[tuple[str, str]]:
    """Every algorithm that both sides have, as field of `Algorithms` and name."""
    if peer.kind.missing():
        return []
    names = peer.names()
    ours = Algorithms.legacy()
    # keys of which we have no private half
    verified = {row.name for row in SIGNATURE_ALGORITHMS if row.verify_only}
    return [
        (field, name)
        for field in Algorithms.__match_args__
        for name in getattr(ours, field)
        if name in names[field] and name not in verified
    ]


class Stock:
    """A peer in one of its roles. `key_types` are the files of a `KeyRing` that it can read.

    `rekeys` says whether it can be told to begin key exchanges itself.
    """

    rekeys = False

    def __init__(self, kind: peers.Peer, key_types: Sequence[str] = KEY_TYPES) -> None:
        self.kind = kind
        self.key_types = tuple(key_types)

    def __repr__(self) -> str:
        return repr(self.kind)

    def names(self) -> Names:
        """What it has."""
        raise NotImplementedError


class StockServer(Stock):
    """A server that runs what it is told in a shell."""

    def listen(self, keys: KeyRing, rekey_bytes: int = 0) -> AbstractContextManager[peers.Server]:
        """Start it with everything on, with all host keys of the ring; its user keys are let in."""
        raise NotImplementedError


class StockClient(Stock):
    """A client."""

    def run(self, port: int, identity: Path, command: str, data: bytes, rekey_bytes: int = 0) -> bytes:
        """Log in with this key, run a command with this input, and return its output."""
        raise NotImplementedError
