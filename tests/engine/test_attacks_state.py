"""Attacks with state that travels, which may come from a process that was taken over."""

from collections.abc import Iterator
from typing import Any

import pytest

from pyssh.connection.kinds import Session
from pyssh.connection.state import ConnectionState
from pyssh.engine import EngineState, ServerEngine
from pyssh.errors import SSHError
from pyssh.options import ServerOptions
from pyssh.transport.state import AlgorithmsState, DirectionState, TransportState
from tests.support.pair import HOST_KEY
from tests.support.rogue import QUICK, Rogue, Stage

OPTIONS = ServerOptions(host_keys=(HOST_KEY.key,))
CIPHERS = ("aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr", "aes256-cbc")
WRONG_ALGORITHMS = ("", "unheard-of", "aes256-ctr", "aes256-gcm@openssh.com", "zlib", "hmac-sha2-512")
IMPOSSIBLE_CHANNELS: tuple[dict[str, Any], ...] = (
    {"state": 3},
    {"state": 9},
    {"local_size": 0},
    {"local_available": 2**32 - 1},
    {"local_unreturned": 2**32 - 1},
    {"local_maximum_packet_size": 0},
    {"remote_maximum_packet_size": 0},
)


def exported(cipher: str = CIPHERS[0]) -> EngineState:
    rogue = Rogue(Stage.OPEN, victim_is_client=False, algorithms=QUICK.replace(ciphers=(cipher,)))
    return EngineState.decode(rogue.victim.engine.export_state())


def use(state: EngineState) -> None:
    """Restore, and do with it what an owner would do; nothing but an `SSHError` may come of it."""
    try:
        engine, _ = ServerEngine.restore(OPTIONS, state.encode())
        engine.connection.open_channel(Session())
        for channel in tuple(engine.connection.channels):
            engine.connection.send_data(channel, bytes(100))
        engine.data_to_send()
        engine.receive_data(bytes(100))
        engine.tick(0.0)
    except SSHError:
        pass


def with_transport(state: EngineState, /, **changes: Any) -> EngineState:
    transport = TransportState.decode(state.transport).replace(**changes)
    return state.replace(transport=transport.encode())


def with_channels(state: EngineState, /, **changes: Any) -> EngineState:
    connection = ConnectionState.decode(state.connection)
    channels = tuple(channel.replace(**changes) for channel in connection.channels)
    return state.replace(connection=connection.replace(channels=channels).encode())


def keys_of_wrong_sizes(state: EngineState) -> Iterator[EngineState]:
    transport = TransportState.decode(state.transport)
    for direction in ("sent", "received"):
        keys = DirectionState.decode(getattr(transport, direction))
        for field in ("iv", "key", "mac_key"):
            for value in (b"", b"x", bytes(31), bytes(1000)):
                if len(value) != len(getattr(keys, field)):
                    yield with_transport(state, **{direction: keys.replace(**{field: value}).encode()})


@pytest.mark.parametrize("cipher", CIPHERS)
def test_keys_of_the_wrong_size(cipher: str) -> None:
    for state in keys_of_wrong_sizes(exported(cipher)):
        with pytest.raises(SSHError, match="keys that are not for these algorithms"):
            ServerEngine.restore(OPTIONS, state.encode())


@pytest.mark.parametrize("cipher", CIPHERS)
def test_algorithms_that_do_not_fit(cipher: str) -> None:
    state = exported(cipher)
    algorithms = AlgorithmsState.decode(TransportState.decode(state.transport).algorithms)
    for field in AlgorithmsState.__match_args__[:-1]:
        for name in WRONG_ALGORITHMS:
            use(with_transport(state, algorithms=algorithms.replace(**{field: name}).encode()))


@pytest.mark.parametrize("changes", IMPOSSIBLE_CHANNELS, ids=str)
def test_channels_that_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(SSHError):
        ServerEngine.restore(OPTIONS, with_channels(exported(), **changes).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"host_key": b"none"},
        {"extensions": b"\7"},
        {"session_identifier": b""},
        {"peer_identification": b"\xff" * 1000},
        {"unread": bytes(1_000_000)},
        {"sent": b""},
        {"algorithms": b"\xff" * 100},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_transports_that_cannot_be(changes: dict[str, bytes]) -> None:
    use(with_transport(exported(), **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"state": 0},
        {"state": 1},
        {"number": 77},
        {"channel_type": "forwarded-tcpip"},
        {"channel_type": "unheard-of" * 1000},
        {"awaited_replies": 2**32 - 1},
        {"remote_available": 2**32 - 1},
    ],
    ids=str,
)
def test_channels_that_are_odd(changes: dict[str, Any]) -> None:
    use(with_channels(exported(), **changes))


def test_channels_twice_and_numbers_without_end() -> None:
    state = exported()
    connection = ConnectionState.decode(state.connection)
    for changes in (
        {"channels": connection.channels * 100},
        {"next_number": 2**32 - 1},
        {"resting": tuple(range(5000))},
        {"forgotten": tuple(range(5000))},
    ):
        use(state.replace(connection=connection.replace(**changes).encode()))
