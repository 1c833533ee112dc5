"""Descriptors 0, 1 and 2: taken away from user code before any of it loads (PROTOCOL.md §1)."""

import io
import os
import sys
import threading
from typing import NamedTuple


class Wire(NamedTuple):
    """The private descriptors of the host's two pipes."""

    input: int
    output: int


class LineStream(io.TextIOWrapper):
    """A text stream that writes whole lines: `print` writes in pieces, which parallel handlers would mix."""

    def __init__(self, descriptor: int) -> None:
        raw = io.FileIO(descriptor, "w", closefd=False)
        super().__init__(raw, encoding="utf-8", errors="backslashreplace", write_through=True)
        self._parts = threading.local()

    def write(self, text: str) -> int:
        pending = getattr(self._parts, "text", "") + text
        lines, newline, rest = pending.rpartition("\n")
        self._parts.text = rest
        if newline:
            super().write(lines + newline)
        return len(text)

    def flush(self) -> None:
        """Lets an unfinished line of this thread out too."""
        parts = getattr(self, "_parts", None)
        rest = getattr(parts, "text", "")
        if parts is not None and rest:
            parts.text = ""
            super().write(rest)
        super().flush()


def take_over() -> Wire:
    """Moves the wire to private descriptors and gives handlers an empty stdin and a stdout that is stderr.

    It works on descriptors, so C extensions and grandchildren are covered too; `os.dup` sets close-on-exec.
    """
    wire = Wire(os.dup(0), os.dup(1))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdout = sys.__stdout__ = LineStream(1)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = LineStream(2)  # type: ignore[misc]
    return wire
