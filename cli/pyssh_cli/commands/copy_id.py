"""`pyssh copy-id`, in the place of ssh-copy-id: arguments, help, and what is said of it."""

import os
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from pyssh_cli import exit_codes
from pyssh_cli.copy_id.request import FLAGS, CopyError, Request, parse_request
from pyssh_cli.getopt import BadUsageError, format_flags
from pyssh_cli.output import Output

if TYPE_CHECKING:
    from pyssh_cli.copy_id.install import Installed
    from pyssh_cli.copy_id.keys import Installable

__all__ = ["main"]

PROGRAM: Final = "pyssh copy-id"
USAGE: Final = "usage: pyssh copy-id [-fnsx] [-i file] [-p port] [-F file] [-o option] [-t path] [user@]host"


def main(arguments: Sequence[str]) -> int:
    """Install keys on a server; return ssh-copy-id's exit code."""
    output = Output(PROGRAM)
    try:
        request = parse_request(arguments)
        if request is None:
            output.result(_help())
            return exit_codes.OK
        return _copy(request, output)
    except BadUsageError as error:
        output.error(f"{error}; pyssh copy-id --help lists what there is")
    except BrokenPipeError:
        raise
    except OSError as error:
        # the server and the files have been looked after; what is left is our own output
        output.error(f"cannot write: {error.strerror}")
    except CopyError as error:
        if text := str(error):
            output.error(text)
    return exit_codes.FAILED


def _copy(request: Request, output: Output) -> int:
    from pyssh_cli.copy_id.install import install, is_accepted  # noqa: PLC0415  # --help needs no engine
    from pyssh_cli.copy_id.keys import find_keys  # noqa: PLC0415

    keys = find_keys(request, os.environ, output)
    if not request.is_forced:
        output.info("Trying whether they let you in already")
        keys = [key for key in keys if not is_accepted(request, key, output)]
        if not keys:
            output.info("All of them do: nothing is installed (-f installs them all the same)")
            return exit_codes.OK
    if request.only_show:
        output.result("\n".join(["Would be installed:", *(key.line for key in keys)]))
        return exit_codes.OK
    output.info(f"To be installed: {len(keys)}")
    done = _by_sftp(request, keys) if request.by_sftp else install(request, keys, output)
    if done.present:
        output.info(f"In {request.target} before: {done.present}")
    output.result(f"Number of key(s) added: {done.added}")
    output.result(f"Log in to see that it works: {_login_words(request)}")
    return exit_codes.OK


def _by_sftp(request: Request, keys: "Sequence[Installable]") -> "Installed":
    from pyssh_cli.copy_id.sftp import install  # noqa: PLC0415  # for those who ask for it

    return install(request, keys)


def _login_words(request: Request) -> str:
    options = [word for key, value in request.options for word in (f"-{key}", value)]
    identity = ["-i", request.identity.removesuffix(".pub")] if request.identity else []
    return shlex.join(["pyssh", *identity, *options, request.host])


def _help() -> str:
    return "\n".join(
        [
            USAGE,
            "",
            "Installs your public keys on a server, so that you can log in with them: those of the agent, or",
            "else the newest in ~/.ssh. What is there already is not written again.",
            "",
            format_flags(FLAGS),
        ]
    )
