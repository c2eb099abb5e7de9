"""Real SSH implementations for the tests: finding them, starting their servers, calling their clients.

`scripts/peers` brings them. A test names what it needs with `require(NEWEST)`: where it is missing the test
is skipped with the reason, in CI it fails.
"""

import contextlib
import functools
import importlib.util
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

from tests.support.processes import LOOPBACK, Account, RunningProcess, free_port, namespace

PEERS = Path(__file__).resolve().parents[2] / ".peers"


class Peer:
    """Something on this machine that tests talk to."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    def missing(self) -> str | None:
        """Why it cannot be used, or None."""
        raise NotImplementedError


class Programs(Peer):
    """Programs in a folder below `.peers`."""

    def __init__(self, name: str, folder: str, *programs: str) -> None:
        super().__init__(name)
        self.folder = PEERS / folder / "bin"
        self._programs = programs

    def missing(self) -> str | None:
        absent = [name for name in self._programs if not self.path(name).exists()]
        return f"{', '.join(absent)} not in {self.folder} (run scripts/peers)" if absent else None

    def path(self, program: str) -> Path:
        """Where a program is, or would be."""
        return self.folder / program


class OpenSSH(Programs):
    """One version of OpenSSH."""

    def __init__(self, name: str, folder: str) -> None:
        super().__init__(name, folder, "ssh", "sshd", "ssh-keygen", "sftp-server")

    @functools.cached_property
    def version(self) -> tuple[int, int]:
        """The version as a pair, for tests of what only newer ones have."""
        said = subprocess.run([self.path("ssh"), "-V"], check=True, capture_output=True, text=True).stderr
        found = re.search(r"OpenSSH_(\d+)\.(\d+)", said)
        assert found, said
        return int(found[1]), int(found[2])

    def algorithms(self, kind: str) -> tuple[str, ...]:
        """What `ssh -Q kind` lists: all that this version can do, on by default or not."""
        listed = subprocess.run([self.path("ssh"), "-Q", kind], check=True, capture_output=True, text=True)
        return tuple(listed.stdout.split())


class Tool(Peer):
    """A program of the machine's own."""

    def missing(self) -> str | None:
        return (
            None if shutil.which(self.name) else f"no {self.name} on this machine (run scripts/peers as root)"
        )

    def path(self) -> Path:
        """Where the program is."""
        found = shutil.which(self.name)
        assert found, self.name
        return Path(found)


class Module(Peer):
    """A Python package."""

    def missing(self) -> str | None:
        found = importlib.util.find_spec(self.name)
        return None if found else f"no Python package {self.name} (pip install .[dev])"


class Root(Peer):
    """Root's rights on a machine that lets root make mount namespaces."""

    def missing(self) -> str | None:
        if os.getuid() != 0:
            return "needs root"
        tried = subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True, text=True)
        return f"no mount namespaces: {tried.stderr.strip()}" if tried.returncode else None


NEWEST = OpenSSH("openssh-newest", "openssh")
DISTRIBUTION = OpenSSH("openssh-distribution", "distribution")
DROPBEAR = Programs("dropbear", "distribution", "dropbear", "dbclient", "dropbearkey", "dropbearconvert")
PUTTY = Programs("putty", "distribution", "plink", "pscp", "psftp", "puttygen")
ASYNCSSH = Module("asyncssh")
PARAMIKO = Module("paramiko")
GIT, RSYNC, TMUX, OPENSSL = Tool("git"), Tool("rsync"), Tool("tmux"), Tool("openssl")
ROOT = Root("root")
_TOOLS: tuple[Peer, ...] = (GIT, RSYNC, TMUX, OPENSSL)
ALL: tuple[Peer, ...] = (NEWEST, DISTRIBUTION, DROPBEAR, PUTTY, ASYNCSSH, PARAMIKO, *_TOOLS, ROOT)

P = TypeVar("P", bound=Peer)


def require(peer: P) -> P:
    """The peer, or the test is skipped with the reason; in CI a missing peer is a failure."""
    if reason := peer.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{peer}: {reason}", pytrace=False)
        pytest.skip(f"{peer}: {reason}")
    return peer


class Server(NamedTuple):
    """A server that listens, and a key that opens it."""

    port: int
    user: str
    identity: Path
    """Private key in OpenSSH's format that the server accepts for `user`; `.pub` lies beside it."""
    host_keys: tuple[Path, ...]
    """Public host keys."""
    running: RunningProcess

    @property
    def log(self) -> str:
        """What the server wrote so far, for assertions and failures."""
        return self.running.log

    def known_hosts(self) -> str:
        """Lines for a known_hosts file that holds this server's keys."""
        keys = [path.read_text().split()[:2] for path in self.host_keys]
        return "".join(f"[{LOOPBACK}]:{self.port} {kind} {blob}\n" for kind, blob in keys)


