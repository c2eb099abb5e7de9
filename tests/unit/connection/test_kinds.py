import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyssh.connection.declarations import Role
from pyssh.connection.kinds import (
    CHANNEL_KINDS,
    ChannelKind,
    DirectStreamlocal,
    DirectTcpip,
    ForwardedStreamlocal,
    Session,
    UnknownKind,
    channel_kind,
    decode_kind,
    encode_kind,
    may_open,
)
from pyssh.connection.requests import Shell
from pyssh.errors import DecodeError, UsageError
from pyssh.wire.types import Text
from tests.unit.wire.strategies import structs


@channel_kind("chat@tests.example", opened_by=Role.EITHER)
class Chat(ChannelKind):
    room: Text


def declared(name: str) -> type[ChannelKind]:
    found = CHANNEL_KINDS.find(name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", CHANNEL_KINDS.names())
@settings(max_examples=20)
@given(data=st.data())
def test_declared_kinds_round_trip(name: str, data: st.DataObject) -> None:
    kind = data.draw(structs(declared(name)))
    assert encode_kind(kind)[0] == name
    assert decode_kind(*encode_kind(kind)) == kind


@pytest.mark.parametrize("name", CHANNEL_KINDS.names())
def test_trailing_bytes_are_refused(name: str) -> None:
    with pytest.raises(DecodeError):
        decode_kind(name, b"\xff" * 5)


def test_the_bytes_of_rfc_4254_section_7_2() -> None:
    kind = DirectTcpip("host", 80, "1.2.3.4", 5)
    assert encode_kind(kind) == ("direct-tcpip", b"\0\0\0\x04host\0\0\0\x50\0\0\0\x071.2.3.4\0\0\0\x05")


def test_the_bytes_of_openssh_protocol_section_2_4() -> None:
    assert DirectStreamlocal(b"/s").encode() == b"\0\0\0\x02/s" + bytes(8)
    assert ForwardedStreamlocal(b"/s").encode() == b"\0\0\0\x02/s" + bytes(4)


def test_unknown_kinds_keep_their_bytes() -> None:
    kind = decode_kind("tun@openssh.com", b"\0\x01")
    assert kind == UnknownKind("tun@openssh.com", b"\0\x01")
    assert encode_kind(kind) == ("tun@openssh.com", b"\0\x01")


def test_only_kinds_can_be_opened() -> None:
    with pytest.raises(UsageError, match="Shell is not a kind of channel"):
        encode_kind(Shell())


@pytest.mark.parametrize("name", ["session", "direct-tcpip", "direct-streamlocal@openssh.com"])
def test_what_only_clients_open(name: str) -> None:
    assert may_open(name, is_client=True)
    assert not may_open(name, is_client=False)


@pytest.mark.parametrize(
    "name", ["x11", "forwarded-tcpip", "forwarded-streamlocal@openssh.com", "auth-agent@openssh.com"]
)
def test_what_only_servers_open(name: str) -> None:
    assert may_open(name, is_client=False)
    assert not may_open(name, is_client=True)


@pytest.mark.parametrize("name", ["chat@tests.example", "unknown@tests.example"])
@pytest.mark.parametrize("is_client", [True, False])
def test_what_either_opens(name: str, is_client: bool) -> None:
    assert may_open(name, is_client=is_client)


def test_an_application_declares_its_own() -> None:
    assert decode_kind("chat@tests.example", b"\0\0\0\x01a") == Chat("a")


def test_a_name_is_declared_once() -> None:
    with pytest.raises(ValueError, match="channel type session is declared already"):
        channel_kind("session", opened_by=Role.CLIENT)(Session)
