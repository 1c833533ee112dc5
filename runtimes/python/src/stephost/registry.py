"""Handlers that files register by hand. Source of names: handler-api §1.2, §2."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .handler_mistake import HandlerMistake
from .resolver_chain import ResolverChain
from .resolvers import ExplicitMappingResolver
from .singleton import Singleton
from .step_handler import StepHandler

if TYPE_CHECKING:
    from .handler_definition import HandlerDefinition
    from .resolvers import BaseResolver


class HandlerRegistry(Singleton):
    """Declaring a class is enough to serve it; registering gives it a further name."""

    def __init__(self) -> None:
        self._mapping = ExplicitMappingResolver()
        self._chain = ResolverChain.default()
        self._chain.remove_resolver(self._mapping.name)
        self._chain.add_resolver(self._mapping)

    @classmethod
    def instance(cls, skip_bootstrap: bool = False) -> HandlerRegistry:
        """The runtime loads the handler files by itself, so there is nothing to skip."""
        return super().instance()

    def register(self, name: str, handler_class: Any) -> None:
        """A class, or a decorated function. Raises HandlerMistake: it is neither."""
        made = getattr(handler_class, "_handler_class", handler_class)
        if not isinstance(made, type) or not issubclass(made, StepHandler):
            raise HandlerMistake(f"register({name!r}, …) takes a subclass of StepHandler, not {handler_class!r}")
        self._mapping.handlers[name] = made

    def unregister(self, name: str) -> bool:
        """False: there was none."""
        return self._mapping.handlers.pop(name, None) is not None

    def resolve(self, spec: str | HandlerDefinition) -> StepHandler | None:
        """A new handler."""
        return self._chain.resolve(spec)

    def get_handler_class(self, name: str) -> type[StepHandler] | None:
        return self._mapping.handlers.get(name)

    def is_registered(self, name: str) -> bool:
        return name in self._mapping.handlers

    def list_handlers(self) -> list[str]:
        return list(self._mapping.handlers)

    def handler_count(self) -> int:
        return len(self._mapping.handlers)

    def clear(self) -> None:
        self._mapping.handlers.clear()

    def discover_handlers(self, package_name: str, base_class: type | None = None) -> int:
        """Registers all handlers of a package under their names; gives their number. Raises ImportError."""
        import pkgutil
        from importlib import import_module

        package = import_module(package_name)
        found = pkgutil.walk_packages(getattr(package, "__path__", []), f"{package_name}.")
        modules = [package, *(import_module(module.name) for module in found)]
        return sum(self._register_all(module, base_class or StepHandler) for module in modules)

    def bootstrap_handlers(self) -> int:
        """How many names are registered: the runtime loads the handler files by itself."""
        return self.handler_count()

    @property
    def resolver_chain(self) -> ResolverChain:
        return self._chain

    def add_resolver(self, resolver: BaseResolver) -> None:
        self._chain.add_resolver(resolver)

    def template_discovery_info(self) -> dict[str, Any]:
        """Templates are the host's: only the handlers are known here."""
        return {"template_path": os.environ.get("TASKER_TEMPLATE_PATH"), "handlers": self.handler_count()}

    def _register_all(self, module: Any, base_class: type) -> int:
        made = [getattr(value, "_handler_class", value) for value in vars(module).values()]
        named = dict.fromkeys(each for each in made if isinstance(each, type) and issubclass(each, base_class))
        own = [each for each in named if each.__module__ == module.__name__ and getattr(each, "handler_name", "")]
        for handler_class in own:
            self.register(handler_class.handler_name, handler_class)  # type: ignore[attr-defined]
        return len(own)
