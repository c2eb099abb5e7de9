"""Who is logged in on a connection, and what that login may do."""

from typing import Final

from pyssh.aio import Address, Link
from pyssh.record import Record
from pyssh_cli.server.accounts import Account
from pyssh_config.authorized_keys import KeyOptions
from pyssh_config.server import ServerConfig

__all__ = ["Login", "Place", "describe_peer", "peer_of", "place_of"]

Place = tuple[str, int]
"""An address and a port."""

_NOWHERE: Final[Place] = ("UNKNOWN", 65535)
"""What sshd says of a peer that has no address, as under `-i` on a pipe."""


class Login(Record):
    """A user that is in: `config` has the Match blocks applied, `options` are the key's (or no restriction).

    `user` is the name that was asked for; `force_command` is what runs instead of anything else.
    """

    user: str
    account: Account
    config: ServerConfig
    options: KeyOptions = KeyOptions()
    force_command: str | None = None


def place_of(address: Address | None) -> Place:
    """Return an address as a pair, whatever the connection runs over."""
    if not isinstance(address, tuple):
        return _NOWHERE
    host, port = address
    # an IPv4 client on an IPv6 socket is the IPv4 client that addresses in files mean
    return host.removeprefix("::ffff:") if "." in host else host, port


def peer_of(link: Link) -> Place:
    """Return where a connection comes from."""
    return place_of(link.peer_address)


def describe_peer(link: Link) -> str:
    """Return where a connection comes from, as log lines say it."""
    host, port = peer_of(link)
    return f"{host} port {port}"
