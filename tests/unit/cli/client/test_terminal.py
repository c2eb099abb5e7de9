"""The local terminal: raw and back, and what a server is told of it."""

import os
import termios
from collections.abc import Iterator
from typing import Any

import pytest

from pyssh.connection.terminal_modes import OPCODES, decode_terminal_modes
from pyssh_cli.client.terminal import LocalTerminal, keep_modes

_LFLAG, _CC = 3, 6


@pytest.fixture
def terminal() -> Iterator[int]:
    ours, theirs = os.openpty()
    yield theirs
    os.close(ours)
    os.close(theirs)


def _modes(fd: int) -> list[Any]:
    return termios.tcgetattr(fd)


def test_raw_mode_and_back(terminal: int) -> None:
    before = _modes(terminal)
    local = LocalTerminal(terminal)
    local.enter_raw()
    assert local.is_raw
    raw = _modes(terminal)
    assert not raw[_LFLAG] & (termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN)
    local.enter_raw()
    local.leave_raw()
    local.leave_raw()
    assert _modes(terminal) == before


def test_changes_are_undone_at_the_end(terminal: int) -> None:
    before = _modes(terminal)
    with keep_modes(terminal):
        changed = _modes(terminal)
        changed[_LFLAG] &= ~termios.ECHO
        termios.tcsetattr(terminal, termios.TCSANOW, changed)
        assert _modes(terminal) != before
    assert _modes(terminal) == before


def test_a_server_is_told_size_and_modes(terminal: int) -> None:
    termios.tcsetwinsize(terminal, (40, 132))
    changed = _modes(terminal)
    changed[_LFLAG] &= ~termios.ECHO
    changed[_CC][termios.VERASE] = b"\x08"
    changed[_CC][termios.VEOL] = b"\0"
    termios.tcsetattr(terminal, termios.TCSANOW, changed)
    asked = LocalTerminal(terminal).describe("vt100")
    assert (asked.term, asked.columns, asked.rows) == ("vt100", 132, 40)
    modes = decode_terminal_modes(asked.terminal_modes)
    told = {name: modes[OPCODES[name]] for name in ("ECHO", "ICANON", "VERASE", "VEOL", "CS8", "CS7")}
    assert told == {"ECHO": 0, "ICANON": 1, "VERASE": 8, "VEOL": 255, "CS8": 1, "CS7": 0}
    assert modes[OPCODES["TTY_OP_OSPEED"]] == 38400


def test_without_a_terminal_nothing_is_known() -> None:
    reading, writing = os.pipe()
    local = LocalTerminal(reading)
    assert local.size() == (0, 0, 0, 0)
    assert local.describe("dumb").terminal_modes == b"\0"
    os.close(reading)
    os.close(writing)
