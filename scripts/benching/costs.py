"""How cost grows: with channels, with the size of writes; and what each key exchange and host key costs."""

import asyncio
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from getpass import getuser

from benching.peers import MIB, Pair, Setup, command_line, cpu_seconds, pyssh_server, run, sshd
from pyssh.aio import Channel, connect
from pyssh_config.key_files import read_private_key, read_public_key

KEX = (
    *("mlkem768x25519-sha256", "curve25519-sha256", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384"),
    *("ecdh-sha2-nistp521", "diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512"),
    *("diffie-hellman-group18-sha512", "diffie-hellman-group-exchange-sha256"),
)
HOST_KEYS = {
    "ssh-ed25519": ("-t", "ed25519"),
    "ecdsa-sha2-nistp256": ("-t", "ecdsa", "-b", "256"),
    "ecdsa-sha2-nistp384": ("-t", "ecdsa", "-b", "384"),
    "ecdsa-sha2-nistp521": ("-t", "ecdsa", "-b", "521"),
    "rsa-sha2-512": ("-t", "rsa", "-b", "3072"),
    "ssh-mldsa44-ed25519": ("-t", "mldsa44-ed25519"),
}


def handshakes(setup: Setup, count: int) -> list[list[str]]:
    """Return rows: algorithm, milliseconds of processor time of sshd and of pyssh-server for a login."""
    lines = []
    for name, words in HOST_KEYS.items():
        try:
            lines.append(f"HostKey {setup.make_key(name, *words)}")
        except subprocess.CalledProcessError:
            continue  # an OpenSSH from before this type
    offered = "KexAlgorithms +" + ",".join(KEX)
    servers = [start(setup, *lines, offered) for start in (sshd, pyssh_server)]
    rows = [["key exchange, host key", "sshd", "pyssh-server", "ratio"]]
    try:
        cases = [(kex, "ssh-ed25519") for kex in KEX]
        cases += [("curve25519-sha256", key) for key in HOST_KEYS if key != "ssh-ed25519"]
        for kex, key in cases:
            options = ["-o", f"KexAlgorithms={kex}", "-o", f"HostKeyAlgorithms={key}", "-W", "127.0.0.1:1"]
            used = []
            for server in servers:
                arguments = command_line(setup, Pair("", "ssh", server), [], options)
                before = cpu_seconds(server.process.pid)
                with ThreadPoolExecutor(4) as pool:
                    jobs = [
                        pool.submit(run, arguments, subprocess.DEVNULL, subprocess.DEVNULL, (0, 255))
                        for _ in range(count)
                    ]
                    for job in jobs:
                        job.result()
                used.append((cpu_seconds(server.process.pid) - before) / count * 1e3)
            rows.append(
                [f"{kex}, {key}", *(f"{one:.1f} ms" for one in used), f"{used[1] / max(used[0], 0.01):.2f}x"]
            )
        return rows
    finally:
        for server in servers:
            server.process.terminate()
            server.process.wait()


async def _swallow(setup: Setup, port: int, channels: int, write: int, size: int) -> tuple[float, float]:
    """Open `channels` and write `size` bytes in all; return the seconds that opening and writing took."""
    signer, _ = read_private_key(setup.key)
    known, _ = read_public_key(f"{setup.host_key}.pub")

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(MIB):
            pass
        writer.close()

    async def fill(channel: Channel) -> None:
        block = memoryview(bytes(write))
        for _ in range(max(1, size // channels // write)):
            await channel.write(block)
        channel.send_eof()
        await channel.read()
        channel.close()

    taker = await asyncio.start_server(take, "127.0.0.1", 0, backlog=1000)
    target = taker.sockets[0].getsockname()[:2]
    async with (
        taker,
        connect("127.0.0.1", port, user=getuser(), keys=[signer], host_keys=[known]) as link,
        asyncio.timeout(120),
    ):
        start = time.perf_counter()
        opened = await asyncio.gather(*(link.open_connection(target) for _ in range(channels)))
        between = time.perf_counter()
        await asyncio.gather(*map(fill, opened))
        return between - start, time.perf_counter() - between


def growth(setup: Setup, *, quick: bool) -> list[list[str]]:
    """Return rows: channels, bytes a write, MB/s and writes/s from the library to pyssh-server."""
    server = pyssh_server(setup, "MaxSessions 1000")
    size = (16 if quick else 128) * MIB
    rows = [["channels", "bytes a write", "MB/s", "writes a second", "to open each channel"]]
    try:
        cases = [(channels, 16384) for channels in (1, 10, 50, 100, 200, 500)]
        cases += [(1, write) for write in (1, 16, 256, 4096, 65536, MIB)]
        for channels, write in cases:
            # small ones cost by their number, not by their size
            amount = min(size, write * (5_000 if quick else 50_000))
            opening, taken = asyncio.run(_swallow(setup, server.port, channels, write, amount))
            figures = f"{amount / 1e6 / taken:.3g}", f"{amount / write / taken:.0f}"
            rows.append([str(channels), str(write), *figures, f"{opening / channels * 1e3:.2f} ms"])
        return rows
    finally:
        server.process.terminate()
        server.process.wait()
