"""The master: what clients of the control socket may have of the connection (mux.c's side of it)."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from pyssh.aio.client import ClientLink
from pyssh.aio.forward import Forward
from pyssh.errors import ChannelOpenError, SSHError
from pyssh.mux.master import Asked
from pyssh.mux.messages import (
    FORWARD_REMOTE,
    STREAMLOCAL,
    CloseForward,
    Failure,
    Info,
    InfoRequest,
    MuxReply,
    MuxRequest,
    NewSession,
    NewStdioForward,
    Ok,
    OpenForward,
    PermissionDenied,
    Proxy,
    ProxyGranted,
    RemotePort,
    SessionOpened,
    StopListening,
    Terminate,
)
from pyssh_cli.client.forwards import as_listen, listen_address, remote_listen_address, target_address
from pyssh_cli.client.report import describe as describe_error
from pyssh_cli.mux.connection import ControlConnection
from pyssh_cli.mux.forwarding import ForwardKey, describe, to_forward
from pyssh_cli.mux.info import describe_channels, describe_connection
from pyssh_cli.mux.listener import ControlListener
from pyssh_cli.mux.passenger import PassedStreams, Passenger
from pyssh_cli.output import Output, escape
from pyssh_config.client import ClientConfig

if TYPE_CHECKING:
    from pyssh_cli.mux.relay import Relays

__all__ = ["Master"]

_PERMISSION_DENIED: Final = b"Permission denied"
_REFUSED_BY_PEER: Final = b"Session open refused by peer"


class Master:
    """Serves the control socket of one connection.

    `forwards` are those that the master itself has set up. `idle` is called when the last client and the last
    channel are gone; `on_terminate` when a client ends the connection; `ask`, if there is one, asks the user.
    """

    def __init__(
        self,
        link: ClientLink,
        config: ClientConfig,
        output: Output,
        *,
        forwards: dict[ForwardKey, Forward],
        on_terminate: Callable[[], None],
        ask: Callable[[str], Awaitable[bool]] | None = None,
    ) -> None:
        self.link = link
        self.config = config
        self.output = output
        self.forwards = forwards
        self.is_listening = False
        self.started = time.monotonic()
        self._on_terminate = on_terminate
        self._ask = ask
        self._listener: ControlListener | None = None
        self._connections: set[ControlConnection] = set()
        self._changed = asyncio.Event()
        self._relays: Relays | None = None

    # --- the socket

    def listen(self, path: str) -> None:
        """Make the control socket. Raises `AlreadyExistsError`, OSError."""
        self._listener = ControlListener.listen(path, self.output, self._connected)
        self.is_listening = True

    def stop_listening(self) -> None:
        """Remove the control socket; clients that are there stay."""
        if self._listener is not None:
            self._listener.close()
        self.is_listening = False
        self._changed.set()

    async def close(self) -> None:
        """End everything."""
        self.stop_listening()
        connections = list(self._connections)
        for connection in connections:
            connection.close()
        for connection in connections:
            await connection.join()

    def _connected(self, sock: socket.socket) -> None:
        self._connections.add(
            ControlConnection(sock, lambda connection: _Client(self, connection), self._closed, self.output)
        )
        self._changed.set()

    def _closed(self, connection: ControlConnection) -> None:
        self._connections.discard(connection)
        self._changed.set()

    # --- who is there

    @property
    def is_idle(self) -> bool:
        """Whether there is neither a client nor a channel."""
        return not self._connections and not self.link.channels

    async def wait_idle(self) -> None:
        """Wait until there is neither a client nor a channel."""
        while not self.is_idle:
            self._changed.clear()
            waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._changed.wait())]
            waiting += [
                asyncio.ensure_future(channel.wait_closed()) for channel in self.link.channels.values()
            ]
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for future in waiting:
                    future.cancel()

    async def wait_persistently(self, seconds: float) -> None:
        """Wait until nobody has wanted anything for so long (ControlPersist; 0 is for ever), or a stop."""
        while True:
            await self.wait_idle()
            if not self.is_listening:
                return
            self._changed.clear()
            try:
                async with asyncio.timeout(seconds or None):
                    await self._changed.wait()
            except TimeoutError:
                return

    async def wait_stopped(self) -> None:
        """Wait until the socket was removed and everybody is gone."""
        await self.wait_persistently(0)

    # --- proxy mode

    def relays(self) -> "Relays":
        """Return what serves clients in proxy mode."""
        if self._relays is None:
            from pyssh_cli.mux.relay import Relays  # noqa: PLC0415  # few clients want it

            self._relays = Relays(self.link)
        return self._relays

    # --- permission

    async def permit(self, question: str) -> bool:
        """Ask the user, if that is wanted."""
        return True if self._ask is None else await self._ask(question)

    def terminate(self) -> None:
        """End the connection, on behalf of a client."""
        self._on_terminate()


class _Client:
    """What one client has: at most one session."""

    def __init__(self, master: Master, connection: ControlConnection) -> None:
        self._master = master
        self._output = master.output
        self._connection = connection
        self._passenger: Passenger | None = None
        self._streams: PassedStreams | None = None

    def gone(self) -> None:
        """End the session."""
        if self._passenger is not None:
            self._passenger.stop()
        if self._streams is not None:
            self._streams.close()

    async def serve(self, asked: Asked) -> None:
        """Answer a request."""
        request = asked.request
        if asked.handles:
            self._streams = PassedStreams(asked.handles)
        question = self._question(request)
        if question is not None and not await self._master.permit(question):
            self._output.debug("refused by the user")
            self._end_streams()
            self._reply(PermissionDenied(request.request_id, _PERMISSION_DENIED))
            return
        if isinstance(request, NewSession):
            await self._run_session(request)
        elif isinstance(request, NewStdioForward):
            await self._join_stdio(request)
        elif isinstance(request, Proxy):
            await self._serve_proxied(request)
        else:
            self._reply(await self._answer(request))
            if isinstance(request, Terminate):
                self._master.terminate()

    async def _answer(self, request: MuxRequest) -> MuxReply:
        match request:
            case OpenForward():
                return await self._open_forward(request)
            case CloseForward():
                return self._close_forward(request)
            case InfoRequest():
                return self._tell(request)
            case StopListening():
                self._master.stop_listening()
        return Ok(request.request_id)

    def _reply(self, reply: MuxReply) -> None:
        self._connection.reply(reply)

    def _question(self, request: MuxRequest) -> str | None:
        host = self._master.config.host_name
        match request:
            case NewSession():
                return f"Allow shared connection to {host}? "
            case NewStdioForward(_, _, where, port):
                shown = where.decode(errors="replace")
                return (
                    f"Allow forward to path {shown}"
                    if port == STREAMLOCAL
                    else f"Allow forward to [{shown}]:{port}? "
                )
            case OpenForward() if (key := _key(request)) not in self._master.forwards:
                return f"Open {describe(key)} on {host}?"
            case Proxy():
                return "Allow multiplex proxy connection?"
            case StopListening():
                return f"Disable further multiplexing on shared connection to {host}? "
            case Terminate():
                return f"Terminate shared connection to {host}? "
        return None

    def _end_streams(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams.close()

    # --- sessions

    async def _run_session(self, request: NewSession) -> None:
        assert self._streams is not None
        try:
            passenger = await Passenger.open_session(self._master.link, self._streams, self._output)
        except (SSHError, OSError) as error:
            self._refuse(request, error)
            return
        self._passenger = passenger
        try:
            await passenger.start(request, self._master.config)
            self._reply(SessionOpened(request.request_id, passenger.number))
            await passenger.check_replies(self._connection.terminal_refused)
            status = await passenger.finish()
            if status is not None:
                self._connection.session_ended(status)
        except (SSHError, OSError) as error:
            # the connection has ended, or the server has closed the channel at once
            self._output.debug(f"a client's session ended: {describe_error(error)}")
        finally:
            passenger.stop()
            self._connection.close()

    async def _join_stdio(self, request: NewStdioForward) -> None:
        assert self._streams is not None
        host = request.connect_host.decode(errors="surrogateescape")
        address = host if request.connect_port == STREAMLOCAL else (host, request.connect_port)
        try:
            channel = await self._master.link.open_connection(address)
        except (SSHError, OSError) as error:
            self._refuse(request, error)
            return
        passenger = self._passenger = Passenger(self._master.link, channel, self._streams, self._output)
        try:
            passenger.join()
            self._reply(SessionOpened(request.request_id, passenger.number))
            await passenger.finish_join()
        finally:
            passenger.stop()
            self._connection.close()

    def _refuse(self, request: MuxRequest, error: Exception) -> None:
        self._end_streams()
        self._output.debug(f"a client's channel was not opened: {describe_error(error)}")
        reason = _REFUSED_BY_PEER if isinstance(error, ChannelOpenError) else describe_error(error).encode()
        self._reply(Failure(request.request_id, reason))

    # --- forwards

    async def _open_forward(self, request: OpenForward) -> MuxReply:
        key = _key(request)
        known = self._master.forwards.get(key)
        if known is None:
            shown = escape(describe(key))
            try:
                known = await self._set_up(key)
            except ValueError as error:
                self._output.error(f"a client's {shown}: {escape(str(error))}")
                return Failure(request.request_id, b"Invalid forwarding request")
            except (SSHError, OSError) as error:
                self._output.error(f"requested {shown} failed: {describe_error(error)}")
                return Failure(request.request_id, _failure(key))
            self._output.debug(f"opened {shown}")
        if key.forwarding_type == FORWARD_REMOTE and not key.listen_port and isinstance(known.address, tuple):
            return RemotePort(request.request_id, known.address[1])
        return Ok(request.request_id)

    async def _set_up(self, key: ForwardKey) -> Forward:
        asked = to_forward(key)
        link = self._master.link
        target = target_address(asked.connect)
        if key.forwarding_type == FORWARD_REMOTE:
            forward = await link.forward_remote(remote_listen_address(asked.listen), target)
        else:
            config = self._master.config
            listen = as_listen(listen_address(asked.listen, everywhere=config.gateway_ports), config)
            if target is None:
                forward = await link.forward_dynamic(listen)
            else:
                forward = await link.forward_local(listen, target)
        self._master.forwards[key] = forward
        return forward

    def _close_forward(self, request: CloseForward) -> MuxReply:
        forward = self._master.forwards.pop(_key(request), None)
        if forward is None:
            return Failure(request.request_id, b"port not forwarded")
        forward.close()
        return Ok(request.request_id)

    # --- others

    def _tell(self, request: InfoRequest) -> MuxReply:
        match request.info_type:
            case b"connection":
                text = describe_connection(self._master.link, self._master.started)
            case b"channels":
                text = describe_channels(self._master.link)
            case _:
                return Info(request.request_id, 0, b"info request type not supported")
        return Info(request.request_id, 1, "".join(f"{line}\r\n" for line in text).encode())

    async def _serve_proxied(self, request: Proxy) -> None:
        relays = self._master.relays()
        self._reply(ProxyGranted(request.request_id))
        sock, received = self._connection.detach()
        try:
            await relays.serve(sock, received)
        finally:
            self._connection.close()


def _key(request: OpenForward | CloseForward) -> ForwardKey:
    return ForwardKey(
        request.forwarding_type,
        request.listen_host,
        request.listen_port,
        request.connect_host,
        request.connect_port,
    )


def _failure(key: ForwardKey) -> bytes:
    if key.forwarding_type != FORWARD_REMOTE:
        return b"Port forwarding failed"
    if key.listen_port == STREAMLOCAL:
        return b"remote port forwarding failed for listen path " + key.listen_host
    return f"remote port forwarding failed for listen port {key.listen_port}".encode()
