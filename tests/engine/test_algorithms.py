"""Whole sessions with every algorithm there is."""

from collections.abc import Iterator

import pytest

from pyssh.algorithms.ciphers import CIPHERS
from pyssh.algorithms.compression import COMPRESSION
from pyssh.algorithms.kex import KEX
from pyssh.algorithms.macs import MACS
from pyssh.algorithms.preferences import Algorithms
from pyssh.connection.kinds import Session
from pyssh.events import Authenticated, DataReceived, KeysExchanged
from pyssh.keys.private import PrivateKey, generate_private_key
from pyssh.keys.signing import SIGNATURE_ALGORITHMS
from pyssh.options import ClientOptions, ServerOptions
from tests.support.pair import HOST_KEY, Pair

PAYLOAD = b"0123456789abcdef" * 3000
EVERYTHING = Algorithms.legacy()


def session(key: PrivateKey = HOST_KEY, **wanted: tuple[str, ...]) -> Pair:
    """Log a client that wants just these into a server that has everything, send, rekey, send."""
    client = ClientOptions(user="me", algorithms=EVERYTHING.replace(**wanted))
    server = ServerOptions(host_keys=(key.key,), algorithms=EVERYTHING)
    pair = Pair(client, server, host_keys=(key,)).run()
    assert pair.client.of(Authenticated)
    connection = pair.client.engine.connection
    channel = connection.open_channel(Session())
    pair.run()
    sent = 0
    while sent < len(PAYLOAD):
        sent += connection.send_data(channel, PAYLOAD[sent:])
        pair.run()
    pair.client.engine.transport.start_rekey()
    pair.run()
    connection.send_data(channel, b"end")
    pair.run()
    assert b"".join(bytes(event.data) for event in pair.server.of(DataReceived)) == PAYLOAD + b"end"
    assert [event.first for event in pair.client.of(KeysExchanged)] == [True, False]
    return pair


def ciphers_and_macs() -> Iterator[tuple[str, str]]:
    for cipher in CIPHERS.names:
        for mac in MACS.names[:1] if CIPHERS[cipher].is_aead else MACS.names:
            yield cipher, mac


@pytest.mark.parametrize("name", KEX.names)
def test_every_key_exchange(name: str) -> None:
    pair = session(kex=(name,))
    assert {event.algorithms.kex for event in pair.server.of(KeysExchanged)} == {name}


@pytest.mark.parametrize(("cipher", "mac"), list(ciphers_and_macs()))
def test_every_cipher_with_every_mac(cipher: str, mac: str) -> None:
    agreed = session(ciphers=(cipher,), macs=(mac,)).server.of(KeysExchanged)[0].algorithms
    assert agreed.cipher_client_to_server == agreed.cipher_server_to_client == cipher
    assert agreed.mac_client_to_server == ("" if CIPHERS[cipher].is_aead else mac)


@pytest.mark.parametrize("name", COMPRESSION.names)
def test_every_compression(name: str) -> None:
    agreed = session(compression=(name,)).server.of(KeysExchanged)[0].algorithms
    assert agreed.compression_client_to_server == agreed.compression_server_to_client == name


@pytest.mark.parametrize(
    "key",
    [
        generate_private_key("ed25519"),
        generate_private_key("ecdsa", 256),
        generate_private_key("ecdsa", 384),
        generate_private_key("ecdsa", 521),
        generate_private_key("rsa", 2048),
        generate_private_key("mldsa44-ed25519"),
    ],
    ids=lambda key: str(key.key.key_type),
)
def test_every_host_key(key: PrivateKey) -> None:
    names = [row.name for row in SIGNATURE_ALGORITHMS if row.name in key.key.signature_algorithms]
    assert names
    for name in names:
        agreed = session(key, host_key=(name,)).server.of(KeysExchanged)[0].algorithms
        assert agreed.host_key == name
