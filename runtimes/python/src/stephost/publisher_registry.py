"""The publishers of this process by name: those of the handler files, and those that were registered by hand."""

from __future__ import annotations

from .base_publisher import BasePublisher, DefaultPublisher
from .errors import ConfigurationError
from .singleton import Singleton


class PublisherRegistry(Singleton):
    def __init__(self) -> None:
        self._publishers: dict[str, BasePublisher] = {}
        self._default = DefaultPublisher()
        self._frozen = False

    def register(self, publisher: BasePublisher) -> None:
        """Raises ConfigurationError: the registry is frozen."""
        self._check_open()
        self._publishers[publisher.publisher_name] = publisher

    def get(self, name: str) -> BasePublisher | None:
        return self._publishers.get(name)

    def get_or_default(self, name: str) -> BasePublisher:
        return self._publishers.get(name, self._default)

    def get_strict(self, name: str) -> BasePublisher:
        """Raises ConfigurationError: there is none of that name."""
        self.validate_required([name])
        return self._publishers[name]

    def is_registered(self, name: str) -> bool:
        return name in self._publishers

    @property
    def registered_names(self) -> list[str]:
        return list(self._publishers)

    def unregister(self, name: str) -> bool:
        self._check_open()
        return self._publishers.pop(name, None) is not None

    def clear(self) -> None:
        self._check_open()
        self._publishers.clear()

    def validate_required(self, names: list[str]) -> None:
        """Raises ConfigurationError, naming those that are missing."""
        missing = [name for name in names if name not in self._publishers]
        if missing:
            there = ", ".join(self._publishers) or "none"
            raise ConfigurationError(f"No publisher is called {', '.join(missing)}; there are: {there}.")

    def freeze(self) -> None:
        """Nothing is registered any more."""
        self._frozen = True

    @property
    def is_frozen(self) -> bool:
        return self._frozen

    def _check_open(self) -> None:
        if self._frozen:
            raise ConfigurationError("The publishers are frozen; register them while the handler files load.")
