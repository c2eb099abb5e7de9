"""A client's control connection: a blocking socket under `MuxClient`.

On the way of every command through a master, so it imports little.
"""

import socket
import struct
from collections.abc import Sequence
from typing import Final, TypeVar

from pyssh.errors import ProtocolError, SSHError
from pyssh.mux.client import MuxClient
from pyssh.mux.framing import Handle
from pyssh.mux.messages import Failure, MuxMessage, MuxReply, MuxRequest, PermissionDenied

__all__ = ["Control", "MasterGoneError", "RefusedError"]

R = TypeVar("R", bound=MuxReply)

_READ_SIZE: Final = 64 * 1024


class MasterGoneError(SSHError):
    """The master has closed the control connection."""


class RefusedError(SSHError):
    """The master does not do it; the text is its reason. `by_user` if somebody was asked and said no."""

    def __init__(self, reason: str, *, by_user: bool) -> None:
        super().__init__(reason)
        self.by_user = by_user


class Control:
    """One control connection, from the hello to its end.

    Calls raise OSError, `ProtocolError`, `MasterGoneError` and `RefusedError`.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._mux = MuxClient()
        self._received: list[MuxMessage] = []

    @classmethod
    def connect(cls, path: str) -> "Control":
        """Connect to the socket at `path`; OSError if nobody listens there."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(path)
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    @property
    def has_info(self) -> bool:
        """Whether the master answers `InfoRequest`."""
        return self._mux.has_info

    def greet(self) -> None:
        """Exchange hellos."""
        self._send()
        while not self._mux.greeted:
            self._receive()

    def ask(self, kind: type[MuxRequest], *fields: object, answer: type[R], handles: Sequence[int] = ()) -> R:
        """Ask for something and return what it was granted with."""
        reply = self.ask_any(kind, *fields, answers=(answer,), handles=handles)
        assert isinstance(reply, answer)
        return reply

    def ask_any(
        self,
        kind: type[MuxRequest],
        *fields: object,
        answers: tuple[type[MuxReply], ...],
        handles: Sequence[int] = (),
    ) -> MuxReply:
        """As `ask`, where it may be granted with several."""
        self._mux.request(kind(self._mux.next_request_id, *fields), handles)
        self._send()
        reply = self.next_message()
        if isinstance(reply, (Failure, PermissionDenied)):
            raise RefusedError(
                reply.reason.decode(errors="replace"), by_user=isinstance(reply, PermissionDenied)
            )
        if not isinstance(reply, answers):
            raise ProtocolError(f"unexpected response from master 0x{reply.type:08x}")
        assert isinstance(reply, MuxReply)
        return reply

    def next_message(self) -> MuxMessage:
        """Wait for the master's next message."""
        while not self._received:
            self._receive()
        return self._received.pop(0)

    def detach(self) -> tuple[socket.socket, bytes]:
        """Return the socket, and what came behind the last message."""
        return self._socket, self._mux.take_rest()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _send(self) -> None:
        for part in self._mux.data_to_send():
            if isinstance(part, Handle):
                rights = struct.pack("i", part.number)
                self._socket.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            else:
                self._socket.sendall(part)

    def _receive(self) -> None:
        data = self._socket.recv(_READ_SIZE)
        if not data:
            raise MasterGoneError("the master has closed the control connection")
        self._received += self._mux.receive(data)
