"""Opens the TCP connection in a thread, while the main thread imports what it takes to speak SSH.

Importing asyncio and the engine takes as long as a server takes to start a session; so the server is called
first. System calls release the interpreter's lock, imports hardly notice.
"""

import contextlib
import socket
import threading
from typing import Any, Final, cast

from pyssh.errors import SSHError
from pyssh_cli.output import Output
from pyssh_config.client import ClientConfig
from pyssh_config.errors import escape

__all__ = ["Dialing", "UnreachableError"]

_FAMILIES: Final = {"any": socket.AF_UNSPEC, "inet": socket.AF_INET, "inet6": socket.AF_INET6}
_Found = tuple[Any, Any, Any, str, Any]


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
        """Begin to connect; None if a command makes the connection (ProxyCommand)."""
        if config.proxy_command is not None:
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
        found = self._resolve(config.host_name)
        failure: OSError = OSError("no address")
        for _ in range(config.connection_attempts):
            for entry in found:
                try:
                    return self._connect(entry)
                except OSError as error:
                    failure = error
                    self._output.debug(
                        f"connect to address {entry[4][0]} port {config.port}: {_reason(error)}"
                    )
        raise UnreachableError(_explain(config, failure)) from failure

    def _resolve(self, host: str) -> list[_Found]:
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

    def _connect(self, entry: _Found) -> socket.socket:
        family, kind, protocol, _, address = entry
        config = self._config
        self._output.debug(f"Connecting to {escape(config.host_name)} [{address[0]}] port {config.port}.")
        with contextlib.ExitStack() as stack:
            sock = stack.enter_context(socket.socket(family, kind, protocol))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, config.tcp_keep_alive != "no")
            # else each step of the login waits for the acknowledgement of the one before
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if config.bind_address is not None:
                bind_to = socket.getaddrinfo(config.bind_address, 0, family, kind)
                sock.bind(bind_to[0][4])
            sock.settimeout(config.connect_timeout or None)
            sock.connect(address)
            stack.pop_all()
            return sock


def _reason(error: OSError) -> str:
    return "Connection timed out" if isinstance(error, TimeoutError) else error.strerror or str(error)


def _explain(config: ClientConfig, error: OSError) -> str:
    """Say what failed, where, and what to try."""
    advice = "is there a network, and is the address right?"
    if isinstance(error, ConnectionRefusedError):
        advice = "nothing listens there; is a server running, and on which port (-p)?"
    elif isinstance(error, TimeoutError):
        advice = "the host does not answer; is it up, and does a firewall let the port through?"
    elif isinstance(error, socket.gaierror):
        advice = "is the address after -b one of this machine?"
    where = f"connect to host {escape(config.host_name)} port {config.port}"
    return f"{where}: {_reason(error)}; {advice}"
