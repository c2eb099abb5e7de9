from pyssh.connection.keepalive import Keepalive
from pyssh.options import ClientOptions


def make(seconds: float, count: int) -> tuple[Keepalive, list[None]]:
    probes: list[None] = []
    options = ClientOptions(keepalive_seconds=seconds, keepalive_count=count)
    return Keepalive(options, lambda: probes.append(None)), probes


def test_nothing_happens_when_it_is_off() -> None:
    keepalive, probes = make(0, 3)
    assert keepalive.tick(1e9, 0)
    assert keepalive.deadline() is None
    assert not probes


def test_a_silent_peer_is_probed_and_given_up() -> None:
    keepalive, probes = make(10, 2)
    assert keepalive.deadline() is None
    assert keepalive.tick(100, 5)
    assert keepalive.deadline() == 110
    assert keepalive.tick(109, 5)
    assert not probes
    assert keepalive.tick(110, 5)
    assert keepalive.tick(120, 5)
    assert len(probes) == 2
    assert not keepalive.tick(130, 5)


def test_any_packet_is_a_sign_of_life() -> None:
    keepalive, probes = make(10, 1)
    keepalive.tick(100, 5)
    keepalive.tick(110, 5)
    assert keepalive.tick(119, 6)
    assert keepalive.deadline() == 129
    assert keepalive.tick(129, 6)
    assert len(probes) == 2
