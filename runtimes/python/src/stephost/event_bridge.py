"""Names and listeners of Tasker's in-process events. In a stephost process the host calls handlers itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from .errors import ConfigurationError
from .singleton import Singleton
from .worker import REFUSAL

if TYPE_CHECKING:
    from collections.abc import Callable


class EventNames:
    STEP_EXECUTION_RECEIVED = "step.execution.received"
    STEP_COMPLETION_SENT = "step.completion.sent"
    STEP_CHECKPOINT_YIELD_SENT = "step.checkpoint_yield.sent"
    HANDLER_REGISTERED = "handler.registered"


class EventBridge(Singleton):
    """Publishes to the listeners of this process, for code that brings events of its own."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[..., Any]]] = {}

    def subscribe(self, event_name: str, listener: Callable[..., Any]) -> None:
        self._listeners.setdefault(event_name, []).append(listener)

    def unsubscribe(self, event_name: str, listener: Callable[..., Any]) -> None:
        self._listeners[event_name] = [each for each in self._listeners.get(event_name, []) if each != listener]

    def publish(self, event_name: str, *event: Any) -> int:
        """How many listeners heard it."""
        listeners = self._listeners.get(event_name, [])
        for listener in listeners:
            listener(*event)
        return len(listeners)


class EventPoller:
    """Polls nothing: the host brings the steps."""

    def __init__(self, polling_interval_ms: int = 10) -> None:
        self.polling_interval_ms = polling_interval_ms

    def start(self) -> NoReturn:
        """Raises ConfigurationError."""
        raise ConfigurationError(REFUSAL)
