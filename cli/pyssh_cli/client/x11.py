"""X11 forwarding of a session: which display there is, its cookie from xauth, and one for the server.

Without trust (-X) the X server is asked for a cookie that lets in untrusted clients only (its SECURITY
extension) and for a time; with it (-Y) the user's own is used.
"""

import contextlib
import os
import re
import secrets
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from typing import Final
from weakref import WeakKeyDictionary

from pyssh.aio.client import ClientLink
from pyssh.aio.streams import Address
from pyssh.aio.x11 import X11Display, X11Target
from pyssh.connection import kinds
from pyssh.record import Record
from pyssh_cli.output import Output, escape
from pyssh_config.client import ClientConfig

__all__ = [
    "Display",
    "X11Problem",
    "find_display",
    "find_target",
    "make_display",
    "parse_display",
    "serve_display",
]

_MAGIC_COOKIE: Final = "MIT-MAGIC-COOKIE-1"
_COOKIE_SIZE: Final = 16
_FIRST_PORT: Final = 6000
_SOCKETS: Final = "/tmp/.X11-unix/X"  # noqa: S108  # where X servers listen
_MOST_DISPLAYS: Final = 65535 - _FIRST_PORT
# the cookie outlives our willingness to forward: an X server falls back to other rules when it expires
_SLACK: Final = 60
_XAUTH_SECONDS: Final = 30.0
_HARMLESS: Final = re.compile(r"[A-Za-z0-9:/.\-_]+")
_MOST_COOKIE: Final = 256


class X11Problem(Exception):
    """Why X11 is not forwarded; the session goes on without."""


class Display(Record):
    """What DISPLAY names: `addresses` to try, and the name under which xauth knows it."""

    addresses: tuple[Address, ...]
    screen: int
    name: str


def parse_display(text: str) -> Display:
    """Return what a DISPLAY such as `:0`, `unix:0.1` or `host:10.0` means; `X11Problem` if nothing."""
    if not _HARMLESS.fullmatch(text):
        raise X11Problem(f'DISPLAY "{escape(text)}" is invalid')
    if text.startswith("/"):  # a socket's own path, as launchd has it
        path, _, screen = text.partition(":")
        candidates = tuple(dict.fromkeys((text, path)))
        return Display(candidates, _screen(screen), text)
    host, colon, place = text.rpartition(":")
    number, dot, screen = place.partition(".")
    if not colon or not (number.isascii() and number.isdigit()) or int(number[:6]) > _MOST_DISPLAYS:
        raise X11Problem(f'DISPLAY "{escape(text)}" is invalid')
    if host in ("", "unix"):
        # Linux's X servers listen on the abstract name, too, which nobody can put a file in front of
        addresses: tuple[Address, ...] = (f"\0{_SOCKETS}{number}", f"{_SOCKETS}{number}")
    else:
        addresses = ((host, _FIRST_PORT + int(number)),)
    # xauth keeps the entry of this very machine under this name
    name = f"unix:{place}" if host == "localhost" else text
    return Display(addresses, _screen(screen if dot else ""), name)


def _screen(text: str) -> int:
    return int(text[:4]) if text.isascii() and text.isdigit() else 0


def find_target(config: ClientConfig, output: Output) -> X11Target:
    """Return the user's X server and a cookie for it. Raises `X11Problem`."""
    text = config.context.environ.get("DISPLAY", "")
    if not text:
        raise X11Problem("DISPLAY is not set")
    display = parse_display(text)
    found = _Xauth(config, output).find(display)
    if found is None and not config.forward_x11_trusted:
        raise X11Problem("xauth made no key for untrusted forwarding; -Y trusts the server")
    if found is None:
        output.info("Warning: No xauth data; using fake authentication data for X11 forwarding.")
        found = _MAGIC_COOKIE, secrets.token_bytes(_COOKIE_SIZE)
    return X11Target(display.addresses, display.screen, *found)


def make_display(config: ClientConfig, output: Output) -> X11Display | None:
    """Return what takes X clients to the user's X server; says so if there is none to speak of."""
    # untrusted connections are taken for a time only
    ends = bool(config.forward_x11_timeout) and not config.forward_x11_trusted
    refuse_at = time.monotonic() + (config.forward_x11_timeout or 0) if ends else None
    try:
        target = find_target(config, output)
    except X11Problem as problem:
        output.info(f"Warning: X11 is not forwarded: {problem}")
        return None
    return X11Display(target, refuse_at=refuse_at, on_refused=lambda why: output.info(f"X11: {escape(why)}"))


_displays: WeakKeyDictionary[ClientLink, X11Display] = WeakKeyDictionary()


def serve_display(link: ClientLink, display: X11Display) -> None:
    """Let the server open X11 channels. All sessions of a connection have one display and one cookie."""
    _displays[link] = display
    link.let_open(kinds.X11, partial(display.open_channel, link))


async def find_display(link: ClientLink, config: ClientConfig, output: Output) -> X11Display | None:
    """Return the display of a connection, made now if it has none; None if there is none."""
    display = _displays.get(link)
    if display is None:
        display = await link.loop.run_in_executor(None, make_display, config, output)
        if display is not None:
            serve_display(link, display)
    return display


class _Xauth:
    def __init__(self, config: ClientConfig, output: Output) -> None:
        self._program = config.x_auth_location
        self._timeout = config.forward_x11_timeout
        self._is_trusted = config.forward_x11_trusted
        self._environ = config.context.environ
        self._output = output

    def find(self, display: Display) -> tuple[str, bytes] | None:
        """Return protocol and cookie; None if there are none."""
        if not os.access(self._program, os.X_OK):
            self._output.debug(f"No xauth program at {escape(self._program)}.")
            return None
        if self._is_trusted:
            return self._list(display)
        with tempfile.TemporaryDirectory(prefix="pyssh-") as directory:
            file = ("-f", f"{directory}/xauthfile")
            words = ["generate", display.name, _MAGIC_COOKIE, "untrusted"]
            if self._timeout:
                words += ["timeout", str(min(self._timeout + _SLACK, 2**32 - 1))]
            if self._run([*file, *words]) is None:
                return None
            return self._list(display, file)

    def _list(self, display: Display, file: Sequence[str] = ()) -> tuple[str, bytes] | None:
        listed = self._run([*file, "list", display.name])
        words = (listed or b"").partition(b"\n")[0].decode(errors="replace").split()
        with contextlib.suppress(ValueError):
            _, protocol, cookie = words
            data = bytes.fromhex(cookie)
            if 0 < len(data) <= _MOST_COOKIE:
                return protocol, data
        return None

    def _run(self, words: Sequence[str]) -> bytes | None:
        """Run xauth; return what it prints, or None if it fails."""
        self._output.debug(f"x11: {self._program} {' '.join(words)}")
        try:
            done = subprocess.run(  # noqa: S603  # the program that the user's configuration names
                [self._program, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=dict(self._environ),
                timeout=_XAUTH_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            self._output.debug(f"x11: {escape(str(error))}")
            return None
        return None if done.returncode else done.stdout
