"""One row for each forward asked for: what it is now, and what went through it over all connections."""

from pyssh.aio.dial import format_address
from pyssh.aio.forward import Forward
from pyssh.aio.streams import Address
from pyssh_config.errors import escape

__all__ = ["Row", "shown"]


def shown(address: Address | None) -> str:
    """Return an address fit for a terminal; without one it is wherever SOCKS asks."""
    return "SOCKS" if address is None else escape(format_address(address))


class Row:
    """A forward that outlives the connections which carry it.

    A local one keeps its listener; a remote one is asked for again on each connection, and what earlier ones
    counted is added here.
    """

    def __init__(self, flag: str, listen: Address, target: Address | None) -> None:
        self.flag = flag
        self.listen = listen
        self.target = target
        self.forward: Forward | None = None
        self.error = ""
        self._total_before = 0
        self._sent_before = 0
        self._received_before = 0

    def replace(self, forward: Forward) -> None:
        """Go on with a new forward; keep what the old one counted."""
        if self.forward is not None:
            self._total_before += self.forward.total
            self._sent_before += self.forward.bytes_sent
            self._received_before += self.forward.bytes_received
        self.forward = forward
        self.error = ""

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where to ask a server to listen, best first: if it chose the port, people know it by now."""
        if self.forward is None or self.forward.address is None or self.forward.address == self.listen:
            return (self.listen,)
        return (self.forward.address, self.listen)

    @property
    def listening(self) -> str:
        """Where it listens."""
        address = self.forward.address if self.forward is not None else None
        return shown(self.listen if address is None else address)

    @property
    def open(self) -> int:
        """Connections now."""
        return 0 if self.forward is None else self.forward.open

    @property
    def total(self) -> int:
        """Connections in all."""
        return self._total_before + (0 if self.forward is None else self.forward.total)

    @property
    def sent(self) -> int:
        """Bytes from who connected towards the target."""
        return self._sent_before + (0 if self.forward is None else self.forward.bytes_sent)

    @property
    def received(self) -> int:
        """Bytes from the target towards who connected."""
        return self._received_before + (0 if self.forward is None else self.forward.bytes_received)

    @property
    def last_error(self) -> str:
        """The last thing that went wrong, fit for a terminal."""
        found = self.error or ("" if self.forward is None else self.forward.last_error)
        return escape(found) if found else ""
