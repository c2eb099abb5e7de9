"""A long fat pipe: a proxy that delivers what it gets 50 ms later, at a fixed rate, both ways.

link.py TARGET_PORT BYTES_PER_SECOND      prints its own port
"""

import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from benching.measures import Measure
from benching.peers import MIB, Pair, Setup, command_line, run

RATE = 40 * MIB
ONE_WAY = 0.05
_PIECE = 64 * 1024
# what is under way at most: a link holds rate times delay, and a queue before it
_IN_FLIGHT = int(RATE * ONE_WAY) + 4 * MIB


class _Direction:
    """Moves bytes one way: a thread that takes, paced, and a thread that delivers, late."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self._source, self._target = source, target
        self._queue: deque[tuple[float, bytes]] = deque()
        self._changed = threading.Condition()
        self._size = 0
        for step in (self._take, self._deliver):
            threading.Thread(target=step, daemon=True).start()

    def _take(self) -> None:
        free_at = time.monotonic()
        while True:
            try:
                data = self._source.recv(_PIECE)
            except OSError:
                data = b""
            now = time.monotonic()
            free_at = max(free_at, now) + len(data) / RATE
            with self._changed:
                while self._size > _IN_FLIGHT:
                    self._changed.wait()
                self._queue.append((free_at + ONE_WAY, data))
                self._size += len(data)
                self._changed.notify_all()
            if not data:
                return

    def _deliver(self) -> None:
        while True:
            with self._changed:
                while not self._queue:
                    self._changed.wait()
                due, data = self._queue.popleft()
                self._size -= len(data)
                self._changed.notify_all()
            pause = due - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            try:
                if not data:
                    self._target.shutdown(socket.SHUT_WR)
                    return
                self._target.sendall(data)
            except OSError:
                return


def _serve(target: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            near, _ = listener.accept()
            far = socket.create_connection(("127.0.0.1", target))
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _Direction(near, far)
            _Direction(far, near)


@contextmanager
def slow_link(setup: Setup, target: int) -> Iterator[int]:
    """Put the link before a port; yield the port of its near end."""
    script = "import sys; sys.path.insert(0, sys.argv.pop(1)); from benching import link; link.main()"
    folder = __file__.rpartition("/benching/")[0]
    process = subprocess.Popen([setup.python, "-c", script, folder, str(target)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def over_the_link(setup: Setup, pair: Pair, size: int, *, up: bool) -> float:
    """Percent of the link's rate that one channel gets; without the login."""
    with slow_link(setup, pair.server.port) as port:
        once = _transfer(setup, pair, port, size, up=up)
        nothing = _transfer(setup, pair, port, 1, up=up)
        return 100 * size / RATE / max(once - nothing, 1e-3)


def _transfer(setup: Setup, pair: Pair, port: int, size: int, *, up: bool) -> float:
    start = time.perf_counter()
    if up:
        with subprocess.Popen(["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE) as source:
            assert source.stdout is not None
            words = command_line(setup, pair, ["cat", ">/dev/null"], port=port)
            run(words, source.stdout, subprocess.DEVNULL)
    else:
        words = command_line(setup, pair, ["head", "-c", str(size), "/dev/zero"], port=port)
        run(words, subprocess.DEVNULL, subprocess.DEVNULL)
    return time.perf_counter() - start


def measures(setup: Setup, *, quick: bool) -> list[Measure]:
    """Return what is measured for each pair."""
    size = (100 if quick else 200) * MIB
    return [
        Measure("100 ms round trip, down", "%", True, lambda p: over_the_link(setup, p, size, up=False)),
        Measure("100 ms round trip, up", "%", True, lambda p: over_the_link(setup, p, size, up=True)),
    ]


def main() -> None:
    """Be the link."""
    _serve(int(sys.argv[1]))
