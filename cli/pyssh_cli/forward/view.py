"""What `pyssh forward` shows; here one plain line for each event."""

import os

from pyssh.aio.forward import ForwardEvent
from pyssh_cli.forward.rows import Row, shown
from pyssh_cli.output import Output
from pyssh_config.errors import escape

__all__ = ["LinesView", "View"]


class View:
    """Shows rows and events. The base shows nothing."""

    def listening(self, row: Row) -> None:
        """Note that a forward is up."""

    def status(self, text: str) -> None:
        """Tell what happened to the connection."""

    def event(self, row: Row, event: ForwardEvent) -> None:
        """Tell what happened to a forwarded connection."""

    def start(self) -> None:
        """Show the table from now on; prompts are over."""

    def stop(self) -> None:
        """Leave the terminal to others."""

    def refresh(self) -> None:
        """Show the numbers as they are now; called about once a second."""

    def finish(self) -> None:
        """Show how it ended, and leave the terminal as it was."""


class LinesView(View):
    """One line on standard output for each event."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def listening(self, row: Row) -> None:
        """Print where it listens."""
        self._print(f"listening: {row.flag} {row.listening} to {shown(row.target)}")

    def status(self, text: str) -> None:
        """Print it."""
        self._print(text)

    def event(self, row: Row, event: ForwardEvent) -> None:
        """Print it."""
        line = f"{event.what}: {row.flag} {row.listening} from {escape(event.peer)}"
        if event.target:
            line += f" to {escape(event.target)}"
        if event.what == "closed":
            line += f", {event.bytes_sent} bytes sent, {event.bytes_received} received"
        if event.error:
            line += f": {escape(event.error)}"
        self._print(line)

    def _print(self, line: str) -> None:
        try:
            self._output.result(line)
        except BrokenPipeError:
            # forwarding is the work; that nobody reads about it any more does not end it
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
