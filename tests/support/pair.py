"""Two engines joined in memory: a complete SSH session without sockets or tasks."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pyssh.engine import ClientEngine, Engine, ServerEngine
from pyssh.events import (
    Accept,
    AnyEvent,
    AuthenticationRequested,
    ChannelOpenRequested,
    ChannelRequestReceived,
    CredentialNeeded,
    GlobalRequestReceived,
    HostKeyQuestion,
    OpenAccepted,
    PasswordCredential,
    Question,
    Refuse,
    SignatureNeeded,
)
from pyssh.keys.private import PrivateKey, generate_private_key
from pyssh.options import ClientOptions, ServerOptions

Cut = Callable[[bytes], Iterable[bytes]]

HOST_KEY = generate_private_key("ed25519")
USER_KEY = generate_private_key("ed25519")


def whole(data: bytes) -> Iterator[bytes]:
    """Deliver everything at once."""
    if data:
        yield data


def byte_by_byte(data: bytes) -> Iterator[bytes]:
    """Deliver one byte at a time."""
    for offset in range(len(data)):
        yield data[offset : offset + 1]


class Side:
    """One engine, its events, and how it answers what it is asked.

    `answers` maps a question class to a value or to a function of the question; a question without an entry
    stays open in `open_questions`.
    """

    def __init__(self, engine: Engine, answers: dict[type[Question[Any]], Any]) -> None:
        self.engine = engine
        self.answers = answers
        self.events: list[AnyEvent] = []
        self.open_questions: list[Question[Any]] = []

    def take(self, events: Iterable[AnyEvent]) -> None:
        """Keep events and answer questions."""
        # not by recursion: a peer may have a question asked for each of its messages
        waiting = deque(events)
        while waiting:
            event = waiting.popleft()
            self.events.append(event)
            if isinstance(event, Question):
                if type(event) in self.answers:
                    waiting.extendleft(reversed(self._settle(event, self.answers[type(event)])))
                else:
                    self.open_questions.append(event)

    def answer(self, question: Question[Any], answer: Any) -> None:
        """Settle a question with a value, or with what a function makes of the question."""
        if question in self.open_questions:
            self.open_questions.remove(question)
        self.take(self._settle(question, answer))

    def _settle(self, question: Question[Any], answer: Any) -> list[AnyEvent]:
        return self.engine.answer(question, answer(question) if callable(answer) else answer)

    def of(self, kind: type[Any]) -> list[Any]:
        """Return the events of one class so far."""
        return [event for event in self.events if isinstance(event, kind)]


def sign_with(*keys: PrivateKey) -> Callable[[SignatureNeeded], bytes | None]:
    """Return an answer to `SignatureNeeded` for these keys."""

    def sign(question: SignatureNeeded) -> bytes | None:
        for key in keys:
            if key.key == question.key.plain:
                return key.sign(question.algorithm, question.data)
        return None

    return sign


class Pair:
    """A client and a server. `run` delivers until nothing is left to send."""

    def __init__(
        self,
        client: ClientOptions | None = None,
        server: ServerOptions | None = None,
        *,
        host_keys: tuple[PrivateKey, ...] = (HOST_KEY,),
        cut: Cut = whole,
    ) -> None:
        server = server or ServerOptions(host_keys=tuple(key.key for key in host_keys))
        self.cut = cut
        self.client = Side(
            ClientEngine(client or ClientOptions(user="me")),
            {
                HostKeyQuestion: True,
                CredentialNeeded: PasswordCredential("secret"),
                SignatureNeeded: sign_with(USER_KEY),
            },
        )
        self.server = Side(
            ServerEngine(server),
            {
                SignatureNeeded: sign_with(*host_keys),
                AuthenticationRequested: lambda question: (
                    Accept() if question.attempt.method == "password" else Refuse()
                ),
                ChannelOpenRequested: OpenAccepted(),
                ChannelRequestReceived: True,
                GlobalRequestReceived: b"",
            },
        )

    def deliver(self, sender: Side, receiver: Side) -> int:
        """Move what one side has to send to the other; return how many bytes that was."""
        data = b"".join(sender.engine.data_to_send())
        for piece in self.cut(data):
            receiver.take(receiver.engine.receive_data(piece))
        return len(data)

    def run(self) -> "Pair":
        """Deliver both ways until there is silence."""
        while self.deliver(self.client, self.server) + self.deliver(self.server, self.client):
            pass
        return self
