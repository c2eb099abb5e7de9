"""The forwards that a session sets up: -L, -R, -D and their keywords."""

import asyncio
from collections.abc import Awaitable, Sequence
from functools import partial

from pyssh.aio.client import ClientLink
from pyssh.aio.dial import format_address
from pyssh.aio.forward import Forward, ForwardEvent
from pyssh.aio.listen import Listen, UnixListen
from pyssh.aio.streams import Address
from pyssh.errors import SSHError
from pyssh_cli.client.report import describe
from pyssh_cli.output import Output
from pyssh_config import forwards as config_forwards
from pyssh_config.client import ClientConfig
from pyssh_config.errors import escape

__all__ = [
    "ForwardFailedError",
    "Opener",
    "as_listen",
    "listen_address",
    "open_forwards",
    "remote_listen_address",
    "target_address",
]

_LOOPBACK = "localhost"
_EVERYWHERE = "*"


class ForwardFailedError(Exception):
    """A forward could not be made and ExitOnForwardFailure is on; why has been said."""


def listen_address(
    listen: config_forwards.Address | config_forwards.UnixPath, *, everywhere: bool
) -> Address:
    """Return where to listen here; without a host, loopback or (GatewayPorts) everywhere."""
    if isinstance(listen, config_forwards.UnixPath):
        return listen.path
    default = _EVERYWHERE if everywhere else _LOOPBACK
    return (default if listen.host is None else listen.host or _EVERYWHERE), listen.port


def as_listen(address: Address, config: ClientConfig) -> Listen:
    """Return how to listen at an address: Unix sockets are made as StreamLocalBind* say."""
    if isinstance(address, str):
        return UnixListen(address, config.stream_local_bind_mask, config.stream_local_bind_unlink)
    return address


def remote_listen_address(listen: config_forwards.Address | config_forwards.UnixPath) -> Address:
    """Return where the server listens: "" is everywhere, "localhost" loopback (RFC 4254 section 7.1)."""
    if isinstance(listen, config_forwards.UnixPath):
        return listen.path
    host = _LOOPBACK if listen.host is None else listen.host
    return ("" if host == _EVERYWHERE else host), listen.port


def target_address(
    target: config_forwards.Address | config_forwards.UnixPath | None,
) -> Address | None:
    """Return where connections go; None is wherever a SOCKS client asks."""
    if target is None:
        return None
    if isinstance(target, config_forwards.UnixPath):
        return target.path
    assert target.host is not None
    return target.host, target.port


async def open_forwards(
    link: ClientLink, config: ClientConfig, output: Output
) -> dict[config_forwards.Forward, Forward]:
    """Set up all forwards, and return those that are.

    Those that fail are named; with ExitOnForwardFailure they are fatal.
    """
    permitted = config.permit_remote_open
    if permitted is not None:
        link.permit_remote_open(partial(_is_permitted, [permit.target for permit in permitted]))
    opener = Opener(link, config, output)
    await asyncio.gather(
        *(opener.local(forward) for forward in (*config.local_forward, *config.dynamic_forward)),
        *(opener.remote(forward) for forward in config.remote_forward),
    )
    if opener.has_failed and config.exit_on_forward_failure:
        raise ForwardFailedError
    return opener.opened


def _is_permitted(permitted: Sequence[config_forwards.HostPattern], target: tuple[str, int]) -> bool:
    """Whether PermitRemoteOpen lists a target: names as they are written, "*" and port 0 being any."""
    host, port = target
    return any(pattern.host in ("*", host) and pattern.port in (0, port) for pattern in permitted)


class Opener:
    """Sets up forwards, one at a time or several at once, and says what came of it."""

    def __init__(self, link: ClientLink, config: ClientConfig, output: Output) -> None:
        self._link = link
        self._config = config
        self._output = output
        self.has_failed = False
        self.opened: dict[config_forwards.Forward, Forward] = {}

    async def local(self, forward: config_forwards.Forward) -> None:
        """Listen here."""
        listen = listen_address(forward.listen, everywhere=self._config.gateway_ports)
        target = target_address(forward.connect)
        where = as_listen(listen, self._config)
        if target is None:
            opening = self._link.forward_dynamic(where, observer=self._observe)
        else:
            opening = self._link.forward_local(where, target, observer=self._observe)
        opened = await self._open(opening, f"local forwarding from {_shown(listen)}")
        if opened is not None:
            self.opened[forward] = opened
            self._output.debug(f"Local connections to {_shown(listen)} forwarded to {_shown(target)}")

    async def remote(self, forward: config_forwards.Forward) -> None:
        """Have the server listen."""
        listen = remote_listen_address(forward.listen)
        target = target_address(forward.connect)
        opening = self._link.forward_remote(listen, target, observer=self._observe)
        opened = await self._open(
            opening, f"remote port forwarding failed for listen {_listen_words(listen)}"
        )
        if opened is None:
            return
        self.opened[forward] = opened
        if isinstance(listen, tuple) and not listen[1] and isinstance(opened.address, tuple):
            self._output.info(f"Allocated port {opened.address[1]} for remote forward to {_shown(target)}")
        self._output.debug(f"Remote connections to {_shown(opened.address)} forwarded to {_shown(target)}")

    async def _open(self, opening: Awaitable[Forward], what: str) -> Forward | None:
        try:
            return await opening
        except (OSError, SSHError) as error:
            self.has_failed = True
            kind = "Error" if self._config.exit_on_forward_failure else "Warning"
            self._output.error(f"{kind}: {what}: {describe(error)}")
            return None

    def _observe(self, forward: Forward, event: ForwardEvent) -> None:
        where = f"{forward.kind} forward, {escape(event.peer)} to {escape(event.target or 'nowhere')}"
        if event.what == "failed":
            self._output.info(f"{where}: open failed: {escape(event.error)}")
        else:
            detail = f": {escape(event.error)}" if event.error else ""
            self._output.debug(f"{where}: {event.what}{detail}")


def _shown(address: Address | None) -> str:
    return "SOCKS" if address is None else escape(format_address(address))


def _listen_words(address: Address) -> str:
    return f"port {address[1]}" if isinstance(address, tuple) else f"path {escape(address)}"
