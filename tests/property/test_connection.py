"""Two connection protocols joined in memory, driven by any legal run of calls."""

from collections import deque
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from pyssh.connection.kinds import UnknownKind
from pyssh.connection.numbering import RESTING
from pyssh.connection.protocol import ConnectionProtocol
from pyssh.connection.requests import UnknownGlobalRequest, UnknownRequest
from pyssh.connection.state import ConnectionState
from pyssh.connection.window import MIN_PACKET_SIZE
from pyssh.events import (
    AnyEvent,
    ChannelClosed,
    ChannelOpened,
    ChannelOpenFailed,
    ChannelOpenRequested,
    ChannelRequestAnswered,
    ChannelRequestReceived,
    DataReceived,
    EofReceived,
    GlobalRequestAnswered,
    GlobalRequestReceived,
    OpenAccepted,
    OpenRefused,
    Question,
)
from pyssh.options import ClientOptions, Limits
from pyssh.wire.message import Message

LIMITS = Limits(channels=4, window_size=300, maximum_packet_size=100, packet_size=2048)

RARELY = st.sampled_from([False, False, False, True])


class Stream:
    """One direction of one channel, as its two owners see it."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.received = bytearray()
        self.consumed = 0
        self.eof_sent = False
        self.eof_received = False


class Seen:
    """What an owner knows of one of its channels."""

    def __init__(self, label: bytes) -> None:
        # names the channel at both ends, whatever their numbers for it
        self.label = label
        self.asked: deque[int] = deque()
        self.closed = False


class Owner:
    """One end: its protocol, what is under way to its peer, and what it knows."""

    def __init__(self, is_client: bool) -> None:
        self.is_client = is_client
        self.under_way: deque[bytes] = deque()
        self.events: list[AnyEvent] = []
        self.protocol = self.make()
        self.can_send = True
        self.opening: dict[int, Seen] = {}
        self.seen: dict[int, Seen] = {}
        self.questions: list[Question[Any]] = []
        self.asked: deque[int] = deque()

    def make(self) -> ConnectionProtocol:
        return ConnectionProtocol(
            ClientOptions(limits=LIMITS),
            is_client=self.is_client,
            send=self._send,
            send_strings=self._send_strings,
            can_send=lambda: self.can_send,
            emit=self.events.append,
        )

    def _send(self, message: Message) -> None:
        self.under_way.append(message.encode())

    def _send_strings(self, fields: bytes, data: memoryview, most: int) -> None:
        assert self.can_send
        for start in range(0, len(data), most):
            piece = bytes(data[start : start + most])
            self.under_way.append(fields + len(piece).to_bytes(4, "big") + piece)


class Connections(RuleBasedStateMachine):
    """Calls are made in any order; packets, events and answers are late as they like."""

    def __init__(self) -> None:
        super().__init__()
        self.owners = (Owner(True), Owner(False))
        self.streams: dict[tuple[bytes, bool], Stream] = {}
        self.requests = 0
        self.channels = 0
        # serial numbers of requests and how they were answered; a reply must match
        self.verdicts: dict[int, bool] = {}

    # --- calls of the owners

    @initialize()
    def begin(self) -> None:
        """Start with a channel that each side opened."""
        for side in (0, 1):
            self.open_channel(side, 300, 100)
        self._settle()

    @rule(
        side=st.integers(0, 1),
        window=st.integers(1, 500),
        packet=st.integers(MIN_PACKET_SIZE, 200),
    )
    def open_channel(self, side: int, window: int, packet: int) -> None:
        owner = self.owners[side]
        if len(owner.protocol.channels) >= LIMITS.channels:
            return
        self.channels += 1
        label = b"%d" % self.channels
        number = owner.protocol.open_channel(UnknownKind("any@tests.example", label), window, packet)
        assert number not in owner.seen
        assert number not in owner.opening
        owner.opening[number] = Seen(label)
        self.streams[label, True] = Stream()
        self.streams[label, False] = Stream()

    @rule(
        side=st.integers(0, 1),
        which=st.integers(0, 9),
        size=st.sampled_from([700, 300, 100, 50]) | st.integers(0, 700),
        code=st.integers(0, 1),
    )
    def send_data(self, side: int, which: int, size: int, code: int) -> None:
        owner, number, seen = self._pick(side, which)
        if seen is None:
            return
        stream = self.streams[seen.label, owner.is_client]
        if stream.eof_sent:
            return
        start = len(stream.sent)
        data = bytes((start + offset) % 251 for offset in range(size))
        writable = owner.protocol.writable(number)
        taken = owner.protocol.send_data(number, memoryview(data), code)
        assert taken == min(size, writable)
        stream.sent += data[:taken]

    @rule(side=st.integers(0, 1), which=st.integers(0, 9), share=st.sampled_from([1.0, 1.0, 0.5, 0.1]))
    def consume(self, side: int, which: int, share: float) -> None:
        owner, number, seen = self._pick(side, which)
        if seen is None:
            return
        stream = self.streams[seen.label, not owner.is_client]
        length = int((len(stream.received) - stream.consumed) * share)
        stream.consumed += length
        owner.protocol.consumed(number, length)

    @rule(side=st.integers(0, 1), which=st.integers(0, 9), sizes=st.lists(st.integers(1, 400), max_size=8))
    def transfer(self, side: int, which: int, sizes: list[int]) -> None:
        """Move data on one channel until its windows have turned over, which single calls seldom come to."""
        for size in sizes:
            self.send_data(side, which, size, 0)
            self.deliver(side, 20)
            for other in range(LIMITS.channels):
                self.consume(1 - side, other, 1.0)
            self.deliver(1 - side, 20)

    @rule(side=st.integers(0, 1), which=st.integers(0, 9), rarely=RARELY)
    def send_eof(self, side: int, which: int, rarely: bool) -> None:
        owner, number, seen = self._pick(side, which)
        if rarely and seen is not None:
            owner.protocol.send_eof(number)
            self.streams[seen.label, owner.is_client].eof_sent = True

    @rule(side=st.integers(0, 1), which=st.integers(0, 9), rarely=RARELY)
    def close(self, side: int, which: int, rarely: bool) -> None:
        """Close a channel at whatever stage it is, but let most live long enough to be of interest."""
        owner = self.owners[side]
        channels = owner.opening | owner.seen
        if rarely and channels:
            number = sorted(channels)[which % len(channels)]
            channels[number].closed = True
            owner.protocol.close(number)

    @rule(side=st.integers(0, 1), which=st.integers(0, 9), want_reply=st.booleans())
    def request(self, side: int, which: int, want_reply: bool) -> None:
        owner, number, seen = self._pick(side, which)
        if seen is None or seen.closed:
            return
        self.requests += 1
        data = b"%d" % self.requests
        owner.protocol.request(number, UnknownRequest("any@tests.example", data), want_reply)
        if want_reply:
            seen.asked.append(self.requests)

    @rule(side=st.integers(0, 1), want_reply=st.booleans())
    def global_request(self, side: int, want_reply: bool) -> None:
        owner = self.owners[side]
        self.requests += 1
        data = b"%d" % self.requests
        owner.protocol.global_request(UnknownGlobalRequest("any@tests.example", data), want_reply)
        if want_reply:
            owner.asked.append(self.requests)

    @rule(side=st.integers(0, 1))
    def keepalive(self, side: int) -> None:
        self.owners[side].protocol.send_keepalive()

    @rule(side=st.integers(0, 1), which=st.integers(0, 9), refused=RARELY)
    def answer(self, side: int, which: int, refused: bool) -> None:
        owner = self.owners[side]
        if owner.questions:
            question = owner.questions.pop(which % len(owner.questions))
            self._answer(owner, question, granted=not refused)

    @rule(side=st.integers(0, 1))
    def key_exchange(self, side: int) -> None:
        owner = self.owners[side]
        owner.can_send = not owner.can_send

    @rule(side=st.integers(0, 1), packets=st.sampled_from([20, 20, 3, 1]))
    def deliver(self, side: int, packets: int) -> None:
        self._deliver(self.owners[side], self.owners[1 - side], packets)

    @rule(side=st.integers(0, 1))
    def hand_over(self, side: int) -> None:
        """Export one end and continue it as another; the questions that want a reply are asked again."""
        owner = self.owners[side]
        exported = owner.protocol.export_state().encode()
        owner.protocol = owner.make()
        owner.questions.clear()
        owner.protocol.restore_state(ConnectionState.decode(exported))
        self._take_events(owner)

    # --- what follows from them

    def _pick(self, side: int, which: int) -> tuple[Owner, int, Seen | None]:
        owner = self.owners[side]
        if not owner.seen:
            return owner, 0, None
        number = sorted(owner.seen)[which % len(owner.seen)]
        return owner, number, owner.seen[number]

    def _answer(self, owner: Owner, question: Question[Any], granted: bool) -> None:
        if isinstance(question, ChannelOpenRequested):
            assert isinstance(question.kind, UnknownKind)
            if granted:
                owner.seen[question.channel] = Seen(question.kind.type_data)
            owner.protocol.answer(question, OpenAccepted() if granted else OpenRefused())
            return
        assert isinstance(question, ChannelRequestReceived | GlobalRequestReceived)
        assert isinstance(question.request, UnknownRequest | UnknownGlobalRequest)
        self.verdicts[int(question.request.request_data)] = granted
        owner.protocol.answer(
            question, (b"" if granted else None) if isinstance(question, GlobalRequestReceived) else granted
        )

    def _deliver(self, sender: Owner, receiver: Owner, packets: int) -> None:
        for _ in range(min(packets, len(sender.under_way))):
            assert receiver.protocol.receive(memoryview(sender.under_way.popleft()))
            self._take_events(receiver)

    def _take_events(self, owner: Owner) -> None:
        events = list(owner.events)
        owner.events.clear()
        for event in events:
            if isinstance(event, Question):
                owner.questions.append(event)
            else:
                self._take(owner, event)

    def _take(self, owner: Owner, event: AnyEvent) -> None:
        match event:
            case DataReceived(channel, data):
                seen = owner.seen[channel]
                assert not seen.closed
                stream = self.streams[seen.label, not owner.is_client]
                assert not stream.eof_received
                stream.received += data
            case EofReceived(channel):
                self.streams[owner.seen[channel].label, not owner.is_client].eof_received = True
            case ChannelOpened(channel):
                assert not owner.opening[channel].closed
                owner.seen[channel] = owner.opening.pop(channel)
            case ChannelOpenFailed(channel):
                del owner.opening[channel]
            case ChannelClosed(channel):
                # one closed while it opened was never seen to open
                if owner.seen.pop(channel, None) is None:
                    assert owner.opening.pop(channel).closed
            case ChannelRequestAnswered(channel, granted):
                assert self.verdicts[owner.seen[channel].asked.popleft()] == granted
            case GlobalRequestAnswered(granted):
                assert self.verdicts[owner.asked.popleft()] == granted

    @invariant()
    def windows_agree(self) -> None:
        for owner in self.owners:
            for channel in owner.protocol.channels.values():
                window = channel.local_window
                assert 0 <= window.available <= window.size
                assert 0 <= window.unreturned * 2 < window.size
                assert window.held >= 0
                assert channel.remote_window.available >= 0

    @invariant()
    def data_is_whole_and_in_order(self) -> None:
        for stream in self.streams.values():
            assert stream.sent.startswith(stream.received)

    @invariant()
    def little_is_kept(self) -> None:
        for owner in self.owners:
            assert len(owner.protocol.channels) <= LIMITS.channels

    def teardown(self) -> None:
        """Let everything finish: both ends then agree that nothing is left."""
        for owner in self.owners:
            owner.can_send = True
        self._settle()
        for owner in self.owners:
            for number, seen in list(owner.seen.items()):
                if not seen.closed:
                    assert not seen.asked
                    stream = self.streams[seen.label, not owner.is_client]
                    assert stream.sent == stream.received
                    assert stream.eof_sent == stream.eof_received
                seen.closed = True
                owner.protocol.close(number)
        self._settle()
        for owner in self.owners:
            assert not owner.seen
            assert not owner.opening
            assert not owner.asked
            assert not owner.protocol.channels
        # numbers come free: as many channels as ever fit again, at both ends
        for owner in self.owners:
            for _ in range(LIMITS.channels):
                number = owner.protocol.open_channel(UnknownKind("any@tests.example", b""))
                assert number < RESTING + LIMITS.channels

    def _settle(self) -> None:
        first, second = self.owners
        while first.under_way or second.under_way or first.questions or second.questions:
            self._deliver(first, second, len(first.under_way))
            self._deliver(second, first, len(second.under_way))
            for owner in self.owners:
                while owner.questions:
                    self._answer(owner, owner.questions.pop(0), granted=True)


Connections.TestCase.settings = settings(max_examples=100, stateful_step_count=100)
TestConnections = Connections.TestCase
