"""The peer's requests that want a reply, in the order in which their replies must leave (RFC 4254 4, 5.4)."""

from collections import deque
from typing import Any, Generic, TypeVar

from pyssh.events import Question

A = TypeVar("A")
Q = TypeVar("Q", bound=Question[Any])


class Place(Generic[Q, A]):
    """One place in the queue: a question, or an answer that waits for the places before it."""

    __slots__ = ("answers", "question")

    def __init__(self, question: Q | None, answers: tuple[A, ...] = ()) -> None:
        self.question = question
        self.answers = answers


class ReplyQueue(Generic[Q, A]):
    """Questions may be settled in any order; `take_ready` gives the answers in order of asking."""

    __slots__ = ("places",)

    def __init__(self) -> None:
        self.places: deque[Place[Q, A]] = deque()

    def __len__(self) -> int:
        return len(self.places)

    def ask(self, question: Q) -> None:
        """Give a question the next place."""
        self.places.append(Place(question))

    def put_answer(self, answer: A) -> None:
        """Give an answer that needs no question the next place."""
        self.places.append(Place(None, (answer,)))

    def settle(self, question: Q, answer: A) -> None:
        """Put the answer in the question's place, if it still waits."""
        for place in self.places:
            if place.question is question:
                place.question = None
                place.answers = (answer,)
                return

    def take_ready(self) -> list[A]:
        """Remove and return the answers before which no question is open."""
        ready: list[A] = []
        while self.places and self.places[0].question is None:
            ready.extend(self.places.popleft().answers)
        return ready

    def clear(self) -> None:
        """Forget everything."""
        self.places.clear()
