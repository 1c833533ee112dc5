"""The ways in which a callable becomes a handler, and base classes for authors' own. Source: handler-api §1.2, §2."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from .event_names import snake_case
from .step_handler import StepHandler

if TYPE_CHECKING:
    from .handler_definition import HandlerDefinition

Config = dict[str, Any]


class BaseResolver:
    """Subclass it and add an instance: `HandlerRegistry.instance().add_resolver(Mine())`.

    The host learns of the callables that `registered_callables` names.
    """

    @property
    def name(self) -> str:
        """What a template writes under `handler.resolver`."""
        return snake_case(type(self).__name__)

    @property
    def priority(self) -> int:
        """Lower ones are asked first; explicit mapping has 10, class lookup 100."""
        return 50

    def can_resolve(self, definition: HandlerDefinition, config: Config | None = None) -> bool:
        return definition.callable in self.registered_callables()

    def resolve(self, definition: HandlerDefinition, config: Config | None = None) -> StepHandler | None:
        """A new handler; None: none of mine."""
        raise NotImplementedError(f"{type(self).__name__} has no `resolve(self, definition, config)`.")

    def registered_callables(self) -> list[str]:
        return []


class RegistryResolver(BaseResolver):
    """Says in class variables what it resolves."""

    _name: ClassVar[str] = ""
    _priority: ClassVar[int] = 50
    # A regular expression that callables match from their start.
    pattern: ClassVar[str | None] = None
    prefix: ClassVar[str | None] = None

    @property
    def name(self) -> str:
        return self._name or super().name

    @property
    def priority(self) -> int:
        return self._priority

    def can_resolve(self, definition: HandlerDefinition, config: Config | None = None) -> bool:
        name = definition.callable
        matched = self.pattern is not None and re.match(self.pattern, name) is not None
        prefixed = self.prefix is not None and name.startswith(self.prefix)
        return matched or prefixed or super().can_resolve(definition, config)

    def resolve(self, definition: HandlerDefinition, config: Config | None = None) -> StepHandler | None:
        return self.resolve_handler(definition, config)

    def resolve_handler(self, definition: HandlerDefinition, config: Config | None = None) -> StepHandler | None:
        """To be written by the author."""
        raise NotImplementedError(f"{type(self).__name__} has no `resolve_handler(self, definition, config)`.")


class ExplicitMappingResolver(BaseResolver):
    """Names that were registered."""

    def __init__(self) -> None:
        self.handlers: dict[str, type[StepHandler]] = {}

    @property
    def name(self) -> str:
        return "explicit_mapping"

    @property
    def priority(self) -> int:
        return 10

    def resolve(self, definition: HandlerDefinition, config: Config | None = None) -> StepHandler | None:
        found = self.handlers.get(definition.callable)
        return None if found is None else found()

    def registered_callables(self) -> list[str]:
        return list(self.handlers)


class ClassLookupResolver(BaseResolver):
    """Import paths: `module.path.ClassName`."""

    @property
    def name(self) -> str:
        return "class_lookup"

    @property
    def priority(self) -> int:
        return 100

    def can_resolve(self, definition: HandlerDefinition, config: Config | None = None) -> bool:
        return re.fullmatch(r"(\w+\.)+[A-Z]\w*", definition.callable) is not None

    def resolve(self, definition: HandlerDefinition, config: Config | None = None) -> StepHandler | None:
        from importlib import import_module

        module, _, name = definition.callable.rpartition(".")
        try:
            found = getattr(import_module(module), name, None)
        except ImportError:
            return None
        return found() if isinstance(found, type) and issubclass(found, StepHandler) else None
