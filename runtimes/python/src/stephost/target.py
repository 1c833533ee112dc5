"""A handler and the method of it that a call asks for: found once, run for every call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .step_handler import StepHandler

if TYPE_CHECKING:
    from .handler import Handler
    from .step_context import StepContext

METHOD_DEFAULT = "call"
METHOD_BATCH = "process_batch"
# The methods that the `call` which every handler inherits runs.
ENTRIES = ("process", METHOD_BATCH)
CO_COROUTINE = 0x80


class Target:
    """`method` is a public method that the handler's class offers."""

    __slots__ = ("_method", "handler", "is_async")

    def __init__(self, handler: Handler, method: str) -> None:
        self.handler = handler
        self._method = method
        self.is_async = is_async(_authored(handler.handler_class, method))

    def run(self, context: StepContext) -> Any:
        """Whatever the author's method returns."""
        return getattr(self.handler.instance(context), self._method)(context)


def is_async(function: Any) -> bool:
    """`inspect` says the same and costs a tenth of the start."""
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & CO_COROUTINE)


def _authored(handler_class: type[StepHandler], method: str) -> Any:
    found = getattr(handler_class, method)
    if found is not StepHandler.call:
        return found
    return next((getattr(handler_class, name) for name in ENTRIES if hasattr(handler_class, name)), found)
