"""What a session asks the server for: environment, terminal, and the shell, command or subsystem."""

import os
from typing import TYPE_CHECKING, Final

from pyssh.connection import requests
from pyssh.record import Record
from pyssh.wire.message import Struct
from pyssh_cli.client.identities import forwarded_agent
from pyssh_cli.client.terminal import LocalTerminal
from pyssh_cli.client.wanted import environment, wants_terminal
from pyssh_cli.output import Output
from pyssh_cli.settings import Settings
from pyssh_config.client import ClientConfig
from pyssh_config.errors import escape

if TYPE_CHECKING:
    from pyssh.aio.x11 import X11Display

__all__ = ["PTY", "X11", "SessionPlan", "plan_session"]

PTY: Final = "PTY allocation"
"""What the request for a terminal is called in `SessionPlan.asked`."""

X11: Final = "X11 forwarding"
"""The same of the request to forward X11. A session goes on without."""

_DEFAULT_TERM: Final = "dumb"


class SessionPlan(Record):
    """Requests on a session channel: `silent` ones want no answer, `asked` have a name for people.

    `agent` is the socket of the agent that is forwarded, or empty.
    """

    silent: tuple[Struct, ...]
    asked: tuple[tuple[str, Struct], ...]
    x11: "X11Display | None" = None
    agent: str = ""

    @property
    def has_terminal(self) -> bool:
        """Whether the server is asked for a terminal."""
        return any(what == PTY for what, _ in self.asked)


def plan_session(settings: Settings, output: Output, *, may_forward: bool = True) -> SessionPlan:
    """Return what to ask for. Says so when there is no terminal to speak of, or no X server.

    A host that is not trusted (not `may_forward`) gets no connections back.
    """
    variables = environment(settings.config)
    silent: tuple[Struct, ...] = tuple(
        requests.Env(os.fsencode(name), os.fsencode(value)) for name, value in variables.items()
    )
    agent = ""
    if settings.config.forward_agent and not may_forward:
        output.error("the agent is not forwarded: the host key has changed")
    elif settings.config.forward_agent:
        agent = _agent(settings.config, output)
    if agent:
        silent = (requests.AuthAgentReq(), *silent)
    asked = [_start_request(settings, output)]
    if wants_terminal(settings, output):
        term = dict(settings.config.set_env).get("TERM") or settings.config.context.environ.get("TERM")
        asked.insert(0, (PTY, LocalTerminal().describe(term or _DEFAULT_TERM)))
    x11 = _x11(settings.config, output) if settings.config.forward_x11 and may_forward else None
    if x11 is not None:
        asked.insert(0, (X11, x11.request()))
    return SessionPlan(silent, tuple(asked), x11, agent)


def _agent(config: ClientConfig, output: Output) -> str:
    path = forwarded_agent(config)
    if path and os.path.exists(path):  # noqa: PTH110  # pathlib is not loaded for it
        output.debug("Requesting authentication agent forwarding.")
        return path
    output.debug("no agent to forward")
    return ""


def _x11(config: ClientConfig, output: Output) -> "X11Display | None":
    from pyssh_cli.client.x11 import make_display  # noqa: PLC0415  # few sessions want it

    return make_display(config, output)


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
