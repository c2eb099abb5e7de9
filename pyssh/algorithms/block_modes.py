"""Ciphers that need a MAC: AES in counter mode (RFC 4344), and AES and 3DES in CBC mode (RFC 4253).

Each in two forms. With a classic MAC the whole packet is encrypted and the MAC is over the plaintext, so the
first block must be decrypted before anything is verified. With an -etm one the length stays in the clear and
the MAC is over what is sent.
"""

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR

from pyssh.errors import IntegrityError

if TYPE_CHECKING:
    from pyssh.algorithms.ciphers import CipherSpec, PacketOpener, PacketSealer
    from pyssh.algorithms.macs import Mac

__all__ = ["opener", "sealer"]


class _Counter:
    """The IV of counter mode: counts blocks, modulo the block (RFC 4344 section 4)."""

    __slots__ = ("_size", "_value")

    def __init__(self, iv: bytes) -> None:
        self._size = len(iv)
        self._value = int.from_bytes(iv, "big")

    def advance(self, ciphertext: memoryview) -> None:
        """Count what was encrypted or decrypted."""
        self._value += len(ciphertext) // self._size

    @property
    def iv(self) -> bytes:
        return (self._value % (1 << 8 * self._size)).to_bytes(self._size, "big")


class _Chain:
    """The IV of CBC mode: the last block of ciphertext (RFC 4253 section 6.3)."""

    __slots__ = ("iv",)

    def __init__(self, iv: bytes) -> None:
        self.iv = iv

    def advance(self, ciphertext: memoryview) -> None:
        """Keep the end of what was encrypted or decrypted."""
        self.iv = bytes(ciphertext[-len(self.iv) :])


def _cipher(spec: "CipherSpec", key: bytes, iv: bytes) -> tuple[Cipher[CTR] | Cipher[CBC], _Counter | _Chain]:
    algorithm: BlockCipherAlgorithm = TripleDES(key) if spec.name.startswith("3des") else AES(key)
    if spec.name.endswith("-ctr"):
        return Cipher(algorithm, CTR(iv)), _Counter(iv)
    return Cipher(algorithm, CBC(iv)), _Chain(iv)


class _Direction:
    """One direction's cipher context, MAC, and IV to export."""

    __slots__ = ("_context", "_iv", "_mac", "block_size", "tag_size", "unaligned")

    def __init__(self, context: CipherContext, iv: _Counter | _Chain, mac: "Mac", block_size: int) -> None:
        self._context = context
        self._iv = iv
        self._mac = mac
        self.block_size = block_size
        self.tag_size = mac.digest_size
        self.unaligned = 4 if mac.encrypt_then_mac else 0

    @property
    def iv(self) -> bytes:
        """The IV at the last packet boundary."""
        return self._iv.iv

    def prepare(self, sequence_number: int) -> None:
        """Nothing can be done before the packet is there."""


class BlockSealer(_Direction):
    """Seals in place. The tag's room lets the context write where it reads."""

    __slots__ = ()

    def seal(self, frame: bytearray, sequence_number: int) -> None:
        """Encrypt, and put the MAC at the end."""
        view = memoryview(frame)
        packet = view[: -self.tag_size]
        encrypted = packet[self.unaligned :]
        if self._mac.encrypt_then_mac:
            self._context.update_into(encrypted, view[self.unaligned :])
            tag = self._mac.sign(sequence_number, packet)
        else:
            tag = self._mac.sign(sequence_number, packet)
            self._context.update_into(encrypted, view)
        self._iv.advance(encrypted)
        view[-self.tag_size :] = tag


class EtmOpener(_Direction):
    """Verifies, then decrypts."""

    __slots__ = ()

    first_size: Final = 4

    def length(self, first: bytes | memoryview, sequence_number: int) -> int:
        """Return packet_length, which is in the clear."""
        return int.from_bytes(first[:4], "big")

    def open(self, packet: bytes | memoryview, sequence_number: int) -> bytes:
        """Return the plaintext."""
        view = memoryview(packet)
        signed = view[: -self.tag_size]
        encrypted = signed[4:]
        if len(encrypted) % self.block_size:
            raise IntegrityError
        if not self._mac.verify(sequence_number, bytes(view[-self.tag_size :]), signed):
            raise IntegrityError
        self._iv.advance(encrypted)
        return self._context.update(encrypted)


class ClassicOpener(_Direction):
    """Decrypts the first block for the length, and the rest for the MAC."""

    __slots__ = ("_first",)

    @property
    def first_size(self) -> int:
        """One block."""
        return self.block_size

    def length(self, first: bytes | memoryview, sequence_number: int) -> int:
        """Return packet_length, and keep the block for `open`."""
        self._first = self._context.update(first[: self.block_size])
        return int.from_bytes(self._first[:4], "big")

    def open(self, packet: bytes | memoryview, sequence_number: int) -> bytes:
        """Return the plaintext."""
        view = memoryview(packet)
        encrypted = view[: -self.tag_size]
        if len(encrypted) % self.block_size:
            raise IntegrityError
        rest = self._context.update(encrypted[self.block_size :])
        if not self._mac.verify(sequence_number, bytes(view[-self.tag_size :]), self._first, rest):
            raise IntegrityError
        self._iv.advance(encrypted)
        return b"".join((self._first[4:], rest))


def sealer(spec: "CipherSpec", key: bytes, iv: bytes, mac: "Mac | None") -> "PacketSealer":
    """Return a sealer for `spec`, whose name says which cipher and mode it is."""
    assert mac is not None
    cipher, exported = _cipher(spec, key, iv)
    return BlockSealer(cipher.encryptor(), exported, mac, spec.block_size)


def opener(spec: "CipherSpec", key: bytes, iv: bytes, mac: "Mac | None") -> "PacketOpener":
    """Return an opener for `spec`, whose name says which cipher and mode it is."""
    assert mac is not None
    cipher, exported = _cipher(spec, key, iv)
    kind = EtmOpener if mac.encrypt_then_mac else ClassicOpener
    return kind(cipher.decryptor(), exported, mac, spec.block_size)
