"""One channel: its state, flags, windows and pending replies (RFC 4254 sections 5 and 6).

Its owner reads it through `ConnectionProtocol.channels`; only `ConnectionProtocol` calls its methods.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final, assert_never

from pyssh.connection.kinds import decode_kind, encode_kind
from pyssh.connection.replies import ReplyQueue
from pyssh.connection.requests import (
    CHANNEL_REQUESTS,
    ChannelKeepalive,
    decode_channel_request,
    encode_channel_request,
    may_send,
)
from pyssh.connection.state import ChannelRecord, PlaceState
from pyssh.connection.window import MIN_PACKET_SIZE, ReceiveWindow, SendWindow
from pyssh.errors import DecodeError, ProtocolError
from pyssh.events import (
    AnyEvent,
    ChannelClosed,
    ChannelOpened,
    ChannelOpenFailed,
    ChannelOpenRequested,
    ChannelRequestAnswered,
    ChannelRequestReceived,
    EofReceived,
    WindowAdjusted,
)
from pyssh.messages.connection import (
    ChannelClose,
    ChannelData,
    ChannelEof,
    ChannelExtendedData,
    ChannelFailure,
    ChannelOpenConfirmation,
    ChannelOpenFailure,
    ChannelRequest,
    ChannelSuccess,
    ChannelWindowAdjust,
)
from pyssh.wire.channel_data import data_fields
from pyssh.wire.message import Message, Struct


class ChannelState(Enum):
    """`OPENING`: we asked the peer; `ASKED`: the peer asked us; `OPEN` until the peer's CLOSE."""

    OPENING = 0
    ASKED = 1
    OPEN = 2
    CLOSED = 3


# Where each message of the peer may lead. What is not here ends the connection
TRANSITIONS: Final[Mapping[tuple[ChannelState, type[Message]], frozenset[ChannelState]]] = {
    (ChannelState.OPENING, ChannelOpenConfirmation): frozenset({ChannelState.OPEN}),
    (ChannelState.OPENING, ChannelOpenFailure): frozenset({ChannelState.CLOSED}),
    (ChannelState.OPEN, ChannelWindowAdjust): frozenset({ChannelState.OPEN}),
    (ChannelState.OPEN, ChannelData): frozenset({ChannelState.OPEN}),
    (ChannelState.OPEN, ChannelExtendedData): frozenset({ChannelState.OPEN}),
    (ChannelState.OPEN, ChannelEof): frozenset({ChannelState.OPEN}),
    (ChannelState.OPEN, ChannelRequest): frozenset({ChannelState.OPEN}),
    (ChannelState.OPEN, ChannelSuccess): frozenset({ChannelState.OPEN}),
    (ChannelState.OPEN, ChannelFailure): frozenset({ChannelState.OPEN}),
    (ChannelState.OPEN, ChannelClose): frozenset({ChannelState.CLOSED}),
}

ChannelMessage = (
    ChannelOpenConfirmation
    | ChannelOpenFailure
    | ChannelWindowAdjust
    | ChannelEof
    | ChannelClose
    | ChannelRequest
    | ChannelSuccess
    | ChannelFailure
)


class Surroundings:
    """What all channels of a connection share: its callables and its limits.

    `largest_packet` caps the data that we put into one packet, whatever the peer would take. `growth_left` is
    by how much windows may still grow, all together, and `now` when what is being received came.
    """

    __slots__ = (
        "can_send",
        "emit",
        "growth_left",
        "is_client",
        "largest_packet",
        "now",
        "pending_requests",
        "send",
        "send_strings",
    )

    def __init__(
        self,
        *,
        is_client: bool,
        largest_packet: int,
        pending_requests: int,
        growth_left: int,
        send: Callable[[Message], None],
        send_strings: Callable[[bytes, memoryview, int], None],
        can_send: Callable[[], bool],
        emit: Callable[[AnyEvent], None],
    ) -> None:
        self.is_client = is_client
        self.largest_packet = largest_packet
        self.pending_requests = pending_requests
        self.growth_left = growth_left
        self.now = 0.0
        self.send = send
        self.send_strings = send_strings
        self.can_send = can_send
        self.emit = emit


