"""What `pyssh forward` shows: a live table on a terminal, else one plain line for each event."""

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyssh.aio.forward import ForwardEvent
from pyssh_cli.forward.rows import Row, shown
from pyssh_cli.output import Output
from pyssh_config.errors import escape

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

__all__ = ["LinesView", "TableView", "View", "make_view", "size"]

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def size(number: float) -> str:
    """Return a number of bytes in words: `1.5 MiB`."""
    for unit in _UNITS:
        if number < 1024 or unit == _UNITS[-1]:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    raise AssertionError("the last unit takes everything")


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


class LinesView(View):
    """One line on standard output for each event."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def listening(self, row: Row) -> None:
        """Print where it listens."""
        self._output.result(f"listening: {row.flag} {row.listening} to {shown(row.target)}")

    def status(self, text: str) -> None:
        """Print it."""
        self._output.result(text)

    def event(self, row: Row, event: ForwardEvent) -> None:
        """Print it."""
        line = f"{event.what}: {row.flag} {row.listening} from {escape(event.peer)}"
        if event.target:
            line += f" to {escape(event.target)}"
        if event.what == "closed":
            line += f", {event.bytes_sent} bytes sent, {event.bytes_received} received"
        if event.error:
            line += f": {escape(event.error)}"
        self._output.result(line)


class TableView(View):
    """A table that is drawn again in place."""

    def __init__(self, rows: Sequence[Row], title: str) -> None:
        self._rows = rows
        self._title = title
        self._live: Live | None = None
        self._before: dict[Row, tuple[float, int, int]] = {}

    def status(self, text: str) -> None:
        """Print it with the time, above the table."""
        line = f"{time.strftime('%H:%M:%S')} {text}"
        if self._live is None:
            print(line, flush=True)
        else:
            self._live.console.print(line, markup=False, highlight=False)

    def start(self) -> None:
        """Draw the table."""
        from rich.live import Live  # noqa: PLC0415  # a terminal is worth its 100 ms, a service is not

        if self._live is None:
            self._live = Live(self._table(), auto_refresh=False, redirect_stdout=False, transient=True)
            self._live.start(refresh=True)

    def stop(self) -> None:
        """Take the table away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def refresh(self) -> None:
        """Draw the table again."""
        if self._live is not None:
            self._live.update(self._table(), refresh=True)

    def _table(self) -> "Table":
        from rich.table import Table  # noqa: PLC0415  # as above

        table = Table(title=self._title, title_justify="left")
        table.add_column("listening on", overflow="fold")
        table.add_column("to", overflow="fold")
        for name in ("now", "in all", "sent", "received"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("last error", overflow="fold", style="red")
        for row in self._rows:
            sent, received = self._rates(row)
            table.add_row(
                f"{row.flag} {row.listening}",
                shown(row.target),
                str(row.open),
                str(row.total),
                f"{size(row.sent)}\n{size(sent)}/s",
                f"{size(row.received)}\n{size(received)}/s",
                row.last_error,
            )
        return table

    def _rates(self, row: Row) -> tuple[float, float]:
        """Return bytes a second each way since the last time this was asked."""
        now = time.monotonic()
        then, sent, received = self._before.get(row, (now, row.sent, row.received))
        self._before[row] = (now, row.sent, row.received)
        seconds = now - then
        if seconds <= 0:
            return 0.0, 0.0
        return (row.sent - sent) / seconds, (row.received - received) / seconds


def make_view(rows: Sequence[Row], title: str, output: Output) -> View:
    """Return the view for where standard output goes."""
    return TableView(rows, title) if sys.stdout.isatty() else LinesView(output)
