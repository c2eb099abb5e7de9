"""Sets of serial numbers: against Python's own sets, and what cannot be in them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.errors import KeyFormatError
from pyssh.keys.serials import MAX_BITMAP_BITS, Bitmap, SerialSet, clusters

RANGES = st.lists(st.tuples(st.integers(1, 300), st.integers(0, 40)), max_size=20)
BITMAPS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 2**100)), max_size=3)


@given(RANGES, BITMAPS)
def test_is_the_set_that_was_put_in(ranges: list[tuple[int, int]], bitmaps: list[tuple[int, int]]) -> None:
    serials = SerialSet()
    expected = set()
    for first, size in ranges:
        serials.add(first, first + size)
        expected |= set(range(first, first + size + 1))
    for offset, bits in bitmaps:
        serials.add_bitmap(Bitmap(offset, bits))
        expected |= {offset + at for at in range(bits.bit_length()) if bits >> at & 1}
    runs = list(serials.runs())
    assert {number for first, last in runs for number in range(first, last + 1)} == expected
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(runs))
    assert {number for number in range(500) if number in serials} == expected - {0}
    assert [run for cluster in clusters(runs) for run in cluster] == runs


def test_far_and_near_runs_are_told_apart() -> None:
    assert list(clusters([(1, 1), (3, 3), (10_000, 10_000), (20_000, 90_000)])) == [
        [(1, 1), (3, 3)],
        [(10_000, 10_000)],
        [(20_000, 90_000)],
    ]
    far = [(number * 30, number * 30) for number in range(1, MAX_BITMAP_BITS // 15)]
    assert all(cluster[-1][1] - cluster[0][0] < MAX_BITMAP_BITS for cluster in clusters(far))


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 5), (5, 4), (1, 2**64), (-1, 1)])
def test_ranges_that_are_none(first: int, last: int) -> None:
    with pytest.raises(KeyFormatError):
        SerialSet().add(first, last)


@pytest.mark.parametrize(("offset", "bits"), [(0, -1), (2**64 - 1, 2)])
def test_bitmaps_that_are_none(offset: int, bits: int) -> None:
    with pytest.raises(KeyFormatError):
        Bitmap(offset, bits)
    with pytest.raises(KeyFormatError, match="too large"):
        Bitmap(0, 1 << MAX_BITMAP_BITS)


def test_largest_numbers() -> None:
    serials = SerialSet()
    serials.add(2**64 - 1, 2**64 - 1)
    serials.add_bitmap(Bitmap(2**64 - 2, 3))
    assert list(serials.runs()) == [(2**64 - 2, 2**64 - 1)]
