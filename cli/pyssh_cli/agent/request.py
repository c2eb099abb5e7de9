"""The arguments of `pyssh agent`, which are ssh-agent's."""

import os
from collections.abc import Mapping, Sequence
from typing import Final

from pyssh.errors import SSHError
from pyssh.record import Record
from pyssh_cli.getopt import BadUsageError, Flag, parse
from pyssh_config.errors import ConfigError, escape

__all__ = ["DEFAULT_DIRECTORY", "FLAGS", "CommandError", "Request", "parse_request", "reason"]

DEFAULT_DIRECTORY: Final = "user:.ssh/agent"
_DEFAULT_PROVIDERS: Final = "/usr/lib*/*,/usr/local/lib*/*"
_HASHES: Final = ("md5", "sha1", "sha256", "sha384", "sha512")
_FATAL: Final = 255
_OPTIONS: Final = ("no-restrict-websafe", "allow-remote-pkcs11")

FLAGS: Final = (
    Flag("a", value="path", help="listen at this path"),
    Flag("A", value="directory", help="listen in this one, user:directory or shared:directory"),
    Flag("c", help="print commands for a C shell"),
    Flag("D", help="stay in the foreground"),
    Flag("d", help="stay in the foreground and tell what happens"),
    Flag("E", value="hash", help="how fingerprints are shown when a key is to be confirmed"),
    Flag("k", help="end the agent that SSH_AGENT_PID names"),
    Flag("O", value="option", help="none of ssh-agent's are supported"),
    Flag("P", value="patterns", help="which providers security keys may have"),
    Flag("s", help="print commands for a Bourne shell"),
    Flag("T", help="listen in a new directory in $TMPDIR"),
    Flag("t", value="time", help="how long keys are kept that are added without a time"),
    Flag("U", help="do not look for sockets that dead agents left"),
    Flag("u", help="delete the sockets that dead agents left; twice, those of other hosts too"),
    Flag(name="help", help="show this"),
)


class CommandError(SSHError):
    """The end of the command: one line, and the exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def reason(error: OSError) -> str:
    """Return the system's words for an error."""
    return os.strerror(error.errno) if error.errno else str(error)


class Request(Record):
    """What is to be done.

    `bind_path` or `directory` is where to listen; `lifetime` is in seconds; `clean_up` is how thoroughly to
    look for sockets of dead agents: not at all, on this host, everywhere.
    """

    bind_path: str | None
    directory: str
    c_shell: bool
    foreground: bool
    debug: bool
    hash_name: str
    kill: bool
    providers: str
    lifetime: int | None
    clean_up: int
    only_clean_up: bool
    takes_activation: bool
    command: tuple[str, ...]


def parse_request(arguments: Sequence[str], environ: Mapping[str, str]) -> Request | None:
    """Read the arguments; None if only help is wanted. `BadUsageError` or `CommandError` for wrong ones."""
    read = parse(arguments, FLAGS)
    given: dict[str, list[str]] = {}
    for key, value in read.flags:
        given.setdefault(key, []).append(value)
    if "help" in given:
        return None
    _check_together(given, bool(read.words))
    for option in given.get("O", ()):
        known = "is not supported: there are no tokens here" if option in _OPTIONS else "is unknown"
        raise CommandError(f"pyssh agent: -O {escape(option)} {known}", _FATAL)
    shell = environ.get("SHELL", "")
    return Request(
        bind_path=given["a"][-1] if "a" in given else None,
        directory=_directory(given, environ),
        c_shell="c" in given or ("s" not in given and not read.words and shell.endswith("csh")),
        foreground="D" in given or "d" in given,
        debug="d" in given,
        hash_name=_hash(given),
        kill="k" in given,
        providers=given.get("P", [_DEFAULT_PROVIDERS])[0],
        lifetime=_lifetime(given),
        clean_up=0 if "U" in given else max(1, len(given.get("u", ()))),
        only_clean_up="u" in given,
        takes_activation=not given.keys() & {"a", "A", "T"} and bool(given.keys() & {"d", "D"}),
        command=read.words,
    )


def _check_together(given: Mapping[str, Sequence[str]], has_command: bool) -> None:
    if sum(flag in given for flag in ("a", "A", "T")) > 1:
        raise BadUsageError("only one of -a, -A and -T says where to listen")
    if "c" in given and "s" in given:
        raise BadUsageError("only one of -c and -s says for which shell")
    if sum(len(given.get(flag, ())) for flag in ("d", "D")) > 1:
        raise BadUsageError("one of -d and -D, once")
    if len(given.get("P", ())) > 1:
        raise BadUsageError("-P was given twice")
    alone = sorted(given.keys() & {"c", "k", "s", "d", "D", "u"})
    if has_command and alone:
        raise BadUsageError(f"-{alone[0]} does not go with a command")
    if "u" in given and "U" in given:
        raise BadUsageError("only one of -u and -U")


def _directory(given: Mapping[str, Sequence[str]], environ: Mapping[str, str]) -> str:
    if "T" in given:
        return f"shared:{environ.get('TMPDIR') or '/tmp'}"  # noqa: S108  # a private directory is made in it
    directory = given.get("A", [DEFAULT_DIRECTORY])[-1]
    if not directory.startswith(("user:", "shared:/")):
        problem = "it begins with user: or, with an absolute path, shared:"
        raise CommandError(f"pyssh agent: -A {escape(directory)}: {problem}")
    return directory


def _hash(given: Mapping[str, Sequence[str]]) -> str:
    name = given.get("E", ["sha256"])[-1].lower()
    if name not in _HASHES:
        raise CommandError(f'Invalid hash algorithm "{escape(name)}"', _FATAL)
    return name


def _lifetime(given: Mapping[str, Sequence[str]]) -> int | None:
    if "t" not in given:
        return None
    from pyssh_config.values import parse_time  # noqa: PLC0415  # most agents keep their keys

    try:
        # with 0, as with ssh-agent, keys stay
        return parse_time(given["t"][-1]) or None
    except (ConfigError, ValueError):
        raise CommandError("Invalid lifetime; -t takes seconds, or a time as 1h30m") from None
