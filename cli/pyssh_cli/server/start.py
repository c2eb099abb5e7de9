"""The start of a server: settings, sockets, what the user is told, and then the loop."""

import sys
from collections.abc import Sequence
from enum import Enum

from pyssh.record import Record
from pyssh_cli import exit_codes
from pyssh_cli.output import (
    LOG_LEVELS,
    Level,
    Output,
    Sink,
    escape,
    file_sink,
    stream_sink,
    syslog_sink,
)
from pyssh_cli.server.accounts import Account, find_account, own_account
from pyssh_cli.server.authentication import PASSWORD_METHODS, offered_methods
from pyssh_cli.server.authorized import read_authorized_keys
from pyssh_cli.server.listening import describe_sockets, login_line, open_sockets
from pyssh_cli.server.passwords import hash_password, make_password
from pyssh_cli.server.run import (
    become_daemon,
    ends_with_terminal,
    listen_for_ever,
    reset_signals,
    serve_standard_streams,
)
from pyssh_cli.server.settings import Request, Settings, load_config, load_settings
from pyssh_config.errors import ConfigError

__all__ = ["Mode", "Start", "start"]


class Mode(Enum):
    """What the server is started for; the values are the flags."""

    CHECK = "t"
    PRINT = "T"
    ONE = "i"
    LISTEN = ""


class Start(Record):
    """What the command line asks for. `level` None leaves it to LogLevel."""

    request: Request
    mode: Mode
    is_daemon: bool
    level: Level | None
    log_file: str | None
    log_to_stderr: bool


def start(wanted: Start, output: Output) -> int:
    """Do what is wanted, to its end; return the exit code. Raises SSHError that says why it cannot be."""
    own = own_account()
    if wanted.mode is Mode.PRINT:
        output.result("\n".join(load_config(wanted.request).lines()))
        return exit_codes.OK
    output.level = wanted.level or Level.INFO
    settings = load_settings(wanted.request, own, output)
    if wanted.level is None:
        output.level = LOG_LEVELS[settings.config.log_level]
    output.always = settings.config.log_verbose
    _check_users(wanted.request, own)
    if wanted.mode is Mode.CHECK:
        return exit_codes.OK
    in_terminal = ends_with_terminal() and not wanted.is_daemon
    reset_signals()
    settings = _with_observer(settings, output)
    if wanted.mode is Mode.ONE:
        output.sink = _sink(wanted, output.program, settings.config.syslog_facility)
        return serve_standard_streams(settings, output)
    return _listen(wanted, settings, own, output, in_terminal=in_terminal)


def _check_users(request: Request, own: Account) -> None:
    if own.uid != 0:
        return
    for name in request.passwords:
        if find_account(name) is None:
            raise ConfigError(f"this system has no user {escape(name)} who could be logged in")


def _with_observer(settings: Settings, output: Output) -> Settings:
    if not output.is_shown(Level.DEBUG3):
        return settings
    return settings.replace(options=settings.options.replace(observer=output.trace))


def _sink(wanted: Start, program: str, facility: str) -> Sink:
    if wanted.log_file is not None:
        try:
            return file_sink(wanted.log_file, with_time=True)
        except OSError as error:
            raise ConfigError(f"cannot write the log there: {error.strerror}", path=wanted.log_file) from None
    # under -i standard error may be the client itself, or the terminal of somebody who runs ssh
    is_quiet = wanted.is_daemon or (wanted.mode is Mode.ONE and wanted.level is None)
    return syslog_sink(program, facility) if is_quiet and not wanted.log_to_stderr else stream_sink()


def _listen(wanted: Start, settings: Settings, own: Account, output: Output, *, in_terminal: bool) -> int:
    sockets = open_sockets(settings.config)
    request, password = wanted.request, ""
    keys, problems = _usable_keys(settings, own)
    if _wants_password(wanted, settings, own) and not keys:
        password = make_password()
        request = request.replace(run_password=hash_password(password))
        settings = _with_observer(load_settings(request, own, output), output)
    log = _sink(wanted, output.program, settings.config.syslog_facility)
    user = next(iter(request.passwords), own.name)
    lines = [f"Host key {signer.key.key_type} {signer.key.fingerprint()}" for signer in settings.signers]
    lines += ["To log in, in another terminal:", f"    {login_line(sockets, user)}"]
    lines += _ways_in(settings, request, keys, problems, password)
    introduction = [*describe_sockets(sockets), *lines]
    if wanted.is_daemon:
        _tell(introduction, output)
        become_daemon()
        introduction = []

    def ready() -> None:
        # to whoever starts the server, wherever the log goes: the log gets no password
        _tell(introduction, output)
        if wanted.is_daemon or wanted.log_file is not None:
            output.sink = log
            _tell(describe_sockets(sockets), output)

    return listen_for_ever(
        request, settings, own, sockets, output=output, in_terminal=in_terminal, ready=ready
    )


def _tell(lines: Sequence[str], output: Output) -> None:
    for line in lines:
        output.info(line)


def _usable_keys(settings: Settings, own: Account) -> tuple[int, list[str]]:
    config = settings.config
    paths = config.authorized_keys_paths(user=own.name, home=own.home, uid=own.uid)
    files, problems = read_authorized_keys(own, paths, strict=config.strict_modes)
    return sum(len(file.keys) for file in files) if config.pubkey_authentication else 0, problems


def _wants_password(wanted: Start, settings: Settings, own: Account) -> bool:
    """Whether a password may be made for this run: only for somebody who sees it."""
    offered = offered_methods(settings.config, with_passwords=True)
    is_personal = wanted.request.config_file is None or own.uid != 0
    is_seen = sys.stderr is not None and sys.stderr.isatty() and not wanted.is_daemon and _is_told(wanted)
    return is_personal and is_seen and not wanted.request.passwords and bool({*PASSWORD_METHODS} & {*offered})


def _is_told(wanted: Start) -> bool:
    """Whether the lines for the user appear at all."""
    return wanted.level is None or wanted.level >= Level.INFO


def _ways_in(
    settings: Settings, request: Request, keys: int, problems: Sequence[str], password: str
) -> list[str]:
    if password:
        return [
            "There is no authorized key yet, so this run has a password, which ends with it:",
            f"    {password}",
        ]
    offered = offered_methods(settings.config, with_passwords=settings.policy.passwords is not None)
    if not offered:
        return ["but nobody can log in: no authentication method is switched on"]
    lines = []
    if keys:
        lines.append(f"with one of the authorized keys (there {'is 1' if keys == 1 else f'are {keys}'})")
    with_passwords = bool({*PASSWORD_METHODS} & {*offered})
    if with_passwords and request.passwords:
        lines.append(f"with the password of {', '.join(escape(name) for name in request.passwords)}")
    elif with_passwords:
        own = "" if keys else " (root has no authorized key yet)"
        lines.append(f"with the password or a key of an account of this system{own}")
    if not lines:
        lines = [f"but nobody can log in yet: there is no authorized key ({'; '.join(problems)})"]
    return lines
