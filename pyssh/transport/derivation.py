"""The exchange hash and the six derived keys (RFC 4253 sections 7.2 and 8); pure functions."""

import hashlib

from pyssh.record import Record
from pyssh.wire.message import Struct
from pyssh.wire.types import Rest, String


class HashedBeginning(Struct):
    """What every exchange hash begins with; the method's own part and K follow."""

    client_identification: String
    server_identification: String
    client_kexinit: String
    server_kexinit: String
    server_public_host_key: String
    method_part: Rest
    shared_secret: Rest


def exchange_hash(hash_name: str, hashed: HashedBeginning) -> bytes:
    """Return H."""
    return hashlib.new(hash_name, hashed.encode()).digest()


class KeySource(Record):
    """What keys are made of. `shared_secret` is K as it enters the hash, with its length."""

    redacted_fields = frozenset({"shared_secret"})
    hash_name: str
    shared_secret: bytes
    exchange_hash: bytes
    session_identifier: bytes

    def derive(self, letter: bytes, size: int) -> bytes:
        """Return `size` bytes for the letter A to F."""
        first = self.shared_secret + self.exchange_hash
        material = hashlib.new(self.hash_name, first + letter + self.session_identifier).digest()
        while len(material) < size:
            material += hashlib.new(self.hash_name, first + material).digest()
        return material[:size]


class DirectionKeys(Record):
    """The keys of one direction."""

    redacted_fields = frozenset({"iv", "key", "mac_key"})
    iv: bytes
    key: bytes
    mac_key: bytes
