"""The signals that an agent handles. They wait until it does: by default they would end it at once."""

import signal
from typing import Final

__all__ = ["HANDLED", "hold", "release"]

HANDLED: Final = frozenset((signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1))


def hold() -> None:
    """Let them wait."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)


def release() -> None:
    """Let them through, those that came meanwhile too."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
