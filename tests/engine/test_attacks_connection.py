"""Attacks on the connection layer: more than was allowed, what was not asked for, and what is not theirs."""

import pytest

from pyssh.connection.kinds import DirectTcpip, Session
from pyssh.connection.requests import Exec
from pyssh.errors import Disconnected, OpenFailureReason, ProtocolError
from pyssh.events import (
    ChannelClosed,
    ChannelOpened,
    ChannelOpenRequested,
    ChannelRequestReceived,
    DataReceived,
    DebugReceived,
    Ended,
    GlobalRequestReceived,
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
    ChannelRequest,
    ChannelSuccess,
    ChannelWindowAdjust,
    GlobalRequest,
    RequestFailure,
    RequestSuccess,
)
from pyssh.messages.transport import Debug, Disconnect
from pyssh.options import Limits
from pyssh.wire.message import Message
from tests.support.rogue import Rogue, Stage
from tests.unit.keys.building import strings

both_roles = pytest.mark.parametrize("victim_is_client", [True, False], ids=["client", "server"])
SMALL = Limits(window_size=1000, maximum_packet_size=400)
MAX = 2**32 - 1


def opened(victim_is_client: bool = False, limits: Limits | None = None) -> Rogue:
    rogue = Rogue(Stage.OPEN, victim_is_client=victim_is_client, limits=limits, watch=True)
    rogue.victim.events.clear()
    rogue.said.clear()
    return rogue


def ends(rogue: Rogue, *messages: Message) -> None:
    rogue.send(*[message.encode() for message in messages])
    assert isinstance(rogue.error, ProtocolError)


# --- windows and packets


@both_roles
def test_more_data_than_the_window(victim_is_client: bool) -> None:
    rogue = opened(victim_is_client, SMALL)
    rogue.send(*[ChannelData(0, bytes(400)).encode()] * 2)
    assert not rogue.ended
    ends(rogue, ChannelData(0, bytes(201)))
    assert sum(len(event.data) for event in rogue.victim.of(DataReceived)) == 800


@both_roles
def test_both_kinds_of_data_share_the_window(victim_is_client: bool) -> None:
    rogue = opened(victim_is_client, SMALL)
    rogue.send(*[ChannelExtendedData(0, 1, bytes(400)).encode()] * 2)
    ends(rogue, ChannelData(0, bytes(201)))


@both_roles
@pytest.mark.parametrize("message", [ChannelData(0, bytes(401)), ChannelExtendedData(0, 1, bytes(401))])
def test_a_larger_packet_than_was_allowed(message: Message, victim_is_client: bool) -> None:
    ends(opened(victim_is_client, SMALL), message)


@both_roles
def test_data_that_was_not_taken_gives_no_window_back(victim_is_client: bool) -> None:
    """A slow reader is not made to hold more by data that comes behind its CLOSE."""
    rogue = opened(victim_is_client, SMALL)
    rogue.victim.engine.connection.close(0)
    rogue.send(*[ChannelData(0, bytes(400)).encode()] * 2)
    assert not rogue.victim.of(DataReceived)
    assert not [message for message in rogue.said if isinstance(message, ChannelWindowAdjust)]
    ends(rogue, ChannelData(0, bytes(400)))


@both_roles
def test_a_window_above_what_32_bits_hold(victim_is_client: bool) -> None:
    rogue = opened(victim_is_client)
    ends(rogue, ChannelWindowAdjust(0, MAX))
    rogue = opened(victim_is_client)
    ends(rogue, *[ChannelWindowAdjust(0, 2**30)] * 4)


def test_the_largest_window_there_is() -> None:
    rogue = opened()
    rogue.send(ChannelOpen("session", 5, MAX, MAX).encode())
    rogue.settle()
    connection = rogue.victim.engine.connection
    assert connection.writable(1) == MAX
    # our packets stay as small as they have to be, whatever is allowed
    rogue.collect()
    assert connection.send_data(1, bytes(1_000_000)) == 1_000_000
    frames = rogue.victim.engine.data_to_send()
    assert max(len(frame) for frame in frames) <= Limits().packet_size
    ends(rogue, ChannelWindowAdjust(1, 1_000_001))


@pytest.mark.parametrize("size", [0, 1, 63])
def test_packets_of_crumbs(size: int) -> None:
    """64 KiB in packets of one byte are 64 Ki packets of ours."""
    rogue = opened()
    rogue.send(ChannelOpen("session", 5, 65536, size).encode())
    (refusal,) = rogue.said
    assert isinstance(refusal, ChannelOpenFailure)
    assert not rogue.victim.of(ChannelOpenRequested)
    rogue = opened(victim_is_client=True)
    number = rogue.victim.engine.connection.open_channel(Session())
    ends(rogue, ChannelOpenConfirmation(number, 9, 65536, size))


