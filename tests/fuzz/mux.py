"""Targets: what comes to a master, from a master, and through a proxy."""

from collections.abc import Iterator
from typing import Final

from pyssh.connection import requests
from pyssh.connection.kinds import Session
from pyssh.errors import ProtocolError, SSHError
from pyssh.events import (
    ChannelOpenRequested,
    ChannelRequestReceived,
    Ended,
    GlobalRequestReceived,
    OpenAccepted,
)
from pyssh.mux.client import MuxClient
from pyssh.mux.master import MuxMaster
from pyssh.mux.messages import (
    AliveCheck,
    CloseForward,
    ExitMessage,
    Failure,
    Hello,
    Info,
    InfoRequest,
    MuxReply,
    MuxRequest,
    NewSession,
    NewStdioForward,
    Ok,
    OpenForward,
    PermissionDenied,
    Proxy,
    ProxyGranted,
    SessionOpened,
    StopListening,
    Terminate,
    TtyAllocFailed,
    encode_packet,
)
from pyssh.mux.proxy import ProxyEngine
from pyssh.options import Options
from tests.fuzz.targets import target, words

_SESSION: Final = (b"", 1, 0, 0, 0, 126, b"xterm", b"true", (b"A=b",))
_HANDLES: Final = (7, 8, 9)


def _to_master() -> Iterator[bytes]:
    hello = encode_packet(Hello(4, ((b"name", b"value"),)))
    session = encode_packet(NewSession(1, *_SESSION)) + b"\0\0\0"
    yield hello + encode_packet(AliveCheck(0)) + session + encode_packet(StopListening(2))
    yield hello + encode_packet(NewStdioForward(0, b"", b"host", 22)) + b"\0\0"
    forward = (1, b"", 8080, b"host", 80)
    yield hello + encode_packet(OpenForward(0, *forward)) + encode_packet(CloseForward(1, *forward))
    yield hello + encode_packet(InfoRequest(0, b"channels")) + encode_packet(Terminate(1))
    yield hello + encode_packet(Proxy(0)) + b"\0\0\0\2\0\x51"


def _reply_to(request: MuxRequest) -> MuxReply:
    match request:
        case NewSession() | NewStdioForward():
            return SessionOpened(request.request_id, 1)
        case Proxy():
            return ProxyGranted(request.request_id)
        case InfoRequest():
            return Info(request.request_id, 1, request.info_type)
        case OpenForward(port) if port % 2:
            return Failure(request.request_id, b"no")
        case CloseForward(port) if port % 2:
            return PermissionDenied(request.request_id, b"no")
    return Ok(request.request_id)


@target("mux-master", _to_master)
def fuzz_master(data: bytes) -> str:
    """A client with three descriptors; none of them is lost, or used twice."""
    master = MuxMaster(1)
    seen: list[str] = []
    used: list[int] = []
    try:
        asked, unneeded = master.receive(data, _HANDLES)
        used += unneeded
        while asked is not None:
            assert len(asked.handles) == asked.request.handles
            seen.append(type(asked.request).__name__)
            used += asked.handles
            asked, unneeded = master.answer(_reply_to(asked.request))
            used += unneeded
    except ProtocolError as error:
        seen.append(words(error))
    assert sorted([*used, *master.unclaimed()]) == list(_HANDLES)
    assert len(master.data_to_send()) <= len(data) * 16 + 64
    return " ".join(seen)


def _to_client() -> Iterator[bytes]:
    hello = encode_packet(Hello(4, ((b"info", b"0"),)))
    opened = hello + encode_packet(SessionOpened(0, 5))
    yield opened + encode_packet(TtyAllocFailed(5)) + encode_packet(ExitMessage(5, 3))
    yield hello + encode_packet(Failure(0, b"reason"))
    yield hello + encode_packet(PermissionDenied(0, b"reason"))


@target("mux-client", _to_client)
def fuzz_client(data: bytes) -> str:
    """What a master says to a client that has asked for a session."""
    client = MuxClient()
    client.request(NewSession(0, *_SESSION), _HANDLES)
    client.data_to_send()
    try:
        found = client.receive(data)
    except ProtocolError as error:
        return words(error)
    return " ".join(type(message).__name__ for message in found)


def _proxied() -> Iterator[bytes]:
    engine = ProxyEngine(Options(), is_client=True)
    number = engine.connection.open_channel(Session())
    opened = b"".join(engine.data_to_send())
    yield opened
    # the other side gives the same number, 0
    server = ProxyEngine(Options(), is_client=False)
    (question,) = server.receive_data(opened)
    assert isinstance(question, ChannelOpenRequested)
    server.answer(question, OpenAccepted())
    engine.receive_data(b"".join(server.data_to_send()))
    engine.connection.request(number, requests.Exec(b"true"))
    engine.connection.send_data(number, b"data")
    engine.connection.send_eof(number)
    engine.connection.global_request(requests.TcpipForward("", 0))
    engine.connection.close(number)
    yield opened + b"".join(engine.data_to_send())


@target("mux-proxy", _proxied)
def fuzz_proxy(data: bytes) -> str:
    """A client in proxy mode, which gets everything it asks for; the first error is the end."""
    engine = ProxyEngine(Options(), is_client=False)
    seen: list[str] = []
    waiting = engine.receive_data(data)
    while waiting:
        event = waiting.pop(0)
        seen.append(type(event).__name__)
        match event:
            case ChannelOpenRequested():
                waiting += engine.answer(event, OpenAccepted())
            case ChannelRequestReceived():
                waiting += engine.answer(event, True)
            case GlobalRequestReceived():
                waiting += engine.answer(event, b"")
            case Ended(error):
                assert not waiting
                seen.append(words(error) if isinstance(error, SSHError) else "")
    return " ".join(seen)
