"""Bytes ↔ frames: a u32 big-endian length, then the payload (PROTOCOL.md §2). No I/O happens here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .protocol_violation import ProtocolViolation

if TYPE_CHECKING:
    from collections.abc import Iterator

BYTES_MAX_DEFAULT = 16_777_216
HEADER_BYTES = 4


def encode(payload: bytes) -> bytes:
    """The frame of a payload of at least one byte."""
    return len(payload).to_bytes(HEADER_BYTES, "big") + payload


class FrameReader:
    """Cuts a stream that arrives in any pieces into payloads."""

    def __init__(self, frame_bytes_max: int) -> None:
        self._frame_bytes_max = frame_bytes_max
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Gives each payload that is now complete; those before a bad frame are still delivered.

        Raises ProtocolViolation: frame_empty, frame_too_large.
        """
        self._buffer += chunk
        while (length := self._length()) is not None:
            end = HEADER_BYTES + length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[HEADER_BYTES:end])
            del self._buffer[:end]
            yield payload

    def _length(self) -> int | None:
        if len(self._buffer) < HEADER_BYTES:
            return None
        length = int.from_bytes(self._buffer[:HEADER_BYTES], "big")
        if length == 0:
            raise ProtocolViolation("frame_empty", "A frame has the length 0.")
        if length > self._frame_bytes_max:
            limit = self._frame_bytes_max
            raise ProtocolViolation(
                "frame_too_large", f"A frame of {length} bytes is above the limit of {limit} bytes."
            )
        return length
