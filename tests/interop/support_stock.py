"""Stock clients and servers with everything switched on that they have, behind one face each.

What they have they say themselves: `ssh -Q`, Dropbear's KEXINIT, the tables of AsyncSSH and Paramiko.
"""

import asyncio
import functools
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from pyssh.algorithms.preferences import Algorithms
from pyssh.keys.signing import SIGNATURE_ALGORITHMS
from pyssh.messages.transport import KexInit
from pyssh.options import ClientOptions
from pyssh.wire.message import Message
from tests.interop.support_keys import KEY_TYPES, KeyRing
from tests.support import peers
from tests.support.drive import Client
from tests.support.processes import LOOPBACK

SECONDS = 120.0
_CLASSICAL_KEYS = tuple(kind for kind in KEY_TYPES if "mldsa" not in kind)
Names = dict[str, tuple[str, ...]]
"""For each field of `Algorithms` the names that a peer has."""


def common(peer: "Stock") -> list[tuple[str, str]]:
    """Every algorithm that both sides have, as field of `Algorithms` and name."""
    if peer.kind.missing():
        return []
    names = peer.names()
    ours = Algorithms.legacy()
    # keys of which we have no private half
    verified = {row.name for row in SIGNATURE_ALGORITHMS if row.verify_only}
    return [
        (field, name)
        for field in Algorithms.__match_args__
        for name in getattr(ours, field)
        if name in names[field] and name not in verified
    ]


class Stock:
    """A peer in one of its roles. `key_types` are the files of a `KeyRing` that it can read."""

    def __init__(self, kind: peers.Peer, key_types: Sequence[str] = KEY_TYPES) -> None:
        self.kind = kind
        self.key_types = tuple(key_types)

    def __repr__(self) -> str:
        return repr(self.kind)

    def names(self) -> Names:
        """What it has."""
        raise NotImplementedError


class StockServer(Stock):
    """A server that runs what it is told in a shell."""

    def listen(self, keys: KeyRing) -> AbstractContextManager[peers.Server]:
        """Start it with everything on, with all host keys of the ring; its user keys are let in."""
        raise NotImplementedError


class StockClient(Stock):
    """A client."""

    def run(self, port: int, identity: Path, command: str, data: bytes) -> bytes:
        """Log in with this key, run a command with this input, and return its output."""
        raise NotImplementedError


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
    """Configuration lines that switch on all that this version has, for either role."""
    names = _openssh_names(peer)
    return [f"{query} {','.join(names[field])}" for field, query in _QUERIES.items()]


def run_command(command: Sequence[str], data: bytes) -> bytes:
    """Run a stock client; AssertionError with what it said if it fails."""
    done = subprocess.run(command, input=data, capture_output=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


class _OpenSSHNames(Stock):
    kind: peers.OpenSSH

    def names(self) -> Names:
        return _openssh_names(self.kind)


class OpenSSHServer(_OpenSSHNames, StockServer):
    """sshd of one version."""

    @contextmanager
    def listen(self, keys: KeyRing) -> Iterator[peers.Server]:
        # HostbasedAcceptedAlgorithms and the like stay as they are; Compression is said to clients only
        lines = [*openssh_everything(self.kind), "Compression yes", "LogLevel VERBOSE"]
        lines += [f"HostCertificate {keys.host_certificate(key)}" for key in self.key_types]
        lines += [f"TrustedUserCAKeys {keys.authority.with_suffix('.pub')}"]
        with peers.openssh_server(
            self.kind,
            host_keys=[keys.host(key) for key in self.key_types],
            authorized_keys=keys.authorized_keys(self.key_types),
            lines=lines,
        ) as server:
            yield server


class OpenSSHClient(_OpenSSHNames, StockClient):
    """ssh of one version."""

    def run(self, port: int, identity: Path, command: str, data: bytes, options: Sequence[str] = ()) -> bytes:
        settings = [
            word for line in openssh_everything(self.kind) for word in ("-o", line.replace(" ", "=", 1))
        ]
        wanted = [*options, *settings, "-o", "Compression=yes"]
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
    def listen(self, keys: KeyRing) -> Iterator[peers.Server]:
        more = [word for kind in ("ecdsa-256", "rsa") for word in ("-r", str(keys.dropbear_host(kind)))]
        with peers.dropbear_server(*more, authorized_keys=keys.authorized_keys(self.key_types)) as server:
            yield server


class DropbearClient(StockClient):
    """dbclient."""

    def __init__(self) -> None:
        super().__init__(peers.DROPBEAR, _DROPBEAR_KEYS)

    def names(self) -> Names:
        return _dropbear_names()

    def run(self, port: int, identity: Path, command: str, data: bytes) -> bytes:
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

    def __init__(self) -> None:
        super().__init__(peers.ASYNCSSH, _CLASSICAL_KEYS)

    def names(self) -> Names:
        names = _asyncssh_names()
        # asked for this, it signs as it did with the same certificate for the client before
        keys = tuple(name for name in names["host_key"] if name != "ssh-rsa-cert-v01@openssh.com")
        return names | {"host_key": keys}

    @contextmanager
    def listen(self, keys: KeyRing) -> Iterator[peers.Server]:
        certificates = [str(keys.host_certificate(kind)) for kind in self.key_types]
        authorized = keys.folder / "asyncssh_authorized_keys"
        authority = keys.authority.with_suffix(".pub").read_text()
        authorized.write_text(keys.authorized_keys(self.key_types) + f"cert-authority {authority}")
        settings: dict[str, Any] = asyncssh_everything()
        settings |= {"server_host_certs": certificates, "authorized_client_keys": str(authorized)}
        with peers.asyncssh_server(
            host_keys=[keys.host(kind) for kind in self.key_types], **settings
        ) as server:
            yield server


class AsyncSSHClient(StockClient):
    """AsyncSSH's client, in a loop of its own."""

    def __init__(self) -> None:
        super().__init__(peers.ASYNCSSH, _CLASSICAL_KEYS)

    def names(self) -> Names:
        return _asyncssh_names()

    def run(self, port: int, identity: Path, command: str, data: bytes) -> bytes:
        return asyncio.run(self._run(port, identity, command, data))

    async def _run(self, port: int, identity: Path, command: str, data: bytes) -> bytes:
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
                **asyncssh_everything(),
            ) as connection,
        ):
            done = await connection.run(command, input=data, encoding=None, check=True)
            assert isinstance(done.stdout, bytes)
            return done.stdout


