"""Stock clients and servers with everything switched on that they have, behind one face each.

What they have they say themselves: `ssh -Q`, Dropbear's KEXINIT, the tables of AsyncSSH and Paramiko.
"""

import asyncio
import functools
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyssh.algorithms.preferences import Algorithms
from pyssh.messages.transport import KexInit
from pyssh.options import ClientOptions
from pyssh.wire.message import Message
from tests.interop.support_keys import KeyRing
from tests.interop.support_paramiko import ParamikoClient, ParamikoServer
from tests.interop.support_peers import CLASSICAL_KEYS, SECONDS, Names, Stock, StockClient, StockServer
from tests.support import peers
from tests.support.drive import Client
from tests.support.processes import LOOPBACK

# --- OpenSSH

_QUERIES = {
    "kex": "KexAlgorithms",
    "host_key": "HostKeyAlgorithms",
    "ciphers": "Ciphers",
    "macs": "MACs",
    "user_key": "PubkeyAcceptedAlgorithms",
}


@functools.cache
def _openssh_names(peer: peers.OpenSSH) -> Names:
    names = {field: peer.algorithms(query) for field, query in _QUERIES.items()}
    # zlib before authentication is listed by clients still, and gone from servers since OpenSSH 7.4
    return names | {"compression": ("none", "zlib@openssh.com")}


def openssh_everything(peer: peers.OpenSSH) -> list[str]:
    """Configuration lines that switch on all that this version has, for either role; what we have first."""
    names = _openssh_names(peer)
    ours = Algorithms.legacy()
    ordered = {
        field: sorted(names[field], key=lambda name: name not in getattr(ours, field)) for field in _QUERIES
    }
    return [f"{query} {','.join(ordered[field])}" for field, query in _QUERIES.items()]


