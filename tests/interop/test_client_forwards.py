"""pyssh's forwards with a stock server: every kind, TCP and Unix sockets; -W, -J, ProxyCommand, -f."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.peers import Server, openssh_server
from tests.support.processes import LOOPBACK, RunningProcess, free_port
from tests.support.pyssh_client import PYSSH, command, run

PAYLOAD = os.urandom(300_000)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with openssh_server() as started:
        yield started


class Echo:
    """Sends back what it gets, on a port and on a Unix socket, until the end of input."""

    def __init__(self, path: Path) -> None:
        self.path = path
        tcp = socket.create_server((LOOPBACK, 0))
        self.port: int = tcp.getsockname()[1]
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(str(path))
        unix.listen()
        self._listeners = [tcp, unix]
        for listener in self._listeners:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = listener.accept()
                threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    @staticmethod
    def _serve(sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            while data := sock.recv(65536):
                sock.sendall(data)

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[Echo]:
    with contextlib.closing(Echo(tmp_path / "echo")) as started:
        yield started


def _round_trip(sock: socket.socket) -> bytes:
    """Send the payload with its end, and return all that comes back."""
    sock.settimeout(60)
    received = bytearray()

    def send() -> None:
        sock.sendall(PAYLOAD)
        sock.shutdown(socket.SHUT_WR)

    with sock:
        sender = threading.Thread(target=send)
        sender.start()
        while data := sock.recv(65536):
            received += data
        sender.join()
    return bytes(received)


def _connect(address: int | Path) -> socket.socket:
    if isinstance(address, int):
        return socket.create_connection((LOOPBACK, address))
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(address))
    return sock


def _socks5(port: int, target: int) -> socket.socket:
    sock = socket.create_connection((LOOPBACK, port))
    sock.sendall(b"\5\1\0")
    assert sock.recv(2) == b"\5\0"
    sock.sendall(b"\5\1\0\3\x09localhost" + target.to_bytes(2, "big"))
    assert sock.recv(256)[:2] == b"\5\0"
    return sock


@contextlib.contextmanager
def _forwarding(server: Server, folder: Path, *options: str) -> Iterator[RunningProcess]:
    words = command(server, folder, options=["-v", "-N", "-o", "ExitOnForwardFailure=yes", *options])
    running = RunningProcess(words, "(Local|Remote) connections to .* forwarded")
    with contextlib.closing(running):
        yield running


def test_local_forwards(server: Server, echo: Echo, tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    path, other = tmp_path / "listen", tmp_path / "other"
    options = [
        *("-L", f"{ports[0]}:localhost:{echo.port}", f"-L{LOOPBACK}:{ports[1]}:{echo.path}"),
        *("-L", f"{path}:{LOOPBACK}:{echo.port}", "-L", f"{other}:{echo.path}"),
    ]
    with _forwarding(server, tmp_path, *options) as running:
        for listen in (ports[0], ports[1], path, other):
            running.wait_for(f"Local connections to .*{listen} forwarded")
            assert _round_trip(_connect(listen)) == PAYLOAD


def test_dynamic_forward(server: Server, echo: Echo, tmp_path: Path) -> None:
    port = free_port()
    with _forwarding(server, tmp_path, "-D", str(port)):
        assert _round_trip(_socks5(port, echo.port)) == PAYLOAD


def test_remote_forwards(server: Server, echo: Echo, tmp_path: Path) -> None:
    port, to_path, socks = free_port(), free_port(), free_port()
    path, to_port = tmp_path / "remote", tmp_path / "to-port"
    options = [
        *("-R", f"{port}:localhost:{echo.port}", "-R", f"{path}:{echo.path}"),
        *("-R", f"{to_path}:{echo.path}", "-R", f"{to_port}:{LOOPBACK}:{echo.port}"),
        *("-R", str(socks), "-R", f"0:{LOOPBACK}:{echo.port}"),
    ]
    with _forwarding(server, tmp_path, *options) as running:
        running.wait_for("Allocated port")
        found = re.search(r"Allocated port (\d+) for remote forward", running.log)
        assert found
        for listen in (port, path, to_path, to_port, socks):
            running.wait_for(f"Remote connections to .*{listen} forwarded")
        for address in (port, path, to_path, to_port, int(found[1])):
            assert _round_trip(_connect(address)) == PAYLOAD
        assert _round_trip(_socks5(socks, echo.port)) == PAYLOAD


def test_a_forward_that_fails_is_a_warning_or_the_end(server: Server, tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        forward = ["-L", f"{taken.getsockname()[1]}:localhost:1"]
        done = run(command(server, tmp_path, "echo on", options=forward))
        assert (done.stdout, done.returncode) == (b"on\n", 0)
        assert b"Warning: local forwarding" in done.stderr
        options = [*forward, "-o", "ExitOnForwardFailure=yes"]
        done = run(command(server, tmp_path, "echo on", options=options))
    assert (done.stdout, done.returncode) == (b"", 255)
    assert b"Address already in use" in done.stderr


def test_standard_streams_joined_to_an_address(server: Server, echo: Echo, tmp_path: Path) -> None:
    done = run(command(server, tmp_path, options=["-W", f"{LOOPBACK}:{echo.port}"]), PAYLOAD)
    assert (done.stdout, done.returncode) == (PAYLOAD, 0)
    done = run(command(server, tmp_path, options=["-W", f"{LOOPBACK}:{free_port()}"]))
    assert done.returncode == 255
    assert b"the server opens no channel" in done.stderr


def _config(server: Server, folder: Path, *destination_lines: str) -> Path:
    """A configuration with a host `hop` and a host `inner`, both the same server."""
    known = folder / "known_hosts"
    known.write_text(server.known_hosts())
    common = (
        f" HostName {LOOPBACK}\n Port {server.port}\n User {server.user}\n IdentityFile {server.identity}\n"
        f" IdentitiesOnly yes\n UserKnownHostsFile {known}\n GlobalKnownHostsFile none\n"
    )
    extra = "".join(f" {line}\n" for line in destination_lines)
    path = folder / "config"
    path.write_text(f"Host hop\n{common}Host inner\n{common}{extra}")
    return path


def test_through_other_hosts(server: Server, tmp_path: Path) -> None:
    config = _config(server, tmp_path)
    done = run([*PYSSH, "-F", str(config), "-J", "hop,hop", "inner", "cat"], PAYLOAD)
    assert (done.stdout, done.returncode) == (PAYLOAD, 0)
    config = _config(server, tmp_path, "ProxyJump hop")
    assert run([*PYSSH, "-F", str(config), "inner", "echo in"]).stdout == b"in\n"


def test_through_a_command(server: Server, tmp_path: Path) -> None:
    proxy = f"ProxyCommand {' '.join(PYSSH)} -F {tmp_path}/config -W %h:%p hop"
    config = _config(server, tmp_path, proxy)
    done = run([*PYSSH, "-F", str(config), "inner", "cat"], PAYLOAD)
    assert (done.stdout, done.returncode) == (PAYLOAD, 0)
    done = run([*PYSSH, "-F", "none", "-o", "ProxyCommand=false", "host"])
    assert done.returncode == 255
    assert b"ended the connection before it identified itself" in done.stderr


def test_to_the_background(server: Server, echo: Echo, tmp_path: Path) -> None:
    port = free_port()
    options = ["-f", "-N", "-L", f"{port}:localhost:{echo.port}", "-o", "ExitOnForwardFailure=yes"]
    done = run(command(server, tmp_path, options=options))
    assert done.returncode == 0
    try:
        assert _round_trip(_connect(port)) == PAYLOAD
    finally:
        os.kill(_listener(port), signal.SIGTERM)


def _listener(port: int) -> int:
    """The process that listens on a port."""
    listed = subprocess.run(
        ["ss", "-Hltnp", f"sport = :{port}"], check=True, capture_output=True, text=True
    ).stdout
    found = re.search(r"pid=(\d+)", listed)
    assert found, listed
    return int(found[1])


def test_a_login_that_fails_does_not_go_to_the_background(server: Server, tmp_path: Path) -> None:
    options = ["-f", "-o", "BatchMode=yes", "-o", "PubkeyAuthentication=no"]
    done = run(command(server, tmp_path, "true", options=options))
    assert done.returncode == 255
    assert b"Permission denied" in done.stderr
