"""The measures that compare pairs of client and server; each takes one number, or many, for one pair."""

import os
import pty
import select
import socket
import subprocess
import threading
import time
import tty
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from benching.peers import CHACHA, GCM, MIB, Pair, Setup, command_line, free_port, pss, run


class Measure(NamedTuple):
    name: str
    unit: str
    higher_is_better: bool
    take: Callable[[Pair], float | list[float]]
    asyncssh: bool = False
    clients: tuple[str, ...] = ("ssh", "pyssh")


def bulk_down(setup: Setup, pair: Pair, cipher: str, size: int) -> float:
    """MB/s from the server to the client, over the whole command with its login."""
    start = time.perf_counter()
    words = ["head", "-c", str(size), "/dev/zero"]
    run(command_line(setup, pair, words, ["-c", cipher]), subprocess.DEVNULL, subprocess.DEVNULL)
    return size / 1e6 / (time.perf_counter() - start)


def bulk_up(setup: Setup, pair: Pair, cipher: str, size: int) -> float:
    """MB/s from the client to the server."""
    source = subprocess.Popen(["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE)
    assert source.stdout is not None
    start = time.perf_counter()
    arguments = command_line(setup, pair, ["cat", ">/dev/null"], ["-c", cipher])
    run(arguments, source.stdout, subprocess.DEVNULL)
    source.wait()
    return size / 1e6 / (time.perf_counter() - start)


def login(setup: Setup, pair: Pair) -> float:
    """Milliseconds from starting the client to its end, for `true`."""
    start = time.perf_counter()
    run(command_line(setup, pair, ["true"]), subprocess.DEVNULL, subprocess.DEVNULL)
    return (time.perf_counter() - start) * 1e3


def logins_per_second(setup: Setup, pair: Pair, count: int) -> float:
    """Logins with `true` a second, eight at once. The user's shell is in it."""
    start = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: login(setup, pair), range(count)))
    return count / (time.perf_counter() - start)


@contextmanager
def _closing_listener() -> Iterator[int]:
    """Listen on a port and close each connection at once; yield the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:

        def close_all() -> None:
            while True:
                try:
                    listener.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=close_all, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def bare_logins_per_second(setup: Setup, pair: Pair, count: int) -> float:
    """Logins a second, eight at once, that start no shell: each opens one connection (-W) that closes."""
    with _closing_listener() as target:
        arguments = command_line(setup, pair, [], ["-W", f"127.0.0.1:{target}"])
        start = time.perf_counter()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: run(arguments, subprocess.DEVNULL, subprocess.DEVNULL), range(count)))
        return count / (time.perf_counter() - start)


@contextmanager
def shell_with_echo(arguments: list[str]) -> Iterator[Callable[[int], list[float]]]:
    """Start a client on a terminal; yield what measures keystrokes: `count` times in milliseconds."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    process = subprocess.Popen(
        arguments, stdin=slave, stdout=slave, stderr=subprocess.DEVNULL, start_new_session=True
    )
    os.close(slave)

    def echoes(count: int) -> list[float]:
        times = []
        for _ in range(count):
            start = time.perf_counter()
            os.write(master, b"x")
            if not select.select([master], [], [], 20)[0]:
                raise SystemExit(f"bench: no echo from {arguments}")
            os.read(master, 1000)
            times.append((time.perf_counter() - start) * 1e3)
            time.sleep(0.002)
        return times

    try:
        seen = b""
        while b"ready" not in seen:
            seen += os.read(master, 1000)
        yield echoes
    finally:
        process.terminate()
        process.wait()
        os.close(master)


ECHO_WORDS = ["stty raw -echo; printf ready; exec cat"]


def echo(setup: Setup, pair: Pair, count: int) -> list[float]:
    """Milliseconds from a key pressed on a terminal to its echo, one by one."""
    with shell_with_echo(command_line(setup, pair, ECHO_WORDS, ["-tt"])) as echoes:
        return echoes(count)