def run_command(command: Sequence[str], data: bytes) -> bytes:
    """Run a stock client; AssertionError with what it said if it fails."""
    done = subprocess.run(command, input=data, capture_output=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


class _OpenSSHNames(Stock):
    kind: peers.OpenSSH
    rekeys = True

    def names(self) -> Names:
        return _openssh_names(self.kind)


class OpenSSHServer(_OpenSSHNames, StockServer):
    """sshd of one version."""

    @contextmanager
    def listen(self, keys: KeyRing, rekey_bytes: int = 0) -> Iterator[peers.Server]:
        # HostbasedAcceptedAlgorithms and the like stay as they are; Compression is said to clients only
        lines = [*openssh_everything(self.kind), "Compression yes", "LogLevel VERBOSE"]
        lines += [f"HostCertificate {keys.host_certificate(key)}" for key in self.key_types]
        lines += [f"TrustedUserCAKeys {keys.authority.with_suffix('.pub')}"]
        if rekey_bytes:
            lines.append(f"RekeyLimit {rekey_bytes}")
        with peers.openssh_server(
            self.kind,
            host_keys=[keys.host(key) for key in self.key_types],
            authorized_keys=keys.authorized_keys(self.key_types),
            lines=lines,
        ) as server:
            yield server


class OpenSSHClient(_OpenSSHNames, StockClient):
    """ssh of one version."""

    def run(self, port: int, identity: Path, command: str, data: bytes, rekey_bytes: int = 0) -> bytes:
        settings = [
            word for line in openssh_everything(self.kind) for word in ("-o", line.replace(" ", "=", 1))
        ]
        wanted = [*settings, "-o", "Compression=yes"]
        if rekey_bytes:
            wanted += ["-o", f"RekeyLimit={rekey_bytes}"]
        return run_command(peers.ssh_command(port, identity, command, peer=self.kind, options=wanted), data)


# --- Dropbear


@functools.cache
def _dropbear_names() -> Names:
    """What Dropbear says in its KEXINIT; it has the same tables for both roles."""
    heard: list[KexInit] = []

    def observe(direction: str, message: Message) -> None:
        if direction == "received" and isinstance(message, KexInit):
            heard.append(message)

    with tempfile.TemporaryDirectory() as folder:
        words: list[str] = [str(peers.DROPBEAR.path("dropbear")), "-i"]
        for number, kind in enumerate(("ed25519", "ecdsa", "rsa")):
            path = f"{folder}/{number}"
            make = [str(peers.DROPBEAR.path("dropbearkey")), "-t", kind, "-f", path]
            subprocess.run(make, check=True, capture_output=True)
            words += ["-r", path]
        ours, theirs = socket.socketpair()
        with (
            theirs,
            subprocess.Popen(words, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.DEVNULL),
        ):
            theirs.close()
            options = ClientOptions(user="nobody", algorithms=Algorithms.legacy(), observer=observe)
            with Client(ours, options) as client:
                client.until(lambda: heard)
    said = heard[0]
    return {
        "kex": tuple(said.kex_algorithms),
        "host_key": tuple(said.server_host_key_algorithms),
        "ciphers": tuple(said.encryption_algorithms_client_to_server),
        "macs": tuple(said.mac_algorithms_client_to_server),
        "compression": tuple(said.compression_algorithms_client_to_server),
        "user_key": tuple(said.server_host_key_algorithms),
    }


_DROPBEAR_KEYS = ("ed25519", "ecdsa-256", "rsa")


class DropbearServer(StockServer):
    """dropbear; as host key algorithms it has what its keys can do."""

    def __init__(self) -> None:
        super().__init__(peers.DROPBEAR, _DROPBEAR_KEYS)

    def names(self) -> Names:
        return _dropbear_names()

    @contextmanager
    def listen(self, keys: KeyRing, rekey_bytes: int = 0) -> Iterator[peers.Server]:
        more = [word for kind in ("ecdsa-256", "rsa") for word in ("-r", str(keys.dropbear_host(kind)))]
        with peers.dropbear_server(*more, authorized_keys=keys.authorized_keys(self.key_types)) as server:
            yield server


class DropbearClient(StockClient):
    """dbclient."""

    def __init__(self) -> None:
        super().__init__(peers.DROPBEAR, _DROPBEAR_KEYS)

    def names(self) -> Names:
        return _dropbear_names()

    def run(self, port: int, identity: Path, command: str, data: bytes, rekey_bytes: int = 0) -> bytes:
        return run_command(peers.dbclient_command(port, identity, command), data)


# --- AsyncSSH


@functools.cache
def _asyncssh_names() -> Names:
    from asyncssh.compression import get_compression_algs  # noqa: PLC0415  # a peer may be missing
    from asyncssh.encryption import get_encryption_algs  # noqa: PLC0415
    from asyncssh.kex import get_kex_algs  # noqa: PLC0415
    from asyncssh.mac import get_mac_algs  # noqa: PLC0415
    from asyncssh.public_key import get_certificate_algs, get_public_key_algs  # noqa: PLC0415

    def decoded(*lists: Iterable[bytes]) -> tuple[str, ...]:
        return tuple(name.decode("ascii") for names in lists for name in names)

    keys = decoded(get_public_key_algs(), get_certificate_algs())
    return {
        "kex": decoded(name for name in get_kex_algs() if not name.startswith(b"gss-")),
        "host_key": keys,
        "ciphers": decoded(get_encryption_algs()),
        "macs": decoded(get_mac_algs()),
        "compression": decoded(get_compression_algs()),
        "user_key": keys,
    }


def asyncssh_everything() -> dict[str, list[str]]:
    """Settings that switch on all that AsyncSSH has, for either role."""
    names = _asyncssh_names()
    return {
        "kex_algs": list(names["kex"]),
        "encryption_algs": list(names["ciphers"]),
        "mac_algs": list(names["macs"]),
        "compression_algs": list(names["compression"]),
        "signature_algs": [name for name in names["user_key"] if "-cert-" not in name],
    }


class AsyncSSHServer(StockServer):
    """AsyncSSH's server, in a process of its own."""

    rekeys = True

    def __init__(self) -> None:
        super().__init__(peers.ASYNCSSH, CLASSICAL_KEYS)

    def names(self) -> Names:
        names = _asyncssh_names()
        # asked for this, it signs as it did with the same certificate for the client before
        keys = tuple(name for name in names["host_key"] if name != "ssh-rsa-cert-v01@openssh.com")
        return names | {"host_key": keys}

    @contextmanager
    def listen(self, keys: KeyRing, rekey_bytes: int = 0) -> Iterator[peers.Server]:
        certificates = [str(keys.host_certificate(kind)) for kind in self.key_types]
        authorized = keys.folder / "asyncssh_authorized_keys"
        authority = keys.authority.with_suffix(".pub").read_text()
        authorized.write_text(keys.authorized_keys(self.key_types) + f"cert-authority {authority}")
        settings: dict[str, Any] = asyncssh_everything()
        settings |= {"server_host_certs": certificates, "authorized_client_keys": str(authorized)}
        if rekey_bytes:
            settings["rekey_bytes"] = rekey_bytes
        with peers.asyncssh_server(
            host_keys=[keys.host(kind) for kind in self.key_types], **settings
        ) as server:
            yield server


class AsyncSSHClient(StockClient):
    """AsyncSSH's client, in a loop of its own."""

    rekeys = True

    def __init__(self) -> None:
        super().__init__(peers.ASYNCSSH, CLASSICAL_KEYS)

    def names(self) -> Names:
        return _asyncssh_names()

    def run(self, port: int, identity: Path, command: str, data: bytes, rekey_bytes: int = 0) -> bytes:
        return asyncio.run(self._run(port, identity, command, data, rekey_bytes))

    async def _run(self, port: int, identity: Path, command: str, data: bytes, rekey_bytes: int) -> bytes:
        import asyncssh  # noqa: PLC0415  # a peer may be missing

        names = _asyncssh_names()
        certificate = identity.with_name(f"{identity.name}-cert.pub")
        async with (
            asyncio.timeout(SECONDS),
            asyncssh.connect(
                LOOPBACK,
                port,
                username="me",
                config=None,
                known_hosts=None,
                agent_path=None,
                client_keys=[(str(identity), str(certificate))] if certificate.exists() else [str(identity)],
                server_host_key_algs=list(names["host_key"]),
                rekey_bytes=rekey_bytes or 1 << 30,
                **asyncssh_everything(),
            ) as connection,
        ):
            done = await connection.run(command, input=data, encoding=None, check=True)
            assert isinstance(done.stdout, bytes)
            return done.stdout


# --- all of them

SERVERS: tuple[StockServer, ...] = (
    OpenSSHServer(peers.NEWEST),
    OpenSSHServer(peers.DISTRIBUTION, CLASSICAL_KEYS),
    DropbearServer(),
    AsyncSSHServer(),
    ParamikoServer(),
)
CLIENTS: tuple[StockClient, ...] = (
    OpenSSHClient(peers.NEWEST),
    OpenSSHClient(peers.DISTRIBUTION, CLASSICAL_KEYS),
    DropbearClient(),
    AsyncSSHClient(),
    ParamikoClient(),
)
