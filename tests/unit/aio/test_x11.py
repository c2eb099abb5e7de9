"""The first packet of an X connection: the fake cookie is checked, and the real one takes its place."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.aio.x11 import CookieSwap, X11Error

PROTOCOL = "MIT-MAGIC-COOKIE-1"
FAKE = bytes(range(16))
REAL = bytes(range(100, 116))
ORDERS = {b"B": "big", b"l": "little"}


def setup(
    order: bytes, protocol: bytes = PROTOCOL.encode(), cookie: bytes = FAKE, rest: bytes = b""
) -> bytes:
    """What an X client sends first (X Window System Protocol, section 8)."""
    numbers = (11, 0, len(protocol), len(cookie), 0)
    head = order + b"\0" + b"".join(number.to_bytes(2, ORDERS[order]) for number in numbers)  # type: ignore[arg-type]  # a dict's value
    return head + b"".join(part + bytes(-len(part) % 4) for part in (protocol, cookie)) + rest


def swap() -> CookieSwap:
    return CookieSwap(PROTOCOL, FAKE, REAL)


@pytest.mark.parametrize("order", ORDERS)
def test_the_real_cookie_takes_the_place_of_the_fake_one(order: bytes) -> None:
    assert swap().receive(setup(order, rest=b"more")) == setup(order, cookie=REAL, rest=b"more")


@given(st.sampled_from(sorted(ORDERS)), st.lists(st.integers(1, 70), max_size=6))
def test_it_may_come_in_pieces(order: bytes, cuts: list[int]) -> None:
    packet = setup(order)
    at = sorted({0, len(packet), *(cut for cut in cuts if cut < len(packet))})
    receiver = swap()
    *before, last = [receiver.receive(packet[start:end]) for start, end in itertools.pairwise(at)]
    assert last == setup(order, cookie=REAL)
    assert not any(before)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("protocol", "cookie"),
    [
        (PROTOCOL.encode(), bytes(16)),
        (PROTOCOL.encode(), REAL),
        (PROTOCOL.encode(), b""),
        (PROTOCOL.encode(), FAKE + b"\0"),
        (b"MIT-MAGIC-COOKIE-2", FAKE),
        (b"XDM-AUTHORIZATION-1", FAKE),
        (b"", b""),
    ],
)
def test_whoever_shows_anything_else_is_turned_away(order: bytes, protocol: bytes, cookie: bytes) -> None:
    with pytest.raises(X11Error):
        swap().receive(setup(order, protocol, cookie))


def test_lengths_are_judged_before_anything_is_waited_for() -> None:
    with pytest.raises(X11Error, match="another authentication protocol"):
        swap().receive(setup(b"B", b"x" * 60000)[:12])


def test_what_is_no_x_connection_is_turned_away() -> None:
    with pytest.raises(X11Error, match="no byte order"):
        swap().receive(b"GET / HTTP/1.1\r\n")
