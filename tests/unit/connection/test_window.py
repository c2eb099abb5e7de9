import pytest

from pyssh.connection.window import MAX_WINDOW, ReceiveWindow, SendWindow
from pyssh.errors import ProtocolError, UsageError


def test_credit_is_given_when_half_the_window_is_used_up() -> None:
    window = ReceiveWindow(100, 60)
    window.receive(60)
    assert (window.available, window.held) == (40, 60)
    assert window.consume(49) == 0
    assert window.consume(1) == 50
    assert (window.available, window.unreturned, window.held) == (90, 0, 10)


def test_a_window_of_one_byte_works() -> None:
    window = ReceiveWindow(1, 1)
    for _ in range(3):
        window.receive(1)
        assert window.consume(1) == 1


@pytest.mark.parametrize("length", [61, 101])
def test_more_than_allowed_is_refused(length: int) -> None:
    with pytest.raises(ProtocolError, match=f"{length} bytes of data, where window and packet size allow 60"):
        ReceiveWindow(100, 60).receive(length)


def test_a_full_window_is_enforced() -> None:
    window = ReceiveWindow(100, 60)
    window.receive(60)
    window.receive(40)
    with pytest.raises(ProtocolError):
        window.receive(1)
    window.receive(0)


@pytest.mark.parametrize("length", [-1, 11])
def test_a_reader_takes_only_what_came(length: int) -> None:
    window = ReceiveWindow(100, 60)
    window.receive(10)
    with pytest.raises(UsageError, match="10 received"):
        window.consume(length)


@pytest.mark.parametrize(("size", "packet"), [(0, 1), (1, 0), (MAX_WINDOW + 1, 1), (1, MAX_WINDOW + 1)])
def test_sizes_must_fit_the_wire(size: int, packet: int) -> None:
    with pytest.raises(UsageError):
        ReceiveWindow(size, packet)


def test_a_window_may_not_overflow() -> None:
    window = SendWindow(MAX_WINDOW - 1, 100)
    window.adjust(1)
    assert window.available == MAX_WINDOW
    window.adjust(0)
    with pytest.raises(ProtocolError, match="2\\*\\*32 - 1"):
        window.adjust(1)


def stalled_twice() -> ReceiveWindow:
    """Use up a window of 100 as a peer does that waits for our credits."""
    window = ReceiveWindow(100, 100)
    window.receive(50, 1.0)
    assert window.consume(50) == 50
    for turn in range(2):
        assert window.grow(1000) == 0
        window.receive(50, 2.0 + turn)
        assert window.consume(50) == 50
        window.receive(50, 2.5 + turn)
        window.consume(50)
    return window


def test_a_window_grows_when_the_peer_waits_for_it() -> None:
    window = stalled_twice()
    available = window.available
    assert window.grow(1000) == 100
    assert (window.size, window.available, window.grown) == (200, available + 100, 100)
    assert window.grow(1000) == 0
    assert stalled_twice().grow(30) == 30


@pytest.mark.parametrize("late", [False, True])
def test_a_window_does_not_grow_when_data_flows(late: bool) -> None:
    window = ReceiveWindow(100, 100)
    for turn in range(20):
        now = float(turn)
        window.receive(50, now)
        window.consume(50)
        # across the edge in one packet, or up to it and on without a pause
        for length in (60,) if late else (50, 10):
            window.receive(length, now + 0.1)
        window.consume(60)
        assert window.grow(1000) == 0


def test_large_windows_are_given_back_in_steps() -> None:
    window = ReceiveWindow(1 << 24, 1 << 22)
    window.receive(1 << 21)
    assert window.consume((1 << 20) - 1) == 0
    assert window.consume(1) == 1 << 20
