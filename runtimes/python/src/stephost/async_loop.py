"""The one asyncio loop of the process: handlers that are `async def` run there, and a cancel cancels their task."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Coroutine

    from .cancellation import Cancellation


class HandlerExit(Exception):
    """A handler's SystemExit, wrapped: raw, it would end the loop."""

    def __init__(self, exit_error: BaseException) -> None:
        super().__init__(str(exit_error))
        self.exit_error = exit_error


class AsyncLoop:
    """Started by the first awaitable, because importing asyncio would double the time of the start."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = threading.Lock()

    def begin(self, coroutines: list[Coroutine[Any, Any, None]]) -> None:
        """Lets each run as a task of its own."""
        loop = self._started()

        def start() -> None:
            for coroutine in coroutines:
                task = loop.create_task(coroutine)
                # The loop itself holds tasks weakly only.
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        loop.call_soon_threadsafe(start)

    async def guard(self, awaitable: Awaitable[Any], cancellation: Cancellation) -> Any:
        """The value of an awaitable of the running task, which a cancel cancels; raises what the awaitable raises."""
        import asyncio

        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        if task is not None:

            def cancel() -> None:
                loop.call_soon_threadsafe(task.cancel)

            cancellation.watch(cancel)
        try:
            return await awaitable
        finally:
            cancellation.watch(None)

    def run(self, awaitable: Awaitable[Any], cancellation: Cancellation) -> Any:
        """Waits in the calling thread for the value; raises what the awaitable raises.

        It waits for the task itself, not for its cancel: a handler may clean up, or go on and return a value.
        """
        loop = self._started()
        done = threading.Event()
        tasks: list[asyncio.Task[Any]] = []

        def start() -> None:
            task = loop.create_task(_guarded(awaitable))
            tasks.append(task)
            task.add_done_callback(lambda _task: done.set())

        def cancel() -> None:
            loop.call_soon_threadsafe(lambda: tasks[0].cancel())

        loop.call_soon_threadsafe(start)
        cancellation.watch(cancel)
        done.wait()
        cancellation.watch(None)
        try:
            return tasks[0].result()
        except HandlerExit as wrapped:
            raise wrapped.exit_error from None

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                import asyncio

                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="stephost-asyncio", daemon=True).start()
            return self._loop


async def _guarded(awaitable: Awaitable[Any]) -> Any:
    try:
        return await awaitable
    except (SystemExit, KeyboardInterrupt) as error:
        raise HandlerExit(error) from None
