"""Where the server listens, and the lines about it that a user reads first."""

import asyncio
import errno
import os
import shutil
import socket
import sys
from collections.abc import Sequence
from typing import Final

from pyssh.aio.listen import open_listeners
from pyssh_config.errors import ConfigError, escape
from pyssh_config.forwards import ListenAddress
from pyssh_config.server import ServerConfig

__all__ = ["describe_sockets", "login_line", "open_sockets"]

_FAMILIES: Final = {"any": socket.AF_UNSPEC, "inet": socket.AF_INET, "inet6": socket.AF_INET6}
_EVERYWHERE: Final = {"any": ("*",), "inet": ("0.0.0.0",), "inet6": ("::",)}  # noqa: S104  # as sshd does
_SSH_PORT: Final = 22
_FIRST_FREE_PORT: Final = 1024
_PORT_TO_TRY: Final = 2222


def open_sockets(config: ServerConfig) -> list[socket.socket]:
    """Listen everywhere that the configuration says. Raises ConfigError when that cannot be."""
    sockets: list[socket.socket] = []
    try:
        for listener in config.listeners():
            sockets += _open(listener, config.address_family)
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    if not sockets:
        raise ConfigError(f"no address to listen on is of AddressFamily {config.address_family}")
    return sockets


def _open(listener: ListenAddress, family: str) -> list[socket.socket]:
    port = listener.port or 0
    opened: list[socket.socket] = []
    for host in _EVERYWHERE[family] if listener.host in ("", "*") else (listener.host,):
        try:
            opened += asyncio.run(open_listeners((host, port)))
        except OSError as error:
            raise ConfigError(f"{escape(error.strerror or str(error))}{_advice(error, port)}") from None
    wanted = _FAMILIES[family]
    for sock in opened:
        if wanted not in (socket.AF_UNSPEC, sock.family):
            sock.close()
    return [sock for sock in opened if wanted in (socket.AF_UNSPEC, sock.family)]


def _advice(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return "; another server has it: stop that one, or choose another port with --port"
    if error.errno == errno.EACCES and port < _FIRST_FREE_PORT and os.geteuid() != 0:
        return f"; ports below {_FIRST_FREE_PORT} are for root: try --port {_PORT_TO_TRY}"
    if error.errno == errno.EADDRNOTAVAIL:
        return "; this machine does not have that address"
    return ""


def describe_sockets(sockets: Sequence[socket.socket]) -> list[str]:
    """Return a line for each socket, in the words of sshd, which others wait for."""
    return [f"Server listening on {host} port {port}." for host, port, *_ in map(_name, sockets)]


def _name(sock: socket.socket) -> tuple[str, int]:
    host, port, *_ = sock.getsockname()
    return str(host), int(port)


def login_line(sockets: Sequence[socket.socket], user: str) -> str:
    """Return the command that logs in from this machine."""
    host, port = _name(sockets[0])
    if host in ("0.0.0.0", "::", "127.0.0.1", "::1"):  # noqa: S104  # compared, not listened on
        host = "localhost"
    if shutil.which("ssh"):
        client = "ssh"
    else:
        client = "pyssh" if shutil.which("pyssh") else f"{sys.executable} -m pyssh"
    return f"{client} {'' if port == _SSH_PORT else f'-p {port} '}{user}@{host}"
