"""`Turns`: which channel of a link sends next when not all can at once."""

import asyncio
from typing import TYPE_CHECKING

from pyssh.aio.pump import SMALL_WRITE, Pump
from pyssh.engine import Engine

if TYPE_CHECKING:
    from pyssh.aio.channel import Channel


class Turns:
    """Hands channel data to the engine while the pump has room, and lets those that wait go on in turn.

    A channel waits either for the pump, in a queue, or for the engine: its window is shut, or keys are being
    exchanged.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, pump: Pump, engine: Engine) -> None:
        self._loop = loop
        self._pump = pump
        self._connection = engine.connection
        self._for_pump: dict[Channel, None] = {}
        self._for_engine: dict[Channel, None] = {}
        self._is_scheduled = False

    def send(self, number: int, data: memoryview, data_type_code: int) -> int:
        """Hand over data of a channel as far as it may leave now; return how much."""
        size = len(data)
        room = self._pump.room(size)
        if room <= 0:
            return 0
        if size > room:
            data = data[:room]
        taken = self._connection.send_data(number, data, data_type_code)
        if taken:
            self._pump.handed(taken)
        return taken

    def room(self, number: int, size: int) -> int:
        """Return how much of a piece of `size` bytes `send` would take now."""
        return min(self._pump.room(size), self._connection.writable(number))

    def wait(self, channel: "Channel", size: int) -> None:
        """Call `channel.resume` when `size` bytes may be sent, or some of them: soon, if that is now."""
        if self._pump.room(size) > 0:
            if self._connection.writable(channel.number) <= 0:
                self._for_engine[channel] = None
                return
            if not self._is_scheduled:
                self._is_scheduled = True
                self._loop.call_soon(self._resume_scheduled)
        self._for_pump[channel] = None

    def _resume_scheduled(self) -> None:
        self._is_scheduled = False
        self.pump_has_room()

    def pump_has_room(self) -> None:
        """Let each channel that waits for the pump go on; who cannot finish goes to the end of the queue."""
        for channel in list(self._for_pump):
            if self._pump.room(SMALL_WRITE + 1) <= 0:
                break
            if channel in self._for_pump:
                del self._for_pump[channel]
                channel.resume()

    def window_opened(self, channel: "Channel") -> None:
        """Let a channel go on that waits for its window."""
        if channel in self._for_engine:
            del self._for_engine[channel]
            channel.resume()

    def keys_changed(self) -> None:
        """Let all channels go on that wait for new keys; the others wait again."""
        for channel in list(self._for_engine):
            self.window_opened(channel)

    def drop(self, channel: "Channel") -> None:
        """Forget a channel that is closed."""
        self._for_pump.pop(channel, None)
        self._for_engine.pop(channel, None)
