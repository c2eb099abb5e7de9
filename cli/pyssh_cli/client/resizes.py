"""Who is told when a terminal has another size: the user's session, and those of a master's clients.

A loop has one handler for a signal. A client of a master passes SIGWINCH on to it by sending it.
"""

import asyncio
import signal
from collections.abc import Callable

__all__ = ["follow_resizes"]

_followers: dict[asyncio.AbstractEventLoop, dict[object, Callable[[], None]]] = {}


def follow_resizes(loop: asyncio.AbstractEventLoop, resized: Callable[[], None]) -> Callable[[], None]:
    """Call `resized` at each SIGWINCH; return what ends that."""
    followers = _followers.setdefault(loop, {})
    key = object()
    followers[key] = resized

    def tell() -> None:
        for follower in list(followers.values()):
            follower()

    if len(followers) == 1:
        loop.add_signal_handler(signal.SIGWINCH, tell)

    def stop() -> None:
        followers.pop(key, None)
        if not followers and _followers.pop(loop, None) is not None:
            loop.remove_signal_handler(signal.SIGWINCH)

    return stop
