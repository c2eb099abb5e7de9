"""The control socket by itself: who sees it when, and who is let in."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyssh_cli.mux.listener import AlreadyExistsError, ControlListener
from pyssh_cli.output import Level, Output

CONNECT = """
import os, socket, sys
os.setuid(int(sys.argv[2]))
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
sys.stdout.write(repr(sock.recv(5)))
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    # others may enter it, unlike pytest's own
    with tempfile.TemporaryDirectory(prefix="mux") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _serve(path: Path, inside: Callable[[], object], lines: list[str]) -> object:
    """Run something while a listener greets who connects, and return its result."""

    def greet(sock: socket.socket) -> None:
        sock.sendall(b"hello")
        sock.close()

    async def main() -> object:
        output = Output("test", sink=lambda _level, line: lines.append(line), level=Level.ERROR)
        listener = ControlListener.listen(str(path), output, greet)
        try:
            return await asyncio.to_thread(inside)
        finally:
            listener.close()
            listener.close()

    return asyncio.run(main())


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _connect_as(path: Path, user: int) -> bytes:
    words = [sys.executable, "-c", CONNECT, str(path), str(user)]
    return subprocess.run(words, check=True, capture_output=True, timeout=60).stdout


def test_it_is_ours_alone_and_goes(folder: Path) -> None:
    path = folder / "ctl"

    def look() -> tuple[int, list[str]]:
        return path.stat().st_mode & 0o777, _names(folder)

    assert _serve(path, look, []) == (0o600, ["ctl"])
    assert _names(folder) == []


def test_nothing_is_put_in_the_place_of_a_file(folder: Path) -> None:
    path = folder / "ctl"
    path.write_text("something")
    with pytest.raises(AlreadyExistsError):
        _serve(path, lambda: None, [])
    assert _names(folder) == ["ctl"]
    assert path.read_text() == "something"


def test_somebody_elses_socket_stays(folder: Path) -> None:
    path = folder / "ctl"

    def replace() -> None:
        path.unlink()
        path.write_text("another")

    _serve(path, replace, [])
    assert path.read_text() == "another"


def test_this_user_is_served(folder: Path) -> None:
    path = folder / "ctl"
    assert _serve(path, lambda: _connect_as(path, os.getuid()), []) == b"b'hello'"


def test_others_are_not(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to be somebody else")
    path = folder / "ctl"
    lines: list[str] = []

    def connect() -> bytes:
        path.chmod(0o666)
        return _connect_as(path, 65534)

    assert _serve(path, connect, lines) == b"b''"
    assert lines == ["test: multiplex uid mismatch: peer euid 65534 != uid 0"]
