"""The subscribers of this process: those of the handler files, and those that were registered by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .singleton import Singleton

if TYPE_CHECKING:
    from .base_subscriber import BaseSubscriber
    from .in_process_poller import InProcessDomainEventPoller


class SubscriberRegistry(Singleton):
    def __init__(self) -> None:
        self._subscribers: list[BaseSubscriber] = []

    def register(self, subscriber_class: type[BaseSubscriber]) -> BaseSubscriber:
        for subscriber in self._subscribers:
            if type(subscriber) is subscriber_class:
                return subscriber
        return self.register_instance(subscriber_class())

    def register_instance(self, subscriber: BaseSubscriber) -> BaseSubscriber:
        self._subscribers.append(subscriber)
        return subscriber

    @property
    def subscribers(self) -> list[BaseSubscriber]:
        return list(self._subscribers)

    def start_all(self, poller: InProcessDomainEventPoller | None = None) -> None:
        for subscriber in self._subscribers:
            subscriber.start(poller)

    def stop_all(self) -> None:
        for subscriber in self._subscribers:
            subscriber.stop()

    def stats(self) -> dict[str, int]:
        active = sum(subscriber.active for subscriber in self._subscribers)
        return {"total": len(self._subscribers), "active": active}
