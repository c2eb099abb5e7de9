"""What OpenSSH added to the protocol, and what peers may leave out of it, on both sides."""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pyssh.algorithms.preferences import Algorithms
from pyssh.connection.kinds import Session
from pyssh.connection.requests import (
    HOSTKEYS_PROVE,
    HostKeyProofData,
    HostKeyProofs,
    HostKeys,
    HostKeysProve,
    NoMoreSessions,
)
from pyssh.errors import Disconnected
from pyssh.events import (
    Authenticated,
    ExtensionsReceived,
    GlobalRequestAnswered,
    GlobalRequestReceived,
    PongReceived,
)
from pyssh.keys.public import decode_public_key
from pyssh.keys.signing import Signer
from pyssh.messages.connection import ChannelRequest, GlobalRequest
from pyssh.messages.transport import KexInit, Ping
from pyssh.options import ClientOptions, ServerOptions
from pyssh.wire.message import Message
from tests.interop.support_keys import KeyRing, load_signers
from tests.interop.support_paramiko import ParamikoClient, ParamikoServer
from tests.interop.support_peers import StockClient, StockServer
from tests.interop.support_serving import ServerDrive, Serving, serving
from tests.interop.support_stock import CLIENTS, SERVERS, run_command
from tests.support import peers
from tests.support.drive import Client

DATA = bytes(range(256)) * 1000
OPENSSH = [peers.NEWEST, peers.DISTRIBUTION]

pytestmark = pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields")


