"""`pyssh-server`, also `pyssh serve`: arguments and help only."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pyssh.about import SOFTWARE_VERSION, VERSION
from pyssh.errors import SSHError
from pyssh_cli import exit_codes
from pyssh_cli.getopt import BadUsageError, Flag, Words, format_flags, parse
from pyssh_cli.output import Level, Output
from pyssh_cli.server.passwords import PasswordHash, hash_password, print_hash, read_password_file
from pyssh_cli.server.settings import Request
from pyssh_cli.server.start import Mode, Start, start
from pyssh_config.errors import escape
from pyssh_config.forwards import parse_listen_address
from pyssh_config.values import parse_port

__all__ = ["FLAGS", "main"]

PROGRAM: Final = "pyssh-server"
PASSWORD_VARIABLE: Final = "PYSSH_PASSWORD"  # noqa: S105  # where it is, not what

FLAGS: Final = (
    Flag("p", "port", "PORT", "listen on PORT (repeatable; default 22; 0 lets the system choose)"),
    Flag(name="listen", value="ADDRESS[:PORT]", help="listen there only (repeatable)"),
    Flag("4", help="use IPv4 only"),
    Flag("6", help="use IPv6 only"),
    Flag("h", "host-key", "FILE", "use this private host key (repeatable; default: one of our own)"),
    Flag(name="authorized-keys", value="FILE", help="read authorized keys there (repeatable)"),
    Flag(name="user", value="NAME", help=f"log in NAME with the password in ${PASSWORD_VARIABLE}"),
    Flag(name="password-file", value="FILE", help="log in the users of these lines name:hash"),
    Flag(name="hash-password", help="ask for a password and print its hash; with a name, the whole line"),
    Flag("f", "config", "FILE", "read FILE, in the format of sshd_config (default: none)"),
    Flag("o", value="KEYWORD=VALUE", help="as a line of the configuration, before all of them"),
    Flag("t", help="check the configuration and the host keys, and exit"),
    Flag("T", help="print the configuration as it is in effect, and exit"),
    Flag("i", help="serve the one connection on standard input and output"),
    Flag("D", help="stay in the foreground (as it does anyway)"),
    Flag(name="daemon", help="go to the background when it listens"),
    Flag("E", value="LOGFILE", help="append the log to LOGFILE"),
    Flag("e", help="log to standard error, also with -i or --daemon -t"),
    Flag("v", help="log more: why each login was refused (-vv and more: debugging)"),
    Flag("d", help="log for debugging (-dd, -ddd: more)"),
    Flag("q", help="log errors only"),
    Flag("V", help="print the version as sshd does, and exit"),
    Flag(name="version", help="print the version, and exit"),
    Flag(name="help", help="print this, and exit"),
)


_VERBOSE: Final = (Level.INFO, Level.VERBOSE, Level.DEBUG, Level.DEBUG2, Level.DEBUG3)
_DEBUG: Final = (Level.INFO, Level.DEBUG, Level.DEBUG2, Level.DEBUG3)


def main(words: Sequence[str]) -> int:
    """Run the server with these arguments; return the exit code, which is sshd's."""
    # the environment can be read by whoever may look at this process, and is handed to those it starts
    password = os.environ.pop(PASSWORD_VARIABLE, None)
    output = Output(PROGRAM)
    try:
        return _run(parse(words, FLAGS), password, output)
    except BadUsageError as error:
        output.error(f"{error}; {PROGRAM} --help lists the options")
    except SSHError as error:
        output.error(str(error))
    return exit_codes.FAILED


def _run(arguments: Words, password: str | None, output: Output) -> int:
    given = {name for name, _ in arguments.flags}
    if "help" in given:
        print(_help())
    elif "version" in given:
        print(PROGRAM, VERSION)
    elif "V" in given:
        print(SOFTWARE_VERSION, file=sys.stderr)
    elif "hash-password" in given:
        return print_hash(_one_name(arguments), password, output)
    else:
        return start(_start_request(arguments, password), output)
    return exit_codes.OK


def _one_name(arguments: Words) -> str:
    names = [*_values(arguments, "user"), *arguments.words]
    if len(names) > 1:
        raise BadUsageError("--hash-password takes one name at most")
    return names[0] if names else ""


def _values(arguments: Words, key: str) -> list[str]:
    return [value for name, value in arguments.flags if name == key]


def _start_request(arguments: Words, password: str | None) -> Start:
    if arguments.words:
        raise BadUsageError(f"there is nothing to do with {escape(arguments.words[0])}")
    given = {name for name, _ in arguments.flags}
    config = [_absolute(path) for path in _values(arguments, "config")]
    modes = [mode for mode in Mode if mode.value in given]
    if "daemon" in given and Mode.ONE in modes:
        raise BadUsageError("-i serves whoever started it, so it cannot go with --daemon")
    files = _values(arguments, "E")
    return Start(
        Request(
            None if config[-1:] in ([], [_absolute("none")]) else config[-1],
            tuple(_overrides(arguments)),
            _passwords(arguments, password),
        ),
        modes[0] if modes else Mode.LISTEN,
        is_daemon="daemon" in given and "D" not in given,
        level=_level(arguments),
        log_file=_absolute(files[-1]) if files else None,
        log_to_stderr="e" in given,
    )


def _absolute(path: str) -> str:
    # a daemon leaves the directory it was started in, and reads its files again on SIGHUP
    return str(Path(path).absolute())


def _overrides(arguments: Words) -> list[str | tuple[str, Any]]:
    found: list[str | tuple[str, Any]] = list(_values(arguments, "o"))
    if ports := _values(arguments, "port"):
        found.insert(0, ("port", tuple(parse_port(port, low=0) for port in ports)))
    if places := _values(arguments, "listen"):
        found.insert(0, ("listen_address", tuple(map(parse_listen_address, places))))
    if keys := _values(arguments, "host-key"):
        found.insert(0, ("host_key", tuple(map(_absolute, keys))))
    if files := _values(arguments, "authorized-keys"):
        # these are names of files, in which nothing is to be replaced
        found.insert(0, ("authorized_keys_file", tuple(_absolute(path).replace("%", "%%") for path in files)))
    families = [{"4": "inet", "6": "inet6"}[name] for name, _ in arguments.flags if name in ("4", "6")]
    if families:
        found.insert(0, ("address_family", families[-1]))
    return found


def _passwords(arguments: Words, password: str | None) -> dict[str, PasswordHash]:
    found: dict[str, PasswordHash] = {}
    for path in _values(arguments, "password-file"):
        found |= read_password_file(path)
    users = _values(arguments, "user")
    if users:
        if not password:
            raise BadUsageError(f"--user needs the password in the environment variable {PASSWORD_VARIABLE}")
        found[users[-1]] = hash_password(password)
    return found


def _level(arguments: Words) -> Level | None:
    names = [name for name, _ in arguments.flags]
    if "q" in names:
        return Level.ERROR
    if not {"v", "d"} & set(names):
        return None
    return max(
        _VERBOSE[min(names.count("v"), len(_VERBOSE) - 1)], _DEBUG[min(names.count("d"), len(_DEBUG) - 1)]
    )


def _help() -> str:
    return "\n".join(
        [
            f"usage: {PROGRAM} [option ...]",
            "",
            "An SSH server. Without options it serves the user who starts it, on port 22 (see --port),",
            "with the keys in ~/.ssh/authorized_keys and a host key that it makes for itself.",
            "",
            format_flags(FLAGS),
        ]
    )
