"""The one asyncio loop of the process: handlers that are `async def` run there, and a cancel cancels their task."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable

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
        self._lock = threading.Lock()

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
