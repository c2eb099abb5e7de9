"""A server alone, and what a client with a key would send it."""

from pyssh.events import (
    AnyEvent,
    AttemptRefused,
    AuthenticationRequested,
    Verdict,
)
from pyssh.keys.public import PublicKey
from pyssh.keys.signing import Signer
from pyssh.messages.transport import ServiceAccept, ServiceRequest
from pyssh.messages.userauth import (
    PasswordFields,
    PublicKeyFields,
    UserauthFailure,
    UserauthRequest,
)
from pyssh.options import ServerOptions
from pyssh.userauth.server import ServerAuthentication
from pyssh.userauth.signed_data import signature_request, signed_data
from pyssh.wire.message import Message
from pyssh.wire.types import put_string
from tests.unit.userauth.joined import SESSION, make_server

METHODS = ("publickey", "password", "keyboard-interactive")
FAILURE = UserauthFailure(METHODS, False)


class Bench:
    """A server past its service request."""

    def __init__(self, options: ServerOptions | None = None, *, ready: bool = True) -> None:
        self.server: ServerAuthentication
        self.sent: list[Message]
        self.events: list[AnyEvent]
        self.server, self.sent, self.events = make_server(options)
        if ready:
            self.receive(ServiceRequest("ssh-userauth"))
            assert self.sent.pop() == ServiceAccept("ssh-userauth")

    def receive(self, message: Message) -> None:
        assert self.server.receive(memoryview(message.encode()))

    def request(self, method: str, fields: bytes = b"", user: str = "alice") -> None:
        self.receive(UserauthRequest(user, "ssh-connection", method, fields))

    def password(self, password: str | bytes, user: str = "alice") -> None:
        raw = password.encode() if isinstance(password, str) else password
        self.request("password", PasswordFields(False, raw, b"").encode(), user)

    def question(self) -> AuthenticationRequested:
        question = self.events[-1]
        assert isinstance(question, AuthenticationRequested)
        return question

    def answer(self, verdict: Verdict) -> None:
        self.server.answer(self.question(), verdict)

    def refused(self) -> str:
        """The reason of the refusal that just happened, of which the client learns nothing."""
        event = self.events.pop()
        assert isinstance(event, AttemptRefused)
        answer = self.sent.pop()
        assert isinstance(answer, UserauthFailure)
        assert answer == FAILURE
        return event.reason


def signed(signer: Signer, algorithm: str, host_key: PublicKey | None = None, user: str = "alice") -> bytes:
    """The payload of a request with a signature."""
    request = signature_request(user, signer.key, algorithm, host_key)
    out = bytearray(request)
    put_string(out, signer.sign(algorithm, signed_data(SESSION, request)))
    return bytes(out)


def probe(key: PublicKey, algorithm: str) -> bytes:
    return PublicKeyFields(False, algorithm, key.blob, b"").encode()
