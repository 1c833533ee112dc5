"""Collects what a publisher publishes while its `publish` runs."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

_collected: ContextVar[list[dict[str, Any]] | None] = ContextVar("stephost_published_events", default=None)


def collect(publish: Callable[[], object]) -> list[dict[str, Any]]:
    """`event_name`, `payload`, `metadata` each, of the events that `publish` adds."""
    events: list[dict[str, Any]] = []
    token = _collected.set(events)
    try:
        publish()
    finally:
        _collected.reset(token)
    return events


def add(event_name: str, payload: Any, metadata: dict[str, Any] | None = None) -> None:
    """Raises ConfigurationError: nobody collects."""
    events = _collected.get()
    if events is None:
        raise ConfigurationError(
            f"Events are published by publishers only: declare {event_name} under `publishes_events` of the step, "
            "and name a publisher there."
        )
    events.append({"event_name": event_name, "payload": payload, "metadata": metadata or {}})
