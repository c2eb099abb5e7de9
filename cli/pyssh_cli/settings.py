"""Flags over configuration files over defaults, ending in what a session needs.

For each keyword the first value wins, and flags come first.
"""

import os
from typing import Any, Final

from pyssh.record import Record
from pyssh_cli.getopt import Given, HostCommand
from pyssh_cli.output import LOG_LEVELS, Output, file_sink, syslog_sink
from pyssh_cli.overrides import Override, SettingsError, overrides
from pyssh_config.client import ClientConfig, ConfigFile
from pyssh_config.client_reader import SYSTEM_DIRECTORY
from pyssh_config.errors import ConfigError
from pyssh_config.forwards import (
    Address,
    UnixPath,
    parse_destination,
    parse_stdio_forward,
)
from pyssh_config.match import ClientContext, SessionKind
from pyssh_config.route import hops, said_of_hop

__all__ = ["Settings", "load"]


class Settings(Record):
    """One run of the client. `route` are the hosts to go through, each with its configuration, and the last.

    `command` is empty for a shell, and the subsystem's name if `session` is that. `mux_command` is what -O
    asks of a master.
    """

    route: tuple[ClientConfig, ...]
    session: SessionKind
    command: bytes = b""
    stdio_forward: Address | UnixPath | None = None
    terminal: str = "auto"
    logs_to_stderr: bool = True
    mux_command: str = ""
    local_command: str = ""

    @property
    def config(self) -> ClientConfig:
        """The configuration of the destination."""
        return self.route[-1]

    @property
    def uses_master(self) -> bool:
        """Whether somebody else's connection is to be used, if there is one."""
        config = self.config
        return bool(self.mux_command) or (
            config.control_path is not None and config.control_master in ("no", "auto", "autoask")
        )

    @property
    def is_master(self) -> bool:
        """Whether others are to share our connection."""
        config = self.config
        return config.control_path is not None and config.control_master != "no" and not self.mux_command

    @property
    def persists(self) -> bool:
        """Whether our connection is to outlive what we do on it."""
        return self.is_master and self.config.control_persist is not None

    @property
    def has_session(self) -> bool:
        """Whether something is to run."""
        return self.session != "none" and self.stdio_forward is None

    @property
    def has_forwards(self) -> bool:
        """Whether something is to be forwarded."""
        config = self.config
        return bool(config.local_forward or config.dynamic_forward or config.remote_forward)

    @property
    def first_hop(self) -> ClientConfig:
        """The configuration of the host to connect to from here."""
        return self.route[0]


def load(command: HostCommand, output: Output) -> Settings:
    """Read the configuration for a command line and prepare `output` as it says. Raises ConfigError."""
    destination = parse_destination(command.host)
    words = " ".join(command.command)
    files = _files(command.flags)
    context = _context(command, words)
    said = overrides(command, destination, context.environ, output)
    config = _load(destination.host, files, said, context, strict=not _only_shown(command.flags))
    config, stdio_forward = _with_stdio_forward(config, command.flags)
    if _only_shown(command.flags):
        _remote_command(config, words)
        return Settings((config,), session="none")
    _prepare_output(config, command.flags, output)
    # as with ssh, what the command line says counts for the destination only
    before = hops(config, lambda hop: _load(hop.host, files, [*said_of_hop(hop)], context))
    route = (*before, config)
    session, text = _session(config, words)
    logs_to_stderr = not any(key in "Ey" for key, _ in command.flags)
    return Settings(
        route,
        session,
        os.fsencode(text),
        stdio_forward,
        config.request_tty,
        logs_to_stderr,
        _mux_command(command.flags),
        (config.expand("local_command") or "") if config.permit_local_command else "",
    )


def _load(
    host: str,
    files: list[ConfigFile] | None,
    said: list[Override],
    context: ClientContext,
    *,
    strict: bool = True,
) -> ClientConfig:
    return ClientConfig.load(host, files=files, overrides=said, context=context, strict=strict)


def _only_shown(flags: tuple[Given, ...]) -> bool:
    return any(key == "G" for key, _ in flags)


# --- flags


