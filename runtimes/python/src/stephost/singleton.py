"""Classes of which each process has one instance."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

Class = TypeVar("Class", bound="Singleton")


class Singleton:
    """Made at the first `instance()`; each subclass has its own."""

    _instance: ClassVar[Any] = None

    @classmethod
    def instance(cls: type[Class]) -> Class:
        if cls._instance is None:
            cls._instance = cls()
        made: Class = cls._instance
        return made

    @classmethod
    def reset_instance(cls) -> None:
        """The next `instance()` is a new one."""
        cls._instance = None
