"""Whether the peer still lives: keepalive@openssh.com after a silence, and how many may go unanswered."""

from collections.abc import Callable

from pyssh.options import Options


class Keepalive:
    """Counts silences. `probe()` sends a request that any SSH peer answers, if only with a refusal."""

    def __init__(self, options: Options, probe: Callable[[], None]) -> None:
        self._seconds = options.keepalive_seconds
        self._count = options.keepalive_count
        self._probe = probe
        self._seen = -1
        self._unanswered = 0
        self._next: float | None = None

    def deadline(self) -> float | None:
        """When `tick` is due; None before the first tick, or when keepalives are off."""
        return self._next

    def tick(self, now: float, packets_received: int) -> bool:
        """Let time pass; False when the peer has been silent for too long."""
        if not self._seconds:
            return True
        if packets_received != self._seen:
            self._seen = packets_received
            self._unanswered = 0
            self._next = now + self._seconds
        elif self._next is not None and now >= self._next:
            if self._unanswered >= self._count:
                return False
            self._unanswered += 1
            self._next = now + self._seconds
            self._probe()
        return True
