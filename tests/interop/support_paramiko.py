"""Paramiko in both roles, with everything switched on that it has.

Its private tables are used, as its public settings cannot switch anything on.
"""

import functools
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.interop.support_keys import KeyRing
from tests.interop.support_peers import CLASSICAL_KEYS, SECONDS, Names, StockClient, StockServer
from tests.support import peers
from tests.support.processes import LOOPBACK


@functools.cache
def _names() -> Names:
    from paramiko import Transport  # noqa: PLC0415  # a peer may be missing

    def every(table: str) -> tuple[str, ...]:
        return tuple(getattr(Transport, table))

    return {
        "kex": tuple(name for name in every("_kex_info") if not name.startswith("gss-")),
        "host_key": every("_key_info"),
        "ciphers": every("_cipher_info"),
        "macs": every("_mac_info"),
        "compression": every("_compression_info"),
        "user_key": every("_key_info"),
    }


def transport_on(sock: socket.socket, **settings: Any) -> Any:
    """A transport with everything on that Paramiko has."""
    import paramiko  # noqa: PLC0415  # a peer may be missing

    names = _names()
    transport = paramiko.Transport(sock, **settings)
    transport._preferred_kex = names["kex"]
    transport._preferred_ciphers = names["ciphers"]
    transport._preferred_macs = names["macs"]
    transport._preferred_compression = names["compression"]
    transport._preferred_keys = names["host_key"]
    # a certificate's suffix is added to these
    transport._preferred_pubkeys = tuple(name for name in names["user_key"] if "-cert-" not in name)
    return transport


class ParamikoClient(StockClient):
    """Paramiko's client.

    It is not told to begin key exchanges: the thread in which it reads waits for their end before it answers
    a CLOSE that came meanwhile, and so for ever.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(peers.PARAMIKO, CLASSICAL_KEYS)
        self._settings = settings

    def names(self) -> Names:
        return _names()

    def run(self, port: int, identity: Path, command: str, data: bytes, rekey_bytes: int = 0) -> bytes:
        import paramiko  # noqa: PLC0415  # a peer may be missing

        assert not rekey_bytes

        key = paramiko.PKey.from_path(identity)
        certificate = identity.with_name(f"{identity.name}-cert.pub")
        if certificate.exists():
            key.load_certificate(str(certificate))
        transport = transport_on(socket.create_connection((LOOPBACK, port)), **self._settings)
        try:
            transport.start_client(timeout=SECONDS)
            transport.auth_publickey("me", key)
            channel = transport.open_session(timeout=SECONDS)
            channel.settimeout(SECONDS)
            channel.exec_command(command)
            return exchange(channel, data)
        finally:
            transport.close()


def exchange(channel: Any, data: bytes) -> bytes:
    """Send all of the input while the output is read; the command must succeed."""

    def send() -> None:
        channel.sendall(data)
        channel.shutdown_write()

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    output = bytearray()
    while piece := channel.recv(65536):
        output += piece
    sender.join(SECONDS)
    assert channel.recv_exit_status() == 0
    return bytes(output)


class ParamikoServer(StockServer):
    """Paramiko's server mode, in threads. It begins no key exchanges, for the same reason."""

    def __init__(self) -> None:
        super().__init__(peers.PARAMIKO, CLASSICAL_KEYS)

    def names(self) -> Names:
        keys = tuple(name for name in _names()["host_key"] if "-cert-" not in name)
        return _names() | {"host_key": keys}

    @contextmanager
    def listen(self, keys: KeyRing, rekey_bytes: int = 0, **settings: Any) -> Iterator[peers.Server]:
        import paramiko  # noqa: PLC0415  # a peer may be missing

        assert not rekey_bytes

        interface = _interface()
        # without it Paramiko offers no group exchange
        paramiko.Transport.load_server_moduli(str(peers.NEWEST.folder.parent / "moduli"))
        host_keys = [paramiko.PKey.from_path(keys.host(kind)) for kind in self.key_types]
        transports: list[Any] = []

        def accept() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                transport = transport_on(sock, **settings)
                for key in host_keys:
                    transport.add_server_key(key)
                transports.append(transport)
                transport.start_server(event=threading.Event(), server=interface())

        with socket.create_server((LOOPBACK, 0)) as listener:
            acceptor = threading.Thread(target=accept, daemon=True)
            acceptor.start()
            public = tuple(keys.host(kind).with_name(f"{kind}.pub") for kind in self.key_types)
            yield peers.Server(listener.getsockname()[1], "me", keys.user("ed25519"), public, None)  # type: ignore[arg-type]  # no process
            listener.shutdown(socket.SHUT_RDWR)
        acceptor.join(SECONDS)
        for transport in transports:
            transport.close()


@functools.cache
def _interface() -> Any:
    """The class of a server that lets any key in and runs commands in a shell."""
    import paramiko  # noqa: PLC0415  # a peer may be missing

    class Interface(paramiko.ServerInterface):  # type: ignore[misc]  # paramiko has no types
        def get_allowed_auths(self, username: str) -> str:
            return "publickey"

        def check_auth_publickey(self, username: str, key: Any) -> int:
            return int(paramiko.AUTH_SUCCESSFUL)

        def check_channel_request(self, kind: str, chanid: int) -> int:
            return int(paramiko.OPEN_SUCCEEDED)

        def check_channel_exec_request(self, channel: Any, command: bytes) -> bool:
            threading.Thread(target=_run, args=(channel, command), daemon=True).start()
            return True

    return Interface


def _run(channel: Any, command: bytes) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen(["/bin/sh", "-c", command], stdin=pipe, stdout=pipe, bufsize=0) as process:
        assert process.stdin
        assert process.stdout
        feeder = threading.Thread(target=_feed, args=(channel, process.stdin), daemon=True)
        feeder.start()
        while piece := process.stdout.read(65536):
            channel.sendall(piece)
    feeder.join(SECONDS)
    channel.send_exit_status(process.returncode)
    channel.close()


def _feed(channel: Any, pipe: IO[bytes]) -> None:
    with pipe:
        while piece := memoryview(channel.recv(65536)):
            while piece:
                piece = piece[pipe.write(piece) :]
