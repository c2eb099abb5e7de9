"""`IdleWatch`: closes channels on which nothing moves, and a connection that nobody uses.

It looks now and then instead of being told of each packet: what moved shows in the windows, so that data
flows as if nobody watched.
"""

import asyncio
from collections.abc import Callable, Hashable, Mapping
from typing import Final, Generic, TypeVar

from pyssh.aio.channel import Channel
from pyssh.aio.link import Link

__all__ = ["IdleWatch", "Idleness"]

# looks for each time limit: a limit is exceeded by no more than this part of it
_LOOKS: Final = 8
_LEAST: Final = 0.05
_MOST: Final = 10.0

State = tuple[int, ...]
"""Numbers that show whether something moved."""

K = TypeVar("K", bound=Hashable)


class Idleness(Generic[K]):
    """The arithmetic: since when nothing has moved on which channel. It reads no clock."""

    def __init__(self, limit_of: Callable[[K], float], overall: float, now: float) -> None:
        self._limit_of = limit_of
        self._overall = overall
        self._moved_at = now
        self._seen: dict[K, tuple[State, float]] = {}

    def look(self, states: Mapping[K, State], now: float) -> list[K]:
        """Take the state of every channel; return those that have been idle for too long."""
        seen, self._seen = self._seen, {}
        idle = []
        for key, state in states.items():
            before, since = seen.get(key, (None, now))
            if before != state:
                since = self._moved_at = now
            self._seen[key] = state, since
            limit = self._limit_of(key)
            if limit and now - since >= limit:
                idle.append(key)
        if self._overall and now - self._moved_at >= self._overall:
            return list(states)
        return idle


class IdleWatch:
    """Watches a link from `start` to its end.

    `limit_of` says how many seconds a channel may be idle, 0 being for ever; `shortest` is the least that it
    ever says. `overall` closes all channels when nothing moved on any of them, and `on_unused` is called when
    there has been no channel for `unused` seconds. `on_idle` is told of what is closed.
    """

    def __init__(
        self,
        link: Link,
        *,
        limit_of: Callable[[Channel], float] = lambda _: 0,
        shortest: float = 0,
        overall: float = 0,
        unused: float = 0,
        on_idle: Callable[[Channel], None] = lambda _: None,
        on_unused: Callable[[], None] = lambda: None,
    ) -> None:
        self._link = link
        self._idleness = Idleness(limit_of, overall, link.loop.time())
        self._unused = unused
        self._on_idle = on_idle
        self._on_unused = on_unused
        self._closing: set[Channel] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._used_at = link.loop.time()
        limits = [seconds for seconds in (shortest, overall, unused) if seconds]
        self._step = min(max(min(limits) / _LOOKS, _LEAST), _MOST) if limits else 0.0

    def start(self) -> None:
        """Begin; without any limit this does nothing."""
        if self._step:
            self._timer = self._link.loop.call_later(self._step, self._look)
            self._link.at_end(self._stop)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        link = self._link
        now = link.loop.time()
        self._closing &= set(link.channels.values())
        states = {channel: self._state(channel) for channel in link.channels.values()}
        for channel in self._idleness.look(states, now):
            if channel in self._closing:
                continue
            self._closing.add(channel)
            self._on_idle(channel)
            channel.close()
            # the peer must answer; should it not, it is given up
            link.spawn(channel.wait_closed(), "idle channel")
        if link.channels:
            self._used_at = now
        elif self._unused and now - self._used_at >= self._unused:
            self._on_unused()
            link.close()
            return
        self._timer = link.loop.call_later(self._step, self._look)

    def _state(self, channel: Channel) -> State:
        """Return numbers that are others when something was sent, received or read."""
        known = self._link.engine.connection.channels.get(channel.number)
        if known is None:
            return ()
        received = known.local_window
        return received.size, received.available, received.unreturned, known.remote_window.available
