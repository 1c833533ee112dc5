"""The one writer of the wire: whole frames, one at a time, from any thread."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from . import frames, messages, wire_result

if TYPE_CHECKING:
    from .messages import Message
    from .wire_result import Entry


class Outbox:
    """`descriptor` is the pipe to the host."""

    def __init__(self, descriptor: int, frame_bytes_max: int) -> None:
        self._descriptor = descriptor
        self._frame_bytes_max = frame_bytes_max
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Any message but `result`."""
        self._write(messages.encode(message))

    def send_result(self, call_id: str, entries: list[Entry]) -> None:
        """Entries that are too large for a frame become failures, the largest first."""
        message = {"type": "result", "call_id": call_id, "results": entries}
        payload = messages.encode(message)
        while len(payload) > self._frame_bytes_max:
            sizes = [len(messages.encode(entry)) for entry in entries]
            index = sizes.index(max(sizes))
            entries[index] = self._too_large(entries[index], sizes[index])
            payload = messages.encode(message)
        self._write(payload)

    def _too_large(self, entry: Entry, size: int) -> Entry:
        limit = self._frame_bytes_max
        text = f"The result has {size} bytes, a frame holds {limit}; store the data elsewhere and return a reference."
        return wire_result.failure(entry["step_uuid"], "invalid_result", text, entry["execution_time_ms"])

    def _write(self, payload: bytes) -> None:
        rest = memoryview(frames.encode(payload))
        with self._lock:
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except BrokenPipeError:
                # The host is gone; the end of the input says so to the session.
                return
