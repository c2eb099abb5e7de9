"""Tries over all addresses."""

import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from pyssh_cli.client.dial import Dialing, mark
from pyssh_cli.client.race import Found, Racers, interleaved
from pyssh_cli.output import Output
from pyssh_config.client import ClientConfig

LOOPBACK = "127.0.0.1"


def entry(port: int) -> Found:
    return (socket.AF_INET, socket.SOCK_STREAM, 0, "", (LOOPBACK, port))


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((LOOPBACK, 0)) as sock:
        yield sock


@pytest.fixture
def silent() -> Iterator[int]:
    """A port whose queue is full: who connects hears nothing."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server((LOOPBACK, 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()[1]


@pytest.fixture
def closed() -> int:
    with socket.create_server((LOOPBACK, 0)) as sock:
        port: int = sock.getsockname()[1]
    return port


class Race:
    def __init__(self, *ports: int, seconds: float | None = None) -> None:
        self.made: list[socket.socket] = []
        self.failures: list[tuple[int, OSError]] = []
        self._racers = Racers(self._prepare, self._failed, seconds=seconds)
        self._entries = [entry(port) for port in ports]

    def _prepare(self, found: Found) -> socket.socket:
        if found[4][1] == 0:
            raise OSError(errno.EADDRNOTAVAIL, "no")
        self.made.append(socket.socket(*found[:3]))
        return self.made[-1]

    def _failed(self, found: Found, error: OSError) -> None:
        self.failures.append((found[4][1], error))

    def run(self) -> socket.socket:
        return self._racers.run(self._entries)


def test_addresses_that_fail_are_passed_over(listener: socket.socket, closed: int) -> None:
    port = listener.getsockname()[1]
    race = Race(0, closed, port)
    with race.run() as sock:
        assert sock.getpeername()[1] == port
        assert sock.getblocking()
    assert [failed for failed, _ in race.failures] == [0, closed]


def test_a_silent_address_is_not_waited_for(listener: socket.socket, silent: int) -> None:
    port = listener.getsockname()[1]
    race = Race(silent, port)
    with race.run() as sock:
        assert sock.getpeername()[1] == port
    assert [one.fileno() for one in race.made if one is not sock] == [-1]


def test_the_last_failure_is_the_one_to_tell(closed: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        Race(0, closed).run()
    with pytest.raises(OSError, match="no address"):
        Race().run()


def test_all_addresses_together_have_so_long(silent: int) -> None:
    race = Race(silent, silent, seconds=0.5)
    with pytest.raises(TimeoutError):
        race.run()
    assert {one.fileno() for one in race.made} == {-1}


def test_families_take_turns() -> None:
    def found(*families: int) -> list[Any]:
        return [(family, 0, 0, "", number) for number, family in enumerate(families)]

    assert [one[4] for one in interleaved(found(6, 6, 6, 4, 4))] == [0, 3, 1, 4, 2]
    assert [one[4] for one in interleaved(found(4))] == [0]


def test_packets_are_marked() -> None:
    with socket.socket() as four, socket.socket(socket.AF_UNIX) as path:
        mark(four, 0xB8)
        assert four.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 0xB8
        mark(four, None)
        assert four.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 0xB8
        mark(path, 8)
    with socket.socket(socket.AF_INET6) as six:
        mark(six, 0x28)
        assert six.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS) == 0x28


def test_a_connection_has_what_the_configuration_asks_for(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    overrides = [
        f"HostName={LOOPBACK}",
        f"Port={port}",
        "TCPKeepAlive=no",
        "IPQoS=af21 none",
        "BindInterface=lo",
    ]
    config = ClientConfig.load("h", files=[], overrides=overrides)
    dialing = Dialing.start(config, Output("pyssh"))
    assert dialing is not None
    with dialing.result() as sock:
        assert sock.getpeername() == (LOOPBACK, port)
        assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 0x48
        assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
