"""pyssh-server as a process of its own, for tests that log in to it."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support import peers
from tests.support.processes import LOOPBACK, Account, RunningProcess, free_port, namespace

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, str(ROOT / "pyssh"), "serve"]
"""What starts it from this checkout, wherever the test's directory is."""


class PysshServer(NamedTuple):
    """A pyssh-server that listens, and a key that opens it."""

    port: int
    user: str
    identity: Path
    host_key: Path
    """The public host key."""
    running: RunningProcess

    @property
    def log(self) -> str:
        """What the server wrote so far."""
        return self.running.log

    @property
    def pid(self) -> int:
        """The number of the server's process (of `setpriv`'s, which became it)."""
        return self.running.process.pid

    @property
    def as_peer(self) -> peers.Server:
        """The same as the servers of others."""
        return peers.Server(self.port, self.user, self.identity, (self.host_key,), self.running)

    def ssh(self, *words: str, user: str = "", options: Sequence[str] = ()) -> list[str]:
        """The command line of the newest ssh that logs in here."""
        return peers.ssh_command(self.port, self.identity, *words, user=user or self.user, options=options)


@contextlib.contextmanager
def pyssh_server(
    folder: Path,
    *arguments: str,
    authorized_keys: str = "",
    key_options: str = "",
    accounts: Sequence[Account] = (),
) -> Iterator[PysshServer]:
    """Start a server on loopback with files in `folder`; `authorized_keys` comes behind the identity's line.

    With `accounts` (needs ROOT) these can log in with the identity, too.
    """
    identity = peers.make_key(folder / "identity")
    host_key = peers.make_key(folder / "host_key")
    line = f"{key_options} {identity.with_suffix('.pub').read_text()}".lstrip()
    keys = folder / "authorized_keys"
    keys.write_text(line + authorized_keys)
    keys.chmod(0o644)
    before = namespace(accounts, folder) if accounts and peers.require(peers.ROOT) else []
    for account in accounts:
        _install(account, line)
    port = free_port()
    # all tests come from one address
    own = () if any("PerSourcePenalties" in word for word in arguments) else ("-o", "PerSourcePenalties=no")
    command = [
        *before,
        *COMMAND,
        *("--listen", f"{LOOPBACK}:{port}", "--host-key", str(host_key)),
        *([] if accounts else ("--authorized-keys", str(keys))),
        *own,
        *arguments,
    ]
    running = RunningProcess(command, r"Server listening on ")
    with contextlib.closing(running):
        user = accounts[0].name if accounts else peers.current_user()
        yield PysshServer(port, user, identity, host_key.with_suffix(".pub"), running)


def _install(account: Account, line: str) -> None:
    directory = account.home / ".ssh"
    directory.mkdir(mode=0o700, exist_ok=True)
    (directory / "authorized_keys").write_text(line)
    for path in (directory, directory / "authorized_keys"):
        os.chown(path, account.uid, account.uid)
