"""The control socket: made so that it is never seen half ready, and taken away with who made it."""

import asyncio
import contextlib
import os
import secrets
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pyssh_cli.output import Output

__all__ = ["AlreadyExistsError", "ControlListener"]

_BACKLOG: Final = 64  # as mux.c
_UMASK: Final = 0o177
# the kernel's struct ucred: process, user, group
_UCRED: Final = struct.Struct("iII")


class AlreadyExistsError(Exception):
    """There is a file at the path already."""


class ControlListener:
    """Listens at a path; `on_connection` gets sockets of this user's, or root's."""

    def __init__(
        self, sock: socket.socket, path: Path, output: Output, on_connection: Callable[[socket.socket], None]
    ) -> None:
        self._socket = sock
        self._path = path
        self._output = output
        self._on_connection = on_connection
        self._identity = _identity(path)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock, self._accept)

    @classmethod
    def listen(
        cls, path: str, output: Output, on_connection: Callable[[socket.socket], None]
    ) -> "ControlListener":
        """Make the socket. Raises `AlreadyExistsError`, OSError."""
        final = Path(path)
        # bound under another name: whoever finds the final one can connect to it
        temporary = final.with_name(f"{final.name}.{secrets.token_hex(8)}")
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            before = os.umask(_UMASK)
            try:
                sock.bind(str(temporary))
            finally:
                os.umask(before)
            sock.listen(_BACKLOG)
            sock.setblocking(False)
            try:
                os.link(temporary, final)
            except FileExistsError:
                raise AlreadyExistsError from None
            finally:
                temporary.unlink()
            return cls(sock, final, output, on_connection)
        except BaseException:
            sock.close()
            raise

    def _accept(self) -> None:
        try:
            sock, _ = self._socket.accept()
        except OSError as error:
            self._output.debug(f"no control connection was accepted: {error.strerror}")
            return
        user = _peer_user(sock)
        if user not in (0, os.geteuid()):
            self._output.error(f"multiplex uid mismatch: peer euid {user} != uid {os.geteuid()}")
            sock.close()
            return
        sock.setblocking(False)
        self._on_connection(sock)

    def close(self) -> None:
        """Listen no more, and remove the socket if it is still ours. Closing twice is harmless."""
        if self._socket.fileno() < 0:
            return
        self._loop.remove_reader(self._socket)
        self._socket.close()
        with contextlib.suppress(OSError):
            if _identity(self._path) == self._identity:
                self._path.unlink()


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _peer_user(sock: socket.socket) -> int | None:
    """Return the effective user at the other end; None where the system does not say."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    _, user, _ = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, option, _UCRED.size))
    return int(user)
