"""Two engines without keys between them, as in proxy mode."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh import engine as engine_module
from pyssh.connection import requests
from pyssh.connection.kinds import Session
from pyssh.errors import ConnectionLost, ProtocolError, UsageError
from pyssh.events import (
    AnyEvent,
    Authenticated,
    ChannelOpened,
    ChannelOpenRequested,
    DataReceived,
    Ended,
    EofReceived,
    GlobalRequestAnswered,
    GlobalRequestReceived,
    OpenAccepted,
)
from pyssh.messages.connection import ChannelEof
from pyssh.mux.proxy import PlainTransport, ProxyEngine
from pyssh.options import Options


class Proxied:
    """Both ends; what one sends reaches the other cut into pieces of `cut` bytes."""

    def __init__(self, cut: int = 0) -> None:
        self.client = ProxyEngine(Options(), is_client=True, user="me")
        self.server = ProxyEngine(Options(), is_client=False)
        self.cut = cut

    def pass_on(self, to_server: bool) -> list[AnyEvent]:
        ends = self.client, self.server
        sender, receiver = ends if to_server else reversed(ends)
        data = b"".join(sender.data_to_send())
        size = self.cut or len(data) or 1
        return [
            event
            for start in range(0, len(data), size)
            for event in receiver.receive_data(data[start : start + size])
        ]

    def open(self) -> int:
        number = self.client.connection.open_channel(Session())
        (question,) = self.pass_on(True)
        assert isinstance(question, ChannelOpenRequested)
        self.server.answer(question, OpenAccepted())
        assert self.pass_on(False) == [ChannelOpened(number, b"")]
        return number


@given(st.integers(0, 7), st.binary(min_size=1, max_size=70_000))
def test_a_channel(cut: int, data: bytes) -> None:
    both = Proxied(cut)
    number = both.open()
    sent = both.client.connection.send_data(number, data)
    both.client.connection.send_eof(number)
    *pieces, end = both.pass_on(True)
    assert b"".join(bytes(piece.data) for piece in pieces if isinstance(piece, DataReceived)) == data[:sent]
    assert sent == len(data)
    assert end == EofReceived(0)


def test_packets_are_those_of_openssh() -> None:
    # ssh -O proxy, by strace: a channel, and a request on it
    opening = bytes.fromhex("00000019 00 5a 00000007 73657373696f6e 00000000 00200000 00008000")
    server = ProxyEngine(Options(), is_client=False)
    (question,) = server.receive_data(opening)
    assert isinstance(question, ChannelOpenRequested)
    assert server.answer(question, OpenAccepted()) == []
    assert b"".join(server.data_to_send())[:14] == bytes.fromhex("00000012 00 5b 00000000 00000000")
    client = ProxyEngine(Options(), is_client=True)
    client.connection.open_channel(Session(), 0x200000, 0x8000)
    assert b"".join(client.data_to_send()) == opening


def test_global_requests() -> None:
    both = Proxied()
    both.client.connection.global_request(requests.TcpipForward("", 0))
    (question,) = both.pass_on(True)
    assert isinstance(question, GlobalRequestReceived)
    both.server.answer(question, requests.BoundPort(80).encode())
    assert both.pass_on(False) == [GlobalRequestAnswered(True, b"\0\0\0P")]


@pytest.mark.parametrize(
    "packet",
    ["00000001 00", "00000002 01 50", "00000002 00 02", "00000002 00 14", "7fffffff 00 5a", "00000002 00 50"],
)
def test_bad_packets(packet: str) -> None:
    (ended,) = ProxyEngine(Options(), is_client=False).receive_data(bytes.fromhex(packet))
    assert isinstance(ended, Ended)
    assert isinstance(ended.error, ProtocolError)


def test_the_end() -> None:
    both = Proxied()
    number = both.open()
    assert both.client.first_events() == [Authenticated("me", "mux")]
    (ended,) = both.client.receive_eof()
    assert isinstance(ended, Ended)
    assert isinstance(ended.error, ConnectionLost)
    both.client.connection.close(number)
    assert both.client.data_to_send() == []
    assert both.server.disconnect() == [Ended(None)]


def test_nobody_logs_in() -> None:
    with pytest.raises(UsageError):
        ProxyEngine(Options(), is_client=True)._start_userauth(None)  # type: ignore[arg-type]


def test_it_has_what_an_engine_calls() -> None:
    text = Path(engine_module.__file__).read_text()
    called = set(re.findall(r"transport\.(\w+)\b(?! import)", text)) - {"protocol", "state"}
    # keys that are exchanged have their questions, and state does not travel
    assert called >= {"feed", "drain", "send"}
    assert {name for name in called if not hasattr(PlainTransport, name)} <= {
        "answer",
        "encode",
        "export_state",
        "extensions",
        "packets_received",
    }


def test_time_and_keys_are_the_masters() -> None:
    transport = PlainTransport(1000)
    transport.tick(1.0)
    transport.prepare()
    transport.start_rekey()
    transport.authenticated()
    assert transport.deadline() is None
    assert transport.can_send()
    transport.end()
    assert not transport.can_send()
    transport.send(ChannelEof(0))
    assert transport.drain() == []
