"""X11 forwarding of one session: a display on loopback, and the client's cookie for it in the user's file."""

import asyncio
import contextlib
import os
import re
import socket
from typing import Final

from pyssh.aio import Address, Link, LocalForward
from pyssh.connection import kinds, requests
from pyssh.wire.message import Struct
from pyssh_cli.output import Output, escape
from pyssh_cli.server.login import Login, describe_peer
from pyssh_cli.server.process import Program, start

__all__ = ["X11Session"]

_FIRST_PORT: Final = 6000
_DISPLAYS: Final = 1000
_LOOPBACK: Final = "localhost"
_EVERYWHERE: Final = "*"
# xauth waits for its lock file; a stale one must not keep the user out
_XAUTH_SECONDS: Final = 15.0
# both become lines of xauth's input
_HARMLESS: Final = re.compile(r"[A-Za-z0-9.:/\-_]{1,512}")


class X11Session:
    """Listens for X clients from `listen` on, until `close`."""

    def __init__(self, login: Login, output: Output) -> None:
        self._login = login
        self._output = output
        self._forward: LocalForward | None = None
        self._request = requests.X11Req(False, "", b"", 0)
        self._number = 0

    async def listen(self, link: Link, request: requests.X11Req) -> bool:
        """Take a free display, if the user may have one."""
        refusal = self._refusal(request)
        if refusal is not None:
            who = f"{escape(self._login.user)} from {describe_peer(link)}"
            self._output.info(f"X11 forwarding refused to {who}: {refusal}")
            return False
        config = self._login.config
        host = _LOOPBACK if config.x11_use_localhost else _EVERYWHERE
        for number in range(config.x11_display_offset, _DISPLAYS):
            with contextlib.suppress(OSError):
                forward = await LocalForward.listen_on(
                    (host, _FIRST_PORT + number), host, timeouts=link.timeouts, channel_kind=self._kind
                )
                break
        else:
            self._output.error(f"no display is free from {config.x11_display_offset} on")
            return False
        if link.ended:
            forward.close()
            return False
        self._forward, self._request, self._number = forward, request, number
        link.at_end(self.close)
        forward.attach(link)
        return True

    def _refusal(self, request: requests.X11Req) -> str | None:
        config = self._login.config
        if not config.x11_forwarding or config.disable_forwarding:
            return "X11Forwarding is no" if not config.x11_forwarding else "DisableForwarding is yes"
        if not self._login.options.x11_forwarding:
            return "the key does not allow it (no-X11-forwarding)"
        if not os.access(config.x_auth_location, os.X_OK):
            return f"there is no xauth program at {escape(config.x_auth_location)}"
        if self._forward is not None:
            return "the session has a display already"
        cookie = request.authentication_cookie.decode(errors="replace")
        if not (_HARMLESS.fullmatch(request.authentication_protocol) and _HARMLESS.fullmatch(cookie)):
            return "its protocol or cookie is malformed"
        return None

    def _kind(self, _: Address, originator: Address | None) -> Struct:
        if self._request.single_connection:
            asyncio.get_running_loop().call_soon(self.close)
        host, port = originator if isinstance(originator, tuple) else ("", 0)
        return kinds.X11(host, port)

    @property
    def display(self) -> str:
        """What DISPLAY is for the session; "" without one."""
        if self._forward is None:
            return ""
        host = _LOOPBACK if self._login.config.x11_use_localhost else socket.gethostname()
        return f"{host}:{self._place}"

    @property
    def _place(self) -> str:
        return f"{self._number}.{self._request.screen_number}"

    async def add_cookie(self, program: Program) -> None:
        """Let xauth note the cookie, with the rights and the environment of the program."""
        xauth = self._login.config.x_auth_location
        # the name that xauth has for displays of this machine
        name = f"unix:{self._place}"
        cookie = self._request.authentication_cookie.decode()
        entry = f"{name} {self._request.authentication_protocol} {cookie}"
        ours, theirs = socket.socketpair()
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        try:
            ours.sendall(f"remove {name}\nadd {entry}\n".encode())
            adding = program.replace(path=xauth, arguments=("xauth", "-q", "-"))
            process = await start(adding, theirs.fileno(), nowhere, nowhere)
        except OSError as error:
            self._output.error(f"cannot run {escape(xauth)}: {escape(error.strerror or str(error))}")
            return
        finally:
            ours.close()
            theirs.close()
            os.close(nowhere)
        try:
            async with asyncio.timeout(_XAUTH_SECONDS):
                end = await process.wait()
        except TimeoutError:
            self._output.error(f"{escape(xauth)} did not end within {_XAUTH_SECONDS:g} seconds")
        else:
            if end.status or end.signal:
                self._output.info(f"{escape(xauth)} did not take the cookie: exit status {end.status}")
        finally:
            if process.end is None:
                await asyncio.shield(asyncio.ensure_future(process.hang_up()))

    def close(self) -> None:
        """Listen no more; connections that are open go on. Closing twice is harmless."""
        if self._forward is not None:
            self._forward.close()
