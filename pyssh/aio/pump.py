"""`Pump`: moves bytes between one stream and one engine: receive, send, pressure, timers.

The first and the last station of a packet. It works on the loop's reader and writer callbacks, without
transports, and does a bounded amount of work each time it is called.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from itertools import islice

from pyssh.aio.streams import Stream
from pyssh.aio.timeouts import Timeouts, limit
from pyssh.engine import Engine
from pyssh.events import AnyEvent

# one read; the engine opens packets straight from it
READ_SIZE = 256 * 1024
# channel data waits outside the engine while more than this is unsent
SEND_MARK = 512 * 1024
# and goes on when no more than this is left
RESUME_MARK = 256 * 1024
# small writes pass data that waits, so that a keystroke does not queue behind a transfer
SMALL_WRITE = 4096
SMALL_WRITE_ROOM = 256 * 1024
# replies pile up beyond the marks when a peer asks and does not read: then we do not read either
PAUSE_MARK = 4 * 1024 * 1024
# data handed to the engine in one turn of the loop leaves at once from this size on
FLUSH_SIZE = 128 * 1024
# and so does data after that many seconds without any: a keystroke does not wait for company
_LULL = 0.0005
# system calls take so many pieces (IOV_MAX on Linux and the BSDs)
_PIECES = 1024
# before closing, what the peer sent meanwhile is taken from the kernel: else that answers with a reset, which
# can destroy our DISCONNECT before the peer has read it
_LAST_READS = 16


class _PerThread(threading.local):
    """The read buffer: one for all pumps of a loop, since the engine keeps nothing of it."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(READ_SIZE))


_buffer = _PerThread()


