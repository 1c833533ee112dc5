"""`sys.stdout` and `sys.stderr` that know which step prints: its lines become log messages."""

from __future__ import annotations

import io
import sys
import threading

from . import step_run
from .log_sink import LogSink

# The level of a line that was printed.
LEVELS = {"stdout": "info", "stderr": "warn"}


def install() -> None:
    sys.stdout = sys.__stdout__ = StepStream(1, "stdout")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = StepStream(2, "stderr")  # type: ignore[misc]


class StepStream(io.TextIOWrapper):
    """Writes whole lines where it writes itself: `print` writes in pieces, which parallel threads would mix."""

    def __init__(self, descriptor: int, stream: str) -> None:
        raw = io.FileIO(descriptor, "w", closefd=False)
        super().__init__(raw, encoding="utf-8", errors="backslashreplace", write_through=True)
        self._stream = stream
        self._parts = threading.local()

    def write(self, text: str) -> int:
        run = step_run.current()
        sink = LogSink.current
        if run is None or sink is None:
            self._write_lines(text)
        else:
            for line in run.printed(self._stream, text):
                sink.write(run.step_uuid, self._stream, LEVELS[self._stream], line)
        return len(text)

    def flush(self) -> None:
        """Lets an unfinished line of this thread out too; a step's own waits for its end."""
        parts = getattr(self, "_parts", None)
        rest = getattr(parts, "text", "")
        if parts is not None and rest:
            parts.text = ""
            super().write(rest)
        super().flush()

    def _write_lines(self, text: str) -> None:
        pending = getattr(self._parts, "text", "") + text
        lines, newline, rest = pending.rpartition("\n")
        self._parts.text = rest
        if newline:
            super().write(lines + newline)
