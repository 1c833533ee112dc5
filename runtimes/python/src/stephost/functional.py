"""Handlers as functions: `@step_handler("name")`, `@depends_on(…)`, `@inputs(…)`. Source: handler-api §1.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .decision_capable import CODE_INVALID, DecisionHandler
from .errors import PermanentError
from .step_handler import StepHandler
from .step_result import StepHandlerResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from .step_context import StepContext

    Function = TypeVar("Function", bound=Callable[..., Any])

CONTEXT_PARAMETERS = ("context", "_context")


def step_handler(name: str, version: str = "1.0.0") -> Callable[[Function], Function]:
    """Makes a handler of a function; the function stays callable. Declaring it is enough, it is found with its file."""

    def decorate(function: Function) -> Function:
        def call(_self: StepHandler, context: StepContext) -> Any:
            return function(**_arguments(function, context))

        function._handler_class = _class_of(function, StepHandler, name, version, call)  # type: ignore[attr-defined]
        return function

    return decorate


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
    """As `step_handler`; the function returns `Decision.route(…)` or `Decision.skip(…)`."""

    def decorate(function: Function) -> Function:
        def call(self: DecisionHandler, context: StepContext) -> Any:
            output = function(**_arguments(function, context))
            return _decide_later(self, output) if hasattr(output, "__await__") else _decide(self, output)

        function._handler_class = _class_of(function, DecisionHandler, name, version, call)  # type: ignore[attr-defined]
        return function

    return decorate


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


def _class_of(function: Any, base: type, name: str, version: str, call: Any) -> type:
    attributes = {
        "__module__": function.__module__,
        "__doc__": function.__doc__,
        "handler_name": name,
        "handler_version": version,
        "call": call,
    }
    return type(function.__name__, (base,), attributes)


def _decide(handler: DecisionHandler, output: Any) -> StepHandlerResult:
    if isinstance(output, StepHandlerResult):
        return output
    if not isinstance(output, Decision):
        message = (
            f"The decision `{handler.handler_name}` returned {type(output).__name__}; "
            "return Decision.route(…) or Decision.skip(…)."
        )
        raise PermanentError(message, error_code=CODE_INVALID)
    if output.reason is not None:
        return handler.skip_branches(output.reason, output.about)
    return handler.decision_success(output.steps, output.about)


async def _decide_later(handler: DecisionHandler, output: Any) -> StepHandlerResult:
    return _decide(handler, await output)


def _arguments(function: Callable[..., Any], context: StepContext) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for parameter, source in getattr(function, "_depends_on", {}).items():
        step_name, model = source if isinstance(source, tuple) else (source, None)
        value = context.get_dependency_result(step_name)
        arguments[parameter] = model(**value) if model is not None and isinstance(value, dict) else value
    for field in getattr(function, "_inputs", ()):
        if isinstance(field, str):
            arguments[field] = context.get_input(field)
        else:
            arguments["inputs"] = field(**_known_fields(field, context.input_data))
    for name in CONTEXT_PARAMETERS:
        if name in _parameters(function):
            arguments[name] = context
    return arguments


def _known_fields(model: type, context: dict[str, Any]) -> dict[str, Any]:
    """A model that says its fields takes only those; the context usually holds more."""
    fields = getattr(model, "model_fields", None) or getattr(model, "__dataclass_fields__", None)
    return context if fields is None else {name: value for name, value in context.items() if name in fields}


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    code = getattr(function, "__wrapped__", function).__code__
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return names
