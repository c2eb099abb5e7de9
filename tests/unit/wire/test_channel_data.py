"""The fast path must give what the declared messages give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.errors import DecodeError
from pyssh.messages.connection import ChannelData, ChannelExtendedData
from pyssh.wire.channel_data import data_fields, unpack_data
from tests.unit.wire.strategies import UINT32


def unpacked(payload: bytes) -> tuple[int, int, bytes]:
    recipient, code, data = unpack_data(memoryview(payload))
    return recipient, code, bytes(data)


@given(UINT32, st.binary())
def test_data_equals_the_declared_class(recipient: int, data: bytes) -> None:
    payload = ChannelData(recipient, data).encode()
    assert data_fields(recipient, 0) + len(data).to_bytes(4, "big") + data == payload
    assert unpacked(payload) == (recipient, 0, data)


@given(UINT32, UINT32.filter(bool), st.binary())
def test_extended_data_equals_the_declared_class(recipient: int, code: int, data: bytes) -> None:
    payload = ChannelExtendedData(recipient, code, data).encode()
    assert data_fields(recipient, code) + len(data).to_bytes(4, "big") + data == payload
    assert unpacked(payload) == (recipient, code, data)


@given(st.sampled_from([ChannelData, ChannelExtendedData]), st.binary(max_size=20))
def test_both_refuse_the_same_bytes(declared: type[ChannelData | ChannelExtendedData], rest: bytes) -> None:
    payload = bytes((declared.number,)) + rest
    try:
        expected = declared.decode(payload)
    except DecodeError:
        with pytest.raises(DecodeError, match=rf"{declared.__name__}\.data"):
            unpack_data(memoryview(payload))
    else:
        code = expected.data_type_code if isinstance(expected, ChannelExtendedData) else 0
        assert unpacked(payload) == (expected.recipient_channel, code, expected.data)


@pytest.mark.parametrize(
    "payload",
    [
        b"\x5e",
        b"\x5e\0\0\0\0\0\0\0\x02a",
        b"\x5e\0\0\0\0\0\0\0\0a",
        b"\x5f\0\0\0\0\0\0\0\x01",
        b"\x5f\0\0\0\0\0\0\0\x01\0\0\0\x02a",
        b"\x5f\0\0\0\0\0\0\0\x01\xff\xff\xff\xffa",
    ],
)
def test_short_and_lying_lengths_are_refused(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        unpack_data(memoryview(payload))


def test_the_data_is_a_view() -> None:
    payload = memoryview(bytearray(ChannelData(1, b"abc").encode()))
    assert unpack_data(payload)[2].obj is payload.obj
