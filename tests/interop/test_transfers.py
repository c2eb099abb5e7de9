"""Much data with stock peers, in both roles, with key exchanges in its midst."""

import functools
import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pyssh.options import ClientOptions, ServerOptions
from tests.interop.support_keys import KeyRing, load_signers
from tests.interop.support_peers import SECONDS, StockClient, StockServer
from tests.interop.support_serving import Serving, pattern_digest, serving
from tests.interop.support_stock import CLIENTS, SERVERS
from tests.support import peers
from tests.support.drive import Client

MIB = 1 << 20
LARGE = 64 * MIB
REKEY_BYTES = MIB
DATA = os.urandom(4 * MIB)

pytestmark = pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return KeyRing(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def shared(keys: KeyRing) -> Iterator[Serving]:
    signers = load_signers(keys.host("ed25519"))[1:]
    with serving(ServerOptions(host_keys=(signers[0].key,)), signers) as running:
        yield running


@pytest.fixture
def ours(shared: Serving) -> Iterator[Serving]:
    with shared.as_it_is():
        yield shared


Listen = Callable[[StockServer, int], peers.Server]


@pytest.fixture(scope="module")
def listen(keys: KeyRing) -> Iterator[Listen]:
    """Each server is started by the first test that needs it, and stays."""
    with ExitStack() as stack:
        yield functools.cache(lambda stock, rekey: stack.enter_context(stock.listen(keys, rekey)))


def who_rekeys(stocks: tuple[StockServer, ...] | tuple[StockClient, ...]) -> list[object]:
    """Cases: whether we begin key exchanges, and whether the peer does."""
    return [
        pytest.param(stock, we, they, id=f"{stock}-{'both' if we and they else 'we' if we else 'they'}")
        for stock in stocks
        for we, they in ((True, False), (False, True), (True, True))
        if stock.rekeys or not they
    ]


@pytest.mark.parametrize(("stock", "we", "they"), who_rekeys(SERVERS))
def test_keys_change_under_way_as_client(
    listen: Listen, stock: StockServer, keys: KeyRing, we: bool, they: bool
) -> None:
    peers.require(stock.kind)
    running = listen(stock, REKEY_BYTES if they else 0)
    options = ClientOptions(user=running.user, rekey_bytes=REKEY_BYTES if we else 0)
    with Client(running.port, options, signers=load_signers(keys.user("ed25519"))) as client:
        client.log_in()
        assert client.run("cat", DATA) == (DATA, b"", 0)
        assert client.exchanges >= 3


@pytest.mark.parametrize(("stock", "we", "they"), who_rekeys(CLIENTS))
def test_keys_change_under_way_as_server(
    ours: Serving, stock: StockClient, keys: KeyRing, we: bool, they: bool
) -> None:
    peers.require(stock.kind)
    ours.options = ours.options.replace(rekey_bytes=REKEY_BYTES if we else 0)
    output = stock.run(ours.port, keys.user("ed25519"), "cat", DATA, REKEY_BYTES if they else 0)
    assert output == DATA
    assert ours.finish().exchanges >= 3


# --- 64 MiB


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "large"
    block = os.urandom(MIB)
    with path.open("wb") as file:
        for number in range(LARGE // MIB):
            file.write(number.to_bytes(8, "big") + block[8:])
    return path


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.parametrize("peer", [peers.NEWEST, peers.DISTRIBUTION], ids=repr)
def test_64_mib_each_way_as_client(peer: peers.OpenSSH, large: Path) -> None:
    with peers.openssh_server(peer) as server:
        options = ClientOptions(user=server.user, rekey_bytes=LARGE // 3)
        with Client(server.port, options, signers=load_signers(server.identity)) as client:
            client.log_in()
            there = client.run("sha256sum", large.read_bytes())
            assert there.stdout.decode().split()[0] == digest(large)
            back = client.run(f"cat {large}", hashed=True)
            assert (back.stdout.decode(), back.status) == (digest(large), 0)
            assert client.exchanges >= 5


@pytest.mark.parametrize("peer", [peers.NEWEST, peers.DISTRIBUTION], ids=repr)
def test_64_mib_each_way_as_server(ours: Serving, keys: KeyRing, peer: peers.OpenSSH, large: Path) -> None:
    ours.options = ours.options.replace(rekey_bytes=LARGE // 3)
    identity = keys.user("ed25519")
    with large.open("rb") as file:
        command = peers.ssh_command(ours.port, identity, "sha256", peer=peer)
        there = subprocess.run(command, stdin=file, capture_output=True, check=True, timeout=SECONDS)
    assert there.stdout.decode() == digest(large)
    command = peers.ssh_command(ours.port, identity, f"give {LARGE}", peer=peer)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout
        back = hashlib.file_digest(process.stdout, "sha256")  # type: ignore[arg-type]  # wants readinto only
    assert (back.hexdigest(), process.returncode) == (pattern_digest(LARGE), 0)
    assert ours.finish().exchanges >= 2