class Observer:
    """Keeps the messages of one direction, as `Options.observer`."""

    def __init__(self, direction: str) -> None:
        self.direction = direction
        self.messages: list[Message] = []

    def __call__(self, direction: str, message: Message) -> None:
        if direction == self.direction:
            self.messages.append(message)

    def requests(self, name: str) -> int:
        """How many requests of that name there were."""
        return sum(
            (isinstance(message, GlobalRequest) and message.request_name == name)
            or (isinstance(message, ChannelRequest) and message.request_type == name)
            for message in self.messages
        )


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return KeyRing(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def listen(keys: KeyRing) -> Iterator[Callable[[StockServer], peers.Server]]:
    with ExitStack() as stack:
        yield functools.cache(lambda stock: stack.enter_context(stock.listen(keys)))


@pytest.fixture(scope="module")
def signers(keys: KeyRing) -> list[Signer]:
    return [load_signers(keys.host(kind))[-1] for kind in ("ed25519", "ecdsa-256", "rsa")]


@pytest.fixture(scope="module")
def shared(signers: list[Signer]) -> Iterator[Serving]:
    with serving(ServerOptions(host_keys=tuple(signer.key for signer in signers)), signers) as running:
        yield running


@pytest.fixture
def ours(shared: Serving) -> Iterator[Serving]:
    with shared.as_it_is():
        yield shared


@pytest.fixture
def sshd(request: pytest.FixtureRequest, keys: KeyRing) -> Iterator[peers.Server]:
    host_keys = [keys.host(kind) for kind in ("ed25519", "rsa")]
    lines = ["ClientAliveInterval 1", "ClientAliveCountMax 1"]
    with peers.openssh_server(
        request.param, host_keys=host_keys, authorized_keys=keys.authorized_keys(["ed25519"]), lines=lines
    ) as server:
        yield server


def logged_in(server: peers.Server, keys: KeyRing, **options: object) -> Client:
    wanted = ClientOptions(user=server.user).replace(**options)
    return Client(server.port, wanted, signers=load_signers(keys.user("ed25519"))).log_in()


# --- strict key exchange, extension negotiation, guesses


@pytest.mark.parametrize("stock", SERVERS, ids=repr)
def test_strict_key_exchange_as_client(
    listen: Callable[[StockServer], peers.Server], stock: StockServer, keys: KeyRing
) -> None:
    peers.require(stock.kind)
    with logged_in(listen(stock), keys) as client:
        assert client.agreed.strict


@pytest.mark.parametrize("stock", CLIENTS, ids=repr)
def test_strict_key_exchange_as_server(ours: Serving, stock: StockClient, keys: KeyRing) -> None:
    peers.require(stock.kind)
    assert stock.run(ours.port, keys.user("ed25519"), "cat", DATA) == DATA
    assert ours.finish().agreed.strict


@pytest.mark.parametrize("cipher", ["aes256-gcm@openssh.com", "aes256-ctr"])
def test_peers_that_are_not_strict(ours: Serving, keys: KeyRing, cipher: str) -> None:
    peers.require(peers.PARAMIKO)
    algorithms = Algorithms(ciphers=(cipher,))
    with (
        ParamikoServer().listen(keys, strict_kex=False) as server,
        logged_in(server, keys, rekey_bytes=100_000, algorithms=algorithms) as client,
    ):
        assert client.run("cat", DATA).stdout == DATA
        assert not client.agreed.strict
        assert client.exchanges > 1
    ours.options = ours.options.replace(rekey_bytes=100_000, algorithms=algorithms)
    output = ParamikoClient(strict_kex=False).run(ours.port, keys.user("ed25519"), "cat", DATA)
    served = ours.finish()
    assert (output, served.agreed.strict) == (DATA, False)
    assert served.exchanges > 1


# AsyncSSH takes a guess for right if it names the method that is chosen in the end; Paramiko takes none
GUESSES = [
    (stock, right) for stock in SERVERS[:4] for right in (True, False) if right or stock is not SERVERS[3]
]


@pytest.mark.parametrize(("stock", "right"), GUESSES, ids=repr)
def test_a_guessed_key_exchange(
    listen: Callable[[StockServer], peers.Server], stock: StockServer, keys: KeyRing, right: bool
) -> None:
    peers.require(stock.kind)
    running = listen(stock)
    observer = Observer("received")
    with logged_in(running, keys, observer=observer):
        offer = next(message for message in observer.messages if isinstance(message, KexInit))
    ours = Algorithms.legacy()
    best, host_key = offer.kex_algorithms[0], offer.server_host_key_algorithms[0]
    kex = tuple(name for name in ours.kex if (name == best) is right)
    host_keys = tuple(sorted(ours.host_key, key=lambda name: name != host_key))
    algorithms = ours.replace(kex=kex, host_key=host_keys)
    with logged_in(running, keys, algorithms=algorithms, guess_kex=True) as client:
        assert client.run("cat", DATA).stdout == DATA


@pytest.mark.parametrize("sshd", OPENSSH, ids=repr, indirect=True)
def test_extensions_of_sshd(sshd: peers.Server, keys: KeyRing) -> None:
    with logged_in(sshd, keys) as client:
        found = client.of(ExtensionsReceived)[-1].extensions
        assert b"rsa-sha2-512" in found["server-sig-algs"].split(b",")
        assert found["publickey-hostbound@openssh.com"] == b"0"


@pytest.mark.parametrize("peer", OPENSSH, ids=repr)
def test_extensions_of_ssh(ours: Serving, peer: peers.OpenSSH, keys: KeyRing) -> None:
    run_command(peers.ssh_command(ours.port, keys.user("ed25519"), "cat", peer=peer), b"")
    # 9.2 has nothing to say to a server
    assert bool(ours.finish().of(ExtensionsReceived)) == (peer.version >= (9, 6))


# --- host keys that come and go


@pytest.mark.parametrize("sshd", OPENSSH, ids=repr, indirect=True)
def test_a_server_proves_its_other_host_keys(sshd: peers.Server, keys: KeyRing) -> None:
    with logged_in(sshd, keys) as client:
        client.until(lambda: client.of(GlobalRequestReceived))
        offered = client.of(GlobalRequestReceived)[0].request
        assert isinstance(offered, HostKeys)
        assert len(offered.host_keys) == 2
        client.engine.connection.global_request(HostKeysProve(offered.host_keys))
        client.until(lambda: client.of(GlobalRequestAnswered))
        answer = client.of(GlobalRequestAnswered)[0]
        session = client.engine.transport.session_identifier
        assert answer.granted
        assert session
        proofs = HostKeyProofs.decode(answer.data).signatures
        for blob, proof in zip(offered.host_keys, proofs, strict=True):
            key = decode_public_key(blob)
            signed = HostKeyProofData(HOSTKEYS_PROVE, session, blob).encode()
            # RSA keys sign as in the key exchange, or with SHA-512 if another type of key was used there
            assert any(key.verify(name, proof, signed) for name in key.signature_algorithms[:2])


@pytest.mark.parametrize("peer", OPENSSH, ids=repr)
def test_ssh_learns_our_other_host_keys(
    ours: Serving, keys: KeyRing, signers: list[Signer], peer: peers.OpenSSH, tmp_path: Path
) -> None:
    known_hosts = tmp_path / "known_hosts"
    first = keys.host("ed25519").with_name("ed25519.pub").read_text()
    known_hosts.write_text(f"[127.0.0.1]:{ours.port} {first}")
    by_blob = {signer.key.blob: signer for signer in signers}

    class Announcing(ServerDrive):
        def happened(self, event: object) -> None:
            super().happened(event)  # type: ignore[arg-type]  # any event
            if isinstance(event, Authenticated):
                self.engine.connection.global_request(HostKeys(tuple(by_blob)), want_reply=False)

        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.answers[GlobalRequestReceived] = self._prove

        def _prove(self, question: GlobalRequestReceived) -> bytes | None:
            if not isinstance(question.request, HostKeysProve):
                return None
            session = self.engine.transport.session_identifier or b""
            proofs = []
            for blob in question.request.host_keys:
                data = HostKeyProofData(HOSTKEYS_PROVE, session, blob).encode()
                signer = by_blob[blob]
                # the first name of an RSA key is rsa-sha2-512
                proofs.append(signer.sign(signer.key.signature_algorithms[0], data))
            return HostKeyProofs(tuple(proofs)).encode()

    ours.drive_class = Announcing
    options = ["-o", "UpdateHostKeys=yes", "-o", f"UserKnownHostsFile={known_hosts}"]
    command = peers.ssh_command(ours.port, keys.user("ed25519"), "cat", peer=peer, options=options)
    run_command(command, b"")
    known = {line.split()[1] for line in known_hosts.read_text().splitlines() if line.startswith("[")}
    assert known == {signer.key.key_type for signer in signers}


# --- small requests


@pytest.mark.parametrize("sshd", OPENSSH, ids=repr, indirect=True)
def test_no_more_sessions_is_obeyed_by_sshd(sshd: peers.Server, keys: KeyRing) -> None:
    with logged_in(sshd, keys) as client:
        assert client.run("echo one").stdout == b"one\n"
        client.engine.connection.global_request(NoMoreSessions(), want_reply=False)
        client.engine.connection.open_channel(Session())
        while not client.ended:
            client.step()
        assert isinstance(client.ended.error, Disconnected)


@pytest.mark.parametrize("peer", OPENSSH, ids=repr)
def test_ssh_asks_for_no_more_sessions(ours: Serving, keys: KeyRing, peer: peers.OpenSSH) -> None:
    # ssh says it to servers that seem to be OpenSSH
    ours.options = ours.options.replace(software_version="OpenSSH_10.0")
    run_command(peers.ssh_command(ours.port, keys.user("ed25519"), "cat", peer=peer), b"")
    assert ours.finish().engine.connection.no_more_sessions


@pytest.mark.parametrize("sshd", [peers.NEWEST], ids=repr, indirect=True)
def test_sshd_answers_pings(sshd: peers.Server, keys: KeyRing) -> None:
    with logged_in(sshd, keys) as client:
        assert "ping@openssh.com" in client.of(ExtensionsReceived)[-1].extensions
        client.engine.transport.send(Ping(b"are you there?"))
        client.until(lambda: client.of(PongReceived))
        assert client.of(PongReceived)[0].data == b"are you there?"


def test_ssh_answers_pings(ours: Serving, keys: KeyRing) -> None:
    class Pinging(ServerDrive):
        def happened(self, event: object) -> None:
            super().happened(event)  # type: ignore[arg-type]  # any event
            if isinstance(event, Authenticated):
                self.engine.transport.send(Ping(b"and you?"))

    ours.drive_class = Pinging
    run_command(peers.ssh_command(ours.port, keys.user("ed25519"), "cat"), DATA)
    assert ours.finish().of(PongReceived) == [PongReceived(b"and you?")]


@pytest.mark.parametrize("sshd", OPENSSH, ids=repr, indirect=True)
def test_keepalives_of_sshd_are_answered(sshd: peers.Server, keys: KeyRing) -> None:
    heard = Observer("received")
    with logged_in(sshd, keys, observer=heard) as client:
        # the second comes because the first was answered
        client.until(lambda: heard.requests("keepalive@openssh.com") > 1)
        assert client.run("echo alive").stdout == b"alive\n"
