"""Dialling and listening: several addresses, families, errors in words."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyssh.aio.dial import describe, dial, format_address
from pyssh.aio.listen import Acceptor, open_listeners
from pyssh.aio.timeouts import Timeouts
from tests.aio.support import exists, until

LOOPBACK = "127.0.0.1"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((LOOPBACK, 0)) as sock:
        yield sock


def closed_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


def mode_of(path: str) -> int:
    return Path(path).stat().st_mode & 0o777


def names(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Let every name stand for these addresses."""

    async def getaddrinfo(host: str, port: int, **settings: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in addresses]

    monkeypatch.setattr(
        asyncio.base_events.BaseEventLoop, "getaddrinfo", lambda _, *a, **k: getaddrinfo(*a, **k)
    )


async def test_the_next_address_when_one_refuses(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = listener.getsockname()
    names(monkeypatch, (LOOPBACK, closed_port()), good)
    with await dial(("name", 1), Timeouts(next_address=0.0)) as sock:
        assert sock.getpeername() == good


async def test_the_next_address_when_one_is_silent(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as full:
        full.bind((LOOPBACK, 0))
        full.listen(0)
        with contextlib.ExitStack() as stack:
            for _ in range(4):  # the queue of those who wait to be accepted is full
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            names(monkeypatch, full.getsockname(), listener.getsockname())
            with await dial(("name", 1), Timeouts(next_address=0.01)) as sock:
                assert sock.getpeername() == listener.getsockname()
            names(monkeypatch, full.getsockname())
            with pytest.raises(TimeoutError, match=r"port \d+: no answer within 0\.01 seconds"):
                await dial(("name", 1), Timeouts(connect=0.01))


async def test_all_addresses_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, (LOOPBACK, closed_port()), (LOOPBACK, closed_port()))
    with pytest.raises(ConnectionRefusedError) as caught:
        await dial(("name", 9), Timeouts())
    assert describe(caught.value) == "name port 9: Connection refused"


async def test_a_local_address(listener: socket.socket) -> None:
    with await dial(listener.getsockname(), Timeouts(), local_address="127.0.0.2") as sock:
        assert sock.getsockname()[0] == "127.0.0.2"
    with pytest.raises(OSError, match="port"):
        await dial(listener.getsockname(), Timeouts(), local_address="::1")
    with pytest.raises(OSError, match="Cannot assign"):
        await dial(listener.getsockname(), Timeouts(), local_address="192.0.2.1")


async def test_unix_sockets(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with pytest.raises(FileNotFoundError, match=f"{path}: No such file"):
        await dial(path, Timeouts())
    (listening,) = await open_listeners(path)
    assert mode_of(path) == 0o600
    with pytest.raises(OSError, match=f"cannot listen on {path}: Address already in use"):
        await open_listeners(path)
    accepted: list[socket.socket] = []
    acceptor = Acceptor([listening], accepted.append)
    with await dial(path, Timeouts()):
        await until(lambda: bool(accepted))
    accepted[0].close()
    acceptor.close()
    acceptor.close()
    assert not exists(path)


async def test_one_port_for_all_addresses_of_a_name() -> None:
    listeners = await open_listeners(("localhost", 0))
    assert len({sock.getsockname()[1] for sock in listeners}) == 1
    for sock in listeners:
        sock.close()
    with pytest.raises(OSError, match="0 to 65535"):
        await open_listeners(("localhost", 65536))


async def test_accepting_pauses_when_descriptors_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyssh.aio.listen._PAUSE", 0.001)
    failures = [OSError(errno.EMFILE, "Too many open files")]

    class Scarce(socket.socket):
        def accept(self) -> tuple[socket.socket, Any]:
            if failures:
                raise failures.pop()
            return super().accept()

    sock = Scarce(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    sock.bind((LOOPBACK, 0))
    sock.listen()
    accepted: list[socket.socket] = []
    acceptor = Acceptor([sock], accepted.append)
    with await dial(sock.getsockname(), Timeouts()):
        await until(lambda: bool(accepted))
    assert not failures
    accepted[0].close()
    acceptor.close()


def test_addresses_in_words() -> None:
    assert format_address(("::1", 22)) == "[::1]:22"
    assert format_address(("h", 22)) == "h:22"
    assert format_address("/run/x") == "/run/x"
    assert format_address("") == "unnamed socket"
    assert format_address(None) == "unknown"
    assert describe(ValueError()) == "ValueError"
