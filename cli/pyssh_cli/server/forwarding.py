"""What a login may forward: ports and sockets by configuration and key, and with the user's own rights."""

import asyncio
import os
import socket
from collections.abc import Sequence
from functools import partial
from typing import Final, cast

from pyssh.aio import Address, ChannelRunner, Link, ServerForwarding, splice
from pyssh.aio.forward_server import GatewayPorts
from pyssh.aio.listen import UnixListen
from pyssh.connection import kinds, requests
from pyssh.errors import OpenFailureReason
from pyssh.events import ChannelOpenRequested, GlobalRequestReceived, OpenRefused
from pyssh_cli.output import Output, escape
from pyssh_cli.server.as_user import open_as
from pyssh_cli.server.background import Background
from pyssh_cli.server.login import Login, describe_peer
from pyssh_cli.server.unix_listeners import UnixListeners
from pyssh_config.forwards import HostPattern
from pyssh_config.patterns import matches_pattern

__all__ = ["Forwarding"]

_FIRST_FREE_PORT: Final = 1024
_OPEN: Final = ("yes", "local")
_LISTEN: Final = ("yes", "remote")


class Forwarding:
    """The forwards of one login."""

    def __init__(self, login: Login, output: Output, background: Background) -> None:
        self._login = login
        config = login.config
        unix = UnixListen("", config.stream_local_bind_mask, config.stream_local_bind_unlink)
        self._unix_listeners = UnixListeners(login.account, background, unix)
        self._output = output
        self._forwarding = ServerForwarding(
            lambda link, address: self._decided(link, "open", address, self._open_refusal(address)),
            lambda link, address: self._decided(link, "listen on", address, self._listen_refusal(address)),
            gateway_ports=cast("GatewayPorts", login.config.gateway_ports),
            unix=unix,
        )

    async def open_channel(self, link: Link, question: ChannelOpenRequested) -> ChannelRunner | OpenRefused:
        """Connect to where a direct channel wants to go; refuse other kinds."""
        if isinstance(question.kind, kinds.DirectStreamlocal) and not self._login.account.is_own:
            return await self._open_unix(link, os.fsdecode(question.kind.socket_path))
        return await self._forwarding.open_channel(link, question)

    async def global_request(self, link: Link, question: GlobalRequestReceived) -> bytes | None:
        """Listen, or stop to listen, where a client wants it; None for other requests and refusals."""
        if self._login.account.is_own:
            return await self._forwarding.global_request(link, question)
        match question.request:
            case requests.StreamlocalForward(socket_path):
                return await self._listen_unix(link, os.fsdecode(socket_path))
            case requests.CancelStreamlocalForward(socket_path):
                return b"" if self._unix_listeners.cancel(os.fsdecode(socket_path)) else None
            case _:
                return await self._forwarding.global_request(link, question)

    async def _listen_unix(self, link: Link, path: str) -> bytes | None:
        permitted = self._decided(link, "listen on", path, self._listen_refusal(path))
        return b"" if permitted and await self._unix_listeners.listen(link, path) else None

    async def _open_unix(self, link: Link, path: str) -> ChannelRunner | OpenRefused:
        """Connect to a Unix socket as the user: who may connect is a matter of rights."""
        if "\0" in path or not self._decided(link, "open", path, self._open_refusal(path)):
            return OpenRefused(OpenFailureReason.ADMINISTRATIVELY_PROHIBITED, "not permitted")
        loop = asyncio.get_running_loop()
        try:
            connect = partial(open_as, self._login.account, partial(_connect, path))
            sock = await loop.run_in_executor(None, connect)
        except OSError:
            return OpenRefused(OpenFailureReason.CONNECT_FAILED, "Connection refused")
        return lambda channel: splice(channel, sock)

    def _decided(self, link: Link, what: str, address: Address, refusal: str | None) -> bool:
        target = address if isinstance(address, str) else f"{address[0]} port {address[1]}"
        who = f"{escape(self._login.user)} from {describe_peer(link)}"
        if refusal is None:
            self._output.verbose(f"Forwarding for {who}: {what} {escape(target)}")
        else:
            self._output.info(f"Forwarding refused to {who}: {what} {escape(target)}: {refusal}")
        return refusal is None

    def _open_refusal(self, address: Address) -> str | None:
        config, options = self._login.config, self._login.options
        refusal = self._refusal(address, _OPEN)
        if refusal is not None:
            return refusal
        if not _is_listed(address, config.permit_open):
            return "PermitOpen does not list it"
        if not _is_listed(address, options.permit_open):
            return "the key's permitopen= does not list it"
        return None

    def _listen_refusal(self, address: Address) -> str | None:
        config, options = self._login.config, self._login.options
        refusal = self._refusal(address, _LISTEN)
        if refusal is not None:
            return refusal
        if not isinstance(address, str):
            if not _may_be_listened_on(address, config.permit_listen):
                return "PermitListen does not list it"
            if not _may_be_listened_on(address, options.permit_listen):
                return "the key's permitlisten= does not list it"
            if 0 < address[1] < _FIRST_FREE_PORT and self._login.account.uid != 0 and os.geteuid() == 0:
                return f"ports below {_FIRST_FREE_PORT} are for root"
        return None

    def _refusal(self, address: Address, permitting: Sequence[str]) -> str | None:
        config = self._login.config
        if not self._login.options.port_forwarding:
            return "the key does not allow it (no-port-forwarding)"
        if isinstance(address, str):
            keyword, value = "AllowStreamLocalForwarding", config.allow_stream_local_forwarding
        else:
            keyword, value = "AllowTcpForwarding", config.allow_tcp_forwarding
        return None if value in permitting else f"{keyword} is {value}"


def _connect(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


def _is_listed(address: Address, permitted: Sequence[HostPattern] | None) -> bool:
    """Whether a target is listed: names are compared as they are written, "*" and port 0 are any."""
    if permitted is None:
        return True
    if isinstance(address, str):
        return False
    host, port = address
    return any(pattern.host in ("*", host) and pattern.port in (0, port) for pattern in permitted)


def _may_be_listened_on(address: tuple[str, int], permitted: Sequence[HostPattern] | None) -> bool:
    if permitted is None:
        return True
    # what means all addresses to a client is the empty name to a list
    host = "" if address[0] == "*" else address[0]
    return any(
        matches_pattern(host, pattern.host) and pattern.port in (0, address[1]) for pattern in permitted
    )
