"""The live view of `pyssh forward`: a table that is drawn again in place, and what happened above it."""

import asyncio
import contextlib
import os
import signal
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from pyssh_cli.client.terminal import keep_modes, stop_process
from pyssh_cli.forward.rows import Row, shown
from pyssh_cli.forward.view import View

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

__all__ = ["TableView", "size"]

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
# below this many columns addresses would be folded into pieces: each forward gets lines of its own
_TABLE_WIDTH: Final = 72
_LFLAG: Final = 3


def size(number: float) -> str:
    """Return a number of bytes in words: `1.5 MiB`."""
    for unit in _UNITS:
        # 1023.96 KiB would be shown as 1024.0 KiB
        if round(number, 1) < 1024 or unit == _UNITS[-1]:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    raise AssertionError("the last unit takes everything")


class TableView(View):
    """All forwards with their numbers, on a terminal that others may want in between."""

    def __init__(self, rows: Sequence[Row], title: str) -> None:
        self._rows = rows
        self._title = title
        self._live: Live | None = None
        self._console: Console | None = None
        self._keys = contextlib.ExitStack()
        self._counted: dict[Row, tuple[float, int, int]] = {}
        self._rates: dict[Row, tuple[float, float]] = {}
        self._drawn_at = 0
        self._drawn_cells: list[int] = []

    def status(self, text: str) -> None:
        """Print it with the time, above the table."""
        line = f"{time.strftime('%H:%M:%S')} {text}"
        if self._live is None:
            print(line, flush=True)
        else:
            self._live.console.print(line, markup=False, highlight=False, emoji=False)

    def start(self) -> None:
        """Draw the table."""
        from rich.console import Console  # noqa: PLC0415  # a terminal is worth its 100 ms, a service is not
        from rich.live import Live  # noqa: PLC0415

        if self._live is not None:
            return
        if self._console is None:
            # the terminal knows its size better; rich would hold on to these
            os.environ.pop("COLUMNS", None)
            os.environ.pop("LINES", None)
            self._console = Console()
        self._keys.enter_context(_silent_keys())
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            # what goes to a file must not land on the terminal
            redirect_stderr=sys.stderr is not None and sys.stderr.isatty(),
            transient=True,
        )
        self._live.start()
        if signal.getsignal(signal.SIGTSTP) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTSTP, self._suspend)
        self.refresh()

    def stop(self) -> None:
        """Take the table away."""
        if self._live is None:
            return
        self._keys.close()
        self._live.stop()
        self._live = None
        self._drawn_cells = []
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTSTP)

    def _suspend(self) -> None:
        self.stop()
        stop_process()
        self.start()

    def refresh(self) -> None:
        """Draw the table again."""
        self._measure()
        if self._live is None:
            return
        console = self._live.console
        self._erase_folded(console)
        drawing = self._drawing(console.width)
        lines = console.render_lines(drawing, pad=False)
        self._drawn_at = console.width
        self._drawn_cells = [sum(segment.cell_length for segment in line) for line in lines]
        self._live.update(drawing, refresh=True)

    def finish(self) -> None:
        """Leave the last state of the table on the terminal."""
        self.stop()
        if self._console is not None:
            self._console.print(self._drawing(self._console.width))

    def _erase_folded(self, console: "Console") -> None:
        """Erase what the terminal made of the old drawing beyond its own lines, if it has become narrower."""
        from rich.control import Control  # noqa: PLC0415  # as above
        from rich.segment import ControlType  # noqa: PLC0415

        width = console.width
        if width >= self._drawn_at:
            return
        more = sum(max(-(-cells // width), 1) - 1 for cells in self._drawn_cells)
        up = ((ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1))
        console.control(Control(ControlType.CARRIAGE_RETURN, *(up * more)))

    # --- what is drawn; texts are `Text`, because rich would take brackets in a `str` for markup

    def _drawing(self, width: int) -> "RenderableType":
        from rich.console import Group  # noqa: PLC0415  # as above
        from rich.text import Text  # noqa: PLC0415

        body = self._table() if width >= _TABLE_WIDTH else Group(*map(self._block, self._rows))
        errors = [
            Text(f"last error of {row.flag} {row.listening}: {row.last_error}", "red")
            for row in self._rows
            if row.last_error
        ]
        return Group(Text(self._title, "bold"), body, *errors)

    def _table(self) -> "RenderableType":
        from rich import box  # noqa: PLC0415  # as above
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("listening on", overflow="fold")
        table.add_column("to", overflow="fold")
        for name in ("now", "in all", "sent", "received"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in self._rows:
            sent, received = self._rates.get(row, (0.0, 0.0))
            cells = (
                f"{row.flag} {row.listening}",
                shown(row.target),
                str(row.open),
                str(row.total),
                f"{size(row.sent)}\n{size(sent)}/s",
                f"{size(row.received)}\n{size(received)}/s",
            )
            table.add_row(*map(Text, cells))
        return table

    def _block(self, row: Row) -> "RenderableType":
        from rich.text import Text  # noqa: PLC0415  # as above

        sent, received = self._rates.get(row, (0.0, 0.0))
        lines = (
            f"{row.flag} {row.listening}",
            f"  to {shown(row.target)}",
            f"  {row.open} now, {row.total} in all",
            f"  sent {size(row.sent)}, {size(sent)}/s",
            f"  received {size(row.received)}, {size(received)}/s",
        )
        return Text("\n".join(lines))

    def _measure(self) -> None:
        """Work out bytes a second each way since the last time."""
        now = time.monotonic()
        for row in self._rows:
            sent, received = row.sent, row.received
            then, sent_then, received_then = self._counted.get(row, (now, sent, received))
            seconds = now - then
            if seconds > 0:
                self._rates[row] = (sent - sent_then) / seconds, (received - received_then) / seconds
            self._counted[row] = (now, sent, received)


@contextlib.contextmanager
def _silent_keys() -> Iterator[None]:
    """Keep keys that are pressed from showing in the table, which they would tear apart."""
    # a process in the background may not touch the modes: it would be stopped
    if not os.isatty(0) or os.tcgetpgrp(0) != os.getpgrp():
        yield
        return
    with keep_modes(0):
        modes = termios.tcgetattr(0)
        modes[_LFLAG] &= ~termios.ECHO
        termios.tcsetattr(0, termios.TCSADRAIN, modes)
        yield
