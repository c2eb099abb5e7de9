"""Escape characters: what is taken out of the input, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh_cli.client.escapes import EscapeFilter, help_lines


def _filter(commands: list[str], known: str = ".#?") -> EscapeFilter:
    def take(letter: str) -> bool:
        if letter in known:
            commands.append(letter)
        return letter in known

    return EscapeFilter("~", take)


@pytest.mark.parametrize(
    ("typed", "sent", "commands"),
    [
        (b"~.", b"", "."),
        (b"ls\r~.", b"ls\r", "."),
        (b"ls\n~#x", b"ls\nx", "#"),
        (b"ls ~.", b"ls ~.", ""),
        (b"~~.", b"~.", ""),
        (b"~~\r~?", b"~\r", "?"),
        (b"~x", b"~x", ""),
        (b"~?~#~?", b"", "?#?"),
        (b"~\r~.", b"~\r", "."),
        (b"a~", b"a~", ""),
    ],
)
def test_sequences(typed: bytes, sent: bytes, commands: str) -> None:
    found: list[str] = []
    assert _filter(found)(memoryview(typed)) == sent
    assert "".join(found) == commands


@given(st.lists(st.sampled_from([b"~", b".", b"\r", b"x", b"\xff"])), st.data())
def test_cuts_change_nothing(parts: list[bytes], data: st.DataObject) -> None:
    typed = b"".join(parts)
    cut = data.draw(st.integers(0, len(typed)))
    whole: list[str] = []
    pieces: list[str] = []
    at_once = _filter(whole)(typed)
    in_two = _filter(pieces)
    assert in_two(typed[:cut]) + in_two(typed[cut:]) == at_once
    assert pieces == whole


def test_another_character() -> None:
    found: list[str] = []

    def note(letter: str) -> bool:
        found.append(letter)
        return True

    take = EscapeFilter("\x01", note)
    assert take(b"~.\r\x01.") == b"~.\r"
    assert found == ["."]


def test_the_help_shows_the_character() -> None:
    assert any("%^Z" in line for line in help_lines("%"))
