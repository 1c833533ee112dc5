"""Hands events to subscribers without a host, for tests of subscribers. Source of names: handler-api §1.2."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Listener = Callable[[dict[str, Any]], None]


class InProcessDomainEventPoller:
    """In a stephost process nothing polls: the host brings each event. What `add` was given, `poll` hands on."""

    def __init__(self, polling_interval_ms: int = 10, max_events_per_poll: int = 100) -> None:
        self.polling_interval_ms = polling_interval_ms
        self.max_events_per_poll = max_events_per_poll
        self._listeners: list[Listener] = []
        self._waiting: deque[dict[str, Any]] = deque()

    def on_event(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def add(self, event: dict[str, Any]) -> None:
        self._waiting.append(event)

    def poll(self) -> int:
        """Hands on at most `max_events_per_poll` events; gives their number."""
        count = min(len(self._waiting), self.max_events_per_poll)
        for event in [self._waiting.popleft() for _ in range(count)]:
            for listener in self._listeners:
                listener(event)
        return count
