"""Hears of fast and broadcast domain events in this process. Source of names: handler-api §1.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .event_names import matches

if TYPE_CHECKING:
    import logging

    from .in_process_poller import InProcessDomainEventPoller

Event = dict[str, Any]


class BaseSubscriber:
    """A subclass with `subscribes_to` is found with its file.

    Events are dicts: `event_id`, `event_name`, `event_version`, `metadata`, `business_payload`, `execution_result`
    and `payload`.
    """

    _stopped = False

    @classmethod
    def subscribes_to(cls) -> list[str]:
        """Names of events; `*` stands for any text."""
        return []

    def handle(self, event: Event) -> None:
        """To be written by the author."""
        raise NotImplementedError(f"{type(self).__name__} has no `handle(self, event)`.")

    def before_handle(self, event: Event) -> bool | None:
        """False: the event is not handled."""
        return True

    def after_handle(self, event: Event) -> None:
        """It was handled."""

    def on_handle_error(self, event: Event, error: Exception) -> None:
        self.logger.error("%s failed on %s: %s", type(self).__name__, event.get("event_name"), error)

    def matches(self, event_name: str) -> bool:
        return any(matches(pattern, event_name) for pattern in self.subscribes_to())

    def deliver(self, event: Event) -> None:
        """Raises whatever `handle` raises, after `on_handle_error`."""
        try:
            if self.before_handle(event) is False:
                return
            self.handle(event)
            self.after_handle(event)
        except Exception as error:
            self.on_handle_error(event, error)
            raise

    def start(self, poller: InProcessDomainEventPoller | None = None) -> None:
        """The host brings the events by itself; a poller brings those that it is given (in tests)."""
        self._stopped = False
        if poller is not None:
            poller.on_event(lambda event: self.deliver(event) if self.active else None)

    def stop(self) -> None:
        """Takes no event until it is started again."""
        self._stopped = True

    @property
    def active(self) -> bool:
        return not self._stopped

    @property
    def logger(self) -> logging.Logger:
        from . import step_logger

        return step_logger.logger()
