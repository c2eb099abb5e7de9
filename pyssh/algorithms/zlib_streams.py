"""zlib compression of payloads (RFC 1950, RFC 4253 section 6.2)."""

import zlib
from typing import NoReturn

from pyssh.errors import DisconnectReason, ProtocolError

__all__ = ["ZlibCompressor", "ZlibDecompressor", "compressor", "decompressor"]


class ZlibCompressor:
    """One stream for all payloads of a direction; each packet ends with a partial flush."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj()
        self.used = False

    def compress(self, payload: bytes) -> bytes:
        """Return the part of the stream that yields this payload."""
        self.used = True
        return self._stream.compress(payload) + self._stream.flush(zlib.Z_PARTIAL_FLUSH)


class ZlibDecompressor:
    """The other end. Makes at most `limit` bytes of one packet, and no more memory than that."""

    def __init__(self, limit: int) -> None:
        self._stream = zlib.decompressobj()
        self._limit = limit
        self.used = False

    def decompress(self, payload: bytes | memoryview) -> bytes:
        """Return the payload; `ProtocolError` for garbage, an ended stream, or more than the limit."""
        self.used = True
        try:
            plain = self._stream.decompress(payload, self._limit + 1)
        except zlib.error:
            _refuse("compressed data that is not zlib's")
        if len(plain) > self._limit:
            _refuse("compressed data that expands beyond the limit")
        if self._stream.eof:  # RFC 4253 section 6.2 has one stream until the next key exchange
            _refuse("a compression stream that ended")
        return plain


def _refuse(problem: str) -> NoReturn:
    raise ProtocolError(problem, DisconnectReason.COMPRESSION_ERROR)


def compressor() -> ZlibCompressor:
    """Return a fresh stream."""
    return ZlibCompressor()


def decompressor(limit: int) -> ZlibDecompressor:
    """Return a fresh stream."""
    return ZlibDecompressor(limit)
