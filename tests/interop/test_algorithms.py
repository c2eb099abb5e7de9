"""Every algorithm that both sides have, in both roles, each with data both ways and key exchanges in between.

One login for each. What is registered is tested; what a peer has it says itself (`support_stock`).
"""

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from pyssh.algorithms.preferences import Algorithms
from pyssh.events import AgreedAlgorithms, Authenticated, KeyAccepted, PublicKeyCredential
from pyssh.keys.signing import Signer
from pyssh.options import ClientOptions, ServerOptions
from tests.interop.support_keys import KeyRing, load_signers
from tests.interop.support_peers import StockClient, StockServer, common
from tests.interop.support_serving import Serving, serving
from tests.interop.support_stock import CLIENTS, SERVERS
from tests.support import peers
from tests.support.drive import Client

# AsyncSSH computes with what `cryptography` gives up
pytestmark = pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields")

EVERYTHING = Algorithms.legacy()
DATA = os.urandom(150_000)
REKEY_BYTES = 100_000
"""Once on the way, as DATA goes both ways: a key exchange of 8192 bits takes half a second."""


def only(field: str, name: str) -> Algorithms:
    """Everything, but of one kind only this; a MAC needs a cipher that has none of its own."""
    chosen = EVERYTHING.replace(**{field: (name,)})
    return chosen.replace(ciphers=("aes128-ctr",)) if field == "macs" else chosen


def check(agreed: AgreedAlgorithms, field: str, name: str) -> None:
    """What was asked for is what was used, in both directions."""
    used = {
        "kex": {agreed.kex},
        "host_key": {agreed.host_key},
        "ciphers": {agreed.cipher_client_to_server, agreed.cipher_server_to_client},
        "macs": {agreed.mac_client_to_server, agreed.mac_server_to_client},
        "compression": {agreed.compression_client_to_server, agreed.compression_server_to_client},
    }
    assert used.get(field, {name}) == {name}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return KeyRing(tmp_path_factory.mktemp("keys"))


# --- our client


Listen = Callable[[StockServer], peers.Server]


@pytest.fixture(scope="module")
def listen(keys: KeyRing) -> Iterator[Listen]:
    """Each server is started by the first test that needs it, and stays."""
    with ExitStack() as stack:
        yield functools.cache(lambda stock: stack.enter_context(stock.listen(keys)))


def client_cases() -> list[object]:
    return [
        pytest.param(stock, field, name, id=f"{stock}-{field}-{name}")
        for stock in SERVERS
        for field, name in common(stock)
    ]


@pytest.mark.parametrize(("stock", "field", "name"), client_cases())
def test_as_client(listen: Listen, stock: StockServer, keys: KeyRing, field: str, name: str) -> None:
    running = listen(stock)
    algorithm = name if field == "user_key" else "ssh-ed25519"
    signer = load_signers(keys.identity(algorithm, stock.key_types))[0]
    options = ClientOptions(user=running.user, algorithms=only(field, name), rekey_bytes=REKEY_BYTES)
    wanted = PublicKeyCredential(signer.key, algorithm)
    with Client(running.port, options, signers=[signer], credentials=[wanted]) as client:
        client.log_in()
        assert client.run("cat", DATA) == (DATA, b"", 0)
        assert client.exchanges >= 2
        check(client.agreed, field, name)
        assert client.of(KeyAccepted)[0].algorithm == algorithm


# --- our server


@pytest.fixture(scope="module")
def shared(keys: KeyRing) -> Iterator[Serving]:
    kinds = max((stock.key_types for stock in CLIENTS), key=len)
    signers: list[Signer] = [signer for kind in kinds for signer in load_signers(keys.host(kind))]
    options = ServerOptions(host_keys=tuple(signer.key for signer in signers), rekey_bytes=REKEY_BYTES)
    with serving(options, signers) as running:
        yield running


@pytest.fixture
def ours(shared: Serving) -> Iterator[Serving]:
    with shared.as_it_is():
        yield shared


def server_cases() -> list[object]:
    return [
        pytest.param(stock, field, name, id=f"{stock}-{field}-{name}")
        for stock in CLIENTS
        for field, name in common(stock)
    ]


@pytest.mark.parametrize(("stock", "field", "name"), server_cases())
def test_as_server(ours: Serving, stock: StockClient, keys: KeyRing, field: str, name: str) -> None:
    ours.options = ours.options.replace(algorithms=only(field, name))
    algorithm = name if field == "user_key" else "ssh-ed25519"
    identity = keys.identity(algorithm, stock.key_types)
    assert stock.run(ours.port, identity, "cat", DATA) == DATA
    served = ours.finish()
    assert served.exchanges >= 2
    check(served.agreed, field, name)
    assert served.of(Authenticated)[0].method == "publickey"


@pytest.mark.parametrize("stock", [*SERVERS, *CLIENTS], ids=repr)
def test_the_peer_is_here_and_has_algorithms(stock: StockServer | StockClient) -> None:
    peers.require(stock.kind)
    assert len({field for field, _ in common(stock)}) == len(Algorithms.__match_args__)
