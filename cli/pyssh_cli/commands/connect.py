"""`pyssh [user@]host [command]`: arguments and help only.

The order of imports is deliberate: what takes long is imported while the connection is being made, so that
the server works meanwhile.
"""

import gc
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyssh.errors import SSHError
from pyssh_cli import exit_codes
from pyssh_cli.flags import NOT_SUPPORTED, SSH_FLAGS, USAGE
from pyssh_cli.getopt import BadUsageError, HostCommand, parse_host_command
from pyssh_cli.output import Output

if TYPE_CHECKING:
    from pyssh_cli.settings import Settings

__all__ = ["main"]

PROGRAM = "pyssh"


def main(arguments: Sequence[str]) -> int:
    """Log in and run a session; return ssh's exit code."""
    # modules are no garbage: looking for some while they are imported costs a tenth of the time
    gc.disable()
    output = Output(PROGRAM)
    try:
        command = parse_host_command(arguments, SSH_FLAGS)
        given = {key for key, _ in command.flags}
        if "help" in given:
            return _help(output)
        if "V" in given:
            return _version(output)
    except BadUsageError as error:
        return _refuse(str(error), output)
    if "Q" in given:
        return _print_answers([value for key, value in command.flags if key == "Q"], output)
    for key in NOT_SUPPORTED:
        if key in given and "G" not in given:
            output.error(f"-{key}: {NOT_SUPPORTED[key]}")
            return exit_codes.SSH_FAILED
    if not command.host:
        return _refuse("which host? None was given", output)
    return _connect(command, output)


def _refuse(problem: str, output: Output) -> int:
    output.error(problem)
    output.info(f"{USAGE}\npyssh connect --help lists the options")
    return exit_codes.SSH_FAILED


def _connect(command: HostCommand, output: Output) -> int:
    from pyssh_cli.settings import load  # noqa: PLC0415  # --help needs neither it nor the others

    try:
        settings = load(command, output)
        if any(key == "G" for key, _ in command.flags):
            return _print_effective(settings, output)
        if settings.uses_master:
            from pyssh_cli.mux.client import run_through_master  # noqa: PLC0415  # where connections are shared

            code = run_through_master(settings, settings.mux_command, output)
            if code is not None:
                return code
        background = None
        if settings.persists:
            from pyssh_cli.mux.persist import start_master  # noqa: PLC0415  # as above

            started = start_master(settings, output)
            if isinstance(started, int):
                return started
            background = started
        elif settings.config.fork_after_authentication:
            from pyssh_cli.client.background import Background  # noqa: PLC0415  # rarely wanted

            background = Background.start()
        from pyssh_cli.client.dial import Dialing  # noqa: PLC0415  # who has a master needs no connection

        dialing = Dialing.start(settings.first_hop, output)
    except (SSHError, OSError) as error:
        output.error(str(error))
        return exit_codes.SSH_FAILED

    from pyssh_cli.client.start import run  # noqa: PLC0415  # the engine: while the connection is made

    return run(settings, dialing, background, output)


def _print_effective(settings: "Settings", output: Output) -> int:
    from pyssh_cli.client.effective import effective_lines  # noqa: PLC0415  # not on the way of a login

    output.result("\n".join(effective_lines(settings.config)))
    return exit_codes.OK


def _print_answers(queries: Sequence[str], output: Output) -> int:
    from pyssh_cli.client.queries import UnknownQueryError, answer  # noqa: PLC0415  # needs all algorithms

    try:
        output.result("\n".join(answer(queries[0])))
    except UnknownQueryError as error:
        output.error(str(error))
        return exit_codes.SSH_FAILED
    return exit_codes.OK


def _help(output: Output) -> int:
    from pyssh_cli.flags import help_text  # noqa: PLC0415  # not on the way of a login

    output.result(help_text())
    return exit_codes.OK


def _version(output: Output) -> int:
    import platform  # noqa: PLC0415  # not on the way of a login

    from pyssh.about import SOFTWARE_VERSION  # noqa: PLC0415

    output.info(f"{SOFTWARE_VERSION}, Python {platform.python_version()}")
    return exit_codes.OK
