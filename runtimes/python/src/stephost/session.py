"""One conversation with a host: reads messages until it ends, answers ping, cancel and shutdown."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from . import messages
from .frames import FrameReader
from .protocol_violation import ProtocolViolation

if TYPE_CHECKING:
    from .executor import Executor
    from .messages import Message
    from .outbox import Outbox

READ_BYTES = 65_536
EXIT_DONE = 0
EXIT_FAULT = 70


class Session:
    """`descriptor` is the pipe from the host."""

    def __init__(self, descriptor: int, outbox: Outbox, executor: Executor, frame_bytes_max: int) -> None:
        self._descriptor = descriptor
        self._outbox = outbox
        self._executor = executor
        self._frames = FrameReader(frame_bytes_max)

    def run(self) -> int:
        """The exit code: 0 when the host closed or said `shutdown`, 70 after a violation of the protocol."""
        try:
            while chunk := os.read(self._descriptor, READ_BYTES):
                for payload in self._frames.feed(chunk):
                    code = self._handle(messages.decode(payload))
                    if code is not None:
                        return code
        except ProtocolViolation as violation:
            print(f"stephost: {violation.code}: {violation.message}", file=sys.stderr)
            self._outbox.send({"type": "error", "code": violation.code, "message": violation.message})
            return EXIT_FAULT
        return EXIT_DONE

    def _handle(self, message: Message) -> int | None:
        """An exit code when the session is over."""
        kind = message["type"]
        if kind == "execute":
            self._executor.execute(message)
        elif kind == "cancel":
            self._executor.cancel(message["call_id"], message["reason"])
        elif kind == "ping":
            self._outbox.send({"type": "pong", "nonce": message["nonce"]})
        elif kind == "shutdown":
            return EXIT_DONE
        else:
            print(f"stephost: the host reports {message['code']}: {message['message']}", file=sys.stderr)
            return EXIT_FAULT
        return None