def _files(flags: tuple[Given, ...]) -> list[ConfigFile] | None:
    named = [value for key, value in flags if key == "F"]
    if not named:
        return None
    return [] if named[-1].lower() == "none" else [ConfigFile(named[-1], is_user=True, is_required=True)]


def _context(command: HostCommand, words: str) -> ClientContext:
    keys = {key for key, _ in command.flags}
    session: SessionKind = "exec" if words else "shell"
    if "s" in keys:
        session = "subsystem"
    elif keys & {"N", "W"}:
        session = "none"
    return ClientContext.of_process(command=words, session=session, run=_run_in_shell)


def _run_in_shell(command: str) -> bool:
    """Run the command of `Match exec`."""
    import subprocess  # noqa: PLC0415  # few configurations have one

    shell = os.environ.get("SHELL") or "/bin/sh"
    # the user's own shell and the user's own configuration
    null = subprocess.DEVNULL
    done = subprocess.run([shell, "-c", command], check=False, stdin=null, stdout=null)  # noqa: S603  # as said
    return done.returncode == 0


def _with_stdio_forward(
    config: ClientConfig, flags: tuple[Given, ...]
) -> tuple[ClientConfig, Address | UnixPath | None]:
    targets = [value for key, value in flags if key == "W"]
    if not targets:
        return config, None
    try:
        target = parse_stdio_forward(targets[-1])
    except ConfigError as error:
        raise error.at("-W", 0) from None
    changes: dict[str, Any] = {}
    if "exit_on_forward_failure" not in config.sources:
        changes["exit_on_forward_failure"] = True
    if "clear_all_forwardings" not in config.sources:
        changes |= dict.fromkeys(("local_forward", "remote_forward", "dynamic_forward"), ())
        changes |= {"clear_all_forwardings": True, "tunnel": "no"}
    return config.replace(**changes), target


_MUX_COMMANDS: Final = frozenset(
    {"cancel", "channels", "check", "conninfo", "exit", "forward", "proxy", "stop"}
)


def _mux_command(flags: tuple[Given, ...]) -> str:
    """Return what -O asks of a master."""
    found = [value for key, value in flags if key == "O"]
    if not found:
        return ""
    if len(found) > 1:
        raise SettingsError("Multiplexing command already specified")
    if any(key == "W" for key, _ in flags):
        raise SettingsError("Cannot specify multiplexing command with -W")
    if found[0] not in _MUX_COMMANDS:
        raise SettingsError(f"Invalid multiplex command. There are {', '.join(sorted(_MUX_COMMANDS))}")
    return found[0]


# --- what comes of it


def _prepare_output(config: ClientConfig, flags: tuple[Given, ...], output: Output) -> None:
    output.level = LOG_LEVELS[config.log_level]
    output.always = config.log_verbose
    for key, value in flags:
        if key == "E":
            try:
                output.sink = file_sink(value)
            except OSError as error:
                raise ConfigError(f"cannot write to it: {error.strerror}", path=value) from None
        elif key == "y":
            output.sink = syslog_sink(output.program, config.syslog_facility)
    for warning in config.warnings:
        # those of distributions turn on what their own ssh has; nobody here could do anything about it
        say = output.verbose if warning.startswith(SYSTEM_DIRECTORY) else output.info
        say(warning)


def _session(config: ClientConfig, words: str) -> tuple[SessionKind, str]:
    """Return what to run: the kind of session, and the command or the subsystem's name."""
    remote_command = _remote_command(config, words)
    text = words or remote_command or ""
    if config.session_type == "subsystem":
        if not text:
            raise SettingsError("-s needs the name of a subsystem behind the host, such as sftp")
        return "subsystem", text
    if config.session_type == "none":
        return "none", ""
    if config.fork_after_authentication and not text:
        raise SettingsError("-f needs a command to run in the background, or -N to run none")
    return ("exec", text) if text else ("shell", "")


def _remote_command(config: ClientConfig, words: str) -> str | None:
    remote_command = config.expand("remote_command")
    if remote_command is not None and words:
        raise SettingsError("RemoteCommand and a command were given; -o RemoteCommand=none drops the first")
    return remote_command
