"""The entry points: `pyssh` with its subcommands, and `pyssh-server`.

Start-up time counts, so this imports one command's module and nothing else.
"""

import atexit
import contextlib
import errno
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from pyssh.about import SOFTWARE_VERSION, VERSION
from pyssh_cli import exit_codes
from pyssh_cli.commands import COMMANDS, DEFAULT

__all__ = ["main", "run", "server_main"]

_SERVER: Final = "serve"
_LIKE_SSH: Final = (DEFAULT, "keygen")
"""What exits with 255 when it fails, as what it stands in for: for the others of OpenSSH it is 1."""

_OF_OUTPUT: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""How a write to standard output fails that was sent into a file or to a terminal."""


def main() -> NoReturn:
    """`pyssh`, with the arguments of the process."""
    _occupy_standard_descriptors()
    _be(sys.argv[1:])


def server_main() -> NoReturn:
    """`pyssh-server`, with the arguments of the process."""
    _occupy_standard_descriptors()
    _be([_SERVER, *sys.argv[1:]])


def _be(arguments: Sequence[str]) -> NoReturn:
    try:
        code = _run(arguments)
    except KeyboardInterrupt:
        # a shell ends its loop only when it sees that what it ran died of the signal
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        code = exit_codes.INTERRUPTED
    _leave(code)


def _occupy_standard_descriptors() -> None:
    """Put /dev/null where who started us had closed standard input, output or error.

    Else the next socket or file would get such a number, and what is printed would go there.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # the lowest free number, and those below it are taken
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115


def _leave(code: int) -> NoReturn:
    """End the process without taking the interpreter apart first, which nobody needs and costs 15 ms."""
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            # None if who started us had closed it
            if stream is not None:
                stream.flush()
    except OSError:
        code = code or exit_codes.FAILED
    os._exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run the subcommand that the first argument names, or `connect`; return the exit code.

    `--debug` before everything else shows the traceback of a failure that nobody foresaw.
    """
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED


def _run(arguments: Sequence[str]) -> int:
    words = list(arguments)
    if words == ["--help"]:
        print(_help())
        return exit_codes.OK
    name = words.pop(0) if words and words[0] in COMMANDS else DEFAULT
    program = "pyssh-server" if name == _SERVER else "pyssh"
    debug = words[:1] == ["--debug"]
    if debug:
        del words[0]
    if words in (["-V"], ["--version"]):
        _print_version(words[0], program)
        return exit_codes.OK
    failed = exit_codes.SSH_FAILED if name in _LIKE_SSH else exit_codes.FAILED
    try:
        code: int = importlib.import_module(COMMANDS[name].module).main(words)
    except BrokenPipeError:
        # whoever read our output has gone, and Python's last flush must not fail as well
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return failed
    except Exception as error:
        if debug:
            raise
        _say(f"{program}: {_in_one_line(error)}")
        return failed
    return code


def _say(text: str) -> None:
    # `print` takes None for standard output
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(text, file=sys.stderr, flush=True)


def _in_one_line(error: Exception) -> str:
    from pyssh_config.errors import escape  # noqa: PLC0415  # not needed when all is well

    if isinstance(error, OSError) and error.errno in _OF_OUTPUT and error.filename is None:
        return f"cannot write: {os.strerror(error.errno)}"
    return f"unforeseen {type(error).__name__}: {escape(str(error))}; --debug in front shows where"


def _print_version(flag: str, program: str) -> None:
    if flag == "-V":
        # where and how ssh says it: scripts look for it there
        _say(f"{SOFTWARE_VERSION}, Python {sys.version.split()[0]}")
    else:
        print(program, VERSION)


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name.ljust(width)}  {command.help}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: pyssh [option ...] [user@]host [command ...]",
            "       pyssh subcommand ...",
            "",
            "An SSH client. Subcommands:",
            *lines,
            "",
            "Without a subcommand it is connect. `pyssh connect --help` and so on say more.",
        ]
    )
