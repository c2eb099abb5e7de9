"""Logs in to see which keys are there already, and once more to add those that are not."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import Final

from pyssh.aio.reader import Reader
from pyssh.errors import AuthenticationError, SSHError
from pyssh.record import Record
from pyssh_cli.client.dial import Dialing, UnreachableError
from pyssh_cli.client.login import Login, LoginFailedError, log_in
from pyssh_cli.client.report import describe
from pyssh_cli.copy_id.keys import Installable
from pyssh_cli.copy_id.request import CopyError, Request
from pyssh_cli.getopt import HostCommand
from pyssh_cli.output import Level, Output, escape
from pyssh_cli.settings import Settings, load

__all__ = ["Installed", "install", "is_accepted"]

_MARK: Final = "pyssh-copy-id:"
_MOST_OUTPUT: Final = 64 * 1024
"""What the server may say; start-up files of shells print a page at most."""

# For any shell that can start another: one line, no quote in it and nothing that csh would expand. The first
# line of its input is the path, the others are keys. OpenWrt's Dropbear has a place of its own for root.
_SCRIPT: Final = (
    "cd || exit 1; umask 077; IFS= read -r file || exit 1; "
    'if [ -f /etc/openwrt_release ] && [ "$LOGNAME" = root ] && [ "$file" = .ssh/authorized_keys ]; '
    "then file=/etc/dropbear/authorized_keys; fi; "
    'dir=`dirname -- "$file"`; mkdir -p -- "$dir" || exit 1; '
    'touch -- "$file" || exit 1; chmod go-w -- "$dir" "$file" || exit 1; '
    'if [ -n "`tail -c 1 -- "$file"`" ]; then echo >> "$file" || exit 1; fi; '
    "while read -r kind blob rest; do "
    # a line that is commented out lets nobody in
    f'if grep -v "^[[:space:]]*#" "$file" | grep -qF -e "$blob"; then echo {_MARK}present; '
    'else printf "%s\\n" "$kind $blob${rest:+ $rest}" >> "$file" || exit 1; '
    f"echo {_MARK}added; fi; done; "
    "if command -v restorecon >/dev/null 2>&1; "
    'then restorecon -F -- "$dir" "$file" || exit 1; fi; '
    f"echo {_MARK}done"
)


class Installed(Record):
    """What became of the keys."""

    added: int
    present: int


def is_accepted(request: Request, key: Installable, output: Output) -> bool:
    """Whether the server lets in who has this key. Raises `CopyError` if it cannot even be asked."""
    lines: list[str] = []
    quiet = Output(output.program, sink=lambda _, line: lines.append(line))
    with _identity_file(key) as path:
        command = request.login("IdentitiesOnly=yes", "PreferredAuthentications=publickey")
        try:
            return asyncio.run(_try(_open(command, quiet, only_identity=path), quiet))
        except LoginFailedError as failed:
            if isinstance(failed.__cause__, AuthenticationError):
                return False
            for line in lines:
                output.log(Level.ERROR, line)
            raise CopyError("") from failed


class _Opened:
    """A login on its way."""

    def __init__(self, settings: Settings, dialing: Dialing | None) -> None:
        self.settings = settings
        self._dialing = dialing

    async def log_in(self, output: Output) -> Login:
        sock = None if self._dialing is None else self._dialing.result()
        return await log_in(self.settings.route, sock, output)


def _open(command: HostCommand, output: Output, *, only_identity: str = "") -> _Opened:
    try:
        settings = load(command, output)
        if only_identity:
            # whatever other keys the configuration has for this host
            identity = (only_identity.replace("%", "%%"),)
            config = settings.config.replace(identity_file=identity, certificate_file=())
            settings = settings.replace(route=(*settings.route[:-1], config))
        dialing = Dialing.start(settings.first_hop, output)
        if dialing is not None:
            dialing.result()
    except (SSHError, OSError, UnreachableError) as error:
        raise CopyError(str(error)) from error
    return _Opened(settings, dialing)


async def _try(opened: _Opened, output: Output) -> bool:
    login = await opened.log_in(output)
    await login.close()
    return True


@contextlib.contextmanager
def _identity_file(key: Installable) -> Iterator[str]:
    """Yield the file to log in with: the private key's, or one that says which of the agent's it is."""
    if key.path:
        yield os.path.abspath(key.path)  # noqa: PTH100  # paths cost start-up time
        return
    with tempfile.TemporaryDirectory(prefix="pyssh-copy-id-") as folder:
        path = f"{folder}/key.pub"
        with open(path, "w", encoding="ascii", errors="replace") as file:  # noqa: PTH123  # as above
            file.write(key.line + "\n")
        yield path


def install(request: Request, keys: Sequence[Installable], output: Output) -> Installed:
    """Add keys to the file on the server, those that are not in it. Raises `CopyError`."""
    text = "\n".join([request.target, *(key.line for key in keys), ""])
    opened = _open(request.login(), output)
    try:
        return asyncio.run(_install(opened, text.encode(errors="surrogateescape"), request, output))
    except LoginFailedError as error:
        raise CopyError("") from error
    except (OSError, SSHError) as error:
        raise error if isinstance(error, CopyError) else CopyError(describe(error)) from error


async def _install(opened: _Opened, text: bytes, request: Request, output: Output) -> Installed:
    login = await opened.log_in(output)
    try:
        trace = "set -x; " if request.trace else ""
        async with login.link.open_session(f"exec sh -c '{trace}{_SCRIPT}'") as channel:
            await channel.write(text)
            channel.send_eof()
            lines, remarks = await asyncio.gather(_read_lines(channel.stdout), _read_lines(channel.stderr))
            ended = await channel.wait_exit()
    finally:
        await login.close()
    complete = f"{_MARK}done" in lines and ended.status == 0
    if request.trace or not complete:
        for line in remarks:
            output.log(Level.ERROR, f"the server says: {escape(line)}")
    if not complete:
        raise CopyError(f"the server did not write the keys to {escape(request.target)}")
    return Installed(lines.count(f"{_MARK}added"), lines.count(f"{_MARK}present"))


async def _read_lines(reader: Reader) -> list[str]:
    said = bytearray()
    while part := await reader.read(_MOST_OUTPUT):
        said += part
        if len(said) > _MOST_OUTPUT:
            raise CopyError("the server says more than there is to say about some keys")
    return said.decode(errors="replace").splitlines()
