"""Masters and clients of shared connections, pyssh and ssh alike."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support.peers import DISTRIBUTION, NEWEST, Server, ssh_command
from tests.support.processes import LOOPBACK
from tests.support.pyssh_client import SECONDS, command

Completed = subprocess.CompletedProcess[bytes]


def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for a condition."""
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.02)


class Side(NamedTuple):
    """A program (pyssh, ssh or old ssh), the server it reaches, and the control socket it is told."""

    program: str
    server: Server
    folder: Path
    path: Path

    def words(self, *words: str, options: Sequence[str] = ()) -> list[str]:
        options = ["-S", str(self.path), *options]
        if self.program == "pyssh":
            return command(self.server, self.folder, *words, options=options)
        peer = DISTRIBUTION if self.program == "old ssh" else NEWEST
        return ssh_command(self.server.port, self.server.identity, *words, options=options, peer=peer)

    def run(self, *words: str, options: Sequence[str] = (), stdin: bytes = b"", **environ: str) -> Completed:
        return subprocess.run(
            self.words(*words, options=options),
            input=stdin,
            capture_output=True,
            check=False,
            timeout=SECONDS,
            env=os.environ | environ,
            start_new_session=True,
        )

    def control(self, what: str, *options: str) -> Completed:
        return self.run(options=["-O", what, *options])


@contextlib.contextmanager
def master(side: Side, *options: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """A master that listens."""
    started = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *side.words(options=["-M", "-N", *options])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | environ,
        start_new_session=True,
    )
    try:
        until(lambda: side.path.is_socket() or started.poll() is not None, "no control socket")
        assert started.poll() is None, started.communicate()
        yield started
    finally:
        if started.poll() is None:
            started.terminate()
        started.communicate(timeout=SECONDS)


def banner(port: int) -> bytes:
    with socket.create_connection((LOOPBACK, port), timeout=SECONDS) as sock:
        return sock.recv(4)


def listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=SECONDS).close()
    except ConnectionError:  # refused, or reset by a listener that just closes
        return False
    return True
