"""The search: change inputs, keep those with a new effect, shrink those that break something."""

import random
from typing import Final

from pyssh.record import Record

# the targets declare themselves when their modules are imported
from tests.fuzz import agents, files, key_files, keys, mux, sessions, wire
from tests.fuzz.mutation import mutate
from tests.fuzz.targets import Target

__all__ = ["Crash", "Search", "crash_of", "shrink"]

DECLARING: Final = (agents, files, key_files, keys, mux, sessions, wire)
_SHRINKING_RUNS: Final = 2000


class Crash(Record):
    """An input, and what it raised."""

    data: bytes
    error: BaseException


def crash_of(target: Target, data: bytes) -> Crash | None:
    """Run the target; return what it found."""
    try:
        target.run(data)
    except Exception as error:
        return Crash(data, error)
    return None


class Search:
    """A search in one target, from its corpus on. `seen` are the effects so far."""

    def __init__(self, target: Target, chance: random.Random) -> None:
        self._target = target
        self._chance = chance
        self._pool = list(target.corpus().values()) or list(target.seeds())
        self._untried = list(self._pool)
        self.seen: set[str] = set()
        self.runs = 0

    def step(self) -> Crash | None:
        """Try one input; return it if it broke something."""
        data = self._untried.pop() if self._untried else self._change()
        self.runs += 1
        try:
            effect = self._target.run(data)
        except Exception as error:
            return Crash(data, error)
        if effect not in self.seen:
            self.seen.add(effect)
            self._pool.append(data)
        return None

    def _change(self) -> bytes:
        # what was found last is changed most
        pool = self._pool
        data = pool[-1 - int(len(pool) * self._chance.random() ** 2) % len(pool)]
        return mutate(data, pool, self._chance)


def shrink(target: Target, crash: Crash) -> bytes:
    """Return a shorter input that raises the same class of error."""
    data = crash.data
    size = max(1, len(data) // 2)
    for _ in range(_SHRINKING_RUNS):
        for start in range(0, len(data), size):
            shorter = data[:start] + data[start + size :]
            found = crash_of(target, shorter)
            if found is not None and type(found.error) is type(crash.error):
                data = shorter
                break
        else:
            if size == 1:
                break
            size //= 2
    return data
