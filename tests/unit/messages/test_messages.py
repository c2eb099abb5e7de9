"""Every message and struct of `pyssh.messages`, found by being declared."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyssh.errors import DecodeError
from pyssh.messages import connection, kex, transport, userauth
from pyssh.messages.transport import MAX_EXTENSIONS, ExtInfo
from pyssh.wire.message import Message, Struct
from tests.unit.wire.strategies import structs

MODULES = (transport, kex, userauth, connection)
STRUCTS = [
    found
    for module in MODULES
    for found in vars(module).values()
    if isinstance(found, type) and issubclass(found, Struct) and found.__module__ == module.__name__
]


@pytest.mark.parametrize("declared", STRUCTS)
@settings(max_examples=50)
@given(data=st.data())
def test_what_is_encoded_decodes_to_itself(declared: type[Struct], data: st.DataObject) -> None:
    value = data.draw(structs(declared))
    assert declared.decode(value.encode()) == value


@pytest.mark.parametrize("declared", STRUCTS)
@settings(max_examples=50)
@given(data=st.data())
def test_bytes_decode_to_what_they_encode_or_not_at_all(declared: type[Struct], data: st.DataObject) -> None:
    encoded = data.draw(structs(declared)).encode()
    cut = data.draw(st.integers(0, len(encoded)))
    noise = encoded[:cut] + data.draw(st.binary(max_size=8)) + encoded[cut:]
    try:
        value = declared.decode(noise)
    except DecodeError:
        return
    # a boolean has 255 ways to be true; everything else has one form
    if any(codec.name == "boolean" for _, codec in declared.codecs):
        assert declared.decode(value.encode()) == value
    else:
        assert value.encode() == noise


@pytest.mark.parametrize("declared", [found for found in STRUCTS if issubclass(found, Message)])
def test_messages_have_a_number(declared: type[Message]) -> None:
    assert 1 <= declared.number <= 255


def test_passwords_are_not_shown() -> None:
    request = userauth.UserauthRequest("me", "ssh-connection", "password", b"hunter2")
    fields = userauth.PasswordFields(False, b"hunter2", b"hunter3")
    responses = userauth.UserauthInfoResponse(1, b"hunter2")
    assert "hunter" not in f"{request!r} {fields!r} {responses!r}"


def test_a_disconnect_without_a_language_is_read() -> None:
    # as Dev Tunnels SSH 3.12 sends it
    payload = bytes.fromhex("010000000b00000004646f6e65")
    assert transport.Disconnect.decode(payload).description == "done"
    assert transport.Disconnect(11, "done").encode() == payload + bytes(4)


def test_a_refusal_with_something_behind_it_is_read() -> None:
    assert connection.RequestFailure.decode(b"\x52\0\0\0\x02").response_data == b"\0\0\0\x02"


def test_extensions_keep_their_order() -> None:
    extensions = {"server-sig-algs": b"ssh-ed25519", "ping@openssh.com": b"0", "empty": b""}
    info = ExtInfo.decode(ExtInfo.of(extensions).encode())
    assert list(info.extensions().items()) == list(extensions.items())


@pytest.mark.parametrize(
    "info",
    [
        ExtInfo(2, ExtInfo.of({"a": b""}).entries),
        ExtInfo(0, ExtInfo.of({"a": b""}).entries),
        ExtInfo(MAX_EXTENSIONS + 1, b""),
    ],
)
def test_a_lying_number_of_extensions_is_refused(info: ExtInfo) -> None:
    with pytest.raises(DecodeError):
        info.extensions()
