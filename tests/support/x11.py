"""An X server that only looks at how connections begin, xauth's entries for it, and a remote X client."""

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import pytest

from tests.support.forwarding import receive
from tests.support.processes import LOOPBACK

PROTOCOL = b"MIT-MAGIC-COOKIE-1"
COOKIE = bytes.fromhex("00112233445566778899aabbccddeeff")
FIRST_PORT = 6000
_FIRST_DISPLAY = 200
_LAST_DISPLAY = 999

CLIENT = r"""
import os, socket, subprocess, sys
order, cookie = sys.argv[1], bytes.fromhex(sys.argv[2]) if len(sys.argv) > 2 else b""
display = os.environ["DISPLAY"]
host, number = display.split(".")[0].rsplit(":", 1)
listed = subprocess.run(["xauth", "list", display], stdout=subprocess.PIPE, check=True).stdout.split()
assert listed[-2] == b"MIT-MAGIC-COOKIE-1", listed
cookie = cookie or bytes.fromhex(listed[-1].decode())
word = {"B": "big", "l": "little"}[order]
head = order.encode() + b"\0"
head += b"".join(n.to_bytes(2, word) for n in (11, 0, 18, len(cookie), 0))
sock = socket.create_connection((host, 6000 + int(number)))
sock.sendall(head + b"MIT-MAGIC-COOKIE-1\0\0" + cookie)
print(display, listed[-1].decode(), sock.recv(100).decode() or "refused", flush=True)
"""
"""A Python program: it connects to $DISPLAY and says what the X server answered. Arguments: byte order (B or
l), and a cookie, if not xauth's."""


def require_xauth() -> str:
    """The path of xauth; without it the test is skipped."""
    found = shutil.which("xauth")
    if found is None:
        pytest.skip("xauth is not here: apt-get install xauth")
    return found


class XServer(NamedTuple):
    """Where it listens, and the environment of a program that is to use it."""

    display: str
    environ: dict[str, str]
    seen: list[tuple[bytes, bytes, bytes]]
    """Byte order, protocol and cookie of each connection."""


@contextlib.contextmanager
def x_server(folder: Path, cookie: bytes = COOKIE) -> Iterator[XServer]:
    """Listen as a display of loopback that xauth knows; whoever shows `cookie` reads "welcome"."""
    xauth = require_xauth()
    listener, number = _listen()
    display = f"{LOOPBACK}:{number}.0"
    authority = folder / "Xauthority"
    authority.touch(mode=0o600)
    server = XServer(display, {"DISPLAY": display, "XAUTHORITY": str(authority)}, [])
    add = [xauth, "-q", "add", display, PROTOCOL.decode(), cookie.hex()]
    subprocess.run(add, env=os.environ | server.environ, check=True, timeout=30)
    threading.Thread(target=_accept, args=(listener, server, cookie), daemon=True).start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _listen() -> tuple[socket.socket, int]:
    for number in range(_FIRST_DISPLAY, _LAST_DISPLAY):
        with contextlib.suppress(OSError):
            return socket.create_server((LOOPBACK, FIRST_PORT + number)), number
    raise AssertionError("no display is free")


def _accept(listener: socket.socket, server: XServer, cookie: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=_serve, args=(sock, server, cookie), daemon=True).start()


def _serve(sock: socket.socket, server: XServer, cookie: bytes) -> None:
    with sock, contextlib.suppress(OSError):
        head = receive(sock, 12)
        word: Literal["big", "little"] = "big" if head[:1] == b"B" else "little"
        lengths = [int.from_bytes(head[at : at + 2], word) for at in (6, 8)]
        name, shown = (receive(sock, length + -length % 4)[:length] for length in lengths)
        if head:
            server.seen.append((head[:1], name, shown))
        if (name, shown) == (PROTOCOL, cookie):
            sock.sendall(b"welcome")
