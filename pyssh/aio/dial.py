"""TCP and Unix connections: all addresses of a name, the slow ones not waited for (RFC 8305)."""

import asyncio
import errno
import os
import socket
from collections.abc import Sequence
from typing import Any

from pyssh.aio.streams import Address
from pyssh.aio.timeouts import Timeouts, limit

# family, type, protocol, canonical name, address: what getaddrinfo returns
_Found = tuple[Any, Any, Any, Any, Any]


def format_address(address: Address | None) -> str:
    """Return an address for people: a path, or host and port."""
    if address is None:
        return "unknown"
    if isinstance(address, str):
        return address or "unnamed socket"
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def dial(
    address: Address,
    timeouts: Timeouts,
    *,
    family: int = socket.AF_UNSPEC,
    local_address: str | None = None,
) -> socket.socket:
    """Connect to a host and port, or to the path of a Unix socket, and return the socket.

    Every error is an OSError whose text names the address.
    """
    try:
        if isinstance(address, str):
            return await _connect_unix(address, timeouts)
        return await _connect_host(address, timeouts, family, local_address)
    except TimeoutError:
        raise TimeoutError(f"{_words(address)}: no answer within {timeouts.connect:g} seconds") from None
    except socket.gaierror as error:
        raise socket.gaierror(error.errno, f"{_words(address)}: {error.strerror}") from None
    except UnicodeError as error:  # the name does not survive IDNA
        raise socket.gaierror(socket.EAI_NONAME, f"{_words(address)}: not a host name") from error
    except OSError as error:
        # asyncio puts words of its own there
        text = os.strerror(error.errno) if error.errno else str(error)
        raise type(error)(error.errno, f"{_words(address)}: {text}") from None


def describe(error: Exception) -> str:
    """Return an error for people: that of a system call without its number."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _words(address: Address) -> str:
    return address if isinstance(address, str) else f"{address[0]} port {address[1]}"


async def _connect_unix(path: str, timeouts: Timeouts) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    return await _finish(sock, path, timeouts)


async def _finish(sock: socket.socket, address: Any, timeouts: Timeouts) -> socket.socket:
    try:
        sock.setblocking(False)
        async with asyncio.timeout(limit(timeouts.connect)):
            await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _connect_host(
    address: tuple[str, int], timeouts: Timeouts, family: int, local_address: str | None
) -> socket.socket:
    host, port = address
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    local: Sequence[_Found] = ()
    if local_address is not None:
        local = await loop.getaddrinfo(local_address, 0, family=family, type=socket.SOCK_STREAM)
    return await _race(_interleave(found), local, timeouts)


def _interleave(found: Sequence[_Found]) -> list[_Found]:
    """Take address families in turn, beginning with that of the first address (RFC 8305 section 4)."""
    first = [entry for entry in found if entry[0] == found[0][0]]
    others = [entry for entry in found if entry[0] != found[0][0]]
    mixed: list[_Found] = []
    while first or others:
        mixed += first[:1] + others[:1]
        del first[:1], others[:1]
    return mixed


async def _race(found: Sequence[_Found], local: Sequence[_Found], timeouts: Timeouts) -> socket.socket:
    """Start with the first address and add the next one when the others fail or are slow; the first wins."""
    if len(found) == 1:
        return await _connect_one(found[0], local, timeouts)
    running: set[asyncio.Task[socket.socket]] = set()
    failure: OSError = ConnectionRefusedError("no address")
    waiting = list(found)
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.ensure_future(_connect_one(waiting.pop(0), local, timeouts)))
            patience = limit(timeouts.next_address) if waiting else None
            done, running = await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                error = task.exception()
                if error is None:
                    return task.result()
                if not isinstance(error, OSError):
                    raise error
                failure = error
        raise failure
    finally:
        for task in running:
            task.add_done_callback(_close_late)
            task.cancel()


def _close_late(task: asyncio.Task[socket.socket]) -> None:
    """Close a connection that came about after another had won."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _connect_one(entry: _Found, local: Sequence[_Found], timeouts: Timeouts) -> socket.socket:
    family, kind, protocol, _, address = entry
    bind_to = next((found[4] for found in local if found[0] == family), None)
    if local and bind_to is None:
        raise OSError(errno.EADDRNOTAVAIL, "the local address is of another family")
    sock = socket.socket(family, kind, protocol)
    try:
        if bind_to is not None:
            sock.bind(bind_to)
    except BaseException:
        sock.close()
        raise
    return await _finish(sock, address, timeouts)
