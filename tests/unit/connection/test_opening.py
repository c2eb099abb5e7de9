"""CHANNEL_OPEN and its two answers (RFC 4254 section 5.1), CLOSE and what comes after it (section 5.3)."""

import pytest

from pyssh.connection.channel import ChannelState
from pyssh.connection.kinds import DirectTcpip, ForwardedTcpip, Session, UnknownKind
from pyssh.connection.numbering import RESTING
from pyssh.connection.requests import Shell
from pyssh.connection.window import MIN_PACKET_SIZE
from pyssh.errors import ChannelOpenError, DecodeError, OpenFailureReason, ProtocolError, UsageError
from pyssh.events import (
    ChannelClosed,
    ChannelOpened,
    ChannelOpenFailed,
    ChannelOpenRequested,
    ChannelRequestReceived,
    EofReceived,
    OpenAccepted,
    OpenRefused,
)
from pyssh.messages.connection import (
    ChannelClose,
    ChannelData,
    ChannelEof,
    ChannelExtendedData,
    ChannelFailure,
    ChannelOpen,
    ChannelOpenConfirmation,
    ChannelOpenFailure,
    ChannelSuccess,
    ChannelWindowAdjust,
)
from pyssh.options import Limits
from pyssh.wire.message import Message
from tests.unit.connection.joined import End, Joined


def test_an_open_is_asked_about_and_granted() -> None:
    joined = Joined()
    client, server = joined.client, joined.server
    number = client.protocol.open_channel(DirectTcpip("host", 80, "::1", 9))
    assert client.protocol.channels[number].state is ChannelState.OPENING
    joined.run()
    question = server.take(ChannelOpenRequested)
    assert question.kind == DirectTcpip("host", 80, "::1", 9)
    assert server.protocol.channels[question.channel].state is ChannelState.ASKED
    assert not client.events
    server.protocol.answer(question, OpenAccepted(b"extra"))
    joined.run()
    assert client.take(ChannelOpened) == ChannelOpened(number, b"extra")
    assert client.protocol.channels[number].state is ChannelState.OPEN
    assert client.protocol.channels[number].locally_opened
    assert not server.protocol.channels[question.channel].locally_opened
    assert repr(client.protocol.channels[number]) == "<Channel 0 DirectTcpip OPEN>"


def test_only_the_first_answer_to_an_open_counts() -> None:
    joined = Joined()
    joined.client.protocol.open_channel(Session())
    joined.run()
    question = joined.server.take(ChannelOpenRequested)
    for answer in (OpenAccepted(), OpenRefused(), OpenAccepted()):
        joined.server.protocol.answer(question, answer)
    joined.run()
    joined.client.take(ChannelOpened)
    assert not joined.client.events


def test_a_refused_open_leaves_nothing() -> None:
    joined = Joined()
    number = joined.client.protocol.open_channel(Session())
    joined.run()
    question = joined.server.take(ChannelOpenRequested)
    joined.server.protocol.answer(question, OpenRefused(OpenFailureReason.CONNECT_FAILED, "no"))
    joined.server.protocol.answer(question, OpenAccepted())
    joined.run()
    assert joined.client.take(ChannelOpenFailed) == ChannelOpenFailed(number, 2, "no")
    assert not joined.client.protocol.channels
    assert not joined.server.protocol.channels


@pytest.mark.parametrize(
    ("is_client", "channel_type"),
    [(True, "session"), (True, "direct-tcpip"), (False, "forwarded-tcpip"), (False, "x11")],
)
def test_what_the_role_may_not_open_is_refused_unseen(is_client: bool, channel_type: str) -> None:
    end = End(is_client=is_client)
    # its fields are not even decoded
    end.receive(ChannelOpen(channel_type, 7, 1000, 1000, b"\xff"))
    assert end.sent() == [ChannelOpenFailure(7, 1, "open failed")]
    assert not end.events
    assert not end.protocol.channels


def test_a_client_is_asked_about_forwarded_channels() -> None:
    end = End(is_client=True)
    kind = ForwardedTcpip("", 8080, "1.2.3.4", 5)
    end.receive(ChannelOpen("forwarded-tcpip", 7, 1000, 1000, kind.encode()))
    assert end.take(ChannelOpenRequested).kind == kind


def test_unknown_types_are_asked_about() -> None:
    end = End(is_client=True)
    end.receive(ChannelOpen("odd@tests.example", 7, 1000, 1000, b"\xff"))
    assert end.take(ChannelOpenRequested).kind == UnknownKind("odd@tests.example", b"\xff")


def test_fields_of_a_known_type_must_decode() -> None:
    end = End(is_client=False)
    with pytest.raises(DecodeError, match="Session"):
        end.protocol.receive(memoryview(ChannelOpen("session", 7, 1000, 1000, b"\xff").encode()))
    assert not end.protocol.channels


