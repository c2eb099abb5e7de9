import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.errors import DecodeError, ProtocolError
from pyssh.mux import messages
from pyssh.mux.framing import MAX_PACKET_SIZE, PacketStream
from pyssh.mux.messages import (
    MAX_ENVIRONMENT,
    NO_ESCAPE,
    AliveCheck,
    Hello,
    Info,
    InfoRequest,
    MuxMessage,
    NewSession,
    OpenForward,
    decode_from_client,
    decode_from_master,
    encode_packet,
)

# what OpenSSH 10.6 writes, by strace
SAID_BY_OPENSSH = [
    (Hello(), "00000008 00000001 00000004"),
    (Hello(4, ((b"info", b"0"),)), "00000015 00000001 00000004 00000004 696e666f 00000001 30"),
    (AliveCheck(1), "00000008 10000004 00000001"),
    (InfoRequest(0, b"channels"), "00000014 20000001 00000000 00000008 6368616e6e656c73"),
    (
        OpenForward(0, 1, b"", 4495, b"localhost", 22),
        "00000025 10000006 00000000 00000001 00000000 0000118f 00000009 6c6f63616c686f7374 00000016",
    ),
    (
        NewSession(2, b"", 0, 0, 0, 0, ord("~"), b"xterm", b"true"),
        "00000031 10000002 00000002 00000000 00000000 00000000 00000000 00000000 0000007e 00000005 "
        "787465726d 00000004 74727565",
    ),
    (Info(7, 0, b"no"), "00000012 90000001 00000007 00000000 00000002 6e6f"),
]


@pytest.mark.parametrize(("message", "packet"), SAID_BY_OPENSSH)
def test_bytes_are_those_of_openssh(message: MuxMessage, packet: str) -> None:
    encoded = bytes.fromhex(packet)
    assert encode_packet(message) == encoded
    decode = decode_from_master if isinstance(message, Info) else decode_from_client
    assert decode(encoded[4:]) == message


@given(
    st.binary(max_size=40),
    st.lists(st.binary(max_size=20), max_size=5).map(tuple),
    st.integers(0, 1),
)
def test_a_session_travels(command: bytes, environment: tuple[bytes, ...], flag: int) -> None:
    message = NewSession(1, b"", flag, flag, flag, flag, NO_ESCAPE, b"xterm", command, environment)
    assert decode_from_client(encode_packet(message)[4:]) == message


def test_unknown_types_come_with_their_request_id() -> None:
    assert decode_from_client(bytes.fromhex("1000004200000009ff")) == (0x10000042, 9)
    assert decode_from_master(bytes.fromhex("10000042")) == (0x10000042, 0)


@pytest.mark.parametrize("packet", ["", "000000", "10000004", "1000000400000001ff", "00000001"])
def test_bad_packets(packet: str) -> None:
    with pytest.raises(DecodeError):
        decode_from_client(bytes.fromhex(packet))


def test_environment_has_a_cap() -> None:
    fields = (1, b"", 0, 0, 0, 0, NO_ESCAPE, b"", b"")
    decode_from_client(encode_packet(NewSession(*fields, (b"A=b",) * MAX_ENVIRONMENT))[4:])
    with pytest.raises(DecodeError, match="more than 4096 environment variables"):
        decode_from_client(encode_packet(NewSession(*fields, (b"A=b",) * (MAX_ENVIRONMENT + 1)))[4:])


def test_a_packet_has_a_cap() -> None:
    stream = PacketStream()
    stream.feed((MAX_PACKET_SIZE + 1).to_bytes(4, "big"))
    with pytest.raises(ProtocolError, match="a packet of 262145 bytes"):
        stream.next_packet()


def test_every_message_has_a_type_of_its_own() -> None:
    declared = [
        found
        for name in messages.__all__
        if isinstance(found := getattr(messages, name), type) and hasattr(found, "type")
    ]
    assert len({cls.type for cls in declared}) == len(declared) == 20


def test_extensions_have_a_cap() -> None:
    decode_from_client(encode_packet(Hello(4, ((b"a", b""),) * 64))[4:])
    with pytest.raises(DecodeError, match="more than 64 extensions"):
        decode_from_client(encode_packet(Hello(4, ((b"a", b""),) * 65))[4:])
