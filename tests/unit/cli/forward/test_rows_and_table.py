"""What `pyssh forward` counts and draws, without a terminal."""

import pytest
from rich.console import Console

from pyssh.aio.forward import Forward
from pyssh_cli.forward.rows import Row, shown
from pyssh_cli.forward.table import TableView, size


class Counted(Forward):
    """A forward with the numbers that a test wants."""

    def __init__(self, address: tuple[str, int], sent: int = 0, received: int = 0, total: int = 0) -> None:
        super().__init__(address, ("target", 80), None)
        self.address = address
        self.total = total
        self._sent_before = sent
        self._received_before = received


def drawn(row: Row, width: int) -> str:
    console = Console(width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(TableView([row], "the title")._drawing(width))
    return captured.get()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (1024**3, "1.0 GiB"),
        (5000 * 1024**4, "5000.0 TiB"),
    ],
)
def test_sizes(number: int, text: str) -> None:
    assert size(number) == text


def test_a_row_counts_over_all_connections() -> None:
    row = Row("-R", ("", 0), ("target", 80))
    assert (row.open, row.total, row.sent, row.received, row.last_error) == (0, 0, 0, 0, "")
    row.replace(Counted(("", 4000), sent=1, received=2, total=3))
    row.error = "refused"
    row.replace(Counted(("", 4001), sent=10, received=20, total=30))
    assert (row.total, row.sent, row.received, row.last_error) == (33, 11, 22, "")


def test_a_port_that_was_chosen_is_asked_for_first() -> None:
    row = Row("-R", ("", 0), None)
    assert list(row.addresses) == [("", 0)]
    row.replace(Counted(("", 4000)))
    assert list(row.addresses) == [("", 4000), ("", 0)]


def test_what_is_shown_of_addresses() -> None:
    assert shown(None) == "SOCKS"
    assert shown(("::1", 80)) == "[::1]:80"
    assert shown("/tmp/\x1b[31m") == "/tmp/\\x1b[31m"


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_drawing_fits_and_takes_text_as_it_is(width: int) -> None:
    row = Row("-L", ("::1", 65535), ("a.rather.long.host.name.example", 65535))
    row.forward = Counted(("::1", 65535), sent=1500, total=7)
    row.error = "[/red] :smile: [bold]\x1b[2J"
    text = drawn(row, width)
    assert max(map(len, text.splitlines())) <= width
    whole = "".join(text.split())
    for part in ("the title", "-L [::1]:65535", "1.5 KiB", r"[/red] :smile: [bold]\x1b[2J"):
        assert part.replace(" ", "") in whole
