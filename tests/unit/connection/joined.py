"""Two connection protocols joined in memory, without engines or transports."""

from typing import Any, TypeVar

from pyssh.connection.kinds import Session
from pyssh.connection.protocol import ConnectionProtocol
from pyssh.events import AnyEvent, ChannelOpenRequested, DataReceived, OpenAccepted
from pyssh.messages.tables import CONNECTION
from pyssh.options import ClientOptions, Limits
from pyssh.wire.message import Message, Struct

E = TypeVar("E")


class End:
    """One protocol, what it sends and what it emits. `can_send` stands for the absence of a key exchange."""

    def __init__(self, *, is_client: bool, limits: Limits | None = None) -> None:
        self.payloads: list[bytes] = []
        self.events: list[AnyEvent] = []
        self.can_send = True
        # the connection protocol reads nothing but limits, so a server needs no host key here
        self.options = ClientOptions(limits=limits or Limits())
        self.is_client = is_client
        self.protocol = self.make()

    def make(self) -> ConnectionProtocol:
        """Make a protocol that sends and emits here."""
        return ConnectionProtocol(
            self.options,
            is_client=self.is_client,
            send=lambda message: self.payloads.append(message.encode()),
            send_strings=self._send_strings,
            can_send=lambda: self.can_send,
            emit=self.events.append,
        )

    def _send_strings(self, fields: bytes, data: memoryview, most: int) -> None:
        assert self.can_send
        for start in range(0, len(data), most):
            piece = bytes(data[start : start + most])
            self.payloads.append(fields + len(piece).to_bytes(4, "big") + piece)

    def receive(self, message: Message) -> None:
        """Take a message as if a peer had sent it."""
        assert self.protocol.receive(memoryview(message.encode()))

    def sent(self) -> list[Message]:
        """Return and forget what was sent, decoded."""
        payloads, self.payloads = self.payloads, []
        return [CONNECTION[payload[0]].decode(payload) for payload in payloads]

    def take(self, kind: type[E]) -> E:
        """Return and forget the oldest event, which must be of this class."""
        event = self.events.pop(0)
        assert isinstance(event, kind), event
        return event

    def take_data(self) -> bytes:
        """Return and forget the events, which must be of data."""
        events, self.events = self.events, []
        assert all(isinstance(event, DataReceived) for event in events), events
        return b"".join(bytes(event.data) for event in events if isinstance(event, DataReceived))


class Joined:
    """A client and a server."""

    def __init__(self, client: Limits | None = None, server: Limits | None = None) -> None:
        self.client = End(is_client=True, limits=client)
        self.server = End(is_client=False, limits=server)

    def run(self) -> None:
        """Deliver both ways until there is silence."""
        while self.client.payloads or self.server.payloads:
            self.deliver(self.client, self.server)
            self.deliver(self.server, self.client)

    def deliver(self, sender: End, receiver: End) -> None:
        """Move what one end has sent to the other."""
        payloads, sender.payloads = sender.payloads, []
        for payload in payloads:
            assert receiver.protocol.receive(memoryview(payload))

    def open(self, kind: Struct | None = None, **sizes: Any) -> tuple[int, int]:
        """Let the client open a channel; return its numbers on the client and on the server."""
        local = self.client.protocol.open_channel(kind or Session(), **sizes)
        self.run()
        question = self.server.take(ChannelOpenRequested)
        self.server.protocol.answer(question, OpenAccepted())
        self.run()
        self.client.events.clear()
        return local, question.channel
