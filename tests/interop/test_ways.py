"""Ways to get to a server: addresses, interfaces, proxy commands, with OpenSSH at the end."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.peers import Server, openssh_server
from tests.support.processes import LOOPBACK, free_port
from tests.support.pyssh_client import arguments, command, run

PASSES = """
import socket, sys
made = socket.create_connection((sys.argv[1], int(sys.argv[2])))
socket.send_fds(socket.socket(fileno=1), [b"\\0"], [made.fileno()])
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with openssh_server(peers.NEWEST) as started:
        yield started


def test_from_an_interface(server: Server, tmp_path: Path) -> None:
    done = run(command(server, tmp_path, "echo $SSH_CONNECTION", options=["-B", "lo"]))
    assert done.stdout.split()[0] == LOOPBACK.encode()


def test_from_an_interface_that_is_not_there(server: Server, tmp_path: Path) -> None:
    done = run(command(server, tmp_path, "true", options=["-B", "nope0"]))
    assert done.returncode == 255
    assert b"the interface nope0 has no address of this kind" in done.stderr


def test_a_command_that_passes_the_connection(server: Server, tmp_path: Path) -> None:
    script = tmp_path / "passes.py"
    script.write_text(PASSES)
    proxy = ["-o", f"ProxyCommand={sys.executable} {script} %h %p", "-o", "ProxyUseFdpass=yes"]
    done = run(command(server, tmp_path, "cat", options=proxy), b"through")
    assert (done.stdout, done.stderr, done.returncode) == (b"through", b"", 0)


@pytest.mark.parametrize("program", ["true", "echo x"])
def test_a_command_that_passes_nothing(server: Server, tmp_path: Path, program: str) -> None:
    proxy = ["-o", f"ProxyCommand={program}", "-o", "ProxyUseFdpass=yes"]
    done = run(command(server, tmp_path, "cat", options=proxy))
    assert done.returncode == 255
    assert b"without passing a connection" in done.stderr


def test_a_connection_on_the_standard_streams(server: Server, tmp_path: Path) -> None:

    with socket.create_connection((LOOPBACK, server.port)) as made:
        words = command(
            server, tmp_path, f"cat; echo done > {tmp_path}/there", options=["-o", "ProxyCommand=-"]
        )
        done = subprocess.run(
            words, stdin=made.fileno(), stdout=made.fileno(), stderr=subprocess.PIPE, check=False, timeout=60
        )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "there").read_text() == "done\n"


def test_more_attempts(server: Server, tmp_path: Path) -> None:
    options = ["-v", "-o", "ConnectionAttempts=2"]
    words = [*arguments(server, tmp_path, *options), "-p", "1"]
    words[words.index("-p") + 1] = str(free_port())
    done = run([*command(server, tmp_path)[:2], *words, f"{server.user}@{LOOPBACK}", "true"])
    assert done.returncode == 255
    assert done.stderr.count(b"debug1: Connecting to") == 2
    assert done.stderr.count(b"Trying again...") == 1


def test_set_env_has_tokens(tmp_path: Path) -> None:
    with openssh_server(peers.NEWEST, lines=["AcceptEnv A_*"]) as started:
        options = ["-o", "SetEnv=A_HOST=%h-%p"]
        done = run(command(started, tmp_path, "echo $A_HOST", options=options))
        assert done.stdout.decode() == f"{LOOPBACK}-{started.port}\n"


def test_a_key_exchange_that_quantum_computers_break_is_told_of(server: Server, tmp_path: Path) -> None:
    options = ["-o", "KexAlgorithms=curve25519-sha256"]
    silent = run(command(server, tmp_path, "true", options=options))
    assert silent.stderr == b""
    warned = run(command(server, tmp_path, "true", options=["-o", "WarnWeakCrypto=yes", *options]))
    assert warned.stderr.startswith(b"** WARNING: connection is not using a post-quantum key exchange")
    safe = run(command(server, tmp_path, "true", options=["-o", "WarnWeakCrypto=yes"]))
    assert safe.stderr == b""


def test_a_user_key_that_is_too_short_is_passed_over(server: Server, tmp_path: Path) -> None:
    key = tmp_path / "rsa"
    keygen = peers.require(peers.NEWEST).path("ssh-keygen")
    subprocess.run([keygen, "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", key], check=True)
    options = ["-i", str(key), "-o", "RequiredRSASize=3072"]
    done = run(command(server, tmp_path, "true", options=options))
    assert done.returncode == 0
    assert b"Skipping key" in done.stderr
    assert b"2048 bits is too short" in done.stderr
