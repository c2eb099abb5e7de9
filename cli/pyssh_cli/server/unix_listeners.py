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
from pyssh_cli.server.accounts import Account
from pyssh_cli.server.as_user import open_as, read_as
from pyssh_cli.server.background import Background

__all__ = ["UnixListeners"]

T = TypeVar("T")
_MAXIMUM: Final = 64
_BACKLOG: Final = 64
_RETRY_SECONDS: Final = 0.5


class UnixListeners:
    """The listening sockets of one login. They end with its link."""

    def __init__(self, account: Account, background: Background, unix: UnixListen) -> None:
        self._account = account
        self._unix = unix
        self._background = background
        self._sockets: dict[str, socket.socket] = {}

    async def listen(self, link: Link, path: str) -> bool:
        """Listen at a path as the user; False if that cannot be."""
        if not path or "\0" in path or path in self._sockets or len(self._sockets) >= _MAXIMUM:
            return False
        wanted = self._unix.replace(path=path)
        try:
            sock = await _on_thread(partial(open_as, self._account, partial(_bind, wanted)))
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
        self._background.spawn(_on_thread(partial(read_as, self._account, partial(_unlink, path), 0)))
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
        link.spawn(_carry(link, path, accepted), "forwarded connection")

    def _resume(self, link: Link, path: str, sock: socket.socket) -> None:
        if self._sockets.get(path) is sock:
            link.loop.add_reader(sock.fileno(), self._accept, link, path, sock)


async def _carry(link: Link, path: str, sock: socket.socket) -> None:
    try:
        channel = await link.open_channel(kinds.ForwardedStreamlocal(os.fsencode(path)))
    except BaseException as error:
        sock.close()
        if isinstance(error, SSHError | TimeoutError):
            return
        raise
    with contextlib.suppress(OSError, SSHError):
        await splice(channel, sock)


def _bind(wanted: UnixListen) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # this process is a child that does nothing else
        os.umask(wanted.mask)
        if wanted.replaces:
            with contextlib.suppress(FileNotFoundError):
                Path(wanted.path).unlink()
        sock.bind(wanted.path)
        sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _unlink(path: str) -> bytes:
    with contextlib.suppress(OSError):
        Path(path).unlink()
    return b""


async def _on_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, work)