@pytest.mark.parametrize("size", [0, 1, MIN_PACKET_SIZE - 1])
def test_a_peer_that_takes_only_crumbs_is_refused(size: int) -> None:
    end = End(is_client=False)
    end.receive(ChannelOpen("session", 7, 1000, size))
    assert end.sent() == [ChannelOpenFailure(7, 1, f"a maximum packet size of {size}")]
    end.protocol.open_channel(ForwardedTcpip("", 1, "", 1))
    with pytest.raises(ProtocolError, match=f"a maximum packet size of {size}"):
        end.receive(ChannelOpenConfirmation(0, 7, 1000, size))


def test_channels_have_a_limit_both_ways() -> None:
    joined = Joined(client=Limits(channels=2), server=Limits(channels=1))
    joined.open()
    joined.client.protocol.open_channel(Session())
    joined.run()
    assert joined.client.take(ChannelOpenFailed).reason == OpenFailureReason.RESOURCE_SHORTAGE
    joined.client.protocol.open_channel(Session())
    with pytest.raises(ChannelOpenError, match="too many channels"):
        joined.client.protocol.open_channel(Session())


def test_close_is_answered_with_close() -> None:
    joined = Joined()
    local, remote = joined.open()
    joined.client.protocol.close(local)
    assert joined.client.payloads == [ChannelClose(remote).encode()]
    joined.client.protocol.close(local)
    joined.run()
    assert joined.client.take(ChannelClosed).channel == local
    assert joined.server.take(ChannelClosed).channel == remote
    assert not joined.client.protocol.channels
    assert not joined.server.protocol.channels


def test_both_may_close_at_once() -> None:
    joined = Joined()
    local, remote = joined.open()
    joined.client.protocol.close(local)
    joined.server.protocol.close(remote)
    joined.run()
    joined.client.take(ChannelClosed)
    joined.server.take(ChannelClosed)
    assert not joined.client.protocol.channels
    assert not joined.server.protocol.channels


def test_a_channel_closed_while_it_opens_is_closed_when_confirmed() -> None:
    joined = Joined()
    number = joined.client.protocol.open_channel(Session())
    joined.client.protocol.close(number)
    joined.run()
    joined.server.protocol.answer(joined.server.take(ChannelOpenRequested), OpenAccepted())
    joined.run()
    assert joined.client.take(ChannelClosed).channel == number
    assert not joined.client.events
    assert not joined.server.protocol.channels


def test_an_open_question_is_not_closed_but_answered() -> None:
    end = End(is_client=False)
    end.receive(ChannelOpen("session", 7, 1000, 1000))
    with pytest.raises(UsageError, match="answer the question"):
        end.protocol.close(end.take(ChannelOpenRequested).channel)


def test_after_our_close_everything_but_close_is_dropped() -> None:
    joined = Joined()
    local, remote = joined.open()
    client = joined.client
    client.protocol.close(local)
    for message in (
        ChannelData(local, b"late"),
        ChannelExtendedData(local, 1, b"late"),
        ChannelWindowAdjust(local, 1),
        ChannelEof(local),
    ):
        client.receive(message)
    joined.server.protocol.request(remote, Shell())
    joined.run()
    client.take(ChannelClosed)
    assert not client.events


def test_data_after_our_close_is_still_held_to_the_window() -> None:
    joined = Joined()
    local, _ = joined.open(window_size=100)
    joined.client.protocol.close(local)
    joined.client.receive(ChannelData(local, bytes(100)))
    with pytest.raises(ProtocolError, match="1 bytes of data"):
        joined.client.receive(ChannelData(local, bytes(1)))


@pytest.mark.parametrize("message", [ChannelData(0, b"late"), ChannelSuccess(0), ChannelClose(0)])
def test_messages_that_cross_the_close_are_dropped(message: Message) -> None:
    joined = Joined()
    local, _ = joined.open()
    joined.client.protocol.close(local)
    joined.run()
    joined.client.events.clear()
    joined.client.receive(message)
    assert not joined.client.events
    assert not joined.client.payloads


@pytest.mark.parametrize("message", [ChannelData(3, b""), ChannelEof(3), ChannelExtendedData(3, 1, b"")])
def test_messages_for_channels_that_never_were_end_the_connection(message: Message) -> None:
    joined = Joined()
    joined.open()
    with pytest.raises(ProtocolError, match="channel 3, which does not exist"):
        joined.client.receive(message)


def test_numbers_come_back() -> None:
    joined = Joined()
    for _ in range(3 * RESTING):
        local, _ = joined.open()
        assert local <= RESTING
        joined.client.protocol.close(local)
        joined.run()
        joined.client.events.clear()
        joined.server.events.clear()


