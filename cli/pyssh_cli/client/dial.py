"""Opens the TCP connection in a thread, while the main thread imports what it takes to speak SSH.

Importing asyncio and the engine takes as long as a server takes to start a session; so the server is called
first. System calls release the interpreter's lock, imports hardly notice.
"""

import contextlib
import errno
import socket
import threading
import time
from typing import Any, Final, cast

from pyssh.errors import SSHError
from pyssh_cli.client.race import Found, Racers, interleaved
from pyssh_cli.output import Output
from pyssh_config.client import ClientConfig
from pyssh_config.errors import escape

__all__ = ["Dialing", "UnreachableError", "mark"]

_FAMILIES: Final = {"any": socket.AF_UNSPEC, "inet": socket.AF_INET, "inet6": socket.AF_INET6}
_LOCAL: Final = ("127.", "::1", "fe80:")
_BEFORE_THE_NEXT_ATTEMPT: Final = 1.0


class UnreachableError(SSHError):
    """There is no connection; the text says what, where and what to try."""


class Dialing:
    """A connection in the making. `result` waits for it."""

    def __init__(self, config: ClientConfig, output: Output) -> None:
        self._config = config
        self._output = output
        self._outcome: socket.socket | Exception | None = None
        # daemon: an interrupted client does not wait for a host that never answers
        self._thread = threading.Thread(target=self._run, name="dial", daemon=True)

    @classmethod
    def start(cls, config: ClientConfig, output: Output) -> "Dialing | None":
        """Begin to connect; None if a command is the connection (ProxyCommand)."""
        if config.proxy_command is not None and not config.proxy_use_fdpass:
            return None
        dialing = cls(config, output)
        dialing._thread.start()
        return dialing

    def result(self) -> socket.socket:
        """Wait for the connection and return it; raises `UnreachableError`."""
        self._thread.join()
        if isinstance(self._outcome, socket.socket):
            return self._outcome
        raise cast("Exception", self._outcome)

    def _run(self) -> None:
        try:
            self._outcome = self._dial()
        except Exception as error:  # the thread's outermost edge: `result` raises it
            self._outcome = error

    def _dial(self) -> socket.socket:
        config = self._config
        if config.proxy_command is not None:
            return self._take_over(config)
        found = interleaved(self._resolve(config.host_name))
        for attempt in range(config.connection_attempts):
            if attempt:
                time.sleep(_BEFORE_THE_NEXT_ATTEMPT)
                self._output.debug("Trying again...")
            racers = Racers(self._prepare, self._report, seconds=config.connect_timeout or None)
            try:
                return racers.run(found)
            except OSError as error:
                failure = error
        raise UnreachableError(_explain(config, failure)) from failure

    def _take_over(self, config: ClientConfig) -> socket.socket:
        from pyssh_cli.client.passed import PassError, passed_socket  # noqa: PLC0415  # few have it

        command = config.expand("proxy_command")
        assert command is not None
        self._output.debug(f"Executing proxy dialer command: {escape(command)}")
        try:
            return passed_socket(command, config.context.environ.get("SHELL") or "/bin/sh")
        except PassError as error:
            raise UnreachableError(str(error)) from None

    def _report(self, entry: Found, error: OSError) -> None:
        where = f"address {entry[4][0]} port {self._config.port}"
        self._output.debug(f"connect to {where}: {_reason(error)}")

    def _resolve(self, host: str) -> list[Found]:
        try:
            # a str would be put through the IDNA codec, which takes 2 ms to import
            name = host.encode("ascii") if host.isascii() else host
            return socket.getaddrinfo(
                name, self._config.port, _FAMILIES[self._config.address_family], socket.SOCK_STREAM
            )
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not a host name"
            raise UnreachableError(
                f"Could not resolve hostname {escape(host)}: {reason}; is the name spelled right?"
            ) from None

    def _prepare(self, entry: Found) -> socket.socket:
        """Return a socket that is ready to connect to an address."""
        family, kind, protocol, _, address = entry
        config = self._config
        self._output.debug(f"Connecting to {escape(config.host_name)} [{address[0]}] port {config.port}.")
        with contextlib.ExitStack() as stack:
            sock = stack.enter_context(socket.socket(family, kind, protocol))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, config.tcp_keep_alive != "no")
            # else each step of the login waits for the acknowledgement of the one before
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            mark(sock, config.ip_qos.interactive)
            if config.bind_interface is not None:
                sock.bind(_interface_address(config.bind_interface, family))
            elif config.bind_address is not None:
                bind_to = socket.getaddrinfo(config.bind_address, 0, family, kind)
                sock.bind(bind_to[0][4])
            stack.pop_all()
            return sock


def mark(sock: socket.socket, service: int | None) -> None:
    """Set the type-of-service byte of a connection's packets, where it has one; None leaves it alone."""
    if service is None:
        return
    if sock.family == socket.AF_INET:
        option = (socket.IPPROTO_IP, socket.IP_TOS)
    elif sock.family == socket.AF_INET6:
        option = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
    else:
        return
    # a wish: without it the connection is no worse
    with contextlib.suppress(OSError):
        sock.setsockopt(*option, service)


def _interface_address(name: str, family: int) -> tuple[Any, ...]:
    """Return an interface's address to bind to, if it can be one that others see."""
    from pyssh_config.interfaces import interfaces  # noqa: PLC0415  # few ask for it

    found = [one for one in interfaces() if one.name == name and one.family == family]
    found.sort(key=lambda one: one.address.startswith(_LOCAL))
    if not found:
        raise OSError(errno.EADDRNOTAVAIL, f"the interface {escape(name)} has no address of this kind")
    best = found[0]
    return (best.address, 0, 0, best.scope) if family == socket.AF_INET6 else (best.address, 0)


def _reason(error: OSError) -> str:
    return "Connection timed out" if isinstance(error, TimeoutError) else error.strerror or str(error)


def _explain(config: ClientConfig, error: OSError) -> str:
    """Say what failed, where, and what to try."""
    advice = "is there a network, and is the address right?"
    if isinstance(error, ConnectionRefusedError):
        advice = "nothing listens there; is a server running, and on which port (-p)?"
    elif isinstance(error, TimeoutError):
        advice = "the host does not answer; is it up, and does a firewall let the port through?"
    elif error.errno == errno.EADDRNOTAVAIL and config.bind_interface is not None:
        advice = "is the interface after -B up?"
    elif isinstance(error, socket.gaierror):
        advice = "is the address after -b one of this machine?"
    where = f"connect to host {escape(config.host_name)} port {config.port}"
    return f"{where}: {_reason(error)}; {advice}"
