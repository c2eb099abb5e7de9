"""`MuxClient`: the client's end of one control connection."""

from collections.abc import Sequence

from pyssh.errors import ProtocolError, UsageError
from pyssh.mux.framing import Handle, PacketStream
from pyssh.mux.messages import (
    INFO_EXTENSION,
    VERSION,
    AliveCheck,
    CloseForward,
    ExitMessage,
    Failure,
    Hello,
    Info,
    InfoRequest,
    MasterAlive,
    MuxMessage,
    MuxReply,
    MuxRequest,
    NewSession,
    NewStdioForward,
    Ok,
    OpenForward,
    PermissionDenied,
    Proxy,
    ProxyGranted,
    RemotePort,
    SessionOpened,
    StopListening,
    Terminate,
    TtyAllocFailed,
    decode_from_master,
)

__all__ = ["MuxClient"]

_GRANTS: dict[type[MuxRequest], tuple[type[MuxReply], ...]] = {
    AliveCheck: (MasterAlive,),
    NewSession: (SessionOpened,),
    NewStdioForward: (SessionOpened,),
    OpenForward: (Ok, RemotePort),
    CloseForward: (Ok,),
    Terminate: (Ok,),
    StopListening: (Ok,),
    Proxy: (ProxyGranted,),
    InfoRequest: (Info,),
}
"""What a request is granted with; `Failure` and `PermissionDenied` may come to any."""


class MuxClient:
    """Sends requests, one at a time, and takes what the master says to them.

    `greeted` is true once the master's hello is there; `has_info` says whether it knows `InfoRequest`.
    """

    def __init__(self) -> None:
        self._stream = PacketStream()
        self._asked: MuxRequest | None = None
        self._next_id = 0
        self._session_id: int | None = None
        self._has_ended = False
        self.greeted = False
        self.has_info = False
        self.proxied = False
        self._stream.send(Hello())

    @property
    def next_request_id(self) -> int:
        """The id for the next request."""
        return self._next_id

    def request(self, request: MuxRequest, handles: Sequence[int] = ()) -> None:
        """Ask; the answer to what was asked before must be there."""
        if self._asked is not None or request.request_id != self._next_id:
            raise UsageError("a request out of turn")
        if len(handles) != request.handles:
            raise UsageError(f"{type(request).__name__} goes with {request.handles} handles")
        self._asked = request
        self._next_id += 1
        self._stream.send(request, handles)

    def data_to_send(self) -> list[bytes | Handle]:
        """Return what is to leave, in order, and forget it."""
        return self._stream.data_to_send()

    def take_rest(self) -> bytes:
        """Return what came behind the grant of proxy mode."""
        return self._stream.take_rest()

    def receive(self, data: bytes) -> list[MuxMessage]:
        """Take bytes; return replies, and what is said of the session. Raises `ProtocolError`."""
        self._stream.feed(data)
        found: list[MuxMessage] = []
        while not self.proxied and (packet := self._stream.next_packet()) is not None:
            message = decode_from_master(packet)
            if isinstance(message, tuple):
                raise ProtocolError(f"unexpected response from master 0x{message[0]:08x}")
            if not self.greeted:
                self._receive_hello(message)
            else:
                self._check(message)
                found.append(message)
        return found

    def _receive_hello(self, message: MuxMessage) -> None:
        if not isinstance(message, Hello):
            raise ProtocolError(f"expected HELLO (1) got {message.type}")
        if message.version != VERSION:
            raise ProtocolError(
                f"Unsupported multiplexing protocol version {message.version} (expected {VERSION})"
            )
        self.greeted = True
        self.has_info = INFO_EXTENSION in dict(message.extensions)

    def _check(self, message: MuxMessage) -> None:
        if isinstance(message, (ExitMessage, TtyAllocFailed)):
            if message.session_id != self._session_id:
                raise ProtocolError(f"{type(message).__name__} for an unknown session")
            if isinstance(message, ExitMessage):
                if self._has_ended:
                    raise ProtocolError("exit value sent twice")
                self._has_ended = True
            return
        asked, self._asked = self._asked, None
        if asked is None or not isinstance(message, MuxReply):
            raise ProtocolError(f"unexpected response from master 0x{message.type:08x}")
        if message.client_request_id != asked.request_id:
            raise ProtocolError(
                f"out of sequence reply: my id {asked.request_id} theirs {message.client_request_id}"
            )
        if not isinstance(message, (*_GRANTS[type(asked)], Failure, PermissionDenied)):
            raise ProtocolError(f"unexpected response from master 0x{message.type:08x}")
        if isinstance(message, SessionOpened):
            self._session_id = message.session_id
        elif isinstance(message, ProxyGranted):
            self.proxied = True
