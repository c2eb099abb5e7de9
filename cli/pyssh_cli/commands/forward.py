"""`pyssh forward`: arguments and help only."""

import os
from collections.abc import Sequence
from typing import Final

from pyssh.errors import SSHError
from pyssh_cli import exit_codes
from pyssh_cli.flags import SSH_FLAGS
from pyssh_cli.getopt import BadUsageError, Flag, Given, HostCommand, format_flags, parse_host_command
from pyssh_cli.output import Output, escape

__all__ = ["main"]

PROGRAM: Final = "pyssh forward"
USAGE: Final = "usage: pyssh forward [option ...] -L|-R|-D forward ... [[user@]host]"

# -N and -T are what people are used to type beside -L; they change nothing
_SHARED: Final = frozenset("46bCcDEFgiJLlmNopqRTv")
FLAGS: Final = (
    *(flag for flag in SSH_FLAGS if flag.letter in _SHARED and flag.letter),
    Flag(name="once", help="end when the connection drops, instead of connecting again"),
    Flag(name="help", help="print this"),
)

_HELP: Final = """\
Keep port forwardings up, without a shell. On a terminal there is a live view of them, elsewhere a line for
each event. When the connection drops the listeners stay, and pyssh connects again until it succeeds; it gives
up when the host key has changed or the login is refused. Interrupt it to end it.

Without a host it goes to PYSSH_HOST ([user@]host[:port]) or else to localhost.
"""


def main(arguments: Sequence[str]) -> int:
    """Forward until interrupted; return the exit code."""
    output = Output(PROGRAM)
    try:
        command = parse_host_command(arguments, FLAGS)
        given = {key for key, _ in command.flags}
        if "help" in given:
            output.result(f"{USAGE}\n\n{_HELP}\n{format_flags(FLAGS)}")
            return exit_codes.OK
    except BadUsageError as error:
        return _misused(str(error), output)
    if command.command:
        return _misused(f"there is no command to run here: {escape(command.command[0])}", output)
    return _forward(command, output, once="once" in given)


def _misused(problem: str, output: Output) -> int:
    output.error(problem)
    output.info(f"{USAGE}\npyssh forward --help lists the options")
    return exit_codes.USAGE


def _destination(host: str) -> tuple[str, tuple[Given, ...], str]:
    """Return where to go, as a host and as flags, and why. Raises ConfigError."""
    if host:
        return host, (), ""
    named = os.environ.get("PYSSH_HOST", "")
    if not named:
        return "localhost", (), " (no host was given, and PYSSH_HOST is not set)"
    from pyssh_config.errors import ConfigError  # noqa: PLC0415  # --help does not need them
    from pyssh_config.forwards import parse_jump  # noqa: PLC0415

    user, at, host_port = named.rpartition("@")
    if "/" not in named and host_port.count(":") > 1 and not host_port.startswith("["):
        # an IPv6 address without a port can do without brackets
        named = f"{user}{at}[{host_port}]"
    try:
        destination = parse_jump(named)
    except ConfigError as error:
        raise error.at("PYSSH_HOST", 0) from None
    user_flag = () if destination.user is None else (("l", destination.user),)
    port_flag = () if destination.port is None else (("p", str(destination.port)),)
    return destination.host, (*user_flag, *port_flag), " (from PYSSH_HOST)"


def _is_of_usage(error: Exception) -> bool:
    from pyssh_config.errors import COMMAND_LINE, ConfigError  # noqa: PLC0415  # as above

    # -L and the like stand there under their own name
    return isinstance(error, ConfigError) and (
        error.path in (COMMAND_LINE, "PYSSH_HOST") or error.path.startswith("-")
    )


def _forward(command: HostCommand, output: Output, *, once: bool) -> int:
    from pyssh_cli.settings import load  # noqa: PLC0415  # --help does not need it

    try:
        host, from_environment, why = _destination(command.host)
        # flags on the command line come first and win; -N is for Match sessiontype and the like
        flags = (*(flag for flag in command.flags if flag[0] != "once"), *from_environment, ("N", ""))
        settings = load(HostCommand(flags, host, (), before=len(flags)), output)
    except (SSHError, OSError) as error:
        output.error(str(error))
        return exit_codes.USAGE if _is_of_usage(error) else exit_codes.SSH_FAILED
    config = settings.config
    if not (config.local_forward or config.remote_forward or config.dynamic_forward):
        output.error("nothing to forward: give -L, -R or -D, as in -L 3000:localhost:8080")
        return exit_codes.USAGE

    from pyssh_cli.forward.keeper import run  # noqa: PLC0415  # asyncio takes its time

    return run(settings, output, why=why, once=once)
