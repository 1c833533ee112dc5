"""One `execute` that the guest holds: what the host asked for, until when, and what became of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from . import step_stream
from .batch_run import BatchRun
from .cancellation import Cancellation
from .checkpoints import Checkpoints
from .handler_directory import HandlerDirectory, NotFound
from .step_run import StepRun
from .target import METHOD_BATCH

if TYPE_CHECKING:
    from .async_loop import AsyncLoop
    from .event_code import EventCode
    from .log_sink import LogSink
    from .messages import Message
    from .outbox import Outbox
    from .target import Target
    from .wire_result import Entry

MS_PER_S = 1000


class Call:
    """`target` is None when there is no such handler; `problem` then says why."""

    def __init__(
        self,
        message: Message,
        directory: HandlerDirectory,
        outbox: Outbox,
        loop: AsyncLoop,
        event_code: EventCode | None = None,
    ) -> None:
        self.id: str = message["call_id"]
        self.loop = loop
        self.cancellation = Cancellation()
        # Seconds of the monotonic clock.
        self.deadline_at = time.monotonic() + message["deadline_ms"] / MS_PER_S
        self.traceparent: str | None = message.get("traceparent")
        self.target: Target | None = None
        self.problem = ""
        self._requests = message["requests"]
        self._batched = message["mode"] == "batch"
        self._outbox = outbox
        self._checkpoints: Checkpoints | None = None
        # A publisher's or a subscriber's, and no step for a handler.
        self._event_message = message if message.get("event") is not None else None
        self._event_code = event_code
        if self._event_message is not None:
            return
        try:
            self.target = directory.target(message["callable"], message.get("method"), message.get("resolver"))
        except NotFound as error:
            self.problem = str(error)

    @property
    def is_async(self) -> bool:
        """Whether it runs as a task of the loop and needs no thread."""
        if self.target is None:
            return False
        # Where only one of the two is `async`, a thread waits for that one.
        return self.target.is_async and (not self._batched or self.target.handler.batches_async)

    @property
    def _batch(self) -> BatchRun | None:
        """None: not a batch, or the handler takes steps one by one."""
        if not self._batched or self.target is None or not self.target.handler.has_method(METHOD_BATCH):
            return None
        return BatchRun(self, self._requests, self.target.handler)

    @property
    def checkpoints(self) -> Checkpoints:
        """Most calls save nothing."""
        if self._checkpoints is None:
            self._checkpoints = Checkpoints(self._outbox, self.id)
        return self._checkpoints

    def run(self, log_sink: LogSink) -> list[Entry]:
        """One entry for each request, in their order; `log_sink` takes the beginnings of lines that never ended."""
        if self._event_message is not None and self._event_code is not None:
            from .event_run import EventRun

            return EventRun(self, self._event_message, self._event_code).entries()
        batch = self._batch
        entries = None if batch is None else batch.entries()
        if entries is not None:
            return entries
        entries = []
        for request in self._requests:
            step_run = StepRun(self, request)
            entries.append(step_run.entry())
            _finish(step_run, log_sink)
        return entries

    async def run_async(self, log_sink: LogSink) -> list[Entry]:
        """As `run`, in the loop."""
        batch = self._batch
        entries = None if batch is None else await batch.entries_async()
        if entries is not None:
            return entries
        entries = []
        for request in self._requests:
            step_run = StepRun(self, request)
            entries.append(await step_run.entry_async())
            _finish(step_run, log_sink)
        return entries

    def cancelled(self) -> list[Entry]:
        """Entries for a call that was cancelled before it began."""
        return [StepRun(self, request).cancelled_entry() for request in self._requests]


def _finish(step_run: StepRun, log_sink: LogSink) -> None:
    for stream, rest in step_run.finish():
        log_sink.write(step_run.step_uuid, stream, step_stream.LEVELS[stream], rest)