def test_a_channel_may_be_forgotten_when_the_peer_never_closes_it() -> None:
    joined = Joined()
    local, _ = joined.open()
    client = joined.client
    with pytest.raises(UsageError, match="channel 0 is not closed"):
        client.protocol.forget(local)
    client.protocol.close(local)
    channel = client.protocol.channels[local]
    client.protocol.forget(local)
    client.protocol.forget(local)
    assert not client.protocol.channels
    assert channel.state is ChannelState.CLOSED
    client.receive(ChannelData(local, b"late"))
    client.receive(ChannelFailure(local))
    client.receive(ChannelClose(local))
    assert not client.events
    assert client.sent() == [ChannelClose(0)]


def test_calls_about_a_closed_channel_do_nothing() -> None:
    joined = Joined()
    local, remote = joined.open()
    joined.client.protocol.request(local, Shell())
    joined.run()
    question = joined.server.take(ChannelRequestReceived)
    joined.server.protocol.close(remote)
    joined.run()
    for end, number in ((joined.client, local), (joined.server, remote)):
        end.protocol.consumed(number, 5)
        end.protocol.send_eof(number)
        end.protocol.close(number)
        end.protocol.forget(number)
        assert end.protocol.send_data(number, b"abc") == 0
        assert end.protocol.writable(number) == 0
        with pytest.raises(UsageError, match="which is closed"):
            end.protocol.request(number, Shell())
    joined.server.protocol.answer(question, True)
    assert not joined.client.payloads
    assert not joined.server.payloads


def test_calls_about_channels_that_never_were_are_wrong() -> None:
    protocol = End(is_client=True).protocol
    for call in (protocol.close, protocol.send_eof, protocol.writable, protocol.forget):
        with pytest.raises(UsageError, match="there is no channel 5"):
            call(5)
    with pytest.raises(UsageError, match="there is no channel 5"):
        protocol.consumed(5, 1)
    with pytest.raises(UsageError, match="there is no channel 5"):
        protocol.send_data(5, b"abc")


def test_a_channel_that_is_opening_carries_nothing() -> None:
    end = End(is_client=True)
    number = end.protocol.open_channel(Session())
    assert end.protocol.writable(number) == 0
    assert end.protocol.send_data(number, b"abc") == 0
    with pytest.raises(UsageError, match="not open yet"):
        end.protocol.send_eof(number)
    with pytest.raises(UsageError, match="not open yet"):
        end.protocol.request(number, Shell())


def test_a_channel_asked_for_carries_nothing() -> None:
    end = End(is_client=False)
    end.receive(ChannelOpen("session", 7, 1000, 1000))
    number = end.take(ChannelOpenRequested).channel
    assert end.protocol.writable(number) == 0
    assert end.protocol.send_data(number, b"abc") == 0
    with pytest.raises(ProtocolError, match="which is ASKED"):
        end.receive(ChannelData(number, b"abc"))


def test_the_end_of_the_connection_forgets_everything() -> None:
    joined = Joined()
    local, _ = joined.open()
    end = joined.client
    end.protocol.request(local, Shell())
    joined.run()
    question = joined.server.take(ChannelRequestReceived)
    channel = joined.server.protocol.channels[question.channel]
    for side in (joined.client, joined.server):
        side.protocol.ended()
    joined.server.protocol.answer(question, True)
    end.protocol.consumed(local, 1)
    end.protocol.send_keepalive()
    assert end.protocol.send_data(local, b"abc") == 0
    assert channel.state is ChannelState.CLOSED
    assert not end.protocol.channels
    assert not end.payloads
    assert not joined.server.payloads
    with pytest.raises(UsageError, match="over"):
        end.protocol.open_channel(Session())
    with pytest.raises(UsageError, match="over"):
        end.protocol.global_request(Shell())


def test_eof_is_told_once_and_leaves_the_other_direction_open() -> None:
    joined = Joined()
    local, remote = joined.open()
    joined.client.protocol.send_eof(local)
    joined.client.protocol.send_eof(local)
    joined.run()
    assert joined.server.take(EofReceived).channel == remote
    assert not joined.server.events
    with pytest.raises(UsageError, match="data after EOF"):
        joined.client.protocol.send_data(local, b"more")
    assert joined.client.protocol.writable(local) == 0
    joined.server.protocol.send_data(remote, b"still")
    joined.run()
    assert joined.client.take_data() == b"still"


def test_a_second_eof_is_forgiven_and_data_after_eof_is_not() -> None:
    joined = Joined()
    _, remote = joined.open()
    joined.server.receive(ChannelEof(remote))
    joined.server.receive(ChannelEof(remote))
    joined.server.take(EofReceived)
    assert not joined.server.events
    with pytest.raises(ProtocolError, match="data after EOF"):
        joined.server.receive(ChannelData(remote, b"abc"))


def test_eof_after_close_is_not_sent() -> None:
    joined = Joined()
    local, remote = joined.open()
    joined.client.protocol.close(local)
    joined.client.protocol.send_eof(local)
    assert joined.client.sent() == [ChannelClose(remote)]
