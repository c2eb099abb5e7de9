"""Work done with a user's rights: dropping privileges completely, and short work in a child that has.

The child never runs again what the parent runs: it does its work, answers over a socket pair, and ends.
"""

import os
import signal
import socket
from collections.abc import Callable
from typing import Final

from pyssh_cli.server.accounts import Account

__all__ = ["drop_privileges", "open_as", "read_as"]

_DONE: Final = b"D"
_FAILED: Final = b"F"
_PIECE: Final = 64 * 1024


def drop_privileges(account: Account) -> None:
    """Become the user for good: groups, then group, then user. Raises OSError if any of it cannot be."""
    os.setgroups(account.groups)
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
    if os.getresuid() != (account.uid,) * 3 or os.getresgid() != (account.gid,) * 3:
        raise PermissionError("the rights of the server could not be dropped")


def read_as(account: Account, work: Callable[[], bytes], limit: int) -> bytes:
    """Run `work` with the user's rights and return its result, of at most `limit` bytes.

    Blocks; call it on a thread. An OSError of `work` is raised here again.
    """
    if account.is_own:
        return work()
    data, _ = _run(account, lambda: (work(), None), limit)
    return data


def open_as(account: Account, work: Callable[[], socket.socket]) -> socket.socket:
    """Run `work` with the user's rights and return the socket it made; otherwise as `read_as`."""
    if account.is_own:
        return work()
    _, descriptor = _run(account, lambda: (b"", work()), 0)
    assert descriptor is not None
    return socket.socket(fileno=descriptor)


def _run(
    account: Account, work: Callable[[], tuple[bytes, socket.socket | None]], limit: int
) -> tuple[bytes, int | None]:
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        _be_child(account, work, theirs)
    theirs.close()
    with ours:
        try:
            data, descriptor = _receive(ours, limit)
        finally:
            # it has answered or gone; should it hang (a dead network file system) nobody waits for it
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return data, descriptor


def _be_child(
    account: Account, work: Callable[[], tuple[bytes, socket.socket | None]], answer: socket.socket
) -> None:
    try:
        # signals that arrive now must not wake the parent's loop, whose handlers this child inherited
        signal.set_wakeup_fd(-1)
        drop_privileges(account)
        data, opened = work()
        if opened is None:
            answer.sendall(_DONE + data)
        else:
            socket.send_fds(answer, [_DONE], [opened.fileno()])
    except OSError as error:
        answer.sendall(_FAILED + f"{error.errno or 0} {error.strerror or error}".encode())
    finally:
        os._exit(0)


def _receive(ours: socket.socket, limit: int) -> tuple[bytes, int | None]:
    first, descriptors, _, _ = socket.recv_fds(ours, _PIECE, 1)
    pieces = [first]
    size = len(first)
    while first[:1] == _FAILED or size <= limit:
        piece = ours.recv(_PIECE)
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
    answer = b"".join(pieces)
    if answer[:1] == _DONE:
        return answer[1:], descriptors[0] if descriptors else None
    number, _, text = answer[1:].decode(errors="replace").partition(" ")
    raise OSError(int(number) if number.isdigit() else 0, text or "the work with the user's rights failed")
