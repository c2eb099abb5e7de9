"""`TaskScope`: the tasks of one link, which end with it; `Serial`: one thing after another."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from pyssh.errors import UsageError

T = TypeVar("T")


class TaskScope:
    """Tasks that end together.

    Unlike `asyncio.TaskGroup` it needs no task of its own to wait in, which is what makes an idle link cheap,
    and a failing task does not end its siblings: it is reported to the loop's exception handler.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_over = False

    def spawn(self, coroutine: Coroutine[Any, Any, T], name: str = "") -> asyncio.Task[T]:
        """Run a coroutine until it ends or the scope does; `UsageError` if the scope has ended."""
        if self._is_over:
            coroutine.close()
            raise UsageError("the link has ended")
        task = self._loop.create_task(coroutine, name=name or None)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            report(self._loop, f"{task.get_name()} failed", error)

    def cancel(self) -> None:
        """Cancel every task but the one that calls, and take no new ones."""
        self._is_over = True
        current = asyncio.current_task(self._loop)
        for task in list(self._tasks):
            if task is not current:
                task.cancel()

    async def join(self) -> None:
        """Wait until no other task is left."""
        current = asyncio.current_task()
        while others := [task for task in self._tasks if task is not current]:
            await asyncio.wait(others)


class Serial(Generic[T]):
    """Handles items in order, one at a time, in a task that exists only while there are any."""

    def __init__(self, scope: TaskScope, handle: Callable[[T], Coroutine[Any, Any, None]]) -> None:
        self._scope = scope
        self._handle = handle
        self._items: deque[T] = deque()
        self._is_running = False

    def push(self, item: T) -> None:
        """Handle an item after those before it."""
        self._items.append(item)
        if not self._is_running:
            self._is_running = True
            self._scope.spawn(self._run(), "requests")

    async def _run(self) -> None:
        try:
            while self._items:
                await self._handle(self._items.popleft())
        finally:
            self._is_running = False


def report(loop: asyncio.AbstractEventLoop, message: str, error: BaseException) -> None:
    """Hand an error that nobody waits for to the loop's exception handler."""
    loop.call_exception_handler({"message": message, "exception": error})
