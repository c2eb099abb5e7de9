"""Asks an authentication agent and waits for the answer: for logins without a loop, and for commands.

An agent may ask its user before it answers, so nothing here gives up by itself.
"""

import contextlib
import socket
from typing import TypeVar

from pyssh.agent.answers import (
    AgentError,
    AgentRefusedError,
    decode_answer,
    decode_extensions,
    decode_identities,
    signature_flags,
)
from pyssh.agent.framing import LENGTH_SIZE, decode_length, encode_frame
from pyssh.agent.messages import (
    QUERY,
    SESSION_BIND,
    Extension,
    ExtensionResponse,
    IdentitiesAnswer,
    RequestIdentities,
    SessionBind,
    SignRequest,
    SignResponse,
    Success,
)
from pyssh.errors import DecodeError
from pyssh.keys.public import PublicKey
from pyssh.wire.message import Message

__all__ = ["AgentClient", "AgentError", "AgentKey", "AgentRefusedError"]

_M = TypeVar("_M", bound=Message)


class AgentKey:
    """A key that an agent holds."""

    def __init__(self, agent: "AgentClient", key: PublicKey, comment: str) -> None:
        self._agent = agent
        self.key = key
        self.comment = comment

    def sign(self, algorithm: str, data: bytes) -> bytes:
        """Return a signature blob; `AgentError` if the agent refuses, perhaps because its user did."""
        return self._agent.sign(self.key, algorithm, data)


class AgentClient:
    """A connection to an agent."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    @classmethod
    def connect(cls, path: str) -> "AgentClient":
        """Connect to the agent whose socket is at `path`; OSError if nobody answers there."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(path)
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    def list_keys(self) -> list[AgentKey]:
        """Return the keys that are of types known here, in the agent's order."""
        answer = self.ask(RequestIdentities(), IdentitiesAnswer)
        return [AgentKey(self, key, comment) for key, comment in decode_identities(answer)]

    def sign(self, key: PublicKey, algorithm: str, data: bytes) -> bytes:
        """Return a signature blob over `data`."""
        request = SignRequest(key.blob, data, signature_flags(algorithm))
        return self.ask(request, SignResponse).signature

    def bind(
        self, host_key: PublicKey, session_identifier: bytes, signature: bytes, *, is_forwarding: bool = False
    ) -> bool:
        """Tell the agent for which connection it signs; False if it does not know that request."""
        contents = SessionBind(host_key.blob, session_identifier, signature, is_forwarding)
        try:
            self.ask(Extension(SESSION_BIND, contents.encode()), Success)
        except AgentRefusedError:
            return False
        return True

    def extensions(self) -> list[str]:
        """Return the extensions that the agent says it knows; `AgentError` if it cannot say."""
        return decode_extensions(self.ask(Extension(QUERY, b""), ExtensionResponse))

    def ask(self, request: Message, wanted: type[_M]) -> _M:
        """Ask, and return an answer of the wanted kind; every other one is an `AgentError`."""
        return decode_answer(self._exchange(request), wanted)

    def _exchange(self, request: Message) -> bytes:
        try:
            self._socket.sendall(encode_frame(request))
            try:
                size = decode_length(self._receive(LENGTH_SIZE))
            except DecodeError as error:
                raise AgentError(f"the agent announces {error.problem}") from None
            return self._receive(size)
        except OSError as error:
            self.close()
            raise AgentError(f"communication with the agent failed: {error.strerror}") from None
        except BaseException:
            # what comes later would be taken for the answer to another question
            self.close()
            raise

    def _receive(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = self._socket.recv(size - len(data))
            if not piece:
                raise AgentError("the agent closed the connection")
            data += piece
        return bytes(data)

    def close(self) -> None:
        """Close the connection; whoever waits for an answer on another thread gets an `AgentError`."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
