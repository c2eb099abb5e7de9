"""`ServerForwarding`: a server's part in forwards (RFC 4254 section 7, OpenSSH's PROTOCOL section 2.4)."""

import os
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal

from pyssh.aio.channel import Channel
from pyssh.aio.dial import dial
from pyssh.aio.forward import LocalForward
from pyssh.aio.link import ChannelRunner, Link
from pyssh.aio.listen import Listen, UnixListen
from pyssh.aio.splice import splice
from pyssh.aio.streams import Address
from pyssh.connection import kinds, requests
from pyssh.errors import OpenFailureReason
from pyssh.events import ChannelOpenRequested, GlobalRequestReceived, OpenRefused
from pyssh.wire.message import Struct

Permit = Callable[[Link, Address], bool]
GatewayPorts = Literal["no", "yes", "clientspecified"]

_UNIX: Final = UnixListen("")


def nothing(link: Link, address: Address) -> bool:
    """Permit nothing."""
    return False


class ServerForwarding:
    """Connects and listens for clients, where `permit_open` and `permit_listen` allow it.

    A `ServerHandler` passes its questions on to `open_channel` and `global_request`; the latter's listeners
    close with their link. Ports are bound on the loopback interface unless `gateway_ports` says otherwise, as
    in sshd_config. `unix` says how Unix sockets are made; its path is not used.
    """

    def __init__(
        self,
        permit_open: Permit = nothing,
        permit_listen: Permit = nothing,
        *,
        gateway_ports: GatewayPorts = "no",
        maximum_listeners: int = 64,
        unix: UnixListen = _UNIX,
    ) -> None:
        self._permit_open = permit_open
        self._permit_listen = permit_listen
        self._gateway_ports = gateway_ports
        self._maximum_listeners = maximum_listeners
        self._unix = unix
        self._listeners: dict[Link, dict[Address, LocalForward]] = {}

    def forwards(self, link: Link) -> tuple[LocalForward, ...]:
        """Return what listens for a link."""
        return tuple(self._listeners.get(link, {}).values())

    # --- connections that the server makes

    async def open_channel(self, link: Link, question: ChannelOpenRequested) -> ChannelRunner | OpenRefused:
        """Connect to where a direct channel wants to go; refuse other kinds."""
        target: Address
        match question.kind:
            case kinds.DirectTcpip(host_to_connect, port_to_connect):
                target = host_to_connect, port_to_connect
                if not host_to_connect.isprintable() or not 0 < port_to_connect < 65536:
                    return OpenRefused(OpenFailureReason.CONNECT_FAILED, "no such address")
            case kinds.DirectStreamlocal(socket_path):
                target = os.fsdecode(socket_path)
                if not target or "\0" in target:
                    return OpenRefused(OpenFailureReason.CONNECT_FAILED, "no such address")
            case _:
                return OpenRefused(OpenFailureReason.UNKNOWN_CHANNEL_TYPE, "not served here")
        if not self._permit_open(link, target):
            return OpenRefused(OpenFailureReason.ADMINISTRATIVELY_PROHIBITED, "not permitted")
        try:
            sock = await dial(target, link.timeouts)
        except OSError:
            # the reason would tell about our network
            return OpenRefused(OpenFailureReason.CONNECT_FAILED, "Connection refused")

        def run(channel: Channel) -> Coroutine[Any, Any, None]:
            return splice(channel, sock)

        return run

    # --- listeners that the client asks for

    async def global_request(self, link: Link, question: GlobalRequestReceived) -> bytes | None:
        """Listen, or stop to listen, where a client wants it; None for other requests and refusals."""
        match question.request:
            case requests.TcpipForward(address_to_bind, port_to_bind):
                return await self._listen_tcp(link, address_to_bind, port_to_bind)
            case requests.CancelTcpipForward(address_to_bind, port_to_bind):
                return self._cancel(link, (address_to_bind, port_to_bind))
            case requests.StreamlocalForward(socket_path):
                return await self._listen_unix(link, os.fsdecode(socket_path))
            case requests.CancelStreamlocalForward(socket_path):
                return self._cancel(link, os.fsdecode(socket_path))
            case _:
                return None

    async def _listen_tcp(self, link: Link, host: str, port: int) -> bytes | None:
        if not 0 <= port < 65536 or not self._permit_listen(link, (host, port)):
            return None
        if not await self._listen(link, (host, port), (self._bind_address(host), port)):
            return None
        if port:
            return b""
        unbound = self._listeners[link].pop((host, 0))
        bound = unbound.address
        assert isinstance(bound, tuple)
        self._listeners[link][host, bound[1]] = unbound
        unbound.target = host, bound[1]
        return requests.BoundPort(bound[1]).encode()

    def _bind_address(self, host: str) -> str:
        """Return the address to bind for the one that the client asks for (sshd_config, GatewayPorts)."""
        match self._gateway_ports:
            case "no":
                return "localhost"
            case "yes":
                return "*"
            case "clientspecified":
                return "*" if host in ("", "*", "0.0.0.0", "::") else host  # noqa: S104  # what the client names

    async def _listen_unix(self, link: Link, path: str) -> bytes | None:
        if not path or "\0" in path or not self._permit_listen(link, path):
            return None
        return b"" if await self._listen(link, path, self._unix.replace(path=path)) else None

    async def _listen(self, link: Link, asked: Address, bind: Listen) -> bool:
        listeners = self._listeners.get(link)
        if listeners is None:
            listeners = self._listeners[link] = {}
            link.at_end(lambda: self._ended(link))
        if len(listeners) >= self._maximum_listeners or asked in listeners:
            return False
        try:
            forward = await LocalForward.listen_on(
                bind, asked, timeouts=link.timeouts, channel_kind=_forwarded_kind
            )
        except OSError:
            return False
        if link.ended:
            forward.close()
            return False
        listeners[asked] = forward
        forward.attach(link)
        return True

    def _cancel(self, link: Link, asked: Address) -> bytes | None:
        forward = self._listeners.get(link, {}).pop(asked, None)
        if forward is None:
            return None
        forward.close()
        return b""

    def _ended(self, link: Link) -> None:
        for forward in self._listeners.pop(link, {}).values():
            forward.close()


def _forwarded_kind(asked: Address, originator: Address | None) -> Struct:
    """Return the kind of channel for a connection to where the client asked us to listen."""
    if isinstance(asked, str):
        return kinds.ForwardedStreamlocal(os.fsencode(asked))
    host, port = originator if isinstance(originator, tuple) else ("", 0)
    return kinds.ForwardedTcpip(*asked, host, port)