# --- Paramiko


@functools.cache
def _paramiko_names() -> Names:
    from paramiko import Transport  # noqa: PLC0415  # a peer may be missing

    def every(table: str) -> tuple[str, ...]:
        return tuple(getattr(Transport, table))

    keys = tuple(name for name in every("_key_info"))
    return {
        "kex": tuple(name for name in every("_kex_info") if not name.startswith("gss-")),
        "host_key": keys,
        "ciphers": every("_cipher_info"),
        "macs": every("_mac_info"),
        "compression": every("_compression_info"),
        "user_key": keys,
    }


def paramiko_transport(sock: socket.socket) -> Any:
    """A Paramiko transport with everything on that it has."""
    import paramiko  # noqa: PLC0415  # a peer may be missing

    names = _paramiko_names()
    transport = paramiko.Transport(sock)
    transport._preferred_kex = names["kex"]
    transport._preferred_ciphers = names["ciphers"]
    transport._preferred_macs = names["macs"]
    transport._preferred_compression = names["compression"]
    transport._preferred_keys = names["host_key"]
    # a certificate's suffix is added to these
    transport._preferred_pubkeys = tuple(name for name in names["user_key"] if "-cert-" not in name)
    return transport


class ParamikoClient(StockClient):
    """Paramiko's client."""

    def __init__(self) -> None:
        super().__init__(peers.PARAMIKO, _CLASSICAL_KEYS)

    def names(self) -> Names:
        return _paramiko_names()

    def run(self, port: int, identity: Path, command: str, data: bytes) -> bytes:
        import paramiko  # noqa: PLC0415  # a peer may be missing

        key = paramiko.PKey.from_path(identity)
        certificate = identity.with_name(f"{identity.name}-cert.pub")
        if certificate.exists():
            key.load_certificate(str(certificate))
        transport = paramiko_transport(socket.create_connection((LOOPBACK, port)))
        try:
            transport.start_client(timeout=SECONDS)
            transport.auth_publickey("me", key)
            channel = transport.open_session(timeout=SECONDS)
            channel.settimeout(SECONDS)
            channel.exec_command(command)
            return _exchange(channel, data)
        finally:
            transport.close()


def _exchange(channel: Any, data: bytes) -> bytes:
    """Send in pieces that fit in both windows and read as much back: Paramiko's calls block."""
    output = bytearray()
    for offset in range(0, len(data), 65536):
        channel.sendall(data[offset : offset + 65536])
        while len(output) < min(offset + 65536, len(data)):
            output += channel.recv(65536)
    channel.shutdown_write()
    while piece := channel.recv(65536):
        output += piece
    assert channel.recv_exit_status() == 0
    return bytes(output)


SERVERS: tuple[StockServer, ...] = (
    OpenSSHServer(peers.NEWEST),
    OpenSSHServer(peers.DISTRIBUTION, _CLASSICAL_KEYS),
    DropbearServer(),
    AsyncSSHServer(),
)
CLIENTS: tuple[StockClient, ...] = (
    OpenSSHClient(peers.NEWEST),
    OpenSSHClient(peers.DISTRIBUTION, _CLASSICAL_KEYS),
    DropbearClient(),
    AsyncSSHClient(),
    ParamikoClient(),
)
