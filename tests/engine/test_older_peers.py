"""Peers from before strict key exchange, and the rarer turns of a handshake."""

import pytest

from pyssh.connection.kinds import Session
from pyssh.errors import DisconnectReason, UsageError
from pyssh.events import (
    Authenticated,
    CredentialNeeded,
    DataReceived,
    Ended,
    KeysExchanged,
    PasswordCredential,
)
from pyssh.messages.transport import Ignore
from pyssh.options import ClientOptions, ServerOptions
from tests.support.pair import HOST_KEY, Pair, Side
from tests.support.rogue import QUICK, Rogue, Stage


@pytest.fixture
def _lax_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers leave out their mark."""
    monkeypatch.setattr("pyssh.transport.exchange.STRICT_SERVER", "other@example.com")


def numbers(side: Side) -> tuple[int, int]:
    transport = side.engine.transport
    return transport._writer.sequence_number, transport._reader.sequence_number


@pytest.mark.usefixtures("_lax_server")
def test_numbers_go_on_through_all_keys_with_a_peer_that_is_not_strict() -> None:
    pair = Pair(ClientOptions(user="me", algorithms=QUICK)).run()
    assert pair.client.of(Authenticated)
    assert [event.algorithms.strict for event in pair.client.of(KeysExchanged)] == [False]
    before = numbers(pair.client)
    channel = pair.client.engine.connection.open_channel(Session())
    pair.run()
    pair.client.engine.transport.start_rekey()
    pair.run()
    assert min(numbers(pair.client)) > min(before)
    assert numbers(pair.client) == numbers(pair.server)[::-1]
    pair.client.engine.connection.send_data(channel, b"under new keys")
    pair.run()
    assert bytes(pair.server.of(DataReceived)[0].data) == b"under new keys"


@pytest.mark.usefixtures("_lax_server")
@pytest.mark.parametrize("stage", [Stage.VERSION, Stage.KEXINIT, Stage.METHOD])
def test_such_a_peer_may_talk_during_the_first_exchange(stage: Stage) -> None:
    for victim_is_client in (True, False):
        rogue = Rogue(stage, victim_is_client=victim_is_client)
        rogue.send(Ignore(b"noise").encode())
        assert not rogue.ended


@pytest.mark.usefixtures("_lax_server")
def test_and_its_numbers_may_wrap() -> None:
    pair = Pair(ClientOptions(user="me", algorithms=QUICK))
    for one, other in ((pair.client, pair.server), (pair.server, pair.client)):
        one.engine.transport._writer.sequence_number = 2**32 - 1
        other.engine.transport._reader.sequence_number = 2**32 - 1
    pair.run()
    assert pair.client.of(Authenticated)


def test_a_right_guess_saves_a_round_trip() -> None:
    """Right is a guess when the first key exchange method and the first host key algorithm are the same."""
    pair = Pair(
        ClientOptions(user="me", algorithms=QUICK, guess_kex=True),
        ServerOptions(host_keys=(HOST_KEY.key,), algorithms=QUICK),
    )
    pair.deliver(pair.client, pair.server)
    pair.deliver(pair.server, pair.client)
    assert pair.client.of(KeysExchanged)
    assert pair.run().client.of(Authenticated)


def test_what_is_sent_after_the_end_goes_nowhere() -> None:
    pair = Pair().run()
    engine = pair.client.engine
    engine.disconnect()
    assert engine.data_to_send()
    engine.transport.send(Ignore(b""))
    engine.transport.disconnect(DisconnectReason.BY_APPLICATION, "again")
    assert engine.data_to_send() == []


def test_questions_of_a_layer_that_is_not_there_yet() -> None:
    pair = Pair()
    with pytest.raises(UsageError):
        pair.client.engine.answer(CredentialNeeded((), False), PasswordCredential("secret"))
    assert not pair.client.of(Ended)
