"""Proxy mode: the connection protocol alone, between a client and a master that passes it on.

A packet is its length, a byte of 0 where the padding length would be, and the payload: no keys, no MAC, no
padding (PROTOCOL.mux section 9). Both ends are engines whose transport is this.
"""

from struct import Struct
from typing import Final, NoReturn

from pyssh.engine import Engine
from pyssh.errors import ConnectionLost, ProtocolError, SSHError, UsageError
from pyssh.events import AnyEvent, Authenticated, KeysExchanged
from pyssh.options import Options
from pyssh.wire.message import Message

__all__ = ["PlainTransport", "ProxyEngine"]

_HEAD: Final = Struct(">IB")
_LENGTH: Final = Struct(">I")
_FIRST_CONNECTION_MESSAGE: Final = 80


class PlainTransport:
    """What an engine needs of a transport, where the way to the peer is safe as it is."""

    algorithms = None
    host_key = None
    waiting = False

    def __init__(self, packet_size: int) -> None:
        self._packet_size = packet_size
        self._received = bytearray()
        self._offset = 0
        self._output: list[bytes | bytearray] = []
        self._ended = False
        self.packets_received = 0
        self.extensions: dict[str, bytes] = {}

    # --- received

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes."""
        self._received += data

    def next_payload(self) -> memoryview | None:
        """Return the next whole payload, or None."""
        start = self._offset
        if self._ended or len(self._received) - start < _HEAD.size:
            return None
        length, padding = _HEAD.unpack_from(self._received, start)
        if padding or not 2 <= length <= self._packet_size:
            raise ProtocolError(f"a proxied packet of {length} bytes with padding {padding}")
        end = start + _LENGTH.size + length
        if len(self._received) < end:
            return None
        payload = bytes(memoryview(self._received)[start + _HEAD.size : end])
        self._offset = end
        self.packets_received += 1
        if payload[0] < _FIRST_CONNECTION_MESSAGE:
            raise ProtocolError(f"message {payload[0]} through a proxy")
        return memoryview(payload)

    def keep(self) -> None:
        """Forget what was returned."""
        del self._received[: self._offset]
        self._offset = 0

    def finish(self) -> SSHError:
        """Say what the end of the stream means."""
        return ConnectionLost("the master has ended")

    # --- sent

    def send(self, message: Message) -> None:
        """Send a message."""
        if not self._ended:
            payload = message.encode()
            self._output.append(_HEAD.pack(len(payload) + 1, 0) + payload)

    def send_strings(self, fields: bytes, data: memoryview, most: int) -> None:
        """Send channel data, `most` bytes a packet behind `fields`."""
        for start in range(0, len(data), most):
            piece = data[start : start + most]
            size = 1 + len(fields) + _LENGTH.size + len(piece)
            self._output.append(b"".join((_HEAD.pack(size, 0), fields, _LENGTH.pack(len(piece)), piece)))

    def can_send(self) -> bool:
        """Whether channel data may be sent."""
        return not self._ended

    def drain(self) -> list[bytes | bytearray]:
        """Return the bytes that are ready to leave, in order."""
        output, self._output = self._output, []
        return output

    # --- what happens to keys and the login has no place here

    def send_unimplemented(self) -> None:
        """End the connection: there is no message to say that one is unknown."""
        raise ProtocolError("an unknown message through a proxy")

    def disconnect(self, reason: int, description: str) -> None:
        """Send and take nothing more; the goodbye is the end of the stream."""
        self.end()

    def end(self) -> None:
        """Send and take nothing more; what is ready still leaves."""
        self._ended = True

    def deadline(self) -> float | None:
        """Return that nothing waits for time."""
        return None

    def tick(self, now: float) -> None:
        """Let time pass."""

    def prepare(self) -> None:
        """Let packets be: they cost nothing."""

    def start_rekey(self) -> None:
        """Leave the keys to who has them."""

    def authenticated(self) -> None:
        """Go on as before."""


class ProxyEngine(Engine):
    """A side of a proxied connection: `is_client` is who asked for proxy mode. The user is logged in."""

    def __init__(self, options: Options, *, is_client: bool, user: str = "") -> None:
        self.is_client = is_client
        super().__init__(options)
        self.transport = PlainTransport(options.limits.packet_size)  # type: ignore[assignment]  # as it says
        self._build_connection()
        self.user = user
        self.authenticated = True

    def first_events(self) -> list[AnyEvent]:
        """Return what a login would have brought."""
        return [Authenticated(self.user, "mux")]

    def _start_userauth(self, keys: KeysExchanged) -> NoReturn:
        raise UsageError("nobody logs in through a proxy")
