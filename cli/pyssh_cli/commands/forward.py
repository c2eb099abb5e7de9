"""`pyssh forward`: arguments and help only."""

import os
from collections.abc import Sequence
from typing import Final

from pyssh.errors import SSHError
from pyssh_cli import exit_codes
from pyssh_cli.flags import SSH_FLAGS
from pyssh_cli.getopt import BadUsageError, Flag, HostCommand, format_flags, parse_host_command
from pyssh_cli.output import Output, escape

__all__ = ["main"]

PROGRAM: Final = "pyssh forward"
USAGE: Final = "usage: pyssh forward [option ...] -L|-R|-D forward ... [[user@]host]"

_SHARED: Final = frozenset("46bCcDEFgiJLlmopqRv")
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


def _destination(host: str) -> tuple[str, str]:
    """Return where to go and why."""
    if host:
        return host, ""
    named = os.environ.get("PYSSH_HOST", "")
    if named:
        return named if "://" in named else f"ssh://{named}", " (from PYSSH_HOST)"
    return "localhost", " (no host was given, and PYSSH_HOST is not set)"


def _forward(command: HostCommand, output: Output, *, once: bool) -> int:
    from pyssh_cli.settings import load  # noqa: PLC0415  # --help does not need it

    host, why = _destination(command.host)
    # -N: no session, so that Match sessiontype and the like see what this is
    flags = (*(flag for flag in command.flags if flag[0] != "once"), ("N", ""))
    try:
        settings = load(HostCommand(flags, host, ()), output)
    except (SSHError, OSError) as error:
        output.error(str(error))
        return exit_codes.SSH_FAILED
    config = settings.config
    if not (config.local_forward or config.remote_forward or config.dynamic_forward):
        output.error("nothing to forward: give -L, -R or -D, as in -L 3000:localhost:8080")
        return exit_codes.USAGE

    from pyssh_cli.forward.keeper import run  # noqa: PLC0415  # asyncio takes its time

    return run(settings, output, why=why, once=once)
