"""Shared connections: pyssh and ssh as masters, pyssh and ssh as clients, every pair but ssh's own."""

import contextlib
import hashlib
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pexpect
import pytest

from tests.interop.support_mux import Side, banner, listens, master, until
from tests.support.peers import NEWEST, Server, openssh_server, require
from tests.support.processes import LOOPBACK, free_port
from tests.support.pyssh_client import SECONDS

PAIRS = [("pyssh", "ssh"), ("ssh", "pyssh"), ("pyssh", "pyssh")]
IDS = ["-".join(pair) for pair in PAIRS]
DATA = os.urandom(1 << 20) * 6


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with openssh_server(lines=["AcceptEnv PYSSH_* OTHER_*"]) as started:
        yield started


class Shared(NamedTuple):
    """A master that runs, and a client for it."""

    client: Side
    running: subprocess.Popen[bytes]


@pytest.fixture(scope="module", params=PAIRS, ids=IDS)
def shared(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shared]:
    require(NEWEST)
    above, below = request.param
    folder = tmp_path_factory.mktemp("mux")
    path = folder / "ctl"
    with master(Side(above, server, folder, path), "-o", "SendEnv=PYSSH_*") as running:
        yield Shared(Side(below, server, folder, path), running)


def test_a_command(shared: Shared) -> None:
    done = shared.client.run("cat; echo error >&2; exit 5", stdin=b"input")
    assert (done.stdout, done.stderr, done.returncode) == (b"input", b"error\n", 5)


def test_much_data_both_ways(shared: Shared) -> None:
    done = shared.client.run("tee /dev/stderr | cat", stdin=DATA)
    assert done.returncode == 0
    digest = hashlib.sha256(DATA).digest()
    assert hashlib.sha256(done.stdout).digest() == digest
    assert hashlib.sha256(done.stderr).digest() == digest


def test_sessions_at_the_same_time(shared: Shared) -> None:
    words = shared.client.words("read line; echo got $line")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(subprocess.Popen(words, **pipes)) for _ in range(4)]  # type: ignore[call-overload]
        said = [
            process.communicate(b"%d\n" % n, timeout=SECONDS)[0]
            for n, process in reversed(list(enumerate(running)))
        ]
    assert said == [b"got 3\n", b"got 2\n", b"got 1\n", b"got 0\n"]


def test_environment_that_the_master_lets_pass(shared: Shared) -> None:
    options = ["-o", "SendEnv=PYSSH_ONE OTHER_*", "-o", "SetEnv=PYSSH_TWO=2"]
    done = shared.client.run(
        "echo $PYSSH_ONE $PYSSH_TWO $OTHER_THREE.", options=options, PYSSH_ONE="1", OTHER_THREE="3"
    )
    assert done.stdout == b"1 2 .\n"


def test_a_signal_ends_the_command(shared: Shared) -> None:
    assert shared.client.run("kill -9 $$").returncode == 255


def test_a_subsystem_that_is_not_there(shared: Shared) -> None:
    assert shared.client.run("nosuch", options=["-s"]).returncode == 255
    assert shared.client.run("exit 4").returncode == 4


def test_a_terminal(shared: Shared) -> None:
    words = shared.client.words(
        "while stty size; do read line; test $line = end && exit 3; done", options=["-t"]
    )
    child = pexpect.spawn(
        words[0],
        words[1:],
        timeout=SECONDS,
        encoding="utf-8",
        dimensions=(31, 97),
        env=os.environ | {"TERM": "vt100"},
    )
    try:
        child.expect("31 97\r\n")
        child.setwinsize(20, 66)
        # the client tells the master by a signal, which passes nothing that is said: ask until it is known
        until(lambda: _has_size(child, "20 66"), "the size has not arrived")
        child.sendline("end")
        if shared.client.program == "pyssh":
            child.expect("Shared connection to 127.0.0.1 closed.\r+\n")
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 3
    finally:
        child.close(force=True)


