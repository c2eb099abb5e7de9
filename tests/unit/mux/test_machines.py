"""A client and a master that talk to each other without a socket, their bytes cut anywhere."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.errors import ProtocolError, UsageError
from pyssh.mux.client import MuxClient
from pyssh.mux.framing import Handle
from pyssh.mux.master import Asked, MuxMaster
from pyssh.mux.messages import (
    AliveCheck,
    ExitMessage,
    Failure,
    Hello,
    Info,
    InfoRequest,
    MasterAlive,
    MuxMessage,
    NewSession,
    NewStdioForward,
    Ok,
    Proxy,
    ProxyGranted,
    RemotePort,
    SessionOpened,
    StopListening,
    Terminate,
    TtyAllocFailed,
    encode_packet,
)

PID = 4711
SESSION = (b"", 1, 0, 0, 0, 126, b"xterm", b"true", (b"A=b",))


class Dialogue:
    """Both ends; descriptors are the numbers from 100 on, and keep their places between bytes."""

    def __init__(self, cut: int = 0) -> None:
        self.client = MuxClient()
        self.master = MuxMaster(PID)
        self.cut = cut
        self.unneeded: list[int] = []

    def to_master(self) -> list[Asked]:
        """Deliver what the client has said; return what it asks."""
        asked = []
        for part in self.client.data_to_send():
            data, handles = (b"\0", [part.number]) if isinstance(part, Handle) else (part, [])
            pieces = [data[i : i + self.cut] for i in range(0, len(data), self.cut)] if self.cut else [data]
            for piece in pieces:
                found, unneeded = self.master.receive(piece, handles)
                self.unneeded += unneeded
                if found is not None:
                    asked.append(found)
                handles = []
        return asked

    def to_client(self) -> list[MuxMessage]:
        """Deliver what the master has said."""
        data = self.master.data_to_send()
        if not self.cut:
            return self.client.receive(data)
        found: list[MuxMessage] = []
        for start in range(0, len(data), self.cut):
            found += self.client.receive(data[start : start + self.cut])
        return found

    def greet(self) -> "Dialogue":
        assert not self.to_master()
        assert not self.to_client()
        assert self.client.greeted
        assert self.client.has_info
        return self

    def ask(self, request: type, *fields: object, handles: Sequence[int] = ()) -> list[Asked]:
        self.client.request(request(self.client.next_request_id, *fields), handles)
        return self.to_master()


@given(st.integers(0, 5))
def test_a_session(cut: int) -> None:
    both = Dialogue(cut).greet()
    assert both.ask(AliveCheck) == []
    assert both.to_client() == [MasterAlive(0, PID)]
    (asked,) = both.ask(NewSession, *SESSION, handles=(100, 101, 102))
    assert asked == Asked(NewSession(1, *SESSION), (100, 101, 102))
    assert not both.master.wants_data
    both.master.answer(SessionOpened(1, 8))
    assert both.to_client() == [SessionOpened(1, 8)]
    both.master.terminal_refused()
    both.master.session_ended(3)
    assert both.to_client() == [TtyAllocFailed(8), ExitMessage(8, 3)]
    assert not both.unneeded
    assert both.master.unclaimed() == ()


def test_requests_wait_for_their_turn() -> None:
    both = Dialogue().greet()
    two = encode_packet(StopListening(0)) + encode_packet(Terminate(1))
    asked, _ = both.master.receive(two)
    assert asked == Asked(StopListening(0))
    assert both.master.answer(Ok(0)) == (Asked(Terminate(1)), ())
    with pytest.raises(UsageError):
        both.master.answer(Ok(7))


def test_one_session_for_each_connection() -> None:
    both = Dialogue().greet()
    both.ask(NewSession, *SESSION, handles=(100, 101, 102))
    both.master.answer(SessionOpened(0, 1))
    both.to_client()
    assert both.ask(NewStdioForward, b"", b"host", 22, handles=(103, 104)) == []
    assert both.to_client() == [Failure(1, b"Multiple sessions not supported")]
    assert both.unneeded == [103, 104]


def test_a_failed_session_may_be_tried_again() -> None:
    both = Dialogue().greet()
    both.ask(NewSession, *SESSION, handles=(100, 101, 102))
    both.master.answer(Failure(0, b"no"))
    assert both.to_client() == [Failure(0, b"no")]
    assert len(both.ask(NewSession, *SESSION, handles=(103, 104, 105))) == 1


def test_descriptors_that_do_not_come() -> None:
    both = Dialogue().greet()
    with pytest.raises(ProtocolError, match="did not receive file descriptors"):
        both.master.receive(encode_packet(NewSession(0, *SESSION)) + b"\0\0\0", (100,))
    assert both.master.unclaimed() == (100,)


def test_too_many_descriptors() -> None:
    with pytest.raises(ProtocolError, match="more than 3 descriptors"):
        Dialogue().greet().master.receive(b"\0", range(4))


def test_unknown_requests_are_refused_and_no_more() -> None:
    both = Dialogue().greet()
    both.master.receive(bytes.fromhex("0000000c 10000042 00000009 00000000"))
    assert both.master.data_to_send() == encode_packet(Failure(9, b"unsupported request"))
    assert both.ask(InfoRequest, b"connection") == [Asked(InfoRequest(0, b"connection"))]
    both.master.answer(Info(0, 1, b"text"))
    assert both.to_client() == [Info(0, 1, b"text")]


@pytest.mark.parametrize(
    ("packets", "problem"),
    [
        (encode_packet(AliveCheck(0)), "before the hello"),
        (encode_packet(Hello()) * 2, "a second hello"),
        (encode_packet(Hello(3)), "version 3"),
    ],
)
def test_a_master_wants_one_hello(packets: bytes, problem: str) -> None:
    with pytest.raises(ProtocolError, match=problem):
        MuxMaster(PID).receive(packets)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (encode_packet(Hello(5)), "Unsupported multiplexing protocol version 5"),
        (encode_packet(Ok(0)), "expected HELLO"),
        (encode_packet(Hello()) + encode_packet(Ok(0)), "unexpected response"),
        (encode_packet(Hello()) + encode_packet(ExitMessage(1, 0)), "unknown session"),
        (encode_packet(Hello()) + bytes.fromhex("00000004 80000042"), "unexpected response"),
    ],
)
def test_a_client_takes_only_what_it_asked_for(said: bytes, problem: str) -> None:
    with pytest.raises(ProtocolError, match=problem):
        MuxClient().receive(said)


@pytest.mark.parametrize("reply", [Ok(1), RemotePort(0, 1), MasterAlive(0, 1), ProxyGranted(0)])
def test_a_reply_fits_its_request(reply: MuxMessage) -> None:
    both = Dialogue().greet()
    both.ask(StopListening)
    with pytest.raises(ProtocolError):
        both.client.receive(encode_packet(reply))


def test_exit_is_said_once() -> None:
    both = Dialogue().greet()
    both.ask(NewSession, *SESSION, handles=(100, 101, 102))
    both.master.answer(SessionOpened(0, 1))
    both.to_client()
    both.client.receive(encode_packet(ExitMessage(1, 0)))
    with pytest.raises(ProtocolError, match="twice"):
        both.client.receive(encode_packet(ExitMessage(1, 0)))


def test_proxy_mode_leaves_the_rest_alone() -> None:
    both = Dialogue().greet()
    both.client.request(Proxy(0))
    (packet,) = both.client.data_to_send()
    assert isinstance(packet, bytes)
    asked, _ = both.master.receive(packet + b"raw from the client")
    assert asked == Asked(Proxy(0))
    both.master.answer(ProxyGranted(0))
    assert both.master.take_rest() == b"raw from the client"
    assert both.client.receive(both.master.data_to_send() + b"raw from the master") == [ProxyGranted(0)]
    assert both.client.take_rest() == b"raw from the master"
    with pytest.raises(UsageError):
        both.master.session_ended(0)


def test_requests_in_turn_and_with_their_descriptors() -> None:
    client = MuxClient()
    with pytest.raises(UsageError, match="goes with 3 handles"):
        client.request(NewSession(0, *SESSION), (100,))
    with pytest.raises(UsageError, match="out of turn"):
        client.request(AliveCheck(1))
    client.request(AliveCheck(0))
    with pytest.raises(UsageError, match="out of turn"):
        client.request(AliveCheck(1))


def test_proxy_mode_is_for_who_asked_for_it() -> None:
    both = Dialogue().greet()
    both.ask(StopListening)
    with pytest.raises(UsageError, match="nobody asked"):
        both.master.answer(ProxyGranted(0))