def current_user() -> str:
    """The name that servers log in who are not told otherwise."""
    return pwd.getpwuid(os.getuid()).pw_name


def make_key(path: Path, kind: str = "ed25519", *options: str, passphrase: str = "") -> Path:
    """Makes a key pair with the newest ssh-keygen and returns the private key's path."""
    keygen = NEWEST if NEWEST.missing() is None else require(DISTRIBUTION)
    options = (*options, "-C", "test", "-f", str(path))
    command: list[str | Path] = [keygen.path("ssh-keygen"), "-q", "-t", kind, "-N", passphrase, *options]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return path


@contextlib.contextmanager
def _server_folder() -> Iterator[Path]:
    # a short path: sockets may lie in it, and their names are limited to 107 bytes
    with tempfile.TemporaryDirectory(prefix="peer") as name:
        folder = Path(name)
        # accounts other than root read their keys here
        folder.chmod(0o755)
        yield folder


@contextlib.contextmanager
def openssh_server(
    peer: OpenSSH = NEWEST,
    *,
    host_keys: Sequence[str | Path] = ("ed25519",),
    authorized_keys: str = "",
    lines: Sequence[str] = (),
    accounts: Sequence[Account] = (),
) -> Iterator[Server]:
    """A stock sshd that logs in the user of the test run, or with `accounts` (needs ROOT) also those.

    `host_keys` are types for ssh-keygen or private key files, `authorized_keys` is text that comes after the
    line for `Server.identity`, and `lines` are sshd_config lines, which win over the ones written here.
    """
    require(peer)
    with _server_folder() as folder:
        identity = make_key(folder / "identity")
        keys = [key if isinstance(key, Path) else make_key(folder / f"host_{key}", key) for key in host_keys]
        (folder / "authorized_keys").write_text(identity.with_suffix(".pub").read_text() + authorized_keys)
        before = namespace(accounts, folder) if accounts and require(ROOT) else []
        port = free_port()
        config = folder / "sshd_config"
        config.write_text("\n".join([*lines, *_sshd_lines(peer, folder, port, keys), ""]))
        if os.getuid() == 0:
            # sshd's empty folder for privilege separation; /run is empty after a restart of the machine
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        running = RunningProcess(
            [*before, peer.path("sshd"), "-D", "-e", "-f", config], r"Server listening on "
        )
        public = tuple(key.with_name(f"{key.name}.pub") for key in keys)
        with contextlib.closing(running):
            yield Server(port, current_user(), identity, public, running)


def _sshd_lines(peer: OpenSSH, folder: Path, port: int, host_keys: Sequence[Path]) -> list[str]:
    lines = [
        f"Port {port}",
        f"ListenAddress {LOOPBACK}",
        *(f"HostKey {key}" for key in host_keys),
        f"AuthorizedKeysFile {folder}/authorized_keys",
        # the folder lies in /tmp, which others may write to
        "StrictModes no",
        "PidFile none",
        "MaxStartups 100",
        "PermitRootLogin yes",
        f"Subsystem sftp {peer.path('sftp-server')}",
        f"ModuliFile {peer.folder.parent / 'moduli'}",
    ]
    if peer.version >= (9, 8):
        # the tests' failed logins must not lock out the tests that follow
        lines += ["PerSourcePenalties no", f"SshdSessionPath {peer.path('sshd-session')}"]
    if peer.version >= (10, 0):
        lines.append(f"SshdAuthPath {peer.path('sshd-auth')}")
    return lines


