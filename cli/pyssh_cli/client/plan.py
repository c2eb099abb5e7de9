"""What a session asks the server for: environment, terminal, and the shell, command or subsystem."""

import os
from typing import Final

from pyssh.connection import requests
from pyssh.record import Record
from pyssh.wire.message import Struct
from pyssh_cli.client.terminal import LocalTerminal
from pyssh_cli.client.wanted import environment, wants_terminal
from pyssh_cli.output import Output
from pyssh_cli.settings import Settings
from pyssh_config.errors import escape

__all__ = ["PTY", "SessionPlan", "plan_session"]

PTY: Final = "PTY allocation"
"""What the request for a terminal is called in `SessionPlan.asked`."""

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
    variables = environment(settings.config)
    silent = tuple(requests.Env(os.fsencode(name), os.fsencode(value)) for name, value in variables.items())
    asked = [_start_request(settings, output)]
    if wants_terminal(settings, output):
        term = dict(settings.config.set_env).get("TERM") or settings.config.context.environ.get("TERM")
        asked.insert(0, (PTY, LocalTerminal().describe(term or _DEFAULT_TERM)))
    return SessionPlan(silent, tuple(asked))


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
