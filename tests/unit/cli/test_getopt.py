import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh_cli.getopt import BadUsageError, Flag, Given, format_flags, parse, parse_host_command

FLAGS = (
    Flag("p", "port", "PORT", "listen on PORT"),
    Flag("v", "verbose"),
    Flag("t", help="a terminal"),
    Flag("o", value="OPTION"),
    Flag(name="only-long", value="FILE"),
)


@pytest.mark.parametrize(
    ("words", "flags", "rest"),
    [
        ([], [], []),
        (["-p22"], [("port", "22")], []),
        (["-p", "22"], [("port", "22")], []),
        (["-vp22", "x"], [("verbose", ""), ("port", "22")], ["x"]),
        (["-vtp", "22"], [("verbose", ""), ("t", ""), ("port", "22")], []),
        (["-tt"], [("t", ""), ("t", "")], []),
        (["-ov", "-v"], [("o", "v"), ("verbose", "")], []),
        (["--port", "22"], [("port", "22")], []),
        (["--port=22"], [("port", "22")], []),
        (["--port="], [("port", "")], []),
        (["--only-long", "-p"], [("only-long", "-p")], []),
        (["x", "-v"], [], ["x", "-v"]),
        (["-v", "--", "-v"], [("verbose", "")], ["-v"]),
        (["-", "-v"], [], ["-", "-v"]),
    ],
)
def test_flags_come_before_words(words: list[str], flags: list[Given], rest: list[str]) -> None:
    found = parse(words, FLAGS)
    assert (list(found.flags), list(found.words)) == (flags, rest)


@pytest.mark.parametrize(
    ("words", "flags", "host", "command"),
    [
        ([], [], "", ()),
        (["-v"], [("verbose", "")], "", ()),
        (["h"], [], "h", ()),
        (["h", "-p", "22"], [("port", "22")], "h", ()),
        (["-v", "h", "-p22", "ls", "-v"], [("verbose", ""), ("port", "22")], "h", ("ls", "-v")),
        (["h", "--", "-v"], [], "h", ("-v",)),
        (["--", "h", "-v"], [], "h", ("-v",)),
        (["h", "ls", "--", "-l"], [], "h", ("ls", "--", "-l")),
    ],
)
def test_flags_may_follow_the_host(
    words: list[str], flags: list[Given], host: str, command: tuple[str, ...]
) -> None:
    found = parse_host_command(words, FLAGS)
    assert (list(found.flags), found.host, found.command) == (flags, host, command)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-x"], "unknown option -x"),
        (["-vx"], "unknown option -x"),
        (["--nope"], "unknown option --nope"),
        (["--nope=3"], "unknown option --nope"),
        (["-p"], "option -p needs a value: PORT"),
        (["-vp"], "option -p needs a value: PORT"),
        (["--port"], "option --port needs a value: PORT"),
        (["--verbose=1"], "option --verbose takes no value"),
        (["-\x1b"], r"unknown option -\x1b"),
    ],
)
def test_bad_usage_says_which_option(words: list[str], text: str) -> None:
    with pytest.raises(BadUsageError) as caught:
        parse(words, FLAGS)
    assert str(caught.value) == text


@given(st.lists(st.text(max_size=6)))
def test_any_arguments_are_read_or_refused(words: list[str]) -> None:
    with contextlib.suppress(BadUsageError):
        found = parse_host_command(words, FLAGS)
        assert len(found.command) <= len(words)


def test_help_shows_each_flag() -> None:
    text = format_flags(FLAGS)
    assert "  -p, --port PORT       listen on PORT" in text
    assert "  -t                    a terminal" in text
