"""chacha20-poly1305@openssh.com (OpenSSH's PROTOCOL.chacha20poly1305).

Two keys: one hides the length, so that looking at it before the tag is verified tells an attacker nothing of
the other, which encrypts the rest and makes each packet's Poly1305 key. The nonce is the sequence number.
"""

from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.poly1305 import Poly1305

from pyssh.errors import IntegrityError

if TYPE_CHECKING:
    from pyssh.algorithms.ciphers import CipherSpec, PacketOpener, PacketSealer
    from pyssh.algorithms.macs import Mac

_TAG_SIZE: Final = 16
_POLY1305_KEY_SIZE: Final = 32
# block 0 of the stream gives the Poly1305 key; using all of it leaves the stream at block 1, the packet's
_BLOCK_ZERO: Final = bytes(64)
_NO_LENGTH: Final = bytes(4)
_START: Final = bytes(8)  # the block counter, before the nonce's 8 bytes


def _stream(key: bytes) -> CipherContext:
    """Return a context to be reset for each packet: 0.9 us, where a new one costs 6."""
    return Cipher(ChaCha20(key, bytes(16)), None).encryptor()


class _ChaCha:
    """One direction's two keys, and what they make of the next packet's sequence number.

    Half of the work on a keystroke needs nothing but that number, so it is done while nobody waits.
    """

    __slots__ = ("_length", "_mask", "_payload", "_prepared", "_tag")

    block_size: Final = 8
    unaligned: Final = 4
    tag_size: Final = _TAG_SIZE
    iv: Final = b""

    def __init__(self, key: bytes) -> None:
        self._payload = _stream(key[:32])
        self._length = _stream(key[32:])
        self._prepared = -1

    def prepare(self, sequence_number: int) -> None:
        """Make the key stream of the length and the Poly1305 key, unless they are there."""
        if self._prepared == sequence_number:
            return
        nonce = _START + sequence_number.to_bytes(8, "big")
        self._length.reset_nonce(nonce)
        self._mask = int.from_bytes(self._length.update(_NO_LENGTH), "big")
        self._payload.reset_nonce(nonce)
        self._tag = Poly1305(self._payload.update(_BLOCK_ZERO)[:_POLY1305_KEY_SIZE])
        self._prepared = sequence_number


class ChaChaSealer(_ChaCha):
    """Seals in place."""

    __slots__ = ()

    def seal(self, frame: bytearray, sequence_number: int) -> None:
        """Encrypt the length and the rest, each under its key, and put the tag over both at the end."""
        self.prepare(sequence_number)
        self._prepared = -1
        view = memoryview(frame)
        view[:4] = (int.from_bytes(view[:4], "big") ^ self._mask).to_bytes(4, "big")
        encrypted = view[4:-_TAG_SIZE]
        self._payload.update_into(encrypted, encrypted)
        self._tag.update(view[:-_TAG_SIZE])
        view[-_TAG_SIZE:] = self._tag.finalize()


class ChaChaOpener(_ChaCha):
    """Verifies, then decrypts."""

    __slots__ = ()

    first_size: Final = 4

    def length(self, first: bytes | memoryview, sequence_number: int) -> int:
        """Return packet_length."""
        self.prepare(sequence_number)
        return int.from_bytes(first[:4], "big") ^ self._mask

    def open(self, packet: bytes | memoryview, sequence_number: int) -> bytes:
        """Return the plaintext."""
        self.prepare(sequence_number)
        self._prepared = -1
        view = memoryview(packet)
        self._tag.update(view[:-_TAG_SIZE])
        try:
            self._tag.verify(bytes(view[-_TAG_SIZE:]))
        except InvalidSignature:
            raise IntegrityError from None
        return self._payload.update(view[4:-_TAG_SIZE])


def sealer(spec: "CipherSpec", key: bytes, iv: bytes, mac: "Mac | None") -> "PacketSealer":
    """Return a sealer."""
    return ChaChaSealer(key)


def opener(spec: "CipherSpec", key: bytes, iv: bytes, mac: "Mac | None") -> "PacketOpener":
    """Return an opener."""
    return ChaChaOpener(key)
