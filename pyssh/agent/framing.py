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
    """Cuts a stream into messages. Holds at most one unfinished message, wherever the stream was cut."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[bytes]:
        """Take bytes of any size; return the payloads of the messages that they complete.

        `DecodeError` for a length out of bounds, as soon as it is seen; the stream is of no use after it.
        """
        buffer = self._buffer
        buffer += data
        payloads = []
        while len(buffer) >= LENGTH_SIZE:
            end = LENGTH_SIZE + decode_length(buffer)
            if len(buffer) < end:
                break
            payloads.append(bytes(buffer[LENGTH_SIZE:end]))
            # requests hold keys and passphrases: what was handed on is not kept in here as well
            buffer[:end] = bytes(end)
            del buffer[:end]
        return payloads

    @property
    def unfinished(self) -> int:
        """Bytes of a message that has not come in full."""
        return len(self._buffer)
