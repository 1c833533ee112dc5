"""What the other side did against PROTOCOL.md; it ends the session."""

from __future__ import annotations

from typing import NoReturn


class ProtocolViolation(Exception):
    """`code` is one of PROTOCOL.md §4."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def bad_message(message: str) -> NoReturn:
    """For a payload that is no message."""
    raise ProtocolViolation("bad_message", message)