# --- what the other role may do


@pytest.mark.parametrize(
    ("channel_type", "data"),
    [
        ("session", b""),
        ("direct-tcpip", strings("host") + b"\0\0\0\x50" + strings("me") + bytes(4)),
        ("direct-streamlocal@openssh.com", strings("/tmp/socket", "") + bytes(4)),
    ],
)
def test_a_client_is_no_server(channel_type: str, data: bytes) -> None:
    rogue = opened(victim_is_client=True)
    rogue.send(ChannelOpen(channel_type, 5, 65536, 32768, data).encode())
    assert rogue.said == [ChannelOpenFailure(5, OpenFailureReason.ADMINISTRATIVELY_PROHIBITED, "open failed")]
    assert not rogue.victim.of(ChannelOpenRequested)


@pytest.mark.parametrize(
    "channel_type", ["forwarded-tcpip", "x11", "auth-agent@openssh.com", "forwarded-streamlocal@openssh.com"]
)
def test_a_server_is_no_client(channel_type: str) -> None:
    rogue = opened()
    rogue.send(ChannelOpen(channel_type, 5, 65536, 32768).encode())
    assert [type(message) for message in rogue.said] == [ChannelOpenFailure]
    assert not rogue.victim.of(ChannelOpenRequested)


def test_channels_that_nobody_answers_for_are_not_open() -> None:
    """A question not answered is a refusal: an agent channel opened by a server stays shut by itself."""
    rogue = opened(victim_is_client=True)
    rogue.send(ChannelOpen("auth-agent@openssh.com", 5, 65536, 32768).encode())
    assert rogue.said == []
    ends(rogue, ChannelData(1, b"list the keys"))


@pytest.mark.parametrize("request_type", ["exit-status", "exit-signal", "xon-xoff"])
def test_requests_of_servers_to_a_server(request_type: str) -> None:
    rogue = opened()
    rogue.send(ChannelRequest(0, request_type, True, bytes(4)).encode())
    assert [type(message) for message in rogue.said] == [ChannelFailure]
    assert not rogue.victim.of(ChannelRequestReceived)


@pytest.mark.parametrize(
    "request_type", ["shell", "exec", "pty-req", "env", "subsystem", "x11-req", "signal"]
)
def test_requests_of_clients_to_a_client(request_type: str) -> None:
    rogue = opened(victim_is_client=True)
    rogue.send(ChannelRequest(0, request_type, True, bytes(20)).encode())
    assert [type(message) for message in rogue.said] == [ChannelFailure]
    assert not rogue.victim.of(ChannelRequestReceived)


@pytest.mark.parametrize("name", ["tcpip-forward", "cancel-tcpip-forward", "no-more-sessions@openssh.com"])
def test_global_requests_of_clients_to_a_client(name: str) -> None:
    rogue = opened(victim_is_client=True)
    rogue.send(GlobalRequest(name, True, bytes(8)).encode())
    assert rogue.said == [RequestFailure()]
    assert not rogue.victim.of(GlobalRequestReceived)


def test_host_keys_of_a_client_to_a_server() -> None:
    rogue = opened()
    rogue.send(GlobalRequest("hostkeys-00@openssh.com", True, strings(b"key")).encode())
    assert rogue.said == [RequestFailure()]
    assert not rogue.victim.of(GlobalRequestReceived)


def test_no_more_sessions_means_it() -> None:
    rogue = opened()
    rogue.send(
        GlobalRequest("no-more-sessions@openssh.com", False).encode(),
        ChannelOpen("session", 5, 65536, 32768).encode(),
    )
    assert [type(message) for message in rogue.said] == [ChannelOpenFailure]
    assert not rogue.victim.of(ChannelOpenRequested)


# --- channels that are not there, or not in that state


@both_roles
@pytest.mark.parametrize(
    "message",
    [
        ChannelData(7, b""),
        ChannelExtendedData(7, 1, b""),
        ChannelEof(7),
        ChannelClose(7),
        ChannelWindowAdjust(7, 1),
        ChannelRequest(7, "x", True),
        ChannelSuccess(7),
        ChannelFailure(7),
        ChannelOpenConfirmation(7, 0, 1000, 1000),
        ChannelOpenFailure(7, 1, ""),
        ChannelData(MAX, b""),
        ChannelOpenConfirmation(0, 9, 1000, 1000),
        ChannelOpenFailure(0, 1, ""),
        ChannelSuccess(0),
        ChannelFailure(0),
        RequestSuccess(),
        RequestFailure(),
        ChannelExtendedData(0, 0, b"x"),
    ],
    ids=str,
)
def test_messages_for_nothing(message: Message, victim_is_client: bool) -> None:
    ends(opened(victim_is_client), message)


