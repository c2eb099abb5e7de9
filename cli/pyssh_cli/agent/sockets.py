"""Where an agent listens: sockets that only their user reaches, and what is left of dead agents."""

import contextlib
import os
import re
import socket
import stat
import string
import struct
import time
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Final

from pyssh.record import Record
from pyssh_cli.agent.request import CommandError, reason
from pyssh_config.errors import escape

__all__ = ["Place", "activated", "clean_up", "listen_at", "listen_in", "peer_user"]

_BACKLOG: Final = 128
_SOCKET_UMASK: Final = 0o177
_DIRECTORY_MODE: Final = 0o700
_LETTERS: Final = string.ascii_lowercase + string.ascii_uppercase + string.digits
_NAME_SIZE: Final = 10
_STALE_SECONDS: Final = 3600
"""ssh-agent's too: a socket that is younger may belong to an agent that is just starting."""
_ACTIVATED: Final = 3
_PEER_CREDENTIALS: Final = struct.Struct("iII")


class Place(Record):
    """A socket that listens, its path, and what of it goes when the agent ends."""

    listener: socket.socket
    path: str
    directory: str | None
    is_ours: bool

    def remove(self) -> None:
        """Delete what was made."""
        if not self.is_ours:
            return
        with contextlib.suppress(OSError):
            Path(self.path).unlink()
        if self.directory is not None:
            with contextlib.suppress(OSError):
                Path(self.directory).rmdir()


def listen_at(path: str) -> Place:
    """Listen at a path that the user chose. Raises `CommandError`."""
    return Place(_listen(path), path, None, True)


def listen_in(specification: str) -> Place:
    """Listen in `user:directory`, which is made, or in a new directory in `shared:directory`."""
    kind, _, named = specification.partition(":")
    directory = expand(named)
    if kind == "shared":
        private = f"{directory}/ssh-{_random_name()}"
        try:
            # it must not have been there, whoever made it
            Path(private).mkdir(_DIRECTORY_MODE)
        except OSError as error:
            raise _failure(f"cannot make a directory in {escape(directory)}", error) from None
        path = f"{private}/agent.local.{os.getpid()}"
        try:
            return Place(_listen(path), path, private, True)
        except CommandError:
            Path(private).rmdir()
            raise
    _make_private(Path(directory))
    path = f"{directory}/s.{_host_hash()}.local.{os.getpid()}.{_random_name()}"
    return Place(_listen(path), path, None, True)


def expand(directory: str) -> str:
    """Return the directory meant: %u, %U, %h and ~ replaced, and below the home directory unless absolute."""
    import pwd  # noqa: PLC0415  # only those need it who look for a home

    user = os.getuid()
    try:
        entry = pwd.getpwuid(user)
        name, home = entry.pw_name, os.environ.get("HOME") or entry.pw_dir
    except KeyError:
        name, home = str(user), os.environ.get("HOME", "")
    values = {"u": name, "U": str(user), "h": home, "%": "%"}

    def replace(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise CommandError(f"pyssh agent: {escape(directory)}: unknown token {escape(match[0])}")
        return values[match[1]]

    expanded = re.sub("%(.?)", replace, directory)
    path = str(Path(expanded).expanduser()) if expanded.startswith("~") else expanded
    if not path.startswith("/"):
        if not home.startswith("/"):
            raise CommandError("pyssh agent: no home directory for the socket; try -T or -a")
        path = f"{home}/{path}"
    return path


def activated(environ: MutableMapping[str, str]) -> Place | None:
    """Return the socket that systemd listens at for us (sd_listen_fds(3)), if it does."""
    if environ.get("LISTEN_PID") != str(os.getpid()) or "LISTEN_FDS" not in environ:
        return None
    count = environ["LISTEN_FDS"]
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environ.pop(name, None)
    if count != "1":
        raise CommandError(
            f"pyssh agent: one socket to listen at is wanted, {escape(count)} were handed over"
        )
    try:
        listener = socket.socket(fileno=_ACTIVATED)
        is_listener = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise _failure("the socket that was handed over cannot be used", error) from None
    if listener.family != socket.AF_UNIX or listener.type != socket.SOCK_STREAM or not is_listener:
        raise CommandError("pyssh agent: what was handed over is no socket to listen at")
    listener.set_inheritable(False)
    return Place(listener, str(listener.getsockname()), None, False)


def _listen(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(_SOCKET_UMASK)
    try:
        listener.bind(path)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if "too long" in str(error):
            raise CommandError(
                f"pyssh agent: {escape(path)} is too long for a socket; try -T or -a"
            ) from None
        raise _failure(f"cannot listen at {escape(path)}", error) from None
    finally:
        os.umask(before)
    return listener


def _make_private(directory: Path) -> None:
    """Make a directory; refuse one that others can change."""
    try:
        for missing in reversed([one for one in (directory, *directory.parents) if not one.exists()]):
            missing.mkdir(_DIRECTORY_MODE, exist_ok=True)
        found = directory.stat()
    except OSError as error:
        raise _failure(f"cannot make {escape(str(directory))}", error) from None
    if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise CommandError(
            f"pyssh agent: {escape(str(directory))} is not yours alone to change; "
            "chmod 700 makes it so, -T listens elsewhere"
        )


def _host_hash() -> str:
    """Return what stands for this host in a socket's name, as ssh-agent makes it."""
    from hashlib import sha512  # noqa: PLC0415  # not everybody listens there

    digest = sha512(os.uname().nodename.encode()).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:_NAME_SIZE])


def _random_name() -> str:
    # not `secrets`, which costs 10 ms of start-up; that some letters are likelier than others does no harm
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in os.urandom(_NAME_SIZE))


def _failure(what: str, error: OSError) -> CommandError:
    return CommandError(f"pyssh agent: {what}: {reason(error)}")


def clean_up(specification: str, *, all_hosts: bool, tell: Callable[[str], None]) -> None:
    """Delete sockets in a `user:` directory at which nobody listens any more."""
    kind, _, named = specification.partition(":")
    if kind != "user":
        return
    directory = expand(named)
    prefix = "" if all_hosts else f"s.{_host_hash()}."
    before = time.time() - _STALE_SECONDS
    try:
        with os.scandir(directory) as found:
            names = [entry.path for entry in found if entry.name.startswith(prefix)]
    except OSError:
        return
    for path in names:
        with contextlib.suppress(OSError):
            status = Path(path).lstat()
            if stat.S_ISSOCK(status.st_mode) and status.st_mtime <= before and _is_dead(path):
                Path(path).unlink()
                tell(f"deleted {escape(path)}, at which nobody listens")


def _is_dead(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def peer_user(connection: socket.socket) -> int:
    """Return the user who runs the program at the other end."""
    size = _PEER_CREDENTIALS.size
    _, user, _ = _PEER_CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(user)
