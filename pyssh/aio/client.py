"""`connect()` and `ClientLink`: the client's side."""

import asyncio
import os
import pwd
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from pyssh.aio.channel import Channel
from pyssh.aio.credentials import AnySigner, Credentials, PromptAnswerer, SimpleCredentials, Trust, trust_keys
from pyssh.aio.dial import dial
from pyssh.aio.forward import Forward, ForwardObserver, LocalForward, RemoteForwards, direct_kind
from pyssh.aio.link import ChannelRunner, EventObserver, Link
from pyssh.aio.listen import Listen
from pyssh.aio.opening import Opening
from pyssh.aio.session import Completed, StderrMode, Terminal, open_session, run
from pyssh.aio.splice import splice
from pyssh.aio.streams import Address, Stream, as_stream, open_proxy_command
from pyssh.aio.tasks import report
from pyssh.aio.timeouts import Timeouts, limit
from pyssh.connection import kinds
from pyssh.connection.requests import HostKeys
from pyssh.engine import ClientEngine
from pyssh.errors import AuthenticationError, DisconnectReason, HostKeyError, UsageError
from pyssh.events import (
    AuthenticationFailed,
    ChannelOpenRequested,
    CredentialNeeded,
    Event,
    GlobalRequestReceived,
    HostKeyQuestion,
    OpenRefused,
    PasswordChangeNeeded,
    PromptsReceived,
    Question,
    SignatureNeeded,
)
from pyssh.keys.public import PublicKey
from pyssh.options import ClientOptions
from pyssh.wire.message import Struct

HostKeysHandler = Callable[[tuple[bytes, ...]], object]
ChannelOpener = Callable[[ChannelOpenRequested], Awaitable[ChannelRunner | OpenRefused]]
"""Decides about a channel that the server opens: what runs in it, or why it is refused."""


