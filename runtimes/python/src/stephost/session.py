"""One conversation with a host: reads messages until it ends, answers ping, cancel, reload and shutdown."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from . import decoder
from .frames import FrameReader
from .protocol_violation import ProtocolViolation

if TYPE_CHECKING:
    from .executor import Executor
    from .heartbeat import Heartbeat
    from .messages import Message
    from .outbox import Outbox

READ_BYTES = 65_536
EXIT_DONE = 0
EXIT_FAULT = 70


class Session:
    """`descriptor` is the wire."""

    def __init__(
        self, descriptor: int, outbox: Outbox, executor: Executor, heartbeat: Heartbeat, frame_bytes_max: int
    ) -> None:
        self._descriptor = descriptor
        self._outbox = outbox
        self._executor = executor
        self._heartbeat = heartbeat
        self._frames = FrameReader(frame_bytes_max)

    def turn(self) -> int | None:
        """Reads once and does what the messages say. Never called by two threads at once.

        None to go on; 0 when the host closed, said `shutdown`, or `reload` and nothing is left to finish; 70 after a
        violation of the protocol.
        """
        try:
            chunk = os.read(self._descriptor, READ_BYTES)
            return self._take(chunk) if chunk else EXIT_DONE
        except ConnectionResetError:
            return EXIT_DONE
        except ProtocolViolation as violation:
            print(f"stephost: {violation.code}: {violation.message}", file=sys.stderr, flush=True)
            self._outbox.send({"type": "error", "code": violation.code, "message": violation.message})
            return EXIT_FAULT

    def _take(self, chunk: bytes) -> int | None:
        """The calls of one read begin together. An exit code when the session is over."""
        for payload in self._frames.feed(chunk):
            code = self._handle(decoder.decode(payload))
            if code is not None:
                return code
        self._executor.dispatch()
        self._heartbeat.wake()
        if not self._executor.drained:
            return None
        self._outbox.flush()
        return EXIT_DONE

    def _handle(self, message: Message) -> int | None:
        kind = message["type"]
        if kind == "execute":
            self._executor.admit(message)
        elif kind == "cancel":
            self._executor.cancel(message["call_id"], message["reason"])
        elif kind == "checkpointed":
            self._executor.settle_checkpoint(message)
        elif kind == "ping":
            self._outbox.send({"type": "pong", "nonce": message["nonce"]})
        elif kind == "reload":
            self._executor.drain()
        elif kind == "shutdown":
            return EXIT_DONE
        else:
            print(f"stephost: the host reports {message['code']}: {message['message']}", file=sys.stderr, flush=True)
            return EXIT_FAULT
        return None
