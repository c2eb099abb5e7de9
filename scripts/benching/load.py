"""How one connection fares beside others: bulk in the next channel, storms of logins, thousands that idle."""

import asyncio
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getuser
from pathlib import Path

from benching.measures import ECHO_WORDS, Measure, shell_with_echo
from benching.peers import MIB, Pair, Setup, command_line, pss, pyssh_server, run
from pyssh.aio import connect
from pyssh_config.key_files import read_private_key, read_public_key

_STORM_RATE = 30
_AT_ONCE = 16


@contextmanager
def _master(setup: Setup, pair: Pair) -> Iterator[list[str]]:
    """Keep one connection open for several commands; yield the options that share it."""
    path = setup.folder / f"control.{time.monotonic_ns()}"
    sharing = ["-o", f"ControlPath={path}"]
    process = subprocess.Popen(
        command_line(setup, pair, [], ["-MN", *sharing]), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 20
        while not path.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"bench: no shared connection with {pair.name}")
            time.sleep(0.02)
        yield sharing
    finally:
        process.terminate()
        process.wait()


def echo_beside_bulk(setup: Setup, pair: Pair, count: int) -> list[float]:
    """Milliseconds to a key's echo while another channel of the same connection moves what it can."""
    with (
        _master(setup, pair) as sharing,
        shell_with_echo(command_line(setup, pair, ECHO_WORDS, ["-tt", *sharing])) as echoes,
    ):
        bulk = subprocess.Popen(
            command_line(setup, pair, ["cat", "/dev/zero"], sharing),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            echoes(20)
            return echoes(count)
        finally:
            bulk.terminate()
            bulk.wait()


def echo_in_a_storm(setup: Setup, pair: Pair, count: int) -> list[float]:
    """Milliseconds to a key's echo while stock clients log in on other connections, 30 a second."""
    ended = threading.Event()
    # a port where nobody listens: the client ends as soon as it is in
    arguments = command_line(setup, pair._replace(client="ssh"), [], ["-W", "127.0.0.1:1"])

    def storm() -> None:
        running: list[subprocess.Popen[bytes]] = []
        due = time.monotonic()
        while not ended.is_set():
            running = [process for process in running if process.poll() is None]
            nothing = subprocess.DEVNULL
            running.append(subprocess.Popen(arguments, stdin=nothing, stdout=nothing, stderr=nothing))
            due += 1 / _STORM_RATE
            ended.wait(max(0.0, due - time.monotonic()))
        for process in running:
            process.wait()

    with shell_with_echo(command_line(setup, pair, ECHO_WORDS, ["-tt"])) as echoes:
        thread = threading.Thread(target=storm)
        thread.start()
        try:
            return echoes(count)
        finally:
            ended.set()
            thread.join()


def measures(setup: Setup, *, quick: bool) -> list[Measure]:
    """Return what is measured for each pair."""
    count = 100 if quick else 400
    return [
        Measure(
            "echo beside bulk in the connection", "ms", False, lambda p: echo_beside_bulk(setup, p, count)
        ),
        Measure("echo while 30 a second log in", "ms", False, lambda p: echo_in_a_storm(setup, p, count)),
    ]


# --- thousands of logins on one pyssh-server


async def _log_in(setup: Setup, port: int, links: list[object], wanted: int) -> None:
    signer, _ = read_private_key(Path(setup.key))
    known, _ = read_public_key(Path(f"{setup.host_key}.pub"))

    async def keep_going() -> None:
        while len(links) < wanted:
            links.append(None)
            links[links.index(None)] = await connect(
                "127.0.0.1", port, user=getuser(), keys=[signer], host_keys=[known]
            ).__aenter__()

    await asyncio.gather(*(keep_going() for _ in range(_AT_ONCE)))


def idle_logins(setup: Setup, counts: list[int]) -> list[list[str]]:
    """Return rows: logins there, KiB for each, milliseconds of one more, of a key's echo in an old one."""
    server = pyssh_server(setup, "MaxSessions 10")
    pair = Pair("ssh, pyssh-server", "ssh", server)
    rows = [["idle logins", "memory of the server", "for each", "one more login", "echo in an old one, p50"]]
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    links: list[object] = []
    try:
        bare = command_line(setup, pair, [], ["-W", "127.0.0.1:1"])
        with shell_with_echo(command_line(setup, pair, ECHO_WORDS, ["-tt"])) as echoes:
            for _ in range(20):
                run(bare, subprocess.DEVNULL, subprocess.DEVNULL, (0, 255))
            empty = pss(server.process.pid)
            for count in [0, *counts]:
                asyncio.run_coroutine_threadsafe(_log_in(setup, server.port, links, count), loop).result(300)
                times = []
                for _ in range(10):
                    start = time.perf_counter()
                    run(bare, subprocess.DEVNULL, subprocess.DEVNULL, (0, 255))
                    times.append((time.perf_counter() - start) * 1e3)
                used = pss(server.process.pid)
                rows.append(
                    [
                        str(count),
                        f"{used / MIB:.1f} MiB",
                        f"{(used - empty) / count / 1024:.1f} KiB" if count else "",
                        f"{statistics.median(times):.1f} ms",
                        f"{statistics.median(echoes(100)):.3f} ms",
                    ]
                )
        return rows
    finally:
        server.process.terminate()
        server.process.wait()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