class ClientLink(Link):
    """A connection to a server, on which a user has logged in."""

    def __init__(
        self,
        options: ClientOptions,
        stream: Stream,
        *,
        trust: Trust,
        credentials: Credentials,
        timeouts: Timeouts,
        on_event: EventObserver | None = None,
        engine: ClientEngine | None = None,
    ) -> None:
        super().__init__(engine or ClientEngine(options), stream, timeouts=timeouts, on_event=on_event)
        self._trust = trust
        self._credentials = credentials
        self._remote_forwards = RemoteForwards(self)
        self._openers: dict[type[Struct], ChannelOpener] = {}
        self._host_keys: tuple[bytes, ...] | None = None
        self._host_keys_handler: HostKeysHandler | None = None
        self.forwards: list[Forward] = []

    # --- commands

    async def run(
        self,
        command: str | bytes,
        *,
        input: bytes | bytearray | memoryview = b"",
        term: Terminal | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = False,
    ) -> Completed:
        """Run a command with `input` on its standard input; return its output and how it ended.

        Input and both outputs move at the same time, so no sizes of them can block it; the output is kept in
        memory. With `check`, `CommandError` if the exit status is not 0. `RequestError` if the server does
        not run it, and what ended the link if it breaks meanwhile.
        """
        return await run(self, command, input=input, term=term, env=env, check=check)

    def open_session(
        self,
        command: str | bytes | None = None,
        *,
        subsystem: str | None = None,
        term: Terminal | None = None,
        env: Mapping[str, str] | None = None,
        stderr: StderrMode = "separate",
    ) -> Opening[Channel]:
        """Start a command, a subsystem or, with neither, a shell, and return its channel.

        For `await` or `async with`. With `stderr` "separate" both outputs must be read: they share a window.
        """
        return Opening(
            open_session(self, command=command, subsystem=subsystem, term=term, env=env, stderr=stderr)
        )

    async def open_session_channel(self) -> Channel:
        """Open a session channel in which nothing runs yet; `channel.request` does the rest."""
        return await self.open_channel(kinds.Session())

    # --- connections and forwards

    async def open_connection(self, address: Address, originator: Address | None = None) -> Channel:
        """Have the server connect to a host and port, or to a Unix socket on its side."""
        return await self.open_channel(direct_kind(address, originator))

    async def forward_local(
        self, listen: Listen, target: Address, *, observer: ForwardObserver | None = None
    ) -> Forward:
        """Listen here and have the server connect to `target` for each connection, as `ssh -L`.

        The forward lives until it is closed or the link ends.
        """
        return await self._listen(listen, target, observer)

    async def forward_dynamic(self, listen: Listen, *, observer: ForwardObserver | None = None) -> Forward:
        """Listen here for SOCKS 4, 4a and 5 and have the server connect, as `ssh -D`; it resolves names."""
        return await self._listen(listen, None, observer)

    async def _listen(
        self, listen: Listen, target: Address | None, observer: ForwardObserver | None
    ) -> Forward:
        forward = await LocalForward.listen_on(listen, target, observer=observer, timeouts=self.timeouts)
        forward.attach(self)
        self.forwards.append(forward)
        forward.when_closed(lambda: self.forwards.remove(forward))
        self.at_end(forward.close)
        return forward

    async def forward_remote(
        self, listen: Address, target: Address | None, *, observer: ForwardObserver | None = None
    ) -> Forward:
        """Have the server listen, and connect to `target` from here for each connection, as `ssh -R`.

        Without a target our end speaks SOCKS. For port 0 the server chooses one: see `forward.address`.
        `RequestError` if the server refuses.
        """
        forward = await self._remote_forwards.add(listen, target, observer)
        self.at_end(forward.close)
        self.forwards.append(forward)
        forward.when_closed(lambda: self.forwards.remove(forward))
        return forward

    def permit_remote_open(self, permit: Callable[[tuple[str, int]], bool]) -> None:
        """Let remote forwards without a target connect only where `permit` says so."""
        self._remote_forwards.permit = permit

    def handle_host_keys(self, handler: "HostKeysHandler") -> None:
        """Be told of the host keys that the server says it has (hostkeys-00@openssh.com), as blobs.

        That is once, as soon as it has said so; to have them proven is for the caller (`prove_host_keys`).
        """
        self._host_keys_handler = handler
        if self._host_keys is not None:
            handler(self._host_keys)

    def _receive_global_request(self, question: GlobalRequestReceived) -> None:
        if not isinstance(question.request, HostKeys):
            return super()._receive_global_request(question)
        if self._host_keys is None:
            self._host_keys = question.request.host_keys
            if self._host_keys_handler is not None:
                self._host_keys_handler(self._host_keys)
        return self.settle(question, b"")

    def let_open(self, kind: type[Struct], opener: ChannelOpener) -> None:
        """Let the server open channels of a kind (agent, X11), as `opener` decides; else it may not."""
        self._openers[kind] = opener

    async def open_forwarded(self, question: ChannelOpenRequested) -> ChannelRunner | OpenRefused:
        """Decide about a channel for one of `forward_remote`, as is done for kinds without an opener."""
        return await self._remote_forwards.open_channel(question)

    # --- questions

    async def _decide(self, question: Question[Any]) -> Any:
        credentials = self._credentials
        answer: Any
        if isinstance(question, HostKeyQuestion):
            answer = await self._trust(question)
            if answer is not True:
                raise HostKeyError(f"the host key {question.key.fingerprint()} is not trusted")
        elif isinstance(question, CredentialNeeded):
            answer = await credentials.next(question)
        elif isinstance(question, SignatureNeeded):
            answer = await credentials.sign(question)
        elif isinstance(question, PromptsReceived):
            answer = await credentials.answer_prompts(question)
        elif isinstance(question, PasswordChangeNeeded):
            answer = await credentials.change_password(question)
        else:
            raise UsageError(f"{type(question).__name__} is not a client's to answer")
        return answer

    def _question_failed(self, question: Question[Any], error: Exception) -> None:
        # before the login there is somebody who waits for this very connection, and gets the error
        if isinstance(question, HostKeyQuestion):
            self.error = self.error or error  # the refusal ends the connection, with the right reason
        elif question.blocking:
            self.fail(error, DisconnectReason.AUTH_CANCELLED_BY_USER)
        else:
            super()._question_failed(question, error)

    async def _decide_open(self, question: ChannelOpenRequested) -> None:
        opener = self._openers.get(type(question.kind))
        try:
            runner = await (opener or self.open_forwarded)(question)
        except Exception as error:
            report(self.loop, "opening a channel failed", error)
            runner = OpenRefused()
        if isinstance(runner, OpenRefused):
            self.settle(question, runner)
        else:
            self.accept_channel(question, runner)

    def _show(self, event: Event) -> None:
        super()._show(event)
        if isinstance(event, AuthenticationFailed):
            tried = ", ".join(dict.fromkeys(event.tried)) or "nothing"
            takes = ", ".join(event.methods) or "nothing"
            error = AuthenticationError(
                f"permission denied: tried {tried}; the server takes {takes}", event.tried, event.methods
            )
            self.fail(error, DisconnectReason.NO_MORE_AUTH_METHODS_AVAILABLE)

    async def log_in(self) -> None:
        """Wait until the user is in; give up when the server makes no step for `timeouts.login_step`."""
        patience = limit(self.timeouts.login_step)
        while True:
            steps = self._steps
            await asyncio.wait((self._authenticated,), timeout=patience)
            if self._authenticated.done():
                break
            if not self._questions and self._steps == steps:
                error = TimeoutError(
                    f"the server took more than {patience:g} seconds for one step of the login"
                )
                self.fail(error)
        await self.wait_authenticated()


