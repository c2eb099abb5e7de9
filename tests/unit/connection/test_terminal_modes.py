import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.connection.terminal_modes import NAMES, OPCODES, decode_terminal_modes, encode_terminal_modes
from pyssh.errors import DecodeError


def test_opcodes_have_one_name_each() -> None:
    assert len(NAMES) == len(OPCODES)
    assert (OPCODES["VINTR"], OPCODES["ECHO"], OPCODES["IUTF8"], NAMES[129]) == (1, 53, 42, "TTY_OP_OSPEED")


@given(st.dictionaries(st.integers(1, 159), st.integers(0, 2**32 - 1)))
def test_modes_round_trip(modes: dict[int, int]) -> None:
    assert decode_terminal_modes(encode_terminal_modes(modes)) == modes


def test_the_bytes_of_rfc_4254_section_8() -> None:
    assert encode_terminal_modes({1: 3, 128: 9600}) == b"\x01\0\0\0\x03\x80\0\0\x25\x80\0"


@pytest.mark.parametrize("opcode", [0, 160, 255])
def test_what_is_no_mode_is_not_encoded(opcode: int) -> None:
    with pytest.raises(ValueError, match="not a terminal mode"):
        encode_terminal_modes({opcode: 0})


@pytest.mark.parametrize("encoded", [b"", b"\0", b"\0\x01\0\0\0\x03", b"\xa0\x01", b"\xff"])
def test_decoding_stops_at_the_end_mark_and_at_undefined_opcodes(encoded: bytes) -> None:
    assert decode_terminal_modes(encoded) == {}


def test_a_cut_argument_is_refused() -> None:
    with pytest.raises(DecodeError, match=r"terminal modes\.ECHO: 4 bytes wanted, 3 left at byte 6"):
        decode_terminal_modes(b"\x01\0\0\0\x03\x35\0\0\0")
    with pytest.raises(DecodeError, match=r"terminal modes\.159"):
        decode_terminal_modes(b"\x9f\0")
