import io
import stat
from pathlib import Path

import pytest

from pyssh_cli.output import Level, Output, escape_lines, file_sink, stream_sink


def test_levels_choose_what_is_shown() -> None:
    stream = io.StringIO()
    output = Output("pyssh", level=Level.VERBOSE, sink=stream_sink(stream))
    output.error("no such host; check the name")
    output.info("info")
    output.verbose("verbose")
    output.debug("debug")
    assert stream.getvalue() == "pyssh: no such host; check the name\ninfo\nverbose\n"


def test_debug_lines_say_their_level() -> None:
    stream = io.StringIO()
    output = Output("pyssh", level=Level.DEBUG2, sink=stream_sink(stream, end="\r\n"))
    output.debug("one")
    output.debug("two", Level.DEBUG2)
    output.trace("sent", object())
    assert stream.getvalue() == "debug1: one\r\ndebug2: two\r\n"


def test_standard_error_that_is_closed_is_no_reason_to_stop() -> None:
    stream = io.StringIO()
    stream.close()
    Output("pyssh", sink=stream_sink(stream)).error("nobody hears it")


def test_a_log_file_is_private_and_has_times(tmp_path: Path) -> None:
    path = tmp_path / "log"
    output = Output("pyssh-server", sink=file_sink(str(path), with_time=True))
    output.info("one\ntwo")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = path.read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\r\nb\tc\n", "a\nb\tc\n"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("caf\u00e9 \u202e", r"café \u202e"),
        ("x" * 1000, "x" * 1000),
    ],
)
def test_text_of_several_lines_is_made_harmless(text: str, shown: str) -> None:
    assert escape_lines(text) == shown


def test_a_log_file_of_the_client_has_no_times(tmp_path: Path) -> None:
    path = tmp_path / "log"
    output = Output("pyssh", sink=file_sink(str(path)))
    output.debug("not shown")
    output.error("wrong")
    assert path.read_text() == "pyssh: wrong\n"


def test_a_banner_goes_to_standard_error_wherever_the_log_goes(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    output = Output("pyssh", sink=lambda _, line: lines.append(line))
    output.banner("welcome\n\nto this host\n")
    output.level = Level.ERROR
    output.banner("hidden\n")
    assert capsys.readouterr().err == "welcome\n\nto this host\n"
    assert not lines
