"""ObscureKeystrokeTiming: typed bytes leave on a beat, and pings fill the beats on which nobody types.

Who watches the network sees how long a user pauses between keys, which tells much about what is typed. So
the first key starts a beat and goes out at once; the others wait for the next beat, and for a while after the
last one something of a key's size leaves on every beat. The numbers are OpenSSH's.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import Final

from pyssh.aio.channel import Channel
from pyssh.aio.splice import Source, Transform
from pyssh.errors import SSHError
from pyssh.messages.transport import Ping
from pyssh_cli.output import Level, Output
from pyssh_config.client import ClientConfig

__all__ = ["PING_EXTENSION", "Beat", "Keystrokes", "obscured"]

PING_EXTENSION: Final = "ping@openssh.com"
"""What a server must announce: without pings a beat would cost time and hide little."""

_PING: Final = Ping(b"PING!")
"""Its packet is as long as that of one key: 10 bytes, of which 9 frame a single byte of channel data."""

_FUZZ: Final = 0.1
_LEAST_CHAFF: Final = 1.024
_MORE_CHAFF: Final = 2.048
_MOST_TYPED: Final = 256
"""More bytes than this on one beat were not typed but pasted, and pasted text waits for nobody."""


def _chance() -> float:
    """Return a number from 0 to 1 that nobody can foresee."""
    return int.from_bytes(os.urandom(4)) / 2**32


class Beat:
    """The arithmetic: when the next beat is due and what leaves on it. It reads no clock."""

    def __init__(self, interval: float, chance: Callable[[], float] = _chance) -> None:
        self._interval = interval
        self._chance = chance
        self._drift = 0.0
        self._chaff_until = 0.0
        self.due: float | None = None
        """When `strike` is to be called; None while nothing is obscured."""
        self.waiting = b""
        """What was typed since the last beat."""
        self.pings = 0

    def typed(self, data: bytes, now: float) -> bytes:
        """Take what was typed; return what of it leaves at once."""
        if len(self.waiting) + len(data) >= _MOST_TYPED:
            return self.stop() + data
        self._chaff_until = now + _LEAST_CHAFF + _MORE_CHAFF * self._chance()
        if self.due is not None:
            self.waiting += data
            return b""
        self.pings = 0
        # a rate of its own for each burst, so that the beats of many cannot be added up
        self._drift = self._interval * _FUZZ * self._chance()
        self._set_due(now)
        return data

    def strike(self, now: float) -> bytes | None:
        """Return what leaves on the beat that is due, b"" being a ping; None when the beat has ended."""
        if self.due is None:
            return None
        if not self.waiting and now >= self._chaff_until:
            self.due = None
            return None
        self._set_due(now)
        data, self.waiting = self.waiting, b""
        self.pings += not data
        return data

    def stop(self) -> bytes:
        """End the beat; return what waits for it."""
        self.due = None
        data, self.waiting = self.waiting, b""
        return data

    def _set_due(self, now: float) -> None:
        fuzz = self._interval * _FUZZ
        self.due = now + self._interval - fuzz + fuzz * self._chance() + self._drift


def obscured(channel: Channel, config: ClientConfig, output: Output) -> "Keystrokes | None":
    """Return what hides how somebody types; None where that is not wanted or the server cannot."""
    if not config.obscure_keystroke_timing:
        return None
    if PING_EXTENSION not in channel.link.extensions:
        output.debug("keystroke timing is not obscured: the server has no pings")
        return None
    return Keystrokes(channel, config.obscure_keystroke_timing / 1000, output)


class Keystrokes:
    """A session's typing on its way to a channel, from a `Source` that has `transform`.

    That source must not send EOF by itself; `follow` does it.
    """

    def __init__(self, channel: Channel, interval: float, output: Output) -> None:
        self._channel = channel
        self._link = channel.link
        self._output = output
        self._beat = Beat(interval)
        self._timer: asyncio.TimerHandle | None = None

    def transform(self, before: Transform | None) -> Transform:
        """Return what is to see each piece that was typed, after `before` has."""

        def take(view: memoryview) -> bytes:
            typed = bytes(view if before is None else before(view))
            return self._typed(typed) if typed else b""

        return take

    def _typed(self, data: bytes) -> bytes:
        if not self._link.engine.transport.can_send():
            # keys are being exchanged: nothing may leave, and then all of it does
            return self._stop("rekeying started") + data
        was_active = self._beat.due is not None
        leaving = self._beat.typed(data, self._link.loop.time())
        if self._beat.due is None:
            self._stop("more than is typed")
        elif not was_active:
            self._schedule()
        return leaving

    def _schedule(self) -> None:
        due = self._beat.due
        assert due is not None
        self._timer = self._link.loop.call_at(due, self._strike)

    def _strike(self) -> None:
        if self._channel.closed or self._link.ended:
            self._stop("the session is over")
            return
        if not self._beat.waiting and (
            self._link.unsent >= _MOST_TYPED or not self._link.engine.transport.can_send()
        ):
            self._stop("other data waits")
            return
        data = self._beat.strike(self._link.loop.time())
        if data is None:
            self._stop("nothing was typed for a while")
            return
        if not data:
            self._link.engine.transport.send(_PING)
            self._link.flush_soon()
        else:
            try:
                sent = self._channel.send(memoryview(data))
            except (OSError, SSHError):  # the source learns of it, too
                self._stop("the channel is closed")
                return
            # what the window does not take now is tried again on the next beat
            self._beat.waiting = data[sent:]
        self._schedule()

    def _stop(self, reason: str) -> bytes:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._output.debug(f"keystrokes: {reason}, {self._beat.pings} pings sent", Level.DEBUG3)
        return self._beat.stop()

    async def follow(self, source: Source) -> None:
        """Wait for the end of the source; then send what waits, and EOF."""
        with contextlib.suppress(OSError, SSHError):
            await source.wait()
        data = self._stop("the input has ended")
        with contextlib.suppress(OSError, SSHError):
            if data and not self._channel.closed:
                await self._channel.write(data)
            if not self._channel.closed:
                self._channel.send_eof()
