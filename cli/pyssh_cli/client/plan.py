"""What a session asks the server for: environment, terminal, and the shell, command or subsystem."""

import os
from collections.abc import Mapping
from typing import Final

from pyssh.connection import requests
from pyssh.record import Record
from pyssh.wire.message import Struct
from pyssh_cli.client.terminal import LocalTerminal
from pyssh_cli.output import Output
from pyssh_cli.settings import Settings
from pyssh_config.client import ClientConfig
from pyssh_config.errors import escape
from pyssh_config.patterns import matches_pattern

__all__ = ["PTY", "SessionPlan", "plan_session"]

PTY: Final = "PTY allocation"
"""What the request for a terminal is called in `SessionPlan.asked`."""

_STDIN: Final = 0
_DEFAULT_TERM: Final = "dumb"


class SessionPlan(Record):
    """Requests on a session channel: `silent` ones want no answer, `asked` have a name for people."""

    silent: tuple[Struct, ...]
    asked: tuple[tuple[str, Struct], ...]

    @property
    def has_terminal(self) -> bool:
        """Whether the server is asked for a terminal."""
        return any(what == PTY for what, _ in self.asked)


def plan_session(settings: Settings, output: Output) -> SessionPlan:
    """Return what to ask for. Says so when there is no terminal to speak of."""
    environment = _environment(settings.config)
    silent = tuple(requests.Env(os.fsencode(name), os.fsencode(value)) for name, value in environment.items())
    asked = [_start_request(settings, output)]
    if _wants_terminal(settings, output):
        term = dict(settings.config.set_env).get("TERM") or settings.config.context.environ.get("TERM")
        asked.insert(0, (PTY, LocalTerminal().describe(term or _DEFAULT_TERM)))
    return SessionPlan(silent, tuple(asked))


def _wants_terminal(settings: Settings, output: Output) -> bool:
    """Decide as ssh does."""
    if settings.terminal == "force":
        return True
    if settings.terminal == "no" or (settings.terminal == "auto" and settings.session != "shell"):
        return False
    if os.isatty(_STDIN) and not settings.config.stdin_null:
        return True
    output.info("Pseudo-terminal will not be allocated because stdin is not a terminal.")
    return False


def _environment(config: ClientConfig) -> Mapping[str, str]:
    patterns = config.send_env
    sent = {
        name: value
        for name, value in (config.context.environ.items() if patterns else ())
        if any(matches_pattern(name, pattern) for pattern in patterns)
    }
    return sent | dict(config.set_env)


def _start_request(settings: Settings, output: Output) -> tuple[str, Struct]:
    shown = escape(settings.command.decode(errors="replace"))
    match settings.session:
        case "subsystem":
            output.debug(f"Sending subsystem: {shown}")
            return "subsystem", requests.Subsystem(settings.command.decode(errors="replace"))
        case "exec":
            output.debug(f"Sending command: {shown}")
            return "exec", requests.Exec(settings.command)
    return "shell", requests.Shell()
