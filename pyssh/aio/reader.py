"""`Reader`: one stream of received channel data to be awaited; `Lane`: what a channel delivers data to.

Data waits as the views that the engine made, without copies, until it is read. Credit for the window goes to
the peer as it is read, so a reader that stops costs one window.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from pyssh.errors import UsageError
from pyssh.record import Record

Chunk = bytes | memoryview

LINE_SIZE: Final = 64 * 1024
"""The default cap of `readline`."""


class Unread(Record):
    """What a reader holds; `credited` bytes of it are back in the window."""

    data: bytes
    credited: int


class Lane(Protocol):
    """Takes one kind of a channel's data, called by the link as packets arrive."""

    def receive(self, data: Chunk) -> bool:
        """Take data; True asks for a `flush` after the last packet of this read."""

    def flush(self) -> None:
        """Work off what was received."""

    def receive_eof(self) -> None:
        """Note that no more data follows; may be called again."""

    def receive_end(self, error: Exception) -> None:
        """Note that the connection broke: what is missing will never come."""


class Discard:
    """A lane for data that nobody wants."""

    def __init__(self, consumed: Callable[[int], None]) -> None:
        self._consumed = consumed

    def receive(self, data: Chunk) -> bool:
        """Give the credit back."""
        self._consumed(len(data))
        return False

    def flush(self) -> None:
        """Nothing waits."""

    def receive_eof(self) -> None:
        """Nobody minds."""

    def receive_end(self, error: Exception) -> None:
        """Nobody minds."""


class Reader:
    """Received data, to be read by one task at a time.

    Every method returns data that came before an error; the error is raised when that is used up. A read that
    is cancelled loses nothing.
    """

    def __init__(self, consumed: Callable[[int], None]) -> None:
        self._consumed = consumed
        self._chunks: deque[Chunk] = deque()
        self._size = 0
        # bytes at the front whose credit was given early, because a read waits for more than a window
        self._credited = 0
        self._eof = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    # --- from the link

    def receive(self, data: Chunk) -> bool:
        """Take data."""
        self._chunks.append(data)
        self._size += len(data)
        if self._waiter is not None:
            self._wake()
        return False

    def flush(self) -> None:
        """Nothing is left to do after `receive`."""

    def receive_eof(self) -> None:
        """Let readers see the end."""
        self._eof = True
        self._wake()

    def receive_end(self, error: Exception) -> None:
        """Let readers see the error, unless the end had come before it."""
        if not self._eof:
            self._error = error
        self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def hand_over(self, lane: Lane) -> None:
        """Give another lane what is unread, and tell it what this one was told."""
        if self._waiter is not None:
            raise UsageError("the channel is being read")
        while self._chunks:
            lane.receive(self._chunks.popleft())
        self._size = 0
        lane.flush()
        if self._eof:
            lane.receive_eof()
        elif self._error is not None:
            lane.receive_end(self._error)

    def unread(self) -> Unread:
        """Return what waits, for another process."""
        return Unread(b"".join(self._chunks), self._credited)

    def restore(self, unread: Unread) -> None:
        """Take over what waited in another process."""
        self._chunks.appendleft(unread.data)
        self._size += len(unread.data)
        self._credited += unread.credited

    # --- for the application

    @property
    def at_eof(self) -> bool:
        """Whether everything was read and nothing more comes."""
        return self._eof and not self._size

    async def read(self, n: int = -1) -> bytes:
        """Return between 1 and `n` bytes as soon as there are any; with -1, everything up to the end.

        b"" is the end. What is read with -1 is as large as the peer makes it.
        """
        if n == 0:
            return b""
        if n < 0:
            while await self._more():
                pass
            return self._take(self._size)
        if not self._size:
            await self._some()
        return self._take(min(n, self._size))

    async def readexactly(self, n: int) -> bytes:
        """Return `n` bytes; `asyncio.IncompleteReadError` if the end comes before, with what there was."""
        while self._size < n:
            if not await self._more():
                raise asyncio.IncompleteReadError(self._take(self._size), n)
        return self._take(n)

    async def readline(self, limit: int = LINE_SIZE) -> bytes:
        """Return a line with its newline; the last one may have none, and b"" is the end.

        A line longer than `limit` comes in pieces of that size.
        """
        searched = 0
        while True:
            end, searched = self._find_newline(searched)
            if end:
                return self._take(min(end, limit))
            if self._size >= limit:
                return self._take(limit)
            if not await self._more():
                return self._take(self._size)

    async def read_some(self) -> list[Chunk]:
        """Return all there is, at least one piece, as received and without copying; [] is the end."""
        if not self._size:
            await self._some()
        chunks = list(self._chunks)
        self._chunks.clear()
        self._account(self._size)
        return chunks

    def __aiter__(self) -> "Reader":
        return self

    async def __anext__(self) -> bytes:
        if not self._size:
            await self._some()
        if not self._size:
            raise StopAsyncIteration
        return self._take(len(self._chunks[0]))

    # --- inside

    def _find_newline(self, start: int) -> tuple[int, int]:
        """Return how long the line is (0: no newline yet) and how far there is no newline."""
        offset = 0
        for chunk in self._chunks:
            size = len(chunk)
            if offset + size > start:
                position = bytes(chunk).find(b"\n", max(start - offset, 0))
                if position >= 0:
                    return offset + position + 1, start
            offset += size
        return 0, offset

    async def _some(self) -> None:
        """Wait for data, the end, or the error, which is raised."""
        while not self._size and not self._eof:
            await self._wait()

    async def _more(self) -> bool:
        """Wait for more data than there is; False at the end.

        The credit for what waits is given now: more may be wanted than fits in a window.
        """
        size = self._size
        if not self._eof and self._error is None and size > self._credited:
            self._consumed(size - self._credited)
            self._credited = size
        while self._size == size:
            if self._eof:
                return False
            await self._wait()
        return True

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        if self._waiter is not None:
            raise UsageError("another task reads this already")
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        try:
            await waiter
        finally:
            if self._waiter is waiter:
                self._waiter = None

    def _take(self, n: int) -> bytes:
        chunks = self._chunks
        if not n:
            return b""
        first = chunks[0]
        if len(first) == n:
            chunks.popleft()
            taken = bytes(first)
        elif len(first) > n:
            chunks[0] = memoryview(first)[n:]
            taken = bytes(first[:n])
        else:
            taken = self._gather(n)
        self._account(n)
        return taken

    def _gather(self, n: int) -> bytes:
        pieces: list[Chunk] = []
        while n:
            chunk = self._chunks.popleft()
            if len(chunk) > n:
                self._chunks.appendleft(memoryview(chunk)[n:])
                chunk = chunk[:n]
            pieces.append(chunk)
            n -= len(chunk)
        return b"".join(pieces)

    def _account(self, n: int) -> None:
        """Note that the application has `n` bytes more."""
        self._size -= n
        early = min(n, self._credited)
        self._credited -= early
        if n > early:
            self._consumed(n - early)
