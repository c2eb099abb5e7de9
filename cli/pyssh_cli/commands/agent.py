"""`pyssh agent`, in the place of ssh-agent: arguments and help, and which operation they ask for."""

import os
import sys
from collections.abc import Sequence

from pyssh_cli import exit_codes
from pyssh_cli.agent.request import FLAGS, CommandError, parse_request
from pyssh_cli.getopt import BadUsageError, format_flags

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments say; return the exit code, which is ssh-agent's."""
    # ours, so that what is taken from it is not handed on to a command or an askpass
    environ = dict(os.environ)
    try:
        request = parse_request(arguments, environ)
        if request is None:
            print(_help())
            return exit_codes.OK
        if request.kill:
            from pyssh_cli.agent.start import end_agent  # noqa: PLC0415  # one operation, one module

            return end_agent(request, environ)
        if request.only_clean_up:
            from pyssh_cli.agent.sockets import clean_up  # noqa: PLC0415

            clean_up(request.directory, all_hosts=request.clean_up > 1, tell=print)
            return exit_codes.OK
        from pyssh_cli.agent.start import start  # noqa: PLC0415

        return start(request, environ)
    except BadUsageError as error:
        print(f"pyssh agent: {error}; pyssh agent --help lists what there is", file=sys.stderr)
        return exit_codes.FAILED
    except CommandError as error:
        print(error, file=sys.stderr)
        return error.code


def _help() -> str:
    return "\n".join(
        [
            "usage: pyssh agent [-c | -s] [-DdU] [-T | -A directory | -a path] [flag ...]",
            "       pyssh agent [-U] [-T | -A directory | -a path] [flag ...] command [argument ...]",
            "       pyssh agent [-c | -s] -k",
            "       pyssh agent -u [-u] [-A directory]",
            "",
            "Holds keys and signs with them for ssh and others, as ssh-agent does.",
            "",
            format_flags(FLAGS),
        ]
    )