class Channel:
    """One channel.

    `remote_number` means nothing while the state is `OPENING`. `abandoned`: we closed it before the peer
    answered the open. `awaited_replies` counts our requests that the peer has not answered yet.
    """

    __slots__ = (
        "_around",
        "abandoned",
        "awaited_replies",
        "close_sent",
        "eof_received",
        "eof_sent",
        "kind",
        "local_window",
        "locally_opened",
        "number",
        "open_question",
        "received_requests",
        "remote_number",
        "remote_window",
        "state",
    )

    def __init__(
        self,
        around: Surroundings,
        number: int,
        kind: Struct,
        local_window: ReceiveWindow,
        *,
        locally_opened: bool,
    ) -> None:
        self._around = around
        self.number = number
        self.kind = kind
        self.locally_opened = locally_opened
        self.state = ChannelState.OPENING if locally_opened else ChannelState.ASKED
        self.remote_number = 0
        self.local_window = local_window
        self.remote_window = SendWindow()
        self.eof_sent = False
        self.eof_received = False
        self.close_sent = False
        self.abandoned = False
        self.awaited_replies = 0
        self.open_question: ChannelOpenRequested | None = None
        self.received_requests: ReplyQueue[ChannelRequestReceived, bool] = ReplyQueue()

    def __repr__(self) -> str:
        return f"<Channel {self.number} {type(self.kind).__name__} {self.state.name}>"

    # --- what the peer sends

    def check(self, message: type[Message]) -> None:
        """Raise `ProtocolError` if such a message may not come for this channel now."""
        if (self.state, message) not in TRANSITIONS:
            raise ProtocolError(f"{message.__name__} for channel {self.number}, which is {self.state.name}")

    def receive_data(self, length: int) -> bool:
        """Count data of the peer, which must be allowed now; say whether the owner is to see it."""
        if self.eof_received:
            raise ProtocolError(f"data after EOF on channel {self.number}")
        self.local_window.receive(length, self._around.now)
        return length > 0 and not self.close_sent

    def receive(self, message: ChannelMessage) -> None:
        """Take a message that is not data."""
        before = self.state
        self.check(type(message))
        match message:
            case ChannelWindowAdjust():
                self.remote_window.adjust(message.bytes_to_add)
                if not self.close_sent:
                    self._around.emit(WindowAdjusted(self.number))
            case ChannelRequest():
                self._receive_request(message)
            case ChannelSuccess():
                self._receive_reply(granted=True)
            case ChannelFailure():
                self._receive_reply(granted=False)
            case ChannelEof():
                self._receive_eof()
            case ChannelClose():
                self._receive_close()
            case ChannelOpenConfirmation():
                self._receive_confirmation(message)
            case ChannelOpenFailure():
                self.state = ChannelState.CLOSED
                self._around.emit(ChannelOpenFailed(self.number, message.reason_code, message.description))
            case _:
                assert_never(message)
        assert self.state in TRANSITIONS[before, type(message)]

    def _receive_request(self, message: ChannelRequest) -> None:
        if self.close_sent:
            return  # no reply may follow our CLOSE
        if message.want_reply and len(self.received_requests) >= self._around.pending_requests:
            raise ProtocolError(f"too many requests at once on channel {self.number}")
        if not may_send(CHANNEL_REQUESTS.find(message.request_type), is_client=not self._around.is_client):
            self._refuse(wanted=message.want_reply)
            return
        request = decode_channel_request(message.request_type, message.request_data)
        if isinstance(request, ChannelKeepalive):
            self._refuse(wanted=message.want_reply)
            return
        question = ChannelRequestReceived(self.number, request, message.want_reply)
        if message.want_reply:
            self.received_requests.ask(question)
        self._around.emit(question)

    def _refuse(self, *, wanted: bool) -> None:
        if wanted:
            self.received_requests.put_answer(False)
            self._send_replies()

    def _receive_reply(self, *, granted: bool) -> None:
        if not self.awaited_replies:
            raise ProtocolError(f"a reply to a request that nobody made on channel {self.number}")
        self.awaited_replies -= 1
        if not self.close_sent:
            self._around.emit(ChannelRequestAnswered(self.number, granted))

    def _receive_eof(self) -> None:
        # Dev Tunnels SSH (Go) sends a second one before its CLOSE
        if not self.eof_received and not self.close_sent:
            self._around.emit(EofReceived(self.number))
        self.eof_received = True

    def _receive_close(self) -> None:
        if not self.close_sent:
            self._send_close()
        self.state = ChannelState.CLOSED
        self._around.emit(ChannelClosed(self.number))

    def _receive_confirmation(self, message: ChannelOpenConfirmation) -> None:
        if message.maximum_packet_size < MIN_PACKET_SIZE:
            raise ProtocolError(f"a maximum packet size of {message.maximum_packet_size}")
        self.set_remote(message.sender_channel, message.initial_window_size, message.maximum_packet_size)
        self.state = ChannelState.OPEN
        if self.abandoned:
            self._send_close()
        else:
            self._around.emit(ChannelOpened(self.number, message.type_data))

    def set_remote(self, remote_number: int, window_size: int, maximum_packet_size: int) -> None:
        """Note what the peer said of itself in its open or confirmation."""
        self.remote_number = remote_number
        self.remote_window = SendWindow(window_size, min(maximum_packet_size, self._around.largest_packet))

    # --- what the owner asks for

    def accept(self, type_data: bytes) -> None:
        """Grant the peer's open."""
        self.open_question = None
        self.state = ChannelState.OPEN
        window = self.local_window
        self._around.send(
            ChannelOpenConfirmation(
                self.remote_number, self.number, window.size, window.maximum_packet_size, type_data
            )
        )

    def answer(self, question: ChannelRequestReceived, granted: bool) -> None:
        """Reply as soon as all earlier requests have been replied to; nothing if it was answered before."""
        self.received_requests.settle(question, granted)
        self._send_replies()

    def _send_replies(self) -> None:
        for granted in self.received_requests.take_ready():
            self._around.send(
                ChannelSuccess(self.remote_number) if granted else ChannelFailure(self.remote_number)
            )

    def writable(self) -> int:
        """Return how much `send_data` would take now."""
        if self.eof_sent or self.close_sent or not self._around.can_send():
            return 0
        return self.remote_window.available

    def send_data(self, data: bytes | memoryview, data_type_code: int) -> int:
        """Send what may be sent now, in packets that the peer takes; return how much that was."""
        window = self.remote_window
        length = min(len(data), window.available)
        if not length or not self._around.can_send():
            return 0
        fields = data_fields(self.remote_number, data_type_code)
        self._around.send_strings(fields, memoryview(data)[:length], window.maximum_packet_size)
        window.available -= length
        return length

    def consumed(self, length: int) -> bool:
        """Note that the reader took data; give window back when it is time. Say whether it was."""
        credit = self.local_window.consume(length)
        if not credit or self.eof_received or self.close_sent:
            return False
        growth = self.local_window.grow(self._around.growth_left)
        self._around.growth_left -= growth
        self._around.send(ChannelWindowAdjust(self.remote_number, credit + growth))
        return True

    def send_eof(self) -> None:
        """Say that we send no more data; once."""
        if not self.eof_sent and not self.close_sent:
            self.eof_sent = True
            self._around.send(ChannelEof(self.remote_number))

    def close(self) -> None:
        """Say that we are done with the channel; once. One that is opening is closed when it is confirmed."""
        if self.state is ChannelState.OPENING:
            self.abandoned = True
        elif not self.close_sent:
            self._send_close()

    def _send_close(self) -> None:
        self.close_sent = True
        self.received_requests.clear()
        self._around.send(ChannelClose(self.remote_number))

    def request(self, request: Struct, *, want_reply: bool) -> None:
        """Send a request."""
        request_type, data = encode_channel_request(request)
        if want_reply:
            self.awaited_replies += 1
        self._around.send(ChannelRequest(self.remote_number, request_type, want_reply, data))

    # --- state that travels

    def export_state(self) -> ChannelRecord:
        """Return everything as a record."""
        channel_type, type_data = encode_kind(self.kind)
        places = []
        for place in self.received_requests.places:
            if place.question is not None:
                places.append(PlaceState(*encode_channel_request(place.question.request)))
            for granted in place.answers:
                places.append(PlaceState(settled=True, granted=granted))
        return ChannelRecord(
            self.number,
            self.remote_number,
            channel_type,
            type_data,
            self.state.value,
            self.locally_opened,
            self.abandoned,
            self.eof_sent,
            self.eof_received,
            self.close_sent,
            self.local_window.size,
            self.local_window.available,
            self.local_window.unreturned,
            self.local_window.maximum_packet_size,
            self.remote_window.available,
            self.remote_window.maximum_packet_size,
            self.awaited_replies,
            tuple(places),
        )

    @classmethod
    def restored(cls, around: Surroundings, record: ChannelRecord) -> "Channel":
        """Make a channel of what `export_state` gave; questions about open requests are asked again.

        `DecodeError` for what no channel can be: it may come from a process that was taken over.
        """
        _check_record(record)
        window = ReceiveWindow(record.local_size, record.local_maximum_packet_size)
        window.available = record.local_available
        window.unreturned = record.local_unreturned
        kind = decode_kind(record.channel_type, record.type_data)
        channel = cls(around, record.number, kind, window, locally_opened=record.locally_opened)
        channel.remote_number = record.remote_number
        channel.remote_window = SendWindow(record.remote_available, record.remote_maximum_packet_size)
        channel.state = ChannelState(record.state)
        channel.abandoned = record.abandoned
        channel.eof_sent = record.eof_sent
        channel.eof_received = record.eof_received
        channel.close_sent = record.close_sent
        channel.awaited_replies = record.awaited_replies
        for place in record.received_requests:
            if place.settled:
                channel.received_requests.put_answer(place.granted)
            else:
                request = decode_channel_request(place.name, place.data)
                question = ChannelRequestReceived(channel.number, request, True)
                channel.received_requests.ask(question)
                around.emit(question)
        return channel


def _check_record(record: ChannelRecord) -> None:
    # one that is closed does not travel
    if record.state not in (ChannelState.OPENING.value, ChannelState.ASKED.value, ChannelState.OPEN.value):
        raise DecodeError("a channel in no state")
    if record.local_available + record.local_unreturned > record.local_size:
        raise DecodeError("a window above its size")
    if record.state != ChannelState.OPENING.value and record.remote_maximum_packet_size < MIN_PACKET_SIZE:
        raise DecodeError("a channel whose packets hold nothing")