def connect(
    host: str,
    port: int = 22,
    *,
    user: str | None = None,
    keys: Sequence[AnySigner] = (),
    password: str | None = None,
    prompts: PromptAnswerer | None = None,
    credentials: Credentials | None = None,
    trust: Trust | None = None,
    host_keys: Sequence[PublicKey] = (),
    options: ClientOptions | None = None,
    timeouts: Timeouts | None = None,
    sock: socket.socket | Stream | None = None,
    via: ClientLink | None = None,
    proxy_command: str | None = None,
    address_family: int = socket.AF_UNSPEC,
    local_address: str | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Opening[ClientLink]:
    """Connect to a server and log in.

    For `await`, or `async with`, which closes the link at the end. The way there is TCP, or `sock` if it is
    given, a connection from another link's server (`via`), or a command (`proxy_command`).

    The server must show one of `host_keys`, or `trust` must say yes; with neither nothing is trusted. The
    user logs in with `keys`, `prompts` (keyboard-interactive) and `password`, or as `credentials` says.
    `user` is by default that of `options`, or who runs this program. `on_event` sees what else happens:
    banners, refusals, new keys.

    Raises OSError if there is no connection, `HostKeyError`, `AuthenticationError`, `ProtocolError`,
    `Disconnected`, `ConnectionLost`.

    >>> import asyncio
    >>> from pyssh.aio import SessionHandler, connect, serve
    >>> from pyssh.keys.private import generate_private_key
    >>> class Hello(SessionHandler):
    ...     async def check_password(self, link, user, password):
    ...         return (user, password) == ("guest", "secret")
    ...     async def session(self, session):
    ...         await session.write(b"hello " + session.command)
    >>> async def main():
    ...     key = generate_private_key("ed25519")
    ...     async with serve(Hello(), signers=[key]) as server:
    ...         async with connect(
    ...             "127.0.0.1", server.port, user="guest", password="secret", host_keys=[key.key]
    ...         ) as link:
    ...             done = await link.run("world")
    ...             print(done.stdout, done.exit_status)
    >>> asyncio.run(main())
    b'hello world' 0
    """
    if credentials is None:
        credentials = SimpleCredentials(keys, password, prompts)
    elif keys or password is not None or prompts is not None:
        raise UsageError("credentials say everything: keys, password and prompts go without them")
    options = options or ClientOptions()
    if user is not None or not options.user:
        options = options.replace(user=user or _own_name())
    timeouts = timeouts or Timeouts()
    trust = trust or trust_keys(host_keys)

    async def open_stream() -> Stream:
        if sock is not None:
            return as_stream(sock)
        if via is not None:
            return await _open_through(via, (host, port))
        if proxy_command is not None:
            return await open_proxy_command(proxy_command)
        dialled = await dial((host, port), timeouts, family=address_family, local_address=local_address)
        return Stream.from_socket(dialled)

    async def open_link() -> ClientLink:
        stream = await open_stream()
        link = ClientLink(
            options, stream, trust=trust, credentials=credentials, timeouts=timeouts, on_event=on_event
        )
        try:
            link.start()
            await link.log_in()
        except BaseException:
            await link.__aexit__(None, None, None)
            raise
        return link

    return Opening(open_link())


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        raise UsageError("say who to log in as: this process runs as a user without a name") from None


async def _open_through(via: ClientLink, address: Address) -> Stream:
    """Return a stream to an address that another link's server connects to (ProxyJump)."""
    channel = await via.open_connection(address)
    ours, theirs = socket.socketpair()
    via.spawn(splice(channel, theirs), "jump")
    return Stream.from_socket(ours)
