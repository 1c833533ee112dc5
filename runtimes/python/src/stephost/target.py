"""A handler and the method of it that a call asks for: found once, run for every call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .step_handler import StepHandler

if TYPE_CHECKING:
    from .handler import Handler
    from .step_context import StepContext

METHOD_DEFAULT = "call"
CO_COROUTINE = 0x80


class Target:
    """`method` is a public method that the handler's class offers."""

    __slots__ = ("_method", "handler", "is_async")

    def __init__(self, handler: Handler, method: str) -> None:
        self.handler = handler
        self._method = method
        # `inspect` says the same and costs a tenth of the start.
        code = getattr(_authored(handler.handler_class, method), "__code__", None)
        self.is_async = code is not None and bool(code.co_flags & CO_COROUTINE)

    def run(self, context: StepContext) -> Any:
        """Whatever the author's method returns."""
        return getattr(self.handler.instance(), self._method)(context)


def _authored(handler_class: type[StepHandler], method: str) -> Any:
    """The `call` that every handler inherits runs the author's `process`."""
    found = getattr(handler_class, method)
    return getattr(handler_class, "process", found) if found is StepHandler.call else found
