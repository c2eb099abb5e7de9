"""The fast lane between channels and file descriptors: callbacks on the loop, no future for each packet.

`Source` moves bytes from a descriptor to a channel, `Sink` from a channel to a descriptor, `splice` both ways
between a channel and a socket. Data is copied once: from the kernel to the packet, or from the packet to the
kernel.
"""

import asyncio
import contextlib
import fcntl
import os
import socket
import stat
import threading
from collections.abc import Callable
from typing import Final

from pyssh.aio.channel import STDERR, Channel
from pyssh.aio.reader import Chunk

# one read of a source: eight of the largest packets that OpenSSH takes
READ_SIZE: Final = 256 * 1024
# a pipe that is found full is made this large, so that the program at its other end waits less and one system
# call moves more. Not before: what the pipes of one user may hold together is limited, to 64 MiB on Linux
_PIPE_SIZE: Final = 512 * 1024
_PIPE_IS_FULL: Final = 64 * 1024  # by default
# system calls take so many pieces (IOV_MAX on Linux and the BSDs)
_PIECES: Final = 1024


class _PerThread(threading.local):
    """The read buffer: one for all sources of a loop, since a source copies nothing it cannot send."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(READ_SIZE))


_buffer = _PerThread()

Transform = Callable[[memoryview], bytes | bytearray | memoryview]


def _prepare(fd: int) -> bool:
    """Make a descriptor non-blocking; return whether it was. Terminals are shared with others: not those."""
    was_blocking = os.get_blocking(fd)
    if was_blocking and not os.isatty(fd):
        os.set_blocking(fd, False)
    return was_blocking


class _End:
    """What both directions share: one descriptor and the wait for the end of its use."""

    def __init__(self, channel: Channel, fd: int, *, close_fd: bool) -> None:
        self.channel = channel
        self.bytes = 0
        self._loop = channel.link.loop
        self._fd = fd
        self._close_fd = close_fd
        self._was_blocking = _prepare(fd)
        self._may_enlarge = stat.S_ISFIFO(os.fstat(fd).st_mode)
        self._is_watching = False
        self._done: asyncio.Future[None] = self._loop.create_future()

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._done.done()

    async def wait(self) -> None:
        """Wait for the end. Raises the OSError of the descriptor or what ended the link."""
        await asyncio.shield(self._done)

    def _enlarge(self) -> None:
        """Make the pipe hold more."""
        self._may_enlarge = False
        with contextlib.suppress(OSError):  # the user has too much in pipes already
            fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)

    def _unwatch(self) -> None:
        raise NotImplementedError

    def _finish(self, error: Exception | None) -> None:
        if self._done.done():
            return
        self._unwatch()
        if self._close_fd:
            os.close(self._fd)
        elif self._was_blocking:
            os.set_blocking(self._fd, True)
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)
            self._done.exception()  # nobody may be waiting


class Source(_End):
    """Moves what is read from a descriptor to a channel, as fast as the channel takes it.

    At the end of file EOF is sent, unless `send_eof` is false. With `stderr` it is sent as stderr.
    `transform` sees each piece before it is sent; what it returns is sent instead. Ends at end of file, with
    an error, with the channel, or by `stop`.
    """

    def __init__(
        self,
        channel: Channel,
        fd: int,
        *,
        stderr: bool = False,
        send_eof: bool = True,
        transform: Transform | None = None,
        close_fd: bool = False,
    ) -> None:
        super().__init__(channel, fd, close_fd=close_fd)
        self._code = STDERR if stderr else 0
        self._send_eof = send_eof
        self._transform = transform
        self._left: memoryview | None = None
        self._is_waiting = False
        self._is_paused = False
        # epoll takes no regular files: they are always readable
        mode = os.fstat(fd).st_mode
        self._is_file = stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not os.isatty(fd))
        channel.when_closed(self.stop)
        self._watch()

    def _watch(self) -> None:
        if self._is_watching or self._is_waiting or self._is_paused or self.done:
            return
        self._is_watching = True
        if self._is_file:
            self._loop.call_soon(self._file_readable)
        else:
            self._loop.add_reader(self._fd, self._readable)

    def _unwatch(self) -> None:
        if self._is_watching:
            self._is_watching = False
            if not self._is_file:
                self._loop.remove_reader(self._fd)

    def _file_readable(self) -> None:
        if self._is_watching:
            self._is_watching = False
            self._readable()
            self._watch()

    def _readable(self) -> None:
        room = self.channel.writable(READ_SIZE)
        if room <= 0:
            self._wait()
            return
        buffer = _buffer.view[:room]
        try:
            size = os.readv(self._fd, (buffer,))
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            # a pseudo-terminal whose programs are gone says EIO instead of end of file
            self._end_of_file(None if os.isatty(self._fd) else error)
            return
        if size == 0:
            self._end_of_file(None)
            return
        if size >= _PIPE_IS_FULL and self._may_enlarge:
            self._enlarge()
        data: Chunk | bytearray = buffer[:size]
        if self._transform is not None:
            data = self._transform(buffer[:size])
        self._forward(memoryview(data))

    def _end_of_file(self, error: OSError | None) -> None:
        if self._send_eof and not self.channel.closed:
            self.channel.send_eof()
        self._finish(error)

    def _forward(self, view: memoryview) -> None:
        try:
            sent = self.channel.send(view, self._code) if view else 0
        except Exception as error:  # a callback's outermost edge: it is raised by `wait`
            self._finish(error)
            return
        self.bytes += sent
        if sent == len(view):
            return
        self._left = memoryview(bytes(view[sent:]))
        self._wait()

    def _wait(self) -> None:
        self._unwatch()
        self._is_waiting = True
        self.channel.when_writable(self._writable)

    def _writable(self) -> None:
        self._is_waiting = False
        left, self._left = self._left, None
        if left is not None and not self.done:
            self._forward(left)
        self._watch()

    def pause(self) -> None:
        """Read no more until `resume`."""
        self._is_paused = True
        self._unwatch()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._is_paused = False
        self._watch()

    def stop(self) -> None:
        """End at once. What was read is sent, as far as the channel takes it now."""
        self._finish(None)


class Sink(_End):
    """Moves what a channel receives to a descriptor, as fast as that takes it.

    With `stderr` it is what comes for stderr. Ends when everything up to EOF is written, with an error of the
    descriptor (the rest of the data is then thrown away, so that the channel does not stall), or by `stop`.
    """

    def __init__(self, channel: Channel, fd: int, *, stderr: bool = False, close_fd: bool = False) -> None:
        super().__init__(channel, fd, close_fd=close_fd)
        self._code = STDERR if stderr else 0
        self._chunks: list[Chunk] = []
        self._is_touched = False
        self._eof = False
        self._error: Exception | None = None
        channel.attach(self, self._code)

    def receive(self, data: Chunk) -> bool:
        """Take data; called by the channel."""
        if self.done:
            self.channel.consumed(len(data))
            return False
        self._chunks.append(data)
        if self._is_touched or self._is_watching:
            return False
        self._is_touched = True
        return True

    def flush(self) -> None:
        """Write what was received; called by the channel after each read."""
        self._is_touched = False
        if not self.done and not self._is_watching:
            self._write()
            if self._chunks and not self.done:
                if self._may_enlarge:
                    self._enlarge()
                self._is_watching = True
                self._loop.add_writer(self._fd, self._writable)
            else:
                self._finish_if_written()

    def receive_eof(self) -> None:
        """Finish when everything is written; called by the channel."""
        self._eof = True
        self._finish_if_written()

    def receive_end(self, error: Exception) -> None:
        """Finish with an error when everything is written; called by the channel."""
        self._eof = True
        self._error = error
        self._finish_if_written()

    def _finish_if_written(self) -> None:
        if self._eof and not self._chunks:
            self._finish(self._error)

    def _writable(self) -> None:
        self._write()
        if not self._chunks:
            self._unwatch()
        self._finish_if_written()

    def _write(self) -> None:
        chunks = self._chunks
        try:
            written = os.writev(self._fd, chunks if len(chunks) <= _PIECES else chunks[:_PIECES])
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._give_up(error)
            return
        self.bytes += written
        self.channel.consumed(written)
        done = 0
        for chunk in chunks:
            if len(chunk) > written:
                break
            written -= len(chunk)
            done += 1
        del chunks[:done]
        if written:
            chunks[0] = memoryview(chunks[0])[written:]

    def _give_up(self, error: OSError) -> None:
        size = sum(map(len, self._chunks))
        self._chunks.clear()
        self.channel.consumed(size)
        self._finish(error)

    def _unwatch(self) -> None:
        if self._is_watching:
            self._is_watching = False
            self._loop.remove_writer(self._fd)

    def stop(self) -> None:
        """End at once; what is not written yet can be read from the channel as if this had never been."""
        if self.done:
            return
        chunks, self._chunks = self._chunks, []
        self._finish(None)
        self.channel.detach(self._code, chunks)


class Splice:
    """Moves bytes both ways between a channel and a socket, and closes both when it is over.

    An end of one direction is passed on and leaves the other one open. A broken socket closes the channel.
    """

    def __init__(self, channel: Channel, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._channel = channel
        self._socket = sock
        self._sink = Sink(channel, sock.fileno())
        self._source = Source(channel, sock.fileno())

    @property
    def received(self) -> int:
        """Bytes that went from the channel to the socket."""
        return self._sink.bytes

    @property
    def sent(self) -> int:
        """Bytes that went from the socket to the channel."""
        return self._source.bytes

    async def run(self) -> None:
        """Wait until both directions have ended; raises a broken socket's OSError, or what ended the link."""
        try:
            await self._until_over()
        finally:
            self._source.stop()
            self._sink.stop()
            self._socket.close()
            self._channel.close()
        await self._channel.wait_closed()

    async def _until_over(self) -> None:
        sending = asyncio.ensure_future(self._source.wait())
        receiving = asyncio.ensure_future(self._receive())
        try:
            # an error of either ends both: the other direction has nobody to talk to
            await asyncio.wait((receiving, sending), return_when=asyncio.FIRST_EXCEPTION)
        finally:
            receiving.cancel()
            sending.cancel()
            results = await asyncio.gather(receiving, sending, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, BrokenPipeError):
                raise result

    async def _receive(self) -> None:
        await self._sink.wait()
        with contextlib.suppress(OSError):  # the other end may be gone altogether
            self._socket.shutdown(socket.SHUT_WR)


async def splice(channel: Channel, sock: socket.socket) -> None:
    """Move bytes both ways between a channel and a socket until both directions have ended (`Splice`)."""
    await Splice(channel, sock).run()
