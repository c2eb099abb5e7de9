"""Our channel numbers: which is next, and which the peer may still use out of habit."""

from collections.abc import Iterable
from typing import Final

# A closed channel's number rests until this many others have been closed. Paramiko answers requests that
# cross its own CLOSE, so a late message must not meet the number's next owner
RESTING: Final = 32


class ChannelNumbers:
    """Gives numbers from 0 up, and closed ones again after a rest.

    `forgotten` are channels for whose CLOSE we stopped waiting. The newest `limit` of them are known as such,
    and their numbers come free when the CLOSE does arrive; older ones are never given again.
    """

    __slots__ = ("_limit", "forgotten", "next", "resting")

    def __init__(
        self, limit: int, next_number: int = 0, resting: Iterable[int] = (), forgotten: Iterable[int] = ()
    ) -> None:
        self._limit = limit
        self.next = next_number
        # dictionaries for their order and their look-up; the values mean nothing
        self.resting: dict[int, None] = dict.fromkeys(resting)
        self.forgotten: dict[int, None] = dict.fromkeys(forgotten)

    def take(self) -> int:
        """Return a free number."""
        if len(self.resting) >= RESTING:
            number = next(iter(self.resting))
            del self.resting[number]
            return number
        self.next += 1
        return self.next - 1

    def release(self, number: int) -> None:
        """Both sides are done with the channel."""
        self.forgotten.pop(number, None)
        self.resting[number] = None

    def forget(self, number: int) -> None:
        """We are done with the channel; the peer never said that it is."""
        if len(self.forgotten) >= self._limit:
            del self.forgotten[next(iter(self.forgotten))]
        self.forgotten[number] = None

    def is_past(self, number: int) -> bool:
        """Say whether the peer may still speak of this channel, which is gone."""
        return number in self.resting or number in self.forgotten

    def was_given(self, number: int) -> bool:
        """Say whether this number ever was a channel's."""
        return 0 <= number < self.next
