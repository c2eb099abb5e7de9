import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyssh.connection.declarations import Role
from pyssh.connection.kinds import Session
from pyssh.connection.requests import (
    CHANNEL_REQUESTS,
    GLOBAL_REQUESTS,
    HOSTKEYS_PROVE,
    MAX_HOST_KEYS,
    BoundPort,
    Break,
    ChannelRequestKind,
    Env,
    Exec,
    ExitSignal,
    ExitStatus,
    GlobalRequestKind,
    HostKeyProofData,
    HostKeyProofs,
    HostKeys,
    PtyReq,
    Signal,
    TcpipForward,
    UnknownGlobalRequest,
    UnknownRequest,
    WindowChange,
    X11Req,
    channel_request,
    decode_channel_request,
    decode_global_request,
    encode_channel_request,
    encode_global_request,
    global_request,
    may_send,
    plain_signal_name,
)
from pyssh.errors import DecodeError, UsageError
from pyssh.wire.types import UInt32
from tests.unit.wire.strategies import structs


@channel_request("dance@tests.example", sent_by=Role.EITHER)
class Dance(ChannelRequestKind):
    steps: UInt32


@global_request("sing@tests.example", sent_by=Role.EITHER)
class Sing(GlobalRequestKind):
    songs: UInt32


@pytest.mark.parametrize("name", CHANNEL_REQUESTS.names())
@settings(max_examples=20)
@given(data=st.data())
def test_channel_requests_round_trip(name: str, data: st.DataObject) -> None:
    cls = CHANNEL_REQUESTS.find(name)
    assert cls is not None
    request = data.draw(structs(cls))
    assert encode_channel_request(request)[0] == name
    assert decode_channel_request(*encode_channel_request(request)) == request


@pytest.mark.parametrize("name", GLOBAL_REQUESTS.names())
@settings(max_examples=20)
@given(data=st.data())
def test_global_requests_round_trip(name: str, data: st.DataObject) -> None:
    cls = GLOBAL_REQUESTS.find(name)
    assert cls is not None
    request = data.draw(structs(cls))
    assert encode_global_request(request)[0] == name
    assert decode_global_request(*encode_global_request(request)) == request


@pytest.mark.parametrize(
    ("request_", "encoded"),
    [
        (PtyReq("vt100", 80, 24), b"\0\0\0\x05vt100\0\0\0\x50\0\0\0\x18" + bytes(8) + b"\0\0\0\x01\0"),
        (WindowChange(80, 24, 640, 480), b"\0\0\0\x50\0\0\0\x18\0\0\x02\x80\0\0\x01\xe0"),
        (Env(b"A", b"B"), b"\0\0\0\x01A\0\0\0\x01B"),
        (Exec(b"ls"), b"\0\0\0\x02ls"),
        (Break(500), b"\0\0\x01\xf4"),
        (Signal("TERM"), b"\0\0\0\x04TERM"),
        (ExitStatus(3), b"\0\0\0\x03"),
        (ExitSignal("KILL"), b"\0\0\0\x04KILL\0" + bytes(8)),
        (X11Req(True, "MIT", b"cookie", 1), b"\x01\0\0\0\x03MIT\0\0\0\x06cookie\0\0\0\x01"),
        (TcpipForward("", 0), bytes(8)),
        (HostKeys((b"a", b"")), b"\0\0\0\x01a\0\0\0\0"),
        (HostKeyProofs((b"s",)), b"\0\0\0\x01s"),
        (BoundPort(8080), b"\0\0\x1f\x90"),
    ],
)
def test_the_bytes_of_the_rfcs(request_: ChannelRequestKind, encoded: bytes) -> None:
    assert request_.encode() == encoded


def test_what_proves_a_host_key() -> None:
    data = HostKeyProofData(HOSTKEYS_PROVE, b"id", b"key").encode()
    assert data == b"\0\0\0\x1dhostkeys-prove-00@openssh.com\0\0\0\x02id\0\0\0\x03key"


def test_an_x11_cookie_is_not_shown() -> None:
    assert "secret" not in repr(X11Req(True, "MIT-MAGIC-COOKIE-1", b"secret", 0))


def test_host_keys_have_a_limit() -> None:
    assert len(HostKeys.decode(bytes(4 * MAX_HOST_KEYS)).host_keys) == MAX_HOST_KEYS
    with pytest.raises(DecodeError, match="more than 256 host keys"):
        HostKeys.decode(bytes(4 * MAX_HOST_KEYS + 4))


def test_unknown_requests_keep_their_bytes() -> None:
    request = decode_channel_request("unknown@tests.example", b"\x01")
    assert request == UnknownRequest("unknown@tests.example", b"\x01")
    assert encode_channel_request(request) == ("unknown@tests.example", b"\x01")
    asked = decode_global_request("unknown@tests.example", b"\x01")
    assert asked == UnknownGlobalRequest("unknown@tests.example", b"\x01")
    assert encode_global_request(asked) == ("unknown@tests.example", b"\x01")


def test_an_application_declares_its_own() -> None:
    assert decode_channel_request("dance@tests.example", b"\0\0\0\x01") == Dance(1)
    assert decode_global_request("sing@tests.example", b"\0\0\0\x01") == Sing(1)


def test_declared_requests_must_decode() -> None:
    with pytest.raises(DecodeError, match=r"Exec\.command"):
        decode_channel_request("exec", b"\0")
    with pytest.raises(DecodeError, match=r"TcpipForward\.address_to_bind"):
        decode_global_request("tcpip-forward", b"\0")


def test_only_requests_can_be_sent() -> None:
    with pytest.raises(UsageError, match="Session is not a channel request"):
        encode_channel_request(Session())
    with pytest.raises(UsageError, match="Exec is not a global request"):
        encode_global_request(Exec(b""))


def test_who_may_send_what() -> None:
    assert may_send(Exec, is_client=True)
    assert not may_send(Exec, is_client=False)
    assert may_send(HostKeys, is_client=False)
    assert not may_send(HostKeys, is_client=True)
    assert may_send(Dance, is_client=True)
    assert may_send(None, is_client=False)


def test_signal_names_lose_their_prefix() -> None:
    assert plain_signal_name("SIGABRT") == plain_signal_name("ABRT") == "ABRT"
