"""State that travels: a server's connections move to other processes, and stock ssh notices nothing."""

import hashlib
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pyssh.engine import ClientEngine
from pyssh.options import ClientOptions
from tests.interop.support_carrier import Hops, drive_for, relay_to_many, relay_to_one
from tests.interop.support_keys import KeyRing, load_signers
from tests.interop.support_peers import SECONDS
from tests.interop.support_serving import ServerDrive, pattern_digest
from tests.support import peers
from tests.support.drive import Client
from tests.support.processes import LOOPBACK

MIB = 1 << 20
Relay = Callable[[ServerDrive, Path], Hops]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return KeyRing(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "data"
    path.write_bytes(os.urandom(8 * MIB))
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def serve_ssh(keys: KeyRing, relay: Relay, command: str, given: Path, output: Path, *options: str) -> Hops:
    """One run of stock ssh against a server that moves all the time."""
    key = keys.host("ed25519")
    with socket.create_server((LOOPBACK, 0)) as listener, given.open("rb") as file, output.open("wb") as out:
        port = listener.getsockname()[1]
        words = peers.ssh_command(port, keys.user("ed25519"), command, options=options)
        with subprocess.Popen(words, stdin=file, stdout=out, stderr=subprocess.PIPE) as ssh:
            try:
                listener.settimeout(SECONDS)
                sock, _ = listener.accept()
                hops = relay(drive_for(sock, key), key)
                _, said = ssh.communicate(timeout=SECONDS)
            finally:
                ssh.kill()
    assert ssh.returncode == 0, said.decode()
    return hops


@pytest.mark.parametrize(
    "options",
    [
        ["-c", "aes256-gcm@openssh.com"],
        ["-c", "chacha20-poly1305@openssh.com"],
        ["-c", "aes128-ctr", "-m", "hmac-sha2-256-etm@openssh.com"],
        ["-c", "aes256-ctr", "-m", "hmac-sha2-512"],
        ["-o", "RekeyLimit=1M"],
    ],
    ids=" ".join,
)
def test_to_and_fro_between_two_processes(
    keys: KeyRing, data: Path, tmp_path: Path, options: list[str]
) -> None:
    hops = serve_ssh(keys, relay_to_one, "cat", data, tmp_path / "output", *options)
    assert digest(tmp_path / "output") == digest(data)
    assert hops.count > 10
    assert hops.inside_packet > hops.count // 2
    assert hops.unsent == hops.count


def test_upload_to_a_server_that_moves(keys: KeyRing, data: Path, tmp_path: Path) -> None:
    stored = tmp_path / "stored"
    hops = serve_ssh(keys, relay_to_one, f"store {stored}", data, tmp_path / "output")
    assert digest(stored) == digest(data)
    assert hops.count > 5


@pytest.mark.parametrize("relay", [relay_to_one, relay_to_many])
def test_download_from_a_server_that_moves(keys: KeyRing, tmp_path: Path, relay: Relay) -> None:
    size = 64 * MIB if relay is relay_to_one else 12 * MIB
    hops = serve_ssh(keys, relay, f"give {size}", Path(os.devnull), tmp_path / "output")
    assert digest(tmp_path / "output") == pattern_digest(size)
    assert hops.count > 4


def test_a_client_moves_too(data: Path) -> None:
    with peers.openssh_server() as server:
        options = ClientOptions(user=server.user)
        moves: list[int] = []
        with Client(server.port, options, signers=load_signers(server.identity)) as client:

            def move(received: int) -> None:
                if received >= MIB * (len(moves) + 1) and client.engine.transport.can_send():
                    client.engine, events = ClientEngine.restore(options, client.engine.export_state())
                    moves.append(received)
                    client.take(events)

            client.log_in()
            client.read_size = 10_007
            assert client.run("cat", data.read_bytes(), meanwhile=move).stdout == data.read_bytes()
        assert len(moves) == 8
