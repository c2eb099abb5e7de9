"""Tries over all addresses of a host, without an event loop: the slow ones are not waited for (RFC 8305).

`pyssh.aio.dial` does the same on the loop, which the client has no time to import before it calls.
"""

import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from pyssh.record import Record

__all__ = ["Found", "Racers", "interleaved"]

Found = tuple[Any, Any, Any, str, Any]
"""Family, type, protocol, canonical name, address: what getaddrinfo returns."""

# RFC 8305 section 5; as pyssh.aio.timeouts.Timeouts.next_address
_NEXT_SECONDS: Final = 0.25
_NEVER: Final = float("inf")


def interleaved(found: Sequence[Found]) -> list[Found]:
    """Return addresses with their families in turn, beginning with the first one's (section 4)."""
    first = [entry for entry in found if entry[0] == found[0][0]]
    others = [entry for entry in found if entry[0] != found[0][0]]
    mixed: list[Found] = []
    for number in range(max(len(first), len(others))):
        mixed += first[number : number + 1] + others[number : number + 1]
    return mixed


class Racers:
    """Connections in the making, of which the first to be made is wanted.

    `prepare` returns a socket for an address, bound and with its options; `failed` hears of each that fails.
    """

    def __init__(
        self,
        prepare: Callable[[Found], socket.socket],
        failed: Callable[[Found, OSError], None],
        *,
        seconds: float | None = None,
    ) -> None:
        self._prepare = prepare
        self._failed = failed
        self._end = _NEVER if seconds is None else time.monotonic() + seconds
        self._running: dict[int, _Runner] = {}
        self._failure: OSError = OSError("no address")

    def run(self, entries: Sequence[Found]) -> socket.socket:
        """Return a connected, blocking socket; raises the last failure, or TimeoutError."""
        waiting = list(entries)
        start_next = 0.0
        try:
            while waiting or self._running:
                if waiting and (not self._running or time.monotonic() >= start_next):
                    winner = self._start(waiting.pop(0))
                    start_next = time.monotonic() + _NEXT_SECONDS
                else:
                    winner = self._wait(start_next if waiting else _NEVER)
                if winner is not None:
                    winner.setblocking(True)
                    return winner
            raise self._failure
        finally:
            for runner in self._running.values():
                runner.socket.close()

    def _start(self, entry: Found) -> socket.socket | None:
        try:
            sock = self._prepare(entry)
        except OSError as error:
            self._note(entry, error)
            return None
        sock.setblocking(False)
        try:
            sock.connect(entry[4])
        except BlockingIOError:
            self._running[sock.fileno()] = _Runner(sock, entry)
            return None
        except OSError as error:
            sock.close()
            self._note(entry, error)
            return None
        return sock

    def _wait(self, until: float) -> socket.socket | None:
        poll = select.poll()
        for descriptor in self._running:
            poll.register(descriptor, select.POLLOUT)
        seconds = max(min(until, self._end) - time.monotonic(), 0)
        ready = poll.poll(None if seconds == _NEVER else int(seconds * 1000) + 1)
        for descriptor, _ in ready:
            runner = self._running.pop(descriptor)
            number = runner.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not number:
                return runner.socket
            runner.socket.close()
            self._note(runner.entry, OSError(number, os.strerror(number)))
        if not ready and time.monotonic() >= self._end:
            raise TimeoutError
        return None

    def _note(self, entry: Found, error: OSError) -> None:
        self._failure = error
        self._failed(entry, error)


class _Runner(Record):
    socket: socket.socket
    entry: Found
