from pyssh.connection.numbering import RESTING, ChannelNumbers


def test_numbers_count_up_and_return_after_a_rest() -> None:
    numbers = ChannelNumbers(10)
    assert [numbers.take() for _ in range(3)] == [0, 1, 2]
    numbers.release(1)
    assert numbers.take() == 3
    for _ in range(RESTING - 1):
        numbers.release(numbers.take())
    assert numbers.take() == 1
    assert not numbers.is_past(1)


def test_numbers_stay_few_however_many_channels_there_were() -> None:
    numbers = ChannelNumbers(10)
    for _ in range(1000):
        numbers.release(numbers.take())
    assert numbers.next <= RESTING + 1
    assert len(numbers.resting) <= RESTING


def test_which_numbers_were_ever_given() -> None:
    numbers = ChannelNumbers(10)
    numbers.take()
    assert numbers.was_given(0)
    assert not numbers.was_given(1)
    assert not numbers.was_given(-1)


def test_a_forgotten_number_comes_back_only_when_the_peer_closes_it() -> None:
    numbers = ChannelNumbers(10)
    numbers.forget(numbers.take())
    assert numbers.is_past(0)
    for _ in range(RESTING + 5):
        number = numbers.take()
        assert number != 0
        numbers.release(number)
    numbers.release(0)
    assert not numbers.forgotten
    assert numbers.is_past(0)


def test_forgotten_numbers_are_kept_up_to_a_limit() -> None:
    numbers = ChannelNumbers(2)
    for _ in range(3):
        numbers.forget(numbers.take())
    assert not numbers.is_past(0)
    assert numbers.is_past(1)
    assert numbers.is_past(2)
