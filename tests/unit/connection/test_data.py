"""Channel data and its flow control (RFC 4254 section 5.2)."""

import pytest

from pyssh.connection.kinds import Session
from pyssh.errors import DecodeError, ProtocolError, UsageError
from pyssh.events import DataReceived, WindowAdjusted
from pyssh.messages.connection import (
    ChannelData,
    ChannelExtendedData,
    ChannelOpenConfirmation,
    ChannelWindowAdjust,
)
from pyssh.options import Limits
from tests.unit.connection.joined import End, Joined


def opened(window: int, packet: int, limits: Limits | None = None) -> End:
    """Return a client with channel 0, for which the peer (its number 7) announced these sizes."""
    end = End(is_client=True, limits=limits)
    end.protocol.open_channel(Session())
    end.receive(ChannelOpenConfirmation(0, 7, window, packet))
    end.payloads.clear()
    end.events.clear()
    return end


@pytest.mark.parametrize("code", [0, 1, 2])
def test_data_arrives_with_its_type(code: int) -> None:
    joined = Joined()
    local, remote = joined.open()
    assert joined.client.protocol.send_data(local, b"hello", code) == 5
    joined.run()
    event = joined.server.take(DataReceived)
    assert event == DataReceived(remote, memoryview(b"hello"), code)


def test_data_is_split_into_packets() -> None:
    end = opened(1000, 100)
    assert end.protocol.send_data(0, memoryview(bytes(range(250)))) == 250
    assert end.sent() == [
        ChannelData(7, bytes(range(100))),
        ChannelData(7, bytes(range(100, 200))),
        ChannelData(7, bytes(range(200, 250))),
    ]
    assert end.protocol.writable(0) == 750


def test_extended_data_shares_the_window() -> None:
    end = opened(150, 100)
    assert end.protocol.send_data(0, b"x" * 100) == 100
    assert end.protocol.send_data(0, b"y" * 100, 1) == 50
    assert end.sent() == [ChannelData(7, b"x" * 100), ChannelExtendedData(7, 1, b"y" * 50)]
    assert end.protocol.send_data(0, b"z") == 0
    assert not end.payloads


def test_a_window_adjust_lets_more_go() -> None:
    end = opened(0, 100)
    assert end.protocol.send_data(0, b"abc") == 0
    end.receive(ChannelWindowAdjust(0, 2))
    assert end.take(WindowAdjusted).channel == 0
    assert end.protocol.writable(0) == 2
    assert end.protocol.send_data(0, b"abc") == 2
    assert end.sent() == [ChannelData(7, b"ab")]


def test_a_window_may_not_overflow() -> None:
    end = opened(2**32 - 1, 100)
    with pytest.raises(ProtocolError, match="window"):
        end.receive(ChannelWindowAdjust(0, 1))


def test_nothing_is_sent_during_a_key_exchange() -> None:
    end = opened(1000, 100)
    end.can_send = False
    assert end.protocol.writable(0) == 0
    assert end.protocol.send_data(0, b"abc") == 0
    end.can_send = True
    assert end.protocol.send_data(0, b"abc") == 3


def test_packets_stay_below_our_own_limit_whatever_the_peer_takes() -> None:
    end = opened(2**32 - 1, 2**32 - 1, Limits(packet_size=2048))
    assert end.protocol.send_data(0, bytes(3000)) == 3000
    assert [len(payload) for payload in end.payloads] == [9 + 1024, 9 + 1024, 9 + 952]


def test_empty_data_is_nothing() -> None:
    end = opened(1000, 100)
    assert end.protocol.send_data(0, b"") == 0
    assert not end.payloads
    end.receive(ChannelData(0, b""))
    assert not end.events


def test_the_window_is_given_back_when_half_of_it_was_read() -> None:
    joined = Joined()
    local, remote = joined.open(window_size=1000)
    assert joined.server.protocol.send_data(remote, bytes(1200)) == 1000
    joined.run()
    joined.client.protocol.consumed(local, 499)
    assert not joined.client.payloads
    joined.client.protocol.consumed(local, 1)
    assert joined.client.payloads == [ChannelWindowAdjust(remote, 500).encode()]
    joined.run()
    joined.server.take(WindowAdjusted)
    assert joined.server.protocol.writable(remote) == 500


def test_no_window_is_given_back_after_eof_or_close() -> None:
    joined = Joined()
    local, remote = joined.open(window_size=1000)
    joined.server.protocol.send_data(remote, bytes(1000))
    joined.server.protocol.send_eof(remote)
    joined.run()
    joined.client.protocol.consumed(local, 600)
    assert not joined.client.payloads
    local, remote = joined.open(window_size=1000)
    joined.server.protocol.send_data(remote, bytes(1000))
    joined.run()
    joined.client.protocol.close(local)
    joined.client.payloads.clear()
    joined.client.protocol.consumed(local, 600)
    assert not joined.client.payloads


def test_a_reader_cannot_take_more_than_came() -> None:
    joined = Joined()
    local, _ = joined.open()
    with pytest.raises(UsageError, match="1 bytes consumed, 0 received"):
        joined.client.protocol.consumed(local, 1)


def test_our_window_and_packet_size_are_enforced() -> None:
    joined = Joined()
    local, _ = joined.open(window_size=1000, maximum_packet_size=600)
    with pytest.raises(ProtocolError, match="601 bytes of data, where window and packet size allow 600"):
        joined.client.receive(ChannelData(local, bytes(601)))
    joined.client.receive(ChannelData(local, bytes(600)))
    with pytest.raises(ProtocolError, match="401 bytes of data, where window and packet size allow 400"):
        joined.client.receive(ChannelExtendedData(local, 1, bytes(401)))


def test_defaults_come_from_the_limits() -> None:
    limits = Limits(window_size=5000, maximum_packet_size=500)
    joined = Joined(client=limits, server=limits)
    local, remote = joined.open()
    for end, number in ((joined.client, local), (joined.server, remote)):
        window = end.protocol.channels[number].remote_window
        assert (window.available, window.maximum_packet_size) == (5000, 500)


def test_extended_data_has_a_type() -> None:
    end = opened(1000, 100)
    with pytest.raises(ProtocolError, match="type 0"):
        end.receive(ChannelExtendedData(0, 0, b"abc"))


@pytest.mark.parametrize("payload", [b"\x5e\0\0\0\0\0\0\0\x05abc", b"\x61\0\0", b"\x61\0\0\0\0\0"])
def test_what_does_not_decode_is_refused(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        opened(1000, 100).protocol.receive(memoryview(payload))


@pytest.mark.parametrize("number", [83, 89, 101, 127])
def test_unknown_numbers_are_left_to_the_engine(number: int) -> None:
    assert not opened(1000, 100).protocol.receive(memoryview(bytes((number,)) + b"anything"))
