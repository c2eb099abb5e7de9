"""One direction's window arithmetic (RFC 4254 section 5.2).

Attributes are public and plain: the route of channel data reads and writes them without a call for each.
"""

from typing import Final

from pyssh.errors import ProtocolError, UsageError

MAX_WINDOW: Final = 2**32 - 1

# A peer that asks for data in crumbs makes us pay a packet for each: 64 KiB in packets of one byte block
# everybody else for half a second. The smallest implementations known ask for 512 bytes
MIN_PACKET_SIZE: Final = 64

# half the default window. A larger one is given back in these steps too, so that all of it is in use
_LARGEST_CREDIT: Final = 1024 * 1024

# The pause, in seconds, that tells a peer that waits for window from one that was not scheduled
_STALL: Final = 0.005
_STALLS: Final = 2


class ReceiveWindow:
    """What the peer may send us.

    It grows when it is what slows the peer down: when data stops exactly where a peer must stop that has not
    yet got our last credit, pauses, and goes on; and this twice in a row. A window that is larger than needed
    would do harm: OpenSSH's client needs ten times the processor time when 32 MiB are open.

    `size` is what we gave at the start and what it has `grown` by, `available` what is left of it,
    `unreturned` what the reader took and the peer has not been told of. The rest waits for the reader.
    """

    __slots__ = (
        "_edge",
        "_stalls",
        "_stopped_at",
        "available",
        "grown",
        "maximum_packet_size",
        "size",
        "unreturned",
    )

    def __init__(self, size: int, maximum_packet_size: int) -> None:
        if not (0 < size <= MAX_WINDOW and 0 < maximum_packet_size <= MAX_WINDOW):
            raise UsageError("window and packet size are numbers from 1 to 2**32 - 1")
        self.size = size
        self.available = size
        self.grown = 0
        self.unreturned = 0
        self.maximum_packet_size = maximum_packet_size
        self._edge = 0  # how much more the peer may send before it needs a certain credit; 0: not watched
        self._stopped_at: float | None = None  # when it had sent just that
        self._stalls = 0

    @property
    def held(self) -> int:
        """Bytes received and not yet taken by the reader."""
        return self.size - self.available - self.unreturned

    def receive(self, length: int, now: float = 0.0) -> None:
        """Count data of the peer; `ProtocolError` if it is more than we allowed."""
        if length > self.available or length > self.maximum_packet_size:
            raise ProtocolError(
                f"{length} bytes of data, where window and packet size allow "
                f"{min(self.available, self.maximum_packet_size)}"
            )
        self.available -= length
        if self._edge or self._stopped_at is not None:
            self._watch(length, now)

    def _watch(self, length: int, now: float) -> None:
        if self._stopped_at is not None:
            self._stalls = self._stalls + 1 if now - self._stopped_at >= _STALL else 0
            self._stopped_at = None
        elif length < self._edge:
            self._edge -= length
        else:
            # a packet across the edge comes from a peer that had got the credit in time
            self._stopped_at = now if length == self._edge else None
            self._stalls = self._stalls if length == self._edge else 0
            self._edge = 0

    def consume(self, length: int) -> int:
        """Count what the reader took; return what to give back to the peer now, mostly 0.

        It is given back when it makes half the window, or 1 MiB: smaller adjustments cost packets, later
        ones stall.
        """
        if not 0 <= length <= self.size - self.available - self.unreturned:
            raise UsageError(f"{length} bytes consumed, {self.held} received")
        self.unreturned += length
        if self.unreturned * 2 < self.size and self.unreturned < _LARGEST_CREDIT:
            return 0
        if not self._edge and self._stopped_at is None:
            self._edge = self.available
        credit = self.unreturned
        self.unreturned = 0
        self.available += credit
        return credit

    def grow(self, most: int) -> int:
        """Return by how much the window, if it should, becomes larger with the credit about to be given."""
        if self._stalls < _STALLS:
            return 0
        self._stalls = 0
        growth = min(self.size, most)
        self.size += growth
        self.grown += growth
        self.available += growth
        return growth


class SendWindow:
    """What we may send the peer. `maximum_packet_size` is the most data in one packet."""

    __slots__ = ("available", "maximum_packet_size")

    def __init__(self, available: int = 0, maximum_packet_size: int = 0) -> None:
        self.available = available
        self.maximum_packet_size = maximum_packet_size

    def adjust(self, bytes_to_add: int) -> None:
        """Count what the peer gives back; `ProtocolError` above 2**32 - 1."""
        if self.available + bytes_to_add > MAX_WINDOW:
            raise ProtocolError("a window above 2**32 - 1")
        self.available += bytes_to_add
