"""The publishers and subscribers that serve: announced to the host by name, found by it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base_publisher import BasePublisher
    from .base_subscriber import BaseSubscriber

Place = dict[str, str]


class EventCode:
    """`places`: class → `file` and `root` where a handler file declares it. Projects without events load nothing."""

    def __init__(self, places: dict[type, Place]) -> None:
        self._places = places
        self._publishers: dict[str, BasePublisher] = {}
        self._subscribers: dict[str, BaseSubscriber] = {}
        if "stephost.base_publisher" in sys.modules or "stephost.base_subscriber" in sys.modules:
            self._register()

    def announcement(self) -> dict[str, list[dict[str, Any]]]:
        """For `hello`."""
        return {
            "publishers": [{"name": name, **self._place(each)} for name, each in self._publishers.items()],
            "subscribers": [
                {"name": name, **self._place(each), "patterns": list(each.subscribes_to())}
                for name, each in self._subscribers.items()
            ],
        }

    def publisher(self, name: str) -> BasePublisher | None:
        return self._publishers.get(name)

    def subscriber(self, name: str) -> BaseSubscriber | None:
        return self._subscribers.get(name)

    def _register(self) -> None:
        """What was registered by hand goes first: it may need arguments."""
        from .base_publisher import BasePublisher
        from .base_subscriber import BaseSubscriber
        from .event_names import snake_case
        from .publisher_registry import PublisherRegistry
        from .subscriber_registry import SubscriberRegistry

        publishers, subscribers = PublisherRegistry.instance(), SubscriberRegistry.instance()
        registered = {type(publishers.get(name)) for name in publishers.registered_names}
        for declared in self._places:
            try:
                if issubclass(declared, BaseSubscriber):
                    subscribers.register(declared)
                elif issubclass(declared, BasePublisher) and declared not in registered:
                    publishers.register(declared())
            except Exception as error:
                print(f"stephost: {declared.__name__} cannot be made ({error}); register an instance.", file=sys.stderr)
        self._publishers = {name: publishers.get_strict(name) for name in publishers.registered_names}
        self._subscribers = {snake_case(type(each).__name__): each for each in subscribers.subscribers}

    def _place(self, code: object) -> Place:
        return self._places.get(type(code), {"file": "", "root": ""})
