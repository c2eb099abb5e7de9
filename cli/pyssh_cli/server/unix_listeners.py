"""Unix sockets that listen for a client of a server which root started: made and removed as the user.

A path belongs to who may change the directories in it. So root itself neither binds nor unlinks any.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from pyssh.aio import Link, splice
from pyssh.aio.listen import UnixListen
from pyssh.connection import kinds
from pyssh.errors import SSHError
from pyssh.wire.message import Struct
from pyssh_cli.server.accounts import Account
from pyssh_cli.server.as_user import open_as, read_as
from pyssh_cli.server.background import Background

__all__ = ["UnixListeners"]

T = TypeVar("T")
_MAXIMUM: Final = 64
_BACKLOG: Final = 64
_RETRY_SECONDS: Final = 0.5
_DIRECTORY_MODE: Final = 0o700


def _forwarded(path: str) -> Struct:
    return kinds.ForwardedStreamlocal(os.fsencode(path))


class UnixListeners:
    """The listening sockets of one login. They end with its link.

    `kind` makes the kind of channel that takes connections to the client. With `in_directory` each socket has
    a directory of its own, which is made for it, lets nobody else in, and is removed with it.
    """

    def __init__(
        self,
        account: Account,
        background: Background,
        unix: UnixListen,
        *,
        kind: Callable[[str], Struct] = _forwarded,
        in_directory: bool = False,
    ) -> None:
        self._account = account
        self._unix = unix
        self._background = background
        self._kind = kind
        self._in_directory = in_directory
        self._sockets: dict[str, socket.socket] = {}

    async def listen(self, link: Link, path: str) -> bool:
        """Listen at a path as the user; False if that cannot be."""
        if not path or "\0" in path or path in self._sockets or len(self._sockets) >= _MAXIMUM:
            return False
        wanted = self._unix.replace(path=path)
        try:
            sock = await _on_thread(partial(open_as, self._account, partial(self._bind, wanted)))
        except OSError:
            return False
        if link.ended or path in self._sockets:
            sock.close()
            return False
        sock.setblocking(False)
        self._sockets[path] = sock
        link.loop.add_reader(sock.fileno(), self._accept, link, path, sock)
        link.at_end(partial(self.cancel, path))
        return True

    def cancel(self, path: str) -> bool:
        """Listen no more at a path; False if nobody does."""
        sock = self._sockets.pop(path, None)
        if sock is None:
            return False
        asyncio.get_running_loop().remove_reader(sock.fileno())
        sock.close()
        self._background.spawn(_on_thread(partial(read_as, self._account, partial(self._unlink, path), 0)))
        return True

    def _accept(self, link: Link, path: str, sock: socket.socket) -> None:
        try:
            accepted, _ = sock.accept()
        except BlockingIOError:
            return
        except OSError:
            # out of descriptors or memory: the connection stays in the queue
            link.loop.remove_reader(sock.fileno())
            link.loop.call_later(_RETRY_SECONDS, self._resume, link, path, sock)
            return
        accepted.setblocking(False)
        link.spawn(_carry(link, self._kind(path), accepted), "forwarded connection")

    def _resume(self, link: Link, path: str, sock: socket.socket) -> None:
        if self._sockets.get(path) is sock:
            link.loop.add_reader(sock.fileno(), self._accept, link, path, sock)

    def _bind(self, wanted: UnixListen) -> socket.socket:
        if not self._in_directory:
            return _bind(wanted)
        # its modes are the socket's protection: there may be no child here, whose umask could be changed
        directory = Path(wanted.path).parent
        directory.mkdir(mode=_DIRECTORY_MODE)
        try:
            return _listen(wanted.path)
        except BaseException:
            directory.rmdir()
            raise

    def _unlink(self, path: str) -> bytes:
        with contextlib.suppress(OSError):
            Path(path).unlink()
            if self._in_directory:
                Path(path).parent.rmdir()
        return b""


async def _carry(link: Link, kind: Struct, sock: socket.socket) -> None:
    try:
        channel = await link.open_channel(kind)
    except BaseException as error:
        sock.close()
        if isinstance(error, SSHError | TimeoutError):
            return
        raise
    with contextlib.suppress(OSError, SSHError):
        await splice(channel, sock)


def _bind(wanted: UnixListen) -> socket.socket:
    # this process is a child that does nothing else
    os.umask(wanted.mask)
    if wanted.replaces:
        with contextlib.suppress(FileNotFoundError):
            Path(wanted.path).unlink()
    return _listen(wanted.path)


def _listen(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


async def _on_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, work)
