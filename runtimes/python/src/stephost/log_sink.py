"""Lines of known steps and of loggers → `log` messages, never more in a second than the host allows."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, ClassVar

from .line_buffer import clip

if TYPE_CHECKING:
    from collections.abc import Callable

    from .messages import Message
    from .outbox import Outbox

WINDOW_S = 1.0


class LogSink:
    """`current` is the sink of this process; None outside the runtime and in a process that a handler forked."""

    current: ClassVar[LogSink | None] = None

    def __init__(self, outbox: Outbox, lines_per_second_max: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._outbox = outbox
        # When each of the last lines was sent: the oldest one's age says whether there is room, in every second.
        self._sent_at = [float("-inf")] * lines_per_second_max
        self._next = 0
        self._clock = clock
        self._dropped = 0
        self._lock = threading.Lock()

    def write(self, step_uuid: str | None, stream: str, level: str, line: str, fields: str | None = None) -> None:
        """`line` without its end; `fields` is a JSON object."""
        message = {
            "type": "log",
            "step_uuid": step_uuid,
            "stream": stream,
            "level": level,
            "message": clip(line),
            "fields": fields,
        }
        with self._lock:
            self._tell_dropped()
            if not self._post(message):
                self._dropped += 1

    def settle(self) -> bool:
        """Says how many lines were dropped, once there is room for it. Whether nothing is left to say."""
        with self._lock:
            self._tell_dropped()
            return self._dropped == 0

    def _tell_dropped(self) -> None:
        if self._dropped == 0:
            return
        text = f"… {self._dropped} lines dropped: more than {len(self._sent_at)} in a second"
        message = {"type": "log", "step_uuid": None, "stream": "log", "level": "warn", "message": text, "fields": None}
        if self._post(message):
            self._dropped = 0

    def _post(self, message: Message) -> bool:
        now = self._clock()
        if now - self._sent_at[self._next] < WINDOW_S or not self._outbox.post_log(message):
            return False
        self._sent_at[self._next] = now
        self._next = (self._next + 1) % len(self._sent_at)
        return True
