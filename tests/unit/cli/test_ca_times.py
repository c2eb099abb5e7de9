"""The words that say how long a certificate is good."""

import time
from collections.abc import Iterator

import pytest

from pyssh.keys.certificate import FOREVER
from pyssh_cli.keygen.ca_times import parse_end, parse_span
from pyssh_cli.keygen.report import KeygenError


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> float:
    return time.mktime(time.strptime(text, "%Y-%m-%d %H:%M"))


# a Wednesday
NOW = "2026-01-28 12:00"


@pytest.mark.parametrize(
    ("words", "end"),
    [
        ("30 days", "2026-02-27 12:00"),
        ("1 day", "2026-01-29 12:00"),
        ("2 weeks 3 days", "2026-02-14 12:00"),
        ("90 minutes", "2026-01-28 13:30"),
        ("1 hour", "2026-01-28 13:00"),
        ("1 month", "2026-02-28 12:00"),
        ("1 Year", "2027-01-28 12:00"),
        # the clocks are put forward meanwhile, and noon stays noon
        ("10 weeks", "2026-04-08 12:00"),
        ("until friday 18:00", "2026-01-30 18:00"),
        ("until fri", "2026-01-31 00:00"),
        ("until wednesday", "2026-02-05 00:00"),
        ("until tomorrow", "2026-01-30 00:00"),
        ("until today 18:30", "2026-01-28 18:30"),
        ("until 18:30", "2026-01-28 18:30"),
        ("until 2026-03-01", "2026-03-02 00:00"),
        ("until 2028-02-29 9:05", "2028-02-29 09:05"),
    ],
)
def test_what_the_words_mean(words: str, end: str) -> None:
    assert parse_end(words, at(NOW)) == at(end)


def test_the_end_of_a_short_month() -> None:
    assert parse_end("1 month", at("2026-01-31 12:00")) == at("2026-02-28 12:00")
    assert parse_end("3 months", at("2026-11-30 12:00")) == at("2027-02-28 12:00")


def test_forever() -> None:
    assert parse_end("forever", at(NOW)) == FOREVER


@pytest.mark.parametrize(
    "words",
    [
        *(
            "",
            "soon",
            "30",
            "days",
            "30 fortnights",
            "0 days",
            "-1 days",
            "1.5 days",
            "99999 days",
            "1 day 2",
        ),
        *("until", "until someday", "until friday 25:00", "until friday 18:00 sharp", "until 2026-02-30"),
        *("until 2026-13-01", "until yesterday", "until friday monday", "\u0663 days"),
    ],
)
def test_what_is_not_understood_is_told_with_examples(words: str) -> None:
    with pytest.raises(KeygenError, match=r"try .*30 days"):
        parse_end(words, at(NOW))


@pytest.mark.parametrize(
    "words", ["until 11:00", "until today 11:59", "until 2026-01-27", "until 0001-01-01"]
)
def test_the_past_is_refused(words: str) -> None:
    with pytest.raises(KeygenError, match=r"over already|so far away"):
        parse_end(words, at(NOW))


@pytest.mark.parametrize("words", ["forever", "until friday"])
def test_spans_are_durations_only(words: str) -> None:
    with pytest.raises(KeygenError):
        parse_span(words, at(NOW))
