"""One control connection at the master: bytes and descriptors to requests, replies to bytes."""

import array
import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from pyssh.errors import ProtocolError
from pyssh.mux.master import Asked, MuxMaster
from pyssh.mux.messages import MuxReply
from pyssh_cli.output import Output, escape

__all__ = ["ControlConnection", "Service"]

_READ_SIZE: Final = 64 * 1024
# the kernel lets no more than 253 pass at once (SCM_MAX_FD); more than three are refused, and closed
_MOST_DESCRIPTORS: Final = 253
_CLOSE_ON_EXEC: Final[int] = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class Service(Protocol):
    """What the master does for one connection."""

    async def serve(self, asked: Asked) -> None:
        """Answer a request by `ControlConnection.reply`, and do what it asks for."""

    def gone(self) -> None:
        """Let go of everything: the client is gone."""


class ControlConnection:
    """Runs from when it is made until the client or `close` ends it; `on_closed` is called then.

    Descriptors that nobody takes are closed here.
    """

    def __init__(
        self,
        sock: socket.socket,
        make_service: "Callable[[ControlConnection], Service]",
        on_closed: "Callable[[ControlConnection], None]",
        output: Output,
    ) -> None:
        self._socket = sock
        self._output = output
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._mux = MuxMaster(os.getpid())
        self._unsent = bytearray()
        self._is_reading = self._is_writing = self._is_closing = self._is_detached = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._service = make_service(self)
        self._flush()
        self._read_if_wanted()

    # --- received

    def _read_if_wanted(self) -> None:
        wanted = self._mux.wants_data and not (self._is_closing or self._is_detached)
        if wanted and not self._is_reading:
            self._loop.add_reader(self._socket, self._readable)
        elif not wanted and self._is_reading:
            self._loop.remove_reader(self._socket)
        self._is_reading = wanted

    def _readable(self) -> None:
        try:
            data, handles = _receive(self._socket)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._output.debug(f"a control connection broke: {error.strerror}")
            self.close()
            return
        if not data:
            _close_all(handles)
            self.close()
            return
        self._step(lambda: self._mux.receive(data, handles))

    def _step(self, step: Callable[[], tuple[Asked | None, tuple[int, ...]]]) -> None:
        try:
            asked, unneeded = step()
        except ProtocolError as error:
            self._output.debug(f"a control connection is closed: {escape(str(error))}")
            self.close()
            return
        _close_all(unneeded)
        self._flush()
        self._read_if_wanted()
        if asked is not None:
            self._spawn(self._service.serve(asked))

    def _spawn(self, serving: Awaitable[None]) -> None:
        task = asyncio.ensure_future(serving)
        self._tasks.add(task)
        task.add_done_callback(self._served)

    def _served(self, task: "asyncio.Future[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # a mistake of ours must not leave a client waiting
            self._output.error(f"unforeseen {type(error).__name__}: {escape(str(error))}")
            self.close()

    # --- sent

    def reply(self, reply: MuxReply) -> None:
        """Answer the request that is open. After the end this does nothing."""
        if not self._is_closing:
            self._step(lambda: self._mux.answer(reply))

    def session_ended(self, exit_value: int) -> None:
        """Say how the session's command ended."""
        if not self._is_closing:
            self._mux.session_ended(exit_value)
            self._flush()

    def terminal_refused(self) -> None:
        """Say that the session has no terminal."""
        if not self._is_closing:
            self._mux.terminal_refused()
            self._flush()

    def _flush(self) -> None:
        self._unsent += self._mux.data_to_send()
        try:
            while self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self._unsent.clear()
            self._loop.call_soon(self.close)
        if self._unsent and not self._is_writing:
            self._is_writing = True
            self._loop.add_writer(self._socket, self._flush)
        elif not self._unsent and self._is_writing:
            self._is_writing = False
            self._loop.remove_writer(self._socket)

    # --- the end

    def detach(self) -> tuple[socket.socket, bytes]:
        """Give the socket away, with what was received behind our packets; then only `close` is of use."""
        self._is_detached = True
        self._read_if_wanted()
        if self._is_writing:
            self._is_writing = False
            self._loop.remove_writer(self._socket)
        # what the client was granted is some bytes, and it was waiting for them
        self._socket.setblocking(True)
        with contextlib.suppress(OSError):
            self._socket.sendall(self._unsent)
        self._socket.setblocking(False)
        return self._socket, self._mux.take_rest()

    def close(self) -> None:
        """Close, after what was said has left as far as the kernel takes it. Closing twice is harmless."""
        if self._is_closing:
            return
        self._is_closing = True
        if not self._is_detached:
            self._read_if_wanted()
            self._flush()
            if self._is_writing:
                self._loop.remove_writer(self._socket)
            self._socket.close()
        _close_all(self._mux.unclaimed())
        self._service.gone()
        self._on_closed(self)
        current = asyncio.current_task()
        for task in list(self._tasks):
            if task is not current:
                task.cancel()

    async def join(self) -> None:
        """Wait for what is left of a connection that was closed."""
        if self._tasks:
            await asyncio.wait(self._tasks)


def _receive(sock: socket.socket) -> tuple[bytes, tuple[int, ...]]:
    handles = array.array("i")
    room = socket.CMSG_SPACE(_MOST_DESCRIPTORS * handles.itemsize)
    data, messages, _, _ = sock.recvmsg(_READ_SIZE, room, _CLOSE_ON_EXEC)
    for level, kind, packed in messages:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            handles.frombytes(packed[: len(packed) - len(packed) % handles.itemsize])
    return data, tuple(handles)


def _close_all(handles: tuple[int, ...]) -> None:
    for handle in handles:
        os.close(handle)
