"""`Channel`: one channel as something to await.

Received data goes to lanes, `stdout` and `stderr` unless others are attached (`splice.py`); writing waits
while the window is shut, a key exchange runs or the pump is full.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from pyssh.aio.reader import LINE_SIZE, Chunk, Discard, Lane, Reader
from pyssh.aio.tasks import Serial
from pyssh.aio.timeouts import limit
from pyssh.connection import requests
from pyssh.errors import RequestError
from pyssh.events import ChannelRequestReceived, DataReceived
from pyssh.record import Record
from pyssh.wire.message import Struct

if TYPE_CHECKING:
    from pyssh.aio.link import Link

STDERR: Final = 1
"""The data type code of stderr (RFC 4254 section 5.2)."""

# what one write may send before others have their turn, even if it never had to wait
_BURST: Final = 256 * 1024
# a size that counts as a transfer, not as a keystroke (see pump.SMALL_WRITE)
_BULK: Final = 64 * 1024

RequestHandler = Callable[[ChannelRequestReceived], Awaitable[bool]]


class ExitStatus(Record):
    """How a remote program ended: by a status, by a signal (its name without SIG), or unknown (both None)."""

    status: int | None = None
    signal: str | None = None
    core_dumped: bool = False
    message: str = ""


class _Write:
    """A write that could not be finished at once."""

    __slots__ = ("code", "data", "done")

    def __init__(self, data: memoryview, code: int, done: asyncio.Future[None]) -> None:
        self.data = data
        self.code = code
        self.done = done


class Channel:
    """An open channel of a link. `kind` says what it is (`pyssh.connection.kinds`).

    `read` and its like are those of `stdout`; stderr is read from `stderr`. Both share one window: what
    nobody reads stops the other, too. As an async context manager it is closed at the end.
    """

    def __init__(self, link: "Link", number: int, kind: Struct) -> None:
        self.link = link
        self.number = number
        self.kind = kind
        self.stdout = Reader(self.consumed)
        self.stderr = Reader(self.consumed)
        self.exit: ExitStatus | None = None
        self.eof_received = False
        self._connection = link.engine.connection
        self._turns = link.turns
        self._lanes: dict[int, Lane] = {0: self.stdout, STDERR: self.stderr}
        self._writes: deque[_Write] = deque()
        self._on_writable: list[Callable[[], None]] = []
        self._burst = 0
        self._eof_wanted = False
        self._eof_sent = False
        self._close_sent = False
        self._error: Exception | None = None
        self._lost = False
        self._replies: deque[asyncio.Future[bool]] = deque()
        self._handler: RequestHandler = self._pass_on
        self._requests = Serial[ChannelRequestReceived](link.tasks, self._answer)
        self._exited: asyncio.Future[None] = link.loop.create_future()
        self._closed: asyncio.Future[None] = link.loop.create_future()

    @property
    def closed(self) -> bool:
        """Whether both sides have closed it, or the link has ended."""
        return self._closed.done()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "closing" if self._close_sent else "open"
        return f"<Channel {self.number} {type(self.kind).__name__} {state}>"

    # --- reading

    async def read(self, n: int = -1) -> bytes:
        """Return between 1 and `n` bytes as soon as there are any; with -1, everything up to the end."""
        return await self.stdout.read(n)

    async def readexactly(self, n: int) -> bytes:
        """Return `n` bytes; `asyncio.IncompleteReadError` if the end comes before."""
        return await self.stdout.readexactly(n)

    async def readline(self, limit: int = LINE_SIZE) -> bytes:
        """Return a line with its newline; a longer one than `limit` in pieces, b"" at the end."""
        return await self.stdout.readline(limit)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.stdout

    def attach(self, lane: Lane, data_type_code: int = 0) -> None:
        """Send received data of one kind to `lane` from now on, beginning with what is unread."""
        before = self._lanes.get(data_type_code)
        self._lanes[data_type_code] = lane
        if isinstance(before, Reader):
            before.hand_over(lane)

    def detach(self, data_type_code: int, unread: Iterable[Chunk]) -> None:
        """Let `stdout` or `stderr` have received data again, beginning with what a lane did not use."""
        reader = self.stderr if data_type_code == STDERR else self.stdout
        self._lanes[data_type_code] = reader
        for chunk in unread:
            reader.receive(chunk)
        if self._error is not None and self._lost:
            reader.receive_end(self._error)
        elif self.eof_received or self._close_sent:
            reader.receive_eof()

    def merge_stderr(self) -> None:
        """Let `stdout` deliver both, in the order in which they come."""
        self.attach(self.stdout, STDERR)

    def discard_stderr(self) -> None:
        """Throw away what comes for stderr."""
        self.attach(Discard(self.consumed), STDERR)

    def consumed(self, size: int) -> None:
        """Give the peer credit for `size` bytes that a lane has worked off."""
        if not self._closed.done() and self._connection.consumed(self.number, size):
            self.link.flush_soon()

    # --- writing

    async def write(self, data: bytes | bytearray | memoryview, data_type_code: int = 0) -> None:
        """Write all of `data`; it has left for the peer, or waits in a bounded buffer, when this returns.

        `BrokenPipeError` once the channel is closed or after `send_eof`. Writes of several tasks do not mix.
        A write that is cancelled may have sent a part.
        """
        view = memoryview(data)
        if view.format != "B" or view.ndim != 1:
            view = view.cast("B")
        self._check_writable()
        if not self._writes:
            taken = self._turns.send(self.number, view[:_BURST], data_type_code)
            if taken == len(view):
                await self._yield(taken)
                return
            view = view[taken:]
        write = _Write(view, data_type_code, self.link.loop.create_future())
        self._writes.append(write)
        if len(self._writes) == 1:
            self._turns.wait(self, len(view))
        try:
            await write.done
        finally:
            if write in self._writes:
                self._writes.remove(write)

    async def write_stderr(self, data: bytes | bytearray | memoryview) -> None:
        """Write to the peer's stderr; only servers do that."""
        await self.write(data, STDERR)

    async def _yield(self, size: int) -> None:
        self._burst += size
        if self._burst >= _BURST:
            self._burst = 0
            await asyncio.sleep(0)

    def send(self, data: memoryview, data_type_code: int = 0) -> int:
        """Hand over as much of `data` as may be sent now, without waiting; return how much."""
        self._check_writable()
        return 0 if self._writes else self._turns.send(self.number, data, data_type_code)

    def writable(self, size: int) -> int:
        """Return how much of a piece of `size` bytes `send` would take now; 0 while writes wait."""
        if self._writes:
            return 0
        return self._turns.room(self.number, size)

    def when_writable(self, callback: Callable[[], None]) -> None:
        """Call `callback` once when `send` may take more; called also at the end of the channel."""
        self._on_writable.append(callback)
        if not self._writes:
            self._turns.wait(self, _BULK)

    def when_closed(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the channel is closed or the link ends."""
        self._closed.add_done_callback(lambda _: callback())

    def _check_writable(self) -> None:
        if self._error is not None:
            raise self._error
        if self._close_sent or self._closed.done():
            raise BrokenPipeError("the channel is closed")
        if self._eof_wanted:
            raise BrokenPipeError("EOF was sent on the channel")

    def resume(self) -> None:
        """Go on with what waits for room; called by the link."""
        while self._writes:
            write = self._writes[0]
            taken = self._turns.send(self.number, write.data[:_BURST], write.code)
            if taken < len(write.data):
                write.data = write.data[taken:]
                self._turns.wait(self, len(write.data))
                return
            self._writes.popleft()
            if not write.done.done():
                write.done.set_result(None)
        if self._eof_wanted:
            self._send_eof()
        self._call_writable()

    def _call_writable(self) -> None:
        callbacks, self._on_writable = self._on_writable, []
        for callback in callbacks:
            callback()

    async def drain(self) -> None:
        """Wait until the kernel has everything written so far, on this channel and on others of the link."""
        await self.link.drain()

    def send_eof(self) -> None:
        """Say that no more data follows, after the writes that still wait. Sending it twice is harmless."""
        self._eof_wanted = True
        if not self._writes:
            self._send_eof()

    def _send_eof(self) -> None:
        if not (self._eof_sent or self._close_sent or self._closed.done()):
            self._eof_sent = True
            self._connection.send_eof(self.number)
            self.link.flush_soon()

    # --- requests

    async def request(self, request: Struct) -> bool:
        """Send a request (`pyssh.connection.requests`) and return whether it was granted.

        `RequestError` if the channel is closed before the answer, TimeoutError after `timeouts.request`.
        """
        self._check_open()
        answered = self.expect_reply()
        self._connection.request(self.number, request)
        self.link.flush_soon()
        async with asyncio.timeout(limit(self.link.timeouts.request)):
            return await answered

    def expect_reply(self) -> asyncio.Future[bool]:
        """Return the answer to come for a request that was sent through the engine, in the order sent."""
        answered: asyncio.Future[bool] = self.link.loop.create_future()
        self._replies.append(answered)
        return answered

    def send_request(self, request: Struct) -> None:
        """Send a request that wants no answer."""
        self._check_open()
        self._connection.request(self.number, request, want_reply=False)
        self.link.flush_soon()

    def _check_open(self) -> None:
        if self._error is not None:
            raise self._error
        if self._close_sent or self._closed.done():
            raise BrokenPipeError("the channel is closed")

    def change_window(self, width: int, height: int, width_pixels: int = 0, height_pixels: int = 0) -> None:
        """Tell the remote terminal its new size."""
        self.send_request(requests.WindowChange(width, height, width_pixels, height_pixels))

    def send_signal(self, name: str) -> None:
        """Send a signal to the remote program; `name` as "TERM", without SIG."""
        self.send_request(requests.Signal(name.removeprefix("SIG")))

    async def send_break(self, milliseconds: int = 0) -> bool:
        """Send a break (RFC 4335); 0 is the server's own length."""
        return await self.request(requests.Break(milliseconds))

    def handle_requests(self, handler: RequestHandler) -> None:
        """Let `handler` answer the peer's requests on this channel, in order, one at a time."""
        self._handler = handler

    async def wait_exit(self) -> ExitStatus:
        """Return how the remote program ended, when the server has said so or has closed the channel."""
        await asyncio.shield(self._exited)
        return self.exit or ExitStatus()

    # --- from the link

    def restore(self, *, eof_sent: bool, eof_received: bool) -> None:
        """Take over where another process left off."""
        self._eof_wanted = self._eof_sent = eof_sent
        if eof_received:
            self.receive_eof()

    def receive_data(self, event: DataReceived) -> Lane | None:
        """Take data; return the lane to flush after this read."""
        lane = self._lanes.get(event.data_type_code)
        if lane is None:
            self.consumed(len(event.data))
            return None
        return lane if lane.receive(event.data) else None

    def receive_eof(self) -> None:
        """Note that no more data comes."""
        self.eof_received = True
        for lane in self._lanes.values():
            lane.receive_eof()

    def receive_reply(self, granted: bool) -> None:
        """Take the answer to the oldest unanswered request."""
        # it may be another process that has asked (`handover.py`)
        answered = self._replies.popleft() if self._replies else None
        if answered is not None and not answered.done():
            answered.set_result(granted)

    def receive_request(self, question: ChannelRequestReceived) -> None:
        """Take a request of the peer. How a program ended is noted here; the rest is the handler's."""
        match question.request:
            case requests.ExitStatus(exit_status):
                self._note_exit(ExitStatus(exit_status))
            case requests.ExitSignal(signal_name, core_dumped, error_message):
                name = requests.plain_signal_name(signal_name)
                self._note_exit(ExitStatus(None, name, core_dumped, error_message))
            case _:
                self._requests.push(question)
                return
        self.link.settle(question, True)

    def _note_exit(self, exit_status: ExitStatus) -> None:
        if self.exit is None:
            self.exit = exit_status
        if not self._exited.done():
            self._exited.set_result(None)

    async def _answer(self, question: ChannelRequestReceived) -> None:
        await self.link.answer(question, self._handler(question))

    async def _pass_on(self, question: ChannelRequestReceived) -> bool:
        return await self.link.decide_channel_request(self, question)

    def receive_closed(self) -> None:
        """Note that both sides have closed the channel."""
        self.receive_eof()
        self._end(BrokenPipeError("the channel is closed"), None)

    def receive_end(self, error: Exception) -> None:
        """Note that the link has ended before the channel."""
        for lane in self._lanes.values():
            lane.receive_end(error)
        self._end(error, error)

    def _end(self, for_writers: Exception, for_exit: Exception | None) -> None:
        self._error = for_writers
        self._lost = for_exit is not None
        writes, self._writes = self._writes, deque()
        for write in writes:
            if not write.done.done():
                write.done.set_exception(for_writers)
        replies, self._replies = self._replies, deque()
        for answered in replies:
            if not answered.done():
                answered.set_exception(
                    for_exit or RequestError("the channel was closed before an answer came")
                )
        if not self._exited.done():
            if for_exit is not None:
                self._exited.set_exception(for_exit)
                self._exited.exception()  # nobody may be waiting
            else:
                self._exited.set_result(None)
        if not self._closed.done():
            self._closed.set_result(None)
        self._call_writable()

    # --- the end

    def close(self) -> None:
        """Close the channel for both directions; what is written has been sent. Closing twice is harmless."""
        if self._close_sent or self._closed.done():
            return
        self._close_sent = True
        for write in self._writes:
            if not write.done.done():
                write.done.set_exception(BrokenPipeError("the channel is closed"))
        self._writes.clear()
        self._connection.close(self.number)
        for lane in self._lanes.values():
            lane.receive_eof()
        self.link.flush_soon()

    async def wait_closed(self) -> None:
        """Wait until both sides have closed; after our own close no longer than `timeouts.channel_close`."""
        if not self._close_sent:
            await asyncio.shield(self._closed)
            return
        try:
            async with asyncio.timeout(limit(self.link.timeouts.channel_close)):
                await asyncio.shield(self._closed)
        except TimeoutError:
            self.link.forget(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        await self.wait_closed()
