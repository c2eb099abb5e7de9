"""`pyssh add`, in the place of ssh-add: arguments and help, and which operation they ask for."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from pyssh.errors import SSHError
from pyssh_cli import exit_codes
from pyssh_cli.add.request import FLAGS, AddError, Request, parse_request
from pyssh_cli.getopt import BadUsageError, format_flags

if TYPE_CHECKING:
    from pyssh_cli.agent_client import AgentClient

__all__ = ["main"]

_NO_AGENT: Final = 2


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments say; return the exit code, which is ssh-add's."""
    from pyssh_cli.add.report import say, warn  # noqa: PLC0415  # keys come with it: --help needs none

    environ = os.environ
    try:
        request = parse_request(arguments, environ)
        if request is None:
            say(_help())
            return exit_codes.OK
        return _run(request, environ)
    except BadUsageError as error:
        warn(f"pyssh add: {error}; pyssh add --help lists what there is")
        return exit_codes.FAILED
    except AddError as error:
        if text := str(error):
            warn(text)
        return error.code
    except SSHError as error:
        from pyssh_config.errors import escape  # noqa: PLC0415  # not needed when all is well

        warn(f"pyssh add: {escape(str(error))}")
        return exit_codes.FAILED


def _run(request: Request, environ: Mapping[str, str]) -> int:
    from pyssh_cli.agent_client import AgentClient  # noqa: PLC0415  # as above

    if request.action == "K":
        raise AddError("keys cannot be loaded from a security key: resident keys are not supported", 1)
    path = environ.get("SSH_AUTH_SOCK")
    if not path:
        raise AddError("Could not open a connection to your authentication agent.", _NO_AGENT)
    try:
        agent = AgentClient.connect(path)
    except OSError as error:
        raise AddError(f"Error connecting to agent: {error.strerror or error}", _NO_AGENT) from None
    with contextlib.closing(agent):
        return _operate(request, agent, environ)


def _operate(request: Request, agent: "AgentClient", environ: Mapping[str, str]) -> int:
    from pyssh_cli.add import whole  # noqa: PLC0415  # as above
    from pyssh_cli.client.prompt import Prompter  # noqa: PLC0415

    prompter = Prompter(environ, from_stdin=True)
    match request.action:
        case "l" | "L":
            return whole.list_keys(request, agent)
        case "x" | "X":
            return whole.lock(request, agent, prompter)
        case "D":
            return whole.delete_all(request, agent)
        case "Q":
            return whole.list_extensions(agent)
    from pyssh_cli.add.files import Files  # noqa: PLC0415
    from pyssh_cli.add.limits import constraints_of  # noqa: PLC0415
    from pyssh_cli.add.loading import Loader  # noqa: PLC0415
    from pyssh_cli.add.report import output_for  # noqa: PLC0415

    loader = Loader(request, prompter)
    limits = constraints_of(request, output_for(request))
    if request.action == "s":
        return whole.change_token(request, agent, prompter, loader, limits)
    files = Files(request, agent, loader, limits)
    return files.test() if request.action == "T" else files.run()


def _help() -> str:
    return "\n".join(
        [
            "usage: pyssh add [flag ...] [file ...]",
            "       pyssh add -s pkcs11 [certificate ...]",
            "       pyssh add -e pkcs11",
            "       pyssh add -T file ...",
            "",
            "Gives keys to an authentication agent, lists them, and takes them away, as ssh-add does.",
            "Without a file, the keys that are usual in ~/.ssh.",
            "",
            format_flags(FLAGS),
        ]
    )
