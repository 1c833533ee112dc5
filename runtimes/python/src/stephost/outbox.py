"""The one writer of the wire: frames gather here and leave together, in the order in which they came."""

from __future__ import annotations

import os
import queue
import select
import threading
from typing import TYPE_CHECKING

from . import frames, messages, wire_result
from .errors import CheckpointNotStored

if TYPE_CHECKING:
    from .messages import Message
    from .wire_result import Entry

# Log lines above this, because the host does not read, are refused; everything else is bounded by the calls in flight.
PENDING_BYTES_MAX = 4_194_304
# A thread of a handler writes its lines itself up to this: it fits into the socket, so it never waits for the host.
DIRECT_BYTES_MAX = 65_536


class Outbox:
    """`descriptor` is the wire."""

    def __init__(self, descriptor: int, frame_bytes_max: int) -> None:
        self._descriptor = descriptor
        self._frame_bytes_max = frame_bytes_max
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._pending_lock = threading.Lock()
        self._writing = threading.Lock()
        self._alarms: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._alarmed = False
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        threading.Thread(target=self._serve, name="stephost-outbox", daemon=True).start()

    def send(self, message: Message) -> None:
        """Writes any message but `result`, and everything that came before, before it returns."""
        self._append(messages.encode(message))
        self.flush()

    def post_log(self, message: Message) -> bool:
        """At once where nobody else writes and the socket has room: what the handler does next may end this process.

        Else it is left to the writer. False when it was refused, because the host reads too slowly.
        """
        if self._pending_bytes > PENDING_BYTES_MAX:
            return False
        self._append(messages.encode(message))
        if not self._write_at_once():
            self.alarm()
        return True

    def post_checkpoint(self, call_id: str, step_uuid: str, checkpoint_id: int, data: str) -> None:
        """Raises CheckpointNotStored when no frame can hold it."""
        message = {"type": "checkpoint", "call_id": call_id, "step_uuid": step_uuid, "checkpoint_id": checkpoint_id}
        payload = messages.encode(message | {"data": data})
        if len(payload) > self._frame_bytes_max:
            size = f"{len(payload)} bytes, a frame holds {self._frame_bytes_max}"
            raise CheckpointNotStored(f"The checkpoint has {size}.")
        self._append(payload)
        self.alarm()

    def add_result(self, call_id: str, entries: list[Entry]) -> None:
        """Gathers a result; `flush` or `alarm` sends it. Entries too large for a frame become failures."""
        message = {"type": "result", "call_id": call_id, "results": entries}
        payload = messages.encode(message)
        while len(payload) > self._frame_bytes_max:
            sizes = [len(messages.encode(entry)) for entry in entries]
            index = sizes.index(max(sizes))
            entries[index] = self._too_large(entries[index], sizes[index])
            payload = messages.encode(message)
        self._append(payload)

    def alarm(self) -> None:
        """The caller goes on with something that may take long: the writer sends what there is."""
        if self._pending and not self._alarmed:
            self._alarmed = True
            self._alarms.put(True)

    def flush(self) -> None:
        """Returns when all that was added before is written, or the host is gone."""
        with self._writing:
            self._write_pending()

    def _write_at_once(self) -> bool:
        """Whether nothing is left to write."""
        if self._pending_bytes > DIRECT_BYTES_MAX or not self._writing.acquire(blocking=False):
            return False
        try:
            # One at a time: a poll object is not for several threads.
            if self._room.poll(0):
                self._write_pending()
        finally:
            self._writing.release()
        return not self._pending

    def _write_pending(self) -> None:
        while self._pending:
            with self._pending_lock:
                pending, self._pending, self._pending_bytes = self._pending, [], 0
            self._write(b"".join(pending))

    def _serve(self) -> None:
        while True:
            self._alarms.get()
            self._alarmed = False
            self.flush()

    def _append(self, payload: bytes) -> None:
        frame = frames.encode(payload)
        with self._pending_lock:
            self._pending.append(frame)
            self._pending_bytes += len(frame)

    def _too_large(self, entry: Entry, size: int) -> Entry:
        limit = self._frame_bytes_max
        text = f"The result has {size} bytes, a frame holds {limit}; store the data elsewhere and return a reference."
        return wire_result.failure(entry["step_uuid"], "invalid_result", text, entry["execution_time_ms"])

    def _write(self, data: bytes) -> None:
        try:
            written = os.write(self._descriptor, data)
            if written < len(data):
                rest = memoryview(data)[written:]
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
        except (BrokenPipeError, ConnectionResetError):
            # The host is gone; the end of the input says so to the session.
            return
