"""What a command line of copy-id asks for, and the command lines of pyssh that follow from it."""

from collections.abc import Sequence
from typing import Final

from pyssh.errors import SSHError
from pyssh.record import Record
from pyssh_cli.getopt import BadUsageError, Flag, Given, HostCommand, parse_host_command
from pyssh_config.errors import escape

__all__ = ["FLAGS", "CopyError", "Request", "parse_request"]

FLAGS: Final = (
    Flag("F", value="file", help="read this configuration file only, or none"),
    Flag("f", help="do not try first whether the keys let you in; the private key is not needed"),
    Flag("i", value="file", help="the key to install; .pub is added where it is missing"),
    Flag("n", help="only say what would be installed"),
    Flag("o", value="Keyword=value", help="an option as in ssh_config"),
    Flag("p", value="port", help="port of the server"),
    Flag("s", help="use SFTP, for servers that run no commands"),
    Flag("t", value="path", help="file on the server (default .ssh/authorized_keys)"),
    Flag("x", help="show the commands that the server runs"),
    Flag(name="help", help="print this"),
)

_DEFAULT_TARGET: Final = ".ssh/authorized_keys"

# nothing but the one command, whatever the configuration has for sessions with this host
_PLAIN_SESSION: Final = (
    "ControlPath=none",
    "ControlMaster=no",
    "RemoteCommand=none",
    "SessionType=default",
    "StdinNull=no",
    "ForkAfterAuthentication=no",
    "ClearAllForwardings=yes",
)


class CopyError(SSHError):
    """Nothing was installed; the text says why, or is empty if that has been said."""


class Request(Record):
    """Where to install what. `options` are those of the login, as flags of pyssh."""

    host: str
    options: tuple[Given, ...] = ()
    identity: str = ""
    target: str = _DEFAULT_TARGET
    is_forced: bool = False
    only_show: bool = False
    trace: bool = False
    by_sftp: bool = False

    def login(self, *more: str) -> HostCommand:
        """Return the command line of a login, with more options of ssh_config that come first."""
        options = [("o", option) for option in (*more, *_PLAIN_SESSION)]
        return HostCommand((("a", ""), ("x", ""), ("T", ""), *options, *self.options), self.host, ())


def parse_request(arguments: Sequence[str]) -> Request | None:
    """Read a command line; None if help is asked for. Raises `BadUsageError` and `CopyError`."""
    given = parse_host_command(arguments, FLAGS)
    keys = [key for key, _ in given.flags]
    if "help" in keys:
        return None
    if keys.count("i") > 1:
        raise BadUsageError("option -i can be given only once")
    if not given.host:
        raise BadUsageError("which host? None was given")
    if given.command:
        raise BadUsageError(f"there is no command to run here: {escape(given.command[0])}")
    values = dict(given.flags)
    target = values.get("t", _DEFAULT_TARGET)
    if not target or not target.isprintable():
        raise BadUsageError("option -t needs the path of a file, without line breaks")
    return Request(
        given.host,
        tuple(flag for flag in given.flags if flag[0] in "Fop"),
        values.get("i", ""),
        target,
        "f" in values,
        "n" in values,
        "x" in values,
        "s" in values,
    )
