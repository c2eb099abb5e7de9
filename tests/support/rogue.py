"""A peer that keeps to the protocol up to some point and then sends what it likes.

Both ends are our own engines; the rogue's packets are written past its gate, with its keys.
"""

import random
from enum import Enum
from typing import Any, TypeVar

from pyssh.algorithms.preferences import Algorithms
from pyssh.connection.kinds import Session
from pyssh.events import (
    AuthenticationRequested,
    ChannelOpenRequested,
    ChannelRequestReceived,
    CredentialNeeded,
    Ended,
    GlobalRequestReceived,
    OpenAccepted,
    Question,
)
from pyssh.options import ClientOptions, Limits, Options, ServerOptions
from pyssh.transport.framing import PacketWriter
from pyssh.wire.message import Message
from tests.support.pair import HOST_KEY, Pair, Side

T = TypeVar("T", bound=Options)

# the quickest ones: the attacks are on what is around the arithmetic
QUICK = Algorithms().replace(kex=("curve25519-sha256",), host_key=("ssh-ed25519",))

OPEN_QUESTIONS: dict[type[Question[Any]], Any] = {
    ChannelOpenRequested: OpenAccepted(),
    ChannelRequestReceived: True,
    GlobalRequestReceived: b"",
}


class Stage(Enum):
    """What the victim has seen of a connection when the rogue takes over."""

    VERSION = "the identification line"
    KEXINIT = "the rogue's KEXINIT"
    METHOD = "the rogue's part of the method, its NEWKEYS awaited"
    AUTHENTICATION = "the first exchange; nobody is in"
    OPEN = "a user is in, and has channel 0"
    ASKED = "open, and the victim's own KEXINIT is unanswered"
    REKEYING = "open, and the rogue's KEXINIT is answered"


FIRST_EXCHANGE = (Stage.VERSION, Stage.KEXINIT, Stage.METHOD)


def chance(seed: int) -> Any:
    """Return an options.random that gives the same bytes each time."""
    return random.Random(seed).randbytes


class Rogue:
    """A connection at some stage. `victim` is the side under attack, `rogue` the other one.

    The same arguments make the same connection, byte for byte. With `watch` the messages that the victim
    sends are kept in `said`.
    """

    def __init__(
        self,
        stage: Stage,
        *,
        victim_is_client: bool,
        algorithms: Algorithms = QUICK,
        limits: Limits | None = None,
        rogue_limits: Limits | None = None,
        watch: bool = False,
    ) -> None:
        self.said: list[Message] = []

        def listen(direction: str, message: Message) -> None:
            if direction == "sent":
                self.said.append(message)

        def options(kind: type[T], is_client: bool, **more: Any) -> T:
            is_victim = is_client is victim_is_client
            return kind(
                algorithms=algorithms,
                limits=(limits if is_victim else rogue_limits) or Limits(),
                random=chance(is_client),
                observer=listen if watch and is_victim else None,
                **more,
            )

        pair = Pair(
            options(ClientOptions, True, user="me"),
            options(ServerOptions, False, host_keys=(HOST_KEY.key,)),
        )
        self.stage = stage
        self.victim, self.rogue = (
            (pair.client, pair.server) if victim_is_client else (pair.server, pair.client)
        )
        for kind in OPEN_QUESTIONS:
            pair.server.answers.pop(kind)
        self._plain: PacketWriter | None = None
        self.sent_by_victim = 0
        self._reach(stage)

    def _reach(self, stage: Stage) -> None:
        if stage in FIRST_EXCHANGE:
            self._begin(stage)
            return
        if stage is Stage.AUTHENTICATION:
            self._log_in_nobody()
            return
        while self._exchange():
            pass
        client = self.victim if self.victim.engine.is_client else self.rogue
        client.engine.connection.open_channel(Session())
        while self._exchange():
            self.settle()
            self._answer(self.rogue)
        if stage is Stage.ASKED:
            self.victim.engine.transport.start_rekey()
        elif stage is Stage.REKEYING:
            self.rogue.engine.transport.start_rekey()
            self.feed(b"".join(self.rogue.engine.data_to_send()))
        self.collect()

    def _begin(self, stage: Stage) -> None:
        """Deliver the rogue's first packets one by one; it must not come to switch its keys."""
        line, kexinit = self.rogue.engine.data_to_send()
        self._plain = PacketWriter(chance(3))
        self.feed(bytes(line))
        if stage is Stage.VERSION:
            self.collect()
            return
        self.feed(bytes(kexinit))
        if stage is Stage.KEXINIT:
            self.collect()
            return
        for piece in self.victim.engine.data_to_send():
            self.rogue.take(self.rogue.engine.receive_data(piece))
        # of a client: its INIT; of a server: its REPLY, and its NEWKEYS behind it stays here
        self.feed(bytes(self.rogue.engine.data_to_send()[0]))
        self.collect()

    def _log_in_nobody(self) -> None:
        if self.victim.engine.is_client:
            del self.rogue.answers[AuthenticationRequested]
        else:
            self.rogue.answers[CredentialNeeded] = None
        while self._exchange():
            pass
        self.collect()
        # a server that has a question open would not go on
        self.rogue.engine._userauth = None

    def _exchange(self) -> int:
        to_victim = b"".join(self.rogue.engine.data_to_send())
        self.feed(to_victim)
        to_rogue = self.collect()
        self.rogue.take(self.rogue.engine.receive_data(to_rogue))
        return len(to_victim) + len(to_rogue)

    # --- the attack

    def packet(self, *payloads: bytes) -> bytes:
        """Return these payloads as packets, in the rogue's present keys."""
        if self._plain is not None:
            for payload in payloads:
                self._plain.write(payload)
            return b"".join(self._plain.drain())
        writer = self.rogue.engine.transport._writer
        for payload in payloads:
            writer.write(payload)
        return b"".join(writer.drain())

    def send(self, *payloads: bytes) -> None:
        """Have the victim receive these payloads, all at once."""
        self.feed(self.packet(*payloads))

    def feed(self, data: bytes) -> None:
        """Have the victim receive bytes."""
        if data:
            self.victim.take(self.victim.engine.receive_data(data))

    def collect(self) -> bytes:
        """Take what the victim has to send."""
        data = b"".join(self.victim.engine.data_to_send())
        self.sent_by_victim += len(data)
        return data

    def settle(self) -> None:
        """Have the victim's owner say yes to its open questions."""
        self._answer(self.victim)

    def _answer(self, side: Side) -> None:
        for question in list(side.open_questions):
            if type(question) in OPEN_QUESTIONS:
                side.answer(question, OPEN_QUESTIONS[type(question)])

    def run(self) -> None:
        """Go on by the rules until there is silence."""
        while self._exchange():
            self.settle()
            self._answer(self.rogue)

    @property
    def ended(self) -> bool:
        """Whether the victim has ended the connection."""
        return bool(self.victim.of(Ended))

    @property
    def error(self) -> Exception | None:
        """What the victim ended the connection with."""
        (ended,) = self.victim.of(Ended)
        error: Exception | None = ended.error
        return error
