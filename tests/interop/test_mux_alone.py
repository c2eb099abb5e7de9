"""pyssh as the master and as its client: what stands at the path, how long a master stays, who is asked."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.support_mux import Side, banner, master, until
from tests.support.peers import Server, openssh_server
from tests.support.processes import LOOPBACK, free_port
from tests.support.pyssh_client import SECONDS


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with openssh_server() as started:
        yield started


@pytest.fixture
def alone(server: Server, tmp_path: Path) -> Side:
    """pyssh without a master so far."""
    return Side("pyssh", server, tmp_path, tmp_path / "ctl")


def test_a_command_through_a_master_loads_little(alone: Side) -> None:
    with master(alone):
        done = alone.run("echo hi", PYTHONPROFILEIMPORTTIME="1")
    assert done.stdout == b"hi\n"
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines() if "|" in line}
    assert {"pyssh.mux.client", "pyssh_cli.mux.client"} <= loaded
    # a process of the interpreter takes 10 ms, and asyncio 40 more
    heavy = {"asyncio", "cryptography", "dataclasses", "hashlib", "pyssh.engine", "subprocess", "threading"}
    assert not loaded & heavy


def test_a_forked_client_and_one_that_runs_nothing(alone: Side) -> None:
    port = free_port()
    forward = f"{LOOPBACK}:{port}:{LOOPBACK}:{alone.server.port}"
    with master(alone):
        done = alone.run("read line; echo never", options=["-f", "-n"])
        assert done.returncode == 0
        assert alone.run(options=["-f", "-N", "-L", forward]).returncode == 0
        assert banner(port) == b"SSH-"


def test_no_master(alone: Side) -> None:
    done = alone.control("check")
    assert done.stderr.decode() == f"Control socket connect({alone.path}): No such file or directory\n"
    assert done.returncode == 255
    # a session then has a connection of its own
    assert alone.run("echo hi").stdout == b"hi\n"
    assert not alone.path.exists()


def test_a_stale_socket(alone: Side) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(alone.path))
    refused = alone.run("echo hi")
    assert refused.stdout == b"hi\n"
    assert b"Connection refused" in refused.stderr
    assert alone.path.exists()
    done = alone.run("echo hi", options=["-o", "ControlMaster=auto"])
    assert (done.stdout, done.stderr) == (b"hi\n", b"")
    assert not alone.path.exists()


@pytest.mark.parametrize(
    "said", ["0000000800000001 00000005", "ffffffff00000000", "000000080000000100000004" * 2]
)
def test_something_that_is_no_master(alone: Side, said: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(alone.path))
        listener.listen()

        def talk() -> None:
            for _ in range(2):
                sock, _ = listener.accept()
                with sock, contextlib.suppress(OSError):
                    sock.sendall(bytes.fromhex(said))
                    while sock.recv(100):
                        pass

        talking = threading.Thread(target=talk)
        talking.start()
        done = alone.control("check")
        assert (done.returncode, done.stdout) == (255, b"")
        assert done.stderr.count(b"\n") == 1
        done = alone.run("echo hi")
        talking.join(SECONDS)
    # whether there is a connection of our own depends on when the nonsense begins
    assert (done.stdout, done.returncode) in ((b"hi\n", 0), (b"", 255))
    assert done.stderr.count(b"\n") == 1


def test_a_path_that_is_taken(alone: Side) -> None:
    alone.path.write_text("something")
    done = alone.run("echo hi", options=["-M"])
    assert done.stdout == b"hi\n"
    assert f"ControlSocket {alone.path} already exists, disabling multiplexing" in done.stderr.decode()
    assert alone.path.read_text() == "something"


def test_persistence(alone: Side) -> None:
    options = ["-o", "ControlMaster=auto", "-o", "ControlPersist=1"]
    done = alone.run("cat; exit 3", options=options, stdin=b"one")
    assert (done.stdout, done.returncode) == (b"one", 3)
    first = alone.control("check").stderr
    assert first.startswith(b"Master running")
    assert alone.run("echo two", options=options).stdout == b"two\n"
    assert alone.control("check").stderr == first
    until(lambda: not alone.path.exists(), "the master stays")


def test_persistence_until_it_is_ended(alone: Side) -> None:
    assert alone.run("true", options=["-M", "-o", "ControlPersist=yes"]).returncode == 0
    assert alone.control("exit").returncode == 0
    until(lambda: not alone.path.exists(), "the master stays")


def test_a_login_that_fails_is_the_same_with_persistence(alone: Side) -> None:
    options = ["-M", "-o", "ControlPersist=yes", "-o", "PubkeyAuthentication=no", "-o", "BatchMode=yes"]
    done = alone.run("true", options=options)
    assert b"Permission denied" in done.stderr
    assert done.returncode == 255
    assert not alone.path.exists()


def test_a_masters_own_forwards_can_be_cancelled(alone: Side) -> None:
    port = free_port()
    forward = f"{LOOPBACK}:{port}:{LOOPBACK}:{alone.server.port}"
    with master(alone, "-L", forward):
        assert banner(port) == b"SSH-"
        assert alone.control("cancel", "-L", forward).returncode == 0
        with pytest.raises(ConnectionRefusedError):
            banner(port)


def test_a_session_of_the_master_waits_for_its_clients(alone: Side) -> None:
    own = subprocess.Popen(
        alone.words("read line; exit 7", options=["-M"]), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    until(alone.path.is_socket, "no control socket")
    with subprocess.Popen(
        alone.words("read line; echo $line"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as client:
        until(lambda: alone.control("channels").stdout.count(b"Session") == 2, "no session")
        assert own.stdin is not None
        own.stdin.write(b"\n")
        own.stdin.close()
        until(lambda: alone.control("channels").stdout.count(b"Session") == 1, "the first goes on")
        assert own.poll() is None
        assert client.communicate(b"x\n", timeout=SECONDS)[0] == b"x\n"
    assert own.wait(SECONDS) == 7
    assert own.stdout is not None
    own.stdout.close()
    assert not alone.path.exists()


@pytest.mark.parametrize("says_yes", [True, False])
def test_asking(alone: Side, tmp_path: Path, says_yes: bool) -> None:
    log = tmp_path / "asked"
    askpass = tmp_path / "askpass"
    askpass.write_text(f'#!/bin/sh\necho "$SSH_ASKPASS_PROMPT $1" >> {log}\nexit {0 if says_yes else 1}\n')
    askpass.chmod(0o755)
    environ = {"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"}
    with master(alone, "-M", **environ):
        done = alone.run("echo $SSH_CONNECTION")
        port = done.stdout.split()[1]
        assert log.read_text() == "confirm Allow shared connection to 127.0.0.1? \n"
        assert (b"Permission denied" in done.stderr) is not says_yes
        done = alone.control("stop")
        assert done.returncode == (0 if says_yes else 255)
        assert log.read_text().endswith(
            "confirm Disable further multiplexing on shared connection to 127.0.0.1? \n"
        )
        assert port


def test_a_master_that_is_killed(alone: Side) -> None:
    with (
        master(alone) as running,
        subprocess.Popen(
            alone.words("echo started; cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as client,
    ):
        assert client.stdout is not None
        assert client.stdout.readline() == b"started\n"
        os.kill(running.pid, signal.SIGKILL)
        assert client.wait(SECONDS) == 255
