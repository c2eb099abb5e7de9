"""What a session is to have, by flags and configuration: a terminal, an environment.

Also on the way of a command through a master, so it imports nothing of the protocol.
"""

import os
from collections.abc import Mapping
from typing import Final

from pyssh_cli.output import Output
from pyssh_cli.settings import Settings
from pyssh_config.client import ClientConfig
from pyssh_config.patterns import matches_pattern

__all__ = ["environment", "wants_terminal"]

_STDIN: Final = 0


def wants_terminal(settings: Settings, output: Output) -> bool:
    """Decide as ssh does; says so when there is no terminal to speak of."""
    if settings.terminal == "force":
        return True
    if settings.terminal == "no" or (settings.terminal == "auto" and settings.session != "shell"):
        return False
    if os.isatty(_STDIN) and not settings.config.stdin_null:
        return True
    output.info("Pseudo-terminal will not be allocated because stdin is not a terminal.")
    return False


def environment(config: ClientConfig) -> Mapping[str, str]:
    """Return the variables to send: those of ours that `SendEnv` names, and `SetEnv`."""
    patterns = config.send_env
    sent = {
        name: value
        for name, value in (config.context.environ.items() if patterns else ())
        if any(matches_pattern(name, pattern) for pattern in patterns)
    }
    return sent | dict(config.environment())
