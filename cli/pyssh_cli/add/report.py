"""What `pyssh add` says, in the words of ssh-add."""

import sys
from contextlib import suppress

from pyssh.agent.answers import AgentRefusedError
from pyssh.errors import SSHError
from pyssh_cli.add.request import Request
from pyssh_cli.output import Level, Output

__all__ = ["duration", "output_for", "reason", "say", "warn"]


def say(text: str) -> None:
    """Print a result; bytes of comments that were not UTF-8 come out as they went in."""
    if sys.stdout is not None:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape") + b"\n")
        sys.stdout.buffer.flush()


def warn(text: str) -> None:
    """Print to standard error; without one there is nobody to tell, which changes nothing else."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(text.encode("utf-8", "replace").decode(), file=sys.stderr, flush=True)


def output_for(request: Request) -> Output:
    """Return where to tell what happens."""
    return Output("pyssh add", level=(Level.INFO, Level.DEBUG, Level.DEBUG2, Level.DEBUG3)[request.verbosity])


def reason(error: SSHError) -> str:
    """Return why the agent did not do what it was asked for."""
    if isinstance(error, AgentRefusedError):
        return "agent refused operation"
    return "communication with agent failed"


def duration(seconds: int) -> str:
    """Return a span of time.

    >>> duration(5400), duration(90000), duration(700000)
    ('01:30:00', '1d01h00m', '01w1d02h')
    """
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    weeks, day = divmod(days, 7)
    if weeks:
        return f"{weeks:02}w{day}d{hour:02}h"
    return f"{day}d{hour:02}h{minute:02}m" if day else f"{hour:02}:{minute:02}:{second:02}"
