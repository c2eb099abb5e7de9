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


def test_a_window_grows_while_the_reader_keeps_up() -> None:
    window = ReceiveWindow(100, 60)
    window.receive(60)
    assert window.consume(40) == 0
    window.consume(20)
    assert window.grow(1000) == 100
    assert (window.size, window.available, window.grown) == (200, 200, 100)
    assert window.grow(30) == 30
    assert window.grow(0) == 0
    window.receive(60)
    assert window.grow(1000) == 0
    assert window.held == 60


def test_large_windows_are_given_back_in_steps() -> None:
    window = ReceiveWindow(1 << 24, 1 << 22)
    window.receive(1 << 21)
    assert window.consume((1 << 20) - 1) == 0
    assert window.consume(1) == 1 << 20
