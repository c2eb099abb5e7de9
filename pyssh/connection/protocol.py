"""`ConnectionProtocol`: channel numbers, dispatch of messages 80-127, calls of the owner (RFC 4254).

It stands between the engine, which hands it payloads, and the owner, who gets events and makes calls. It
knows its transport as callables only and never holds channel data.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, cast

from pyssh.connection.channel import Channel, ChannelMessage, ChannelState, Surroundings
from pyssh.connection.global_requests import GlobalRequests
from pyssh.connection.kinds import Session, decode_kind, encode_kind, may_open
from pyssh.connection.numbering import ChannelNumbers
from pyssh.connection.requests import KeepaliveRequest
from pyssh.connection.state import ConnectionState
from pyssh.connection.window import MIN_PACKET_SIZE, ReceiveWindow
from pyssh.errors import ChannelOpenError, OpenFailureReason, ProtocolError, UsageError
from pyssh.events import (
    AnyEvent,
    ChannelOpenRequested,
    ChannelRequestReceived,
    DataReceived,
    GlobalRequestReceived,
    OpenAccepted,
    OpenRefused,
    Question,
)
from pyssh.messages.connection import (
    ChannelClose,
    ChannelOpen,
    ChannelOpenFailure,
    GlobalRequest,
    RequestFailure,
    RequestSuccess,
)
from pyssh.messages.numbers import SSH_MSG_CHANNEL_DATA, SSH_MSG_CHANNEL_EXTENDED_DATA
from pyssh.messages.tables import CONNECTION
from pyssh.options import Options
from pyssh.wire.channel_data import unpack_data
from pyssh.wire.message import Message, Struct

# what the other fields of a packet may add to its data, within `Limits.packet_size`
_ROOM: Final = 1024
_OPEN: Final = ChannelState.OPEN


class ConnectionProtocol:
    """The connection protocol of one side.

    `send` takes control messages at any time; `send_strings` fields, the data behind them, and the most
    bytes of it in one packet, only while `can_send()` is true (no key exchange runs). `emit` takes events;
    those that are questions come back by `answer`. Calls about a channel that is gone do nothing, as the
    peer's CLOSE may have crossed them; `UsageError` is for numbers that never were a channel's and calls
    that the caller could know to be wrong.
    """

    def __init__(
        self,
        options: Options,
        *,
        is_client: bool,
        send: Callable[[Message], None],
        send_strings: Callable[[bytes, memoryview, int], None],
        can_send: Callable[[], bool],
        emit: Callable[[AnyEvent], None],
    ) -> None:
        limits = options.limits
        self._limits = limits
        self._is_client = is_client
        self._send = send
        self._emit = emit
        self._is_over = False
        self._around = Surroundings(
            is_client=is_client,
            largest_packet=limits.packet_size - _ROOM,
            pending_requests=limits.pending_requests,
            growth_left=limits.window_growth,
            send=send,
            send_strings=send_strings,
            can_send=can_send,
            emit=emit,
        )
        self._numbers = ChannelNumbers(limits.channels)
        self._globals = GlobalRequests(limits.pending_requests, is_client=is_client, send=send, emit=emit)
        self._channels: dict[int, Channel] = {}
        self.channels: Mapping[int, Channel] = MappingProxyType(self._channels)

    @property
    def no_more_sessions(self) -> bool:
        """The client said that it will open no more sessions, so we refuse them."""
        return self._globals.no_more_sessions

    # --- what the peer sends

    def set_time(self, now: float) -> None:
        """Say when the payloads that follow were received, in seconds on the owner's clock."""
        self._around.now = now

    def receive(self, payload: memoryview) -> bool:
        """Take one payload, which must not change afterwards; False if its message number is unknown.

        `ProtocolError` if the peer broke the rules.
        """
        number = payload[0]
        if number in (SSH_MSG_CHANNEL_DATA, SSH_MSG_CHANNEL_EXTENDED_DATA):
            recipient, code, data = unpack_data(payload)
            if not code and number == SSH_MSG_CHANNEL_EXTENDED_DATA:
                raise ProtocolError("extended data of type 0, which is nobody's")
            channel = self._channels.get(recipient)
            if channel is None or channel.state is not _OPEN:
                self._check_recipient(recipient, CONNECTION[number])
            elif channel.receive_data(len(data)):
                self._emit(DataReceived(recipient, data, code))
            return True
        declared = CONNECTION.get(number)
        if declared is None:
            return False
        message = declared.decode(payload)
        match message:
            case GlobalRequest() | RequestSuccess() | RequestFailure():
                self._globals.receive(message)
            case ChannelOpen():
                self._receive_open(message)
            case _:
                self._receive_for_channel(cast(ChannelMessage, message))
        return True

    def _check_recipient(self, number: int, message: type[Message]) -> None:
        """Raise `ProtocolError` unless this is a message for a channel that is just gone."""
        channel = self._channels.get(number)
        if channel is not None:
            channel.check(message)
        elif not self._numbers.is_past(number):
            raise ProtocolError(f"{message.__name__} for channel {number}, which does not exist")

    def _receive_for_channel(self, message: ChannelMessage) -> None:
        number = message.recipient_channel
        channel = self._channels.get(number)
        if channel is None:
            self._check_recipient(number, type(message))
            if isinstance(message, ChannelClose):
                self._numbers.release(number)
            return
        channel.receive(message)
        if channel.state is ChannelState.CLOSED:
            self._remove(channel)

    def _remove(self, channel: Channel) -> None:
        channel.state = ChannelState.CLOSED
        self._around.growth_left += channel.local_window.grown
        del self._channels[channel.number]
        self._numbers.release(channel.number)

    def _receive_open(self, message: ChannelOpen) -> None:
        refusal = self._refusal(message)
        if refusal is not None:
            self._send(ChannelOpenFailure(message.sender_channel, refusal.reason, refusal.description))
            return
        window = ReceiveWindow(self._limits.window_size, self._limits.maximum_packet_size)
        kind = decode_kind(message.channel_type, message.type_data)
        channel = Channel(self._around, self._numbers.take(), kind, window, locally_opened=False)
        channel.set_remote(message.sender_channel, message.initial_window_size, message.maximum_packet_size)
        self._channels[channel.number] = channel
        self._ask(channel)

    def _ask(self, channel: Channel) -> None:
        channel.open_question = ChannelOpenRequested(channel.number, channel.kind)
        self._emit(channel.open_question)

    def _refusal(self, message: ChannelOpen) -> OpenRefused | None:
        """Return why the peer may not even ask for this channel."""
        is_session = message.channel_type == Session.channel_type
        if not may_open(message.channel_type, is_client=not self._is_client) or (
            is_session and self.no_more_sessions
        ):
            return OpenRefused()
        if message.maximum_packet_size < MIN_PACKET_SIZE:
            return OpenRefused(description=f"a maximum packet size of {message.maximum_packet_size}")
        if len(self._channels) >= self._limits.channels:
            return OpenRefused(OpenFailureReason.RESOURCE_SHORTAGE, "too many channels")
        return None

    # --- what the owner asks for

    def answer(self, question: Question[Any], answer: object) -> None:
        """Settle an open question; what it asked for happens now or in its turn.

        Nothing happens if it was settled before, wants no reply, or its channel is gone.
        """
        if self._is_over:
            return
        if isinstance(question, GlobalRequestReceived):
            self._globals.answer(question, cast(bytes | None, answer))
        elif isinstance(question, ChannelRequestReceived):
            channel = self._channels.get(question.channel)
            if channel is not None:
                channel.answer(question, cast(bool, answer))
        elif isinstance(question, ChannelOpenRequested):
            self._answer_open(question, cast(OpenAccepted | OpenRefused, answer))
        else:
            raise UsageError(f"{type(question).__name__} is not a question of the connection protocol")

    def _answer_open(self, question: ChannelOpenRequested, answer: OpenAccepted | OpenRefused) -> None:
        channel = self._channels.get(question.channel)
        if channel is None or channel.open_question is not question:
            return
        if isinstance(answer, OpenAccepted):
            channel.accept(answer.type_data)
        else:
            self._send(ChannelOpenFailure(channel.remote_number, answer.reason, answer.description))
            self._remove(channel)

    def open_channel(
        self, kind: Struct, window_size: int | None = None, maximum_packet_size: int | None = None
    ) -> int:
        """Ask for a channel and return our number for it; then comes `ChannelOpened` or `ChannelOpenFailed`.

        `kind` is one of `pyssh.connection.kinds`, `window_size` how much data we are ready to hold.
        `ChannelOpenError` if there are too many channels.
        """
        if self._is_over:
            raise UsageError("the connection is over")
        if len(self._channels) >= self._limits.channels:
            raise ChannelOpenError(OpenFailureReason.RESOURCE_SHORTAGE, "too many channels")
        channel_type, type_data = encode_kind(kind)
        window = ReceiveWindow(
            window_size or self._limits.window_size,
            maximum_packet_size or self._limits.maximum_packet_size,
        )
        number = self._numbers.take()
        self._channels[number] = Channel(self._around, number, kind, window, locally_opened=True)
        self._send(ChannelOpen(channel_type, number, window.size, window.maximum_packet_size, type_data))
        return number

    def send_data(self, channel: int, data: bytes | memoryview, data_type_code: int = 0) -> int:
        """Send as much of `data` as window, packet size and key exchange allow now; return how much.

        The rest may go when `WindowAdjusted` or `KeysExchanged` comes. `data_type_code` 1 is stderr.
        `UsageError` after `send_eof`.
        """
        found = self._channels.get(channel)
        if found is None or found.state is not _OPEN or found.close_sent:
            self._find(channel)
            return 0
        if found.eof_sent:
            raise UsageError(f"data after EOF on channel {channel}")
        return found.send_data(data, data_type_code)

    def writable(self, channel: int) -> int:
        """Return how many bytes `send_data` would take now: 0 during a key exchange."""
        found = self._find(channel)
        return found.writable() if found is not None and found.state is _OPEN else 0

    def consumed(self, channel: int, n: int) -> bool:
        """Note that the reader took `n` bytes, of any type.

        They are given back to the peer when they make half a window: True when that was now, so that there
        is something to send.
        """
        found = self._channels.get(channel)
        if found is None:
            self._find(channel)
            return False
        return found.consumed(n)

    def send_eof(self, channel: int) -> None:
        """Say that no more data comes; the other direction stays open. Nothing happens the second time."""
        found = self._find_answered(channel)
        if found is not None:
            found.send_eof()

    def close(self, channel: int) -> None:
        """Close in both directions. `ChannelClosed` comes with the peer's CLOSE; data before it is dropped.

        A channel that the peer has not confirmed yet is closed when it does: no `ChannelOpened` comes then.
        """
        found = self._find(channel)
        if found is None:
            return
        if found.open_question is not None:
            raise UsageError(f"channel {channel} is not open: answer the question")
        found.close()

    def forget(self, channel: int) -> None:
        """Stop waiting for the peer's CLOSE on a channel that we closed: Dev Tunnels SSH (TS) sends none.

        No event comes for it any more; whatever the peer still sends about it is dropped.
        """
        found = self._find(channel)
        if found is None:
            return
        if not found.close_sent:
            raise UsageError(f"channel {channel} is not closed")
        found.state = ChannelState.CLOSED
        del self._channels[channel]
        self._numbers.forget(channel)

    def request(self, channel: int, request: Struct, want_reply: bool = True) -> None:
        """Send one of `pyssh.connection.requests`; `UsageError` if the channel is not open.

        With `want_reply` comes a `ChannelRequestAnswered`, in the order of asking.
        """
        found = self._find_answered(channel)
        if found is None or found.close_sent:
            raise UsageError(f"a request on channel {channel}, which is closed")
        found.request(request, want_reply=want_reply)

    def global_request(self, request: Struct, want_reply: bool = True) -> None:
        """Send a global request.

        With `want_reply` comes a `GlobalRequestAnswered`, in the order of asking.
        """
        if self._is_over:
            raise UsageError("the connection is over")
        self._globals.request(request, want_reply=want_reply, silent=False)

    def send_keepalive(self) -> None:
        """Send keepalive@openssh.com. Its reply makes no event: any packet is a sign of life."""
        if not self._is_over:
            self._globals.request(KeepaliveRequest(), want_reply=True, silent=True)

    def ended(self) -> None:
        """Forget everything, because the connection is over: no call sends anything any more."""
        self._is_over = True
        for channel in self._channels.values():
            channel.state = ChannelState.CLOSED
        self._channels.clear()
        self._globals.clear()

    def _find(self, number: int) -> Channel | None:
        """Return the channel, None if it is gone; `UsageError` if there never was one."""
        channel = self._channels.get(number)
        if channel is None and not self._numbers.was_given(number):
            raise UsageError(f"there is no channel {number}")
        return channel

    def _find_answered(self, number: int) -> Channel | None:
        """Return the channel, None if it is gone; `UsageError` if it is not open yet."""
        channel = self._find(number)
        if channel is not None and channel.state is not _OPEN:
            raise UsageError(f"channel {number} is not open yet")
        return channel

    # --- state that travels

    def export_state(self) -> ConnectionState:
        """Return everything as a record.

        Questions that want a reply and have none travel too: `restore_state` asks them again.
        """
        return ConnectionState(
            self._numbers.next,
            tuple(self._numbers.resting),
            tuple(self._numbers.forgotten),
            self._globals.export_state(),
            tuple([channel.export_state() for channel in self._channels.values()]),
        )

    def restore_state(self, state: ConnectionState) -> None:
        """Take over what another one exported; this one must be new. Emits the open questions."""
        self._numbers = ChannelNumbers(
            self._limits.channels, state.next_number, state.resting, state.forgotten
        )
        self._globals.restore_state(state.global_requests)
        for record in state.channels:
            channel = Channel.restored(self._around, record)
            self._channels[channel.number] = channel
            if channel.state is ChannelState.ASKED:
                self._ask(channel)
