"""Forwards through pyssh-server with the newest ssh: what works, and what is refused."""

import contextlib
import os
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.processes import LOOPBACK, RunningProcess, free_port
from tests.support.pyssh_server import PysshServer, pyssh_server

SECONDS = 30.0


class Echo(socketserver.BaseRequestHandler):
    """Sends back what comes, in capitals, and at the end of it says goodbye."""

    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data.upper())
        self.request.sendall(b"bye")


@pytest.fixture(scope="module")
def target() -> Iterator[int]:
    with socketserver.ThreadingTCPServer((LOOPBACK, 0), Echo) as echo:
        threading.Thread(target=echo.serve_forever, daemon=True).start()
        yield echo.server_address[1]
        echo.shutdown()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PysshServer]:
    peers.require(peers.NEWEST)
    with pyssh_server(tmp_path_factory.mktemp("forwarding"), "-v") as running:
        yield running


@contextlib.contextmanager
def forwarding(server: PysshServer, *options: str) -> Iterator[RunningProcess]:
    words = ["-N", "-o", "ExitOnForwardFailure=yes", "-o", "LogLevel=DEBUG1", *options]
    with contextlib.closing(
        RunningProcess(server.ssh(options=words), "pledge: |Entering interactive")
    ) as client:
        yield client


def _send(sock: socket.socket, data: bytes) -> None:
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)


def talk(address: tuple[str, int] | str, data: bytes) -> bytes:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    for _ in range(100):
        with socket.socket(family) as sock:
            try:
                sock.connect(address)
            except (ConnectionRefusedError, FileNotFoundError):
                time.sleep(0.05)  # ssh listens when the server has agreed
                continue
            threading.Thread(target=_send, args=(sock, data)).start()
            said = b""
            while piece := sock.recv(65536):
                said += piece
            return said
    pytest.fail(f"nobody listens on {address}")


def test_local(server: PysshServer, target: int) -> None:
    port = free_port()
    with forwarding(server, "-L", f"{port}:{LOOPBACK}:{target}"):
        assert talk((LOOPBACK, port), b"hello") == b"HELLObye"
        much = os.urandom(1 << 20)
        assert talk((LOOPBACK, port), much) == much.upper() + b"bye"


def test_remote(server: PysshServer, target: int) -> None:
    port = free_port()
    with forwarding(server, "-R", f"{port}:{LOOPBACK}:{target}"):
        assert talk((LOOPBACK, port), b"hello") == b"HELLObye"
    for _ in range(100):
        with socket.socket() as sock:
            if sock.connect_ex((LOOPBACK, port)):
                return
        time.sleep(0.05)
    pytest.fail("the listener outlives its connection")


def test_remote_port_that_the_server_chooses(server: PysshServer, target: int) -> None:
    with forwarding(server, "-R", f"0:{LOOPBACK}:{target}") as client:
        client.wait_for(r"Allocated port \d+")
        port = int(client.log.split("Allocated port ")[1].split()[0])
        assert talk((LOOPBACK, port), b"hello") == b"HELLObye"


def test_dynamic(server: PysshServer, target: int) -> None:
    port = free_port()
    with forwarding(server, "-D", str(port)):
        request = b"\4\1" + target.to_bytes(2) + b"\0\0\0\1\0localhost\0"
        assert talk((LOOPBACK, port), request + b"hello")[8:] == b"HELLObye"


def test_unix_sockets_both_ways(server: PysshServer, target: int, tmp_path: Path) -> None:
    there, here = str(tmp_path / "there"), str(tmp_path / "here")
    with forwarding(server, "-R", f"{there}:{LOOPBACK}:{target}", "-L", f"{here}:{there}"):
        assert talk(here, b"hello") == b"HELLObye"
        assert Path(there).stat().st_mode & 0o777 == 0o600
    for _ in range(100):
        if not Path(there).exists():
            return
        time.sleep(0.05)
    pytest.fail("the socket is left behind")


def test_a_unix_socket_has_the_mode_and_the_place_that_is_configured(target: int, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("in the way")
    options = ("-o", "StreamLocalBindMask=0111", "-o", "StreamLocalBindUnlink=yes")
    with pyssh_server(tmp_path, *options) as own, forwarding(own, "-R", f"{there}:{LOOPBACK}:{target}"):
        assert talk(str(there), b"hello") == b"HELLObye"
        assert there.stat().st_mode & 0o777 == 0o666


def test_standard_streams(server: PysshServer, target: int) -> None:
    command = server.ssh(options=["-W", f"{LOOPBACK}:{target}"])
    done = subprocess.run(command, input=b"hello", capture_output=True, timeout=SECONDS, check=False)
    assert done.stdout == b"HELLObye"


REFUSALS = [
    (("-o", "AllowTcpForwarding=no"), "", "AllowTcpForwarding is no"),
    (("-o", "AllowTcpForwarding=remote"), "", "AllowTcpForwarding is remote"),
    (("-o", "PermitOpen=localhost:1"), "", "PermitOpen does not list it"),
    (("-o", "PermitOpen=none"), "", "PermitOpen does not list it"),
    ((), "restrict", "no-port-forwarding"),
    ((), 'permitopen="localhost:*"', "permitopen= does not list it"),
]


@pytest.mark.parametrize(("arguments", "key_options", "reason"), REFUSALS)
def test_opening_is_refused(
    arguments: Sequence[str], key_options: str, reason: str, target: int, tmp_path: Path
) -> None:
    peers.require(peers.NEWEST)
    with pyssh_server(tmp_path, *arguments, key_options=key_options) as server:
        command = server.ssh(options=["-W", f"{LOOPBACK}:{target}"])
        done = subprocess.run(command, input=b"", capture_output=True, timeout=SECONDS, check=False)
        assert done.returncode == 255
        assert done.stdout == b""
        server.running.wait_for(f"Forwarding refused .*{reason}")


@pytest.mark.parametrize(
    ("arguments", "key_options", "reason"),
    [
        (("-o", "AllowTcpForwarding=local"), "", "AllowTcpForwarding is local"),
        (("-o", "PermitListen=1111"), "", "PermitListen does not list it"),
        ((), 'permitlisten="localhost:1"', "permitlisten= does not list it"),
        ((), "no-port-forwarding", "no-port-forwarding"),
    ],
)
def test_listening_is_refused(
    arguments: Sequence[str], key_options: str, reason: str, tmp_path: Path
) -> None:
    peers.require(peers.NEWEST)
    with pyssh_server(tmp_path, *arguments, key_options=key_options) as server:
        options = ["-o", "ExitOnForwardFailure=yes", "-R", f"{free_port()}:{LOOPBACK}:1"]
        done = subprocess.run(
            server.ssh("true", options=options), capture_output=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 255
        server.running.wait_for(f"Forwarding refused .*{reason}")


@pytest.mark.parametrize(
    ("gateway", "asked", "bound"), [("no", "*", "127.0.0.1"), ("yes", "localhost", "0.0.0.0")]
)
def test_gateway_ports(gateway: str, asked: str, bound: str, tmp_path: Path) -> None:
    peers.require(peers.NEWEST)
    port = free_port()
    with (
        pyssh_server(tmp_path, "-o", f"GatewayPorts={gateway}") as server,
        forwarding(server, "-R", f"{asked}:{port}:{LOOPBACK}:1") as client,
    ):
        client.wait_for("remote forward success")
        listening = Path("/proc/net/tcp").read_text()
        packed = "".join(f"{int(part):02X}" for part in reversed(bound.split(".")))
        assert f"{packed}:{port:04X}" in listening
