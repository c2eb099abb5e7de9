"""AES-GCM packets (RFC 5647, under OpenSSH's names: negotiated as ciphers, the MAC is implied).

The length is sent in the clear and authenticated as additional data.
"""

from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pyssh.errors import IntegrityError

if TYPE_CHECKING:
    from pyssh.algorithms.ciphers import CipherSpec, PacketOpener, PacketSealer
    from pyssh.algorithms.macs import Mac

_TAG_SIZE: Final = 16
_COUNTER_MASK: Final = 2**64 - 1  # RFC 5647 section 7.1: the invocation counter wraps, the fixed field stays


class _Gcm:
    """One direction's key, and the nonce of its next packet: 4 fixed bytes and a counter."""

    __slots__ = ("_aead", "_counter", "_fixed")

    block_size: Final = 16
    unaligned: Final = 4
    tag_size: Final = _TAG_SIZE

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._aead = AESGCM(key)
        self._fixed = iv[:4]
        self._counter = int.from_bytes(iv[4:], "big")

    @property
    def iv(self) -> bytes:
        """The nonce of the next packet."""
        return self._fixed + self._counter.to_bytes(8, "big")

    def prepare(self, sequence_number: int) -> None:
        """Nothing can be done before the packet is there."""


class GcmSealer(_Gcm):
    """Seals in place, with no copy of the frame."""

    __slots__ = ()

    def seal(self, frame: bytearray, sequence_number: int) -> None:
        """Encrypt behind the length and put the tag at the end."""
        counter = self._counter
        nonce = self._fixed + counter.to_bytes(8, "big")
        self._counter = (counter + 1) & _COUNTER_MASK
        view = memoryview(frame)
        self._aead.encrypt_into(nonce, view[4:-_TAG_SIZE], view[:4], view[4:])


class GcmOpener(_Gcm):
    """Verifies and decrypts in one pass."""

    __slots__ = ()

    first_size: Final = 4

    def length(self, first: bytes | memoryview, sequence_number: int) -> int:
        """Return packet_length, which is in the clear."""
        return int.from_bytes(first[:4], "big")

    def open(self, packet: bytes | memoryview, sequence_number: int) -> bytes:
        """Return the plaintext; the only copy of it."""
        counter = self._counter
        nonce = self._fixed + counter.to_bytes(8, "big")
        self._counter = (counter + 1) & _COUNTER_MASK
        view = memoryview(packet)
        try:
            return self._aead.decrypt(nonce, view[4:], view[:4])
        except InvalidTag:
            raise IntegrityError from None


def sealer(spec: "CipherSpec", key: bytes, iv: bytes, mac: "Mac | None") -> "PacketSealer":
    """Return a sealer. Which AES it is follows from the key's size."""
    return GcmSealer(key, iv)


def opener(spec: "CipherSpec", key: bytes, iv: bytes, mac: "Mac | None") -> "PacketOpener":
    """Return an opener. Which AES it is follows from the key's size."""
    return GcmOpener(key, iv)
