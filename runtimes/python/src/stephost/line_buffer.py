"""What one step printed to one stream: whole lines leave, the beginning of a line waits for its end."""

from __future__ import annotations

BYTES_MAX = 8192
# Room for the words that say that a line was cut.
MARK_BYTES_MAX = 40


class LineBuffer:
    def __init__(self) -> None:
        self._partial = ""

    def append(self, text: str) -> list[str]:
        """The lines that are now complete, without their ends, each clean and of at most BYTES_MAX bytes."""
        *whole, rest = (self._partial + text).split("\n")
        # Of a line without an end only the beginning is held, and a character more, which tells that it must be cut.
        self._partial = rest[: BYTES_MAX + 1]
        return [clip(line.removesuffix("\r")) for line in whole]

    def rest(self) -> str | None:
        """The beginning of a line that never ended."""
        rest, self._partial = self._partial, ""
        return clip(rest) if rest else None


def clip(text: str) -> str:
    """UTF-8 of at most BYTES_MAX bytes; what was cut is said at the end."""
    data = text.encode(errors="replace")
    if len(data) <= BYTES_MAX:
        return data.decode()
    # The cut may split a character: what is left of it goes.
    kept = data[: BYTES_MAX - MARK_BYTES_MAX].decode(errors="ignore")
    return f"{kept}… (cut at {len(kept.encode())} bytes)"
