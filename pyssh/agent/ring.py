"""The keys that an agent holds, with the limits to their use."""

from collections.abc import Iterator
from typing import Final

from pyssh.agent.answers import MAX_KEYS
from pyssh.agent.constraints import Constraints
from pyssh.agent.framing import MAX_MESSAGE_SIZE
from pyssh.agent.identities import HeldKey
from pyssh.agent.messages import IdentitiesAnswer, Identity
from pyssh.errors import SSHError
from pyssh.keys.public import PublicKey
from pyssh.record import Record

__all__ = ["Entry", "FullError", "KeyRing", "encode_listing"]

_ANSWER_SIZE: Final = 5
"""Of an `IdentitiesAnswer` without keys."""


class FullError(SSHError):
    """There is no room for one more key: nobody could list them all."""


class Entry(Record):
    """One key. `expires` is on the agent's clock, in seconds; None is never."""

    held: HeldKey
    constraints: Constraints
    expires: float | None

    @property
    def key(self) -> PublicKey:
        """What the key goes by: its certificate if it has one."""
        return self.held.certificate or self.held.private.key


class KeyRing:
    """Entries in the order in which they came, one for each key and each certificate."""

    def __init__(self) -> None:
        self._entries: dict[bytes, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def find(self, key_blob: bytes) -> Entry | None:
        """Return the entry of a key."""
        return self._entries.get(key_blob)

    def put(self, entry: Entry) -> None:
        """Add a key, or put it in the place of what was known of it; `FullError` if it does not fit."""
        blob = entry.key.blob
        others = [known for known in self if known.key.blob != blob]
        size = _ANSWER_SIZE + sum(_listed_size(known) for known in (*others, entry))
        if len(others) >= MAX_KEYS or size > MAX_MESSAGE_SIZE:
            raise FullError(f"no room for one more key beside {len(others)}")
        self._entries[blob] = entry

    def remove(self, key_blob: bytes) -> None:
        """Forget a key; KeyError if it is not there."""
        del self._entries[key_blob]

    def clear(self) -> None:
        """Forget all keys."""
        self._entries.clear()

    def expire(self, now: float) -> list[Entry]:
        """Forget the keys whose time has come, and return them."""
        expired = [entry for entry in self if entry.expires is not None and entry.expires <= now]
        for entry in expired:
            self.remove(entry.key.blob)
        return expired

    @property
    def next_expiry(self) -> float | None:
        """When the next key expires."""
        return min((entry.expires for entry in self if entry.expires is not None), default=None)


def _listed(entry: Entry) -> Identity:
    return Identity(entry.key.blob, entry.held.comment)


def _listed_size(entry: Entry) -> int:
    return 8 + len(entry.key.blob) + len(entry.held.comment)


def encode_listing(entries: list[Entry]) -> IdentitiesAnswer:
    """Return the answer to who asks for the keys."""
    return IdentitiesAnswer(len(entries), b"".join(_listed(entry).encode() for entry in entries))
