"""Listening sockets: opening them, and accepting on the loop's reader callback."""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable, Sequence
from typing import Final

from pyssh.aio.streams import Address
from pyssh.record import Record


class UnixListen(Record):
    """A Unix socket to be made with modes that `mask` leaves; `replaces` removes what lies there before."""

    path: str
    mask: int = 0o177
    replaces: bool = False


Listen = Address | UnixListen | socket.socket
"""Where to listen: host and port, the path of a Unix socket, or a socket that listens already."""

# connections taken in one turn of the loop; others have theirs in between
_ACCEPTS: Final = 16
# the process is out of descriptors or memory: new connections wait so long before the next try
_PAUSE: Final = 0.5
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


async def open_listeners(listen: Listen, *, backlog: int = 128) -> list[socket.socket]:
    """Listen at an address: at all that a host name stands for, "*" and "" being everywhere.

    With port 0 the system chooses a port, one for all. A Unix socket gets mode 0600. Errors are OSErrors
    whose text names the address.
    """
    if isinstance(listen, socket.socket):
        listen.setblocking(False)
        return [listen]
    unix = UnixListen(listen) if isinstance(listen, str) else listen
    try:
        if isinstance(unix, UnixListen):
            return [_listen_unix(unix, backlog)]
        return await _listen_host(*unix, backlog)
    except OSError as error:
        where = unix.path if isinstance(unix, UnixListen) else f"{unix[0] or '*'} port {unix[1]}"
        raise type(error)(error.errno, f"cannot listen on {where}: {error.strerror or error}") from None


def _listen_unix(wanted: UnixListen, backlog: int) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if wanted.replaces:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(wanted.path)  # noqa: PTH108  # pathlib costs 5 ms of start-up
        before = os.umask(wanted.mask)
        try:
            sock.bind(wanted.path)
        finally:
            os.umask(before)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


async def _listen_host(host: str, port: int, backlog: int) -> list[socket.socket]:
    if not 0 <= port <= 65535:
        raise OSError(errno.EINVAL, "a port is a number from 0 to 65535")
    name = None if host in ("", "*") else host
    found = await asyncio.get_running_loop().getaddrinfo(
        name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    opened: list[socket.socket] = []
    failure: OSError | None = None
    for family, kind, protocol, _, address in dict.fromkeys(found):
        # the first one chooses the port
        place = (address[0], opened[0].getsockname()[1], *address[2:]) if opened and not port else address
        try:
            opened.append(_listen_one(family, kind, protocol, place, backlog))
        except OSError as error:
            # a host may lack one of the families that its names stand for
            failure = error
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                break
    if failure is not None and (not opened or failure.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)):
        for sock in opened:
            sock.close()
        raise failure
    return opened


def _listen_one(
    family: int, kind: int, protocol: int, address: tuple[object, ...], backlog: int
) -> socket.socket:
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


class Acceptor:
    """Accepts on listening sockets, which it owns, and hands each connection over."""

    def __init__(
        self, sockets: Sequence[socket.socket], on_connection: Callable[[socket.socket], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.sockets: tuple[socket.socket, ...] = tuple(sockets)
        self._on_connection = on_connection
        self._is_closed = False
        self._timers: dict[socket.socket, asyncio.TimerHandle] = {}
        self.addresses: tuple[Address, ...] = tuple(_address_of(sock) for sock in sockets)
        for sock in sockets:
            self._loop.add_reader(sock.fileno(), self._accept, sock)

    def _accept(self, sock: socket.socket) -> None:
        for _ in range(_ACCEPTS):
            if self._is_closed:
                return
            try:
                accepted, _ = sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._loop.remove_reader(sock.fileno())
                    self._timers[sock] = self._loop.call_later(_PAUSE, self._resume, sock)
                return
            self._on_connection(accepted)

    def _resume(self, sock: socket.socket) -> None:
        del self._timers[sock]
        self._loop.add_reader(sock.fileno(), self._accept, sock)

    def close(self) -> None:
        """Stop listening; remove the path of a Unix socket."""
        if self._is_closed:
            return
        self._is_closed = True
        for timer in self._timers.values():
            timer.cancel()
        for sock, address in zip(self.sockets, self.addresses, strict=True):
            self._loop.remove_reader(sock.fileno())
            sock.close()
            if isinstance(address, str) and not address.startswith("\0"):
                with contextlib.suppress(OSError):
                    os.unlink(address)  # noqa: PTH108  # pathlib costs 5 ms of start-up


def _address_of(sock: socket.socket) -> Address:
    name = sock.getsockname()
    return (name[0], name[1]) if isinstance(name, tuple) else os.fsdecode(name)
