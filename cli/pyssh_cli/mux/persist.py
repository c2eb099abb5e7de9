"""ControlPersist: the connection is a child's from the start, and our own session its first client's.

An event loop could not be forked later on, when the user is logged in.
"""

import os

from pyssh_cli import exit_codes
from pyssh_cli.client.background import Background, Waiting
from pyssh_cli.mux.client import run_through_master
from pyssh_cli.output import Level, Output
from pyssh_cli.settings import Settings

__all__ = ["start_master"]


def start_master(settings: Settings, output: Output) -> Background | int | None:
    """Fork a master. Returns in the child with its `Background`, in the parent with the exit code.

    None if something lies at ControlPath: there will be no master.
    """
    path = settings.config.expand("control_path")
    if path is None or os.path.lexists(path):
        return None
    started = Background.fork()
    if not isinstance(started, Waiting):
        return started
    if not started.is_detached():
        return started.exit_code()
    code = run_through_master(settings, settings.mux_command, output)
    if code is None:
        output.log(Level.ERROR, "Failed to connect to new control master")
        return exit_codes.SSH_FAILED
    return code
