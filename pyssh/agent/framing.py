"""Messages in a stream: each behind its length (RFC 9987 section 5)."""

from typing import Final

from pyssh.errors import DecodeError
from pyssh.wire.message import Message

__all__ = ["LENGTH_SIZE", "MAX_MESSAGE_SIZE", "FrameReader", "decode_length", "encode_frame"]

LENGTH_SIZE: Final = 4
MAX_MESSAGE_SIZE: Final = 256 * 1024
"""OpenSSH's AGENT_MAX_LEN."""


def encode_frame(message: Message) -> bytes:
    """Return a message behind its length, as the stream carries it."""
    payload = message.encode()
    return len(payload).to_bytes(LENGTH_SIZE, "big") + payload


def decode_length(header: bytes | bytearray) -> int:
    """Return the size of the message behind these four bytes; `DecodeError` for one that nobody sends."""
    length = int.from_bytes(header[:LENGTH_SIZE], "big")
    if not 0 < length <= MAX_MESSAGE_SIZE:
        raise DecodeError(f"a message of {length} bytes")
    return length


class FrameReader:
    """Cuts a stream into messages, wherever it was cut on its way. Holds what was not taken yet."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, data: bytes) -> None:
        """Take bytes of any size."""
        self._buffer += data

    def take(self) -> bytes | None:
        """Return the payload of the next message that is there in full, or None.

        `DecodeError` for a length out of bounds, as soon as it is seen; the stream is of no use after it.
        """
        buffer = self._buffer
        if len(buffer) < LENGTH_SIZE:
            return None
        end = LENGTH_SIZE + decode_length(buffer)
        if len(buffer) < end:
            return None
        payload = bytes(buffer[LENGTH_SIZE:end])
        # requests hold keys and passphrases: what was handed on is not kept in here as well
        buffer[:end] = bytes(end)
        del buffer[:end]
        return payload

    @property
    def buffered(self) -> int:
        """Bytes that were not taken yet."""
        return len(self._buffer)
