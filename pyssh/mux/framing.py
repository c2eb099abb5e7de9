"""Bytes to packets, with the handles that stand between them; packets to bytes and handles."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from pyssh.errors import ProtocolError
from pyssh.mux.messages import MuxMessage, encode_packet
from pyssh.record import Record

__all__ = ["MAX_PACKET_SIZE", "Handle", "PacketStream"]

MAX_PACKET_SIZE: Final = 256 * 1024
"""The longest packet that is taken, as channels.c has it (CHANNEL_MUX_MAX_PACKET)."""
_LENGTH_SIZE: Final = 4
# a session's three; who sends more is no client
_MOST_HANDLES: Final = 3


class Handle(Record):
    """A descriptor in its place between packets. It travels with one byte of data, which is 0 and nothing."""

    number: int


class PacketStream:
    """Both directions of one control connection. Handles that were received belong to it until taken."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._handles: deque[int] = deque()
        self._to_send: list[bytes | Handle] = []

    # --- received

    def feed(self, data: bytes | bytearray | memoryview, handles: Sequence[int] = ()) -> None:
        """Take what was received; `ProtocolError` if there are handles that nobody can want."""
        self._received += data
        self._handles += handles
        if len(self._handles) > _MOST_HANDLES:
            raise ProtocolError(f"more than {_MOST_HANDLES} descriptors")

    def next_packet(self) -> bytes | None:
        """Return a whole packet without its length, or None."""
        received = self._received
        if len(received) < _LENGTH_SIZE:
            return None
        length = int.from_bytes(received[:_LENGTH_SIZE], "big")
        if length > MAX_PACKET_SIZE:
            raise ProtocolError(f"a packet of {length} bytes")
        end = _LENGTH_SIZE + length
        if len(received) < end:
            return None
        packet = bytes(received[_LENGTH_SIZE:end])
        del received[:end]
        return packet

    def next_handles(self, count: int) -> tuple[int, ...] | None:
        """Return the handles that stand here, once all are there, or None.

        `ProtocolError` if something else stands here.
        """
        if len(self._received) < count:
            return None
        if any(self._received[:count]) or len(self._handles) < count:
            raise ProtocolError("did not receive file descriptors")
        del self._received[:count]
        return tuple(self._handles.popleft() for _ in range(count))

    def take_rest(self) -> bytes:
        """Return what was received and is no packet yet."""
        rest = bytes(self._received)
        self._received.clear()
        return rest

    def unclaimed(self) -> tuple[int, ...]:
        """Return the handles that nobody has taken; they are the caller's to close."""
        handles = tuple(self._handles)
        self._handles.clear()
        return handles

    # --- sent

    def send(self, message: MuxMessage, handles: Sequence[int] = ()) -> None:
        """Queue a message and the handles behind it."""
        self._to_send.append(encode_packet(message))
        self._to_send += map(Handle, handles)

    def data_to_send(self) -> list[bytes | Handle]:
        """Return what is to leave, in order, and forget it."""
        data, self._to_send = self._to_send, []
        return data
