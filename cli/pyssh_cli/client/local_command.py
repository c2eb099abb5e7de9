"""Commands that the user's own shell runs here: LocalCommand, and `!` on the escape command line."""

import os
import subprocess
from collections.abc import Mapping
from typing import Final

from pyssh_cli.output import Output

__all__ = ["run_local_command"]

_SHELL: Final = "/bin/sh"


def run_local_command(command: str, environ: Mapping[str, str], output: Output) -> int:
    """Run a command to its end, with our streams; return its exit code. The connection waits meanwhile."""
    shell = environ.get("SHELL") or _SHELL
    output.debug(f"Executing command: '{command}'")
    try:
        # the user's own shell and the user's own configuration
        return subprocess.run([shell, "-c", command], check=False, env=dict(os.environ)).returncode  # noqa: S603
    except OSError as error:
        output.error(f"cannot run {shell}: {error.strerror}")
        return -1
