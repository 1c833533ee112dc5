"""The flag that a cancel sets: the one thing that a call's thread and the session share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Cancellation:
    """`reason` is `timeout`, `shutdown` or `lease_lost`; None while nobody cancelled."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._lock = threading.Lock()
        self._on_cancel: Callable[[], None] | None = None

    @property
    def cancelled(self) -> bool:
        return self.reason is not None

    def cancel(self, reason: str) -> None:
        with self._lock:
            if self.reason is not None:
                return
            self.reason = reason
            callback = self._on_cancel
        if callback is not None:
            callback()

    def watch(self, on_cancel: Callable[[], None] | None) -> None:
        """Calls `on_cancel` at the cancel, at once if that was before; None ends the watch."""
        with self._lock:
            self._on_cancel = on_cancel
            missed = self.reason is not None
        if missed and on_cancel is not None:
            on_cancel()
