"""`MuxMaster`: the master's end of one control connection."""

from collections.abc import Sequence
from typing import Final

from pyssh.errors import ProtocolError, UsageError
from pyssh.mux.framing import Handle, PacketStream
from pyssh.mux.messages import (
    INFO_EXTENSION,
    VERSION,
    AliveCheck,
    ExitMessage,
    Failure,
    Hello,
    MasterAlive,
    MuxMessage,
    MuxReply,
    MuxRequest,
    NewSession,
    NewStdioForward,
    Proxy,
    ProxyGranted,
    SessionOpened,
    TtyAllocFailed,
    decode_from_client,
)
from pyssh.record import Record

__all__ = ["Asked", "MuxMaster"]

_EXTENSIONS: Final = ((INFO_EXTENSION, b"0"),)


class Asked(Record):
    """A request that waits for `MuxMaster.answer`. The handles that came with it are the owner's now."""

    request: MuxRequest
    handles: tuple[int, ...] = ()


class MuxMaster:
    """Takes bytes and handles, gives requests one at a time, sends what answers them.

    The next request is looked at when the one before is answered. A `ProtocolError` ends the connection; the
    owner then closes what `unclaimed` has.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stream = PacketStream()
        self._greeted = False
        self._waiting: MuxRequest | None = None
        self._open: MuxRequest | None = None
        self._has_session = False
        self._session_id: int | None = None
        self.proxied = False
        self._stream.send(Hello(VERSION, _EXTENSIONS))

    def receive(
        self, data: bytes | bytearray | memoryview, handles: Sequence[int] = ()
    ) -> tuple[Asked | None, tuple[int, ...]]:
        """Take bytes and handles; return a request if one is due, and handles that nobody needs."""
        self._stream.feed(data, handles)
        return self._next()

    @property
    def wants_data(self) -> bool:
        """Whether more bytes would be worked off; false while a request is open."""
        return self._open is None and not self.proxied

    def take_rest(self) -> bytes:
        """Return what came behind the request for proxy mode."""
        return self._stream.take_rest()

    def unclaimed(self) -> tuple[int, ...]:
        """Return handles that belong to no request; they are the caller's to close."""
        return self._stream.unclaimed()

    def data_to_send(self) -> bytes:
        """Return what is to leave, and forget it."""
        return b"".join(part for part in self._stream.data_to_send() if not isinstance(part, Handle))

    def _next(self) -> tuple[Asked | None, tuple[int, ...]]:
        unneeded: tuple[int, ...] = ()
        while self.wants_data:
            if self._waiting is None:
                packet = self._stream.next_packet()
                if packet is None:
                    break
                self._receive(packet)
                continue
            handles = self._stream.next_handles(self._waiting.handles)
            if handles is None:
                break
            request, self._waiting = self._waiting, None
            if isinstance(request, (NewSession, NewStdioForward)) and self._has_session:
                unneeded += handles
                self._stream.send(Failure(request.request_id, b"Multiple sessions not supported"))
                continue
            self._open = request
            return Asked(request, handles), unneeded
        return None, unneeded

    def _receive(self, packet: bytes) -> None:
        message = decode_from_client(packet)
        if isinstance(message, Hello):
            self._receive_hello(message)
        elif not self._greeted:
            raise ProtocolError("a request before the hello")
        elif isinstance(message, tuple):
            self._stream.send(Failure(message[1], b"unsupported request"))
        elif isinstance(message, AliveCheck):
            self._stream.send(MasterAlive(message.request_id, self._pid))
        else:
            assert isinstance(message, MuxRequest)
            self._waiting = message

    def _receive_hello(self, hello: Hello) -> None:
        if self._greeted:
            raise ProtocolError("a second hello")
        if hello.version != VERSION:
            raise ProtocolError(
                f"unsupported multiplexing protocol version {hello.version} (expected {VERSION})"
            )
        self._greeted = True

    def answer(self, reply: MuxReply) -> tuple[Asked | None, tuple[int, ...]]:
        """Answer the open request; return what `receive` would."""
        request, self._open = self._open, None
        if request is None or reply.client_request_id != request.request_id:
            raise UsageError("that request is not open")
        if isinstance(reply, SessionOpened):
            self._has_session = True
            self._session_id = reply.session_id
        elif isinstance(reply, ProxyGranted):
            if not isinstance(request, Proxy):
                raise UsageError("nobody asked for proxy mode")
            self.proxied = True
        self._stream.send(reply)
        return self._next()

    def session_ended(self, exit_value: int) -> None:
        """Say how the session's command ended."""
        self._tell(ExitMessage(self._known_session(), exit_value))

    def terminal_refused(self) -> None:
        """Say that the session has no terminal after all."""
        self._tell(TtyAllocFailed(self._known_session()))

    def _known_session(self) -> int:
        if self._session_id is None:
            raise UsageError("there is no session")
        return self._session_id

    def _tell(self, message: MuxMessage) -> None:
        self._stream.send(message)
