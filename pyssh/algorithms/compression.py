"""Compression of payloads (RFC 4253 section 6.2; zlib@openssh.com starts after authentication)."""

from typing import Final, Protocol

from pyssh.algorithms.modules import load
from pyssh.algorithms.registry import Registry
from pyssh.record import Record

__all__ = ["COMPRESSION", "CompressionSpec", "Compressor", "Decompressor"]


class Compressor(Protocol):
    """Compresses one direction's payloads, each on its own packet's boundary."""

    @property
    def used(self) -> bool:
        """Whether the stream has state that cannot be exported."""

    def compress(self, payload: bytes) -> bytes:
        """Return what stands for `payload` in its packet."""


class Decompressor(Protocol):
    """Decompresses one direction's payloads."""

    @property
    def used(self) -> bool:
        """Whether the stream has state that cannot be exported."""

    def decompress(self, payload: bytes | memoryview) -> bytes:
        """Return the payload; `ProtocolError` if it cannot be, or is larger than the limit."""


class NoCompression:
    """Both directions of "none"."""

    used: Final = False

    def compress(self, payload: bytes) -> bytes:
        """Return the payload itself."""
        return payload

    def decompress(self, payload: bytes | memoryview) -> bytes:
        """Return the payload itself."""
        return bytes(payload)


class CompressionSpec(Record):
    """One method. A `delayed` one begins when the user is in; `module` computes it ("" for none)."""

    name: str
    module: str
    rfc: str
    delayed: bool = False
    legacy: bool = False

    def compressor(self) -> Compressor:
        """Return a fresh stream."""
        if not self.module:
            return NoCompression()
        compressor: Compressor = load(self.module).compressor()
        return compressor

    def decompressor(self, limit: int) -> Decompressor:
        """Return a fresh stream that makes at most `limit` bytes of one payload."""
        if not self.module:
            return NoCompression()
        decompressor: Decompressor = load(self.module).decompressor(limit)
        return decompressor


COMPRESSION: Final = Registry(
    "compression method",
    (
        CompressionSpec("none", "", "4253"),
        # both are off: compression before encryption tells lengths (CRIME), and zlib parses before login
        CompressionSpec(
            "zlib@openssh.com",
            "zlib_streams",
            "draft-miller-secsh-compression-delayed",
            delayed=True,
            legacy=True,
        ),
        CompressionSpec("zlib", "zlib_streams", "4253", legacy=True),
    ),
)
