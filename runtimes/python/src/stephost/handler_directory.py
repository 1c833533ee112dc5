"""Callable → handler, and which names were refused. Rules: handler-api §2."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

from .target import METHOD_DEFAULT, Target

if TYPE_CHECKING:
    from .handler import Handler
    from .resolver_chain import ResolverChain
    from .resolvers import BaseResolver

RESOLVERS = ("explicit_mapping", "class_lookup", "class_constant")


class NotFound(Exception):
    """No handler, or no such resolver; the message says which."""


class HandlerDirectory:
    """`handlers` serve; `load_failures` are `{file, message}` for names that two places declare."""

    def __init__(self, candidates: list[Handler]) -> None:
        self.load_failures: list[dict[str, str]] = []
        self.handlers = self._refuse_duplicates(candidates)
        self._by_callable = {handler.callable: handler for handler in self.handlers}
        self._drop_ambiguous_aliases()
        self._by_alias = {alias: handler for handler in self.handlers for alias in handler.aliases}
        self._by_import_path = {handler.import_path: handler for handler in self.handlers}
        self._targets = {
            name: Target(handler, METHOD_DEFAULT)
            for name, handler in {**self._by_alias, **self._by_callable}.items()
            if handler.has_method(METHOD_DEFAULT)
        }

    @property
    def resolvers(self) -> list[str]:
        """Names of authors' resolvers."""
        return [resolver.name for resolver in _custom_resolvers()]

    def target(self, callable_name: str, method: str | None, resolver: str | None) -> Target:
        """`method` None: `call`. Raises NotFound."""
        if method is None and resolver is None and callable_name in self._targets:
            return self._targets[callable_name]
        handler = self.resolve(callable_name, resolver)
        name = method or METHOD_DEFAULT
        if not handler.has_method(name):
            place = f"Handler `{handler.callable}` ({handler.file})"
            raise NotFound(f"{place} has no public method `{name}`: add it, or correct `handler.method`.")
        return Target(handler, name)

    def resolve(self, callable_name: str, resolver: str | None) -> Handler:
        """`resolver` None: any way of finding it. Raises NotFound."""
        if resolver is None:
            handler = self._by_callable.get(callable_name) or self._by_alias.get(callable_name)
            handler = handler or _authored(callable_name, None)
        elif resolver == "explicit_mapping":
            handler = self._by_callable.get(callable_name)
            handler = handler if handler and handler.declared else None
        elif resolver in RESOLVERS:
            handler = self._by_import_path.get(callable_name)
        else:
            handler = _authored(callable_name, resolver)
        if handler is None:
            suffix = f" (resolver `{resolver}`)" if resolver else ""
            raise NotFound(f"No Python handler is called `{callable_name}`{suffix}.")
        return handler

    def _refuse_duplicates(self, candidates: list[Handler]) -> list[Handler]:
        """Neither of two declarations can be the right one, so none serves."""
        counts = Counter(handler.callable for handler in candidates)
        for name in (name for name, count in counts.items() if count > 1):
            places = [handler.place for handler in candidates if handler.callable == name]
            message = f"The callable `{name}` is declared twice: {' and '.join(places)}. Rename one of them."
            self.load_failures += [{"file": place, "message": message} for place in dict.fromkeys(places)]
        return [handler for handler in candidates if counts[handler.callable] == 1]

    def _drop_ambiguous_aliases(self) -> None:
        counts = Counter(alias for handler in self.handlers for alias in handler.aliases)
        ambiguous = {alias for alias, count in counts.items() if count > 1 or alias in self._by_callable}
        for handler in self.handlers:
            handler.drop_aliases(ambiguous)


def _chain() -> ResolverChain | None:
    """None: no file has registered anything, as in most projects."""
    if "stephost.registry" not in sys.modules:
        return None
    from .registry import HandlerRegistry

    return HandlerRegistry.instance().resolver_chain


def _custom_resolvers() -> list[BaseResolver]:
    chain = _chain()
    return chain.custom() if chain else []


def _authored(callable_name: str, resolver: str | None) -> Handler | None:
    """By a resolver of an author, or by any of them. Raises NotFound: there is no such resolver."""
    custom = _custom_resolvers()
    if resolver is not None and all(each.name != resolver for each in custom):
        known = ", ".join([*RESOLVERS, *(each.name for each in custom)])
        raise NotFound(f"The resolver `{resolver}` is unknown; known are {known}.")
    chain = _chain()
    if chain is None:
        return None
    from .handler import Handler
    from .handler_definition import HandlerDefinition

    found = chain.resolve(HandlerDefinition(callable_name, resolver=resolver))
    return None if found is None else Handler(type(found), type(found).__module__, "", callable_name)
