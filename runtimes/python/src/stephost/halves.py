"""Handlers in two halves: `process` does the work, `process_results` makes the step's result of its output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import ConfigurationError
from .step_result import StepHandlerResult

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from .step_context import StepContext
    from .step_handler import StepHandler

# Not methods of the base class, where an author's own could hide them.


def run(handler: StepHandler, context: StepContext) -> Any:
    """What `process` returned when that says itself how the step ended, else what `process_results` made of it.

    An awaitable when one of them is `async`. Raises ConfigurationError: the class has no `process`.
    """
    process = getattr(handler, "process", None)
    if process is None:
        name = type(handler).__name__
        raise ConfigurationError(f"{name} defines neither `call(self, context)` nor `process(self, context)`.")
    output = process(context)
    return (
        _finish_later(handler, context, output) if hasattr(output, "__await__") else _finish(handler, context, output)
    )


def _finish(handler: StepHandler, context: StepContext, output: Any) -> Any:
    finish = getattr(handler, "process_results", None)
    return output if finish is None or isinstance(output, StepHandlerResult) else finish(context, output)


async def _finish_later(handler: StepHandler, context: StepContext, awaitable: Awaitable[Any]) -> Any:
    result = _finish(handler, context, await awaitable)
    return await result if hasattr(result, "__await__") else result
