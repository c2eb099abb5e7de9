"""A client's and a server's authentication layer joined in memory, with owners made of plain functions."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from pyssh.events import (
    Accept,
    AnyEvent,
    AuthenticationRequested,
    Credential,
    CredentialNeeded,
    Event,
    PasswordChange,
    PasswordChangeNeeded,
    PromptsReceived,
    PublicKeyAttempt,
    Question,
    Refuse,
    SignatureNeeded,
    Verdict,
)
from pyssh.keys.private import PrivateKey, generate_private_key
from pyssh.options import ClientOptions, ServerOptions
from pyssh.userauth.client import ClientAuthentication
from pyssh.userauth.server import ServerAuthentication
from pyssh.wire.message import Message

E = TypeVar("E", bound=Event)

HOST_KEY = generate_private_key("ed25519")
USER_KEY = generate_private_key("ed25519")
OTHER_KEY = generate_private_key("ed25519")
SESSION = b"session identifier of 32 octets."

HOSTBOUND = {"publickey-hostbound@openssh.com": b"0"}


def server_options(**fields: Any) -> ServerOptions:
    return ServerOptions(**{"host_keys": (HOST_KEY.key,)} | fields)


def make_server(
    options: ServerOptions | None = None, **named: Any
) -> tuple[ServerAuthentication, list[Message], list[AnyEvent]]:
    """A server alone, with what it sent and what it emitted."""
    sent: list[Message] = []
    events: list[AnyEvent] = []
    server = ServerAuthentication(
        options or server_options(),
        session_identifier=SESSION,
        host_key=HOST_KEY.key,
        extensions={},
        send=sent.append,
        emit=events.append,
        **named,
    )
    return server, sent, events


def make_client(
    options: ClientOptions | None = None, extensions: Mapping[str, bytes] | None = None, **named: Any
) -> tuple[ClientAuthentication, list[Message], list[AnyEvent]]:
    """A client alone, with what it sent and what it emitted."""
    sent: list[Message] = []
    events: list[AnyEvent] = []
    client = ClientAuthentication(
        options or ClientOptions(user="alice"),
        session_identifier=SESSION,
        host_key=HOST_KEY.key,
        extensions=extensions or {},
        send=sent.append,
        emit=events.append,
        **named,
    )
    return client, sent, events


def trusting(*keys: PrivateKey) -> Callable[[AuthenticationRequested], Verdict]:
    """Let in whoever proves one of these keys."""
    known = {key.key for key in keys}

    def decide(question: AuthenticationRequested) -> Verdict:
        attempt = question.attempt
        return Accept() if isinstance(attempt, PublicKeyAttempt) and attempt.key in known else Refuse()

    return decide


class Joined:
    """Both layers; `run` delivers until nothing moves. What comes in while a question is open waits."""

    def __init__(
        self,
        *,
        options: ServerOptions | None = None,
        user: str = "alice",
        extensions: Mapping[str, bytes] | None = None,
        decide: Callable[[AuthenticationRequested], Verdict] = lambda _: Refuse(),
        credentials: Iterable[Credential] = (),
        responses: Iterable[tuple[str, ...] | None] = (),
        change: PasswordChange | None = None,
        signers: Iterable[PrivateKey] = (USER_KEY, OTHER_KEY),
        server_key: PrivateKey = HOST_KEY,
        client_session: bytes = SESSION,
    ) -> None:
        self.to_server: deque[bytes] = deque()
        self.to_client: deque[bytes] = deque()
        self.client_events: list[AnyEvent] = []
        self.server_events: list[AnyEvent] = []
        self.decide = decide
        self.credentials = iter(credentials)
        self.responses = iter(responses)
        self.change = change
        self.signers = {signer.key: signer for signer in signers}
        self.client = ClientAuthentication(
            ClientOptions(user=user),
            session_identifier=client_session,
            host_key=HOST_KEY.key,
            extensions=extensions or {},
            send=lambda message: self.to_server.append(message.encode()),
            emit=self.client_events.append,
        )
        self.server = ServerAuthentication(
            options or server_options(),
            session_identifier=SESSION,
            host_key=server_key.key,
            extensions={},
            send=lambda message: self.to_client.append(message.encode()),
            emit=self.server_events.append,
        )

    def login(self) -> bool:
        self.client.start()
        self.run()
        assert self.client.succeeded == self.server.succeeded
        return self.client.succeeded

    def run(self) -> None:
        while True:
            if self.server.waiting:
                question = self.server_events[-1]
                assert isinstance(question, AuthenticationRequested)
                self.server.answer(question, self.decide(question))
            elif self.client.waiting:
                asked = self.client_events[-1]
                assert isinstance(asked, Question)
                self.client.answer(asked, self.settle(asked))
            elif self.to_server:
                assert self.server.receive(memoryview(self.to_server.popleft()))
            elif self.to_client:
                assert self.client.receive(memoryview(self.to_client.popleft()))
            else:
                return

    def settle(self, question: Question[Any]) -> Any:
        match question:
            case CredentialNeeded():
                return next(self.credentials, None)
            case SignatureNeeded():
                signer = self.signers.get(question.key)
                return signer.sign(question.algorithm, question.data) if signer else None
            case PromptsReceived():
                return next(self.responses)
            case PasswordChangeNeeded():
                return self.change
        raise AssertionError(question)

    def asked(self) -> list[AuthenticationRequested]:
        return [event for event in self.server_events if isinstance(event, AuthenticationRequested)]

    def client_got(self, kind: type[E]) -> list[E]:
        return [event for event in self.client_events if isinstance(event, kind)]

    def server_got(self, kind: type[E]) -> list[E]:
        return [event for event in self.server_events if isinstance(event, kind)]
