"""When a channel has been idle for too long."""

from pyssh.aio.idle import Idleness


def test_a_channel_on_which_nothing_moves_is_idle() -> None:
    idleness: Idleness[str] = Idleness(lambda key: {"a": 3, "b": 5, "c": 0}[key], 0, 0)
    states = {"a": (1,), "b": (1,), "c": (1,)}
    assert idleness.look(states, 1) == []
    assert idleness.look(states, 3.9) == []
    assert idleness.look(states, 4) == ["a"]
    assert idleness.look(states, 6) == ["a", "b"]
    assert idleness.look(states, 1000) == ["a", "b"]


def test_what_moves_is_not() -> None:
    idleness: Idleness[str] = Idleness(lambda _: 3, 0, 0)
    for now in range(20):
        assert idleness.look({"a": (now,)}, now) == []
    assert idleness.look({"a": (19,)}, 22) == ["a"]


def test_a_number_that_is_used_again_begins_anew() -> None:
    idleness: Idleness[str] = Idleness(lambda _: 3, 0, 0)
    idleness.look({"a": (1,)}, 0)
    idleness.look({}, 1)
    assert idleness.look({"a": (1,)}, 4) == []
    assert idleness.look({"a": (1,)}, 7) == ["a"]


def test_all_are_closed_when_nothing_moves_anywhere() -> None:
    idleness: Idleness[str] = Idleness(lambda _: 0, 3, 0)
    assert idleness.look({"a": (1,), "b": (1,)}, 1) == []
    assert idleness.look({"a": (1,), "b": (2,)}, 3) == []
    assert idleness.look({"a": (1,), "b": (2,)}, 5.9) == []
    assert idleness.look({"a": (1,), "b": (2,)}, 6) == ["a", "b"]
