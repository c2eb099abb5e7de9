"""A client of the authentication agent (draft-ietf-sshm-ssh-agent, OpenSSH's PROTOCOL.agent)."""

import asyncio
import os
import socket
from types import TracebackType
from typing import Final, Self, TypeVar

from pyssh.aio.dial import dial
from pyssh.aio.timeouts import Timeouts, limit
from pyssh.errors import DecodeError, KeyFormatError, SSHError
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.wire.message import Message, Struct, message
from pyssh.wire.types import Boolean, Reader, Rest, String, Text, UInt32

_RSA_FLAGS: Final = {"rsa-sha2-256": 2, "rsa-sha2-512": 4}
# OpenSSH's own cap on agent messages
_MESSAGE_SIZE: Final = 256 * 1024
_KEYS: Final = 2048
_M = TypeVar("_M", bound=Message)


@message(6)
class Success(Message):
    """It is done."""


@message(11)
class RequestIdentities(Message):
    """Asks which keys there are."""


@message(12)
class IdentitiesAnswer(Message):
    """The keys; `keys` holds `number_of_keys` of `Identity`."""

    number_of_keys: UInt32
    keys: Rest


class Identity(Struct):
    """One key."""

    key_blob: String
    comment: Text


@message(13)
class SignRequest(Message):
    """Sign this."""

    key_blob: String
    data: String
    flags: UInt32


@message(14)
class SignResponse(Message):
    """The signature."""

    signature: String


@message(27)
class Extension(Message):
    """A request that only some agents know."""

    extension_type: Text
    contents: Rest


class SessionBind(Struct):
    """The contents of session-bind@openssh.com: the connection for which the agent is going to sign."""

    host_key: String
    session_identifier: String
    signature: String
    is_forwarding: Boolean


class AgentError(SSHError):
    """The agent does not answer as agents do, or refuses."""


class AgentSigner:
    """A key that an agent holds; signs as `connect(keys=...)` wants it."""

    def __init__(self, agent: "AgentClient", key: PublicKey, comment: str) -> None:
        self._agent = agent
        self.key = key
        self.comment = comment

    async def sign(self, algorithm: str, data: bytes) -> bytes:
        """Return a signature blob; `AgentError` if the agent refuses, perhaps because its user did."""
        return await self._agent.sign(self.key, algorithm, data)

    def __repr__(self) -> str:
        return f"<{self.key.key_type} {self.key.fingerprint()} in the agent>"


class AgentClient:
    """A connection to an agent. As an async context manager it is closed at the end."""

    def __init__(self, sock: socket.socket, timeouts: Timeouts) -> None:
        self._socket = sock
        self._timeouts = timeouts
        self._turn = asyncio.Lock()

    @classmethod
    async def connect(cls, path: str | None = None, timeouts: Timeouts | None = None) -> "AgentClient":
        """Connect to the agent at `path`, by default $SSH_AUTH_SOCK; OSError if there is none."""
        path = path or os.environ.get("SSH_AUTH_SOCK")
        if not path:
            raise FileNotFoundError("no authentication agent: SSH_AUTH_SOCK is not set")
        timeouts = timeouts or Timeouts()
        return cls(await dial(path, timeouts), timeouts)

    async def keys(self) -> list[AgentSigner]:
        """Return the keys that the agent holds and that are of types known here, in its order."""
        answer = await self._ask(RequestIdentities(), IdentitiesAnswer)
        if answer.number_of_keys > _KEYS:
            raise AgentError(f"an agent with {answer.number_of_keys} keys")
        reader = Reader(answer.keys)
        found: list[AgentSigner] = []
        for _ in range(answer.number_of_keys):
            try:
                identity = Identity.take(reader)
                key = decode_public_key(identity.key_blob)
            except DecodeError as error:
                raise AgentError(f"the agent's answer: {error}") from None
            except KeyFormatError:
                continue
            found.append(AgentSigner(self, key, identity.comment))
        return found

    async def sign(self, key: PublicKey, algorithm: str, data: bytes) -> bytes:
        """Return a signature blob over `data`."""
        # for a certificate the flag is that of the algorithm under it
        plain = algorithm.replace("-cert-v01@openssh.com", "")
        request = SignRequest(key.blob, data, _RSA_FLAGS.get(plain, 0))
        return (await self._ask(request, SignResponse)).signature

    async def bind(
        self, host_key: PublicKey, session_identifier: bytes, signature: bytes, *, is_forwarding: bool = False
    ) -> bool:
        """Tell the agent for which connection it signs; False if it does not know that request."""
        contents = SessionBind(host_key.blob, session_identifier, signature, is_forwarding)
        try:
            await self._ask(Extension("session-bind@openssh.com", contents.encode()), Success)
        except AgentError:
            return False
        return True

    async def _ask(self, request: Message, wanted: type[_M]) -> _M:
        """Ask, and return an answer of the wanted kind; every other one is an `AgentError`."""
        answer = await self._exchange(request)
        if not answer or answer[0] != wanted.number:
            raise AgentError("the agent refused the request")
        try:
            return wanted.decode(answer)
        except DecodeError as error:
            raise AgentError(f"the agent's answer: {error}") from None

    async def _exchange(self, request: Message) -> bytes:
        loop = asyncio.get_running_loop()
        payload = request.encode()
        async with self._turn:
            try:
                async with asyncio.timeout(limit(self._timeouts.agent)):
                    await loop.sock_sendall(self._socket, len(payload).to_bytes(4, "big") + payload)
                    return await self._receive(int.from_bytes(await self._receive(4), "big"))
            except BaseException:
                # what comes later would be taken for the answer to another question
                self._socket.close()
                raise

    async def _receive(self, size: int) -> bytes:
        if size > _MESSAGE_SIZE:
            raise AgentError(f"the agent announces a message of {size} bytes")
        loop = asyncio.get_running_loop()
        data = b""
        while len(data) < size:
            piece = await loop.sock_recv(self._socket, size - len(data))
            if not piece:
                raise AgentError("the agent closed the connection")
            data += piece
        return data

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
