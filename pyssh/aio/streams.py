"""`Stream`: what a link runs over, two file descriptors; and ways to get one without a TCP connection.

A socket, the standard input and output of a process that was started with them, a proxy command
(ProxyCommand), a channel of another link (ProxyJump).
"""

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from typing import Final

from pyssh.errors import UsageError

Address = tuple[str, int] | str
"""A host and port, or the path of a Unix socket."""

_QUICK_ACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)


class Stream:
    """Where a link's bytes come from and go to. It owns the descriptors and closes them.

    >>> import socket
    >>> ours, theirs = socket.socketpair()
    >>> stream = Stream.from_socket(ours)
    >>> stream.close()
    >>> theirs.recv(1)
    b''
    >>> theirs.close()
    """

    def __init__(
        self,
        read_fd: int,
        write_fd: int,
        close: Callable[[], None],
        sock: socket.socket | None = None,
    ) -> None:
        self.read_fd = read_fd
        self.write_fd = write_fd
        self.socket = sock
        self._close: Callable[[], None] | None = close

    @classmethod
    def from_socket(cls, sock: socket.socket) -> "Stream":
        """Use a connected socket of any family."""
        sock.setblocking(False)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            # keystrokes must not wait for the acknowledgement of the one before (RFC 896)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(sock.fileno(), sock.fileno(), sock.close, sock)

    @classmethod
    def from_fds(cls, read_fd: int, write_fd: int) -> "Stream":
        """Use descriptors such as 0 and 1; they become non-blocking, until they are closed."""
        modes = [(fd, os.get_blocking(fd)) for fd in {read_fd, write_fd}]
        for fd, _ in modes:
            os.set_blocking(fd, False)

        def close() -> None:
            for fd, was_blocking in modes:
                os.set_blocking(fd, was_blocking)
                os.close(fd)

        return cls(read_fd, write_fd, close)

    def acknowledge(self) -> None:
        """Let the kernel acknowledge at once what was read, where it can; it forgets that again by itself.

        A peer that knows nothing of TCP_NODELAY, as OpenSSH before its sessions, holds back its next message
        until then: 40 ms at each turn of a login in which we have nothing to say.
        """
        if self.socket is not None and _QUICK_ACK is not None:
            with contextlib.suppress(OSError):  # not TCP, or gone
                self.socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    @property
    def peer_address(self) -> Address | None:
        """The address at the other end; None where there is no such thing."""
        return _address(self.socket.getpeername) if self.socket is not None else None

    @property
    def local_address(self) -> Address | None:
        """The address at our end; None where there is no such thing."""
        return _address(self.socket.getsockname) if self.socket is not None else None

    def detach(self) -> "Stream":
        """Return a stream with these descriptors; closing this one no longer does anything."""
        if self._close is None:
            raise UsageError("the stream is closed")
        close, self._close = self._close, None
        return Stream(self.read_fd, self.write_fd, close, self.socket)

    def close(self) -> None:
        """Close the descriptors. Closing twice is harmless."""
        close, self._close = self._close, None
        if close is not None:
            close()


def as_stream(stream: "Stream | socket.socket") -> Stream:
    """Return a stream for what a caller may hand over."""
    return stream if isinstance(stream, Stream) else Stream.from_socket(stream)


def _address(ask: Callable[[], object]) -> Address | None:
    try:
        address = ask()
    except OSError:
        return None
    if isinstance(address, tuple):
        return str(address[0]), int(address[1])
    return os.fsdecode(address) if isinstance(address, bytes) else str(address)


async def open_proxy_command(command: str) -> Stream:
    """Start a command whose standard input and output lead to the server; its stderr is ours.

    The shell runs it, as ssh does, and as with ssh it gets pipes: a server started this way asks a socket
    for its peer. It is terminated when the stream is closed.
    """
    read_fd, its_stdout = os.pipe()
    its_stdin, write_fd = os.pipe()
    try:
        # not the loop's own: that complains of processes which end when it is no longer there
        process = subprocess.Popen(  # noqa: ASYNC220, S603  # as quick as the loop's; the user's own command
            ["/bin/sh", "-c", f"exec {command}"], stdin=its_stdin, stdout=its_stdout
        )
    except BaseException:
        os.close(read_fd)
        os.close(write_fd)
        raise
    finally:
        os.close(its_stdin)
        os.close(its_stdout)
    os.set_blocking(read_fd, False)
    os.set_blocking(write_fd, False)
    threading.Thread(target=process.wait, name="proxy command", daemon=True).start()

    def close() -> None:
        os.close(read_fd)
        os.close(write_fd)
        process.terminate()

    return Stream(read_fd, write_fd, close)
