"""The registry of packet ciphers, and the interface they share (RFC 4253 section 6).

A sealer turns a frame into what goes on the wire; an opener turns that back. Each holds one direction's key.
"""

from typing import Final, Protocol

from pyssh.algorithms.macs import Mac
from pyssh.algorithms.modules import load
from pyssh.algorithms.registry import Registry
from pyssh.record import Record

__all__ = ["CIPHERS", "CipherSpec", "NoneOpener", "NoneSealer", "PacketOpener", "PacketSealer"]


class PacketSealer(Protocol):
    """Encrypts and authenticates one direction's packets.

    Padding makes the frame without its first `unaligned` bytes and its tag a multiple of `block_size`.
    """

    @property
    def block_size(self) -> int:
        """What padding fills up to."""

    @property
    def unaligned(self) -> int:
        """Bytes at the front that padding does not count: 4 where the length is not in a block."""

    @property
    def tag_size(self) -> int:
        """Bytes of tag or MAC behind the packet."""

    @property
    def iv(self) -> bytes:
        """The IV with which a new sealer under the same key goes on where this one is."""

    def prepare(self, sequence_number: int) -> None:
        """Do what can be done for the next packet before it is there."""

    def seal(self, frame: bytearray, sequence_number: int) -> None:
        """Seal in place: `frame` is packet_length, padding_length, payload, padding, `tag_size` bytes."""


class PacketOpener(Protocol):
    """Verifies and decrypts one direction's packets."""

    @property
    def first_size(self) -> int:
        """Bytes that `length` needs."""

    @property
    def block_size(self) -> int:
        """What packets are a multiple of, `unaligned` bytes and the tag aside."""

    @property
    def unaligned(self) -> int:
        """Bytes at the front of a packet that are in no block."""

    @property
    def tag_size(self) -> int:
        """Bytes of tag or MAC behind the packet."""

    @property
    def iv(self) -> bytes:
        """The IV at the last packet boundary, also after `length`; a new opener goes on from there."""

    def prepare(self, sequence_number: int) -> None:
        """Do what can be done for the next packet before it is there; it may come much later, or never."""

    def length(self, first: bytes | memoryview, sequence_number: int) -> int:
        """Return packet_length, not verified yet: the caller checks its bounds. Once for each packet."""

    def open(self, packet: bytes | memoryview, sequence_number: int) -> bytes:
        """Verify and decrypt a whole packet (4 + packet_length + `tag_size` bytes).

        Returns padding_length, payload and padding; `IntegrityError` when anything was altered, and then
        the opener is of no more use.
        """


class NoneSealer:
    """Packets before the first NEWKEYS: as they are (RFC 4253 section 6)."""

    block_size: Final = 8
    unaligned: Final = 0
    tag_size: Final = 0
    iv: Final = b""

    def prepare(self, sequence_number: int) -> None:
        """Nothing can be done before the packet is there."""

    def seal(self, frame: bytearray, sequence_number: int) -> None:
        """Leave the frame as it is."""


class NoneOpener:
    """The other end of `NoneSealer`."""

    first_size: Final = 4
    block_size: Final = 8
    unaligned: Final = 0
    tag_size: Final = 0
    iv: Final = b""

    def prepare(self, sequence_number: int) -> None:
        """Nothing can be done before the packet is there."""

    def length(self, first: bytes | memoryview, sequence_number: int) -> int:
        """Return packet_length."""
        return int.from_bytes(first[:4], "big")

    def open(self, packet: bytes | memoryview, sequence_number: int) -> bytes:
        """Return what is behind the length."""
        return bytes(packet[4:])


class CipherSpec(Record):
    """One cipher. `block_size` is what padding fills up to; `module` is the family that computes it."""

    name: str
    module: str
    key_size: int
    iv_size: int
    block_size: int
    rfc: str
    is_aead: bool = False
    legacy: bool = False

    @property
    def key_bits(self) -> int:
        """How many bits of the key somebody must guess: of triple DES 112, met in the middle."""
        return 112 if self.name.startswith("3des") else self.key_size * 8

    def sealer(self, key: bytes, iv: bytes, mac: Mac | None) -> PacketSealer:
        """Return a sealer; an AEAD cipher takes no MAC, the others need one."""
        sealer: PacketSealer = load(self.module).sealer(self, key, iv, mac)
        return sealer

    def opener(self, key: bytes, iv: bytes, mac: Mac | None) -> PacketOpener:
        """Return an opener; an AEAD cipher takes no MAC, the others need one."""
        opener: PacketOpener = load(self.module).opener(self, key, iv, mac)
        return opener


CIPHERS: Final = Registry(
    "cipher",
    (
        # OpenSSH begins with chacha20-poly1305, for machines without AES instructions; with them AES-GCM
        # is two to four times as fast
        CipherSpec("aes256-gcm@openssh.com", "gcm", 32, 12, 16, "5647", is_aead=True),
        CipherSpec("aes128-gcm@openssh.com", "gcm", 16, 12, 16, "5647", is_aead=True),
        CipherSpec(
            "chacha20-poly1305@openssh.com",
            "chacha",
            64,
            0,
            8,
            "OpenSSH PROTOCOL.chacha20poly1305",
            is_aead=True,
        ),
        CipherSpec("aes256-ctr", "block_modes", 32, 16, 16, "4344"),
        CipherSpec("aes192-ctr", "block_modes", 24, 16, 16, "4344"),
        CipherSpec("aes128-ctr", "block_modes", 16, 16, 16, "4344"),
        # CBC with a classic MAC lets an attacker learn bits of a block from how we react to a length that is
        # none (CVE-2008-5161)
        CipherSpec("aes256-cbc", "block_modes", 32, 16, 16, "4253", legacy=True),
        CipherSpec("aes192-cbc", "block_modes", 24, 16, 16, "4253", legacy=True),
        CipherSpec("aes128-cbc", "block_modes", 16, 16, 16, "4253", legacy=True),
        CipherSpec("3des-cbc", "block_modes", 24, 8, 8, "4253", legacy=True),
    ),
)
