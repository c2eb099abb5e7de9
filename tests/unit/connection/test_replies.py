from pyssh.connection.replies import ReplyQueue
from pyssh.connection.requests import Shell
from pyssh.events import ChannelRequestReceived


def question() -> ChannelRequestReceived:
    return ChannelRequestReceived(0, Shell(), True)


def test_answers_leave_in_the_order_of_asking() -> None:
    queue: ReplyQueue[ChannelRequestReceived, bool] = ReplyQueue()
    first, second = question(), question()
    queue.ask(first)
    queue.ask(second)
    queue.put_answer(False)
    assert len(queue) == 3
    queue.settle(second, True)
    assert queue.take_ready() == []
    queue.settle(first, False)
    assert queue.take_ready() == [False, True, False]
    assert len(queue) == 0


def test_only_the_first_answer_counts() -> None:
    queue: ReplyQueue[ChannelRequestReceived, bool] = ReplyQueue()
    first, second = question(), question()
    queue.ask(first)
    queue.ask(second)
    queue.settle(second, True)
    queue.settle(second, False)
    queue.settle(question(), False)
    queue.settle(first, True)
    assert queue.take_ready() == [True, True]


def test_clear_forgets() -> None:
    queue: ReplyQueue[ChannelRequestReceived, bool] = ReplyQueue()
    queue.ask(question())
    queue.clear()
    assert len(queue) == 0
