"""Handlers as functions: `@step_handler("name")` and its kinds, `@depends_on`, `@inputs`. Source: handler-api §1.2.

A decorated function stays callable; declaring it is enough, it is found with its file. Functions may be `async`. They
get what `@depends_on` and `@inputs` name, and `context` if they have such a parameter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .errors import PermanentError
from .function_arguments import arguments_of
from .step_handler import StepHandler
from .step_result import StepHandlerResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from .step_context import StepContext

    Function = TypeVar("Function", bound=Callable[..., Any])
    Finish = Callable[[Any, Any], Any]


def step_handler(name: str, version: str = "1.0.0") -> Callable[[Function], Function]:
    """The function returns the step's result."""

    def call(function: Callable[..., Any], _handler: Any, context: StepContext) -> Any:
        return function(**arguments_of(function, context))

    return _declare(StepHandler, name, version, call)


class Decision:
    """What the function of a decision returns: made by `route` or `skip`."""

    def __init__(self, steps: list[str], about: dict[str, Any], reason: str | None) -> None:
        self.steps = steps
        self.about = about
        self.reason = reason

    @classmethod
    def route(cls, steps: list[str], **about: Any) -> Decision:
        """`steps` are the branches to create; `about` becomes the routing context."""
        return cls(steps, about, None)

    @classmethod
    def skip(cls, reason: str, **about: Any) -> Decision:
        return cls([], about, reason)


def decision_handler(name: str, version: str = "1.0.0") -> Callable[[Function], Function]:
    """The function returns `Decision.route(…)` or `Decision.skip(…)`."""
    from .decision_capable import DecisionHandler

    def call(function: Callable[..., Any], handler: Any, context: StepContext) -> Any:
        return _then(handler, function(**arguments_of(function, context)), _decide)

    return _declare(DecisionHandler, name, version, call)


class BatchConfig:
    """What the function of an analyzer returns: workers for so many items, so many each."""

    def __init__(self, total_items: int, batch_size: int, metadata: dict[str, Any] | None = None) -> None:
        self.total_items = total_items
        self.batch_size = batch_size
        self.metadata = metadata or {}


def batch_analyzer(name: str, worker_template: str, version: str = "1.0.0") -> Callable[[Function], Function]:
    """The function returns a BatchConfig; `worker_template` is the template's step for the workers."""
    from .batchable_capable import BatchableHandler

    def analyze(handler: Any, output: Any) -> StepHandlerResult:
        return _analyze(handler, output, worker_template)

    def call(function: Callable[..., Any], handler: Any, context: StepContext) -> Any:
        return _then(handler, function(**arguments_of(function, context)), analyze)

    return _declare(BatchableHandler, name, version, call)


def batch_worker(name: str, version: str = "1.0.0") -> Callable[[Function], Function]:
    """The function may ask for `batch_context`. Workers without work do not reach it."""
    from .batchable_capable import BatchableHandler

    def call(function: Callable[..., Any], handler: Any, context: StepContext) -> Any:
        no_op = handler.handle_no_op_worker(context)
        if no_op is not None:
            return no_op
        return function(**arguments_of(function, context, batch_context=handler.get_batch_context(context)))

    return _declare(BatchableHandler, name, version, call)


def api_handler(
    name: str,
    base_url: str,
    version: str = "1.0.0",
    timeout: float = 30.0,
    default_headers: dict[str, str] | None = None,
) -> Callable[[Function], Function]:
    """The function may ask for `api`, which has the methods of APIMixin. `timeout` is in seconds."""
    from .api_capable import ApiHandler

    def call(function: Callable[..., Any], handler: Any, context: StepContext) -> Any:
        return function(**arguments_of(function, context, api=handler))

    attributes = {"base_url": base_url, "default_timeout": timeout, "default_headers": default_headers or {}}
    return _declare(ApiHandler, name, version, call, attributes)


def depends_on(**dependencies: str | tuple[str, type]) -> Callable[[Function], Function]:
    """Parameter → step name, or parameter → (step name, model built from the result)."""

    def decorate(function: Function) -> Function:
        function._depends_on = {**getattr(function, "_depends_on", {}), **dependencies}  # type: ignore[attr-defined]
        return function

    return decorate


def inputs(*fields: str | type) -> Callable[[Function], Function]:
    """Names of task fields, each a parameter; a model is built from the task context and arrives as `inputs`."""

    def decorate(function: Function) -> Function:
        function._inputs = (*getattr(function, "_inputs", ()), *fields)  # type: ignore[attr-defined]
        return function

    return decorate


def _declare(
    base: type,
    name: str,
    version: str,
    call: Callable[..., Any],
    attributes: dict[str, Any] | None = None,
) -> Callable[[Function], Function]:
    """Makes a handler class of a function, whose `call` gives the function, itself and the context to `call`."""

    def decorate(function: Function) -> Function:
        def run(self: StepHandler, context: StepContext) -> Any:
            return call(function, self, context)

        members = {
            "__module__": function.__module__,
            "__doc__": function.__doc__,
            "handler_name": name,
            "handler_version": version,
            "call": run,
            "_function": staticmethod(function),
            **(attributes or {}),
        }
        function._handler_class = type(function.__name__, (base,), members)  # type: ignore[attr-defined]
        return function

    return decorate


def _then(handler: Any, output: Any, finish: Finish) -> Any:
    """`finish` turns the output into a result; of an `async` function later."""
    if not hasattr(output, "__await__"):
        return output if isinstance(output, StepHandlerResult) else finish(handler, output)

    async def later() -> Any:
        return _then(handler, await output, finish)

    return later()


def _decide(handler: Any, output: Any) -> StepHandlerResult:
    from .decision_capable import CODE_INVALID

    _expect(output, Decision, "Decision.route(steps) or Decision.skip(reason)", CODE_INVALID)
    made: StepHandlerResult = (
        handler.decision_success(output.steps, output.about)
        if output.reason is None
        else handler.skip_branches(output.reason, output.about)
    )
    return made


def _analyze(handler: Any, output: Any, worker_template: str) -> StepHandlerResult:
    from . import cursors
    from .batch_processing_outcome import CODE_INVALID

    _expect(output, BatchConfig, "BatchConfig(total_items, batch_size)", CODE_INVALID)
    ranges = cursors.of_size(output.total_items, output.batch_size)
    made: StepHandlerResult = (
        handler.batch_analyzer_success(
            cursor_configs=ranges,
            total_items=output.total_items,
            worker_template_name=worker_template,
            batch_metadata=output.metadata,
        )
        if ranges
        else handler.no_batches_outcome("no items")
    )
    return made


def _expect(output: Any, wanted: type, words: str, error_code: str) -> None:
    if not isinstance(output, wanted):
        raise PermanentError(f"The function returned {type(output).__name__}; return {words}.", error_code=error_code)