class Pump:
    """Drives `engine` over `stream`.

    `on_events` gets all events of one read in one call; `on_room` is called when channel data may flow again;
    `on_failure` gets an exception that the engine or `on_events` raised, which is a mistake of ours.
    `closed` is done when the descriptors are closed. `unsent` counts bytes that the kernel has not taken.
    """

    def __init__(
        self,
        engine: Engine,
        stream: Stream,
        *,
        on_events: Callable[[list[AnyEvent]], None],
        on_failure: Callable[[Exception], None],
        timeouts: Timeouts,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._engine = engine
        self.stream = stream
        self._on_events = on_events
        self._on_failure = on_failure
        self.on_room: Callable[[], None] | None = None
        self._timeouts = timeouts
        self._queue: list[bytes | bytearray | memoryview] = []
        self.unsent = 0
        self._fresh = 0
        self._flushed_at = 0.0
        self._flush_scheduled = False
        self._is_reading = False
        self._is_writing = False
        self._is_broken = False
        self._is_closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self._drains: list[asyncio.Future[None]] = []
        self.closed: asyncio.Future[None] = self._loop.create_future()

    def start(self) -> None:
        """Begin to move bytes."""
        self._on_events(self._engine.tick(self._loop.time()))
        self.after_engine()

    # --- received

    def _readable(self) -> None:
        buffer = _buffer.view
        error: OSError | None = None
        try:
            size = os.readv(self.stream.read_fd, (buffer,))
        except (BlockingIOError, InterruptedError):
            return
        except OSError as caught:
            size, error = 0, caught
        if not self._engine.authenticated:
            self.stream.acknowledge()
        try:
            if size:
                self._on_events(self._engine.receive_data(buffer[:size], self._loop.time()))
                self.after_engine()
                self._engine.prepare()
            else:
                self._receive_eof(error)
        except Exception as mistake:  # the outermost edge: a link that is half done would wait for ever
            self._on_failure(mistake)

    def _receive_eof(self, error: OSError | None) -> None:
        self._stop_reading()
        events = self._engine.receive_eof()
        for event in events:
            ended = getattr(event, "error", None)
            if isinstance(ended, Exception) and error is not None:
                ended.__cause__ = error
        self._on_events(events)

    def after_engine(self) -> None:
        """Send what the engine has to send, and see whether it wants more and when it wants to be called."""
        self.flush()
        if self._is_closing:
            return
        if self._engine.wants_data and self.unsent < PAUSE_MARK and not self._is_broken:
            if not self._is_reading:
                self._is_reading = True
                self._loop.add_reader(self.stream.read_fd, self._readable)
        else:
            self._stop_reading()
        due = self._engine.deadline()
        # a later one is noticed when the earlier one fires, so that traffic does not keep moving the timer
        if due is not None and (self._due is None or due < self._due):
            self._set_timer(due)

    def _stop_reading(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self.stream.read_fd)

    # --- time

    def _set_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = self._loop.call_at(due, self._tick)

    def tick_now(self) -> None:
        """Let the engine see the clock: it counts from a tick that follows a login or new keys."""
        if not self._is_closing:
            self._set_timer(self._loop.time())

    def _tick(self) -> None:
        self._timer = self._due = None
        try:
            self._on_events(self._engine.tick(self._loop.time()))
            self.after_engine()
        except Exception as mistake:  # as in `_readable`
            self._on_failure(mistake)

    # --- sent

    def room(self, size: int) -> int:
        """Return how much channel data may be handed to the engine now, for a write of `size` bytes."""
        mark = SEND_MARK if size > SMALL_WRITE else SEND_MARK + SMALL_WRITE_ROOM
        return mark - self.unsent - self._fresh

    def handed(self, size: int) -> None:
        """Note that the engine was handed channel data: it leaves with what else is written in this turn."""
        self._fresh += size
        now = self._loop.time()
        if self._fresh >= FLUSH_SIZE or now - self._flushed_at >= _LULL:
            self._flushed_at = now
            self.flush()
        else:
            self.flush_soon()

    def flush_soon(self) -> None:
        """Flush at the end of this turn of the loop."""
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush_scheduled_now)

    def _flush_scheduled_now(self) -> None:
        self._flush_scheduled = False
        self.flush()

    def flush(self) -> None:
        """Send what the engine has to send, as far as the kernel takes it."""
        self._fresh = 0
        frames = self._engine.data_to_send()
        if self._is_broken or self.closed.done():
            return
        if frames:
            self._queue += frames
            self.unsent += sum(map(len, frames))
        if self._queue and not self._is_writing:
            self._send()
            if self._queue and not self._is_broken:
                self._is_writing = True
                self._loop.add_writer(self.stream.write_fd, self._writable)

    def _send(self) -> None:
        """Write what is queued until the kernel takes no more."""
        queue = self._queue
        start = 0
        while start < len(queue):
            pieces = (
                queue if not start and len(queue) <= _PIECES else list(islice(queue, start, start + _PIECES))
            )
            try:
                sent = os.writev(self.stream.write_fd, pieces)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                self._write_failed(error)
                return
            self.unsent -= sent
            while sent:
                piece = queue[start]
                size = len(piece)
                if sent < size:
                    queue[start] = memoryview(piece)[sent:]
                    break
                sent -= size
                start += 1
        del queue[:start]

    def _writable(self) -> None:
        self._send()
        if self._is_broken:
            return
        if self.unsent <= RESUME_MARK and not self._is_closing and self.on_room is not None:
            self.on_room()
        if not self._queue:
            self._stop_writing()
            self._drained()
        if not self._is_closing:
            self.after_engine()

    def _stop_writing(self) -> None:
        if self._is_writing:
            self._is_writing = False
            self._loop.remove_writer(self.stream.write_fd)

    def _write_failed(self, error: OSError) -> None:
        """Read what the peer, which takes nothing any more, said before: perhaps why."""
        self._is_broken = True
        self._stop_writing()
        self._queue.clear()
        self.unsent = 0
        self._drained()
        if self._is_closing:
            self._close_now()
        else:
            self._stop_reading()
            self._loop.call_soon(self._read_last, error)

    def _read_last(self, error: OSError) -> None:
        buffer = _buffer.view
        while self._engine.wants_data and not self._is_closing:
            try:
                size = os.readv(self.stream.read_fd, (buffer,))
            except OSError:
                break
            if not size:
                break
            self._on_events(self._engine.receive_data(buffer[:size], self._loop.time()))
        if not self._is_closing:
            self._receive_eof(error)

    async def drain(self) -> None:
        """Wait until the kernel has everything."""
        self.flush()
        if self._queue and not self.closed.done():
            drained = self._loop.create_future()
            self._drains.append(drained)
            await drained

    def _drained(self) -> None:
        drains, self._drains = self._drains, []
        for drained in drains:
            if not drained.done():
                drained.set_result(None)
        if self._is_closing:
            self._close_now()

    # --- the end

    def close(self) -> None:
        """Send what is left, for `timeouts.close` at most, and close the stream."""
        if self._is_closing:
            return
        self._stop_timer()
        self._stop_reading()
        self.flush()
        self._is_closing = True
        if not self._queue:
            self._close_now()
        elif (seconds := limit(self._timeouts.close)) is not None:
            self._timer = self._loop.call_later(seconds, self._close_now)

    def abort(self) -> None:
        """Close the stream at once."""
        self._queue.clear()
        self.unsent = 0
        self._is_closing = True
        self._close_now()

    def _close_now(self) -> None:
        if self.closed.done():
            return
        self._stop()
        self._read_leftover()
        self.stream.close()
        self.closed.set_result(None)
        self._drained()

    def _stop(self) -> None:
        self._stop_timer()
        self._stop_reading()
        self._stop_writing()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self._due = None

    def _read_leftover(self) -> None:
        for _ in range(_LAST_READS):
            try:
                if not os.readv(self.stream.read_fd, (_buffer.view,)):
                    return
            except OSError:
                return

    def detach(self) -> tuple[bytes, Stream]:
        """Stop, and return what is unsent and the stream, which stays open."""
        self.flush()
        self._stop()
        unsent = b"".join(self._queue)
        self._is_closing = True
        self._queue.clear()
        self.unsent = 0
        self.closed.set_result(None)
        self._drained()
        return unsent, self.stream.detach()

    def prepend(self, unsent: bytes) -> None:
        """Send bytes that another process left behind, before anything of the engine's."""
        if unsent:
            self._queue.append(unsent)
            self.unsent += len(unsent)
