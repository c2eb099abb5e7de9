"""State that travels: a protocol exported and continued by another one, without the peer noticing."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from pyssh.connection.channel import ChannelState
from pyssh.connection.kinds import DirectTcpip, Session, UnknownKind
from pyssh.connection.requests import (
    ChannelKeepalive,
    Exec,
    KeepaliveRequest,
    NoMoreSessions,
    Shell,
    TcpipForward,
)
from pyssh.connection.state import ChannelRecord, ConnectionState, GlobalRequestsState, PlaceState
from pyssh.events import (
    ChannelClosed,
    ChannelOpened,
    ChannelOpenRequested,
    ChannelRequestAnswered,
    ChannelRequestReceived,
    GlobalRequestAnswered,
    GlobalRequestReceived,
    OpenAccepted,
)
from pyssh.messages.connection import ChannelClose
from pyssh.options import Limits
from tests.unit.connection.joined import End, Joined
from tests.unit.wire.strategies import FIELDS, structs

PLACES = st.lists(structs(PlaceState), max_size=3).map(tuple)
RECORDS = st.builds(
    ChannelRecord,
    *(PLACES if codec.name == "PlaceStates" else FIELDS[codec.name] for _, codec in ChannelRecord.codecs),
)
GLOBALS = st.builds(GlobalRequestsState, st.booleans(), st.binary(), PLACES)


@settings(max_examples=50)
@given(
    st.builds(
        ConnectionState,
        FIELDS["uint32"],
        FIELDS["numbers"],
        FIELDS["numbers"],
        GLOBALS,
        st.lists(RECORDS, max_size=3).map(tuple),
    )
)
def test_the_record_round_trips(state: ConnectionState) -> None:
    assert ConnectionState.decode(state.encode()) == state


def hand_over(end: End) -> None:
    """Continue with a new protocol, made of the exported bytes of the old one."""
    exported = end.protocol.export_state().encode()
    end.protocol = end.make()
    end.events.clear()
    end.protocol.restore_state(ConnectionState.decode(exported))
    assert end.protocol.export_state().encode() == exported


def test_an_empty_connection_travels() -> None:
    joined = Joined()
    hand_over(joined.client)
    hand_over(joined.server)
    joined.open()


def test_windows_and_flags_travel() -> None:
    joined = Joined(client=Limits(window_growth=0))
    local, remote = joined.open(DirectTcpip("host", 80, "", 0), window_size=1000, maximum_packet_size=300)
    joined.server.protocol.send_data(remote, bytes(700))
    joined.client.protocol.send_eof(local)
    joined.run()
    joined.client.protocol.consumed(local, 200)
    hand_over(joined.client)
    hand_over(joined.server)
    kept = joined.client.protocol.channels[local]
    assert kept.kind == DirectTcpip("host", 80, "", 0)
    assert (kept.state, kept.eof_sent, kept.eof_received) == (ChannelState.OPEN, True, False)
    assert (kept.local_window.available, kept.local_window.unreturned, kept.local_window.held) == (
        300,
        200,
        500,
    )
    assert joined.server.protocol.channels[remote].eof_received
    assert joined.server.protocol.send_data(remote, bytes(700)) == 300
    joined.run()
    joined.client.protocol.consumed(local, 800)
    joined.run()
    assert joined.server.protocol.writable(remote) == 1000


def test_open_questions_are_asked_again_in_their_places() -> None:
    joined = Joined()
    local, _ = joined.open()
    for command in (b"a", b"b"):
        joined.client.protocol.request(local, Exec(command))
    joined.client.protocol.request(local, ChannelKeepalive())
    joined.client.protocol.global_request(TcpipForward("", 1))
    joined.client.protocol.global_request(TcpipForward("", 2))
    joined.client.protocol.global_request(TcpipForward("", 3))
    joined.client.protocol.open_channel(UnknownKind("odd@tests.example", b"x"))
    joined.run()
    server = joined.server
    questions = list(server.events)
    assert isinstance(questions[3], GlobalRequestReceived)
    server.protocol.answer(questions[3], b"two")
    assert isinstance(questions[4], GlobalRequestReceived)
    server.protocol.answer(questions[4], None)
    hand_over(server)
    hand_over(joined.client)
    asked_global = server.take(GlobalRequestReceived)
    assert asked_global.request == TcpipForward("", 1)
    first, second = [server.take(ChannelRequestReceived) for _ in range(2)]
    assert (first.request, second.request) == (Exec(b"a"), Exec(b"b"))
    asked = server.take(ChannelOpenRequested)
    assert asked.kind == UnknownKind("odd@tests.example", b"x")
    assert not server.events
    server.protocol.answer(second, True)
    server.protocol.answer(first, True)
    server.protocol.answer(asked_global, b"")
    server.protocol.answer(asked, OpenAccepted())
    joined.run()
    assert joined.client.events == [
        ChannelRequestAnswered(local, True),
        ChannelRequestAnswered(local, True),
        ChannelRequestAnswered(local, False),
        GlobalRequestAnswered(True, b""),
        GlobalRequestAnswered(True, b"two"),
        GlobalRequestAnswered(False, b""),
        ChannelOpened(1, b""),
    ]


def test_what_we_wait_for_travels() -> None:
    joined = Joined()
    local, _ = joined.open()
    client = joined.client
    client.protocol.request(local, Shell())
    client.protocol.send_keepalive()
    client.protocol.global_request(NoMoreSessions())
    client.protocol.global_request(KeepaliveRequest())
    opening = client.protocol.open_channel(DirectTcpip("host", 80, "", 0))
    abandoned = client.protocol.open_channel(DirectTcpip("host", 81, "", 0))
    client.protocol.close(abandoned)
    hand_over(client)
    joined.run()
    hand_over(joined.server)
    assert joined.server.protocol.no_more_sessions
    server = joined.server
    server.protocol.answer(server.take(ChannelRequestReceived), True)
    for _ in range(2):
        server.protocol.answer(server.take(ChannelOpenRequested), OpenAccepted())
    joined.run()
    assert client.events == [
        GlobalRequestAnswered(True, b""),
        GlobalRequestAnswered(False, b""),
        ChannelRequestAnswered(local, True),
        ChannelOpened(opening, b""),
        ChannelClosed(abandoned),
    ]
    assert abandoned not in client.protocol.channels


def test_closed_channels_travel() -> None:
    joined = Joined()
    client = joined.client
    closed, _ = joined.open()
    client.protocol.close(closed)
    joined.run()
    joined.server.events.clear()
    forgotten, _ = joined.open()
    closing, closing_remote = joined.open()
    client.protocol.close(forgotten)
    client.payloads.clear()
    client.protocol.forget(forgotten)
    client.protocol.close(closing)
    hand_over(client)
    client.protocol.close(closing)
    assert client.payloads == [ChannelClose(closing_remote).encode()]
    client.receive(ChannelClose(closed))
    client.receive(ChannelClose(forgotten))
    joined.run()
    assert not client.protocol.channels
    assert client.protocol.open_channel(Session()) == 3


def test_growth_has_one_budget_for_all_channels() -> None:
    joined = Joined(client=Limits(window_growth=1500))
    channels = [joined.open(Session(), window_size=1000, maximum_packet_size=500) for _ in range(2)]
    clock = itertools.count(1.0)

    def fill_slowly(local: int, remote: int) -> int:
        """Send as a peer does that gets each credit late, until the window has grown or does not any more."""
        window = joined.client.protocol.channels[local].local_window
        before = window.size
        for _ in range(20):
            joined.client.protocol.set_time(next(clock))
            joined.server.protocol.send_data(remote, bytes(before // 2))
            joined.run()
            joined.client.protocol.consumed(local, window.held)
            joined.run()
            if window.size > before:
                break
        return window.size

    assert [fill_slowly(*channel) for channel in channels] == [2000, 1500]
    assert fill_slowly(*channels[1]) == 1500
    local, remote = channels[0]
    joined.client.protocol.close(local)
    joined.run()
    joined.server.protocol.close(remote)
    joined.run()
    assert fill_slowly(*channels[1]) == 2500
