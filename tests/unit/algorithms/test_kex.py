"""Every registered key exchange method."""

import os

import pytest

from pyssh.algorithms.kex import KEX, KexClient, KexReply, KexResult, KexServer, KexSpec
from pyssh.errors import DisconnectReason, ProtocolError, UsageError
from pyssh.wire.message import Message
from pyssh.wire.types import Reader, take_mpint, take_string

every_method = pytest.mark.parametrize("spec", list(KEX), ids=lambda spec: spec.name)


def over_the_wire(spec: KexSpec, message: Message) -> Message:
    """Encode, and decode as the method's table says."""
    payload = message.encode()
    return spec.messages[payload[0]].decode(payload)


def run(spec: KexSpec, client: KexClient, server: KexServer) -> tuple[KexReply, KexResult, list[Message]]:
    """Run one exchange and return what both sides have, and what was sent."""
    sent = [client.start()]
    while True:
        served = server.receive(over_the_wire(spec, sent[-1]))
        if isinstance(served, KexResult):
            sent.append(server.reply(b"host key", b"signature"))
            reply = client.receive(over_the_wire(spec, sent[-1]))
            assert isinstance(reply, KexReply)
            return reply, served, sent
        sent.append(served)
        answer = client.receive(over_the_wire(spec, served))
        assert isinstance(answer, Message)
        sent.append(answer)


@every_method
def test_both_sides_agree(spec: KexSpec) -> None:
    reply, result, _ = run(spec, spec.client(os.urandom), spec.server(os.urandom))
    assert reply.result == result
    assert (reply.host_key, reply.signature) == (b"host key", b"signature")


@every_method
def test_each_exchange_has_its_own_secret(spec: KexSpec) -> None:
    results = [run(spec, spec.client(os.urandom), spec.server(os.urandom))[1] for _ in range(2)]
    assert results[0].shared_secret != results[1].shared_secret
    assert results[0].transcript != results[1].transcript


@every_method
def test_the_secret_is_encoded_for_the_hash(spec: KexSpec) -> None:
    _, result, _ = run(spec, spec.client(os.urandom), spec.server(os.urandom))
    reader = Reader(result.shared_secret)
    if spec.module == "kex_hybrid":
        assert len(take_string(reader)) == 32
    else:
        assert take_mpint(reader) > 0
    reader.finish()
    assert repr(result.shared_secret) not in repr(result)


@every_method
def test_the_servers_messages_are_refused_by_a_server_and_the_other_way_round(spec: KexSpec) -> None:
    _, _, sent = run(spec, spec.client(os.urandom), spec.server(os.urandom))
    for of_client, of_server in zip(sent[::2], sent[1::2], strict=True):
        with pytest.raises(ProtocolError) as caught:
            spec.server(os.urandom).receive(of_server)
        assert caught.value.reason == DisconnectReason.KEY_EXCHANGE_FAILED
        client = spec.client(os.urandom)
        client.start()
        with pytest.raises(ProtocolError):
            client.receive(of_client)


@every_method
def test_nothing_is_taken_twice(spec: KexSpec) -> None:
    client, server = spec.client(os.urandom), spec.server(os.urandom)
    _, _, sent = run(spec, client, server)
    for of_client, of_server in zip(sent[::2], sent[1::2], strict=True):
        with pytest.raises(ProtocolError):
            server.receive(of_client)
        with pytest.raises(ProtocolError):
            client.receive(of_server)
    with pytest.raises(UsageError):
        client.start()
    with pytest.raises(UsageError):
        server.reply(b"", b"")


@every_method
def test_a_server_cannot_reply_before_it_was_asked(spec: KexSpec) -> None:
    with pytest.raises(UsageError):
        spec.server(os.urandom).reply(b"", b"")


@every_method
def test_a_client_takes_nothing_before_it_started(spec: KexSpec) -> None:
    _, _, sent = run(spec, spec.client(os.urandom), spec.server(os.urandom))
    with pytest.raises(ProtocolError):
        spec.client(os.urandom).receive(sent[1])
