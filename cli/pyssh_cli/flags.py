"""The flags of ssh(1): the ones that are built, and what is said about the others.

`connect` parses with this table; the help text and the man page are held to it.
"""

from collections.abc import Mapping
from typing import Final

from pyssh_cli.getopt import Flag

__all__ = ["NOT_SUPPORTED", "SSH_FLAGS", "USAGE"]

_SUPPORTED: Final = (
    Flag("2", help="nothing: there is no other version of the protocol"),
    Flag("4", help="use IPv4 only"),
    Flag("6", help="use IPv6 only"),
    Flag("A", help="let the server's programs use your authentication agent"),
    Flag("a", help="forward no authentication agent"),
    Flag("B", value="interface", help="connect from an address of this interface"),
    Flag("b", value="address", help="connect from this local address"),
    Flag("C", help="compress"),
    Flag("c", value="ciphers", help="ciphers to offer, best first; +, - and ^ edit the default"),
    Flag("D", value="[bind:]port", help="listen for SOCKS and connect from the server"),
    Flag("E", value="file", help="append messages to a file instead of standard error"),
    Flag("e", value="character", help="escape character in terminal sessions (default ~), or none"),
    Flag("F", value="file", help="read this configuration file only, or none"),
    Flag("f", help="go to the background once logged in"),
    Flag("G", help="print the configuration that takes effect, and connect nowhere"),
    Flag("g", help="let other machines use forwarded ports"),
    Flag("i", value="file", help="log in with this key"),
    Flag("J", value="hosts", help="connect through these hosts, with commas between them"),
    Flag("k", help="delegate no GSSAPI credentials (nothing does)"),
    Flag("L", value="forward", help="[bind:]port:host:hostport; either side may be a socket's path"),
    Flag("l", value="user", help="log in as this user"),
    Flag("m", value="macs", help="message authentication codes to offer, best first"),
    Flag("M", help="let others share the connection (see -S); twice, ask before each use"),
    Flag("N", help="run nothing, only forward"),
    Flag("n", help="read nothing from standard input"),
    Flag("O", value="command", help="have a master do check, forward, cancel, exit, stop, proxy or conninfo"),
    Flag("o", value="Keyword=value", help="an option as in ssh_config"),
    Flag("P", value="tag", help="a tag for Match tagged in the configuration"),
    Flag("p", value="port", help="port of the server"),
    Flag("Q", value="query", help="list what is known of cipher, mac, kex, key, sig and so on (-Q help)"),
    Flag("q", help="print no messages"),
    Flag("R", value="forward", help="as -L, from the server to here; a lone [bind:]port is SOCKS"),
    Flag("S", value="path", help="path of a control socket, or none"),
    Flag("s", help="the command names a subsystem"),
    Flag("T", help="ask for no terminal"),
    Flag("t", help="ask for a terminal; twice, even without one here"),
    Flag("V", help="print the version"),
    Flag("v", help="say what happens; up to three times for more"),
    Flag("W", value="host:port", help="join standard input and output to an address that the server reaches"),
    Flag("X", help="forward X11, for programs that the X server does not trust"),
    Flag("x", help="forward no X11"),
    Flag("Y", help="forward X11, for programs that may do everything in your X server"),
    Flag("y", help="send messages to syslog instead of standard error"),
    Flag(name="help", help="print this"),
)

_REFUSED: Final = (
    Flag("I", value="pkcs11"),
    Flag("K"),
    Flag("w", value="tunnel"),
)

NOT_SUPPORTED: Final[Mapping[str, str]] = {
    "I": "PKCS#11 is not supported; a key on a token can be used through an agent",
    "K": "GSSAPI is not supported",
    "w": "tunnel devices are not supported",
}
"""By letter, what there is to say instead of obeying."""

SSH_FLAGS: Final = (*_SUPPORTED, *_REFUSED)

USAGE: Final = "usage: pyssh [option ...] [user@]host [command ...]"


def help_text() -> str:
    """Return what `--help` prints."""
    from pyssh_cli.getopt import format_flags  # noqa: PLC0415  # not on the way of a login

    return "\n".join([USAGE, "", "Log in to a host, or run a command on it.", "", format_flags(_SUPPORTED)])
