import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.errors import DecodeError
from pyssh.wire import types
from pyssh.wire.types import Reader


def test_values_of_rfc_4251_section_5() -> None:
    out = bytearray()
    types.put_uint32(out, 699921578)
    assert out == bytes.fromhex("29b7f4aa")
    out = bytearray()
    types.put_string(out, b"testing")
    assert out == b"\0\0\0\x07testing"
    for names, encoded in (
        ((), "00000000"),
        (("zlib",), "000000047a6c6962"),
        (("zlib", "none"), "000000097a6c69622c6e6f6e65"),
    ):
        out = bytearray()
        types.put_name_list(out, names)
        assert out.hex() == encoded
        assert types.take_name_list(Reader(bytes(out))) == names


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "00000000"),
        (0x9A378F9B2E332A7, "0000000809a378f9b2e332a7"),
        (0x80, "000000020080"),
        (-0x1234, "00000002edcc"),
        (-0xDEADBEEF, "00000005ff21524111"),
        (-0x80, "0000000180"),
    ],
)
def test_mpints_of_rfc_4251_section_5(value: int, encoded: str) -> None:
    out = bytearray()
    types.put_mpint(out, value)
    assert out.hex() == encoded
    assert types.take_mpint(Reader(bytes(out))) == value


@pytest.mark.parametrize("encoded", ["0000000100", "000000020001", "00000002ffff", "000000020000"])
def test_an_mpint_that_is_not_shortest_is_refused(encoded: str) -> None:
    with pytest.raises(DecodeError, match="shortest"):
        types.take_mpint(Reader(bytes.fromhex(encoded)))


@given(st.integers())
def test_an_mpint_has_one_form(value: int) -> None:
    out = bytearray()
    types.put_mpint(out, value)
    assert types.take_mpint(Reader(bytes(out))) == value


@given(st.binary(max_size=40))
def test_what_decodes_as_an_mpint_is_its_encoding(data: bytes) -> None:
    framed = bytearray()
    types.put_string(framed, data)
    try:
        value = types.take_mpint(Reader(bytes(framed)))
    except DecodeError:
        return
    out = bytearray()
    types.put_mpint(out, value)
    assert out == framed


def test_numbers_and_bytes() -> None:
    out = bytearray()
    types.put_byte(out, 200)
    types.put_uint64(out, 2**63 + 1)
    types.put_boolean(out, True)
    types.put_boolean(out, False)
    types.put_text(out, "ä")
    types.put_rest(out, b"rest")
    reader = Reader(bytes(out))
    assert types.take_byte(reader) == 200
    assert types.take_uint64(reader) == 2**63 + 1
    assert types.take_boolean(reader) is True
    assert types.take_boolean(reader) is False
    assert types.take_text(reader) == "ä"
    assert types.take_rest(reader) == b"rest"
    reader.finish()


def test_any_byte_but_0_is_true() -> None:
    assert types.take_boolean(Reader(b"\x02")) is True


@pytest.mark.parametrize("names", [b"a,,b", b",", b"a,", b"a\x07", b"a\nb", b"\xc3\xa4"])
def test_bad_name_lists_are_refused(names: bytes) -> None:
    framed = bytearray()
    types.put_string(framed, names)
    with pytest.raises(DecodeError, match="name"):
        types.take_name_list(Reader(bytes(framed)))


def test_text_must_be_utf_8() -> None:
    with pytest.raises(DecodeError, match="UTF-8") as caught:
        types.take_text(Reader(b"x\0\0\0\x01\xff", 1))
    assert caught.value.offset == 1


@pytest.mark.parametrize("data", [b"", b"\0\0\0", b"\0\0\0\x05abcd", b"\xff\xff\xff\xffabcd"])
def test_short_or_lying_strings_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="wanted"):
        types.take_string(Reader(data))


def test_the_reader_knows_where_it_is() -> None:
    reader = Reader(memoryview(b"abcdef"), 1)
    assert reader.take(2) == b"bc"
    assert (reader.offset, reader.remaining) == (3, 3)
    with pytest.raises(DecodeError, match="3 bytes too many at byte 3"):
        reader.finish()
    with pytest.raises(DecodeError, match="4 bytes wanted, 3 left at byte 3"):
        reader.take(4)


def test_a_cookie_has_16_bytes() -> None:
    put = types.Cookie.__metadata__[0].put  # type: ignore[attr-defined]  # Annotated has it
    with pytest.raises(ValueError, match="16"):
        put(bytearray(), b"short")
