"""Server processes of the tests: accounts of their own, free ports, readiness, and a full end."""

import contextlib
import ctypes
import os
import random
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

LOOPBACK = "127.0.0.1"
START_SECONDS = 30.0
"""How long a server may take to say that it listens; two loaded cores are slow."""


class Account(NamedTuple):
    """A user that only the programs under `namespace` know; the machine's own files stay as they are."""

    name: str
    password: str
    home: Path
    uid: int = 4242
    shell: str = "/bin/sh"


def hash_password(password: str) -> str:
    """What /etc/shadow has for a password."""
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    hashed: bytes = crypt(password.encode(), b"$6$pyssh$")
    return hashed.decode()


def namespace(accounts: Sequence[Account], folder: Path) -> list[str]:
    """Words to put before a command so that it finds these accounts on the system as well (needs ROOT).

    `folder` takes the changed passwd, group and shadow, and is the test's own. The homes are made.
    """
    files = {name: Path("/etc", name).read_text() for name in ("passwd", "group", "shadow")}
    for account in accounts:
        account.home.mkdir(parents=True, exist_ok=True)
        os.chown(account.home, account.uid, account.uid)
        hashed = hash_password(account.password)
        files["passwd"] += f"{account.name}:x:{account.uid}:{account.uid}::{account.home}:{account.shell}\n"
        files["group"] += f"{account.name}:x:{account.uid}:\n"
        files["shadow"] += f"{account.name}:{hashed}:20000:0:99999:7:::\n"
    mounts = []
    for name, text in files.items():
        copy = folder / name
        copy.write_text(text)
        copy.chmod(0o640 if name == "shadow" else 0o644)
        mounts.append(f"mount --bind {copy} /etc/{name}")
    script = " && ".join([*mounts, 'exec "$@"'])
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]


# hypothesis seeds the usual one
_ports = random.SystemRandom()


def free_port() -> int:
    """A loopback port that was free a moment ago, of those that the system gives to nobody by itself."""
    while True:
        port = _ports.randrange(10_240, 32_768)  # Linux gives away those from 32768 on
        with contextlib.suppress(OSError), socket.create_server((LOOPBACK, port)):
            return port


class RunningProcess:
    """A server process in the foreground, its log, and its end together with everything it started."""

    def __init__(self, command: Sequence[str | Path], ready: str) -> None:
        # should the test run itself be killed, the server goes with it
        words = ["setpriv", "--pdeathsig", "TERM", *map(str, command)]
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.wait_for(ready)
        except BaseException:
            self.close()
            raise

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def log(self) -> str:
        """What the server wrote so far."""
        with self._news:
            return "".join(self._lines)

    def wait_for(self, pattern: str, seconds: float = START_SECONDS) -> None:
        """Waits until a line of the log matches; AssertionError with the log if none does."""

        def seen() -> bool:
            return self._ended or any(re.search(pattern, line) for line in self._lines)

        with self._news:
            self._news.wait_for(seen, seconds)
            found = any(re.search(pattern, line) for line in self._lines)
        assert found, f"no {pattern!r} in the log of {self.process.args!r}:\n{self.log}"

    def close(self) -> None:
        """Ends the server and the sessions it left behind."""
        family = _descendants(self.process.pid)
        self.process.terminate()
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(10)
        assert self.process.stdout
        if not self._reader.is_alive():
            self.process.stdout.close()


def _descendants(pid: int) -> list[int]:
    """The processes below one; sshd puts each session into a process group of its own."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, children.read_text().split()):
                found += [child, *_descendants(child)]
    return found
