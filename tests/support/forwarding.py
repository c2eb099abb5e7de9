"""`pyssh forward` as a process, what it forwards to, and the end of sessions on a stock server."""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support.peers import Server
from tests.support.processes import LOOPBACK, RunningProcess

PROGRAM = [sys.executable, str(Path(__file__).resolve().parents[2] / "pyssh"), "forward"]
"""What starts it from this checkout, wherever the test's directory is."""

SECONDS = 30.0
"""How long an answer may take."""


def command(server: Server, folder: Path, *words: str) -> list[str]:
    """The command line that forwards through a server; its known_hosts file is in `folder`."""
    known_hosts = folder / "known_hosts"
    if not known_hosts.exists():
        known_hosts.write_text(server.known_hosts())
    own = ("-F", "none", "-p", str(server.port), "-i", str(server.identity))
    settings = ("-o", f"UserKnownHostsFile={known_hosts}", "-o", "BatchMode=yes")
    return [*PROGRAM, *own, *settings, *words, f"{server.user}@{LOOPBACK}"]


@contextlib.contextmanager
def forwarding(
    server: Server, folder: Path, *words: str, ready: str = r"listening: "
) -> Iterator[RunningProcess]:
    """`pyssh forward` without a terminal, from the line `ready` on."""
    with contextlib.closing(RunningProcess(command(server, folder, *words), ready)) as running:
        yield running


def exit_code(running: RunningProcess) -> int:
    """Wait for the end of a process."""
    return running.process.wait(SECONDS)


@contextlib.contextmanager
def echo_server() -> Iterator[int]:
    """A service on loopback that sends back what it gets; yields its port."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        threading.Thread(target=_accept, args=(listener,), daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=_echo, args=(sock,), daemon=True).start()


def _echo(sock: socket.socket) -> None:
    with sock, contextlib.suppress(OSError):
        while data := sock.recv(65536):
            sock.sendall(data)


def ask(address: int | str, data: bytes = b"hello") -> bytes:
    """Connect to a port of loopback or to a Unix socket, send, and return all that comes back."""
    with _connected(address) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        return _read_all(sock)


def ask_socks(port: int, target: int, data: bytes = b"hello") -> bytes:
    """The same through SOCKS 5, with a name that the far end resolves."""
    with _connected(port) as sock:
        sock.sendall(b"\5\1\0")
        assert receive(sock, 2) == b"\5\0"
        name = b"localhost"
        sock.sendall(b"\5\1\0\3" + bytes([len(name)]) + name + target.to_bytes(2, "big"))
        reply = receive(sock, 10)
        if reply[:2] != b"\5\0":
            return reply[:2]
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        return _read_all(sock)


def receive(sock: socket.socket, length: int) -> bytes:
    """Return so many bytes, or fewer if the stream ends first."""
    received = b""
    while len(received) < length and (data := sock.recv(length - len(received))):
        received += data
    return received


def _connected(address: int | str) -> socket.socket:
    if isinstance(address, int):
        return socket.create_connection((LOOPBACK, address), SECONDS)
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(SECONDS)
    sock.connect(address)
    return sock


def _read_all(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


def end_sessions(server: Server) -> None:
    """End the processes that serve the connections of an sshd; the listener goes on."""
    for pid in _children(server.running.process.pid):
        # a session that forks right now, as it does after the login, must not leave the child behind
        _send(pid, signal.SIGSTOP)
        for member in (*_descendants(pid), pid):
            _send(member, signal.SIGKILL)


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _descendants(pid: int) -> list[int]:
    return [found for child in _children(pid) for found in (child, *_descendants(child))]


@contextlib.contextmanager
def deaf(server: Server) -> Iterator[None]:
    """A server that accepts no connections for a while: they wait in its backlog."""
    pid = server.running.process.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, path.read_text().split())
    return found


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for something that tells nobody when it happens."""
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
