"""`Link`: the awaitable face of one engine, for both roles.

Events come from the pump and are dispatched here, in one match statement; calls go to the engine, and what
they produce is flushed by the pump. `ClientLink` and `ServerLink` say how questions are decided.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self, TypeVar

from pyssh.aio.channel import Channel
from pyssh.aio.pump import Pump
from pyssh.aio.reader import Lane
from pyssh.aio.streams import Address, Stream
from pyssh.aio.tasks import TaskScope, report
from pyssh.aio.timeouts import Timeouts, limit
from pyssh.aio.turns import Turns
from pyssh.engine import Engine
from pyssh.errors import (
    ChannelOpenError,
    ConnectionLost,
    DisconnectReason,
    RequestError,
    SSHError,
    UsageError,
)
from pyssh.events import (
    AgreedAlgorithms,
    AnyEvent,
    Authenticated,
    AuthenticationRequested,
    ChannelClosed,
    ChannelOpened,
    ChannelOpenFailed,
    ChannelOpenRequested,
    ChannelRequestAnswered,
    ChannelRequestReceived,
    DataReceived,
    Ended,
    EofReceived,
    Event,
    ExtensionsReceived,
    GlobalRequestAnswered,
    GlobalRequestReceived,
    HostKeyQuestion,
    KeysExchanged,
    OpenAccepted,
    OpenRefused,
    Question,
    Refuse,
    VersionReceived,
    WindowAdjusted,
)
from pyssh.keys.public import PublicKey
from pyssh.wire.message import Struct

A = TypeVar("A")
T = TypeVar("T")

# what settles a question whose decision failed; None does for the others
_REFUSALS: Final[Mapping[type[Question[Any]], object]] = {
    HostKeyQuestion: False,
    AuthenticationRequested: Refuse(),
    ChannelOpenRequested: OpenRefused(),
    ChannelRequestReceived: False,
}

ChannelRunner = Callable[[Channel], Coroutine[Any, Any, None]]
"""What happens in a channel that the peer opened."""

EventObserver = Callable[[Event], None]


class Link:
    """One SSH connection. As an async context manager it is closed at the end.

    `host_key`, `session_identifier` and `exchange_signature` are those of the first key exchange, which
    agents want for session-bind@openssh.com; `algorithms` are those in use now.
    """

    def __init__(
        self, engine: Engine, stream: Stream, *, timeouts: Timeouts, on_event: EventObserver | None = None
    ) -> None:
        self.loop: Final = asyncio.get_running_loop()
        self.engine: Final = engine
        self.timeouts: Final = timeouts
        self.tasks: Final = TaskScope(self.loop)
        self.stream: Final = stream
        self.peer_address: Final[Address | None] = stream.peer_address
        self.local_address: Final[Address | None] = stream.local_address
        self.user = engine.user
        self.remote_version = ""
        self.algorithms: AgreedAlgorithms | None = engine.transport.algorithms
        self.host_key: PublicKey | None = engine.transport.host_key
        self.session_identifier = b""
        self.exchange_signature = b""
        self.extensions: dict[str, bytes] = {}
        self.error: Exception | None = None
        self.ended = False
        self._on_event = on_event
        self._pump = Pump(
            engine, stream, on_events=self._dispatch, on_failure=self._failed, timeouts=timeouts
        )
        self.turns: Final = Turns(self.loop, self._pump, engine)
        self._pump.on_room = self.turns.pump_has_room
        self._channels: dict[int, Channel] = {}
        self.channels: Mapping[int, Channel] = MappingProxyType(self._channels)
        self._opening: dict[int, tuple[Struct, asyncio.Future[Channel]]] = {}
        self._replies: deque[asyncio.Future[bytes] | None] = deque()
        self._at_end: list[Callable[[], object]] = []
        self._questions = 0
        self._steps = 0
        self._authenticated: asyncio.Future[None] = self.loop.create_future()
        self._over: asyncio.Future[None] = self.loop.create_future()
        self._finishing: asyncio.Task[None] | None = None

    # --- what roles decide

    async def _decide(self, question: Question[Any]) -> Any:
        """Return the answer to a blocking question."""
        raise NotImplementedError

    async def _decide_open(self, question: ChannelOpenRequested) -> None:
        """Answer the peer's wish for a channel."""
        raise NotImplementedError

    async def decide_channel_request(self, channel: Channel, question: ChannelRequestReceived) -> bool:
        """Say whether a request is granted that the channel's own handler does not decide."""
        return False

    def _receive_global_request(self, question: GlobalRequestReceived) -> None:
        """Answer a global request, now or later."""
        self.settle(question, None)

    def _question_failed(self, question: Question[Any], error: Exception) -> None:
        """Deciding a question raised: it is refused."""
        report(self.loop, f"deciding {type(question).__name__} failed", error)

    async def _finished(self) -> None:
        """Do what remains when the link is over and its tasks are gone."""

    # --- events

    def start(self) -> None:
        """Begin to move bytes."""
        self._pump.start()

    def adopt(self, events: list[AnyEvent], opening: Mapping[int, Struct]) -> None:
        """Begin with an engine that somebody drove by hand so far.

        `events` are those that it has produced, without questions that are answered; `on_event` has seen
        them. `opening` are the channels that it asked for, by number.
        """
        for number, kind in opening.items():
            self._opening[number] = kind, self.loop.create_future()
        observer, self._on_event = self._on_event, None
        self._dispatch(events)
        self._on_event = observer
        self.start()

    def _dispatch(self, events: list[AnyEvent]) -> None:  # noqa: C901, PLR0912  # one case for each event
        touched: list[Lane] = []
        if events:
            self._steps += 1
        for event in events:
            match event:
                case DataReceived():
                    lane = self._channels[event.channel].receive_data(event)
                    if lane is not None:
                        touched.append(lane)
                case WindowAdjusted(number):
                    self.turns.window_opened(self._channels[number])
                case EofReceived(number):
                    self._channels[number].receive_eof()
                case ChannelClosed(number):
                    self._closed(number)
                case ChannelOpened(number):
                    self._opened(number)
                case ChannelOpenFailed(number, reason, description):
                    self._open_failed(number, ChannelOpenError(reason, description))
                case ChannelRequestAnswered(number, granted):
                    self._channels[number].receive_reply(granted)
                case ChannelRequestReceived(number):
                    self._channels[number].receive_request(event)
                case ChannelOpenRequested():
                    self.tasks.spawn(self._decide_open(event), "channel open")
                case GlobalRequestReceived():
                    self._receive_global_request(event)
                case GlobalRequestAnswered(granted, data):
                    self._receive_reply(granted, data)
                case Question():
                    self.tasks.spawn(self.answer(event, self._decide(event)), type(event).__name__)
                case VersionReceived(identification):
                    self.remote_version = identification
                    self._show(event)
                case KeysExchanged():
                    self._keys_exchanged(event)
                    self._show(event)
                case ExtensionsReceived(extensions):
                    self.extensions.update(extensions)
                    self._show(event)
                case Authenticated(user):
                    self.user = user
                    self._pump.tick_now()
                    self._show(event)
                    self._authenticated.set_result(None)
                case Ended(error):
                    self._show(event)
                    self._finish(error)
                case _:
                    self._show(event)
        for lane in touched:
            lane.flush()

    def _show(self, event: Event) -> None:
        if self._on_event is not None:
            self._on_event(event)

    def _keys_exchanged(self, event: KeysExchanged) -> None:
        self.algorithms = event.algorithms
        if event.first:
            self.host_key = event.host_key
            self.session_identifier = event.session_identifier
            self.exchange_signature = event.signature
        self._pump.tick_now()
        self.turns.keys_changed()

    # --- questions

    async def answer(self, question: Question[A], deciding: Awaitable[A]) -> None:
        """Wait for a decision and settle the question with it; an exception refuses."""
        self._questions += 1
        try:
            decided = await deciding
        except Exception as error:
            self._question_failed(question, error)
            refusal: Any = _REFUSALS.get(type(question))
            decided = refusal
        finally:
            self._questions -= 1
        self.settle(question, decided)

    def settle(self, question: Question[A], answer: A) -> None:
        """Answer a question of the engine. After the end this does nothing."""
        try:
            self._after(self.engine.answer(question, answer))
        except Exception as error:
            # an answer of the wrong kind, or a mistake of ours: the peer would wait for ever
            self._failed(error)

    def _after(self, events: list[AnyEvent]) -> None:
        if events:
            self._dispatch(events)
        if not self.ended:
            self._pump.after_engine()

    # --- channels

    async def open_channel(self, kind: Struct) -> Channel:
        """Open a channel of a kind (`pyssh.connection.kinds`); `ChannelOpenError` if the peer refuses.

        TimeoutError when it has not answered after `timeouts.open_channel`.
        """
        self._check()
        number = self.engine.connection.open_channel(kind)
        opened: asyncio.Future[Channel] = self.loop.create_future()
        self._opening[number] = kind, opened
        self.flush_soon()
        try:
            async with asyncio.timeout(limit(self.timeouts.open_channel)):
                return await opened
        except (asyncio.CancelledError, TimeoutError):
            self._abandon(number, opened)
            raise

    def _abandon(self, number: int, opened: asyncio.Future[Channel]) -> None:
        """Nobody waits for the channel any more: close it now or as soon as it is open."""
        if self._opening.pop(number, None) is not None:
            if not self.ended:
                self.engine.connection.close(number)
                self.flush_soon()
        elif not opened.cancelled() and opened.exception() is None:
            opened.result().close()

    def _opened(self, number: int) -> None:
        kind, opened = self._opening.pop(number)
        channel = self._add_channel(number, kind)
        if opened.done():
            channel.close()
        else:
            opened.set_result(channel)

    def _closed(self, number: int) -> None:
        if number in self._channels:  # not one that was given up before it was open
            self._drop(number).receive_closed()

    def _open_failed(self, number: int, error: ChannelOpenError) -> None:
        opening = self._opening.pop(number, None)
        if opening is not None and not opening[1].done():
            opening[1].set_exception(error)

    def accept_channel(
        self, question: ChannelOpenRequested, runner: ChannelRunner, type_data: bytes = b""
    ) -> None:
        """Grant the peer a channel and run `runner` with it; when that returns, the channel is closed."""
        if self.ended:
            return
        self.run_channel(question.channel, question.kind, runner)
        self.settle(question, OpenAccepted(type_data))

    def run_channel(self, number: int, kind: Struct, runner: ChannelRunner) -> Channel:
        """Run `runner` in a channel of the peer's."""
        channel = self._add_channel(number, kind)
        self.tasks.spawn(self._run_channel(channel, runner), type(kind).__name__)
        return channel

    async def _run_channel(self, channel: Channel, runner: ChannelRunner) -> None:
        try:
            await runner(channel)
        except (BrokenPipeError, ConnectionLost):
            pass  # the peer went away, which is its right
        finally:
            channel.close()
        await channel.wait_closed()

    def _add_channel(self, number: int, kind: Struct) -> Channel:
        channel = self._channels[number] = Channel(self, number, kind)
        return channel

    def _drop(self, number: int) -> Channel:
        channel = self._channels.pop(number)
        self.turns.drop(channel)
        return channel

    def forget(self, channel: Channel) -> None:
        """Stop waiting for the peer's CLOSE on a channel that we closed."""
        if self._channels.get(channel.number) is channel:
            self.engine.connection.forget(channel.number)
            self._drop(channel.number).receive_closed()

    # --- sending

    def flush_soon(self) -> None:
        """Send what the engine has, at the end of this turn of the loop."""
        self._pump.flush_soon()

    async def drain(self) -> None:
        """Wait until the kernel has everything that was written."""
        await self._pump.drain()

    @property
    def unsent(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._pump.unsent

    # --- global requests

    async def global_request(self, request: Struct) -> bytes:
        """Send a global request and return the data of its reply; `RequestError` if it is refused."""
        self._check()
        answered: asyncio.Future[bytes] = self.loop.create_future()
        self._replies.append(answered)
        self.engine.connection.global_request(request)
        self.flush_soon()
        async with asyncio.timeout(limit(self.timeouts.request)):
            return await answered

    def send_global_request(self, request: Struct) -> None:
        """Send a global request that wants no reply."""
        self._check()
        self.engine.connection.global_request(request, want_reply=False)
        self.flush_soon()

    def _receive_reply(self, granted: bool, data: bytes) -> None:
        answered = self._replies.popleft() if self._replies else None
        if answered is None or answered.done():
            return
        if granted:
            answered.set_result(data)
        else:
            answered.set_exception(RequestError("the peer refused the request"))

    # --- the end

    def _check(self) -> None:
        if self.ended:
            raise self.error or ConnectionLost("the connection is closed")
        if not self.engine.authenticated:
            raise UsageError("nobody has logged in on this connection yet")

    def spawn(self, coroutine: Coroutine[Any, Any, T], name: str = "") -> asyncio.Task[T]:
        """Run a task that ends with the link: it is cancelled and awaited then."""
        return self.tasks.spawn(coroutine, name)

    def at_end(self, callback: Callable[[], object]) -> None:
        """Call `callback` as soon as the link ends."""
        if self.ended:
            callback()
        else:
            self._at_end.append(callback)

    def close(self, reason: int = DisconnectReason.BY_APPLICATION, description: str = "") -> None:
        """Say goodbye and close, after what was written has left. Closing twice is harmless."""
        if not self.ended:
            self._after(self.engine.disconnect(reason, description))

    def abort(self) -> None:
        """Close at once, without a goodbye."""
        if not self.ended:
            self._finish(ConnectionLost("the connection was aborted"))
        self._pump.abort()

    def fail(self, error: Exception, reason: int = DisconnectReason.BY_APPLICATION) -> None:
        """Close because of an error on our side, which `wait_closed` then raises."""
        if not self.ended:
            self.error = error
            self.close(reason)

    def _failed(self, error: Exception) -> None:
        report(self.loop, "a connection is cut because of an unexpected error", error)
        self.error = self.error or error
        self.abort()

    def _finish(self, error: SSHError | None, *, close: bool = True) -> None:
        if self.ended:
            return
        self.ended = True
        self.error = self.error or error
        seen = self.error or ConnectionLost("the connection is closed")
        if not self._authenticated.done():
            self._authenticated.set_exception(seen)
            self._authenticated.exception()  # nobody may be waiting
        for number in list(self._channels):
            self._drop(number).receive_end(seen)
        waiting: list[asyncio.Future[Any] | None] = [opened for _, opened in self._opening.values()]
        for future in [*waiting, *self._replies]:
            if future is not None and not future.done():
                future.set_exception(seen)
        self._opening.clear()
        self._replies.clear()
        callbacks, self._at_end = self._at_end, []
        for callback in callbacks:
            callback()
        self.tasks.cancel()
        if close:
            self._pump.close()
        self._finishing = self.loop.create_task(self._finish_tasks(), name="end of link")

    async def _finish_tasks(self) -> None:
        try:
            await self.tasks.join()
            await self._finished()
            await self._pump.closed
        except Exception as error:
            report(self.loop, "the end of a link failed", error)
        finally:
            if not self._over.done():
                self._over.set_result(None)

    def flush(self) -> None:
        """Send what the engine has, as far as the kernel takes it."""
        self._pump.flush()

    def release(self) -> tuple[bytes, Stream]:
        """End the link without closing its stream; return that and what is unsent. See `handover.py`."""
        unsent, stream = self._pump.detach()
        self._finish(ConnectionLost("the connection was handed over"), close=False)
        return unsent, stream

    def when_authenticated(self, callback: Callable[[], object]) -> None:
        """Call `callback` when the user is in, or the link ends before that."""
        self._authenticated.add_done_callback(lambda _: callback())

    async def wait_authenticated(self) -> None:
        """Wait until the user is in; raises what ended the connection before that."""
        await asyncio.shield(self._authenticated)

    async def wait_over(self) -> None:
        """Wait until nothing is left of the link, however it ended."""
        await asyncio.shield(self._over)

    async def wait_closed(self) -> None:
        """Wait until nothing is left of the link; raises what ended it, unless it was our `close`."""
        await asyncio.shield(self._over)
        if self.error is not None:
            raise self.error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        await self.wait_over()
