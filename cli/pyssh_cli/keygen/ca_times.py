"""How long a certificate is good, in words: the small grammar of `pyssh keygen ca`.

    NUMBER UNIT [NUMBER UNIT ...]      minutes, hours, days, weeks, months, years from now
    until [DAY] [HH:MM]                DAY is today, tomorrow, a weekday or YYYY-MM-DD
    forever

Times are local. A weekday is the next one, today's not included; without HH:MM the day counts whole.
"""

import calendar
import re
import time
from typing import Final

from pyssh.keys.certificate import FOREVER

from .report import KeygenError, shown

__all__ = ["GRAMMAR", "parse_end", "parse_span"]

GRAMMAR: Final = '"30 days", "2 weeks 3 days", "until friday 18:00", "until 2027-01-31", "forever"'

_SECONDS: Final = {"minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}
_MONTHS: Final = {"month": 1, "year": 12}
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_LONGEST: Final = 1000
"""More of a unit than that is a slip of the finger."""


def parse_end(text: str, now: float) -> int:
    """Return when something ends that is good for so long from `now`; `FOREVER` for no end."""
    words = text.lower().split()
    if words == ["forever"]:
        return FOREVER
    end = _until(words[1:], text, now) if words[:1] == ["until"] else _add(words, text, now)
    if end <= now:
        raise KeygenError(f'"{shown(text)}" is over already', 1)
    return end


def parse_span(text: str, now: float) -> int:
    """Return the end of a duration from `now`; as `parse_end`, without `until` and `forever`."""
    return _add(text.lower().split(), text, now)


def _wrong(text: str) -> KeygenError:
    return KeygenError(f'"{shown(text)}" is no time that this understands; try {GRAMMAR}', 1)


def _add(words: list[str], text: str, now: float) -> int:
    if not words or len(words) % 2:
        raise _wrong(text)
    moment = now
    for count, unit in zip(words[::2], words[1::2], strict=True):
        name = unit.removesuffix("s")
        if not (count.isascii() and count.isdigit()) or len(count) > 4 or not 0 < int(count) <= _LONGEST:
            raise _wrong(text)
        if name in _MONTHS:
            moment = _add_months(moment, int(count) * _MONTHS[name])
        elif name in ("day", "week"):
            # days of the calendar: one on which the clocks change has not 24 hours
            moment = _add_days(moment, int(count) * (_SECONDS[name] // 86400))
        elif name in _SECONDS:
            moment += int(count) * _SECONDS[name]
        else:
            raise _wrong(text)
    return int(moment)


def _add_days(moment: float, days: int) -> float:
    parts = time.localtime(moment)
    return _moment((parts.tm_year, parts.tm_mon, parts.tm_mday + days), parts[3:6])


def _add_months(moment: float, months: int) -> float:
    parts = time.localtime(moment)
    year, month = divmod(parts.tm_year * 12 + parts.tm_mon - 1 + months, 12)
    # the 31st of a shorter month is its last day
    day = min(parts.tm_mday, calendar.monthrange(year, month + 1)[1])
    return _moment((year, month + 1, day), parts[3:6])


def _moment(date: tuple[int, int, int], clock: tuple[int, int, int]) -> float:
    try:
        # -1: whether the clocks are those of summer is for the C library to know
        return time.mktime((*date, *clock, 0, 0, -1))
    except (OverflowError, ValueError):
        raise KeygenError("a time so far away cannot be told; try forever", 1) from None


def _until(words: list[str], text: str, now: float) -> int:
    if not 1 <= len(words) <= 2:
        raise _wrong(text)
    today = time.localtime(now)
    clock = _CLOCK.fullmatch(words[-1])
    hour, minute = (int(clock[1]), int(clock[2])) if clock else (24, 0)
    day = words[0] if len(words) == 2 or not clock else "today"
    if len(words) == 2 and not clock:
        raise _wrong(text)
    if found := _DATE.fullmatch(day):
        return int(_moment(_date(found, text), (hour, minute, 0)))
    date = (today.tm_year, today.tm_mon, today.tm_mday + _days(day, today, text))
    return int(_moment(date, (hour, minute, 0)))


def _days(day: str, today: time.struct_time, text: str) -> int:
    """Return how many days away a day is."""
    if day in ("today", "tomorrow"):
        return ("today", "tomorrow").index(day)
    found = [number for number, name in enumerate(_DAYS) if day in (name, name[:3])]
    if not found:
        raise _wrong(text)
    return (found[0] - today.tm_wday - 1) % 7 + 1


def _date(found: re.Match[str], text: str) -> tuple[int, int, int]:
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(max(year, 1), month)[1]:
        raise _wrong(text)
    return year, month, day
