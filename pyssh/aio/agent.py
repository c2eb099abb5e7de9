"""A client of the authentication agent (draft-ietf-sshm-ssh-agent, OpenSSH's PROTOCOL.agent)."""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from pyssh.agent.answers import (
    AgentError,
    AgentRefusedError,
    decode_answer,
    decode_identities,
    signature_flags,
)
from pyssh.agent.framing import LENGTH_SIZE, decode_length, encode_frame
from pyssh.agent.messages import (
    SESSION_BIND,
    Extension,
    IdentitiesAnswer,
    RequestIdentities,
    SessionBind,
    SignRequest,
    SignResponse,
    Success,
)
from pyssh.aio.channel import Channel
from pyssh.aio.dial import dial
from pyssh.aio.link import Link
from pyssh.aio.splice import splice
from pyssh.aio.timeouts import Timeouts, limit
from pyssh.errors import DecodeError, OpenFailureReason
from pyssh.events import ChannelOpenRequested, OpenRefused
from pyssh.keys.public import PublicKey
from pyssh.wire.message import Message

__all__ = ["AgentClient", "AgentError", "AgentForward", "AgentSigner"]

_M = TypeVar("_M", bound=Message)


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
        return [AgentSigner(self, key, comment) for key, comment in decode_identities(answer)]

    async def sign(self, key: PublicKey, algorithm: str, data: bytes) -> bytes:
        """Return a signature blob over `data`."""
        request = SignRequest(key.blob, data, signature_flags(algorithm))
        return (await self._ask(request, SignResponse)).signature

    async def bind(
        self, host_key: PublicKey, session_identifier: bytes, signature: bytes, *, is_forwarding: bool = False
    ) -> bool:
        """Tell the agent for which connection it signs; False if it does not know that request."""
        contents = SessionBind(host_key.blob, session_identifier, signature, is_forwarding)
        try:
            await self._ask(Extension(SESSION_BIND, contents.encode()), Success)
        except AgentRefusedError:
            return False
        return True

    async def _ask(self, request: Message, wanted: type[_M]) -> _M:
        """Ask, and return an answer of the wanted kind; every other one is an `AgentError`."""
        return decode_answer(await self._exchange(request), wanted)

    async def _exchange(self, request: Message) -> bytes:
        loop = asyncio.get_running_loop()
        async with self._turn:
            try:
                async with asyncio.timeout(limit(self._timeouts.agent)):
                    await loop.sock_sendall(self._socket, encode_frame(request))
                    try:
                        size = decode_length(await self._receive(LENGTH_SIZE))
                    except DecodeError as error:
                        raise AgentError(f"the agent announces {error.problem}") from None
                    return await self._receive(size)
            except BaseException:
                # what comes later would be taken for the answer to another question
                self._socket.close()
                raise

    async def _receive(self, size: int) -> bytes:
        loop = asyncio.get_running_loop()
        data = b""
        while len(data) < size:
            piece = await loop.sock_recv(self._socket, size - len(data))
            if not piece:
                raise AgentError("the agent closed the connection")
            data += piece
        return data

    def detach(self) -> socket.socket:
        """Return the socket, for others to talk to the agent over it; nothing can be asked here any more."""
        sock, self._socket = self._socket, socket.socket()
        self._socket.close()
        return sock

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AgentForward:
    """Takes a link's `auth-agent` channels to the agent at `path`: see `ClientLink.let_open`.

    The server is asked with `requests.AuthAgentReq` on a session. The agent is told of the link before it is
    asked anything, so that keys which are limited to destinations know where they are used. `on_refused` is
    told of channels that are turned away.
    """

    def __init__(self, path: str, *, on_refused: Callable[[str], None] | None = None) -> None:
        self._path = path
        self._on_refused = on_refused

    async def open_channel(
        self, link: Link, question: ChannelOpenRequested
    ) -> Callable[[Channel], Coroutine[Any, Any, None]] | OpenRefused:
        """Connect to the agent; a runner for the channel, or why not."""
        assert link.host_key is not None
        try:
            agent = await AgentClient.connect(self._path, link.timeouts)
            await agent.bind(
                link.host_key, link.session_identifier, link.exchange_signature, is_forwarding=True
            )
        except (OSError, AgentError) as error:
            if self._on_refused is not None:
                self._on_refused(f"the agent cannot be reached: {error}")
            return OpenRefused(OpenFailureReason.CONNECT_FAILED, "the agent cannot be reached")
        sock = agent.detach()
        return lambda channel: splice(channel, sock)