@both_roles
def test_a_channel_that_is_not_yet_open(victim_is_client: bool) -> None:
    for message in (ChannelData(1, b"x"), ChannelEof(1), ChannelClose(1), ChannelRequest(1, "x", False)):
        rogue = opened(victim_is_client)
        rogue.victim.engine.connection.open_channel(
            Session() if victim_is_client else DirectTcpip("", 0, "", 0)
        )
        ends(rogue, message)


@both_roles
def test_a_confirmation_comes_once(victim_is_client: bool) -> None:
    rogue = opened(victim_is_client)
    rogue.victim.engine.connection.open_channel(Session())
    confirmation = ChannelOpenConfirmation(1, 9, 1000, 1000)
    ends(rogue, confirmation, confirmation)
    assert len(rogue.victim.of(ChannelOpened)) == 1


@both_roles
def test_data_behind_eof_and_behind_close(victim_is_client: bool) -> None:
    ends(opened(victim_is_client), ChannelEof(0), ChannelData(0, b"x"))
    rogue = opened(victim_is_client)
    rogue.send(ChannelClose(0).encode(), ChannelData(0, b"x").encode(), ChannelRequest(0, "x", True).encode())
    assert not rogue.victim.of(DataReceived)
    assert not rogue.victim.of(ChannelRequestReceived)
    assert len(rogue.victim.of(ChannelClosed)) == 1


def test_late_messages_do_not_reach_the_numbers_next_owner() -> None:
    rogue = opened()
    rogue.send(ChannelClose(0).encode(), ChannelOpen("session", 5, 65536, 32768).encode())
    rogue.settle()
    (question,) = rogue.victim.of(ChannelOpenRequested)
    assert question.channel != 0
    rogue.send(ChannelData(0, b"for the old one").encode())
    assert not rogue.victim.of(DataReceived)


@both_roles
def test_more_answers_than_requests(victim_is_client: bool) -> None:
    rogue = opened(victim_is_client)
    rogue.victim.engine.connection.request(0, Exec(b"true"))
    ends(rogue, ChannelSuccess(0), ChannelSuccess(0))


def test_answers_leave_in_order_whatever_the_owner_does() -> None:
    rogue = opened()
    rogue.send(*[ChannelRequest(0, "exec", True, strings(str(number))).encode() for number in range(3)])
    first, second, third = rogue.victim.of(ChannelRequestReceived)
    for question, answer in ((third, True), (second, False)):
        rogue.victim.answer(question, answer)
    assert rogue.said == []
    rogue.victim.answer(first, True)
    assert [type(message) for message in rogue.said] == [ChannelSuccess, ChannelFailure, ChannelSuccess]


# --- fields that do not decode


@pytest.mark.parametrize(
    "message",
    [
        ChannelRequest(0, "pty-req", True, bytes(5)),
        ChannelRequest(0, "exec", True, b"\xff\xff\xff\xff"),
        ChannelRequest(0, "exec", True, strings("true") + b"\0"),
        ChannelRequest(0, "window-change", False, bytes(15)),
        ChannelOpen("direct-tcpip", 5, 65536, 32768, strings(b"\xff\xfe")),
        GlobalRequest("tcpip-forward", True, bytes(7)),
    ],
    ids=str,
)
def test_declared_fields_are_decoded_strictly(message: Message) -> None:
    ends(opened(), message)


# --- text from outside


@both_roles
@pytest.mark.parametrize("stage", list(Stage))
def test_a_goodbye_with_hostile_text(stage: Stage, victim_is_client: bool) -> None:
    rogue = Rogue(stage, victim_is_client=victim_is_client)
    rogue.send(Disconnect(2**32 - 1, "\x1b]0;title\x07\n\0" + "x" * 1000).encode())
    assert isinstance(rogue.error, Disconnected)
    assert rogue.error.reason == 2**32 - 1
    # not an answer, and nothing taken any more
    assert rogue.collect() == b""
    rogue.feed(b"anything")
    assert isinstance(rogue.victim.events[-1], Ended)


@both_roles
def test_text_that_is_not_text(victim_is_client: bool) -> None:
    for payload in (
        b"\1" + bytes(4) + strings(b"\xff\xfe") + bytes(4),
        b"\4\1" + strings(b"\xc0\x80") + bytes(4),
        b"\4\1" + strings(b"\xed\xa0\x80") + bytes(4),
    ):
        rogue = opened(victim_is_client)
        rogue.send(payload)
        assert "not UTF-8" in str(rogue.error)
        assert not rogue.victim.of(DebugReceived)
    rogue = opened(victim_is_client)
    rogue.send(Debug(True, "\x1b[31m\0", "").encode())
    assert rogue.victim.of(DebugReceived)[0].message == "\x1b[31m\0"
