"""AsyncSSH's side of the bench: a server, and a client that does one thing and ends.

usage: asyncssh_side.py server HOST_KEY AUTHORIZED_KEYS
       asyncssh_side.py client PORT KEY CIPHER COMMAND    (stdin and stdout are the command's)
"""

import asyncio
import sys

import asyncssh


async def _process(process: "asyncssh.SSHServerProcess[bytes]") -> None:
    child = await asyncio.create_subprocess_shell(
        process.command or "true",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    await process.redirect(stdin=child.stdin, stdout=child.stdout)
    await process.stdout.drain()
    process.exit(await child.wait())


async def serve(host_key: str, authorized_keys: str) -> None:
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        authorized_client_keys=authorized_keys,
        process_factory=_process,
        encoding=None,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.wait_closed()


async def run(port: str, key: str, cipher: str, command: str) -> int:
    options = asyncssh.SSHClientConnectionOptions(
        client_keys=[key],
        known_hosts=None,
        config=None,
        encryption_algs=[cipher] if cipher else (),
    )
    async with asyncssh.connect("127.0.0.1", int(port), options=options) as connection:
        result = await connection.run(
            command, encoding=None, stdin=sys.stdin.buffer, stdout=sys.stdout.buffer, stderr=None
        )
        return result.returncode or 0


if __name__ == "__main__":
    if sys.argv[1] == "server":
        asyncio.run(serve(*sys.argv[2:]))
    else:
        sys.exit(asyncio.run(run(*sys.argv[2:])))
