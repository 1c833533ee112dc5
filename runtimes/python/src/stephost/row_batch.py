"""Several steps in one call of `process_batch`: contexts in, a result for each out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .step_result import StepHandlerResult

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from .step_context import StepContext
    from .step_handler import StepHandler


def run(handler: StepHandler, contexts: list[StepContext]) -> Any:
    """StepHandlerResults in the order of the contexts, or an awaitable of them; raises what the author's code does."""
    output = handler.process_batch(contexts)  # type: ignore[attr-defined]
    return _await(handler, contexts, output) if hasattr(output, "__await__") else _results(handler, contexts, output)


def run_one(handler: StepHandler, context: StepContext) -> Any:
    """A batch of one: its StepHandlerResult, or an awaitable of it."""
    results = run(handler, [context])
    return _first(results) if hasattr(results, "__await__") else results[0]


async def _await(handler: StepHandler, contexts: list[StepContext], output: Awaitable[Any]) -> list[StepHandlerResult]:
    return _results(handler, contexts, await output)


async def _first(results: Awaitable[list[StepHandlerResult]]) -> StepHandlerResult:
    return (await results)[0]


def _results(handler: StepHandler, contexts: list[StepContext], output: Any) -> list[StepHandlerResult]:
    outputs = _ordered(output, contexts)
    if outputs is None:
        return [_misfit(handler, output) for _ in contexts]
    return [_missing(handler) if each is None else StepHandlerResult.from_handler_output(each) for each in outputs]


def _ordered(output: Any, contexts: list[StepContext]) -> list[Any] | None:
    """None: neither a list with at most one value for each context nor a dict by step uuid."""
    if isinstance(output, dict):
        by_uuid = {str(uuid): each for uuid, each in output.items()}
        return [by_uuid.get(str(context.step_uuid)) for context in contexts]
    if isinstance(output, (list, tuple)) and len(output) <= len(contexts):
        return [*output, *[None] * (len(contexts) - len(output))]
    return None


def _misfit(handler: StepHandler, output: Any) -> StepHandlerResult:
    given = "more results than contexts" if isinstance(output, (list, tuple)) else type(output).__name__
    message = (
        f"`process_batch` of {type(handler).__name__} returned {given}; "
        "return a list in the order of the contexts, or a dict by step_uuid."
    )
    return StepHandlerResult.failure(message, "invalid_result", retryable=False)


def _missing(handler: StepHandler) -> StepHandlerResult:
    name = type(handler).__name__
    message = f"`process_batch` of {name} gave no result for this step; it must give one for each context."
    return StepHandlerResult.failure(message, "missing_result", retryable=True)
