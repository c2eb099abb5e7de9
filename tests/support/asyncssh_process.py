"""An AsyncSSH server as a program of its own: `peers.asyncssh_server` starts it with its settings as JSON.

In a process of its own it can neither block the test nor be blocked by it, and ends like the other servers.
"""

import asyncio
import contextlib
import json
import logging
import sys
from signal import Signals
from typing import Any

import asyncssh


class Accounts(asyncssh.SSHServer):
    """Any user name; a key from the authorized keys, the password, or the password as an answer."""

    password = ""

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return bool(username) and password == self.password

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "Door", f"Answer for {username}{lang}{submethods}", "", [("Word: ", False)]

    def validate_kbdint_response(self, username: str, responses: Any) -> bool:
        return bool(username) and list(responses) == [self.password]

    def connection_requested(self, *_: object) -> bool:
        return True

    def server_requested(self, *_: object) -> bool:
        return True

    def unix_connection_requested(self, *_: object) -> bool:
        return True

    def unix_server_requested(self, *_: object) -> bool:
        return True


async def run_command(process: "asyncssh.SSHServerProcess[bytes]") -> None:
    """Runs what the client asked for in a shell with three pipes.

    `process.redirect` would do it in one line, and breaks when a key exchange comes in the middle of output.
    """
    pipe = asyncio.subprocess.PIPE
    command = process.command or "exec /bin/sh"
    child = await asyncio.create_subprocess_shell(command, stdin=pipe, stdout=pipe, stderr=pipe)
    feeding = asyncio.create_task(_feed(process.stdin, child.stdin))
    await asyncio.gather(_copy(child.stdout, process.stdout), _copy(child.stderr, process.stderr))
    status = await child.wait()
    feeding.cancel()
    if status < 0:
        process.exit_with_signal(Signals(-status).name.removeprefix("SIG"))
    else:
        process.exit(status)


async def _feed(source: Any, target: Any) -> None:
    await _copy(source, target)
    target.close()


async def _copy(source: Any, target: Any) -> None:
    with contextlib.suppress(OSError, asyncssh.BreakReceived, asyncssh.SignalReceived):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()


async def serve(settings: dict[str, Any]) -> None:
    """Serves until the process is ended."""
    Accounts.password = settings.pop("password")
    listener = await asyncssh.listen(
        server_factory=Accounts,
        process_factory=run_command,
        sftp_factory=True,
        allow_scp=True,
        encoding=None,
        line_editor=False,
        **settings,
    )
    async with listener:
        print(f"listening on port {listener.get_port()}", flush=True)
        await listener.wait_closed()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(serve(json.loads(sys.argv[1])))