@contextlib.contextmanager
def dropbear_server(*options: str, host_key: str = "ed25519", authorized_keys: str = "") -> Iterator[Server]:
    """Dropbear with more command-line options; logs in `Server.user` with `Server.identity`.

    Dropbear reads `authorized_keys` in the home that the system names, and nowhere else; so it runs as root
    with a user of its own, or the test is skipped.
    """
    require(DROPBEAR)
    require(ROOT)
    with _server_folder() as folder:
        identity = make_key(folder / "identity")
        account = Account("guest", "guest", folder / "home")
        before = namespace([account], folder)
        keys = account.home / ".ssh"
        keys.mkdir(mode=0o700)
        (keys / "authorized_keys").write_text(identity.with_suffix(".pub").read_text() + authorized_keys)
        for path in (keys, keys / "authorized_keys"):
            os.chown(path, account.uid, account.uid)
        private = folder / "host_key"
        made = _run(DROPBEAR.path("dropbearkey"), "-t", host_key, "-f", private)
        public = folder / "host_key.pub"
        public.write_text(next(line for line in made.splitlines() if line.startswith(("ssh-", "ecdsa-"))))
        port = free_port()
        command: list[str | Path] = [
            DROPBEAR.path("dropbear"),
            "-F",
            "-E",
            "-r",
            private,
            "-p",
            f"{LOOPBACK}:{port}",
            *options,
        ]
        running = RunningProcess([*before, *command], "Not backgrounding")
        with contextlib.closing(running):
            yield Server(port, account.name, identity, (public,), running)


@contextlib.contextmanager
def asyncssh_server(
    *, host_keys: Sequence[str | Path] = ("ed25519",), password: str = "guest", **settings: object
) -> Iterator[Server]:
    """AsyncSSH, which takes any user with `Server.identity`, `password`, or that as answer to its question.

    `settings` are those of `asyncssh.listen` that JSON can express, as `encryption_algs=["aes128-cbc"]`.
    """
    require(ASYNCSSH)
    with _server_folder() as folder:
        identity = make_key(folder / "identity")
        keys = [key if isinstance(key, Path) else make_key(folder / f"host_{key}", key) for key in host_keys]
        port = free_port()
        fixed = {
            "host": LOOPBACK,
            "port": port,
            "password": password,
            "server_host_keys": [str(key) for key in keys],
            "authorized_client_keys": str(identity.with_suffix(".pub")),
        }
        program = Path(__file__).with_name("asyncssh_process.py")
        running = RunningProcess([sys.executable, program, json.dumps(fixed | settings)], "listening on ")
        public = tuple(key.with_name(f"{key.name}.pub") for key in keys)
        with contextlib.closing(running):
            yield Server(port, current_user(), identity, public, running)


def _run(*command: str | Path) -> str:
    return subprocess.run(
        command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL
    ).stdout


def ssh_options(peer: OpenSSH = NEWEST) -> list[str]:
    """Options for ssh, scp and sftp that keep them away from the user's configuration, keys and agent."""
    settings = {
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": "/dev/null",
        "GlobalKnownHostsFile": "/dev/null",
        "LogLevel": "ERROR",
        "BatchMode": "yes",
    }
    if peer.version >= (10, 1):
        settings["WarnWeakCrypto"] = "no"
    return ["-F", "none", *(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))]


def ssh_command(
    port: int,
    identity: Path,
    *words: str,
    peer: OpenSSH = NEWEST,
    user: str = "",
    options: Sequence[str] = (),
) -> list[str]:
    """The command line of a stock ssh that runs `words` on a server on loopback.

    `options` come first: ssh takes the first value it is given for a keyword.
    """
    require(peer)
    where = f"{user or current_user()}@{LOOPBACK}"
    fixed = [*ssh_options(peer), "-i", str(identity), "-p", str(port), where]
    return [str(peer.path("ssh")), *options, *fixed, *words]


def dbclient_command(
    port: int, identity: Path, *words: str, user: str = "", options: Sequence[str] = ()
) -> list[str]:
    """The command line of Dropbear's client; the key is converted to its format beside the original."""
    require(DROPBEAR)
    converted = identity.with_name(f"{identity.name}.dropbear")
    if not converted.exists():
        _run(DROPBEAR.path("dropbearconvert"), "openssh", "dropbear", identity, converted)
    # -y -y: take any host key and remember none
    fixed = ["-y", "-y", "-i", str(converted), "-p", str(port), "-l", user or current_user(), LOOPBACK]
    return [str(DROPBEAR.path("dbclient")), *options, *fixed, *words]


def plink_command(
    port: int, identity: Path, fingerprint: str, *words: str, user: str = "", options: Sequence[str] = ()
) -> list[str]:
    """The command line of PuTTY's plink; `fingerprint` is the host key's, as `SHA256:...`."""
    require(PUTTY)
    converted = identity.with_name(f"{identity.name}.ppk")
    if not converted.exists():
        _run(PUTTY.path("puttygen"), identity, "-O", "private", "-o", converted)
    fixed = ["-ssh", "-batch", "-hostkey", fingerprint, "-i", str(converted), "-P", str(port)]
    return [str(PUTTY.path("plink")), *options, *fixed, f"{user or current_user()}@{LOOPBACK}", *words]