@contextmanager
def _sink() -> Iterator[tuple[int, list[int], threading.Event]]:
    """Listen on a port, count what one connection brings, tell when it has ended."""
    listener = socket.create_server(("127.0.0.1", 0))
    counted, ended = [0], threading.Event()

    def take() -> None:
        connection, _ = listener.accept()
        buffer = bytearray(256 * 1024)
        with connection:
            while size := connection.recv_into(buffer):
                counted[0] += size
        ended.set()

    threading.Thread(target=take, daemon=True).start()
    with listener:
        yield listener.getsockname()[1], counted, ended


def _connect(port: int, name: str) -> socket.socket:
    deadline = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            if time.monotonic() > deadline:
                raise SystemExit(f"bench: {name} does not forward") from None
            time.sleep(0.02)


def forwarded(setup: Setup, pair: Pair, flag: str, size: int) -> float:
    """MB/s through one forwarded connection (-L or -R)."""
    with _sink() as (target, counted, ended):
        listen = free_port()
        forward = [flag, f"127.0.0.1:{listen}:127.0.0.1:{target}", "-N"]
        process = subprocess.Popen(command_line(setup, pair, [], forward), stderr=subprocess.DEVNULL)
        try:
            stream = _connect(listen, pair.name)
            block = bytes(MIB)
            start = time.perf_counter()
            with stream:
                for _ in range(size // MIB):
                    stream.sendall(block)
                stream.shutdown(socket.SHUT_WR)
                ended.wait(120)
            assert counted[0] == size
            return size / 1e6 / (time.perf_counter() - start)
        finally:
            process.terminate()
            process.wait()


def memory(setup: Setup, pair: Pair, count: int) -> float:
    """KiB that the server side grows by for each login that does nothing, its PSS, clients not counted."""

    def log_in() -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            command_line(setup, pair, ["echo in; exec cat"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        if process.stdout.readline() != b"in\n":
            raise SystemExit(f"bench: no login with {pair.name}")
        return process

    with ExitStack() as stack:

        def log_in_often() -> int:
            for _ in range(count):
                process = log_in()
                stack.callback(process.wait)
                stack.callback(process.kill)
            return pss(pair.server.process.pid)

        # the first ones use memory that earlier logins have left
        before = log_in_often()
        return (log_in_often() - before) / count / 1024


def measures(setup: Setup, *, quick: bool) -> list[Measure]:
    """Return all that is measured for each pair."""
    size = (128 if quick else 1024) * MIB
    # first, while the servers are fresh: a transfer leaves them memory that later logins can use
    found = [
        Measure(
            "memory per idle login",
            "KiB",
            False,
            lambda p: memory(setup, p, 10 if quick else 40),
            clients=("ssh",),
        ),
    ]
    for cipher in (GCM, CHACHA):
        short = cipher.partition("@")[0]
        found += [
            Measure(
                f"bulk down, {short}", "MB/s", True, lambda p, c=cipher: bulk_down(setup, p, c, size), True
            ),
            Measure(f"bulk up, {short}", "MB/s", True, lambda p, c=cipher: bulk_up(setup, p, c, size), True),
        ]
    logins = 24 if quick else 80
    found += [
        Measure("one stream through -L", "MB/s", True, lambda p: forwarded(setup, p, "-L", size)),
        Measure("one stream through -R", "MB/s", True, lambda p: forwarded(setup, p, "-R", size)),
        Measure("login and `true`", "ms", False, lambda p: login(setup, p), True),
        Measure("logins with `true`, 8 at once", "/s", True, lambda p: logins_per_second(setup, p, logins)),
        Measure("logins with -W, 8 at once", "/s", True, lambda p: bare_logins_per_second(setup, p, logins)),
        Measure("keystroke echo", "ms", False, lambda p: echo(setup, p, 100 if quick else 500)),
    ]
    return found
