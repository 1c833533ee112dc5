"""The threads of the runtime: one of them reads, the others run calls, and they change places."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .executor import Executor
    from .outbox import Outbox


# How long a call may run before another thread reads on, and how long the crew looks for such calls after the last one.
STAND_BY_S = 0.001
QUIET_LOOKS = 50


class Crew:
    """The thread that has read a batch runs it too, while another stands by to read on when a call takes its time.

    So short calls never change threads, which costs more than they do, and a call that blocks never holds up those
    behind it: another thread is woken before it runs, or, when nothing is behind it yet, reads on a millisecond later.

    `turn` reads once and gives an exit code, or None to go on; `threads` are calls that run at once, one thread more
    reads. `on_end` takes the exit code, `on_fault` an exception of the runtime itself; neither returns.
    """

    def __init__(
        self,
        turn: Callable[[], int | None],
        executor: Executor,
        outbox: Outbox,
        *,
        threads: int,
        on_end: Callable[[int], None],
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self._turn = turn
        self._executor = executor
        self._outbox = outbox
        self._threads_max = threads + 1
        self._on_end = on_end
        self._on_fault = on_fault
        self._threads = 0
        self._reading = False
        self._reads = 0
        self._busy = threading.Event()
        self._wakes: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._lock = threading.Lock()

    def start(self) -> None:
        self._wake()
        threading.Thread(target=self._stand_by, name="stephost-stand-by", daemon=True).start()

    def _wake(self) -> None:
        """Wakes one thread for any amount of work: it wakes the next before it does something that may take long."""
        if self._wakes.empty():
            self._wakes.put(True)
        # One that is neither reading nor in a call takes the token; where there is none, the token may be an old one.
        if self._threads <= self._executor.running + self._reading:
            self._add_thread()

    def _add_thread(self) -> None:
        with self._lock:
            if self._threads == self._threads_max:
                return
            self._threads += 1
        threading.Thread(target=self._work, name="stephost-handler", daemon=True).start()

    def _work(self) -> None:
        try:
            while True:
                self._wakes.get()
                self._serve()
        except BaseException as error:
            self._on_fault(error)

    def _serve(self) -> None:
        """Returns when another thread reads and nothing is ready."""
        while True:
            if self._claim():
                self._read()
            self._run_ready()
            self._outbox.flush()
            if self._reading and not self._executor.is_ready:
                return

    def _claim(self) -> bool:
        """Whether this thread is now the one that reads."""
        with self._lock:
            if self._reading:
                return False
            self._reading = True
            return True

    def _read(self) -> None:
        if self._executor.is_ready:
            self._wake()
        code = self._turn()
        if code is not None:
            self._on_end(code)
        self._reads += 1
        self._reading = False

    def _run_ready(self) -> None:
        while (call := self._executor.next_ready()) is not None:
            if self._executor.is_ready:
                self._wake()
            elif not self._reading and not self._busy.is_set():
                self._busy.set()
            self._executor.run(call)

    def _stand_by(self) -> None:
        """Ends a time without a reader, while there is work; waking a thread for every call would cost more."""
        reads, quiet = 0, 0
        while True:
            self._busy.wait()
            time.sleep(STAND_BY_S)
            if not self._reading and self._reads == reads:
                self._wake()
            quiet = quiet + 1 if self._reading and self._reads == reads else 0
            reads = self._reads
            if quiet > QUIET_LOOKS:
                self._busy.clear()
                # A call may have begun before the flag was cleared.
                if not self._reading:
                    self._busy.set()
