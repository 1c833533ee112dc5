"""What the other side did against PROTOCOL.md; it ends the session."""


class ProtocolViolation(Exception):
    """`code` is one of PROTOCOL.md §4."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
