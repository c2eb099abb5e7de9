"""State that travels: an engine exported as bytes and continued elsewhere, with the peer noticing nothing."""

import pytest

from pyssh.algorithms.ciphers import CIPHERS
from pyssh.algorithms.preferences import Algorithms
from pyssh.connection.kinds import Session
from pyssh.connection.requests import Exec
from pyssh.engine import ClientEngine, ServerEngine
from pyssh.errors import UsageError
from pyssh.events import ChannelOpenRequested, ChannelRequestReceived, DataReceived, KeysExchanged
from pyssh.options import ClientOptions, ServerOptions
from tests.support.pair import HOST_KEY, Pair

EVERYTHING = Algorithms.legacy()


def joined(cipher: str = "aes256-gcm@openssh.com", mac: str = "hmac-sha2-256") -> tuple[Pair, int]:
    algorithms = EVERYTHING.replace(ciphers=(cipher,), macs=(mac,))
    pair = Pair(
        ClientOptions(user="me", algorithms=algorithms),
        ServerOptions(host_keys=(HOST_KEY.key,), algorithms=algorithms),
    ).run()
    channel = pair.client.engine.connection.open_channel(Session())
    return pair.run(), channel


def move_server(pair: Pair) -> None:
    options = ServerOptions(host_keys=(HOST_KEY.key,), algorithms=EVERYTHING)
    state = pair.server.engine.export_state()
    assert pair.server.engine.receive_data(b"ignored") == []
    pair.server.engine, events = ServerEngine.restore(options, state)
    pair.server.take(events)


def received(pair: Pair) -> bytes:
    return b"".join(bytes(event.data) for event in pair.server.of(DataReceived))


@pytest.mark.parametrize("cipher", CIPHERS.names)
@pytest.mark.parametrize("mac", ["hmac-sha2-256", "hmac-sha2-512-etm@openssh.com"])
@pytest.mark.parametrize("cut", [0, 1, 4, 5, 16, 17, 1000])
def test_a_server_moves_in_mid_packet(cipher: str, mac: str, cut: int) -> None:
    pair, channel = joined(cipher, mac)
    for turn in range(3):
        pair.client.engine.connection.send_data(channel, bytes([turn]) * 3000)
        stream = b"".join(pair.client.engine.data_to_send())
        pair.server.take(pair.server.engine.receive_data(stream[:cut]))
        move_server(pair)
        pair.server.take(pair.server.engine.receive_data(stream[cut:]))
        pair.server.engine.connection.send_data(0, b"answer")
        pair.run()
    assert received(pair) == b"".join(bytes([turn]) * 3000 for turn in range(3))
    assert b"".join(bytes(event.data) for event in pair.client.of(DataReceived)) == b"answer" * 3


def test_a_rekey_works_after_the_move() -> None:
    pair, channel = joined()
    move_server(pair)
    pair.server.engine.transport.start_rekey()
    pair.run()
    assert pair.server.of(KeysExchanged)[-1].first is False
    pair.client.engine.connection.send_data(channel, b"under new keys")
    pair.run()
    assert received(pair) == b"under new keys"
    move_server(pair)
    pair.client.engine.connection.send_data(channel, b" and again")
    pair.run()
    assert received(pair) == b"under new keys and again"


def test_open_questions_are_asked_again() -> None:
    pair, channel = joined()
    del pair.server.answers[ChannelRequestReceived]
    del pair.server.answers[ChannelOpenRequested]
    pair.client.engine.connection.request(channel, Exec(b"true"))
    second = pair.client.engine.connection.open_channel(Session())
    pair.run()
    pair.server.open_questions.clear()
    move_server(pair)
    kinds = {type(question) for question in pair.server.open_questions}
    assert kinds == {ChannelRequestReceived, ChannelOpenRequested}
    assert second != channel


def test_a_client_moves_too() -> None:
    pair, channel = joined()
    state = pair.client.engine.export_state()
    pair.client.engine, _ = ClientEngine.restore(ClientOptions(user="me", algorithms=EVERYTHING), state)
    assert pair.client.engine.user == "me"
    pair.client.engine.connection.send_data(channel, b"moved")
    pair.run()
    assert received(pair) == b"moved"


def test_what_was_ready_to_leave_leaves_from_the_new_place() -> None:
    pair, _ = joined()
    pair.server.engine.connection.send_data(0, b"unsent")
    move_server(pair)
    pair.run()
    assert bytes(pair.client.of(DataReceived)[0].data) == b"unsent"


def test_no_export_at_the_wrong_time() -> None:
    pair = Pair()
    with pytest.raises(UsageError):
        pair.server.engine.export_state()
    pair, _ = joined()
    pair.server.engine.transport.start_rekey()
    with pytest.raises(UsageError):
        pair.server.engine.export_state()
    pair.run()
    state = pair.server.engine.export_state()
    with pytest.raises(UsageError):
        pair.server.engine.export_state()
    with pytest.raises(UsageError, match="other role"):
        ClientEngine.restore(ClientOptions(), state)


@pytest.mark.parametrize("used", [True, False])
def test_a_stream_that_is_compressed_stays(used: bool) -> None:
    algorithms = EVERYTHING.replace(compression=("zlib@openssh.com",))
    options = ServerOptions(host_keys=(HOST_KEY.key,), algorithms=algorithms)
    pair = Pair(ClientOptions(user="me", algorithms=algorithms), options).run()
    if used:
        pair.client.engine.connection.open_channel(Session())
        pair.run()
        with pytest.raises(UsageError, match="compressed"):
            pair.server.engine.export_state()
        return
    pair.server.engine, _ = ServerEngine.restore(options, pair.server.engine.export_state())
    pair.client.engine.connection.open_channel(Session())
    pair.run()
    assert pair.server.of(ChannelOpenRequested)
