"""Says every second that the interpreter can run, while calls are in flight; silent otherwise."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .executor import Executor
    from .log_sink import LogSink
    from .outbox import Outbox

INTERVAL_S = 1


class Heartbeat:
    def __init__(self, executor: Executor, outbox: Outbox, log_sink: LogSink) -> None:
        self._executor = executor
        self._outbox = outbox
        self._log_sink = log_sink
        self._wakes = threading.Event()
        threading.Thread(target=self._serve, name="stephost-heartbeat", daemon=True).start()

    def wake(self) -> None:
        """There may be calls in flight again."""
        if not self._wakes.is_set():
            self._wakes.set()

    def _serve(self) -> None:
        while True:
            self._rest()
            time.sleep(INTERVAL_S)
            self._beat()

    def _rest(self) -> None:
        """What was dropped of the log is said also when no further line comes."""
        self._wakes.clear()
        # A call may have come before the flag was cleared.
        if self._executor.in_flight == 0 and self._log_sink.settle():
            self._wakes.wait()

    def _beat(self) -> None:
        count = self._executor.in_flight
        if count > 0:
            self._outbox.send({"type": "heartbeat", "in_flight": count})
        self._log_sink.settle()
