"""Resolvers in the order of their priority; the first that gives a handler wins. Source: handler-api §2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import ConfigurationError
from .handler_definition import HandlerDefinition
from .resolvers import BaseResolver, ClassLookupResolver, ExplicitMappingResolver
from .step_handler import StepHandler

if TYPE_CHECKING:
    from .step_context import StepContext

BUILT_IN = (ExplicitMappingResolver, ClassLookupResolver)


class ResolverChain:
    def __init__(self) -> None:
        self._resolvers: list[BaseResolver] = []

    @classmethod
    def default(cls) -> ResolverChain:
        """Explicit mapping, then class lookup."""
        chain = cls()
        chain.add_resolver(ExplicitMappingResolver())
        chain.add_resolver(ClassLookupResolver())
        return chain

    def add_resolver(self, resolver: BaseResolver) -> None:
        self._resolvers = sorted([*self._resolvers, resolver], key=lambda each: each.priority)

    def remove_resolver(self, name: str) -> bool:
        """False: there is none of that name."""
        before = len(self._resolvers)
        self._resolvers = [resolver for resolver in self._resolvers if resolver.name != name]
        return len(self._resolvers) < before

    def get_resolver(self, name: str) -> BaseResolver | None:
        return next((resolver for resolver in self._resolvers if resolver.name == name), None)

    def resolver_names(self) -> list[str]:
        return [resolver.name for resolver in self._resolvers]

    def resolve(self, definition: HandlerDefinition | str, config: dict[str, Any] | None = None) -> StepHandler | None:
        """A definition with a resolver asks only that one; raises ConfigurationError when it is unknown."""
        asked = HandlerDefinition.of(definition)
        for resolver in self._asked(asked):
            found = resolver.resolve(asked, config) if resolver.can_resolve(asked, config) else None
            if found is not None:
                return self.wrap_for_method_dispatch(found, asked)
        return None

    def wrap_for_method_dispatch(self, handler: StepHandler, definition: HandlerDefinition) -> StepHandler:
        """A handler whose `call` is the method that the definition names. Raises ConfigurationError: it has none."""
        method = definition.handler_method
        if method in (None, "call"):
            return handler
        if not callable(getattr(handler, str(method), None)):
            raise ConfigurationError(f"{type(handler).__name__} has no method `{method}`.")
        return _MethodDispatch(handler, str(method))

    def custom(self) -> list[BaseResolver]:
        """Those of authors."""
        return [resolver for resolver in self._resolvers if not isinstance(resolver, BUILT_IN)]

    def _asked(self, definition: HandlerDefinition) -> list[BaseResolver]:
        if definition.resolver is None:
            return self._resolvers
        named = self.get_resolver(definition.resolver)
        if named is None:
            known = ", ".join(self.resolver_names())
            raise ConfigurationError(f"The resolver `{definition.resolver}` is unknown; known are {known}.")
        return [named]


class _MethodDispatch(StepHandler):
    def __init__(self, handler: StepHandler, method: str) -> None:
        self._handler = handler
        self._method = method

    def call(self, context: StepContext) -> Any:
        return getattr(self._handler, self._method)(context)
