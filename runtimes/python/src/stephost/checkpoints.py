"""The checkpoints of one call that wait for the host's word."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any

from .errors import CheckpointNotStored

if TYPE_CHECKING:
    from collections.abc import Callable

    from .messages import Message
    from .outbox import Outbox


class Checkpoints:
    def __init__(self, outbox: Outbox, call_id: str) -> None:
        self._outbox = outbox
        self._call_id = call_id
        self._last_id = 0
        self._waiting: dict[int, Callable[[Message], Any]] = {}
        self._lock = threading.Lock()

    def save(self, step_uuid: str, data: str) -> None:
        """Returns when the host has stored the JSON object. Raises CheckpointNotStored."""
        answer: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._send(step_uuid, data, answer.put)
        _require_stored(answer.get())

    async def save_async(self, step_uuid: str, data: str) -> None:
        """As `save`, for a handler that runs in the loop."""
        import asyncio

        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Message] = loop.create_future()

        def resolve(message: Message) -> None:
            # A cancelled handler waits no more.
            if not answer.done():
                answer.set_result(message)

        def settle(message: Message) -> None:
            loop.call_soon_threadsafe(resolve, message)

        self._send(step_uuid, data, settle)
        _require_stored(await answer)

    def settle(self, message: Message) -> None:
        """`message` is a `checkpointed`; unknown ids are ignored."""
        with self._lock:
            answer = self._waiting.pop(message["checkpoint_id"], None)
        if answer is not None:
            answer(message)

    def _send(self, step_uuid: str, data: str, answer: Callable[[Message], Any]) -> None:
        with self._lock:
            self._last_id += 1
            checkpoint_id = self._last_id
            self._waiting[checkpoint_id] = answer
        self._outbox.post_checkpoint(self._call_id, step_uuid, checkpoint_id, data)


def _require_stored(message: Message) -> None:
    if not message["stored"]:
        raise CheckpointNotStored(message.get("message") or "The host did not store the checkpoint.")
