"""The beat that keystrokes leave on: what goes at once, what waits, when pings come and when they end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh_cli.client.keystrokes import Beat

INTERVAL = 0.02


def _beat(chance: float = 0.5) -> Beat:
    return Beat(INTERVAL, lambda: chance)


def _run(beat: Beat, until: float) -> list[tuple[float, bytes]]:
    """Strike whenever the beat is due, up to a time; return what left, and when."""
    left = []
    while beat.due is not None and beat.due <= until:
        now = beat.due
        data = beat.strike(now)
        if data is not None:
            left.append((now, data))
    return left


def test_the_first_key_leaves_at_once_and_the_next_ones_on_the_beat() -> None:
    beat = _beat()
    assert beat.typed(b"a", 10.0) == b"a"
    assert beat.typed(b"b", 10.001) == b""
    assert beat.typed(b"c", 10.002) == b""
    (now, data), *_ = _run(beat, 10.03)
    assert data == b"bc"
    assert now == beat_time(10.0)


def beat_time(start: float) -> object:
    # a tenth less, half a tenth of chance, half a tenth of the burst's own
    return pytest.approx(start + INTERVAL)


def test_pings_fill_the_beats_until_a_while_after_the_last_key() -> None:
    beat = _beat()
    beat.typed(b"a", 0.0)
    left = _run(beat, 100.0)
    assert {data for _, data in left} == {b""}
    # 1.024 seconds and half of 2.048
    assert left[-1][0] == pytest.approx(2.048, abs=2 * INTERVAL)
    assert len(left) == beat.pings
    assert beat.due is None


def test_each_key_makes_the_while_longer() -> None:
    beat = _beat()
    beat.typed(b"a", 0.0)
    _run(beat, 2.0)
    beat.typed(b"b", 2.001)
    assert _run(beat, 100.0)[-1][0] == pytest.approx(2.001 + 2.048, abs=2 * INTERVAL)


def test_what_is_pasted_waits_for_nobody() -> None:
    beat = _beat()
    beat.typed(b"a", 0.0)
    beat.typed(b"b", 0.001)
    assert beat.typed(b"x" * 300, 0.002) == b"b" + b"x" * 300
    assert beat.due is None
    assert beat.strike(0.02) is None


def test_beats_that_were_missed_are_left_out() -> None:
    beat = _beat()
    beat.typed(b"a", 0.0)
    beat.typed(b"b", 1.0)
    assert beat.strike(1.0) == b"b"
    assert beat.due == beat_time(1.0)


@given(st.lists(st.tuples(st.floats(0, 0.5), st.binary(min_size=1, max_size=300))), st.floats(0, 1))
def test_nothing_is_lost_or_mixed(keys: list[tuple[float, bytes]], chance: float) -> None:
    beat = _beat(chance)
    now, left = 0.0, b""
    for pause, data in keys:
        now += pause
        left += b"".join(part for _, part in _run(beat, now))
        left += beat.typed(data, now)
    left += beat.stop()
    assert left == b"".join(data for _, data in keys)
