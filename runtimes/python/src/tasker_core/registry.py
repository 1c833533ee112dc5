"""`tasker_core.registry`: see `stephost.registry`, `stephost.resolver_chain` and `stephost.resolvers`."""

from stephost.handler_definition import HandlerDefinition
from stephost.registry import HandlerRegistry
from stephost.resolver_chain import ResolverChain
from stephost.resolvers import BaseResolver, RegistryResolver

__all__ = ["BaseResolver", "HandlerDefinition", "HandlerRegistry", "RegistryResolver", "ResolverChain"]