def _has_size(child: "pexpect.spawn[str]", size: str) -> bool:
    child.sendline("again")
    child.expect(r"(\d+ \d+)\r\n")
    assert child.match is not None
    return bool(child.match[1] == size)


def test_no_more_of_a_client_that_was_killed(shared: Shared, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    # it notices nothing but that its terminal is gone
    script = f"echo $$ > {mark}.new; mv {mark}.new {mark}; exec sleep 1000"
    words = shared.client.words(script, options=["-tt"])
    client = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        until(mark.exists, "the command has not started")
        command_pid = int(mark.read_text())
    finally:
        client.kill()
        client.communicate(timeout=SECONDS)
    until(lambda: not Path(f"/proc/{command_pid}").exists(), "the command goes on")
    assert shared.client.run("echo still here").stdout == b"still here\n"


def test_check(shared: Shared) -> None:
    done = shared.client.control("check")
    found = re.fullmatch(rb"Master running \(pid=(\d+)\)\r\n", done.stderr)
    assert found, done
    assert done.returncode == 0
    assert Path(f"/proc/{int(found[1])}").exists()


def test_information(shared: Shared) -> None:
    done = shared.client.control("conninfo")
    assert done.returncode == 0
    lines = done.stdout.decode().split("\r\n")
    assert lines[0].startswith("Connection information for ")
    assert any(line.endswith(f"-> {LOOPBACK}:{shared.client.server.port}") for line in lines)
    assert "  hostkeyalgorithm ssh-ed25519" in lines
    done = shared.client.control("channels")
    assert done.stdout.startswith(b"The following connections are open:\r\n")


@pytest.mark.parametrize("flag", ["-L", "-R"])
def test_forwards_come_and_go(shared: Shared, flag: str) -> None:
    port = free_port()
    forward = f"{LOOPBACK}:{port}:{LOOPBACK}:{shared.client.server.port}"
    for _ in range(2):  # the second time there is nothing left to do
        done = shared.client.control("forward", flag, forward)
        assert (done.returncode, done.stderr) == (0, b"")
    assert banner(port) == b"SSH-"
    assert shared.client.control("cancel", flag, forward).returncode == 0
    with pytest.raises(ConnectionRefusedError):
        banner(port)
    again = shared.client.control("cancel", flag, forward)
    assert b"port not forwarded" in again.stderr


def test_a_dynamic_forward(shared: Shared) -> None:
    port = free_port()
    assert shared.client.control("forward", "-D", f"{LOOPBACK}:{port}").returncode == 0
    with socket.create_connection((LOOPBACK, port), timeout=SECONDS) as sock:
        target = socket.inet_aton(LOOPBACK) + shared.client.server.port.to_bytes(2, "big")
        sock.sendall(b"\5\1\0\5\1\0\1" + target)
        reply = b""
        while len(reply) < 16:
            reply += sock.recv(16 - len(reply))
    assert reply.endswith(b"SSH-")
    assert shared.client.control("cancel", "-D", f"{LOOPBACK}:{port}").returncode == 0


def test_a_remote_port_of_the_servers_choice(shared: Shared) -> None:
    done = shared.client.control("forward", "-R", f"0:{LOOPBACK}:{shared.client.server.port}")
    assert done.returncode == 0
    assert banner(int(done.stdout)) == b"SSH-"


def test_a_forward_that_cannot_be(shared: Shared) -> None:
    taken = shared.client.server.port
    done = shared.client.control("forward", "-L", f"{LOOPBACK}:{taken}:{LOOPBACK}:1")
    assert done.returncode == 255
    assert b"forwarding request failed: Port forwarding failed" in done.stderr
    done = shared.client.control("forward", "-R", f"{LOOPBACK}:{taken}:{LOOPBACK}:1")
    assert b"remote port forwarding failed for listen port" in done.stderr


def test_unix_sockets(shared: Shared, tmp_path: Path) -> None:
    path = tmp_path / "s"
    assert (
        shared.client.control("forward", "-L", f"{path}:{LOOPBACK}:{shared.client.server.port}").returncode
        == 0
    )
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        assert sock.recv(4) == b"SSH-"
    assert (
        shared.client.control("cancel", "-L", f"{path}:{LOOPBACK}:{shared.client.server.port}").returncode
        == 0
    )


def test_standard_streams_to_an_address(shared: Shared) -> None:
    done = shared.client.run(options=["-W", f"{LOOPBACK}:{shared.client.server.port}"], stdin=b"nonsense\n")
    assert done.stdout.startswith(b"SSH-2.0-OpenSSH")
    assert done.returncode == 0
    done = shared.client.run(options=["-W", f"{LOOPBACK}:1"])
    assert done.returncode == 255
    assert b"Session open refused by peer" in done.stderr


def test_proxy_mode(shared: Shared) -> None:
    # more than a window of each of the two channels
    data = DATA[: 5 << 20]
    done = shared.client.run("cat; echo error >&2; exit 6", options=["-O", "proxy"], stdin=data)
    assert (done.stderr, done.returncode) == (b"error\n", 6)
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()
    assert shared.client.run("kill -9 $$", options=["-O", "proxy"]).returncode == 255


def test_forwards_in_proxy_mode(shared: Shared) -> None:
    port, back = free_port(), free_port()
    there = f"{LOOPBACK}:{shared.client.server.port}"
    options = ["-O", "proxy", "-L", f"{LOOPBACK}:{port}:{there}", "-R", f"{LOOPBACK}:{back}:{there}"]
    words = shared.client.words("echo up; cat; exit 4", options=options)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"up\n"
        assert banner(port) == b"SSH-"
        assert banner(back) == b"SSH-"
        client.communicate(timeout=SECONDS)
        assert client.returncode == 4
    until(lambda: not listens(back), "the server still listens for a client that has gone")
    assert shared.client.run("echo still here").stdout == b"still here\n"


@pytest.mark.parametrize(("above", "below"), PAIRS, ids=IDS)
def test_exit(above: str, below: str, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "ctl"
    with master(Side(above, server, tmp_path, path)) as running:
        client = Side(below, server, tmp_path, path)
        assert path.stat().st_mode & 0o777 == 0o600
        done = client.control("exit")
        assert (done.returncode, done.stderr) == (0, b"Exit request sent.\r\n")
        assert running.wait(SECONDS) == 255
        assert not path.exists()


@pytest.mark.parametrize(("above", "below"), PAIRS, ids=IDS)
def test_stop(above: str, below: str, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "ctl"
    with master(Side(above, server, tmp_path, path)) as running:
        client = Side(below, server, tmp_path, path)
        words = client.words("read line; echo $line; exit 9")
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as session:
            until(lambda: b"session" in client.control("channels").stdout.lower(), "no session")
            done = client.control("stop")
            assert (done.returncode, done.stderr) == (0, b"Stop listening request sent.\r\n")
            assert not path.exists()
            assert session.communicate(b"x\n", timeout=SECONDS)[0] == b"x\n"
            assert session.returncode == 9
        assert running.wait(SECONDS) == 255


@pytest.mark.parametrize(("above", "below"), [("pyssh", "old ssh"), ("old ssh", "pyssh")])
def test_an_older_version(above: str, below: str, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "ctl"
    with master(Side(above, server, tmp_path, path)):
        client = Side(below, server, tmp_path, path)
        for options in ([], ["-O", "proxy"]):
            done = client.run("cat; exit 3", options=options, stdin=b"input")
            assert (done.stdout, done.returncode) == (b"input", 3)
        if below == "pyssh":
            done = client.control("conninfo")
            assert done.stderr == b"pyssh: mux server does not support info request\n"
        assert client.control("exit").returncode == 0
